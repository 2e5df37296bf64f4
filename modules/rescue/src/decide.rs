// SPDX-License-Identifier: GPL-3.0-or-later
//! What to do next, from what is seen alone: so a rescue that was itself interrupted goes on where it was.
//!
//! docs/DESIGN.md, "The rescue", has the states and who may leave each of them by what proof.

use std::collections::BTreeSet;
use std::net::IpAddr;

use corosync_document::Document;

use crate::look::Look;
use crate::record::{Record, digest};

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
    /// Nothing now: the copy is in use, and a node is missing that may come back with another version. Look again later.
    Later(String),
    /// Give this node the copy, and restart corosync with it.
    PutBack(Vec<String>),
    /// Restart corosync with the file that it has.
    Restart(String),
    /// Give the cluster this text: the copy, or a step on the way to it.
    Write(Document, Vec<String>),
    /// Give the cluster its own text once more, under a version above all that run.
    Raise(Document),
    /// Give this node the cluster's file, which it lags behind, and have corosync load it.
    Follow(Document),
    /// Have corosync on every node load its file once more.
    Reload(String),
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
    /// Whether the record is too old to act on.
    pub(crate) expired: bool,
    /// Whether this run has restarted corosync on this quorate node already: once more would be one more outage for nothing.
    pub(crate) restarted: bool,
    /// Whether this run has started a corosync that did not run, with the file that it had.
    pub(crate) started: bool,
}

/// Something that is not well.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Problem {
    /// Whether it is no more than a node that has not followed a file yet.
    lag: bool,
    told: String,
}

fn problem(told: impl Into<String>) -> Problem {
    Problem { lag: false, told: told.into() }
}

fn lag(told: impl Into<String>) -> Problem {
    Problem { lag: true, told: told.into() }
}

/// Decides.
pub(crate) fn decide(record: &Record, copy: &Document, look: &Look, patience: Patience) -> Deed {
    if patience.expired {
        return Deed::Leave(
            "it was armed too long ago: nothing is known of what was changed since".to_owned(),
        );
    }
    let Some(restored) = restored(record, copy) else {
        return Deed::Leave("the version of the copy cannot be raised".to_owned());
    };
    if look.quorate && look.locked_for.is_some_and(|seconds| seconds < EXPIRED) {
        return Deed::Wait("a change of corosync.conf is under way".to_owned());
    }
    if !look.unknown.is_empty() {
        let told = look.unknown.join("; ");
        return if patience.long_over { Deed::Leave(told) } else { Deed::Wait(told) };
    }
    let problems = problems(record, look);
    let midway = look.cluster.as_ref().is_some_and(|text| is_step(text, &restored));
    if problems.is_empty() && !midway {
        return Deed::Done(match &look.local {
            Some(local) if same(local, copy) => "nothing was changed",
            Some(local) if same(local, &restored) => "the copy is in use again",
            _ => "the change is in use and did no harm",
        });
    }
    let case = Case { record, copy, look, patience, restored: &restored, problems };
    if look.quorate { case.quorate() } else { case.alone() }
}

/// A node on which not all is well.
struct Case<'a> {
    record: &'a Record,
    copy: &'a Document,
    look: &'a Look,
    patience: Patience,
    restored: &'a Document,
    problems: Vec<Problem>,
}

