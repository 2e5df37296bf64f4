// SPDX-License-Identifier: GPL-3.0-or-later
//! What stands in the way of a join, on this node and in the cluster, how the cluster will be, and the command. Pure.

use std::time::Duration;

use corosync_document::Node;
use host::Command;
use membership::ready::{beside_admitted, ready};
use membership::reason::Reason;
use membership::seen::{Conf, Here, Peer, There, same_address};

use super::{reserved, words};
use crate::declared::way::Way;
use crate::declared::words as declared;
use crate::declared::{Candidate, Forecast, Wanted, options, priorities, set};

/// What on this node stands in the way.
pub(crate) fn this_node(wanted: &Wanted, candidate: &Candidate) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if !candidate.guests.is_empty() {
        reasons.push(words::guests(&candidate.guests));
    }
    if wanted.way.is_ssh() && !candidate.tools.rsync {
        reasons.push(words::no_rsync("this node"));
    }
    if wanted.way.is_ssh() && !candidate.id_rsa {
        reasons.push(words::no_id_rsa());
    }
    reasons
}

/// How the cluster will be that this node has joined.
pub(crate) fn forecast(wanted: &Wanted, name: &String, conf: &Conf) -> Forecast {
    let listed = conf.node(name).map(|(nodeid, _)| nodeid);
    Forecast {
        nodeid: listed.or(wanted.nodeid).unwrap_or_else(|| conf.free_nodeid()),
        config_version: conf.config_version + 1,
        members: set(conf.nodes.values().map(|node| &node.name).chain([name]).cloned()),
    }
}

/// The cluster to join: what in it stands in the way.
pub(crate) fn cluster(wanted: &Wanted, here: &Here, candidate: &Candidate, there: &There) -> Vec<Reason> {
    let target = wanted.cluster_node.as_deref().unwrap_or_default();
    let peer = match there {
        There::NotAsked => return Vec::new(),
        There::NoAnswer(why) => return vec![declared::no_answer(target, why)],
        There::Answered(peer) => peer,
    };
    let peer_name = &peer.view.node;
    if *peer_name == here.view.node {
        return vec![words::itself(target)];
    }
    let mut reasons = ready(&wanted.cluster_name, &here.view.node, peer);
    if !peer.view.is_mounted() {
        return reasons;
    }
    reasons.extend(beside_admitted(&here.view.node, peer));
    if let Some(conf) = peer.view.conf.conf() {
        reasons.extend(room(wanted, here, candidate, conf, peer));
    }
    if let Way::Api { fingerprint, .. } = &wanted.way {
        reasons.extend(reserved::reasons(peer, fingerprint));
    }
    reasons.extend(versions(wanted, candidate, peer));
    reasons
}

/// Whether there is room for this node: its name, links, addresses and nodeid.
fn room(wanted: &Wanted, here: &Here, candidate: &Candidate, conf: &Conf, peer: &Peer) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let name = &here.view.node;
    let own = conf.node(name);
    if let Some((nodeid, node)) = own {
        let online = peer.view.corosync.as_ref().is_some_and(|run| run.versions.contains_key(&nodeid));
        let itself = is_this_node(here, candidate, nodeid, node, peer);
        if online && !itself {
            reasons.push(words::name_online(name));
        } else if itself && (online || !wanted.force) {
            reasons.push(words::listed_itself(name, &peer.view.node));
        } else if !wanted.force {
            reasons.push(words::name_elsewhere(name, &peer.view.node));
        } else {
            reasons.extend(differences(wanted, name, nodeid, node));
        }
    }
    for (number, link) in &wanted.links {
        if !conf.links.contains(number) {
            reasons.push(declared::link_not_in_cluster(*number, &link.address));
        }
    }
    for number in &conf.links {
        if !wanted.links.contains_key(number) {
            reasons.push(words::link_missing(*number));
        }
    }
    reasons.extend(priorities(wanted, conf));
    for (number, link) in &wanted.links {
        for node in conf.nodes.values().filter(|node| node.name != *name) {
            if node.addresses.values().any(|address| link.is_at(address)) {
                reasons.push(words::address_taken(*number, &link.address, &node.name));
            }
        }
    }
    if let Some(nodeid) = wanted.nodeid
        && let Some(node) = conf.nodes.get(&nodeid)
        && node.name != *name
    {
        reasons.push(words::nodeid_taken(nodeid, &node.name));
    }
    reasons
}

