// SPDX-License-Identifier: GPL-3.0-or-later
//! Every order of events that two, three or four nodes can see between the arming and the end, walked with the product's own [`decide`].
//!
//! What corosync and pmxcfs do is abstract: who hears whom, who has which file and runs which version (FACTS in docs/BEHAVIOUR.md). Time is
//! not in it: a timer may be early or late, and patience may end before or after anything else happens.

mod cluster;
mod ha;
mod texts;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use corosync_document::Document;
use stateright::{Checker, Model, Property};

use crate::decide::{Deed, Patience, decide};
use crate::record::{Record, digest, nodes};
use cluster::{Cluster, Cut, Seen};
use texts::{AFTER, BAD, BEFORE, File, RESTORED, VERSION, file_of, text};

/// A rule that was wrong once; the model must find what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Rule {
    Product,
    /// The copy goes back over whatever is there.
    AnyText,
    /// A node that ran the copy alone took the cluster's file, where the others could spare it.
    Adopt,
    /// Quorum was only believed of a node whose /etc/pve is mounted.
    Mounted,
    /// Called off without a word to the others.
    NoProof,
    /// A node that lags the restored file was left.
    LeftBehind,
    /// Two versions were left once the copy was in use.
    NotWaited,
}

/// A deed, with the file that it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Done,
    End,
    Wait,
    Later,
    PutBack,
    Restart,
    Write(File),
    Raise(File),
    Follow,
    Reload,
}

type Key = (usize, u8, Rule, usize, Seen, [bool; 4]);

