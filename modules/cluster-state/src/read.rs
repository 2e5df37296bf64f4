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
/// Where a tool is not installed, corosync does not run. Else a tool says on stderr that it cannot reach corosync, in the words `unreachable`
/// and with the number or the name of an error. Only one of them says that nobody listens (recordings
/// `3-node_corosync_stopped_on_pve1--corosync-*`): a corosync that is starting, stopping or busy answers `CS_ERR_TRY_AGAIN`, and whether
/// it runs in a moment is not known.
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
    if nobody_listens(&output.stderr, unreachable) {
        return Err(StateError::CorosyncNotRunning { program: command.program.clone() });
    }
    Err(StateError::failed(command, &output))
}

/// Whether a tool says that it cannot reach corosync because nobody listens: `CS_ERR_LIBRARY`, which some print as `2`.
fn nobody_listens(stderr: &str, unreachable: &str) -> bool {
    let Some((_, rest)) = stderr.split_once(unreachable) else { return false };
    let mut words = rest.lines().next().unwrap_or_default().split_whitespace();
    let error = words.find(|word| word.eq_ignore_ascii_case("error")).and(words.next());
    matches!(error, Some("2" | "CS_ERR_LIBRARY"))
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

#[cfg(test)]
mod tests {
    use testkit::{Answer, FakeHost};

    use super::*;
    use crate::recording::recording;

    /// Only the error that stands for a closed door says that corosync does not run.
    #[test]
    fn a_corosync_that_cannot_answer_now_is_not_one_that_does_not_run() {
        const CMAP: &str = "Failed to initialize the cmap API";
        const CFG: &str = "Could not initialize corosync configuration API";
        let cmapctl = recording!("3-node_corosync_stopped_on_pve1--corosync-cmapctl_totem.--pve1").stderr;
        let cfgtool = recording!("3-node_corosync_stopped_on_pve1--corosync-cfgtool_-n--pve1").stderr;
        let newer = recording!("standalone--corosync-cfgtool_-R--pve1").stderr;
        let altered = cfgtool.replace('\n', " (see the journal)\n");
        for (words, said, down) in [
            (CMAP, cmapctl.as_str(), true),
            (CFG, &cfgtool, true),
            (CFG, &newer, true),
            (CFG, &altered, true),
            (CMAP, "Failed to initialize the cmap API. Error CS_ERR_TRY_AGAIN\n", false),
            (CMAP, "Failed to initialize the cmap API. Error CS_ERR_ACCESS\n", false),
            (CMAP, "Failed to initialize the cmap API. Error\nCS_ERR_LIBRARY\n", false),
            (CMAP, "Failed to initialize the cmap API\n", false),
            (CMAP, "Error CS_ERR_LIBRARY\n", false),
            (CFG, "Could not initialize corosync configuration API error 6\n", false),
            (CFG, "Could not initialize corosync configuration API error 21\n", false),
            (CFG, "Could not initialize corosync configuration API 2\n", false),
            (CFG, "", false),
        ] {
            let host = FakeHost::new().query("a-tool", Answer::exit(1, "", said));
            let error = corosync_tool(&host, &program("a-tool", &[]), &[0], words).unwrap_err();
            assert_eq!(error.is_corosync_down(), down, "'{said}': {error}");
        }
    }
}
