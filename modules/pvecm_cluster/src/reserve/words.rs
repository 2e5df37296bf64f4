// SPDX-License-Identifier: GPL-3.0-or-later
//! Every reason not to reserve a cluster that no other state has, in words.

use ansible_module::Reason;
use ansible_module::reason::lasting;

pub(crate) fn reserves_for_itself(node: &str) -> Reason {
    lasting(format!("'{node}' is this node itself: name the one that is to join"))
}

/// What the cluster node can say, which does not know the addresses of the node that is to join.
pub(crate) fn name_listed(name: &str, peer: &str) -> Reason {
    lasting(format!(
        "the cluster lists a node named '{name}' already, which is not online: if it is the one that is to join, reinstalled or \
         half joined, let it join with 'repair: true', or remove it first with 'pvecm delnode {name}' on '{peer}'"
    ))
}
