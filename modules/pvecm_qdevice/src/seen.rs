// SPDX-License-Identifier: GPL-3.0-or-later
//! What this node sees of its cluster and of a QDevice: plain values, nothing that asks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use cluster_state::pmxcfs::Mount;
use cluster_state::qdevice::Qdevice;
use cluster_state::quorumtool::Quorum;
use corosync_document::{Device, Document, Node};
use locks::Owner;
use ssh_login::NoLogin;

/// All that is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// This node's name.
    pub(crate) node: String,
    pub(crate) mount: Mount,
    /// The cluster's file; none on a standalone node.
    pub(crate) conf: Option<Document>,
    /// Nodes by name: whether pmxcfs sees them, and their address in the management network.
    pub(crate) members: BTreeMap<String, (bool, Option<String>)>,
    /// None when corosync does not run.
    pub(crate) running: Option<Running>,
    /// This node's own addresses.
    pub(crate) addresses: BTreeSet<IpAddr>,
    /// What this node has of a QDevice.
    pub(crate) own: Own,
    /// The pvecm that sets up or removes a QDevice on this node just now.
    pub(crate) busy: bool,
    /// Locks in the cluster, by name, that others hold.
    pub(crate) locks: Vec<&'static str>,
}

/// The running corosync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Running {
    pub(crate) quorum: Quorum,
    /// The config_version of each member, by nodeid.
    pub(crate) versions: BTreeMap<u32, u64>,
    /// Whether corosync has a QDevice in what it runs.
    pub(crate) device: bool,
}

/// What one node has of a QDevice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Own {
    /// Whether the daemon is installed.
    pub(crate) installed: bool,
    /// systemd's word for whether it runs.
    pub(crate) active: String,
    /// systemd's word for whether it starts with the machine.
    pub(crate) enabled: String,
    /// How it is connected; none where it does not run.
    pub(crate) connection: Option<Qdevice>,
    /// Its certificates are there.
    pub(crate) store: bool,
    /// Files that a pvecm left in pmxcfs, among them the private key.
    pub(crate) strays: Vec<&'static str>,
}

impl Own {
    /// Whether the daemon is to be stopped before it is gone: it runs, or systemd goes on starting it.
    pub(crate) fn runs(&self) -> bool {
        !matches!(self.active.as_str(), "" | "inactive" | "failed")
    }

    /// Whether systemd remembers it as failed.
    pub(crate) fn failed(&self) -> bool {
        self.active == "failed"
    }

    /// Whether it starts with the machine.
    pub(crate) fn starts(&self) -> bool {
        self.enabled == "enabled"
    }

    /// Whether there is anything of a QDevice.
    pub(crate) fn has_any(&self) -> bool {
        self.runs() || self.failed() || self.starts() || self.store || !self.strays.is_empty()
    }
}

/// The QNetd host as this node reaches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Qnetd {
    /// Why its port cannot be reached; none when it can.
    pub(crate) port: Option<String>,
    pub(crate) login: Login,
}

/// What came of the login that pvecm makes there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Login {
    /// Why there was none.
    Refused(NoLogin),
    /// What the host says of itself.
    Answered(Host),
}

/// What the QNetd host says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Host {
    /// corosync-qnetd is installed.
    pub(crate) installed: bool,
    /// systemd's word for whether it runs.
    pub(crate) active: String,
    /// The cluster that it is a member of itself.
    pub(crate) cluster: Option<String>,
    /// Who is connected to it under this cluster's name.
    pub(crate) clients: Vec<String>,
}

/// The cluster's file by its meaning, as far as a QDevice is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conf {
    pub(crate) cluster_name: String,
    pub(crate) version: u64,
    pub(crate) nodes: BTreeMap<u32, Node>,
    pub(crate) device: Option<Device>,
    pub(crate) two_node: bool,
}

impl Conf {
    /// Reads the file's meaning; why it cannot be understood.
    pub(crate) fn of(document: &Document) -> Result<Self, &'static str> {
        let cluster_name = document.cluster_name().ok_or("it has no cluster_name")?.to_owned();
        let version = document.config_version().ok_or("it has no config_version")?;
        let mut nodes = BTreeMap::new();
        for node in document.nodes() {
            let nodeid = node.nodeid.ok_or("a node of it has no nodeid")?;
            nodes.insert(nodeid, node);
        }
        let two_node = document.get("quorum.two_node") == Some("1");
        Ok(Self { cluster_name, version, nodes, device: document.device(), two_node })
    }

    /// The nodes that have no vote yet.
    pub(crate) fn admitted(&self) -> Vec<&str> {
        let without = self.nodes.values().filter(|node| node.votes == 0);
        without.map(|node| node.name.as_str()).collect()
    }

    /// The votes of all nodes.
    pub(crate) fn votes(&self) -> u32 {
        self.nodes.values().map(|node| node.votes).sum()
    }

    /// A node's name by its nodeid.
    pub(crate) fn name_of(&self, nodeid: u32) -> String {
        self.nodes.get(&nodeid).map_or_else(|| format!("nodeid {nodeid}"), |node| node.name.clone())
    }

    /// Whether the lock's owner was leaving this cluster and is no member any more.
    pub(crate) fn has_left(&self, running: &Running, owner: &Owner) -> bool {
        let name = |nodeid| self.nodes.get(nodeid).map(|node: &Node| node.name.as_str());
        let members: Vec<Option<&str>> = running.versions.keys().map(name).collect();
        owner.has_left(running.quorum.quorate, &members)
    }

    /// The names of the nodes that are not members now.
    pub(crate) fn offline(&self, running: &Running) -> Vec<&str> {
        let missing = self.nodes.iter().filter(|(nodeid, _)| !running.versions.contains_key(nodeid));
        missing.map(|(_, node)| node.name.as_str()).collect()
    }
}

/// A QDevice as pvecm sets it up for a number of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) algorithm: &'static str,
    /// The votes that it casts.
    pub(crate) votes: u32,
}

impl Terms {
    /// One vote decides between two halves; the last man standing has all votes but one (`pvecm.adoc` of pve-docs).
    pub(crate) fn of(nodes: usize) -> Self {
        if nodes.is_multiple_of(2) {
            Self { algorithm: "ffsplit", votes: 1 }
        } else {
            Self { algorithm: "lms", votes: u32::try_from(nodes.saturating_sub(1)).unwrap_or(u32::MAX) }
        }
    }
}

/// Names in quotes, with commas between.
pub(crate) fn quoted(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    names.join(", ")
}
