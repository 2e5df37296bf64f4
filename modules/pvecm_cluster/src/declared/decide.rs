// SPDX-License-Identifier: GPL-3.0-or-later
//! What of a member is not as the task declares, and how the cluster will be. Pure.

use std::collections::BTreeSet;

use host::Command;
use membership::reason::Reason;
use membership::seen::Conf;

use super::args::Wanted;
use super::words;

/// How the cluster will look afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Forecast {
    pub(crate) nodeid: u32,
    pub(crate) config_version: u64,
    /// The names of the members.
    pub(crate) members: BTreeSet<String>,
}

/// A set, one by one: collecting it would sort first, by code of its own for each type.
pub(crate) fn set<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    let mut set = BTreeSet::new();
    set.extend(items);
    set
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
pub(crate) fn priorities(wanted: &Wanted, conf: &Conf) -> Vec<Reason> {
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

/// A command with the links of this node, its nodeid and votes. `pvecm add` takes a priority and ignores it.
pub(crate) fn options(mut command: Command, wanted: &Wanted, priorities: bool) -> Command {
    for (number, link) in &wanted.links {
        let value = match link.priority.filter(|_| priorities) {
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
    command
}
