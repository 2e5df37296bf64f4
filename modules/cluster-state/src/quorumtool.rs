// SPDX-License-Identifier: GPL-3.0-or-later
//! `corosync-quorumtool -siH`: votes, quorum and the members seen now.
//!
//! With `-i` it prints addresses and asks no name service; with `-H` node ids in hexadecimal, as `pvecm status`
//! does. Exit code 0 means quorate, 2 not quorate; both come with the whole output.

use host::Host;

use crate::read::{corosync_tool, program};
use crate::{ParseError, StateError, cmap};

/// The state of the votes as corosync on this node sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quorum {
    /// The node that was asked.
    pub nodeid: u32,
    /// Number of the membership: lowest nodeid and a sequence number.
    pub ring_id: String,
    /// Whether this node's partition may work.
    pub quorate: bool,
    /// Votes there would be if every node of the nodelist were up.
    pub expected_votes: u32,
    /// The most votes that were ever expected.
    pub highest_expected: u32,
    /// Votes there are now, those of a QDevice included.
    pub total_votes: u32,
    /// Votes needed.
    pub quorum: u32,
    /// What corosync adds: `Quorate`, `Qdevice`, `2Node`, `WaitForAll`, ..
    pub flags: Vec<String>,
    /// The nodes seen now, this one included.
    pub members: Vec<QuorumMember>,
    /// The QDevice's row, when there is one.
    pub qdevice: Option<QdeviceVotes>,
}

/// One node seen now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuorumMember {
    /// Its nodeid.
    pub nodeid: u32,
    /// Its votes.
    pub votes: u32,
    /// How it stands with the QDevice, e.g. `A,V,NMW` (alive, votes, not master wins); none without a QDevice.
    pub qdevice: Option<String>,
    /// Its address on the lowest link, or its name where names were asked for.
    pub name: String,
    /// Whether it is the node that was asked.
    pub local: bool,
}

/// The votes of a QDevice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QdeviceVotes {
    /// Votes it casts now.
    pub votes: u32,
    /// Votes it was given, when it does not cast them now.
    pub withheld: Option<u32>,
}

impl Quorum {
    /// The nodeids seen now, in ascending order; a QDevice is none of them.
    #[must_use]
    pub fn nodeids(&self) -> Vec<u32> {
        let mut ids: Vec<u32> = self.members.iter().map(|member| member.nodeid).collect();
        ids.sort_unstable();
        ids
    }
}

/// What it says when it cannot reach corosync, whatever the reason.
const UNREACHABLE: &str = "Cannot initialize CMAP service";

/// Asks corosync on this node. Where it cannot be reached this program does not say why, so `corosync-cmapctl` is asked, which does.
///
/// # Errors
/// When corosync does not run here, does not answer in time, or answers something unknown.
pub fn query(host: &dyn Host) -> Result<Quorum, StateError> {
    let command = program("corosync-quorumtool", &["-siH"]);
    let asked = corosync_tool(host, &command, &[0, 2], UNREACHABLE);
    if matches!(&asked, Err(StateError::Failed { said, .. }) if said.contains(UNREACHABLE)) {
        cmap::query(host)?;
    }
    parse(&asked?.stdout).map_err(StateError::unexpected(&command.line()))
}

/// Reads the output of `corosync-quorumtool -s`, with or without `-i` and `-H`.
///
/// # Errors
/// When a field is missing or is not a number, or a member's row is not one.
pub fn parse(text: &str) -> Result<Quorum, ParseError> {
    let (members, qdevice) = rows(text)?;
    let quorate = match field(text, "Quorate:")? {
        "Yes" => true,
        "No" => false,
        other => return Err(ParseError::Unknown { field: "Quorate:", text: other.to_owned() }),
    };
    Ok(Quorum {
        nodeid: number("Node ID:", field(text, "Node ID:")?)?,
        ring_id: field(text, "Ring ID:")?.to_owned(),
        quorate,
        expected_votes: number_field(text, "Expected votes:")?,
        highest_expected: number_field(text, "Highest expected:")?,
        total_votes: number_field(text, "Total votes:")?,
        quorum: number_field(text, "Quorum:")?,
        flags: field(text, "Flags:")?.split_whitespace().map(str::to_owned).collect(),
        members,
        qdevice,
    })
}

/// The rest of the line that begins with this label. The labels are padded with blanks, so only the colon counts.
fn field<'a>(text: &'a str, label: &'static str) -> Result<&'a str, ParseError> {
    text.lines()
        .find_map(|line| line.strip_prefix(label))
        .map(str::trim)
        .ok_or(ParseError::Missing { field: label })
}

