// SPDX-License-Identifier: GPL-3.0-or-later
//! Every reason not to remove a node, in words, with its remedy.

use super::lists::Shortened;
use ansible_module::Reason;
use ansible_module::reason::{lasting, passing};
use membership::files::{Entry, REPLICATION};
use membership::seen::quoted;

pub(crate) fn standalone() -> Reason {
    lasting("this node is not a member of a cluster: run this task on one of its members")
}

pub(crate) fn itself(node: &str) -> Reason {
    lasting(format!("'{node}' is this node itself: run this task on another member of the cluster"))
}

pub(crate) fn corosync_stopped(service: &str) -> Reason {
    lasting(format!(
        "corosync is not running on this node ({service}): start it with 'systemctl start corosync', or run this task on \
         another member"
    ))
}

pub(crate) fn not_quorate(votes: u32, expected: u32) -> Reason {
    passing(format!(
        "this node is not quorate ({votes} of {expected} votes): start more nodes, or, when all that are missing are off \
         for good, run 'pvecm expected {votes}' here"
    ))
}

pub(crate) fn read_only() -> Reason {
    passing(
        "'/etc/pve' is read-only on this node although it is quorate: if that stays so, run 'systemctl restart \
         pve-cluster'",
    )
}

pub(crate) fn online(node: &str) -> Reason {
    lasting(format!(
        "node '{node}' is online: shut it down, and see to it that it never starts again as it is (while it is off, \
         reinstall it or clear it)"
    ))
}

pub(crate) fn cut_off(node: &str) -> Reason {
    lasting(format!(
        "node '{node}' runs and has the cluster's files, although corosync does not see it: it is cut off, and its guests may \
         run. Shut it down, or let it leave with 'state: absent' on it"
    ))
}

const OFF: &str = "If this machine has no power, and something else has its address, name it in 'known_off'";

pub(crate) fn alive(node: &str, signs: &[String]) -> Reason {
    lasting(format!(
        "node '{node}' shows signs of life ({}): it may run its guests, cut off from the cluster. Shut it down, or let it leave with \
         'state: absent' on it; if it has left, have it accept this node's ssh login, so that this can be seen. {OFF}",
        signs.join(", ")
    ))
}

pub(crate) fn unknown_life(node: &str, why: &str) -> Reason {
    lasting(format!("it is not known whether node '{node}' runs: {why}. {OFF}"))
}

pub(crate) fn known_off(node: &str, signs: &[String]) -> String {
    format!(
        "node '{node}' is removed because 'known_off' says that it has no power, although there are signs of life ({})",
        signs.join(", ")
    )
}

pub(crate) fn another_case(node: &str, meant: &str) -> Reason {
    lasting(format!(
        "the cluster lists no node '{node}', but one named '{meant}': name it as the cluster does"
    ))
}

pub(crate) fn named(path: &str, section: &str) -> String {
    format!(
        "'{section}' in '{path}' still names it: that has no effect any more, take it out when convenient"
    )
}

pub(crate) fn qdevice() -> Reason {
    lasting(
        "the cluster has a QDevice, which must be out of the way while a node leaves: set 'cluster_qdevice_readd: true' \
         (playbooks/cluster-remove-node.yml), or run 'pvecm qdevice remove' before and 'pvecm qdevice setup' afterwards",
    )
}

pub(crate) fn no_quorum_afterwards(there: u32, votes: u32) -> Reason {
    lasting(format!(
        "the cluster would not be quorate afterwards ({there} of {votes} votes): start more of the nodes that stay first"
    ))
}

pub(crate) fn guests(node: &str, guests: &[&Entry], here: &str) -> Reason {
    let ids: Vec<String> = guests.iter().filter_map(|entry| entry.guest()).map(|id| id.to_string()).collect();
    let path = guests.first().map(|entry| entry.path.as_str()).unwrap_or_default();
    let kind = path.split('/').next().unwrap_or_default();
    lasting(format!(
        "guests of it are configured ({}): move what is to stay to another node, as with 'mv /etc/pve/nodes/{node}/{path} \
         /etc/pve/nodes/{here}/{kind}/', and remove the rest; or, if the node has left with 'state: absent' and keeps them \
         itself, use 'separated: true'",
        ids.join(", ")
    ))
}

pub(crate) fn managed(resources: &[String]) -> Reason {
    lasting(format!(
        "high availability keeps guests running that went with the node ({}): remove them there first with 'ha-manager remove \
         SID'",
        resources.join(", ")
    ))
}

pub(crate) fn guests_go(node: &str, guests: &[u32]) -> String {
    let ids: Vec<String> = guests.iter().map(u32::to_string).collect();
    format!(
        "the configurations of guests {} go from the cluster, because '{node}' keeps them itself ('separated: true')",
        ids.join(", ")
    )
}

pub(crate) fn ha(path: &str, section: &str) -> Reason {
    let command = match path.rsplit('/').next() {
        Some("groups.cfg") => ", as with 'ha-manager groupset' or 'ha-manager groupremove'",
        Some("rules.cfg") => ", as with 'ha-manager rules set' or 'ha-manager rules remove'",
        _ => "",
    };
    lasting(format!("'{section}' in '{path}' names it: take it out there first{command}"))
}

pub(crate) fn alone(path: &str, section: &str, set: &str, remove: &str) -> Reason {
    lasting(format!(
        "'{section}' in '{path}' names it and no other node of the cluster: give it another one with 'ha-manager {set} --nodes \
         NODE', or remove it with 'ha-manager {remove}'"
    ))
}

pub(crate) fn strangers(list: &Shortened) -> String {
    format!(
        "'{}' in '{}' also names what is no node of the cluster and goes from it too: {}",
        list.section,
        list.path,
        quoted(&list.strangers)
    )
}

pub(crate) fn strange_job(job: &str) -> Reason {
    lasting(format!(
        "replication job '{job}' ends with it and has no name that 'pvesr' takes: take it out of '{REPLICATION}' first"
    ))
}

pub(crate) fn ceph_daemons(daemons: &[String]) -> Reason {
    lasting(format!("'/etc/pve/ceph.conf' has daemons on it ({}): destroy them first", daemons.join(", ")))
}

pub(crate) fn osds(osds: &[u32]) -> Reason {
    let names: Vec<String> = osds.iter().map(|osd| format!("osd.{osd}")).collect();
    lasting(format!("Ceph has OSDs on it ({}): destroy them first", names.join(", ")))
}

pub(crate) fn osds_not_asked(node: &str) -> String {
    format!(
        "Ceph is in use but does not say which OSDs are on '{node}' ('ceph osd ls-tree {node}' failed): make sure that there \
         are none"
    )
}

pub(crate) fn misses_the_configuration(names: &[&str]) -> String {
    format!(
        "not online, and so without the new corosync.conf: {}; remove what is off for good, and on the others copy \
         '/etc/pve/corosync.conf' of a member to '/etc/corosync/' before corosync starts",
        quoted(names)
    )
}

pub(crate) fn shared_keys(node: &str, keys: &[String]) -> String {
    format!(
        "root still logs in with keys that carry the name of '{node}' and are another's too: {}",
        quoted(keys)
    )
}
