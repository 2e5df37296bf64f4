// SPDX-License-Identifier: GPL-3.0-or-later
//! What the module knows about this node and the cluster: plain values, nothing that asks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use cluster_state::cmap::Cmap;
use cluster_state::journal::LastWords;
use cluster_state::members::Members;
use cluster_state::pmxcfs::Mount;
use cluster_state::quorumtool::Quorum;
use corosync_document::{Document, Node};
use locks::{Holder, Owner};
use ssh_login::NoLogin;

/// A corosync.conf, as far as membership is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conf {
    /// The name of the cluster.
    pub cluster_name: String,
    /// Its config_version.
    pub config_version: u64,
    /// Its token_coefficient, where it is set.
    pub token_coefficient: Option<u64>,
    /// Whether the cluster has a QDevice.
    pub qdevice: bool,
    /// The nodelist, by nodeid.
    pub nodes: BTreeMap<u32, Node>,
    /// The numbers of the links.
    pub links: BTreeSet<u8>,
    /// The priorities that links were given.
    pub priorities: BTreeMap<u8, u8>,
}

impl Conf {
    /// Says what is wrong when the file is not a cluster's configuration.
    pub fn of(document: &Document) -> Result<Self, String> {
        let mut nodes = BTreeMap::new();
        for node in document.nodes() {
            let Some(nodeid) = node.nodeid else {
                return Err(format!("node '{}' has no valid nodeid", node.name));
            };
            if let Some(twice) = nodes.insert(nodeid, node) {
                return Err(format!("nodeid {nodeid} appears twice, the first time for '{}'", twice.name));
            }
        }
        let interfaces = document.interfaces();
        // Not collected: that would sort first, by code of its own.
        let mut priorities = BTreeMap::new();
        priorities.extend(interfaces.iter().filter_map(|link| Some((link.link, link.priority?))));
        Ok(Self {
            cluster_name: document.cluster_name().ok_or("it has no cluster_name")?.to_owned(),
            config_version: document.config_version().ok_or("it has no config_version")?,
            token_coefficient: document.get("totem.token_coefficient").and_then(|text| text.parse().ok()),
            qdevice: document.device().is_some(),
            nodes,
            links: document.links(),
            priorities,
        })
    }

    /// The node of this name.
    pub fn node(&self, name: &str) -> Option<(u32, &Node)> {
        self.nodes.iter().find(|(_, node)| node.name == name).map(|(id, node)| (*id, node))
    }

    /// The name of a nodeid, or the number where the nodelist has none.
    pub fn name_of(&self, nodeid: u32) -> String {
        self.nodes.get(&nodeid).map_or_else(|| nodeid.to_string(), |node| node.name.clone())
    }

    /// The nodeid that a new node gets.
    pub fn free_nodeid(&self) -> u32 {
        (1..).find(|id| !self.nodes.contains_key(id)).unwrap_or(u32::MAX)
    }
}

/// A corosync.conf that may be missing or broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfFile {
    /// There is none.
    Absent,
    /// What is wrong with it.
    Broken(String),
    /// What it says.
    Read(Box<Conf>),
}

impl ConfFile {
    /// Reads a file that is there.
    pub fn of(document: &Document) -> Self {
        Conf::of(document).map_or_else(Self::Broken, |conf| Self::Read(Box::new(conf)))
    }

    /// What it says, where it says something.
    pub fn conf(&self) -> Option<&Conf> {
        match self {
            Self::Read(conf) => Some(conf),
            Self::Absent | Self::Broken(_) => None,
        }
    }
}

/// The running corosync of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// This node's nodeid.
    pub nodeid: u32,
    /// Whether the node is quorate.
    pub quorate: bool,
    /// The votes that are there.
    pub votes: u32,
    /// The votes that are expected.
    pub expected_votes: u32,
    /// The config_version that each member seen now runs, by nodeid.
    pub versions: BTreeMap<u32, u64>,
}

