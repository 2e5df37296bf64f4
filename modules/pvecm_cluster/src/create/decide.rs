// SPDX-License-Identifier: GPL-3.0-or-later
//! What stands in the way of creating a cluster on this node, how it will be, and the command. Pure.

use std::time::Duration;

use host::Command;
use membership::reason::Reason;

use super::words;
use crate::declared::{Candidate, Forecast, Wanted, options, set};

/// What on this node stands in the way.
pub(crate) fn this_node(wanted: &Wanted, candidate: &Candidate) -> Option<Reason> {
    let lacks = wanted.token_coefficient.is_some() && !candidate.knows_coefficient;
    lacks.then(words::no_coefficient_option)
}

/// How the cluster will be that this node creates.
pub(crate) fn forecast(wanted: &Wanted, node: &str) -> Forecast {
    Forecast { nodeid: wanted.nodeid.unwrap_or(1), config_version: 1, members: set([node.to_owned()]) }
}

/// The command.
pub(crate) fn command(wanted: &Wanted, timeout: Duration) -> Command {
    let command = Command::new("pvecm").timeout(timeout).arg("create").arg(&wanted.cluster_name);
    let command = options(command, wanted, true);
    match wanted.token_coefficient {
        Some(coefficient) => command.arg("--token-coefficient").arg(coefficient.to_string()),
        None => command,
    }
}
