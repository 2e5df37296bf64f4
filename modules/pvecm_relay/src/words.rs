// SPDX-License-Identifier: GPL-3.0-or-later
//! Every reason that no other way to join has, in words.

use std::net::IpAddr;
use std::time::Duration;

use ansible_module::Failure;
use ansible_module::reason::{Reason, lasting, passing};

use crate::args::State;

/// What to do about a round that stopped.
pub(crate) const AGAIN: &str = "run the play again, which goes on where this one stopped";

/// A failure before anything was changed.
pub(crate) fn refused(state: State, cluster: &str, reasons: &[String]) -> Failure {
    failure(state, cluster, &reasons.join("; ")).with("reasons", reasons)
}

/// The same, after this time.
pub(crate) fn refused_after(state: State, cluster: &str, reasons: &[String], waited: Duration) -> Failure {
    let mut why = reasons.join("; ");
    if waited >= Duration::from_secs(1) {
        why.push_str(&format!(" (for {} s)", waited.as_secs()));
    }
    failure(state, cluster, &why).with("reasons", reasons)
}

/// `cannot .. cluster 'prod': ..`
pub(crate) fn failure(state: State, cluster: &str, why: &str) -> Failure {
    Failure::new(match state {
        State::Offered => format!("cannot offer this node to cluster '{cluster}': {why}"),
        State::Admitted => format!("cannot admit nodes to cluster '{cluster}': {why}"),
        State::Entered => format!("cannot enter cluster '{cluster}': {why}"),
        State::Enfranchised => format!("cannot give nodes their votes in cluster '{cluster}': {why}"),
    })
}

/// The texts of reasons.
pub(crate) fn texts(reasons: &[Reason]) -> Vec<String> {
    reasons.iter().map(|reason| reason.text.clone()).collect()
}

pub(crate) fn member_that_is_out(votes: u32) -> Reason {
    lasting(format!(
        "this node is a member by its own corosync.conf, with {votes} votes, and it is not quorate: repair it \
         (playbooks/cluster-repair.yml)"
    ))
}

pub(crate) fn unknown_release(whose: &str, pve: Option<&str>) -> Reason {
    let pve = pve.unwrap_or("of an unknown version");
    lasting(format!(
        "Proxmox VE on {whose} is {pve}, and what a join does is known of versions 8 and 9 only: let nodes join over ssh \
         (cluster_join_method: ssh)"
    ))
}

pub(crate) fn unknown_join_api(whose: &str, version: Option<u32>) -> Reason {
    let version =
        version.map_or_else(|| "an unknown version".to_owned(), |version| format!("version {version}"));
    lasting(format!(
        "pvecm on {whose} speaks {version} of the join API, and only version 1 is known: let nodes join over ssh \
         (cluster_join_method: ssh)"
    ))
}

pub(crate) fn guests(guests: &[u32]) -> Reason {
    let ids: Vec<String> = guests.iter().map(u32::to_string).collect();
    lasting(format!("this host already contains virtual guests ({})", ids.join(", ")))
}

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

pub(crate) fn entering_another(cluster: &str) -> Reason {
    lasting(format!(
        "this node was entering cluster '{cluster}' when that was interrupted: finish that first, or let it leave with \
         'state: absent' (module pvecm_cluster)"
    ))
}

pub(crate) fn has_votes(name: &str, votes: u32) -> Reason {
    lasting(format!(
        "the cluster lists '{name}' already, with {votes} votes, and that node says that it is none of the cluster's: repair \
         it (playbooks/cluster-repair.yml), or remove the entry first with 'pvecm delnode {name}'"
    ))
}

pub(crate) fn name_online(name: &str) -> Reason {
    lasting(format!("the cluster has another node named '{name}', which is online: node names must differ"))
}

pub(crate) fn listed_otherwise(name: &str) -> Reason {
    lasting(format!(
        "the cluster lists '{name}' without a vote since an earlier round, with another address or nodeid than it offers: \
         remove the entry first with 'pvecm delnode {name}'"
    ))
}

pub(crate) fn link_not_in_cluster(name: &str, link: u8, address: &IpAddr) -> Reason {
    lasting(format!("'{name}' has link {link} ('{address}'), which does not exist in the cluster"))
}

pub(crate) fn link_missing(name: &str, link: u8) -> Reason {
    lasting(format!("the cluster has a link {link}, for which '{name}' has no address"))
}

pub(crate) fn address_taken(name: &str, link: u8, address: &IpAddr, node: &str) -> Reason {
    lasting(format!("link {link} of '{name}' has address '{address}', which node '{node}' has too"))
}

pub(crate) fn nodeid_taken(name: &str, nodeid: u32, node: &str) -> Reason {
    lasting(format!("nodeid {nodeid}, which '{name}' wants, belongs to node '{node}'"))
}

pub(crate) fn not_listed_inside(name: &str) -> Reason {
    lasting(format!(
        "'{name}' says that it is a member of the cluster, which does not list it: it is one of another cluster of that name"
    ))
}

pub(crate) fn fixed_quorum(key: &str, value: &str) -> Reason {
    lasting(format!(
        "'/etc/pve/corosync.conf' has '{key}: {value}' in its section quorum, which would be wrong with more nodes: remove it first"
    ))
}

pub(crate) fn cannot_be_written(why: &str) -> Reason {
    lasting(format!("'/etc/pve/corosync.conf' cannot be edited: {why}"))
}

pub(crate) fn would_cost_quorum(total: u32, needed: u32) -> Reason {
    passing(format!("the cluster would have {total} votes of the {needed} that it would need"))
}
