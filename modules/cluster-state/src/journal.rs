// SPDX-License-Identifier: GPL-3.0-or-later
//! What the journal tells of corosync: why it no longer runs, and whether the cluster put this node out.
//!
//! Only asked when systemd says that corosync has failed, or corosync that this node is not quorate.

use std::path::Path;

use host::Host;

use crate::StateError;
use crate::leftovers::AUTHKEY;
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
    Ok(parse(&ask(host, &args)?))
}

/// Asks the journal whether the cluster put this node out: by whom corosync here was told to stop, when this node was
/// never quorate since. Such a node stays out when corosync starts again, and after a reboot.
///
/// What happened before this node got the cluster's key belongs to an earlier membership.
///
/// # Errors
/// When the journal does not answer, or the key cannot be examined.
pub fn put_out_by(host: &dyn Host) -> Result<Option<u32>, StateError> {
    let joined = match host.stat(Path::new(AUTHKEY)) {
        Ok(stat) => stat.mtime,
        Err(error) if error.is_not_found() => 0, // a cluster without encryption has no key
        Err(error) => return Err(error.into()),
    };
    let since = format!("--since=@{joined}");
    let args = ["--unit=corosync.service", &since, "--lines=400", "--output=cat", "--no-pager", "--quiet"];
    Ok(parse_put_out(&ask(host, &args)?))
}

fn ask(host: &dyn Host, args: &[&str]) -> Result<String, StateError> {
    let command = program("journalctl", args);
    let output = host.run(&command)?;
    if output.exited_zero() { Ok(output.stdout) } else { Err(StateError::failed(&command, &output)) }
}

/// Finds the reason among the lines of corosync's last run, without date, host and process.
#[must_use]
pub fn parse(text: &str) -> Option<LastWords> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let start = lines.iter().rposition(|line| line.starts_with("Starting corosync.service"));
    let run = lines.get(start.unwrap_or(0)..).unwrap_or_default();
    let killed = run.iter().rev().find_map(|line| killed(line)).map(|nodeid| LastWords::KilledBy { nodeid });
    killed
        .or_else(|| run.iter().rev().find_map(|line| other_version(line)))
        .or_else(|| cause(run).map(|line| LastWords::Other(without_tag(line).to_owned())))
}

/// Finds, in the same form, who told corosync to stop since this node was last quorate.
#[must_use]
pub fn parse_put_out(text: &str) -> Option<u32> {
    let lines: Vec<&str> = text.lines().collect();
    let quorate = |line: &&str| line.contains("within the primary component");
    let since = lines.iter().rposition(quorate).map_or(0, |index| index + 1);
    lines.get(since..)?.iter().rev().find_map(|line| killed(line))
}

fn killed(line: &str) -> Option<u32> {
    let (_, rest) = line.split_once("Killed by node ")?;
    rest.split_whitespace().next()?.parse().ok()
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
        let other = |said: &str| LastWords::Other(said.to_owned());
        let table = [
            (
                recording!(
                    "removed_node_pve3_was_online_at_delnode--systemctl_status_--no-pager_-l_pve-cluster_corosync--pve3"
                ),
                LastWords::KilledBy { nodeid: 1 },
            ),
            (
                recording!(
                    "parallel_API_joins_of_pve3_and_pve4_into_a_2-node_cluster_second_run--state_and_corosync_journal--pve3"
                ),
                LastWords::OtherVersion { theirs: 4, ours: 3 },
            ),
            (
                recording!(
                    "config_change_broken_syntax_missing_brace_version_8--systemctl_restart_corosync_on_pve3_with_the_broken_file--pve3"
                ),
                other("parser error: /etc/corosync/corosync.conf:42: Missing closing brace"),
            ),
            (
                recording!("nodeid_clash--after_the_nodeid_clash--pve3"),
                other("Nodeid 2 appears twice in corosync.conf"),
            ),
        ];
        for (recording, words) in table {
            assert_eq!(parse(&as_cat(&recording.stdout)), Some(words));
        }
        assert_eq!(parse(""), None);
    }

    #[test]
    fn last_words_are_those_of_the_last_run() {
        let text = "Starting corosync.service - Corosync Cluster Engine...\n[MAIN  ] No nodelist\n\
            Starting corosync.service - Corosync Cluster Engine...\n[MAIN  ] Nodeid 2 appears twice\n\
            [MAIN  ] Corosync Cluster Engine exiting with status 8 at main.c:1456.\n";
        assert_eq!(parse(text), Some(LastWords::Other("Nodeid 2 appears twice".to_owned())));
    }

    #[test]
    fn a_node_that_was_put_out_stays_out_until_it_is_quorate() {
        let killed = "Starting corosync.service - Corosync Cluster Engine...\n\
            [QUORUM] This node is within the primary component and will provide service.\n\
            [CFG   ] Killed by node 1 : Killed by corosync-cfgtool\n\
            [MAIN  ] Corosync Cluster Engine exiting with status -1 at cfg.c:566.\n\
            Starting corosync.service - Corosync Cluster Engine...\n[QUORUM] Members[1]: 3\n";
        let primary = "[QUORUM] This node is within the primary component and will provide service.\n";
        let other =
            "[QUORUM] This node is within the non-primary component and will NOT provide any services.\n";
        assert_eq!(parse_put_out(killed), Some(1));
        assert_eq!(parse_put_out(&format!("{killed}{other}")), Some(1));
        assert_eq!(parse_put_out(&format!("{killed}{primary}{other}")), None);
        assert_eq!(parse_put_out(primary), None);
    }

    #[test]
    fn an_earlier_membership_is_not_asked_for() {
        let host = FakeHost::new()
            .file(AUTHKEY, "")
            .with(|machine| machine.set_mtime(AUTHKEY, 1_795_197_727))
            .query(
                "journalctl --unit=corosync.service --since=@1795197727 --lines=400 --output=cat --no-pager --quiet",
                "[CFG   ] Killed by node 1 : Killed by corosync-cfgtool\n",
            );
        assert_eq!(put_out_by(&host), Ok(Some(1)));
        let without_key = FakeHost::new().query_prefix("journalctl --unit=corosync.service --since=@0 ", "");
        assert_eq!(put_out_by(&without_key), Ok(None));
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
