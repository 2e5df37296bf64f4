// SPDX-License-Identifier: GPL-3.0-or-later
//! What corosync, pmxcfs and the network do.

use std::collections::{BTreeMap, BTreeSet};

use crate::look::{Link, Look};
use crate::proof::Proof;

use super::texts::{ADDED, BAD, BEFORE, EDITED, File, REMOVED, VERSION, listed, text};

/// What pmxcfs of a node has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Database {
    pub(super) file: File,
    proof: Option<File>,
    /// Who has written last is right.
    writes: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Node {
    pub(super) up: bool,
    pub(super) isolated: bool,
    pub(super) mounted: bool,
    pub(super) local: File,
    /// What corosync runs; none when it does not.
    pub(super) runs: Option<File>,
    /// Whether it has met nobody since it was started: then it compares versions, and ends where its own is lower.
    alone: bool,
    pub(super) db: Database,
    pub(super) armed: bool,
    pub(super) rebooted: bool,
}

/// All that a look can depend on.
pub(super) type Seen = (Node, Vec<(usize, Option<File>)>, bool, bool);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    Network(usize),
    Everything,
    Power(usize),
    Pmxcfs(usize),
    Edit,
    Add,
    Remove,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Cluster {
    pub(super) nodes: Vec<Node>,
    faults: u8,
    pub(super) begun: bool,
    pub(super) ended: bool,
    pub(super) confirmed: bool,
    pub(super) proved: bool,
    pub(super) foreign: bool,
    pub(super) reported: bool,
    /// A promise that was broken in the doing.
    pub(super) wrong: Option<&'static str>,
}

impl Cluster {
    pub(super) fn armed(nodes: usize, faults: u8) -> Self {
        let file = File { text: BEFORE, version: VERSION };
        let node = Node {
            up: true,
            isolated: false,
            mounted: true,
            local: file,
            runs: Some(file),
            alone: false,
            db: Database { file, proof: None, writes: 0 },
            armed: true,
            rebooted: false,
        };
        Self {
            nodes: vec![node; nodes],
            faults,
            begun: false,
            ended: false,
            confirmed: false,
            proved: false,
            foreign: false,
            reported: false,
            wrong: None,
        }
    }

    pub(super) fn listed(&self, text: u8) -> usize {
        listed(self.nodes.len(), text)
    }

    /// The nodes that this one hears, with itself; none when its corosync does not run.
    pub(super) fn component(&self, node: usize) -> BTreeSet<usize> {
        let hears = |node: usize| {
            let this = &self.nodes[node];
            let text = this.runs.map(|runs| runs.text);
            this.up && !this.isolated && text.is_some_and(|text| text != BAD)
        };
        let this = &self.nodes[node];
        if !this.up || this.runs.is_none() {
            return BTreeSet::new();
        }
        if !hears(node) {
            return BTreeSet::from([node]);
        }
        let lists = |one: usize, other: usize| {
            self.nodes[one].runs.is_some_and(|runs| other < self.listed(runs.text))
        };
        (0..self.nodes.len())
            .filter(|other| *other == node || hears(*other) && lists(node, *other) && lists(*other, node))
            .collect()
    }

    pub(super) fn quorate(&self, component: &BTreeSet<usize>) -> bool {
        let Some(first) = component.first() else { return false };
        let Some(runs) = self.nodes[*first].runs else { return false };
        // a node that was added is there
        let others = usize::from(runs.text == ADDED && !self.nodes[*first].isolated);
        component.len() + others > self.listed(runs.text) / 2
    }

    pub(super) fn spare(&self, node: usize) -> bool {
        let mut others = self.component(node);
        let quorate = self.quorate(&others);
        others.remove(&node);
        quorate && self.quorate(&others)
    }

    pub(super) fn writable(&self, node: usize) -> bool {
        self.nodes[node].mounted && self.quorate(&self.component(node))
    }

