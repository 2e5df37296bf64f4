// SPDX-License-Identifier: GPL-3.0-or-later
//! What to do next, from what is seen alone: so a rescue that was itself interrupted goes on where it was.

use std::collections::BTreeSet;
use std::net::IpAddr;

use corosync_document::Document;

use crate::look::Look;
use crate::record::Record;

/// A lock that was not renewed for this long has expired; who makes a change renews it every 30 s.
const EXPIRED: u64 = 120;

/// The next thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Nothing any more: the cluster is well.
    Done(&'static str),
    /// Nothing any more, although not all is well.
    Leave(String),
    /// Look again.
    Wait(String),
    /// Give this node the copy, and corosync a new start from it.
    PutBack(Vec<String>),
    /// Give corosync a new start from the file that it has.
    Restart(String),
    /// Give the cluster this text.
    Write(Document, Vec<String>),
    /// Give this node the cluster's text, and corosync a new start from it.
    Adopt(Document),
}

/// How long it has looked in vain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Patience {
    /// Long enough for what takes its time: another node's turn, a link that connects.
    pub(crate) over: bool,
    /// Longer than a whole site takes to start.
    pub(crate) long_over: bool,
    /// Whether the node was started since the rescue was armed.
    pub(crate) rebooted: bool,
}

/// Decides.
pub(crate) fn decide(record: &Record, copy: &Document, look: &Look, patience: Patience) -> Deed {
    let Some(restored) = restored(record, copy) else {
        return Deed::Leave("the version of the copy cannot be raised".to_owned());
    };
    if look.quorate && look.locked_for.is_some_and(|seconds| seconds < EXPIRED) {
        return Deed::Wait("a change of corosync.conf is under way".to_owned());
    }
    let between = restored.config_version().map(|version| version.saturating_sub(1));
    let midway = look.cluster.as_ref().is_some_and(|text| text.config_version() == between);
    let problems = problems(record, look);
    if problems.is_empty() && !midway {
        return Deed::Done(match &look.local {
            Some(local) if same(local, copy) => "nothing was changed",
            Some(local) if same(local, &restored) => "the copy is in use again",
            _ => "the change is in use and has cost nothing",
        });
    }
    if look.quorate {
        quorate(record, copy, look, patience, &restored, problems)
    } else {
        alone(record, copy, look, patience, &restored, problems)
    }
}

/// Without quorum each node can only mend itself.
fn alone(
    record: &Record,
    copy: &Document,
    look: &Look,
    patience: Patience,
    restored: &Document,
    problems: Vec<String>,
) -> Deed {
    let is = |text: &Document| look.local.as_ref().is_some_and(|local| same(local, text));
    if is(restored) {
        return if look.runs && look.version == restored.config_version() {
            Deed::Wait("the copy is in use on this node, which is not quorate yet".to_owned())
        } else {
            Deed::Restart("corosync does not run the copy".to_owned())
        };
    }
    let runs_its_file = look.runs
        && look.refusal.is_none()
        && look.local.as_ref().is_some_and(|local| local.config_version() == look.version);
    if is(copy) && runs_its_file && look.version == Some(record.version) {
        return Deed::Wait("nothing was changed on this node, which is not quorate".to_owned());
    }
    if patience.rebooted && runs_its_file && !patience.long_over {
        // Its file may be the right one, and the others only slower to start: a node alone with a higher version
        // would turn them away.
        return Deed::Wait("this node was started anew, and is not quorate yet".to_owned());
    }
    Deed::PutBack(problems)
}

/// With quorum the cluster's file can be written, and one node does it for all.
fn quorate(
    record: &Record,
    copy: &Document,
    look: &Look,
    patience: Patience,
    restored: &Document,
    problems: Vec<String>,
) -> Deed {
    let wait_or = |deed: Deed, reason: &str| if patience.over { deed } else { Deed::Wait(reason.to_owned()) };
    let told = problems.join("; ");
    let (Some(local), Some(cluster)) = (&look.local, &look.cluster) else {
        return wait_or(Deed::Leave(told.clone()), &told);
    };
    let version = restored.config_version();
    if same(local, restored) {
        if look.version != version {
            return Deed::Restart("corosync does not run the copy".to_owned());
        }
        if same(cluster, restored) {
            return wait_or(Deed::Leave(told.clone()), &told);
        }
        let others: BTreeSet<u64> = look
            .members
            .iter()
            .filter(|(nodeid, _)| **nodeid != record.nodeid)
            .map(|(_, runs)| *runs)
            .collect();
        if others.iter().all(|runs| Some(*runs) == version) {
            return Deed::Write(restored.clone(), vec!["the copy is in use".to_owned()]);
        }
        let reason = "other members do not run the copy";
        // they have a cluster of their own, which nobody had to put back
        let theirs = others.len() == 1 && others.first().copied() == cluster.config_version();
        return wait_or(
            if theirs { Deed::Adopt(cluster.clone()) } else { Deed::Leave(reason.to_owned()) },
            reason,
        );
    }
    if cluster.config_version() > version {
        return wait_or(Deed::Leave(format!("the file was changed further; {told}")), &told);
    }
    if same(local, copy) && same(cluster, copy) && look.version == Some(record.version) {
        return Deed::Leave(format!("the file was not changed; {told}"));
    }
    if same(cluster, restored) {
        // another node has put it back
        let behind = look.version != version && same(local, cluster);
        return wait_or(if behind { Deed::Restart(told.clone()) } else { Deed::Leave(told.clone()) }, &told);
    }
    Deed::Write(next(look, cluster, restored), problems)
}

