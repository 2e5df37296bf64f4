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
    let said = [output.stderr.as_str(), output.stdout.as_str()].concat();
    // `Nov 20 18:15:07.146 error   [MAIN  ] Invalid transport type.`: what stands behind the last bracket
    let words = |line: &str| line.rsplit("] ").next().unwrap_or_default().trim().to_owned();
    let lines: Vec<String> = said.lines().map(words).filter(|line| !line.is_empty()).collect();
    let reason = lines.iter().find(|line| !line.contains("exiting with status")).or(lines.first());
    Some(reason.cloned().unwrap_or_else(|| format!("'corosync -t' ended with {}", output.rc())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::recording;
    use testkit::{Answer, FakeHost};

    #[test]
    fn the_reason_is_what_it_says_first() {
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