    pub(super) fn seen_by(&self, node: usize) -> Seen {
        let component = self.component(node);
        let runs = component.iter().map(|member| (*member, self.nodes[*member].runs)).collect();
        (self.nodes[node].clone(), runs, self.quorate(&component), self.spare(node))
    }

    /// Whether a rescue may be called off on this node, see `arm::prove`.
    pub(super) fn proves(&self, node: usize) -> bool {
        let this = &self.nodes[node];
        let all = self
            .component(node)
            .iter()
            .all(|member| self.nodes[*member].runs.map(|runs| runs.version) == Some(this.db.file.version));
        self.writable(node) && this.local == this.db.file && all
    }

    pub(super) fn look(&self, node: usize) -> Look {
        let this = &self.nodes[node];
        let count = self.nodes.len();
        let document = |file: File| text(count, file.text, file.version);
        let id = |node: usize| u32::try_from(node).unwrap() + 1;
        let component = self.component(node);
        let mut members: BTreeMap<u32, u64> = BTreeMap::new();
        for member in &component {
            members.extend(self.nodes[*member].runs.map(|runs| (id(*member), runs.version)));
        }
        let mut links = BTreeMap::new();
        if let Some(runs) = this.runs {
            if runs.text == ADDED && !this.isolated {
                members.insert(id(count), this.db.file.version);
            }
            let nodes = document(runs).nodes();
            for peer in (0..nodes.len()).filter(|peer| *peer != node) {
                let address =
                    |node: usize| nodes.get(node).map(|node| node.addresses[&0].clone()).unwrap_or_default();
                let connected = component.contains(&peer);
                links.insert((id(peer), 0), Link { connected, local: address(node), remote: address(peer) });
            }
        }
        let proof = |file: File| Proof::of(&document(file)).unwrap();
        Look {
            runs: this.runs.is_some(),
            quorate: self.quorate(&component),
            writable: self.writable(node),
            nodeid: this.runs.map(|_| id(node)),
            spare: self.spare(node),
            version: this.runs.map(|runs| runs.version),
            members,
            links,
            local: Some(document(this.local)),
            cluster: this.mounted.then(|| document(this.db.file)),
            proof: if this.mounted { this.db.proof.map(proof) } else { None },
            ..Look::default()
        }
    }

    pub(super) fn restart(&mut self, node: usize) {
        let this = &mut self.nodes[node];
        (this.runs, this.alone) = (Some(this.local), true);
    }

    /// Every node that is heard loads its file; what is lower than what it runs is a fault of the file, and loaded all the same.
    pub(super) fn reload(&mut self, node: usize) {
        for member in self.component(node) {
            let this = &mut self.nodes[member];
            this.runs = Some(this.local);
        }
    }

    /// Writes the cluster's file, which every member copies and loads.
    pub(super) fn write(&mut self, node: usize, file: File) {
        if !self.writable(node) {
            return;
        }
        let this = &mut self.nodes[node];
        (this.db.file, this.db.writes) = (file, this.db.writes + 1);
        self.synchronize();
        self.reload(node);
        self.settle();
    }

    pub(super) fn prove(&mut self, node: usize) {
        let this = &mut self.nodes[node];
        if this.db.proof != Some(this.db.file) {
            (this.db.proof, this.db.writes) = (Some(this.db.file), this.db.writes + 1);
        }
        self.synchronize();
    }

    /// pmxcfs of quorate nodes that hear each other has one database, and copies a newer file to where corosync starts from.
    fn synchronize(&mut self) {
        for node in 0..self.nodes.len() {
            let component = self.component(node);
            if !self.quorate(&component) {
                continue;
            }
            let mounted: Vec<usize> =
                component.into_iter().filter(|member| self.nodes[*member].mounted).collect();
            let Some(last) = mounted.iter().map(|member| self.nodes[*member].db).max_by_key(|db| db.writes)
            else {
                continue;
            };
            for member in mounted {
                let this = &mut self.nodes[member];
                this.db = last;
                if last.file.version > this.local.version {
                    this.local = last.file;
                }
            }
        }
    }

