// SPDX-License-Identifier: GPL-3.0-or-later
//! The reasons not to change a cluster's membership that several states have, in words.

use ansible_module::reason::{lasting, passing};
use locks::Owner;

pub use ansible_module::Reason;

use crate::seen::quoted;

/// There is no /etc/pve.
pub fn no_pve() -> Reason {
    lasting("Proxmox VE is not installed on this node: there is no '/etc/pve'")
}

/// /etc/pve is not mounted, which passes while the machine starts.
pub fn not_mounted(booting: bool) -> Reason {
    let text = "'/etc/pve' is not mounted: start it with 'systemctl start pve-cluster'";
    Reason { text: text.to_owned(), passing: booting }
}

/// The process behind /etc/pve has died.
pub fn mount_dead(why: &str) -> Reason {
    lasting(format!("'/etc/pve' is dead ({why}): restart it with 'systemctl restart pve-cluster'"))
}

/// The cluster's file on this node cannot be understood.
pub fn own_conf_broken(why: &str) -> Reason {
    lasting(format!("'/etc/pve/corosync.conf' of this node cannot be understood: {why}"))
}

/// This node is a member of another cluster.
pub fn other_cluster(name: &str) -> Reason {
    lasting(format!("this node is a member of cluster '{name}'"))
}

/// A pvecm is at work here.
pub fn pvecm_busy() -> Reason {
    passing("another pvecm is at work on this node, perhaps of a run that was killed")
}

/// The cluster's file on this node does not list it.
pub fn not_in_nodelist(name: &str) -> Reason {
    lasting(format!("'/etc/pve/corosync.conf' does not list this node ('{name}')"))
}

/// Root cannot join by password alone.
pub fn second_factor() -> Reason {
    lasting(
        "root@pam of the cluster has a second factor, which cannot be given without a terminal: join over ssh \
         ('method: ssh'), or take the factor away for the join",
    )
}

/// Nothing answers at the API, which passes while pveproxy starts.
pub fn no_api(peer: &str, starting: bool) -> Reason {
    let text = format!(
        "pveproxy does not answer on port 8006 of '{peer}': start it with 'systemctl start pveproxy' there"
    );
    Reason { text, passing: starting }
}

/// The cluster node has no /etc/pve.
pub fn peer_not_mounted(peer: &str) -> Reason {
    lasting(format!("'/etc/pve' is not mounted on '{peer}': run 'systemctl start pve-cluster' there"))
}

/// The cluster node has no cluster.
pub fn peer_standalone(peer: &str) -> Reason {
    lasting(format!("'{peer}' is not a member of a cluster"))
}

/// The cluster's file on the cluster node cannot be understood.
pub fn peer_conf_broken(peer: &str, why: &str) -> Reason {
    lasting(format!("'/etc/pve/corosync.conf' on '{peer}' cannot be understood: {why}"))
}

/// The cluster node is a member of another cluster.
pub fn peer_in_other_cluster(peer: &str, cluster: &str) -> Reason {
    lasting(format!("'{peer}' is a member of cluster '{cluster}'"))
}

/// The cluster node runs no corosync.
pub fn peer_without_corosync(peer: &str) -> Reason {
    lasting(format!("corosync is not running on '{peer}': run 'systemctl start corosync' there"))
}

/// The cluster node's /etc/pve is read-only although it is quorate.
pub fn peer_read_only(peer: &str) -> Reason {
    passing(format!("'/etc/pve' on '{peer}' is still read-only"))
}

/// No node joins a cluster with a QDevice.
pub fn qdevice() -> Reason {
    lasting(
        "the cluster has a QDevice, which must be out of the way while a node joins: set 'cluster_qdevice_readd: true' \
         (playbooks/cluster-init.yml), or run 'pvecm qdevice remove' before and 'pvecm qdevice setup' afterwards",
    )
}

/// The cluster's file is locked.
pub fn locked() -> Reason {
    passing(
        "the cluster's corosync.conf is locked ('/etc/pve/priv/lock/file-corosync_conf'): another join or change \
         is under way",
    )
}

/// Somebody else changes who is in the cluster. Where it is not known who, it is somebody who is just beginning, or a run of an
/// earlier version of this collection.
pub fn another_joins(owner: Option<&Owner>) -> Reason {
    let who =
        owner.map_or_else(|| "another node is joining or leaving the cluster".to_owned(), Owner::to_string);
    passing(format!(
        "{who} ('/etc/pve/priv/lock/pvecm_cluster-join', which expires 120 s after an interruption)"
    ))
}

/// The cluster has no quorum.
pub fn not_quorate(votes: u32, expected: u32) -> Reason {
    passing(format!("the cluster is not quorate ({votes} of {expected} votes)"))
}

/// All its nodes are online but the one that is to join, which the nodelist has from an interrupted join or an earlier life.
pub fn not_quorate_by_entry(votes: u32, expected: u32, name: &str, peer: &str) -> Reason {
    lasting(format!(
        "the cluster is not quorate ({votes} of {expected} votes), because it counts '{name}', which is not online: \
         'pvecm expected {votes}' on '{peer}' gives it quorum for now"
    ))
}

/// Nodes of the cluster are off.
pub fn offline(names: &[&str]) -> Reason {
    let nodes = if names.len() == 1 { "node" } else { "nodes" };
    let verb = if names.len() == 1 { "is" } else { "are" };
    let them = if names.len() == 1 { "it" } else { "them" };
    passing(format!(
        "{nodes} {} of the cluster {verb} not online and would miss the new corosync.conf: start or remove {them} \
         first",
        quoted(names)
    ))
}

/// Nodes of the cluster have no vote yet. `pvecm` would give the one that joins a vote at once, beside members that may be too few for it.
pub fn admitted(names: &[&str]) -> Reason {
    let (nodes, have) = if names.len() == 1 { ("node", "has") } else { ("nodes", "have") };
    passing(format!(
        "{nodes} {} of the cluster {have} no vote yet, and with a further node's vote the cluster could lose quorum: another run may be at work, \
         and where none is, playbooks/cluster-init.yml ends it",
        quoted(names)
    ))
}

/// Members run different config_versions.
pub fn versions_differ(spread: &str, behind: &[String]) -> Reason {
    passing(format!(
        "the members do not run one config_version ({spread}): another join or change is under way; where none is, run \
         'systemctl restart corosync' on {}",
        quoted(behind)
    ))
}

/// The members do not run the cluster's file.
pub fn version_not_running(file: u64, running: Option<u64>) -> Reason {
    let running = running.map_or_else(|| "none".to_owned(), |running| running.to_string());
    passing(format!("the cluster's corosync.conf has config_version {file} but its members run {running}"))
}
