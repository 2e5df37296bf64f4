// SPDX-License-Identifier: GPL-3.0-or-later
//! `corosync-cfgtool -n`: the other nodes of the membership and the state of each link to them.
//!
//! A node that has left is not listed at all, and a node alone sees no one, so what is not named here is not
//! reached (recordings `inquorate_pve1_cut_off_*--corosync-cfgtool_-n`, `3-node_with_pve3_powered_off--*`).

use host::Host;

use crate::read::{corosync_tool, program};
use crate::{ParseError, StateError};

/// What this node's corosync says of its links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Links {
    /// The node that was asked.
    pub nodeid: u32,
    /// `knet`, `udpu` or `udp`.
    pub transport: String,
    /// The other nodes of the membership.
    pub peers: Vec<Peer>,
}

/// Another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its nodeid.
    pub nodeid: u32,
    /// Whether any link reaches it.
    pub reachable: bool,
    /// The links to it, by number.
    pub links: Vec<PeerLink>,
}

/// One link to another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerLink {
    /// Its number, 0-7.
    pub number: u8,
    /// This node's address on it, as corosync runs it: not necessarily as corosync.conf has it now.
    pub local: String,
    /// The other node's address on it, likewise.
    pub remote: String,
    /// Whether it is configured.
    pub enabled: bool,
    /// Whether the other node answers on it.
    pub connected: bool,
    /// Bytes of data a packet carries; none while it is not known.
    pub mtu: Option<u32>,
}

/// Asks corosync on this node.
///
/// # Errors
/// When corosync does not run here, does not answer in time, or answers something unknown.
pub fn query(host: &dyn Host) -> Result<Links, StateError> {
    let command = program("corosync-cfgtool", &["-n"]);
    let output = corosync_tool(host, &command, &[0], "Could not initialize corosync configuration API")?;
    parse(&output.stdout).map_err(StateError::unexpected(&command.line()))
}

/// Reads the output of `corosync-cfgtool -n`.
///
/// # Errors
/// When a line is of no known kind.
pub fn parse(text: &str) -> Result<Links, ParseError> {
    let mut links = None;
    for (index, line) in text.lines().enumerate() {
        let wrong = || ParseError::Line { number: index + 1, line: line.to_owned() };
        let trimmed = line.trim();
        if trimmed.is_empty() {
            continue;
        }
        if let Some(rest) = trimmed.strip_prefix("Local node ID ") {
            let (id, transport) = rest.split_once(", transport ").ok_or_else(wrong)?;
            let nodeid = id.parse().map_err(|_| wrong())?;
            links = Some(Links { nodeid, transport: transport.to_owned(), peers: Vec::new() });
            continue;
        }
        let peers = &mut links.as_mut().ok_or_else(wrong)?.peers;
        if let Some(rest) = trimmed.strip_prefix("nodeid:") {
            let mut words = rest.split_whitespace();
            let nodeid = words.next().and_then(|id| id.parse().ok()).ok_or_else(wrong)?;
            let reachable = words.next() == Some("reachable");
            peers.push(Peer { nodeid, reachable, links: Vec::new() });
        } else if let Some(rest) = trimmed.strip_prefix("LINK:") {
            let link = peer_link(rest).ok_or_else(wrong)?;
            peers.last_mut().ok_or_else(wrong)?.links.push(link);
        } else {
            return Err(wrong());
        }
    }
    links.ok_or(ParseError::Missing { field: "Local node ID" })
}

/// ` 0 udp (10.77.1.11->10.77.1.12) enabled connected mtu: 1397`; a link that is down lacks `connected`.
fn peer_link(text: &str) -> Option<PeerLink> {
    let mut words = text.split_whitespace();
    let number = words.next()?.parse().ok()?;
    let _protocol = words.next()?;
    let pair = words.next()?.strip_prefix('(')?.strip_suffix(')')?;
    let (local, remote) = pair.split_once("->")?;
    let mut link = PeerLink {
        number,
        local: local.to_owned(),
        remote: remote.to_owned(),
        enabled: false,
        connected: false,
        mtu: None,
    };
    while let Some(word) = words.next() {
        match word {
            "enabled" => link.enabled = true,
            "connected" => link.connected = true,
            "mtu:" => link.mtu = words.next()?.parse().ok().filter(|mtu| *mtu > 0),
            _ => {}
        }
    }
    Some(link)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::recording;

    #[test]
    fn two_links_with_one_cut() {
        let recording = recording!("two_links_link_0_of_pve3_cut--corosync-cfgtool_-n--pve1");
        let link = |number, local: &str, remote: &str, connected| PeerLink {
            number,
            local: local.to_owned(),
            remote: remote.to_owned(),
            enabled: true,
            connected,
            mtu: Some(1397),
        };
        assert_eq!(
            parse(&recording.stdout).unwrap(),
            Links {
                nodeid: 1,
                transport: "knet".to_owned(),
                peers: vec![
                    Peer {
                        nodeid: 2,
                        reachable: true,
                        links: vec![
                            link(0, "10.77.1.11", "10.77.1.12", true),
                            link(1, "10.77.0.11", "10.77.0.12", true)
                        ],
                    },
                    Peer {
                        nodeid: 3,
                        reachable: true,
                        links: vec![
                            link(0, "10.77.1.11", "10.77.1.13", false),
                            link(1, "10.77.0.11", "10.77.0.13", true)
                        ],
                    },
                ],
            }
        );
    }

    #[test]
    fn every_situation() {
        // (recording, nodeid, the nodes reached)
        let table = [
            (recording!("1-node_cluster--corosync-cfgtool_-n--pve1"), 1, vec![]),
            (recording!("2-node_cluster--corosync-cfgtool_-n--pve1"), 1, vec![2]),
            (recording!("3-node_quorate--corosync-cfgtool_-n--pve3"), 3, vec![1, 2]),
            (recording!("3-node_with_pve3_powered_off--corosync-cfgtool_-n--pve1"), 1, vec![2]),
            (
                recording!("inquorate_pve1_cut_off_from_3-node_corosync_net--corosync-cfgtool_-n--pve1"),
                1,
                vec![],
            ),
            (recording!("two_links_both_links_of_pve3_cut--corosync-cfgtool_-n--pve3"), 3, vec![]),
        ];
        for (recording, nodeid, reached) in table {
            let found = parse(&recording.stdout).unwrap();
            let ids: Vec<u32> =
                found.peers.iter().filter(|peer| peer.reachable).map(|peer| peer.nodeid).collect();
            assert_eq!((found.nodeid, ids), (nodeid, reached));
        }
    }

    #[test]
    fn what_is_not_its_output_is_refused() {
        let table = [
            ("", "'Local node ID' is missing"),
            ("nodeid: 2 reachable\n", "line 1 is 'nodeid: 2 reachable'"),
            ("Local node ID one, transport knet\n", "line 1 is 'Local node ID one, transport knet'"),
            (
                "Local node ID 1, transport knet\nnodeid: 2 reachable\n   LINK: 0 udp 10.77.1.11\n",
                "line 3 is '   LINK: 0 udp 10.77.1.11'",
            ),
            ("Local node ID 1, transport knet\nsomething else\n", "line 2 is 'something else'"),
        ];
        for (text, said) in table {
            assert_eq!(parse(text).unwrap_err().to_string(), said);
        }
    }
}