    /// Who meets somebody for the first time ends where its version is lower.
    pub(super) fn settle(&mut self) {
        loop {
            let before = self.clone();
            for node in 0..self.nodes.len() {
                let component = self.component(node);
                if component.len() < 2 {
                    continue;
                }
                let highest = component
                    .iter()
                    .filter_map(|member| self.nodes[*member].runs)
                    .map(|runs| runs.version)
                    .max();
                let this = &mut self.nodes[node];
                if this.alone && this.runs.map(|runs| runs.version) < highest {
                    this.runs = None;
                }
                this.alone = false;
            }
            self.synchronize();
            if *self == before {
                return;
            }
        }
    }

    pub(super) fn cuts(&self) -> Vec<Cut> {
        if self.faults == 0 {
            return Vec::new();
        }
        let mut cuts = vec![Cut::Everything];
        for (place, node) in self.nodes.iter().enumerate() {
            if !node.isolated {
                cuts.push(Cut::Network(place));
            }
            if node.up {
                cuts.push(Cut::Power(place));
            }
            if node.mounted {
                cuts.push(Cut::Pmxcfs(place));
            }
        }
        if !self.foreign && (0..self.nodes.len()).any(|node| self.writable(node)) {
            cuts.extend([Cut::Edit, Cut::Add]);
            if self.nodes.len() > 2 {
                cuts.push(Cut::Remove);
            }
        }
        cuts
    }

    pub(super) fn cut(&mut self, cut: Cut) {
        self.faults -= 1;
        match cut {
            Cut::Network(node) => self.nodes[node].isolated = true,
            Cut::Everything => self.nodes.iter_mut().for_each(|node| node.isolated = true),
            Cut::Power(node) => {
                let this = &mut self.nodes[node];
                (this.up, this.runs, this.mounted) = (false, None, false);
            }
            Cut::Pmxcfs(node) => self.nodes[node].mounted = false,
            Cut::Edit | Cut::Add | Cut::Remove => {
                let Some(writer) = (0..self.nodes.len()).find(|node| self.writable(*node)) else { return };
                let new = match cut {
                    Cut::Edit => EDITED,
                    Cut::Add => ADDED,
                    _ => REMOVED,
                };
                self.foreign = true;
                let version = self.nodes[writer].db.file.version + 1;
                if new == REMOVED {
                    // its corosync is stopped by the removal
                    if let Some(last) = self.nodes.last_mut() {
                        last.runs = None;
                    }
                }
                self.write(writer, File { text: new, version });
            }
        }
    }

    /// Everything that was away is back.
    pub(super) fn heal(&mut self) {
        for node in &mut self.nodes {
            node.isolated = false;
            node.mounted = true;
            if !node.up {
                (node.up, node.runs, node.alone, node.rebooted) = (true, Some(node.local), true, true);
            }
        }
    }

    pub(super) fn all_run(&self, text: u8) -> bool {
        let all: BTreeSet<usize> = (0..self.nodes.len()).collect();
        let version = self.nodes[0].db.file.version;
        self.component(0) == all
            && self.nodes.iter().all(|node| {
                let runs = node.runs.is_some_and(|runs| runs.text == text && runs.version == version);
                runs && node.mounted && node.local == node.db.file
            })
    }

    pub(super) fn one_version(&self) -> bool {
        (0..self.nodes.len()).all(|node| {
            let versions: BTreeSet<Option<u64>> = self
                .component(node)
                .iter()
                .map(|member| self.nodes[*member].runs.map(|runs| runs.version))
                .collect();
            versions.len() < 2
        })
    }

    pub(super) fn any_quorum(&self) -> bool {
        (0..self.nodes.len()).any(|node| self.quorate(&self.component(node)))
    }
}