impl Running {
    /// What two of corosync's tools say together.
    pub fn of(cmap: &Cmap, quorum: &Quorum) -> Self {
        Self {
            nodeid: quorum.nodeid,
            quorate: quorum.quorate,
            votes: quorum.total_votes,
            expected_votes: quorum.expected_votes,
            versions: cmap.member_versions(),
        }
    }
}

/// A node's own view of its cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The node's name.
    pub node: String,
    /// How /etc/pve is.
    pub mount: Mount,
    /// pmxcfs's own table; none while it is not mounted.
    pub members: Option<Members>,
    /// /etc/pve/corosync.conf
    pub conf: ConfFile,
    /// None while corosync is not running.
    pub corosync: Option<Running>,
}

impl View {
    /// Whether /etc/pve is mounted.
    pub fn is_mounted(&self) -> bool {
        matches!(self.mount, Mount::ReadOnly | Mount::Writable)
    }

    /// Whether the node belongs to no cluster.
    pub fn is_standalone(&self) -> bool {
        self.is_mounted() && self.conf == ConfFile::Absent
    }

    /// Whether the lock's owner was leaving this cluster and is no member any more.
    pub fn has_left(&self, owner: &Owner) -> bool {
        let (Some(running), Some(conf)) = (&self.corosync, self.conf.conf()) else { return false };
        let name = |nodeid| conf.nodes.get(nodeid).map(|node: &Node| node.name.as_str());
        let members: Vec<Option<&str>> = running.versions.keys().map(name).collect();
        owner.has_left(running.quorate, &members)
    }
}

/// This node, with what only a member or a candidate on the spot can know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Here {
    /// What it sees of its cluster.
    pub view: View,
    /// Whether it has its node certificate.
    pub certificate: bool,
    /// Whether the certificate's key is there. What a join makes before pmxcfs has met another can be lost in part.
    pub certificate_key: bool,
    /// systemd's word for corosync: `active`, `inactive`, `failed`, `activating`, ..
    pub corosync_service: String,
    /// Whether a corosync that does not run has its copy of corosync.conf, without which systemd does not start it and says
    /// nothing (`ConditionPathExists`). pmxcfs writes it when it starts.
    pub copied: bool,
    /// Why corosync gave up, when it has failed.
    pub last_words: Option<LastWords>,
    /// Whether the machine is still starting its services.
    pub booting: bool,
    /// Whether a pvecm is at work here, perhaps one whose module was killed.
    pub pvecm_busy: bool,
}

/// What a join needs at both ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tools {
    /// Whether rsync is installed.
    pub rsync: bool,
    /// The version of the way nodes talk during a join.
    pub join_api: Option<u32>,
    /// Proxmox VE's version, such as `9.2.11`.
    pub pve: Option<String>,
}

impl Tools {
    /// Proxmox VE's major version.
    pub fn pve_major(&self) -> Option<u32> {
        self.pve.as_ref()?.split('.').next()?.parse().ok()
    }
}

/// The API of the cluster node, seen from the node itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Door {
    /// Fingerprint of the certificate that pveproxy serves now; none when nothing answers or pveproxy does not run.
    pub served: Option<String>,
    /// Fingerprint of the one that it serves from its next start on.
    pub next: Option<String>,
    /// Whether root has a second factor.
    pub factor: bool,
    /// Whether pveproxy is on its way up; a reservation does not tell it.
    pub starting: bool,
}

/// The cluster node, as it answered over ssh or in a reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// What it sees of its cluster.
    pub view: View,
    /// Whether pvecm, or another, is changing corosync.conf.
    pub locked: bool,
    /// Why it must not be changed now, where the rescue of another change is armed.
    pub rescue: Option<String>,
    /// Who has locked the cluster.
    pub joining: Joining,
    /// What it has for a join.
    pub tools: Tools,
    /// How a join by password gets in; only a reservation tells it.
    pub door: Option<Box<Door>>,
}

