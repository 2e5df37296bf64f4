// SPDX-License-Identifier: GPL-3.0-or-later
//! Corosync's last words in the journal: why it no longer runs.
//!
//! Only asked when systemd says that corosync has failed.

use host::Host;

use crate::StateError;
use crate::read::program;

/// Why corosync exited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LastWords {
    /// Another node told it to, as `pvecm delnode` does ("Killed by node 1 : Killed by corosync-cfgtool").
    KilledBy {
        /// That node's nodeid.
        nodeid: u32,
    },
    /// The others run another config_version ("Received config version (4) is different than my config version (3)").
    OtherVersion {
        /// What the others run.
        theirs: u64,
        /// What this node started with.
        ours: u64,
    },
    /// Any other reason, in its own words.
    Other(String),
}

/// Asks the journal for the end of corosync's last run in this boot; `None` when it says nothing.
///
/// # Errors
/// When the journal does not answer.
pub fn query(host: &dyn Host) -> Result<Option<LastWords>, StateError> {
    let args = ["--unit=corosync.service", "--boot", "--lines=60", "--output=cat", "--no-pager", "--quiet"];
    let command = program("journalctl", &args);
    let output = host.run(&command)?;
    if output.exited_zero() { Ok(parse(&output.stdout)) } else { Err(StateError::failed(&command, &output)) }
}

/// Finds the reason among the lines of corosync's last run.
#[must_use]
pub fn parse(text: &str) -> Option<LastWords> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let start = lines.iter().rposition(|line| line.starts_with("Starting corosync.service"));
    let run = lines.get(start.unwrap_or(0)..).unwrap_or_default();
    let known = run.iter().rev().find_map(|line| killed(line).or_else(|| other_version(line)));
    known.or_else(|| cause(run).map(|line| LastWords::Other(without_tag(line).to_owned())))
}

fn killed(line: &str) -> Option<LastWords> {
    let (_, rest) = line.split_once("Killed by node ")?;
    let nodeid = rest.split_whitespace().next()?.parse().ok()?;
    Some(LastWords::KilledBy { nodeid })
}

fn other_version(line: &str) -> Option<LastWords> {
    let (_, rest) = line.split_once("Received config version (")?;
    let (theirs, rest) = rest.split_once(") is different than my config version (")?;
    let (ours, _) = rest.split_once(')')?;
    Some(LastWords::OtherVersion { theirs: theirs.parse().ok()?, ours: ours.parse().ok()? })
}

/// What corosync said before it gave up: the line before "exiting with status", or else its last line that is not
/// systemd's.
fn cause<'a>(run: &[&'a str]) -> Option<&'a str> {
    let own = |line: &&&str| {
        let systemd =
            ["corosync.service:", "Starting corosync", "Started corosync", "Failed to start", "Stopp"];
        !line.is_empty() && !systemd.iter().any(|start| line.starts_with(start))
    };
    let own: Vec<&str> = run.iter().filter(own).copied().collect();
    let exit = own.iter().rposition(|line| line.contains("exiting with status"));
    own.get(..exit.unwrap_or(own.len()))?.last().copied()
}

/// A line without the name of the part of corosync that says it: `[MAIN  ] Nodeid 2 appears twice`.
fn without_tag(line: &str) -> &str {
    let tagged = line.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    tagged.map_or(line, |(_, said)| said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::recording;
    use crate::situations::as_cat;
    use testkit::{Answer, FakeHost};

    #[test]
    fn every_reason_recorded() {
        let table = [
            (
                recording!(
                    "removed_node_pve3_was_online_at_delnode--systemctl_status_--no-pager_-l_pve-cluster_corosync--pve3"
                ),
                Some(LastWords::KilledBy { nodeid: 1 }),
            ),
            (
                recording!(
                    "parallel_API_joins_of_pve3_and_pve4_into_a_2-node_cluster_second_run--state_and_corosync_journal--pve3"
                ),
                Some(LastWords::OtherVersion { theirs: 4, ours: 3 }),
            ),
            (
                recording!(
                    "config_change_broken_syntax_missing_brace_version_8--systemctl_restart_corosync_on_pve3_with_the_broken_file--pve3"
                ),
                Some(LastWords::Other(
                    "parser error: /etc/corosync/corosync.conf:42: Missing closing brace".to_owned(),
                )),
            ),
            (
                recording!("nodeid_clash--after_the_nodeid_clash--pve3"),
                Some(LastWords::Other("Nodeid 2 appears twice in corosync.conf".to_owned())),
            ),
        ];
        for (recording, words) in table {
            assert_eq!(parse(&as_cat(&recording.stdout)), words);
        }
        assert_eq!(parse(""), None);
    }

    #[test]
    fn an_earlier_run_does_not_count() {
        let text = "[CFG   ] Killed by node 1 : Killed by corosync-cfgtool\n\
            Starting corosync.service - Corosync Cluster Engine...\n[MAIN  ] No nodelist\n\
            [MAIN  ] Corosync Cluster Engine exiting with status 8 at main.c:1456.\n";
        assert_eq!(parse(text), Some(LastWords::Other("No nodelist".to_owned())));
    }

    #[test]
    fn a_journal_that_does_not_answer_is_an_error() {
        let host =
            FakeHost::new().query_prefix("journalctl", Answer::exit(1, "", "No journal files were found.\n"));
        assert_eq!(
            query(&host).unwrap_err().to_string(),
            "cannot run 'journalctl --unit=corosync.service --boot --lines=60 --output=cat --no-pager --quiet': \
             exit code 1: No journal files were found."
        );
    }
}
