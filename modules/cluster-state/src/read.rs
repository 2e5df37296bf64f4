// SPDX-License-Identifier: GPL-3.0-or-later
//! The two ways in which everything here is read: a short program and a small file.

use std::path::Path;
use std::time::Duration;

use host::{Command, Host, Output};

use crate::StateError;

/// How long a program that only reads may take. Corosync's tools answer within 0.05 s; a corosync that is busy
/// forming a membership lets them wait, and one that hangs must not hang the module.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// A program of this crate: short deadline, no input.
pub(crate) fn program(name: &str, args: &[&str]) -> Command {
    Command::new(name).args(args.iter().copied()).timeout(PATIENCE)
}

/// Runs one of corosync's tools. Exit codes listed in `fine` come with full output.
///
/// Where a tool is not installed, corosync does not run. All three tools say on stderr that they cannot reach corosync, each in its own words
/// (recordings `3-node_corosync_stopped_on_pve1--corosync-*`).
pub(crate) fn corosync_tool(
    host: &dyn Host,
    command: &Command,
    fine: &[i32],
    unreachable: &str,
) -> Result<Output, StateError> {
    let output = match host.run(command) {
        Err(error) if error.is_not_found() => {
            return Err(StateError::CorosyncNotRunning { program: command.program.clone() });
        }
        ended => ended?,
    };
    if matches!(output.ending, host::Ending::Exited(code) if fine.contains(&code)) {
        return Ok(output);
    }
    if output.stderr.contains(unreachable) {
        return Err(StateError::CorosyncNotRunning { program: command.program.clone() });
    }
    Err(StateError::failed(command, &output))
}

/// The text of a file; `None` when there is none.
pub(crate) fn text_if_there(host: &dyn Host, path: &Path) -> Result<Option<String>, StateError> {
    match host.read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether a file, directory or link of this name is there.
pub(crate) fn is_there(host: &dyn Host, path: &Path) -> Result<bool, StateError> {
    match host.stat(path) {
        Ok(_) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Names in a directory; none when there is no such directory.
pub(crate) fn names_in(host: &dyn Host, path: &Path) -> Result<Vec<String>, StateError> {
    match host.list(path) {
        Ok(names) => Ok(names),
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}
