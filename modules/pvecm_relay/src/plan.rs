// SPDX-License-Identifier: GPL-3.0-or-later
//! Who may be admitted, who gets votes and when, and what becomes of who is missing. Pure.
//!
//! The rule of all of it: a vote is added only together with the node that has it. Then the members that see each other stay quorate,
//! whatever newcomers do (`captures/timeline--newcomers_without_a_vote_*`: with votes for all and two of four absent the cluster loses quorum).

use ansible_module::Reason;
use corosync_document::Document;
use membership::seen::{Conf, Peer, same_address};

use crate::args::{Absent, Links, Offer, Votes};
use crate::words;

/// A node that is to be listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Newcomer {
    pub(crate) name: String,
    pub(crate) nodeid: u32,
    pub(crate) links: Links,
}

/// The nodes that are to be listed without a vote; those that are already need nothing but the current file.
pub(crate) fn admission(
    peer: &Peer,
    conf: &Conf,
    offers: &[Offer],
    inside: &[String],
) -> Result<Vec<Newcomer>, Vec<Reason>> {
    let mut reasons = Vec::new();
    for name in inside.iter().filter(|name| conf.node(name).is_none()) {
        reasons.push(words::not_listed_inside(name));
    }
    let mut taken: Vec<(u32, &str)> = conf.nodes.iter().map(|(id, node)| (*id, node.name.as_str())).collect();
    for (at, offer) in offers.iter().enumerate() {
        reasons.extend(release(&format!("'{}'", offer.node), offer.pve.as_deref(), offer.join_api));
        reasons.extend(links(offer, conf, offers.get(at + 1..).unwrap_or_default()));
        match conf.node(&offer.node) {
            Some((nodeid, node)) => reasons.extend(listed(offer, nodeid, node, peer)),
            None => {
                if let Some(wanted) = offer.nodeid {
                    if let Some((_, other)) = taken.iter().find(|(id, _)| *id == wanted) {
                        reasons.push(words::nodeid_taken(&offer.node, wanted, other));
                    }
                    taken.push((wanted, offer.node.as_str()));
                }
            }
        }
    }
    if !reasons.is_empty() {
        return Err(reasons);
    }
    let mut newcomers = Vec::new();
    for offer in offers.iter().filter(|offer| conf.node(&offer.node).is_none()) {
        let free = (1..).find(|id| taken.iter().all(|(other, _)| other != id)).unwrap_or(u32::MAX);
        let nodeid = offer.nodeid.unwrap_or(free);
        taken.push((nodeid, offer.node.as_str()));
        newcomers.push(Newcomer { name: offer.node.clone(), nodeid, links: offer.links.clone() });
    }
    Ok(newcomers)
}

/// What the file fixes of the quorum, which newcomers with votes would leave wrong: with `expected_votes` both halves of a cluster that
/// has grown can be quorate, and `two_node` ends with the third node.
pub(crate) fn fixed(conf: &Document) -> Vec<Reason> {
    let value = |key: &str| conf.get(&format!("quorum.{key}"));
    let mut reasons = Vec::new();
    if let Some(votes) = value("expected_votes") {
        reasons.push(words::fixed_quorum("expected_votes", votes));
    }
    if let Some(value) = value("two_node").filter(|value| *value != "0") {
        reasons.push(words::fixed_quorum("two_node", value));
    }
    reasons
}

/// A release whose join is known step by step.
pub(crate) fn release(whose: &str, pve: Option<&str>, join_api: Option<u32>) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let major = pve.and_then(|pve| pve.split('.').next()).and_then(|major| major.parse::<u32>().ok());
    if !matches!(major, Some(8 | 9)) {
        reasons.push(words::unknown_release(whose, pve));
    }
    if join_api != Some(1) {
        reasons.push(words::unknown_join_api(whose, join_api));
    }
    reasons
}

/// Whether its links are the cluster's, at addresses that nobody else has.
fn links(offer: &Offer, conf: &Conf, others: &[Offer]) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let name = &offer.node;
    for (link, address) in offer.links.iter().filter(|(link, _)| !conf.links.contains(link)) {
        reasons.push(words::link_not_in_cluster(name, *link, address));
    }
    for link in conf.links.iter().filter(|link| offer.links.iter().all(|(own, _)| own != *link)) {
        reasons.push(words::link_missing(name, *link));
    }
    for (link, address) in &offer.links {
        let text = address.to_string();
        for node in conf.nodes.values().filter(|node| node.name != *name) {
            if node.addresses.values().any(|other| same_address(other, &text)) {
                reasons.push(words::address_taken(name, *link, address, &node.name));
            }
        }
        // each pair is told once
        for other in others {
            if other.links.iter().any(|(_, other)| other == address) {
                reasons.push(words::address_taken(name, *link, address, &other.node));
            }
        }
    }
    reasons
}

/// A node that the cluster lists although it says that it is none of the cluster's.
fn listed(offer: &Offer, nodeid: u32, node: &corosync_document::Node, peer: &Peer) -> Option<Reason> {
    let name = &offer.node;
    if peer.view.corosync.as_ref().is_some_and(|running| running.versions.contains_key(&nodeid)) {
        return Some(words::name_online(name));
    }
    if node.votes > 0 {
        return Some(words::has_votes(name, node.votes));
    }
    let same = offer.links.iter().all(|(link, address)| {
        node.addresses.get(link).is_some_and(|listed| same_address(listed, &address.to_string()))
    });
    let same_id = offer.nodeid.is_none_or(|wanted| wanted == nodeid);
    (!same || !same_id).then(|| words::listed_otherwise(name))
}