/// The text on the way from the cluster's to the copy. corosync changes no address of a link that it has: such a link
/// is taken away first, while another one carries.
fn next(look: &Look, cluster: &Document, restored: &Document) -> Document {
    let between = restored.config_version().unwrap_or(0).saturating_sub(1);
    if cluster.config_version() == Some(between) {
        return restored.clone();
    }
    let moved = moved(cluster, restored);
    let peers: BTreeSet<u32> = look.links.keys().map(|(nodeid, _)| *nodeid).collect();
    let carried = peers.iter().all(|peer| {
        look.links.iter().any(|((nodeid, link), runs)| {
            nodeid == peer && runs.connected && !moved.contains(link) && restored.links().contains(link)
        })
    });
    if moved.is_empty() || !carried {
        return restored.clone();
    }
    let mut text = restored.clone();
    for link in &moved {
        if text.remove_link(*link).is_err() {
            return restored.clone();
        }
    }
    if text.set_config_version(between).is_err() { restored.clone() } else { text }
}

/// Links that both texts have, with other addresses.
fn moved(now: &Document, then: &Document) -> BTreeSet<u8> {
    let mut moved = BTreeSet::new();
    for node in now.nodes() {
        for old in then.nodes().into_iter().filter(|old| old.nodeid == node.nodeid) {
            let both = old.addresses.iter().filter(|(link, _)| node.addresses.contains_key(link));
            moved.extend(
                both.filter(|(link, address)| node.addresses.get(link) != Some(address))
                    .map(|(link, _)| *link),
            );
        }
    }
    moved
}

/// The copy under the version that was agreed on.
pub(crate) fn restored(record: &Record, copy: &Document) -> Option<Document> {
    let mut text = copy.clone();
    text.set_config_version(record.restored_version()).ok()?;
    Some(text)
}

/// All that is not well.
fn problems(record: &Record, look: &Look) -> Vec<String> {
    let mut problems = Vec::new();
    if !look.runs {
        problems.push("corosync does not run".to_owned());
    } else if !look.quorate {
        problems.push("this node is not quorate".to_owned());
    }
    if let Some(refusal) = &look.refusal {
        problems.push(format!("corosync would not start from its file: {refusal}"));
    }
    let Some(local) = &look.local else {
        problems.push("corosync has no file".to_owned());
        return problems;
    };
    if look.quorate && look.cluster.as_ref().is_none_or(|cluster| !same(cluster, local)) {
        problems.push("this node's file is not the cluster's".to_owned());
    }
    let version = local.config_version();
    if look.runs && look.version != version {
        problems.push(format!(
            "corosync runs config_version {}, and its file has {}",
            number(look.version),
            number(version)
        ));
    }
    for (nodeid, runs) in look.members.iter().filter(|(_, runs)| Some(**runs) != look.version) {
        problems.push(format!("node {nodeid} runs config_version {runs}"));
    }
    let nodes = local.nodes();
    let address = |nodeid: u32, link: u8| {
        nodes.iter().find(|node| node.nodeid == Some(nodeid)).and_then(|node| node.addresses.get(&link))
    };
    for (nodeid, link) in &record.connected {
        // a link or node that the file does without was taken away on purpose
        if address(*nodeid, *link).is_some()
            && !look.links.get(&(*nodeid, *link)).is_some_and(|runs| runs.connected)
        {
            problems.push(format!("link {link} to node {nodeid} is not connected"));
        }
    }
    for ((nodeid, link), runs) in &look.links {
        let ends = (address(record.nodeid, *link), address(*nodeid, *link));
        if let (Some(here), Some(there)) = ends
            && (differ(here, &runs.local) || differ(there, &runs.remote))
        {
            problems.push(format!(
                "link {link} to node {nodeid} runs from {} to {}, not from {here} to {there}",
                runs.local, runs.remote
            ));
        }
    }
    problems
}

/// Whether these are two addresses. A name in the file says nothing about the address that runs.
fn differ(wanted: &str, runs: &str) -> bool {
    match (wanted.parse::<IpAddr>(), runs.parse::<IpAddr>()) {
        (Ok(wanted), Ok(runs)) => wanted != runs,
        _ => false,
    }
}

/// Whether two texts are the same.
pub(crate) fn same(one: &Document, two: &Document) -> bool {
    one.to_bytes() == two.to_bytes()
}

fn number(version: Option<u64>) -> String {
    version.map_or_else(|| "none".to_owned(), |version| version.to_string())
}
