// SPDX-License-Identifier: GPL-3.0-or-later
//! What is to be done, and every reason not to do it.

use std::net::IpAddr;

use cluster_state::pmxcfs::Mount;
use corosync_document::Device;

use crate::args::{Goal, Offline, Wanted};
use crate::reason::{self, Reason};
use crate::seen::{Conf, Login, Qnetd, Running, Seen, Terms, quoted};

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) deed: Deed,
    /// How the cluster is afterwards.
    pub(crate) after: After,
    pub(crate) warnings: Vec<String>,
}

/// The one thing that is done to the cluster, or to this node alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deed {
    /// All is as it should be.
    Nothing,
    /// `pvecm qdevice setup`, on a node from which what is left of an earlier one is cleared.
    SetUp { clear: bool },
    /// The daemon of this node is started, or made to start with the machine.
    Start,
    /// `pvecm qdevice remove`
    Remove,
    /// What pvecm would do, without the nodes that are off.
    TakeOut,
    /// The cluster has none; what is left of one on this node is cleared.
    Clear,
}

/// The cluster afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct After {
    pub(crate) version: u64,
    pub(crate) expected_votes: u32,
    pub(crate) device: Option<Terms>,
}

/// What was seen, understood: a member of the right cluster.
pub(crate) fn member<'a>(wanted: &Wanted, seen: &'a Seen) -> Result<(Conf, &'a Running), Vec<Reason>> {
    match &seen.mount {
        Mount::NoDirectory => return Err(vec![reason::no_pve()]),
        Mount::NotMounted => return Err(vec![reason::not_mounted()]),
        Mount::Dead { reason } => return Err(vec![reason::mount_dead(reason)]),
        Mount::ReadOnly | Mount::Writable => {}
    }
    let Some(document) = &seen.conf else { return Err(vec![reason::standalone()]) };
    let conf = Conf::of(document).map_err(|why| vec![reason::conf_broken(why)])?;
    if conf.cluster_name != wanted.cluster_name {
        return Err(vec![reason::other_cluster(&conf.cluster_name)]);
    }
    let running = seen.running.as_ref().ok_or_else(|| vec![reason::corosync_stopped()])?;
    Ok((conf, running))
}

/// Whether the QNetd host must be looked at: only before a QDevice is set up.
pub(crate) fn asks_qnetd(wanted: &Wanted, seen: &Seen) -> Option<IpAddr> {
    match (&wanted.goal, member(wanted, seen)) {
        (Goal::Present { address, .. }, Ok((conf, _))) if conf.device.is_none() => Some(*address),
        _ => None,
    }
}

/// Decides. `qnetd` is what was seen of the QNetd host when [`asks_qnetd`] wanted it.
pub(crate) fn plan(wanted: &Wanted, seen: &Seen, qnetd: Option<&Qnetd>) -> Result<Plan, Vec<Reason>> {
    let (conf, running) = member(wanted, seen)?;
    let mut reasons = Vec::new();
    let deed = match &wanted.goal {
        Goal::Present { address, force, .. } => {
            let terms = Terms::of(conf.nodes.len());
            reasons.extend(unsuitable(&conf, *force, terms));
            match &conf.device {
                Some(device) => {
                    reasons.extend(differing(device, *address, &conf, terms));
                    reasons.extend(unusable(seen));
                    if seen.own.runs() && seen.own.starts() { Deed::Nothing } else { Deed::Start }
                }
                None => {
                    reasons.extend(unusable_for_setup(seen));
                    reasons.extend(itself(*address, seen, &conf));
                    reasons.extend(reason::admitted(&conf.admitted()));
                    if let Some(qnetd) = qnetd {
                        reasons.extend(unreachable(*address, &conf, qnetd));
                    }
                    Deed::SetUp { clear: seen.own.has_any() }
                }
            }
        }
        Goal::Absent { offline } => match &conf.device {
            Some(_) if conf.offline(running).is_empty() => Deed::Remove,
            Some(_) if *offline == Offline::Ignore => {
                reasons.extend(quorum_afterwards(&conf, running));
                Deed::TakeOut
            }
            Some(_) => {
                reasons.push(reason::offline_at_removal(&conf.offline(running)));
                Deed::Remove
            }
            None if seen.own.has_any() => Deed::Clear,
            None => Deed::Nothing,
        },
    };
    let changes = matches!(deed, Deed::SetUp { .. } | Deed::Remove | Deed::TakeOut);
    if matches!(deed, Deed::SetUp { .. }) && !conf.offline(running).is_empty() {
        reasons.push(reason::offline(&conf.offline(running)));
    }
    if seen.busy {
        // Whatever else stands in the way may be its work in progress.
        return Err(vec![reason::pvecm_busy()]);
    }
    if changes {
        reasons.extend(unsettled(seen, &conf, running));
    }
    if reasons.is_empty() { Ok(settled(wanted, &conf, running, deed)) } else { Err(reasons) }
}

