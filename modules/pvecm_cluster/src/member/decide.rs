// SPDX-License-Identifier: GPL-3.0-or-later
//! What is to be done, and every reason not to do it.

use std::time::Duration;

use host::Command;
use membership::ready::mount;
use membership::reason::{self, Reason};
use membership::seen::{Conf, ConfFile, Here, There, View, same_address};

use super::{net, words};
use crate::declared::{self, Candidate, Forecast, State, Wanted, undeclared};
use crate::{create, join};

/// What the module is going to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Nothing but to see that the cluster confirms the membership.
    Confirm,
    /// `pvecm create`
    Create(Forecast),
    /// `pvecm add`
    Join(Forecast),
}

/// Why nothing is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) deed: Deed,
    pub(crate) reasons: Vec<Reason>,
}

/// What was to be done when it was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    Create,
    Join,
    Confirm,
}

impl Refusal {
    /// Whether all reasons may pass by themselves within moments.
    pub(crate) fn is_passing(&self) -> bool {
        ansible_module::reason::all_pass(&self.reasons)
    }
}

/// Whether the cluster node must be asked: before a join, and when a member does not recognise the node that it is
/// said to have joined through.
pub(crate) fn asks_cluster_node(wanted: &Wanted, here: &View) -> bool {
    let Some(target) = &wanted.cluster_node else { return false };
    match &here.conf {
        ConfFile::Absent => here.is_mounted(),
        ConfFile::Broken(_) => false,
        ConfFile::Read(conf) => conf.cluster_name == wanted.cluster_name && !recognises(here, conf, target),
    }
}

/// Whether a member knows this host as another node of its cluster (or as itself).
fn recognises(here: &View, conf: &Conf, target: &str) -> bool {
    let short = target.split('.').next().unwrap_or_default();
    let is_address = target.parse::<std::net::IpAddr>().is_ok();
    let named = !is_address && conf.node(short).is_some();
    let addressed =
        conf.nodes.values().any(|node| node.addresses.values().any(|address| same_address(address, target)));
    let managed = here.members.iter().flat_map(|members| members.nodelist.values());
    named || addressed || managed.filter_map(|node| node.ip.as_deref()).any(|ip| same_address(ip, target))
}

/// Decides what to do. `candidate` is what was seen of a node that belongs to no cluster.
pub(crate) fn plan(
    wanted: &Wanted,
    here: &Here,
    candidate: &Candidate,
    there: &There,
) -> Result<Plan, Refusal> {
    let deed = match (&here.view.conf, wanted.state) {
        (ConfFile::Read(conf), _) if conf.cluster_name == wanted.cluster_name => Deed::Confirm,
        (_, State::Present) => Deed::Create,
        (_, State::Joined) => Deed::Join,
    };
    if here.pvecm_busy && deed != Deed::Confirm {
        // Whatever else stands in the way may be its work in progress.
        return Err(Refusal { deed, reasons: vec![reason::pvecm_busy()] });
    }
    let mut reasons = mount(&here.view.mount, here.booting);
    if reasons.is_empty() {
        reasons = match &here.view.conf {
            ConfFile::Broken(why) => vec![reason::own_conf_broken(why)],
            ConfFile::Read(conf) if deed == Deed::Confirm => membership(wanted, here, conf, there),
            ConfFile::Read(conf) => vec![reason::other_cluster(&conf.cluster_name)],
            ConfFile::Absent => {
                let mut reasons = this_node(wanted, here, candidate);
                if wanted.state == State::Joined {
                    reasons.extend(join::cluster(wanted, here, candidate, there));
                }
                reasons
            }
        };
    }
    if !reasons.is_empty() {
        return Err(Refusal { deed, reasons });
    }
    let name = &here.view.node;
    Ok(match (deed, there.peer().and_then(|peer| peer.view.conf.conf())) {
        (Deed::Create, _) => Plan::Create(create::forecast(wanted, name)),
        (Deed::Join, Some(conf)) => Plan::Join(join::forecast(wanted, name, conf)),
        (Deed::Confirm, _) | (Deed::Join, None) => Plan::Confirm,
    })
}

/// A member of the right cluster: what in it is not as the task declares.
fn membership(wanted: &Wanted, here: &Here, conf: &Conf, there: &There) -> Vec<Reason> {
    let name = &here.view.node;
    let Some((nodeid, _)) = conf.node(name) else {
        return vec![reason::not_in_nodelist(name)];
    };
    let mut reasons = Vec::new();
    match there {
        There::NotAsked => {}
        There::NoAnswer(why) => {
            reasons.push(declared::words::no_answer(wanted.cluster_node.as_deref().unwrap_or_default(), why));
        }
        There::Answered(peer) => {
            let theirs = peer.view.conf.conf();
            let ours = theirs.is_some_and(|theirs| {
                theirs.cluster_name == conf.cluster_name
                    && theirs.node(name).is_some_and(|(id, _)| id == nodeid)
            });
            if !ours || conf.node(&peer.view.node).is_none() {
                reasons.push(words::namesake(&conf.cluster_name, &peer.view.node));
            }
        }
    }
    reasons.extend(undeclared(wanted, conf, nodeid));
    reasons
}

/// A node without a cluster: what on it stands in the way.
fn this_node(wanted: &Wanted, here: &Here, candidate: &Candidate) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if let Some(cluster) = here.view.members.as_ref().and_then(|members| members.cluster.as_ref()) {
        reasons.push(words::pmxcfs_in_a_cluster(&cluster.name));
    }
    if candidate.authkey && !wanted.force {
        reasons.push(words::left_over("/etc/corosync/authkey"));
    }
    if candidate.etc_conf && !wanted.force {
        reasons.push(words::left_over("/etc/corosync/corosync.conf"));
    }
    if here.view.corosync.is_some() {
        reasons.push(words::corosync_runs());
    }
    for (number, link) in &wanted.links {
        if !candidate.addresses.iter().any(|(address, _)| *address == link.address) {
            reasons.push(words::address_not_here(*number, &link.address));
        }
    }
    match wanted.state {
        State::Present => reasons.extend(create::this_node(wanted, candidate)),
        State::Joined => reasons.extend(join::this_node(wanted, candidate)),
    }
    reasons
}

/// The command that carries out a plan to create or to join.
pub(crate) fn command(plan: &Plan, wanted: &Wanted, timeout: Duration) -> Command {
    match plan {
        Plan::Join(_) => join::command(wanted, timeout),
        Plan::Create(_) | Plan::Confirm => create::command(wanted, timeout),
    }
}

/// What a person should know although nothing stands in the way.
pub(crate) fn warnings(wanted: &Wanted, candidate: &Candidate, there: &There) -> Vec<String> {
    let mut networks = Vec::new();
    let mut warnings = Vec::new();
    warnings.extend(join::two_versions(candidate, there));
    for (number, link) in &wanted.links {
        let Some((_, prefix)) = candidate.addresses.iter().find(|(address, _)| *address == link.address)
        else {
            continue;
        };
        let network = net::network(link.address, *prefix);
        if let Some((other, _)) = networks.iter().find(|(_, seen)| *seen == network) {
            warnings
                .push(format!("links {other} and {number} are in the same network: both fail when it does"));
        }
        networks.push((*number, network));
    }
    warnings
}
