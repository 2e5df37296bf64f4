// SPDX-License-Identifier: GPL-3.0-or-later
//! What is wrong with a node that is to be a member, as far as it can be repaired here. Pure.

use std::net::IpAddr;

use cluster_state::journal::LastWords;
use cluster_state::pmxcfs::Mount;
use corosync_document::Document;
use membership::seen::{Conf, ConfFile, Here, quoted, same_address};

use super::consult::{Member, listed_as};

/// What was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) here: Here,
    /// Whether pmxcfs has its database.
    pub(crate) database: bool,
    /// corosync's copy of its configuration.
    pub(crate) local: Option<String>,
    /// The digest of corosync's key on this node.
    pub(crate) authkey: Option<String>,
    /// What lies in the bare directory /etc/pve.
    pub(crate) strays: Vec<String>,
    /// The numbers of this node's guests.
    pub(crate) guests: Vec<u32>,
    /// The addresses of this node.
    pub(crate) addresses: Vec<IpAddr>,
    /// A member of the cluster that answers, a quorate one if there is one.
    pub(crate) member: Option<Member>,
    /// Nodes that this member does not see, and that answer.
    pub(crate) unseen: Vec<Member>,
}

/// Something that can be repaired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// pmxcfs does not run; what lies in its way.
    PmxcfsStopped { strays: Vec<String> },
    /// The cluster lists this node and has, or waits for, its vote, but pmxcfs on it is still standalone.
    HalfJoined { by: String },
    /// A standalone node has corosync's files of an earlier cluster.
    Leftovers,
    /// The cluster lists this node, which is standalone.
    Listed { by: String },
    /// This node has the files of a cluster that no longer lists it.
    Forgotten { by: String },
    /// corosync's files on this node are not those of the cluster.
    Stranded { from: String, authkey: bool },
    /// corosync does not run, with files that are right.
    CorosyncStopped,
}

impl Fault {
    /// What is the matter.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::PmxcfsStopped { strays } if strays.is_empty() => "'/etc/pve' was not mounted".to_owned(),
            Self::PmxcfsStopped { strays } => {
                format!("'/etc/pve' was not mounted, and files lay in its way ({})", quoted(strays))
            }
            Self::HalfJoined { by } => {
                format!("the join of this node to the cluster of '{by}' had stopped half way")
            }
            Self::Leftovers => "corosync's files of an earlier cluster were left on this node".to_owned(),
            Self::Listed { by } => {
                format!("the cluster of '{by}' listed this node, which had not joined, or was reinstalled")
            }
            Self::Forgotten { by } => {
                format!("this node had the files of a cluster that, as '{by}' says, no longer lists it")
            }
            Self::Stranded { from, authkey } => {
                let which = if *authkey { "authkey" } else { "corosync.conf" };
                format!("this node was stranded: corosync's {which} was not that of '{from}'")
            }
            Self::CorosyncStopped => "corosync did not run on this node".to_owned(),
        }
    }
}

/// What is wrong with the node, the first thing first; what cannot be repaired here is told as an error.
pub(crate) fn fault(cluster_name: &str, joins: bool, seen: &Seen) -> Result<Option<Fault>, String> {
    if let Some(why) = two_sides(cluster_name, seen) {
        return Err(why);
    }
    let here = &seen.here;
    let view = &here.view;
    match &view.mount {
        Mount::NoDirectory => return Ok(None),
        Mount::NotMounted | Mount::Dead { .. } => {
            // A join that goes on stops pmxcfs too.
            if here.pvecm_busy || here.booting {
                return Ok(None);
            }
            if !seen.database && seen.local.is_none() {
                return Err("pmxcfs's database '/var/lib/pve-cluster/config.db' is missing: put a copy back, as from \
                            '/var/lib/pve-cluster/backup', before pve-cluster starts with an empty one"
                    .to_owned());
            }
            return Ok(Some(Fault::PmxcfsStopped { strays: seen.strays.clone() }));
        }
        Mount::ReadOnly | Mount::Writable => {}
    }
    match &view.conf {
        ConfFile::Absent if here.pvecm_busy => Ok(None),
        ConfFile::Absent if joins && is_half_joined(cluster_name, seen) => half_joined(seen),
        ConfFile::Absent if seen.local.is_some() || seen.authkey.is_some() => Ok(Some(Fault::Leftovers)),
        ConfFile::Absent => Ok(quorate(seen).filter(|_| joins).and_then(|member| {
            member.conf.node(&view.node).map(|_| Fault::Listed { by: member.node.clone() })
        })),
        ConfFile::Broken(_) => Ok(None),
        ConfFile::Read(conf) if conf.cluster_name != cluster_name => Ok(None),
        ConfFile::Read(conf) => in_the_cluster(joins, seen, conf),
    }
}

/// Two parts of the cluster that are both quorate and do not see each other: nobody can tell here which of them is right.
fn two_sides(cluster_name: &str, seen: &Seen) -> Option<String> {
    let one = quorate(seen)?;
    let apart = |other: &&Member| other.is_quorate() && other.sees.is_disjoint(&one.sees);
    let other = seen.unseen.iter().find(apart)?;
    Some(format!(
        "cluster '{cluster_name}' is quorate twice, on two sides that do not see each other: {} (as '{}' says) and {} (as '{}' says). Only a \
         person can tell which is right: stop corosync on the other side, whose guests and changes in '/etc/pve' are to be given up",
        quoted(one.side()),
        one.node,
        quoted(other.side()),
        other.node
    ))
}

