// SPDX-License-Identifier: GPL-3.0-or-later
//! The task's options, checked by themselves.

use membership::check::{cluster_name, is_node_name, number};

/// The options of a task by which another node is to be no member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Args {
    pub(crate) cluster_name: String,
    pub(crate) node: String,
    pub(crate) separated: bool,
    pub(crate) known_off: Vec<String>,
    pub(crate) timeout: i64,
}

/// A checked task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) cluster_name: String,
    /// The name of the node to remove; nothing that could lead out of a directory.
    pub(crate) node: String,
    /// The node has left and keeps its guests itself.
    pub(crate) separated: bool,
    /// Somebody has seen that the machine has no power.
    pub(crate) known_off: bool,
    /// Seconds for everything.
    pub(crate) timeout: u64,
}

impl Wanted {
    /// Checks the options; returns every reason why they cannot be carried out, with those already known.
    pub(crate) fn check(args: &Args, mut wrong: Vec<String>) -> Result<Self, Vec<String>> {
        wrong.extend(cluster_name(&args.cluster_name));
        if !is_node_name(&args.node) {
            wrong.push(format!("'{}' is not a node name (letters, digits and hyphens inside)", args.node));
        }
        for name in args.known_off.iter().filter(|name| **name != args.node) {
            wrong.push(format!("'{name}' is among 'known_off', and is not the node to remove"));
        }
        let timeout = number("timeout", Some(args.timeout), 1, &mut wrong);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(Self {
            cluster_name: args.cluster_name.clone(),
            node: args.node.clone(),
            separated: args.separated,
            known_off: args.known_off.contains(&args.node),
            timeout: timeout.map_or(1, u64::from),
        })
    }
}
