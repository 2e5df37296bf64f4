// SPDX-License-Identifier: GPL-3.0-or-later
//! What the cluster has of the node that is to go: plain values, nothing that asks.

use membership::files::Entry;
use membership::references::Ceph;
use membership::seen::{Here, Joining};

use super::reach::There;

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
