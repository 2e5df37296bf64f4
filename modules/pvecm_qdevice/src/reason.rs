// SPDX-License-Identifier: GPL-3.0-or-later
//! Every reason not to do what the task asks, in words, with its remedy.

use std::path::Path;

pub(crate) use ansible_module::Reason;
use ansible_module::reason::{lasting, passing};
use ssh_login::NoLogin;

use crate::seen::{Terms, quoted};

pub(crate) fn no_pve() -> Reason {
    lasting("Proxmox VE is not installed on this node: there is no '/etc/pve'")
}

pub(crate) fn not_mounted() -> Reason {
    lasting("'/etc/pve' is not mounted: start it with 'systemctl start pve-cluster'")
}

pub(crate) fn mount_dead(why: &str) -> Reason {
    lasting(format!("'/etc/pve' is dead ({why}): restart it with 'systemctl restart pve-cluster'"))
}

pub(crate) fn standalone() -> Reason {
    lasting("this node is not a member of a cluster: run this task on a member")
}

pub(crate) fn conf_broken(why: &str) -> Reason {
    lasting(format!("'/etc/pve/corosync.conf' cannot be understood: {why}"))
}

pub(crate) fn other_cluster(name: &str) -> Reason {
    lasting(format!("this node is a member of cluster '{name}'"))
}

pub(crate) fn corosync_stopped() -> Reason {
    lasting("corosync is not running on this node: start it with 'systemctl start corosync'")
}

pub(crate) fn not_quorate(votes: u32, expected: u32) -> Reason {
    passing(format!("this node is not quorate ({votes} of {expected} votes): start more nodes"))
}

pub(crate) fn read_only() -> Reason {
    passing(
        "'/etc/pve' is read-only on this node although it is quorate: wait, or run 'systemctl restart pve-cluster'",
    )
}

pub(crate) fn versions_differ(spread: &str) -> Reason {
    passing(format!(
        "the members do not run the config_version of corosync.conf ({spread}): a change is under way"
    ))
}

pub(crate) fn offline(names: &[&str]) -> Reason {
    let (nodes, verb) = if names.len() == 1 { ("node", "is") } else { ("nodes", "are") };
    passing(format!(
        "{nodes} {} {verb} not online, and pvecm needs all of them: start what is off, or remove it from the cluster",
        quoted(names)
    ))
}

pub(crate) fn offline_at_removal(names: &[&str]) -> Reason {
    let (nodes, verb) = if names.len() == 1 { ("node", "is") } else { ("nodes", "are") };
    passing(format!(
        "{nodes} {} {verb} not online, and pvecm needs all of them: start what is off, or, when it is off for good, set \
         'offline' to 'ignore'",
        quoted(names)
    ))
}

pub(crate) fn no_quorum_afterwards(there: u32, votes: u32) -> Reason {
    lasting(format!(
        "without the QDevice the cluster would not be quorate ({there} of {votes} votes): start more nodes first"
    ))
}

pub(crate) fn not_installed() -> Reason {
    lasting(
        "corosync-qdevice is not installed on this node: run 'apt install corosync-qdevice' on every node",
    )
}

pub(crate) fn single() -> Reason {
    lasting("the cluster has a single node, for which a QDevice is of no use")
}

pub(crate) fn odd(nodes: usize, terms: Terms) -> Reason {
    let lost = terms.votes;
    lasting(format!(
        "the cluster has an odd number of nodes ({nodes}): a QDevice would have {lost} votes of {}, and without it not one \
         node may be lost; Proxmox VE advises against it, and 'force: true' has it all the same",
        u32::try_from(nodes).unwrap_or(u32::MAX).saturating_add(lost)
    ))
}

/// Its algorithm and its votes follow from the number of nodes that vote.
pub(crate) fn admitted(names: &[&str]) -> Option<Reason> {
    let (nodes, have) = if names.len() == 1 { ("node", "has") } else { ("nodes", "have") };
    (!names.is_empty()).then(|| {
        passing(format!("{nodes} {} {have} no vote yet: playbooks/cluster-init.yml ends it", quoted(names)))
    })
}

pub(crate) fn two_node() -> Reason {
    lasting(
        "'two_node' is set in corosync.conf, which a QDevice cannot be combined with: remove it first (module corosync_conf)",
    )
}

pub(crate) fn another_device(host: &str) -> Reason {
    lasting(format!("the cluster has another QDevice ('{host}'): remove it first, with state 'absent'"))
}

pub(crate) fn other_terms(algorithm: &str, nodes: usize, terms: Terms) -> Reason {
    lasting(format!(
        "the QDevice was set up with algorithm '{algorithm}', and {nodes} nodes need '{}': set it up again with \
         'cluster_qdevice_renew: true' (playbooks/cluster-qdevice.yml), or with state 'absent' and then 'present'",
        terms.algorithm
    ))
}

pub(crate) fn no_certificates() -> Reason {
    lasting(
        "the certificates of the QDevice are not on this node ('/etc/corosync/qdevice' is missing): set it up again with \
         'cluster_qdevice_renew: true' (playbooks/cluster-qdevice.yml), or with state 'absent' and then 'present'",
    )
}

pub(crate) fn is_a_node(address: &str, node: &str) -> Reason {
    lasting(format!(
        "'{address}' is node '{node}' of this cluster itself: a QDevice needs a host outside of the cluster"
    ))
}

pub(crate) fn is_a_member(address: &str) -> Reason {
    lasting(format!(
        "'{address}' is a node of this cluster itself: a QDevice needs a host outside of the cluster"
    ))
}

pub(crate) fn port_closed(address: &str, why: &str) -> Reason {
    lasting(format!(
        "'{address}' does not answer on TCP 5403 ({why}): see to it that corosync-qnetd is installed and runs there and that no \
         firewall is between"
    ))
}

pub(crate) fn no_login(address: &str, why: &NoLogin) -> Reason {
    lasting(why.sentence(address, "'/root/.ssh/authorized_keys' there"))
}

pub(crate) fn qnetd_not_installed(address: &str) -> Reason {
    lasting(format!("corosync-qnetd is not installed on '{address}': run 'apt install corosync-qnetd' there"))
}

pub(crate) fn qnetd_not_running(address: &str, state: &str) -> Reason {
    lasting(format!(
        "corosync-qnetd on '{address}' is {state}: run 'systemctl enable --now corosync-qnetd' there"
    ))
}

pub(crate) fn name_in_use(address: &str, clients: &str) -> Reason {
    passing(format!(
        "another cluster of this name, or a node that was removed from this one and runs again, uses '{address}' already (from \
         {clients}): QNetd tells clusters apart by their names alone"
    ))
}

pub(crate) fn pvecm_busy() -> Reason {
    passing("a 'pvecm qdevice' is at work on this node")
}

pub(crate) fn locked(path: &Path) -> Reason {
    passing(format!(
        "the cluster is locked ('{}', which expires 120 s after its holder died): another change is under way",
        path.display()
    ))
}
