// SPDX-License-Identifier: GPL-3.0-or-later
//! What went wrong for corosync since this machine booted, counted from the journal.

use host::Host;
use serde::Serialize;

use crate::StateError;
use crate::read::program;

/// How many of each, and when the last of all was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Events {
    /// A link to a node was found down.
    pub link_down: u32,
    /// A node was not reached on any link.
    pub unreachable: u32,
    /// A token was late.
    pub token_late: u32,
    /// A token was lost, and the membership had to be formed again.
    pub token_lost: u32,
    /// Messages had to be sent again.
    pub retransmits: u32,
    /// This node was, or became, part of a cluster that may not work.
    pub quorum_lost: u32,
    /// corosync ended, not because it was told to by systemd or a signal.
    pub failures: u32,
    /// When the last of these was, in seconds since 1970-01-01 UTC.
    pub last: Option<u64>,
    /// Its words.
    pub last_said: Option<String>,
}

/// Which number of them.
type Counter = fn(&mut Events) -> &mut u32;

/// What corosync says, and which of the numbers counts it. The words are those of knet and corosync 3.1.
const KINDS: [(&str, Counter); 7] = [
    ("has no active links", |events| &mut events.unreachable),
    (" is down", |events| &mut events.link_down),
    ("Token has not been received in ", |events| &mut events.token_late),
    ("A processor failed, forming new configuration", |events| &mut events.token_lost),
    ("Retransmit List: ", |events| &mut events.retransmits),
    ("is within the non-primary component", |events| &mut events.quorum_lost),
    ("corosync.service: Failed with result", |events| &mut events.failures),
];

/// The same for the journal, which then reads only such lines.
const PATTERN: &str = "--grep=has no active links|link: [0-9]+ is down|Token has not been received in |\
    A processor failed, forming new configuration|Retransmit List: |is within the non-primary component|\
    corosync.service: Failed with result";

/// Asks the journal for corosync's unit since the machine booted.
///
/// # Errors
/// When the journal does not answer.
pub fn query(host: &dyn Host) -> Result<Events, StateError> {
    journal(host, &[PATTERN]).map(|said| parse(&said))
}

/// What corosync's unit has said since the machine booted, in lines that match `--grep=..` among these words for journalctl.
///
/// # Errors
/// When the journal does not answer.
pub(crate) fn journal(host: &dyn Host, more: &[&str]) -> Result<String, StateError> {
    let words = [
        "--unit=corosync.service",
        "--boot",
        "--output=short-unix",
        "--no-pager",
        "--quiet",
        "--case-sensitive=yes",
    ];
    let command = program("journalctl", &[&words[..], more].concat());
    let output = host.run(&command)?;
    // exit code 1 without a word: no such line
    let none = output.rc() == 1 && output.stdout.trim().is_empty() && output.stderr.trim().is_empty();
    if output.exited_zero() || none { Ok(output.stdout) } else { Err(StateError::failed(&command, &output)) }
}

/// Counts lines such as `1795197726.123456 pve1 corosync[123]:   [KNET  ] link: host: 2 link: 0 is down`.
#[must_use]
pub fn parse(text: &str) -> Events {
    let mut events = Events::default();
    for line in text.lines() {
        let Some((head, said)) = line.split_once("]: ") else { continue };
        let Some((_, counter)) = KINDS.iter().find(|(words, _)| said.contains(words)) else { continue };
        *counter(&mut events) += 1;
        let seconds = head.split(['.', ' ']).next().and_then(|seconds| seconds.parse().ok());
        events.last = seconds.or(events.last);
        events.last_said = Some(without_tag(said.trim()).to_owned());
    }
    events
}

/// A line without the part of corosync that says it.
fn without_tag(line: &str) -> &str {
    line.strip_prefix('[').and_then(|rest| rest.split_once("] ")).map_or(line, |(_, said)| said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::recording;
    use testkit::{Answer, FakeHost};

    /// Recorded lines with the time as it is asked for.
    fn journal(text: &str) -> String {
        let said = |line: &str| Some(format!("1795197726.5 pve1 {}\n", line.split_once(" pve1 ")?.1));
        text.lines().filter_map(said).collect()
    }

    #[test]
    fn a_link_that_was_cut() {
        let recording = recording!(
            "two_links_link_0_of_pve3_cut--journalctl_-u_corosync_-n_14_--no-pager_-o_short-precise--pve1"
        );
        let found = parse(&journal(&recording.stdout));
        assert_eq!((found.link_down, found.token_lost, found.quorum_lost), (1, 0, 0));
    }

    #[test]
    fn a_node_that_was_cut_off() {
        let recording = recording!(
            "inquorate_pve1_cut_off_from_3-node_corosync_net--systemctl_status_--no-pager_-l_pve-cluster_corosync--pve1"
        );
        let found = parse(&journal(&recording.stdout));
        assert_eq!((found.token_late, found.token_lost, found.quorum_lost), (1, 1, 1));
        assert_eq!(found.last, Some(1_795_197_726));
    }

    #[test]
    fn each_kind_is_counted_once() {
        let text = "1795197700.1 pve1 corosync[9]:   [KNET  ] link: host: 2 link: 0 is down\n\
            1795197701.2 pve1 corosync[9]:   [KNET  ] host: host: 2 has no active links\n\
            1795197702.3 pve1 corosync[9]:   [TOTEM ] Token has not been received in 2737 ms\n\
            1795197703.4 pve1 corosync[9]:   [TOTEM ] A processor failed, forming new configuration: token timed out (3650ms), waiting 4380ms for consensus.\n\
            1795197704.5 pve1 corosync[9]:   [TOTEM ] Retransmit List: 6b 6c\n\
            1795197705.6 pve1 corosync[9]:   [QUORUM] This node is within the non-primary component and will NOT provide any services.\n\
            1795197706.7 pve1 systemd[1]: corosync.service: Failed with result 'exit-code'.\n\
            1795197707.8 pve1 corosync[9]:   [KNET  ] rx: host: 2 link: 0 is up\n";
        let found = parse(text);
        let counts = [
            found.link_down,
            found.unreachable,
            found.token_late,
            found.token_lost,
            found.retransmits,
            found.quorum_lost,
            found.failures,
        ];
        assert_eq!(counts, [1; 7]);
        assert_eq!(found.last, Some(1_795_197_706));
        assert_eq!(found.last_said.as_deref(), Some("corosync.service: Failed with result 'exit-code'."));
        assert_eq!(parse(""), Events::default());
    }

    #[test]
    fn no_such_line_is_no_failure_and_no_journal_is_one() {
        let none = FakeHost::new().query_prefix("journalctl ", Answer::exit(1, "", ""));
        assert_eq!(query(&none).unwrap(), Events::default());
        let broken = FakeHost::new()
            .query_prefix("journalctl ", Answer::exit(1, "", "Compiled without pattern matching support\n"));
        assert!(
            query(&broken).unwrap_err().to_string().ends_with("Compiled without pattern matching support")
        );
    }
}
