// SPDX-License-Identifier: GPL-3.0-or-later
//! The command.

use std::path::Path;
use std::time::Duration;

use host::{Command, Host};

/// The key that pvecm makes for root and logs in with.
pub const KEY: &str = "/root/.ssh/id_rsa";

/// A login as root. Nothing on this node changes by it, `known_hosts` included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Login<'a> {
    /// The name or address, just as pvecm will write it: ssh looks its host key up under these letters.
    pub target: &'a str,
    /// The node of the cluster whose pinned host keys count, and no others: see [`pinned`].
    pub pinned: Option<&'a str>,
    /// Whether [`KEY`] alone is tried, and no other key of root's.
    pub key_only: bool,
    /// Seconds that the network may take.
    pub connect: u64,
    /// What all of it may take.
    pub patience: Duration,
}

/// Where a cluster has the host keys of a node of its own, under the node's name.
fn pinned_keys(node: &str) -> String {
    format!("/etc/pve/nodes/{node}/ssh_known_hosts")
}

/// The node, where this cluster has pinned its host keys: since pve-cluster 8.0.6 every node does so itself, and nodes that
/// log in to each other look nowhere else. Older nodes, and hosts outside the cluster, have the usual files.
///
/// Source of facts: `captures/ssh_behaviour_around_a_join--node_to_node_ssh_after_the_join--pve1`.
#[must_use]
pub fn pinned<'a>(host: &dyn Host, node: &'a str) -> Option<&'a str> {
    let is_name = node.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let found = || host::is_there(host, Path::new(&pinned_keys(node))).unwrap_or(false);
    (is_name && found()).then_some(node)
}

impl Login<'_> {
    /// Runs a script there with `/bin/sh -s`; `words` are its arguments, which the login shell there splits at blanks.
    #[must_use]
    pub fn shell<S: Into<String>>(&self, words: impl IntoIterator<Item = S>, script: &str) -> Command {
        let mut command = Command::new("ssh").arg("-T");
        // By itself ssh writes a host's further keys into known_hosts; a look is to leave it as it is.
        for option in ["BatchMode=yes", "StrictHostKeyChecking=yes", "UpdateHostKeys=no"] {
            command = command.args(["-o", option]);
        }
        if let Some(node) = self.pinned {
            command = command.arg("-o").arg(format!("HostKeyAlias={node}"));
            command = command.arg("-o").arg(format!("UserKnownHostsFile={}", pinned_keys(node)));
            command = command.args(["-o", "GlobalKnownHostsFile=none"]);
        }
        command = command.arg("-o").arg(format!("ConnectTimeout={}", self.connect));
        if self.key_only {
            command = command.args(["-o", "IdentitiesOnly=yes", "-i", KEY]);
        }
        command
            .arg(format!("root@{}", self.target))
            .args(["/bin/sh", "-s"])
            .args(words)
            .stdin(script)
            .timeout(self.patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGIN: Login<'_> = Login {
        target: "10.77.0.11",
        pinned: None,
        key_only: false,
        connect: 10,
        patience: Duration::from_secs(20),
    };

    #[test]
    fn with_any_key_of_roots() {
        assert_eq!(
            LOGIN.shell(["look", "pve2"], "true\n").line(),
            "ssh -T -o BatchMode=yes -o StrictHostKeyChecking=yes -o UpdateHostKeys=no -o ConnectTimeout=10 \
             root@10.77.0.11 /bin/sh -s look pve2"
        );
    }

    /// As pvecm and the other programs of PVE log in to a node of their cluster.
    #[test]
    fn with_the_host_keys_that_the_cluster_has_pinned() {
        let host = testkit::FakeHost::new()
            .pmxcfs("/etc/pve")
            .file("/etc/pve/nodes/pve2/ssh_known_hosts", "pve2 ssh-ed25519 AAAA\n")
            .file("/etc/pve/ssh_known_hosts", "");
        assert_eq!(pinned(&host, "pve1"), None, "an older node");
        assert_eq!(pinned(&host, ".."), None, "no name of a node");
        let login = Login { pinned: pinned(&host, "pve2"), ..LOGIN };
        assert_eq!(
            login.shell(["look", "pve2"], "true\n").line(),
            "ssh -T -o BatchMode=yes -o StrictHostKeyChecking=yes -o UpdateHostKeys=no -o HostKeyAlias=pve2 \
             -o UserKnownHostsFile=/etc/pve/nodes/pve2/ssh_known_hosts -o GlobalKnownHostsFile=none -o ConnectTimeout=10 \
             root@10.77.0.11 /bin/sh -s look pve2"
        );
    }

    #[test]
    fn with_one_key_only() {
        let login = Login { key_only: true, ..LOGIN };
        assert_eq!(
            login.shell(["prod"], "true\n").line(),
            "ssh -T -o BatchMode=yes -o StrictHostKeyChecking=yes -o UpdateHostKeys=no -o ConnectTimeout=10 \
             -o IdentitiesOnly=yes -i /root/.ssh/id_rsa root@10.77.0.11 /bin/sh -s prod"
        );
    }
}