thread_local! {
    static KNOWN: RefCell<HashMap<Key, Act>> = RefCell::default();
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Event {
    Change,
    Undo,
    Confirm,
    CallOff(usize),
    Rescue(usize, Patience),
    Fault(Cut),
    Heal,
}

struct Change {
    nodes: usize,
    /// What the change brings.
    after: u8,
    faults: u8,
    rule: Rule,
}

impl Change {
    fn record(&self, node: usize, seen: &Cluster) -> Record {
        let copy = text(self.nodes, BEFORE, VERSION);
        let after = text(self.nodes, self.after, VERSION);
        let id = |node: usize| u32::try_from(node).unwrap() + 1;
        let mut record = Record {
            nodeid: id(node),
            version: VERSION,
            nodes: nodes(&copy).unwrap(),
            intended: [&copy, &after].map(digest).into(),
            connected: (0..self.nodes).filter(|peer| *peer != node).map(|peer| (id(peer), 0)).collect(),
            ..Record::default()
        };
        if self.rule == Rule::AnyText {
            let this = &seen.nodes[node];
            for file in [this.local, this.db.file] {
                let text = text(self.nodes, file.text, file.version);
                record.nodes = nodes(&text).unwrap();
                record.intended.insert(digest(&text));
            }
        }
        record
    }

    /// What the product decides. It is asked once for all that looks alike to it: reading a file is what takes the time.
    fn decided(&self, seen: &Cluster, node: usize, patience: Patience) -> Act {
        let Patience { over, long_over, restarted, started, .. } = patience;
        let flags = [over, long_over, restarted, started];
        let key = (self.nodes, self.after, self.rule, node, seen.seen_by(node), flags);
        if let Some(known) = KNOWN.with_borrow(|known| known.get(&key).copied()) {
            return known;
        }
        let act = self.asked(seen, node, patience);
        KNOWN.with_borrow_mut(|known| known.insert(key, act));
        act
    }

    fn asked(&self, seen: &Cluster, node: usize, patience: Patience) -> Act {
        let mut look = seen.look(node);
        if self.rule == Rule::Mounted && look.cluster.is_none() {
            look.quorate = false;
        }
        if self.rule == Rule::NoProof {
            look.proof = None;
        }
        let record = self.record(node, seen);
        let file = |text: &Document| file_of(self.nodes, text);
        match (self.rule, decide(&record, &text(self.nodes, BEFORE, VERSION), &look, patience)) {
            (Rule::LeftBehind, Deed::Follow(_) | Deed::Reload(_)) => Act::End,
            (Rule::NotWaited, Deed::Later(_)) => Act::End,
            (_, Deed::Done(_)) => Act::Done,
            (_, Deed::Leave(_)) => Act::End,
            (_, Deed::Wait(_)) => Act::Wait,
            (_, Deed::Later(_)) => Act::Later,
            (_, Deed::PutBack(_)) => Act::PutBack,
            (_, Deed::Restart(_)) => Act::Restart,
            (_, Deed::Write(text, _)) => Act::Write(file(&text)),
            (_, Deed::Raise(text)) => Act::Raise(file(&text)),
            (_, Deed::Follow(_)) => Act::Follow,
            (_, Deed::Reload(_)) => Act::Reload,
        }
    }

    /// Which ends of its patience a rescue can come to now, each after the one before it brought nothing.
    fn patience(&self, seen: &Cluster, node: usize) -> Vec<Patience> {
        let new = Patience { rebooted: seen.nodes[node].rebooted, ..Patience::default() };
        let over = Patience { over: true, ..new };
        let mut found = vec![new];
        let first = self.decided(seen, node, new);
        if matches!(first, Act::Wait | Act::Follow | Act::Reload) {
            found.extend([over, Patience { restarted: true, ..over }]);
        }
        if first == Act::Wait {
            found.push(Patience { long_over: true, ..over });
        }
        // it has started corosync, which is gone again
        if first == Act::Restart {
            found.push(Patience { started: true, ..new });
        }
        found
    }

    /// What becomes of the cluster when a rescue does what it decided.
    fn done(&self, before: &Cluster, node: usize, act: Act) -> Cluster {
        let mut after = before.clone();
        let component = before.component(node);
        match act {
            Act::Done => {
                after.nodes[node].armed = false;
                if self.rule != Rule::NoProof {
                    after.prove(node);
                }
            }
            Act::End => after.nodes[node].armed = false,
            Act::Wait | Act::Later => return after,
            Act::PutBack => {
                let there = before.nodes[node].local.text;
                if before.listed(there) != before.listed(BEFORE) {
                    after.wrong = Some("the copy went back over another set of nodes");
                }
                // corosync goes away for a moment
                if before.quorate(&component) {
                    after.wrong = Some("a quorate node was put back by itself");
                }
                after.nodes[node].local = File { text: BEFORE, version: RESTORED };
                after.restart(node);
            }
            Act::Restart => {
                let others: BTreeSet<usize> =
                    component.iter().copied().filter(|other| *other != node).collect();
                if before.quorate(&component) && !before.spare(node) {
                    return after;
                }
                if before.quorate(&component)
                    && others.len() + 1 == before.nodes.len()
                    && !before.quorate(&others)
                {
                    after.wrong = Some("a restart lost the quorum");
                }
                after.restart(node);
            }
            Act::Raise(_) if self.rule == Rule::Adopt => {
                if !before.spare(node) {
                    return after;
                }
                after.nodes[node].local = before.nodes[node].db.file;
                after.restart(node);
            }
            Act::Write(file) | Act::Raise(file) => {
                let old = before.nodes[node].db.file;
                if before.listed(file.text) != before.listed(old.text) {
                    after.wrong = Some("the cluster's file was written with another set of nodes");
                }
                if before.proved && file.text != before.nodes[node].db.file.text {
                    after.wrong = Some("a change that every node has proved was undone");
                }
                if file.version > 3 * RESTORED {
                    after.wrong = Some("it does not end");
                }
                after.write(node, file);
            }
            Act::Follow => {
                after.nodes[node].local = before.nodes[node].db.file;
                after.reload(node);
            }
            Act::Reload => after.reload(node),
        }
        after.settle();
        after
    }

    /// Whether nothing is to come any more: all is healed, and no rescue changes anything.
    fn is_over(&self, seen: &Cluster) -> bool {
        let whole = seen.nodes.iter().all(|node| node.up && node.mounted && !node.isolated);
        whole
            && (0..self.nodes).filter(|node| seen.nodes[*node].armed).all(|node| {
                self.patience(seen, node)
                    .into_iter()
                    .all(|patience| self.done(seen, node, self.decided(seen, node, patience)) == *seen)
            })
    }
}

impl Model for Change {
    type State = Cluster;
    type Action = Event;

    fn init_states(&self) -> Vec<Cluster> {
        vec![Cluster::armed(self.nodes, self.faults)]
    }

    fn actions(&self, seen: &Cluster, events: &mut Vec<Event>) {
        if seen.wrong.is_some() {
            return;
        }
        let quorate = seen.quorate(&seen.component(0)) && seen.nodes[0].mounted;
        // the role arms every node first
        if !seen.begun && quorate && seen.nodes.iter().all(|node| node.armed) {
            events.push(Event::Change);
        }
        if seen.begun && !seen.ended && quorate && seen.nodes[0].db.file.text == self.after {
            events.push(Event::Undo);
        }
        if seen.begun && !seen.ended && seen.all_run(self.after) {
            events.push(Event::Confirm);
        }
        for node in 0..self.nodes {
            let this = &seen.nodes[node];
            if seen.confirmed && this.armed && this.up && (self.rule == Rule::NoProof || seen.proves(node)) {
                events.push(Event::CallOff(node));
            }
            if this.armed && this.up {
                events.extend(
                    self.patience(seen, node).into_iter().map(|patience| Event::Rescue(node, patience)),
                );
            }
        }
        events.extend(seen.cuts().into_iter().map(Event::Fault));
        if seen.nodes.iter().any(|node| !node.up || !node.mounted || node.isolated) {
            events.push(Event::Heal);
        }
    }

    fn next_state(&self, seen: &Cluster, event: Event) -> Option<Cluster> {
        let mut after = seen.clone();
        match event {
            Event::Change | Event::Undo => {
                let undo = event == Event::Undo;
                let version = seen.nodes[0].db.file.version + 1;
                (after.begun, after.ended) = (true, undo);
                after.write(0, File { text: if undo { BEFORE } else { self.after }, version });
                // the module says that it did not reach every node
                after.reported |=
                    !after.nodes.iter().all(|node| node.db.file == after.nodes[0].db.file && node.up);
            }
            Event::Confirm => (after.ended, after.confirmed) = (true, true),
            Event::CallOff(node) => {
                after.nodes[node].armed = false;
                if self.rule != Rule::NoProof {
                    after.prove(node);
                }
                after.proved = seen.nodes[node].db.file.text == self.after;
            }
            Event::Rescue(node, patience) => {
                after = self.done(seen, node, self.decided(seen, node, patience));
            }
            Event::Fault(cut) => after.cut(cut),
            Event::Heal => after.heal(),
        }
        after.settle();
        (after != *seen).then_some(after)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("nothing wrong is done", |_, seen: &Cluster| seen.wrong.is_none()),
            Property::always(
                "nodes that see each other run one version in the end",
                // who changes it by hand, or has told of a node that it did not reach, sees to that
                |model: &Self, seen: &Cluster| {
                    seen.foreign || seen.reported || seen.one_version() || !model.is_over(seen)
                },
            ),
            Property::always("a proved change is in use in the end", |model: &Self, seen: &Cluster| {
                !seen.proved || seen.foreign || seen.all_run(model.after) || !model.is_over(seen)
            }),
            Property::always("quorum is there in the end", |model: &Self, seen: &Cluster| {
                seen.foreign || seen.any_quorum() || !model.is_over(seen)
            }),
        ]
    }
}