impl Case<'_> {
    fn wait_or(&self, deed: Deed, reason: &str) -> Deed {
        if self.patience.over { deed } else { Deed::Wait(reason.to_owned()) }
    }

    fn reasons(&self) -> Vec<String> {
        self.problems.iter().map(|problem| problem.told.clone()).collect()
    }

    fn told(&self) -> String {
        self.reasons().join("; ")
    }

    /// Why the rescue has no business with this text; none where it guards it.
    fn foreign(&self, text: &Document, name: &str) -> Option<String> {
        if is_step(text, self.restored) || self.record.intends(text) {
            return None;
        }
        let what = if self.record.has_its_nodes(text) {
            "has a text that the change did not bring"
        } else {
            "has other nodes than when the rescue was armed"
        };
        Some(format!("{name} {what}: somebody else has changed it, and it is left as it is; {}", self.told()))
    }

    /// Whether every node has proved this text, so that it is not undone any more, whatever is wrong now.
    fn is_proved(&self, text: &Document) -> bool {
        self.look.proof.as_ref().is_some_and(|proof| proof.holds(self.record, text))
    }

    /// Without quorum each node can only repair itself.
    fn alone(self) -> Deed {
        let Self { copy, look, patience, restored, .. } = &self;
        let Some(local) = &look.local else {
            return self.wait_or(Deed::Leave(self.told()), &self.told());
        };
        let runs_its_file = look.runs && look.refusal.is_none() && local.config_version() == look.version;
        if same(local, restored) {
            return if runs_its_file {
                Deed::Wait("the copy is in use on this node, which is not quorate yet".to_owned())
            } else {
                Deed::Restart("corosync does not run the copy".to_owned())
            };
        }
        // what others agreed on and this node has heard of counts like its own file
        let known = [(Some(local), "this node's file"), (look.cluster.as_ref(), "the cluster's file")];
        for (text, name) in known {
            if let Some(foreign) = text.and_then(|text| self.foreign(text, name)) {
                return self.wait_or(Deed::Leave(foreign.clone()), &foreign);
            }
        }
        if local.config_version() > restored.config_version() {
            // a lower version would part this node from the others for good
            let further = format!("the file was changed further; {}", self.told());
            return self.wait_or(Deed::Leave(further.clone()), &further);
        }
        if look.cluster.is_none() && !patience.long_over {
            // whether every node has proved the change is written there
            return Deed::Wait("'/etc/pve' is not mounted".to_owned());
        }
        // a proof of the text that this rescue was armed with is one of an earlier change, and the others may have gone on since
        if self.is_proved(local) && !same(local, copy) {
            return if runs_its_file {
                Deed::Wait("every node has proved the change, and this node is not quorate now".to_owned())
            } else {
                Deed::Restart("corosync does not run the change that every node has proved".to_owned())
            };
        }
        if digest(local) == digest(copy) && runs_its_file {
            // the same text under another version would help nobody, and turn others away
            return Deed::Wait("nothing was changed on this node, which is not quorate".to_owned());
        }
        if patience.rebooted && runs_its_file && !patience.long_over {
            // Its file may be the right one, and the others only slower to start: a node alone with a higher version
            // would turn them away.
            return Deed::Wait("this node was restarted, and is not quorate yet".to_owned());
        }
        // Its file is one of the change's, so it may be what the others run: a corosync that somebody has stopped, or that has died, is no
        // reason to part from them.
        if !look.runs && look.refusal.is_none() && !patience.started {
            return Deed::Restart("corosync does not run".to_owned());
        }
        if patience.started && runs_its_file && !patience.over {
            return Deed::Wait("corosync was started on this node, which is not quorate yet".to_owned());
        }
        Deed::PutBack(self.reasons())
    }

    /// With quorum the cluster's file can be written, and one node does it for all.
    fn quorate(self) -> Deed {
        let Self { record, copy, look, patience, restored, .. } = &self;
        let told = self.told();
        let (true, Some(cluster)) = (look.writable, &look.cluster) else {
            // nothing of it is a reason to undo a change: pmxcfs may be restarting
            return if patience.long_over { Deed::Leave(told) } else { Deed::Wait(told) };
        };
        let Some(version) = cluster.config_version() else {
            return self.wait_or(Deed::Leave(told.clone()), &told);
        };
        if self.runs_above(version) {
            return self.converge(cluster);
        }
        if let Some(foreign) = self.foreign(cluster, "the cluster's file") {
            return self.wait_or(Deed::Leave(foreign.clone()), &foreign);
        }
        if same(cluster, restored) {
            return self.settle(cluster, Deed::Later(told));
        }
        if self.is_proved(cluster) {
            return self.settle(cluster, Deed::Leave(format!("every node has proved the change; {told}")));
        }
        if Some(version) > restored.config_version() {
            return self.settle(cluster, Deed::Leave(format!("the file was changed further; {told}")));
        }
        let unchanged = look.local.as_ref().is_some_and(|local| same(local, copy)) && same(cluster, copy);
        if unchanged && look.version == Some(record.version) {
            return Deed::Leave(format!("the file was not changed; {told}"));
        }
        let undo = Deed::Write(next(look, cluster, restored), self.reasons());
        if self.problems.iter().all(|problem| problem.lag) && !is_step(cluster, restored) {
            return self.settle(cluster, undo);
        }
        undo
    }

    /// Whether a node runs a version above this one, or this node would start with one.
    fn runs_above(&self, version: u64) -> bool {
        let own = self.look.local.as_ref().and_then(Document::config_version);
        let mut runs = self.look.members.values().copied().chain(self.look.version).chain(own);
        runs.any(|runs| runs > version)
    }

    /// Some node has put the copy back by itself, and the cluster's file is below it: the copy where nobody has proved the change, and else the
    /// cluster's own text above all.
    fn converge(self, cluster: &Document) -> Deed {
        let Self { record, look, restored, .. } = &self;
        let told = self.told();
        let foreign = self.foreign(cluster, "the cluster's file");
        let own = look.local.as_ref().and_then(Document::config_version);
        let highest = look.members.values().copied().chain(look.version).chain(own).max();
        if foreign.is_none() && !self.is_proved(cluster) && highest <= restored.config_version() {
            // nobody has proved the change, and some node had cause to put the copy back
            return Deed::Write(next(look, cluster, restored), vec!["the copy is in use".to_owned()]);
        }
        // a file with too low a version that nobody runs is somebody's mistake, and not to be put into use
        let mut others = look.members.iter().filter(|(nodeid, _)| **nodeid != record.nodeid);
        let used = others.any(|(_, runs)| Some(*runs) == cluster.config_version());
        match (foreign, raised(look, cluster)) {
            (Some(foreign), _) if !used => self.wait_or(Deed::Leave(foreign.clone()), &foreign),
            (_, None) => self.wait_or(Deed::Leave(told.clone()), &told),
            // others may be about to put the copy back, too
            (_, Some(text)) => {
                self.wait_or(Deed::Raise(text), "members run another version than the cluster's file has")
            }
        }
    }

    /// The cluster's file is as it should stay: has every node that is seen follow it. Where that does not help, `end`.
    fn settle(self, cluster: &Document, end: Deed) -> Deed {
        let Self { look, patience, .. } = &self;
        let version = cluster.config_version();
        let behind = look.local.as_ref().is_none_or(|local| !same(local, cluster));
        let own = look.version != version || self.runs_elsewhere();
        let others = look.members.values().any(|runs| Some(*runs) != version);
        let told = || "not every member runs the cluster's file".to_owned();
        match (patience.over, behind, own, others) {
            (false, true, ..) => Deed::Follow(cluster.clone()),
            (false, false, true, _) | (false, false, _, true) => Deed::Reload(told()),
            (false, false, false, false) => Deed::Wait(self.told()),
            // a reload does not do everything that a restart does
            (true, false, true, _) if look.spare && !patience.restarted => Deed::Restart(told()),
            (true, ..) => match end {
                // a member that lags would be turned away at its next start
                Deed::Leave(why) if behind || own || others => Deed::Later(why),
                end => end,
            },
        }
    }

    /// Whether a link that corosync has runs between other addresses than the file says.
    fn runs_elsewhere(&self) -> bool {
        let local = self.look.local.as_ref();
        local.is_some_and(|local| !elsewhere(self.record, self.look, local).is_empty())
    }
}

