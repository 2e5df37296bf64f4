// SPDX-License-Identifier: GPL-3.0-or-later
//! What the cluster has of the node that is to go: plain values, nothing that asks.

use super::reach::There;
use crate::seen::{Here, Joining};

/// All that is looked at before a node is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) here: Here,
    /// Who has locked the cluster for a join or a removal.
    pub(crate) joining: Joining,
    /// What lies in the node's directory; none when there is no such directory.
    pub(crate) directory: Option<Vec<Entry>>,
    pub(crate) authorized_keys: Vec<u8>,
    /// Root's own keys on the node that runs this, type and key.
    pub(crate) own_keys: Vec<String>,
    pub(crate) known_hosts: String,
    /// The files of high availability, by path.
    pub(crate) ha: Vec<(String, String)>,
    pub(crate) replication: String,
    /// Other files of sections, in which the node's name does no harm, by path.
    pub(crate) others: Vec<(String, String)>,
    /// What is at the node's own address, when the cluster lists it and corosync does not see it.
    pub(crate) there: Option<There>,
    /// What else shows that the node runs, or why that is not known. Not asked of a node that says itself that it has left.
    pub(crate) signs: Result<Vec<String>, String>,
    pub(crate) ceph: Ceph,
}

/// What Ceph says of the node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Ceph {
    /// ceph.conf; empty where Ceph is not used.
    pub(crate) conf: String,
    /// Its OSDs; none when they could not be asked for.
    pub(crate) osds: Option<Vec<u32>>,
}

/// Something in the node's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its path in there.
    pub(crate) path: String,
    pub(crate) is_directory: bool,
}

impl Entry {
    /// The number of the guest whose configuration this is.
    pub(crate) fn guest(&self) -> Option<u32> {
        let (kind, name) = self.path.split_once('/')?;
        let number = name.strip_suffix(".conf")?.parse().ok()?;
        matches!(kind, "qemu-server" | "lxc" | "openvz").then_some(number)
    }
}