fn settled(wanted: &Wanted, conf: &Conf, running: &Running, deed: Deed) -> Plan {
    let device = match &wanted.goal {
        Goal::Present { .. } => Some(Terms::of(conf.nodes.len())),
        Goal::Absent { .. } => None,
    };
    let changes = matches!(deed, Deed::SetUp { .. } | Deed::Remove | Deed::TakeOut);
    let mut warnings = Vec::new();
    let offline = conf.offline(running);
    if deed == Deed::TakeOut {
        warnings.push(format!(
            "not online, and so without the new corosync.conf: {}; remove what is off for good, and on the others copy \
             '/etc/pve/corosync.conf' of a member to '/etc/corosync/' before corosync starts",
            quoted(&offline)
        ));
    } else if !offline.is_empty() {
        warnings.push(format!("not online: {}", quoted(&offline)));
    }
    if let Some(terms) = device.filter(|terms| terms.algorithm == "lms") {
        warnings.push(format!(
            "the number of nodes is odd, so the QDevice has {} votes: while it is away, not one node may be lost",
            terms.votes
        ));
    }
    Plan {
        deed,
        after: After {
            version: conf.version + u64::from(changes),
            expected_votes: conf.votes() + device.map_or(0, |terms| terms.votes),
            device,
        },
        warnings,
    }
}

/// Why this cluster should have no QDevice.
fn unsuitable(conf: &Conf, force: bool, terms: Terms) -> Vec<Reason> {
    let nodes = conf.nodes.len();
    let mut reasons = Vec::new();
    if nodes < 2 {
        reasons.push(reason::single());
    } else if terms.algorithm == "lms" && !force {
        reasons.push(reason::odd(nodes, terms));
    }
    if conf.two_node {
        reasons.push(reason::two_node());
    }
    reasons
}

/// What of the QDevice that the cluster has is not as it is wanted.
fn differing(device: &Device, address: IpAddr, conf: &Conf, terms: Terms) -> Option<Reason> {
    let host = device.host.as_deref().unwrap_or(&device.model);
    let same = device.model == "net" && host.parse() == Ok(address);
    if !same {
        return Some(reason::another_device(host));
    }
    let algorithm = device.algorithm.as_deref().unwrap_or("none");
    (algorithm != terms.algorithm).then(|| reason::other_terms(algorithm, conf.nodes.len(), terms))
}

fn unusable_for_setup(seen: &Seen) -> Option<Reason> {
    (!seen.own.installed).then(reason::not_installed)
}

fn unusable(seen: &Seen) -> Option<Reason> {
    match (&seen.own.installed, seen.own.store) {
        (false, _) => Some(reason::not_installed()),
        (true, false) => Some(reason::no_certificates()),
        (true, true) => None,
    }
}

/// Whether the QNetd host is one of the cluster's nodes, by its address.
fn itself(address: IpAddr, seen: &Seen, conf: &Conf) -> Option<Reason> {
    let is = |text: &str| text.parse() == Ok(address);
    let own = seen.addresses.contains(&address).then_some(seen.node.as_str());
    let linked = conf.nodes.values().find(|node| node.addresses.values().any(|text| is(text)));
    let managed = seen.members.iter().find(|(_, (_, ip))| ip.as_deref().is_some_and(is));
    let node = own.or(linked.map(|node| node.name.as_str())).or(managed.map(|(name, _)| name.as_str()))?;
    Some(reason::is_a_node(&address.to_string(), node))
}

/// Why the QNetd host cannot be used.
fn unreachable(address: IpAddr, conf: &Conf, qnetd: &Qnetd) -> Vec<Reason> {
    let address = address.to_string();
    let mut reasons = Vec::new();
    if let Some(why) = &qnetd.port {
        reasons.push(reason::port_closed(&address, why));
    }
    match &qnetd.login {
        Login::Refused(why) => reasons.push(reason::no_login(&address, why)),
        Login::Answered(host) => {
            if host.cluster.as_deref() == Some(&conf.cluster_name) {
                reasons.push(reason::is_a_member(&address));
            }
            if !host.installed {
                reasons.push(reason::qnetd_not_installed(&address));
            } else if host.active != "active" {
                reasons.push(reason::qnetd_not_running(&address, &host.active));
            }
            if !host.clients.is_empty() {
                reasons.push(reason::name_in_use(&address, &host.clients.join(", ")));
            }
        }
    }
    reasons
}

/// What keeps the cluster from taking a change just now.
fn unsettled(seen: &Seen, conf: &Conf, running: &Running) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let quorum = &running.quorum;
    if !quorum.quorate {
        reasons.push(reason::not_quorate(quorum.total_votes, quorum.expected_votes));
    } else if seen.mount != Mount::Writable {
        reasons.push(reason::read_only());
    }
    if running.versions.values().any(|version| *version != conf.version) {
        reasons.push(reason::versions_differ(&spread(conf, running)));
    }
    reasons.extend(seen.locks.iter().map(|name| reason::locked(&locks::path(name))));
    reasons
}

/// `pve1: 3, pve2: 4, file: 4`
pub(crate) fn spread(conf: &Conf, running: &Running) -> String {
    let versions =
        running.versions.iter().map(|(nodeid, version)| format!("{}: {version}", conf.name_of(*nodeid)));
    let all: Vec<String> = versions.chain(std::iter::once(format!("file: {}", conf.version))).collect();
    all.join(", ")
}

/// Whether the nodes that are there have a majority by themselves.
fn quorum_afterwards(conf: &Conf, running: &Running) -> Option<Reason> {
    let there = conf.nodes.iter().filter(|(nodeid, _)| running.versions.contains_key(nodeid));
    let there: u32 = there.map(|(_, node)| node.votes).sum();
    let votes = conf.votes();
    (there < votes / 2 + 1).then(|| reason::no_quorum_afterwards(there, votes))
}
