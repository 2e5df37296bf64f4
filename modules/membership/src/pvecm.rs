// SPDX-License-Identifier: GPL-3.0-or-later
//! A pvecm that was run: what it did, whether it says that it did its work, and why it did not.

use std::time::Duration;

use host::{Command, Ending, Output};
use serde::Serialize;

use crate::explain;

/// What pvecm did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pvecm {
    /// The command line.
    pub cmd: String,
    /// The exit code.
    pub rc: i32,
    /// What it printed.
    pub stdout: String,
    /// What it said beside.
    pub stderr: String,
}

impl Pvecm {
    /// What this command came to.
    pub fn of(command: &Command, output: &Output) -> Self {
        Self {
            cmd: command.line(),
            rc: output.rc(),
            stdout: output.stdout.clone(),
            stderr: output.stderr.clone(),
        }
    }
}

/// Whether pvecm says that it did its work: a join has words for it, `create` is just silent on stderr.
pub fn claims_success(joins: bool, output: &Output) -> bool {
    if joins {
        output.stdout.contains("successfully added node")
    } else {
        output.exited_zero() && output.stderr.trim().is_empty()
    }
}

/// Why it did not work. `waited` is what was missing how long after a pvecm that claims success.
pub fn cause(output: &Output, patience: Duration, waited: Option<(Duration, String)>) -> String {
    let progress = explain::progress(&output.stdout).map(|step| format!(" {step}")).unwrap_or_default();
    match (output.ending, waited) {
        (Ending::TimedOut, _) => {
            format!("pvecm had not ended after {} s and was stopped{progress}", patience.as_secs())
        }
        (_, Some((elapsed, missing))) => {
            format!("pvecm says that it is done, but {}{missing}", after(elapsed))
        }
        (_, None) => {
            format!("pvecm gave up{progress}: {}", explain::failure(&output.stdout, &output.stderr))
        }
    }
}

/// `after 30 s `, if it took any time at all.
pub fn after(elapsed: Duration) -> String {
    if elapsed < Duration::from_secs(1) { String::new() } else { format!("after {} s ", elapsed.as_secs()) }
}
