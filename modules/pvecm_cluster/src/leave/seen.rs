// SPDX-License-Identifier: GPL-3.0-or-later
//! What a node that is to leave its cluster has of it: plain values, nothing that asks.

use std::collections::BTreeMap;

use cluster_state::vmlist::Guest;
use membership::files::Entry;
use membership::leaving::Record;
use membership::references::Ceph;
use membership::seen::{Here, Joining};

/// What the local resource manager says of itself.
///
/// Its watchdog is open from the moment that it gets its lock (`active`) until it has nothing left to do, also in maintenance and
/// after it has lost the lock (`PVE/HA/LRM.pm`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lrm {
    /// It has no watchdog open.
    Idle,
    Active,
    /// It has one open in this state.
    Watched(String),
    /// It says this, of which nothing is known.
    Unknown(String),
}

/// All that is looked at before a node leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) here: Here,
    /// Of a run that was interrupted.
    pub(crate) record: Option<Record>,
    /// Who has locked the cluster for a join or a removal.
    pub(crate) joining: Joining,
    /// Whether systemd runs pmxcfs.
    pub(crate) serviced: bool,
    /// Whether corosync-qdevice runs.
    pub(crate) qdevice_runs: bool,
    /// Whether it would start with the machine.
    pub(crate) qdevice_enabled: bool,
    /// The paths below /etc/corosync and /var/lib/corosync, what holds something before what it holds.
    pub(crate) files: Vec<(String, Vec<Entry>)>,
    /// The directories of other nodes.
    pub(crate) nodes: BTreeMap<String, Vec<Entry>>,
    pub(crate) authorized_keys: Vec<u8>,
    /// Root's own keys on this node, type and key.
    pub(crate) own_keys: Vec<String>,
    pub(crate) known_hosts: String,
    /// What high availability has in its directory.
    pub(crate) ha_files: Vec<Entry>,
    /// Its files of sections, by path.
    pub(crate) ha: Vec<(String, String)>,
    /// The state of this node's local resource manager.
    pub(crate) lrm: Lrm,
    /// replication.cfg; none when there is no such file.
    pub(crate) replication: Option<String>,
    pub(crate) ceph: Ceph,
    /// The guests of all nodes.
    pub(crate) guests: Vec<Guest>,
    pub(crate) storages: String,
}

impl Seen {
    /// The numbers of this node's guests.
    pub(crate) fn own_guests(&self) -> Vec<u32> {
        let own = self.guests.iter().filter(|guest| guest.node == self.here.view.node);
        own.map(|guest| guest.vmid).collect()
    }
}
