// SPDX-License-Identifier: GPL-3.0-or-later
//! What is to be done, and every reason not to do it.

use std::collections::{BTreeMap, BTreeSet};

use cluster_state::pmxcfs::Mount;
use corosync_document::Node;
use knock::Sign as Answers;

use crate::args::Args;
use crate::observe::{Running, Seen};

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The votes to expect; none when the node is quorate.
    pub(crate) votes: Option<u32>,
    /// The votes that are there.
    pub(crate) total: u32,
    /// The votes that are expected before.
    pub(crate) before: u32,
    /// The nodes that are not seen.
    pub(crate) missing: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

/// What speaks against a node being off.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sign {
    /// Who saw it.
    by: String,
    how: String,
    /// Whether it was the node itself, and not just something at its address.
    itself: bool,
}

/// A member of the right cluster, or why this node is none.
pub(crate) fn member<'a>(
    args: &Args,
    seen: &'a Seen,
) -> Result<(BTreeMap<u32, Node>, &'a Running), Vec<String>> {
    match &seen.mount {
        Mount::NoDirectory => {
            return Err(vec!["Proxmox VE is not installed on this node: there is no '/etc/pve'".to_owned()]);
        }
        Mount::NotMounted => {
            return Err(vec![
                "'/etc/pve' is not mounted: start it with 'systemctl start pve-cluster'".to_owned(),
            ]);
        }
        Mount::Dead { reason } => {
            return Err(vec![format!(
                "'/etc/pve' is dead ({reason}): restart it with 'systemctl restart pve-cluster'"
            )]);
        }
        Mount::ReadOnly | Mount::Writable => {}
    }
    let Some(conf) = &seen.conf else {
        return Err(vec!["this node is not a member of a cluster".to_owned()]);
    };
    let name = conf.cluster_name().unwrap_or_default();
    if name != args.cluster_name {
        return Err(vec![format!("this node is a member of cluster '{name}'")]);
    }
    let nodes = conf.nodes().into_iter().filter_map(|node| Some((node.nodeid?, node))).collect();
    match &seen.running {
        Some(running) => Ok((nodes, running)),
        None => Err(vec![
            "corosync is not running on this node: start it with 'systemctl start corosync', and see whether the node is quorate \
             then"
                .to_owned(),
        ]),
    }
}

/// The nodes that this one does not see.
fn missing<'a>(nodes: &'a BTreeMap<u32, Node>, running: &Running) -> Vec<&'a Node> {
    nodes.iter().filter(|(nodeid, _)| !running.members.contains(nodeid)).map(|(_, node)| node).collect()
}

/// Every address of the nodes that this one does not see.
pub(crate) fn addresses(args: &Args, seen: &Seen) -> BTreeMap<String, String> {
    let Ok((nodes, running)) = member(args, seen) else { return BTreeMap::new() };
    if running.quorum.quorate {
        return BTreeMap::new();
    }
    let mut addresses = BTreeMap::new();
    for node in missing(&nodes, running) {
        for address in node.addresses.values().chain(seen.managed.get(&node.name)) {
            addresses.insert(address.clone(), node.name.clone());
        }
    }
    addresses
}