/// Walks all of it; the number of states, and what was broken first.
fn walk(nodes: usize, after: u8, faults: u8, rule: Rule) -> (usize, Vec<String>) {
    let checker = Change { nodes, after, faults, rule }.checker().threads(2).spawn_bfs().join();
    let found = checker.discoveries().into_iter().map(|(name, path)| {
        let last = path.last_state().wrong.unwrap_or_default();
        let steps: Vec<String> = path.into_actions().iter().map(|event| format!("{event:?}")).collect();
        format!("{name} {last}: {}", steps.join(" -> "))
    });
    (checker.unique_state_count(), found.collect())
}

/// How many faults are explored; more by `RESCUE_MODEL_FAULTS`.
#[expect(clippy::disallowed_methods, reason = "a test that is asked to walk further, not a module")]
fn faults(least: u8) -> u8 {
    std::env::var("RESCUE_MODEL_FAULTS").ok().and_then(|text| text.parse().ok()).unwrap_or(0).max(least)
}

#[test]
fn two_nodes_keep_every_promise() {
    for after in [AFTER, BAD] {
        let (states, broken) = walk(2, after, faults(1), Rule::Product);
        println!("2 nodes, text {after}: {states} states");
        assert_eq!(broken, Vec::<String>::new());
        assert!(states > 100, "{states}");
    }
}

#[test]
fn three_nodes_keep_every_promise() {
    for after in [AFTER, BAD] {
        let (states, broken) = walk(3, after, faults(1), Rule::Product);
        println!("3 nodes, text {after}: {states} states");
        assert_eq!(broken, Vec::<String>::new());
        assert!(states > 1000, "{states}");
    }
}

#[test]
fn four_nodes_keep_every_promise() {
    let (states, broken) = walk(4, AFTER, faults(1), Rule::Product);
    println!("4 nodes: {states} states");
    assert_eq!(broken, Vec::<String>::new());
    assert!(states > 1000, "{states}");
}

/// Each of these was a rule of the product, and each breaks a promise that the product keeps with as many faults.
#[test]
fn every_rule_that_was_wrong_is_found() {
    const WRONG: &str = "nothing wrong is done";
    const VERSIONS: &str = "nodes that see each other run one version in the end";
    for (nodes, faults, rule, promise) in [
        (2, 2, Rule::AnyText, WRONG),
        (2, 2, Rule::Adopt, VERSIONS),
        (2, 1, Rule::Mounted, WRONG),
        (2, 1, Rule::NoProof, WRONG),
        (3, 1, Rule::LeftBehind, VERSIONS),
        (3, 1, Rule::NotWaited, VERSIONS),
    ] {
        let breaks = |rule| {
            let (states, broken) = walk(nodes, AFTER, faults, rule);
            println!("{rule:?}: {states} states: {broken:?}");
            broken.iter().any(|found| found.starts_with(promise))
        };
        assert!(breaks(rule), "{rule:?}");
        assert!(!breaks(Rule::Product), "{rule:?}");
    }
}
