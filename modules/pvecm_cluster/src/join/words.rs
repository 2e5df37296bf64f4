// SPDX-License-Identifier: GPL-3.0-or-later
//! Every reason not to join that no other state has, in words.

use std::net::IpAddr;

use ansible_module::Reason;
use ansible_module::reason::lasting;

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

pub(crate) fn itself(target: &str) -> Reason {
    lasting(format!("'{target}' is this node itself: name another one, which is a member of the cluster"))
}

pub(crate) fn another_fingerprint(peer: &str, served: &str, given: &str) -> Reason {
    lasting(format!(
        "'{peer}' serves a certificate with the fingerprint '{served}', not '{given}': make sure that it is the right \
         host, and that its certificate was read after its last renewal"
    ))
}

pub(crate) fn link_missing(link: u8) -> Reason {
    lasting(format!("the cluster has a link {link}, for which no address of this node is given"))
}

pub(crate) fn name_online(name: &str) -> Reason {
    lasting(format!("the cluster has another node named '{name}', which is online: node names must differ"))
}

/// The entry has none but this node's own addresses.
pub(crate) fn listed_itself(name: &str, peer: &str) -> Reason {
    lasting(format!(
        "the cluster lists this node ('{name}') already, because a join of it stopped half way or it was reinstalled: \
         'repair: true' lets this task repair it (playbooks/cluster-repair.yml), or take the entry out with 'pvecm delnode \
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
