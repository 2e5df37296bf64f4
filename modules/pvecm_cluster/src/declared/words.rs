// SPDX-License-Identifier: GPL-3.0-or-later
//! Every reason why a member, or the cluster, is not as the task declares, in words.

use std::net::IpAddr;

use ansible_module::Reason;
use ansible_module::reason::lasting;
use membership::seen::NoAnswer;

/// Ends every reason about a member whose settings are not the declared ones.
const EDIT: &str = "joining again does not change it, editing corosync.conf does (module corosync_conf)";

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

pub(crate) fn link_not_in_cluster(link: u8, address: &IpAddr) -> Reason {
    lasting(format!("link {link} ('{address}') does not exist in the cluster"))
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
