// SPDX-License-Identifier: GPL-3.0-or-later
//! `corosync -t`: whether corosync would start from a file. A corosync that runs goes on with what it read before, whatever has
//! become of its file.

use std::time::Duration;

use host::{Command, Ending, Host, HostError, Output};

use crate::StateError;
use crate::read::program;

/// How long it may take; it looks up the nodes' names.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why corosync would not start from this file; none when it would.
///
/// It reads the file from its input, so that nothing is written, in check mode too.
///
/// # Errors
/// When corosync could not be asked.
pub fn refusal(host: &dyn Host, text: &[u8]) -> Result<Option<String>, HostError> {
    let command = Command::new("corosync").args(["-t", "-c", "/dev/stdin"]).stdin(text).timeout(PATIENCE);
    Ok(parse(&host.run(&command)?))
}

/// The same, where a check that did not come to its end is no opinion.
///
/// # Errors
/// When corosync could not be asked, or did not answer.
pub fn verdict(host: &dyn Host, text: &[u8]) -> Result<Option<String>, StateError> {
    let command = Command::new("corosync").args(["-t", "-c", "/dev/stdin"]).stdin(text).timeout(PATIENCE);
    let output = host.run(&command)?;
    if matches!(output.ending, Ending::Exited(_)) {
        return Ok(parse(&output));
    }
    Err(StateError::failed(&command, &output))
}

/// The same of /etc/corosync/corosync.conf, from which this node's corosync starts next.
///
/// # Errors
/// When corosync could not be asked.
pub fn next_start(host: &dyn Host) -> Result<Option<String>, StateError> {
    Ok(parse(&host.run(&program("corosync", &["-t"]))?))
}

/// What it said against the file.
fn parse(output: &Output) -> Option<String> {
    if output.exited_zero() {
        return None;
    }
    let said = [output.stderr.as_str(), "\n", output.stdout.as_str()].concat();
    Some(reason(&said).unwrap_or_else(|| format!("'corosync -t' ended with {}", output.rc())))
}

/// The first error among the lines; where none says that it is one, the first line that says anything but how it ended.
///
/// With `debug: on` there are others before it, and a warning stands before the error that follows from another line.
#[must_use]
pub fn reason(said: &str) -> Option<String> {
    let mut other = None;
    for line in said.lines() {
        let (level, words) = level_and_words(line);
        if words.is_empty() || words.contains("exiting with status") {
            continue;
        }
        if level.is_none_or(|level| ERRORS.contains(&level)) {
            return Some(words.to_owned());
        }
        other.get_or_insert(words);
    }
    other.map(str::to_owned)
}

/// Levels of what keeps corosync from starting.
const ERRORS: [&str; 4] = ["error", "crit", "alert", "emerg"];

/// The level and the words of `Nov 20 18:15:07.146 error   [MAIN  ] Invalid transport type.`; no level where the line has
/// not this form, as `parser error: FILE:42: Missing closing brace`, which corosync says before it has a log.
fn level_and_words(line: &str) -> (Option<&str>, &str) {
    let logged = line.split_once('[').and_then(|(before, behind)| {
        let (_, words) = behind.split_once("] ")?;
        let level = before.split_whitespace().next_back()?;
        LEVELS.contains(&level).then_some((Some(level), words.trim()))
    });
    logged.unwrap_or((None, line.trim()))
}

const LEVELS: [&str; 9] = ["emerg", "alert", "crit", "error", "warning", "notice", "info", "debug", "trace"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::recording;
    use testkit::{Answer, FakeHost};

    #[test]
    fn the_reason_of_a_file_that_it_would_not_start_from() {
        // recording `config_change_bad_value_transport_bogus_version_10--state_afterwards--pve2`
        let bogus = "Nov 20 18:15:07.198 error   [MAIN  ] Invalid transport type. Should be udpu, udp or knet\nNov 20 \
                     18:15:07.198 error   [MAIN  ] Corosync Cluster Engine exiting with status 8 at main.c:1428.\n";
        for (answer, expected) in [
            (
                Answer::exit(
                    0,
                    "",
                    "Nov 20 18:14:19.138 notice  [MAIN  ] Corosync Cluster Engine exiting normally\n",
                ),
                None,
            ),
            (Answer::exit(8, "", bogus), Some("Invalid transport type. Should be udpu, udp or knet")),
            (Answer::exit(1, "", ""), Some("'corosync -t' ended with 1")),
        ] {
            let host = FakeHost::new().query("corosync -t -c /dev/stdin", answer);
            assert_eq!(refusal(&host, b"totem {\n}\n").unwrap().as_deref(), expected);
        }
    }

    /// As corosync 3.1.7 and 3.1.9 printed it for these files.
    #[test]
    fn the_reason_is_the_error_and_not_what_stands_before_it() {
        let debug = "Nov 30 17:44:01.101 debug   [MAIN  ] Allowing only members of /etc/passwd\n\
            Nov 30 17:44:01.102 error   [MAIN  ] parse error in config: The token timeout parameter (20 ms) may not be less than (30 ms).\n\
            Nov 30 17:44:01.102 error   [MAIN  ] Corosync Cluster Engine exiting with status 8 at main.c:1445.\n";
        let beside = "Nov 30 17:44:01.101 warning [MAIN  ] interface section bindnetaddr is used together with nodelist. \
            Nodelist one is going to be used.\n\
            Nov 30 17:44:01.101 warning [MAIN  ] Please migrate config file to nodelist.\n\
            Nov 30 17:44:01.102 error   [MAIN  ] parse error in config: The token timeout parameter (20 ms) may not be less than (30 ms).\n";
        let token = Some(
            "parse error in config: The token timeout parameter (20 ms) may not be less than (30 ms)."
                .to_owned(),
        );
        let parser = "parse error in config: unknown value for debug.";
        for (said, expected) in [
            (debug, token.clone()),
            (beside, token),
            (parser, Some(parser.to_owned())),
            ("Nov 30 17:44:01.101 crit    [MAIN  ] a [b] c\n", Some("a [b] c".to_owned())),
            ("Nov 30 17:44:01.101 notice  [MAIN  ] only this\n", Some("only this".to_owned())),
            (
                "Nov 30 17:44:01.101 error   [MAIN  ] Corosync Cluster Engine exiting with status 8 at main.c:1.\n\n",
                None,
            ),
            ("\n", None),
        ] {
            assert_eq!(reason(said), expected, "{said}");
        }
    }

    /// Recordings `3-node_quorate--corosync_-t--pve1` and `config_change_*--state_afterwards--pve1`.
    #[test]
    fn the_file_that_corosync_starts_from_next() {
        let asked = |rc, stderr: &str| {
            next_start(&FakeHost::new().query("corosync -t", Answer::exit(rc, "", stderr))).unwrap()
        };
        let recorded = recording!("3-node_quorate--corosync_-t--pve1");
        assert_eq!(asked(recorded.rc, &recorded.stderr), None);
        let missing = "parser error: /etc/corosync/corosync.conf:42: Missing closing brace\n";
        assert_eq!(asked(8, missing).unwrap(), missing.trim());
    }
}
