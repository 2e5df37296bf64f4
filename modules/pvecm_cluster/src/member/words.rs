// SPDX-License-Identifier: GPL-3.0-or-later
//! Every reason not to do what the task asks, in words.

use std::net::IpAddr;

pub(crate) use ansible_module::Reason;
use ansible_module::reason::lasting;
use membership::seen::NoAnswer;

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

pub(crate) fn no_coefficient_option() -> Reason {
    lasting("this pvecm has no option '--token-coefficient', which came with Proxmox VE 9.1")
}

pub(crate) fn guests(guests: &[u32]) -> Reason {
    let ids: Vec<String> = guests.iter().map(u32::to_string).collect();
    lasting(format!("this host already contains virtual guests ({})", ids.join(", ")))
}

pub(crate) fn no_rsync(whose: &str) -> Reason {
    lasting(format!("rsync is not installed on {whose}"))
}

pub(crate) fn no_id_rsa() -> Reason {
    lasting("'/root/.ssh/id_rsa' is missing on this node: it is the key that pvecm joins with")
}

pub(crate) fn namesake(cluster: &str, peer: &str) -> Reason {
    lasting(format!("this node is a member of another cluster '{cluster}' than '{peer}' is"))
}

/// Ends every reason about a member whose settings are not the declared ones.
const EDIT: &str = "joining again does not change it, editing corosync.conf does (module corosync_conf)";

pub(crate) fn link_not_in_cluster(link: u8, address: &IpAddr) -> Reason {
    lasting(format!("link {link} ('{address}') does not exist in the cluster"))
}

pub(crate) fn link_missing(link: u8) -> Reason {
    lasting(format!("the cluster has a link {link}, for which no address of this node is given"))
}

pub(crate) fn link_not_declared(link: u8, address: &str) -> Reason {
    lasting(format!("this node has a link {link} ('{address}') that is not declared"))
}

pub(crate) fn link_at_another_address(link: u8, running: &str, declared: &IpAddr) -> Reason {
    lasting(format!("link {link} of this node has address '{running}', not '{declared}': {EDIT}"))
}

pub(crate) fn another_priority(link: u8, running: Option<u8>, declared: u8) -> Reason {
    let running = running.map_or_else(|| "no priority".to_owned(), |priority| format!("priority {priority}"));
    lasting(format!("link {link} has {running} in the cluster, not {declared}: {EDIT}"))
}

pub(crate) fn another_nodeid(running: u32, declared: u32) -> Reason {
    lasting(format!(
        "this node has nodeid {running}, not {declared}: it changes only by removing the node and joining it again"
    ))
}

pub(crate) fn other_votes(running: u32, declared: u32) -> Reason {
    lasting(format!("quorum_votes of this node is {running}, not {declared}: {EDIT}"))
}

pub(crate) fn another_coefficient(running: Option<u64>, declared: u64) -> Reason {
    let running = running.map_or_else(|| "not set".to_owned(), |running| running.to_string());
    lasting(format!("token_coefficient of the cluster is {running}, not {declared}: {EDIT}"))
}

/// Why the cluster node did not answer.
pub(crate) fn no_answer(target: &str, why: &NoAnswer) -> Reason {
    lasting(match why {
        NoAnswer::Login(why) => why.sentence(target, "'/etc/pve/priv/authorized_keys' of the cluster"),
        NoAnswer::Garbled(what) => format!("the answer of '{target}' cannot be understood: {what}"),
        NoAnswer::NotReserved => format!(
            "a join by password needs the cluster reserved for it: run this module with 'state: reserved' on '{target}' and \
             hand on its 'reservation'"
        ),
        NoAnswer::ReservedForAnother(node) => format!("the reservation is for node '{node}'"),
        NoAnswer::ReservedLongAgo { seconds } => format!(
            "the reservation was made {seconds} s before or after the time that this node has: reserve the cluster again just \
             before the join, and see that both clocks are right"
        ),
    })
}

pub(crate) fn another_fingerprint(peer: &str, served: &str, given: &str) -> Reason {
    lasting(format!(
        "'{peer}' serves a certificate with the fingerprint '{served}', not '{given}': make sure that it is the right \
         host, and that its certificate was read after its last renewal"
    ))
}

pub(crate) fn itself(target: &str) -> Reason {
    lasting(format!("'{target}' is this node itself: name another one, which is a member of the cluster"))
}

pub(crate) fn name_online(name: &str) -> Reason {
    lasting(format!("the cluster has another node named '{name}', which is online: node names must differ"))
}

/// The entry has none but this node's own addresses.
pub(crate) fn listed_itself(name: &str, peer: &str) -> Reason {
    lasting(format!(
        "the cluster lists this node ('{name}') already, because a join of it stopped half way or it was installed anew: \
         'repair: true' lets this task mend it (playbooks/cluster-repair.yml), or take the entry out with 'pvecm delnode \
         {name}' on '{peer}'"
    ))
}

/// The entry has other addresses than this node.
pub(crate) fn name_elsewhere(name: &str, peer: &str) -> Reason {
    lasting(format!(
        "the cluster lists a node named '{name}' already, which is not online and has other addresses than this node: if \
         it is an earlier life of this node, remove it first with 'pvecm delnode {name}' on '{peer}'"
    ))
}

pub(crate) fn listed_at_another_address(name: &str, link: u8, listed: &str, declared: &IpAddr) -> Reason {
    lasting(format!(
        "the cluster lists '{name}' with address '{listed}' on link {link}, not '{declared}', and corosync does not \
         change an address while it runs: remove the node first with 'pvecm delnode {name}'"
    ))
}

pub(crate) fn listed_with_another_nodeid(name: &str, listed: u32, declared: u32) -> Reason {
    lasting(format!("the cluster lists '{name}' with nodeid {listed}, not {declared}"))
}

pub(crate) fn listed_with_other_votes(name: &str, listed: u32, declared: u32) -> Reason {
    lasting(format!("the cluster lists '{name}' with quorum_votes {listed}, not {declared}"))
}

pub(crate) fn address_taken(link: u8, address: &IpAddr, node: &str) -> Reason {
    lasting(format!("link {link} has address '{address}', which node '{node}' of the cluster uses"))
}

pub(crate) fn nodeid_taken(nodeid: u32, node: &str) -> Reason {
    lasting(format!("nodeid {nodeid} belongs to node '{node}' of the cluster"))
}

pub(crate) fn join_api_differs(ours: u32, peer: &str, theirs: u32) -> Reason {
    lasting(format!(
        "pvecm speaks join API version {ours} on this node and {theirs} on '{peer}': they must not differ by more than 1"
    ))
}
