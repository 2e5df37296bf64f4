// SPDX-License-Identifier: GPL-3.0-or-later
//! A cluster's corosync.conf.

use std::fmt::Write;

/// The corosync.conf of the cluster `prod` in this version with these nodes and one link, as PVE writes it. The node
/// `pveN` has the address 10.77.1.1N.
#[must_use]
pub fn corosync_conf(version: u64, nodes: &[(u32, &str)]) -> String {
    let mut text = "logging {\n  debug: off\n  to_syslog: yes\n}\n\nnodelist {\n".to_owned();
    for (nodeid, name) in nodes {
        let host = name.trim_start_matches("pve");
        let _ = write!(
            text,
            "  node {{\n    name: {name}\n    nodeid: {nodeid}\n    quorum_votes: 1\n    ring0_addr: 10.77.1.1{host}\n  }}\n"
        );
    }
    let _ = write!(
        text,
        "}}\n\nquorum {{\n  provider: corosync_votequorum\n}}\n\ntotem {{\n  cluster_name: prod\n  config_version: \
         {version}\n  interface {{\n    linknumber: 0\n  }}\n  ip_version: ipv4-6\n  link_mode: passive\n  secauth: \
         on\n  token_coefficient: 125\n  version: 2\n}}\n\n"
    );
    text
}
