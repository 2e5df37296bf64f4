// SPDX-License-Identifier: GPL-3.0-or-later
//! The options of a task by which this node is to be a member, as far as a repair needs them.

/// What a repair has to know of a task by which this node is to be a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Args {
    pub(crate) cluster_name: String,
    /// The member to join through.
    pub(crate) cluster_node: Option<String>,
    /// Whether it may join, and not only be confirmed.
    pub(crate) joins: bool,
    /// Whether it is repaired, and not only told what a repair could do.
    pub(crate) repair: bool,
    pub(crate) timeout: i64,
}
