// SPDX-License-Identifier: GPL-3.0-or-later
//! The task's options, checked by themselves.

use membership::check::{cluster_name, number};

/// The options of a task by which this node is to be a member of no cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Args {
    pub(crate) cluster_name: String,
    pub(crate) force: bool,
    pub(crate) timeout: i64,
}

/// A checked task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) cluster_name: String,
    /// Leave although the others lose quorum by it, or the cluster has a QDevice, or Ceph runs here.
    pub(crate) force: bool,
    /// Seconds for everything.
    pub(crate) timeout: u64,
}

impl Wanted {
    /// Checks the options; returns every reason why they cannot be carried out, with those already known.
    pub(crate) fn check(args: &Args, mut wrong: Vec<String>) -> Result<Self, Vec<String>> {
        wrong.extend(cluster_name(&args.cluster_name));
        let timeout = number("timeout", Some(args.timeout), 1, &mut wrong);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(Self {
            cluster_name: args.cluster_name.clone(),
            force: args.force,
            timeout: timeout.map_or(1, u64::from),
        })
    }
}