/// The first word after a label as a number: "Quorum: 2 Activity blocked" is 2.
fn number_field(text: &str, label: &'static str) -> Result<u32, ParseError> {
    number(label, field(text, label)?.split_whitespace().next().unwrap_or_default())
}

/// A decimal number, or a hexadecimal one after `0x`.
fn number(field: &'static str, text: &str) -> Result<u32, ParseError> {
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| ParseError::NotANumber { field, text: text.to_owned() })
}

/// The rows of the membership table. Nodeid 0 is the QDevice, which is no member.
fn rows(text: &str) -> Result<(Vec<QuorumMember>, Option<QdeviceVotes>), ParseError> {
    let mut members = Vec::new();
    let mut qdevice = None;
    let mut in_table = false;
    let mut with_qdevice = false;
    for (index, line) in text.lines().enumerate() {
        if !in_table {
            let mut words = line.split_whitespace();
            if words.next() == Some("Nodeid") && words.next() == Some("Votes") {
                in_table = true;
                with_qdevice = words.next() == Some("Qdevice");
            }
            continue;
        }
        let mut words = line.split_whitespace();
        let Some(id) = words.next() else { continue };
        let wrong = || ParseError::Line { number: index + 1, line: line.to_owned() };
        let nodeid = number("Nodeid", id).map_err(|_| wrong())?;
        let votes = number("Votes", words.next().unwrap_or_default()).map_err(|_| wrong())?;
        if nodeid == 0 {
            // "Qdevice" alone while it votes; "Qdevice (votes 1)" when it has that vote but does not cast it.
            let withheld = line.split_once("(votes ").and_then(|(_, rest)| rest.trim_end().strip_suffix(')'));
            let withheld = withheld.map(|n| number("Qdevice (votes", n)).transpose().map_err(|_| wrong())?;
            qdevice = Some(QdeviceVotes { votes, withheld });
            continue;
        }
        let qdevice = with_qdevice.then(|| words.next().unwrap_or_default().to_owned());
        let name = words.next().ok_or_else(wrong)?.to_owned();
        let local = words.next() == Some("(local)");
        members.push(QuorumMember { nodeid, votes, qdevice, name, local });
    }
    if in_table { Ok((members, qdevice)) } else { Err(ParseError::Missing { field: "Nodeid Votes" }) }
}

#[cfg(test)]
mod tests {
    use testkit::{Answer, FakeHost};

    use super::*;
    use crate::recording::recording;

    fn member(nodeid: u32, name: &str, local: bool) -> QuorumMember {
        QuorumMember { nodeid, votes: 1, qdevice: None, name: name.to_owned(), local }
    }

    #[test]
    fn three_nodes_quorate() {
        let recording = recording!("3-node_quorate--corosync-quorumtool_-siH--pve2");
        assert_eq!(
            parse(&recording.stdout).unwrap(),
            Quorum {
                nodeid: 2,
                ring_id: "1.d".to_owned(),
                quorate: true,
                expected_votes: 3,
                highest_expected: 3,
                total_votes: 3,
                quorum: 2,
                flags: vec!["Quorate".to_owned()],
                members: vec![
                    member(1, "10.77.1.11", false),
                    member(2, "10.77.1.12", true),
                    member(3, "10.77.1.13", false)
                ],
                qdevice: None,
            }
        );
    }

    #[test]
    fn every_situation() {
        // (recording, quorate, expected, total, quorum, nodeids)
        let table = [
            (recording!("1-node_cluster--corosync-quorumtool_-siH--pve1"), true, 1, 1, 1, vec![1]),
            (recording!("2-node_cluster--corosync-quorumtool_-siH--pve1"), true, 2, 2, 2, vec![1, 2]),
            (
                recording!("3-node_with_pve3_powered_off--corosync-quorumtool_-siH--pve1"),
                true,
                3,
                2,
                2,
                vec![1, 2],
            ),
            (
                recording!("3-node_majority_side_while_pve1_is_cut_off--corosync-quorumtool_-siH--pve2"),
                true,
                3,
                2,
                2,
                vec![2, 3],
            ),
            (
                recording!("inquorate_pve1_cut_off_from_3-node_corosync_net--corosync-quorumtool_-siH--pve1"),
                false,
                3,
                1,
                2,
                vec![1],
            ),
            (
                recording!("3-node_pve-cluster_stopped_on_pve1--corosync-quorumtool_-siH--pve1"),
                true,
                3,
                3,
                2,
                vec![1, 2, 3],
            ),
            (
                recording!("two_links_3-node_quorate--corosync-quorumtool_-siH--pve1"),
                true,
                3,
                3,
                2,
                vec![1, 2, 3],
            ),
        ];
        for (recording, quorate, expected, total, quorum, nodeids) in table {
            assert_eq!(recording.rc, if quorate { 0 } else { 2 });
            let found = parse(&recording.stdout).unwrap();
            assert_eq!(
                (found.quorate, found.expected_votes, found.total_votes, found.quorum, found.nodeids()),
                (quorate, expected, total, quorum, nodeids)
            );
        }
    }