/// Whether an entry of the nodelist is this very node: its corosync runs as that node beside the cluster node, as it does
/// after a restart in the middle of a join, or the entry has none but addresses of this node.
fn is_this_node(here: &Here, candidate: &Candidate, nodeid: u32, node: &Node, peer: &Peer) -> bool {
    let theirs = peer.view.corosync.as_ref().map(|running| running.nodeid);
    let beside = here.view.corosync.as_ref().is_some_and(|running| {
        running.nodeid == nodeid && theirs.is_some_and(|peer| running.versions.contains_key(&peer))
    });
    let is_here =
        |address: &String| candidate.addresses.iter().any(|(own, _)| same_address(&own.to_string(), address));
    beside || (!node.addresses.is_empty() && node.addresses.values().all(is_here))
}

/// What differs between a reinstalled node and its entry: pvecm would take the new values, the running corosync
/// would refuse them.
fn differences(wanted: &Wanted, name: &str, nodeid: u32, node: &Node) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for (number, link) in &wanted.links {
        if let Some(address) = node.addresses.get(number)
            && !link.is_at(address)
        {
            reasons.push(words::listed_at_another_address(name, *number, address, &link.address));
        }
    }
    if let Some(wanted) = wanted.nodeid.filter(|wanted| *wanted != nodeid) {
        reasons.push(words::listed_with_another_nodeid(name, nodeid, wanted));
    }
    if let Some(wanted) = wanted.votes.filter(|wanted| *wanted != node.votes) {
        reasons.push(words::listed_with_other_votes(name, node.votes, wanted));
    }
    reasons
}

/// Whether the programs at both ends fit together. Each end of a join takes one that is a version older, and none that is
/// older still (`JOIN_API_AGE_AS_CLUSTER` and `JOIN_API_AGE_AS_JOINEE` in `PVE/Cluster/Setup.pm`).
fn versions(wanted: &Wanted, candidate: &Candidate, peer: &Peer) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let name = &peer.view.node;
    if wanted.way.is_ssh() && !peer.tools.rsync {
        reasons.push(words::no_rsync(&format!("'{name}'")));
    }
    if let (Some(ours), Some(theirs)) = (candidate.tools.join_api, peer.tools.join_api)
        && ours.abs_diff(theirs) > 1
    {
        reasons.push(words::join_api_differs(ours, name, theirs));
    }
    reasons
}

/// The command.
pub(crate) fn command(wanted: &Wanted, timeout: Duration) -> Command {
    let command = Command::new("pvecm").timeout(timeout).arg("add");
    let command = command.arg(wanted.cluster_node.as_deref().unwrap_or_default());
    let command = match &wanted.way {
        Way::Ssh => command.arg("--use_ssh"),
        Way::Api { fingerprint, .. } => command.arg("--fingerprint").arg(fingerprint),
    };
    let command = options(command, wanted, false);
    if wanted.force { command.arg("--force") } else { command }
}

/// What to say where the two nodes have different major versions. Proxmox VE lets them be in one cluster while it is being upgraded.
pub(crate) fn two_versions(candidate: &Candidate, there: &There) -> Option<String> {
    let peer = there.peer()?;
    if candidate.tools.pve_major()? == peer.tools.pve_major()? {
        return None;
    }
    let (ours, theirs) = (candidate.tools.pve.as_deref(), peer.tools.pve.as_deref());
    Some(format!(
        "this node has Proxmox VE {} and '{}' has {}: a cluster of two major versions is for the time of an upgrade",
        ours.unwrap_or_default(),
        peer.view.node,
        theirs.unwrap_or_default()
    ))
}