/// The cluster's own text under a version above all that run or lie anywhere this node can see.
fn raised(look: &Look, cluster: &Document) -> Option<Document> {
    let own = look.local.as_ref().and_then(Document::config_version);
    let all = look.members.values().copied().chain(look.version).chain(own).chain(cluster.config_version());
    let mut text = cluster.clone();
    text.set_config_version(all.max()?.checked_add(1)?).ok()?;
    Some(text)
}

/// The text on the way from the cluster's to the copy. corosync changes no address of a link that it has: such a link
/// is taken away first, while another one carries.
fn next(look: &Look, cluster: &Document, restored: &Document) -> Document {
    let between = restored.config_version().unwrap_or(0).saturating_sub(1);
    if is_step(cluster, restored) {
        return restored.clone();
    }
    let moved = moved(cluster, restored);
    // Not collected: that would sort first, by code of its own.
    let mut peers = BTreeSet::new();
    peers.extend(look.links.keys().map(|(nodeid, _)| *nodeid));
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

/// Whether this is the rescue's own step on the way to the copy: the copy without some of its links, under the version before it.
fn is_step(text: &Document, restored: &Document) -> bool {
    let Some(between) = restored.config_version().and_then(|version| version.checked_sub(1)) else {
        return false;
    };
    if text.config_version() != Some(between) {
        return false;
    }
    let mut step = restored.clone();
    for link in restored.links().difference(&text.links()) {
        if step.remove_link(*link).is_err() {
            return false;
        }
    }
    step.set_config_version(between).is_ok() && same(&step, text)
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
fn problems(record: &Record, look: &Look) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !look.runs {
        problems.push(problem("corosync does not run"));
    } else if !look.quorate {
        problems.push(problem("this node is not quorate"));
    } else if !look.writable || look.cluster.is_none() {
        problems.push(problem("'/etc/pve' is not writable, although corosync is quorate"));
    }
    if let Some(refusal) = &look.refusal {
        problems.push(problem(format!("corosync would not start from its file: {refusal}")));
    }
    let Some(local) = &look.local else {
        problems.push(lag("corosync has no file"));
        return problems;
    };
    if look.quorate && look.cluster.as_ref().is_some_and(|cluster| !same(cluster, local)) {
        problems.push(lag("this node's file is not the cluster's"));
    }
    let version = local.config_version();
    if look.runs && look.version != version {
        problems.push(lag(format!(
            "corosync runs config_version {}, and its file has {}",
            number(look.version),
            number(version)
        )));
    }
    for (nodeid, runs) in look.members.iter().filter(|(_, runs)| Some(**runs) != look.version) {
        problems.push(lag(format!("node {nodeid} runs config_version {runs}")));
    }
    let nodes = local.nodes();
    for (nodeid, link) in &record.connected {
        // a link or node that the file does without was taken away on purpose
        let listed =
            nodes.iter().any(|node| node.nodeid == Some(*nodeid) && node.addresses.contains_key(link));
        if listed && !look.links.get(&(*nodeid, *link)).is_some_and(|runs| runs.connected) {
            problems.push(problem(format!("link {link} to node {nodeid} is not connected")));
        }
    }
    problems.extend(elsewhere(record, look, local).into_iter().map(problem));
    problems
}

/// The links that run between other addresses than the file says.
fn elsewhere(record: &Record, look: &Look, local: &Document) -> Vec<String> {
    let nodes = local.nodes();
    let address = |nodeid: u32, link: u8| {
        nodes.iter().find(|node| node.nodeid == Some(nodeid)).and_then(|node| node.addresses.get(&link))
    };
    let mut found = Vec::new();
    for ((nodeid, link), runs) in &look.links {
        let ends = (address(record.nodeid, *link), address(*nodeid, *link));
        if let (Some(here), Some(there)) = ends
            && (differ(here, &runs.local) || differ(there, &runs.remote))
        {
            found.push(format!(
                "link {link} to node {nodeid} runs from {} to {}, not from {here} to {there}",
                runs.local, runs.remote
            ));
        }
    }
    found
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

pub(crate) fn number(version: Option<u64>) -> String {
    version.map_or_else(|| "none".to_owned(), |version| version.to_string())
}