/// Decides. `answering` is what answers at those of [`addresses`].
pub(crate) fn plan(args: &Args, seen: &Seen, answering: &[Answers]) -> Result<Plan, Vec<String>> {
    let (nodes, running) = member(args, seen)?;
    let missing = missing(&nodes, running);
    // Not collected: that would sort first, by code of its own.
    let mut names = BTreeSet::new();
    names.extend(missing.iter().map(|node| node.name.as_str()));
    let quorum = &running.quorum;
    let mut plan = Plan {
        votes: None,
        total: quorum.total_votes,
        before: quorum.expected_votes,
        missing: names.iter().map(|name| (*name).to_owned()).collect(),
        warnings: Vec::new(),
    };
    let mut reasons = Vec::new();
    if !(1..=600).contains(&args.timeout) {
        reasons.push(format!("'timeout' is {}, which is not between 1 and 600", args.timeout));
    }
    if quorum.quorate {
        return if reasons.is_empty() { Ok(plan) } else { Err(reasons) };
    }
    reasons.extend(unconfirmed(args, &nodes, &names));
    for node in &missing {
        let signs = signs(args, seen, node, running, answering);
        let known_off = args.known_off.contains(&node.name);
        if signs.iter().any(|sign| sign.itself) || !signs.is_empty() && !known_off {
            reasons.push(not_off(&node.name, &signs));
        } else if !signs.is_empty() {
            plan.warnings.push(format!(
                "something answers at the addresses of '{}', which is known to be off: {}",
                node.name,
                words(&signs)
            ));
        }
    }
    let total = quorum.total_votes;
    let all: u32 = nodes.values().map(|node| node.votes).sum();
    let votes = args.votes.unwrap_or_else(|| i64::from(total));
    let most = i64::from(total) * 2 - 1;
    if total == 0 {
        let own = nodes.values().filter(|node| node.votes == 0).map(|node| format!("'{}'", node.name));
        reasons.push(format!(
            "no node that this one sees has a vote (admitted and without one yet: {}), and so none becomes quorate: bring back a node that has \
             one",
            own.collect::<Vec<_>>().join(", ")
        ));
    } else if votes < i64::from(total) || votes < 1 {
        reasons.push(format!("{votes} votes are fewer than the {total} that this node sees"));
    } else if votes > i64::from(all.max(plan.before)) {
        reasons.push(format!("{votes} votes are more than all nodes have ({all})"));
    } else if votes > most {
        reasons.push(format!(
            "with {votes} expected votes the {total} that are there are no majority: expect {most} at most"
        ));
    }
    if !reasons.is_empty() {
        return Err(reasons);
    }
    plan.votes = u32::try_from(votes).ok();
    Ok(plan)
}

/// What speaks against this node being off, by whoever saw it.
fn signs(args: &Args, seen: &Seen, node: &Node, running: &Running, answering: &[Answers]) -> Vec<Sign> {
    let here = |how: String, itself: bool| Sign { by: format!("'{}'", seen.node), how, itself };
    let whose = addresses(args, seen);
    let others = args.reached.iter().filter(|reached| reached.node == node.name);
    let mut signs: Vec<Sign> = others
        .map(|reached| Sign { by: reached.by.clone(), how: reached.how.clone(), itself: reached.itself })
        .collect();
    if node.nodeid.is_some_and(|nodeid| running.connected.contains(&nodeid)) {
        signs.push(here("corosync has a connected link to it".to_owned(), true));
    }
    for found in answering {
        if whose.get(&found.address) == Some(&node.name) {
            signs.push(here(format!("'{}' {}", found.address, found.does), false));
        }
    }
    signs
}

/// Who saw what, each of them once.
fn words(signs: &[Sign]) -> String {
    let mut said: Vec<(&str, Vec<&str>)> = Vec::new();
    for sign in signs {
        match said.iter_mut().find(|(by, _)| *by == sign.by) {
            Some((_, hows)) if hows.contains(&sign.how.as_str()) => {}
            Some((_, hows)) => hows.push(&sign.how),
            None => said.push((&sign.by, vec![&sign.how])),
        }
    }
    said.iter().map(|(by, hows)| format!("{by} ({})", hows.join(", "))).collect::<Vec<_>>().join(", ")
}

fn not_off(name: &str, signs: &[Sign]) -> String {
    let way_out = if signs.iter().any(|sign| sign.itself) {
        ""
    } else {
        ". If this machine has no power, and something else has its address, name it in 'known_off'"
    };
    format!(
        "node '{name}' is not off, it was reached by {}: repair what keeps corosync from it, or cut its power first; two sides of a cluster \
         that both write lose data{way_out}",
        words(signs)
    )
}

/// Where what the task says of the nodes that are off is not what this node sees.
fn unconfirmed(args: &Args, nodes: &BTreeMap<u32, Node>, missing: &BTreeSet<&str>) -> Vec<String> {
    let mut reasons = Vec::new();
    let mut named = BTreeSet::new();
    named.extend(args.offline_nodes.iter().map(String::as_str));
    for name in missing.difference(&named) {
        reasons.push(format!(
            "'{name}' is not seen from here and not among 'offline_nodes': look at it, and name it only when it is off"
        ));
    }
    for name in named.difference(missing) {
        let is_a_node = nodes.values().any(|node| node.name == *name);
        reasons.push(if is_a_node {
            format!("'{name}' is among 'offline_nodes', and is a member that this node sees")
        } else {
            format!("'{name}' is among 'offline_nodes', and is no node of this cluster")
        });
    }
    for name in args.known_off.iter().filter(|name| !named.contains(name.as_str())) {
        reasons.push(format!(
            "'{name}' is among 'known_off', and not among 'offline_nodes': name it in both, or in none"
        ));
    }
    reasons
}
