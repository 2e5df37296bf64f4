// SPDX-License-Identifier: GPL-3.0-or-later
//! What an earlier cluster left on a node, and what earlier nodes left in a cluster.
//!
//! PVE refuses to join a node with an authkey or a corosync.conf, and an old `/var/lib/corosync` gives the node the
//! memory of rings it is no longer part of.

use std::path::Path;

use host::Host;

use crate::StateError;
use crate::corosync_conf;
use crate::read::{is_there, names_in};

/// Corosync's key, as it starts with it.
pub const AUTHKEY: &str = "/etc/corosync/authkey";
/// What corosync remembers between its runs.
pub const STATE_DIRECTORY: &str = "/var/lib/corosync";
/// The nodes' directories in pmxcfs.
pub const NODES: &str = "/etc/pve/nodes";

/// The traces of clusters and nodes on this machine. On a member, the first three are simply its files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Traces {
    /// `/etc/corosync/authkey` is there.
    pub authkey: bool,
    /// `/etc/corosync/corosync.conf` is there.
    pub corosync_conf: bool,
    /// Names in `/var/lib/corosync`.
    pub state_files: Vec<String>,
    /// Names in `/etc/pve/nodes`, own name included: nodes that are, or were, part of the cluster.
    pub node_directories: Vec<String>,
}

impl Traces {
    /// The files that a node which is part of no cluster must not have before it joins one.
    #[must_use]
    pub fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        if self.authkey {
            files.push(AUTHKEY.to_owned());
        }
        if self.corosync_conf {
            files.push(corosync_conf::LOCAL.to_owned());
        }
        files.extend(self.state_files.iter().map(|name| format!("{STATE_DIRECTORY}/{name}")));
        files
    }
}

/// Looks for them.
///
/// # Errors
/// When a file or directory cannot be examined.
pub fn query(host: &dyn Host) -> Result<Traces, StateError> {
    Ok(Traces {
        authkey: is_there(host, Path::new(AUTHKEY))?,
        corosync_conf: is_there(host, Path::new(corosync_conf::LOCAL))?,
        state_files: names_in(host, Path::new(STATE_DIRECTORY))?,
        node_directories: names_in(host, Path::new(NODES))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::FakeHost;

    #[test]
    fn a_fresh_node_has_none() {
        let host = FakeHost::new().dir("/etc/pve/nodes/pve1").dir(STATE_DIRECTORY);
        let found = query(&host).unwrap();
        assert_eq!(found.files(), Vec::<String>::new());
        assert_eq!(found.node_directories, ["pve1"]);
    }

    #[test]
    fn each_trace_is_named() {
        let host = FakeHost::new()
            .file(AUTHKEY, "")
            .file(corosync_conf::LOCAL, "")
            .file("/var/lib/corosync/ringid_3", "");
        assert_eq!(
            query(&host).unwrap().files(),
            ["/etc/corosync/authkey", "/etc/corosync/corosync.conf", "/var/lib/corosync/ringid_3"]
        );
    }
}