/// Who has locked the cluster for a join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Joining {
    /// It is free.
    Nobody,
    /// This run, or one of this node that is no more.
    ThisNode,
    /// Another node, or another run on this one: which one, where it is known.
    Another(Option<Owner>),
    /// Nobody, and this node was not let to.
    Refused,
}

impl Joining {
    /// `mine` says whose lock this process may take for its own.
    pub fn of(holder: Holder, mine: &dyn Fn(&Owner) -> bool) -> Self {
        match holder {
            Holder::Nobody => Self::Nobody,
            Holder::Named(owner) if mine(&owner) => Self::ThisNode,
            Holder::Named(owner) => Self::Another(Some(owner)),
            Holder::Unnamed => Self::Another(None),
        }
    }

    /// Whether somebody else has.
    pub fn is_another(&self) -> bool {
        matches!(self, Self::Another(_))
    }
}

/// What asking the cluster node gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum There {
    /// There is none, or it need not be asked.
    NotAsked,
    /// It gave no answer.
    NoAnswer(NoAnswer),
    /// It answered.
    Answered(Box<Peer>),
}

impl There {
    /// The one that answered.
    pub fn peer(&self) -> Option<&Peer> {
        match self {
            Self::Answered(peer) => Some(peer),
            Self::NotAsked | Self::NoAnswer(_) => None,
        }
    }
}

/// Why the cluster node could not be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAnswer {
    /// The login failed.
    Login(NoLogin),
    /// The login worked, the answer was not understood.
    Garbled(String),
    /// A join by password without a reservation, or with one that locked nothing.
    NotReserved,
    /// The reservation is for the node of this name.
    ReservedForAnother(String),
    /// The reservation is too old, or of a clock that is wrong.
    ReservedLongAgo {
        /// By so much.
        seconds: u64,
    },
}

/// The members that run an older config_version than others.
pub fn behind(conf: &Conf, running: &Running) -> Vec<String> {
    let newest = running.versions.values().max();
    let old = running.versions.iter().filter(|(_, version)| Some(*version) != newest);
    old.map(|(id, _)| conf.name_of(*id)).collect()
}

/// Which member runs which config_version: `3 on 'pve1', 'pve2' and 4 on 'pve3'`.
pub fn spread(conf: &Conf, running: &Running) -> String {
    let versions = versions(running);
    let one = |version: &u64| {
        let on = running.versions.iter().filter(|(_, runs)| *runs == version);
        format!("{version} on {}", quoted(on.map(|(id, _)| conf.name_of(*id))))
    };
    versions.iter().map(one).collect::<Vec<_>>().join(" and ")
}

/// The config_versions that run, one by one: collecting them would sort first, by code of its own.
pub fn versions(running: &Running) -> BTreeSet<u64> {
    let mut versions = BTreeSet::new();
    versions.extend(running.versions.values().copied());
    versions
}

/// Names in quotes, with commas: `'pve1', 'pve2'`.
pub fn quoted<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("'{}'", name.as_ref())).collect();
    names.join(", ")
}

/// Whether two texts are the same address; names are compared as they are written.
pub fn same_address(one: &str, other: &str) -> bool {
    match (one.parse::<IpAddr>(), other.parse::<IpAddr>()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_by_meaning() {
        assert!(same_address("fd00::1", "fd00:0:0::1"));
        assert!(!same_address("10.0.0.1", "10.0.0.11"));
        assert!(same_address("pve1", "pve1"));
    }

    #[test]
    fn a_file_without_a_cluster_is_told_apart() {
        let wrong = |text: &[u8]| Conf::of(&Document::parse(text)).unwrap_err();
        assert_eq!(wrong(b""), "it has no cluster_name");
        let twice = b"nodelist {\n  node {\n    name: a\n    nodeid: 2\n  }\n  node {\n    name: b\n    nodeid: 2\n  }\n}\n";
        assert_eq!(wrong(twice), "nodeid 2 appears twice, the first time for 'a'");
    }
}