    #[test]
    fn a_qdevice_is_no_member() {
        let recording = recording!("qdevice_pve1+pve2_cluster_qnetd_on_pve4--corosync-quorumtool_-s--pve1");
        let found = parse(&recording.stdout).unwrap();
        assert_eq!(found.nodeids(), [1, 2]);
        assert_eq!(found.qdevice, Some(QdeviceVotes { votes: 1, withheld: None }));
        assert_eq!(found.flags, ["Quorate", "Qdevice"]);
        assert_eq!(found.members[0].qdevice.as_deref(), Some("A,V,NMW"));
        assert_eq!((found.members[0].name.as_str(), found.members[0].local), ("pve1", true));
    }

    #[test]
    fn a_qdevice_that_withholds_its_vote() {
        // `pvecm status` prints this same table below a heading of its own
        for (recording, withheld) in [
            (recording!("qdevice_qnetd_stopped--pvecm_status--pve1"), 1),
            (
                recording!(
                    "qdevice_pve1+pve2_cluster_qnetd_on_pve4--pvecm_status_after_qdevice_remove--pve1"
                ),
                0,
            ),
        ] {
            let found = parse(&recording.stdout).unwrap();
            assert_eq!(found.qdevice, Some(QdeviceVotes { votes: 0, withheld: Some(withheld) }));
            assert_eq!(found.nodeids(), [1, 2]);
        }
    }

    /// The program says the same of a corosync that is about to answer.
    #[test]
    fn only_a_corosync_to_which_nobody_listens_does_not_run() {
        let stopped = recording!("removed_node_pve3_was_online_at_delnode--corosync-quorumtool_-siH--pve3");
        let cmapctl = recording!("removed_node_pve3_was_online_at_delnode--corosync-cmapctl_totem.--pve3");
        let running = recording!("3-node_quorate--corosync-cmapctl--pve1").stdout;
        let said = |cmapctl: Answer, quorumtool: &str| {
            let host = FakeHost::new().query("corosync-cmapctl", cmapctl);
            let host = host.query("corosync-quorumtool -siH", Answer::exit(1, "", quorumtool));
            query(&host).unwrap_err()
        };
        let nobody = || Answer::exit(cmapctl.rc, "", &cmapctl.stderr);
        for altered in [&stopped.stderr, "Cannot initialize CMAP service: not running\n"] {
            assert!(said(nobody(), altered).is_corosync_down());
        }
        let busy = Answer::exit(1, "", "Failed to initialize the cmap API. Error CS_ERR_TRY_AGAIN\n");
        for (answer, quorumtool, told) in [
            (
                busy,
                stopped.stderr.as_str(),
                "cannot run 'corosync-cmapctl': exit code 1: Failed to initialize the cmap API. Error CS_ERR_TRY_AGAIN",
            ),
            (Answer::hangs(), &stopped.stderr, "cannot run 'corosync-cmapctl': no answer within 5 s"),
            (
                Answer::ok(running),
                &stopped.stderr,
                "cannot run 'corosync-quorumtool -siH': exit code 1: Cannot initialize CMAP service",
            ),
            (
                nobody(),
                "Cannot initialize QUORUM service\n",
                "cannot run 'corosync-quorumtool -siH': exit code 1: Cannot initialize QUORUM service",
            ),
        ] {
            assert_eq!(said(answer, quorumtool).to_string(), told);
        }
    }

    #[test]
    fn what_is_not_its_output_is_refused() {
        assert_eq!(parse(""), Err(ParseError::Missing { field: "Nodeid Votes" }));
        let good = recording!("1-node_cluster--corosync-quorumtool_-siH--pve1").stdout;
        let table = [
            ("Quorate:          Yes", "Quorate:          Maybe", "'Quorate:' is 'Maybe', which is not known"),
            (
                "Expected votes:   1",
                "Expected votes:   many",
                "'Expected votes:' is 'many', which is not a number",
            ),
            ("Total votes:      1\n", "", "'Total votes:' is missing"),
            ("0x00000001          1 10.77.1.11", "0xnope 1 x", "line 21 is '0xnope 1 x (local)'"),
        ];
        for (from, to, said) in table {
            assert_eq!(parse(&good.replace(from, to)).unwrap_err().to_string(), said);
        }
    }
}
