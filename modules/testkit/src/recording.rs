// SPDX-License-Identifier: GPL-3.0-or-later
//! Recordings of real programs: what was run, how it ended, what it printed.

use host::Ending;

use crate::Answer;

/// A recording as the project keeps them:
///
/// ```text
/// COMMAND: pvecm status
/// NODE: pve1 | SITUATION: 1-node cluster | RUN AS: root, no TTY, stdin /dev/null
/// STARTED: 2026-01-01T00:00:00Z | DURATION: 0.26s | EXIT CODE: 2
/// ===== STDOUT =====
/// ===== STDERR =====
/// ===== END =====
/// ```
///
/// `ACTION:` instead of `COMMAND:` says that the program changes something. The other fields may be missing; no
/// exit code is 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recording {
    pub(crate) line: String,
    pub(crate) changes: bool,
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Recording {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (head, rest) =
            text.split_once("===== STDOUT =====\n").ok_or("no line '===== STDOUT =====' in the recording")?;
        let (stdout, rest) =
            rest.split_once("===== STDERR =====\n").ok_or("no line '===== STDERR =====' in the recording")?;
        let (stderr, _) =
            rest.split_once("===== END =====").ok_or("no line '===== END =====' in the recording")?;
        let first = head.lines().next().unwrap_or_default();
        let (line, changes) = match (first.strip_prefix("COMMAND: "), first.strip_prefix("ACTION: ")) {
            (Some(line), _) => (line, false),
            (_, Some(line)) => (line, true),
            _ => return Err(format!("the recording begins with '{first}', not with COMMAND: or ACTION:")),
        };
        let code = head
            .split(['|', '\n'])
            .find_map(|field| field.trim().strip_prefix("EXIT CODE:"))
            .map_or(Ok(0), |code| code.trim().parse())
            .map_err(|error| format!("the recording's exit code: {error}"))?;
        Ok(Self {
            line: line.to_owned(),
            changes,
            code,
            stdout: stdout.to_owned(),
            stderr: stderr.to_owned(),
        })
    }

    pub(crate) fn answer(&self) -> Answer {
        Answer::ending(Ending::Exited(self.code), &self.stdout, &self.stderr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_read_whole() {
        let text = "COMMAND: pvecm status\nNODE: pve1 | SITUATION: x\nSTARTED: now | DURATION: 0.26s | EXIT CODE: 2\n\
            ===== STDOUT =====\na\n\nb\n===== STDERR =====\nc\n===== END =====\n";
        let recording = Recording::parse(text).unwrap();
        assert_eq!(
            recording,
            Recording {
                line: "pvecm status".into(),
                changes: false,
                code: 2,
                stdout: "a\n\nb\n".into(),
                stderr: "c\n".into()
            }
        );
    }

    #[test]
    fn an_action_needs_no_more_than_its_line() {
        let text = "ACTION: pvecm create x\n===== STDOUT =====\n===== STDERR =====\n===== END =====\n";
        let recording = Recording::parse(text).unwrap();
        assert!(recording.changes && recording.code == 0 && recording.line == "pvecm create x");
        assert!(Recording::parse("pvecm status\n").is_err());
    }
}