/// A member that can tell which files are right.
fn quorate(seen: &Seen) -> Option<&Member> {
    seen.member.as_ref().filter(|member| member.is_quorate())
}

/// Whether a standalone node has been taken in by the cluster and only the rest of the join is missing: the nodelist has it
/// by its own addresses, and either corosync's files are the cluster's already, or the cluster cannot be quorate without it and
/// so can neither be joined again nor take the entry out.
fn is_half_joined(cluster_name: &str, seen: &Seen) -> bool {
    let name = &seen.here.view.node;
    let Some((member, (nodeid, node))) =
        seen.member.as_ref().and_then(|member| Some((member, member.conf.node(name)?)))
    else {
        return false;
    };
    let is_here = |address: &String| seen.addresses.iter().any(|own| same_address(&own.to_string(), address));
    let itself = !node.addresses.is_empty() && node.addresses.values().all(is_here);
    let local = seen.local.as_deref().and_then(|text| Conf::of(&Document::parse(text.as_bytes())).ok());
    let lists = local.is_some_and(|local| {
        local.cluster_name == cluster_name && local.node(name).is_some_and(|(own, _)| own == nodeid)
    });
    let begun = lists && seen.authkey.is_some() && seen.authkey == member.authkey;
    itself && (begun || (1..=node.votes).contains(&member.lacks))
}

fn half_joined(seen: &Seen) -> Result<Option<Fault>, String> {
    let by = seen.member.as_ref().map(|member| member.node.clone()).unwrap_or_default();
    if seen.guests.is_empty() {
        return Ok(Some(Fault::HalfJoined { by }));
    }
    let ids: Vec<String> = seen.guests.iter().map(u32::to_string).collect();
    Err(format!(
        "the join of this node to the cluster of '{by}' stopped half way, and it has guests ({}), whose configurations the rest \
         of the join would drop: move them to another machine, or take the entry out with 'pvecm delnode {}' on '{by}'",
        ids.join(", "),
        seen.here.view.node
    ))
}

/// It may be quorate, and run guests under either name, so that nothing is cleaned.
fn renamed(listed: &str, seen: &Seen) -> String {
    let own = &seen.here.view.node;
    let quorate = match &seen.here.view.corosync {
        Some(running) if running.quorate => "is quorate",
        Some(_) => "is not quorate",
        None => "has no corosync that runs",
    };
    let ids: Vec<String> = seen.guests.iter().map(u32::to_string).collect();
    let guests = if ids.is_empty() { "no guests".to_owned() } else { format!("guests ({})", ids.join(", ")) };
    format!(
        "the cluster lists the addresses of this node as '{listed}', and its host name is '{own}'. It {quorate}, and has {guests} under the two \
         names: give it its name back ('hostnamectl set-hostname {listed}', and the same in /etc/hosts), then run 'systemctl restart pve-cluster'"
    )
}

fn in_the_cluster(joins: bool, seen: &Seen, conf: &Conf) -> Result<Option<Fault>, String> {
    let here = &seen.here;
    let view = &here.view;
    let stopped = view.corosync.is_none()
        && matches!(here.corosync_service.as_str(), "failed" | "inactive")
        && !here.booting;
    if let Some(listed) = listed_as(conf, &view.node, &seen.addresses) {
        return Err(renamed(listed, seen));
    }
    let Some(member) = quorate(seen) else {
        let put_out = matches!(here.last_words, Some(LastWords::KilledBy { .. }));
        let starts = stopped && !put_out && conf.node(&view.node).is_some();
        return Ok(starts.then_some(Fault::CorosyncStopped));
    };
    let own = conf.node(&view.node).map(|(nodeid, _)| nodeid);
    let theirs = member.conf.node(&view.node).map(|(nodeid, _)| nodeid);
    if theirs.is_none() || own != theirs {
        if !joins {
            return Err(format!(
                "'{}' says that the cluster no longer lists this node, which is to be a part of it: let it join with \
                 'state: joined'",
                member.node
            ));
        }
        if !seen.guests.is_empty() {
            let ids: Vec<String> = seen.guests.iter().map(u32::to_string).collect();
            return Err(format!(
                "'{}' says that the cluster no longer lists this node, which has guests ({}) and would have to join with \
                 them: let it leave with 'state: absent', move the guests, and let it join then",
                member.node,
                ids.join(", ")
            ));
        }
        return Ok(Some(Fault::Forgotten { by: member.node.clone() }));
    }
    if view.corosync.as_ref().is_some_and(|running| running.quorate) {
        return Ok(None);
    }
    let same_file = seen.local.as_deref().is_some_and(|local| local.trim() == member.text.trim());
    let same_key = seen.authkey == member.authkey;
    if !same_file || !same_key {
        return Ok(Some(Fault::Stranded { from: member.node.clone(), authkey: !same_key }));
    }
    let behind = view.corosync.as_ref().is_some_and(|running| {
        running.versions.get(&running.nodeid).is_some_and(|runs| *runs < member.conf.config_version)
    });
    Ok((stopped || behind).then_some(Fault::CorosyncStopped))
}
