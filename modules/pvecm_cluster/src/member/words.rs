// SPDX-License-Identifier: GPL-3.0-or-later
//! Every reason not to do what the task asks, in words.

use std::net::IpAddr;

use ansible_module::Reason;
use ansible_module::reason::lasting;

pub(crate) fn pmxcfs_in_a_cluster(name: &str) -> Reason {
    lasting(format!(
        "'/etc/pve' of this node still belongs to cluster '{name}', whose corosync.conf is gone: run 'systemctl \
         restart pve-cluster'"
    ))
}

pub(crate) fn left_over(path: &str) -> Reason {
    lasting(format!("'{path}' is left over from another cluster: remove it if this node belongs to none"))
}

pub(crate) fn corosync_runs() -> Reason {
    lasting(
        "corosync runs on this node although it belongs to no cluster: stop it with 'systemctl stop corosync'",
    )
}

pub(crate) fn address_not_here(link: u8, address: &IpAddr) -> Reason {
    lasting(format!("link {link} has address '{address}', which is not on this node"))
}

pub(crate) fn namesake(cluster: &str, peer: &str) -> Reason {
    lasting(format!("this node is a member of another cluster '{cluster}' than '{peer}' is"))
}
