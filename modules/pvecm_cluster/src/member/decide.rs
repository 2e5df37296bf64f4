// SPDX-License-Identifier: GPL-3.0-or-later
//! What is to be done, and every reason not to do it.

use std::collections::BTreeSet;
use std::time::Duration;

use corosync_document::Node;
use host::Command;
use membership::ready::{mount, ready};
use membership::reason::{self, Reason};
use membership::seen::{Conf, ConfFile, Here, Peer, There, View, same_address};

use super::args::{State, Wanted};
use super::look::Candidate;
use super::way::Way;
use super::{net, reserved, words};

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

/// How the cluster will look afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Forecast {
    pub(crate) nodeid: u32,
    pub(crate) config_version: u64,
    /// The names of the members.
    pub(crate) members: BTreeSet<String>,
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
                    reasons.extend(cluster(wanted, here, candidate, there));
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
        (Deed::Create, _) => Plan::Create(Forecast {
            nodeid: wanted.nodeid.unwrap_or(1),
            config_version: 1,
            members: set([name.clone()]),
        }),
        (Deed::Join, Some(conf)) => Plan::Join(Forecast {
            nodeid: conf
                .node(name)
                .map(|(nodeid, _)| nodeid)
                .or(wanted.nodeid)
                .unwrap_or_else(|| conf.free_nodeid()),
            config_version: conf.config_version + 1,
            members: set(conf.nodes.values().map(|node| &node.name).chain([name]).cloned()),
        }),
        (Deed::Confirm, _) | (Deed::Join, None) => Plan::Confirm,
    })
}

/// A set, one by one: collecting it would sort first, by code of its own for each type.
fn set<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    let mut set = BTreeSet::new();
    set.extend(items);
    set
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
            reasons.push(words::no_answer(wanted.cluster_node.as_deref().unwrap_or_default(), why));
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

/// What of a member is not as the task declares, in the cluster's corosync.conf.
pub(crate) fn undeclared(wanted: &Wanted, conf: &Conf, nodeid: u32) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let Some(node) = conf.nodes.get(&nodeid) else { return reasons };
    for (number, link) in &wanted.links {
        match node.addresses.get(number) {
            None => reasons.push(words::link_not_in_cluster(*number, &link.address)),
            Some(address) if !link.is_at(address) => {
                reasons.push(words::link_at_another_address(*number, address, &link.address));
            }
            Some(_) => {}
        }
    }
    for (number, address) in &node.addresses {
        if !wanted.links.contains_key(number) {
            reasons.push(words::link_not_declared(*number, address));
        }
    }
    reasons.extend(priorities(wanted, conf));
    if let Some(wanted) = wanted.nodeid.filter(|wanted| *wanted != nodeid) {
        reasons.push(words::another_nodeid(nodeid, wanted));
    }
    if let Some(wanted) = wanted.votes.filter(|wanted| *wanted != node.votes) {
        reasons.push(words::other_votes(node.votes, wanted));
    }
    if let Some(wanted) = wanted.token_coefficient.filter(|wanted| Some(*wanted) != conf.token_coefficient) {
        reasons.push(words::another_coefficient(conf.token_coefficient, wanted));
    }
    reasons
}

/// Declared priorities that the cluster does not have.
fn priorities(wanted: &Wanted, conf: &Conf) -> Vec<Reason> {
    let declared = wanted.links.iter().filter_map(|(number, link)| Some((*number, link.priority?)));
    declared
        .filter(|(number, _)| conf.links.contains(number))
        .filter_map(|(number, priority)| {
            let running = conf.priorities.get(&number).copied();
            // Proxmox VE writes no priority of 0, and corosync takes none for 1
            let same = match (priority, running) {
                (0 | 1, None) => true,
                (_, running) => running == Some(priority),
            };
            (!same).then(|| words::another_priority(number, running, priority))
        })
        .collect()
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
        State::Present => {
            if wanted.token_coefficient.is_some() && !candidate.knows_coefficient {
                reasons.push(words::no_coefficient_option());
            }
        }
        State::Joined => {
            if !candidate.guests.is_empty() {
                reasons.push(words::guests(&candidate.guests));
            }
            if wanted.way.is_ssh() && !candidate.tools.rsync {
                reasons.push(words::no_rsync("this node"));
            }
            if wanted.way.is_ssh() && !candidate.id_rsa {
                reasons.push(words::no_id_rsa());
            }
        }
    }
    reasons
}

/// The cluster to join: what in it stands in the way.
fn cluster(wanted: &Wanted, here: &Here, candidate: &Candidate, there: &There) -> Vec<Reason> {
    let target = wanted.cluster_node.as_deref().unwrap_or_default();
    let peer = match there {
        There::NotAsked => return Vec::new(),
        There::NoAnswer(why) => return vec![words::no_answer(target, why)],
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
            reasons.push(words::link_not_in_cluster(*number, &link.address));
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

/// The command that carries out a plan to create or to join.
pub(crate) fn command(plan: &Plan, wanted: &Wanted, timeout: Duration) -> Command {
    let command = Command::new("pvecm").timeout(timeout);
    let joins = matches!(plan, Plan::Join(_));
    let mut command = if joins {
        let command = command.arg("add").arg(wanted.cluster_node.as_deref().unwrap_or_default());
        match &wanted.way {
            Way::Ssh => command.arg("--use_ssh"),
            Way::Api { fingerprint, .. } => command.arg("--fingerprint").arg(fingerprint),
        }
    } else {
        command.arg("create").arg(&wanted.cluster_name)
    };
    for (number, link) in &wanted.links {
        // `pvecm add` takes a priority and ignores it
        let value = match link.priority.filter(|_| !joins) {
            Some(priority) => format!("address={},priority={priority}", link.address),
            None => link.address.to_string(),
        };
        command = command.arg(format!("--link{number}")).arg(value);
    }
    for (option, value) in [("--nodeid", wanted.nodeid), ("--votes", wanted.votes)] {
        if let Some(value) = value {
            command = command.arg(option).arg(value.to_string());
        }
    }
    if let Some(coefficient) = wanted.token_coefficient {
        command = command.arg("--token-coefficient").arg(coefficient.to_string());
    }
    if wanted.force {
        command = command.arg("--force");
    }
    command
}

/// What a person should know although nothing stands in the way.
pub(crate) fn warnings(wanted: &Wanted, candidate: &Candidate, there: &There) -> Vec<String> {
    let mut networks = Vec::new();
    let mut warnings = Vec::new();
    // Proxmox VE lets nodes of two major versions be in one cluster while it is being upgraded.
    if let Some(peer) = there.peer()
        && let (Some(ours), Some(theirs)) = (candidate.tools.pve_major(), peer.tools.pve_major())
        && ours != theirs
    {
        let (ours, theirs) = (candidate.tools.pve.as_deref(), peer.tools.pve.as_deref());
        warnings.push(format!(
            "this node has Proxmox VE {} and '{}' has {}: a cluster of two major versions is for the time of an upgrade",
            ours.unwrap_or_default(),
            peer.view.node,
            theirs.unwrap_or_default()
        ));
    }
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