/// Why a newcomer gets no vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// The nodelist does not have it.
    NotListed,
    /// corosync does not see it.
    NotSeen,
    /// corosync on it runs another config_version.
    OtherVersion,
    /// pmxcfs does not count it.
    NotSynchronised,
}

impl Missing {
    /// The word for it in the answer.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::NotListed => "not_listed",
            Self::NotSeen => "not_seen",
            Self::OtherVersion => "other_version",
            Self::NotSynchronised => "not_synchronised",
        }
    }
}

/// A node of the nodelist, as a member sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) votes: u32,
    /// What its corosync runs; none when it is not seen.
    pub(crate) runs: Option<u64>,
    /// Whether pmxcfs counts it.
    pub(crate) counted: bool,
}

/// The cluster, as a member sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cluster {
    pub(crate) version: u64,
    pub(crate) nodes: Vec<Node>,
}

impl Cluster {
    /// What is seen of it.
    pub(crate) fn of(peer: &Peer, conf: &Conf) -> Self {
        let node =
            |(nodeid, node): (&u32, &corosync_document::Node)| Node {
                name: node.name.clone(),
                votes: node.votes,
                runs: peer.view.corosync.as_ref().and_then(|running| running.versions.get(nodeid).copied()),
                counted: peer.view.members.as_ref().is_some_and(|table| {
                    table.nodelist.values().any(|seen| seen.id == *nodeid && seen.online)
                }),
            };
        Self { version: conf.config_version, nodes: conf.nodes.iter().map(node).collect() }
    }

    fn missing(&self, name: &str) -> Option<Missing> {
        let Some(node) = self.nodes.iter().find(|node| node.name == name) else {
            return Some(Missing::NotListed);
        };
        match node.runs {
            None => Some(Missing::NotSeen),
            Some(runs) if runs != self.version => Some(Missing::OtherVersion),
            Some(_) if !node.counted => Some(Missing::NotSynchronised),
            Some(_) => None,
        }
    }

    /// The votes that are there and those that are needed, once these nodes have so many.
    fn after(&self, votes: &[(String, u32)]) -> (u32, u32) {
        let of = |node: &Node| {
            votes.iter().find(|(name, _)| *name == node.name).map_or(node.votes, |(_, votes)| *votes)
        };
        let total = self.nodes.iter().filter(|node| node.runs.is_some()).map(of).sum();
        let expected: u32 = self.nodes.iter().map(of).sum();
        (total, expected / 2 + 1)
    }
}

/// What one more version of corosync.conf changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Round {
    /// The votes to give.
    pub(crate) votes: Votes,
    /// Who is not there, and why that is thought.
    pub(crate) absent: Vec<(String, Missing)>,
    /// Who is taken out of the nodelist.
    pub(crate) removed: Vec<String>,
}

impl Round {
    /// Whether anything changes.
    pub(crate) fn is_nothing(&self) -> bool {
        self.votes.is_empty() && self.removed.is_empty()
    }
}

/// Who gets votes now, and who is taken out. A node that has any vote is never touched.
pub(crate) fn round(cluster: &Cluster, asked: &[(String, u32)], absent: Absent) -> Result<Round, Reason> {
    let mut round = Round::default();
    for (name, votes) in asked {
        let node = cluster.nodes.iter().find(|node| node.name == *name);
        if node.is_some_and(|node| node.votes > 0) {
            continue;
        }
        match cluster.missing(name) {
            None => {
                if *votes > 0 {
                    round.votes.push((name.clone(), *votes));
                }
            }
            Some(why) => {
                round.absent.push((name.clone(), why));
                if node.is_some() && absent == Absent::Removed {
                    round.removed.push(name.clone());
                }
            }
        }
    }
    let (total, needed) = cluster.after(&round.votes);
    // Any new version lets corosync count the votes of the file again, also where 'pvecm expected' had lowered them.
    if !round.is_nothing() && total < needed {
        return Err(words::would_cost_quorum(total, needed));
    }
    Ok(round)
}

/// The file with newcomers that have no vote.
pub(crate) fn with_newcomers(before: &Document, newcomers: &[Newcomer]) -> Result<Document, String> {
    let mut after = before.clone();
    for newcomer in newcomers {
        let addresses: Vec<(u8, String)> =
            newcomer.links.iter().map(|(link, address)| (*link, address.to_string())).collect();
        let addresses = addresses.iter().map(|(link, address)| (*link, address.as_str()));
        after.add_node(&newcomer.name, newcomer.nodeid, 0, addresses).map_err(|error| error.to_string())?;
    }
    next_version(before, after)
}

/// The file with what a round changes.
pub(crate) fn with_round(before: &Document, round: &Round) -> Result<Document, String> {
    let mut after = before.clone();
    for (name, votes) in &round.votes {
        after.set_votes(name, *votes).map_err(|error| error.to_string())?;
    }
    for name in &round.removed {
        let place = corosync_document::Place::Node(name.clone());
        after.remove_section(&place).map_err(|error| error.to_string())?;
    }
    next_version(before, after)
}

fn next_version(before: &Document, mut after: Document) -> Result<Document, String> {
    let version = before.config_version().ok_or("it has no config_version")?;
    let next = version.checked_add(1).ok_or("its config_version cannot be raised")?;
    after.set_config_version(next).map_err(|error| error.to_string())?;
    Ok(after)
}
