// SPDX-License-Identifier: GPL-3.0-or-later
//! `corosync-cmapctl -m stats`: what knet has measured on every link since corosync started.

use std::collections::BTreeMap;

use host::Host;
use serde::Serialize;

use crate::cmap::{self, Cmap};
use crate::read::{corosync_tool, program};
use crate::{ParseError, StateError};

/// What knet knows of one link to one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LinkStats {
    /// The other node's nodeid.
    pub nodeid: u32,
    /// The number of the link.
    pub link: u8,
    /// Whether the node answers on it now.
    pub connected: bool,
    /// Round trips, in microseconds; none before the first.
    pub latency: Option<Latency>,
    /// The largest piece of data that passes, in bytes; none before it is known.
    pub mtu: Option<u32>,
    /// How often the link was found down.
    pub down_count: u64,
    /// Packets that were sent to find out whether the node answers.
    pub pings: u64,
    /// Answers to them.
    pub pongs: u64,
    /// Packets that the system would not send.
    pub send_errors: u64,
}

/// Round trips in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// Their average.
    pub average: u64,
    /// The shortest.
    pub min: u64,
    /// The longest.
    pub max: u64,
    /// How many were measured.
    pub samples: u64,
}

/// What corosync as a whole has counted since it started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TotemStats {
    /// Messages that were sent again because a node had not received them.
    pub retransmits: Option<u64>,
    /// Tokens that did not come in time.
    pub token_losses: Option<u64>,
    /// Memberships that did not come about in time.
    pub consensus_timeouts: Option<u64>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// By nodeid and link; the link to itself, which every node has, is left out.
    pub links: Vec<LinkStats>,
    /// Of corosync as a whole.
    pub totem: TotemStats,
}

/// Asks corosync on this node, whose nodeid is `own`.
///
/// # Errors
/// When corosync does not run here, does not answer in time, or answers something unknown.
pub fn query(host: &dyn Host, own: u32) -> Result<Stats, StateError> {
    let command = program("corosync-cmapctl", &["-m", "stats"]);
    let output = corosync_tool(host, &command, &[0], "Failed to initialize the cmap API")?;
    parse(&output.stdout, own).map_err(StateError::unexpected(&command.line()))
}

/// Reads it.
///
/// # Errors
/// When a line is not of the form `key (type) = value`.
pub fn parse(text: &str, own: u32) -> Result<Stats, ParseError> {
    let cmap = cmap::parse(text)?;
    let links = links_of(&cmap).into_iter().filter(|(at, _)| at.0 != own);
    let totem = |name: &str| cmap.number(&format!("stats.srp.{name}"));
    let losses: Vec<u64> =
        ["operational_token_lost", "gather_token_lost", "commit_token_lost", "recovery_token_lost"]
            .iter()
            .filter_map(|name| totem(name))
            .collect();
    Ok(Stats {
        links: links.map(|((nodeid, link), fields)| link_stats(nodeid, link, &fields)).collect(),
        totem: TotemStats {
            retransmits: totem("mcast_retx"),
            token_losses: (!losses.is_empty()).then(|| losses.iter().sum()),
            consensus_timeouts: totem("consensus_timeouts"),
        },
    })
}

/// Keys such as `stats.knet.node2.link0.connected`, gathered by node and link.
fn links_of(cmap: &Cmap) -> BTreeMap<(u32, u8), BTreeMap<&str, u64>> {
    let mut found: BTreeMap<(u32, u8), BTreeMap<&str, u64>> = BTreeMap::new();
    for (key, entry) in cmap.under("stats.knet.node") {
        let mut parts = key.splitn(3, '.');
        let nodeid = parts.next().and_then(|text| text.parse().ok());
        let link = parts.next().and_then(|text| text.strip_prefix("link")?.parse().ok());
        if let (Some(nodeid), Some(link), Some(field), Ok(number)) =
            (nodeid, link, parts.next(), entry.text.parse())
        {
            found.entry((nodeid, link)).or_default().insert(field, number);
        }
    }
    found
}

fn link_stats(nodeid: u32, link: u8, fields: &BTreeMap<&str, u64>) -> LinkStats {
    let number = |name: &str| fields.get(name).copied().unwrap_or(0);
    let samples = number("latency_samples");
    let latency = Latency {
        average: number("latency_ave"),
        min: number("latency_min"),
        max: number("latency_max"),
        samples,
    };
    LinkStats {
        nodeid,
        link,
        connected: number("connected") == 1,
        latency: (samples > 0).then_some(latency),
        mtu: fields.get("mtu").and_then(|mtu| u32::try_from(*mtu).ok()).filter(|mtu| *mtu > 0),
        down_count: number("down_count"),
        pings: number("tx_ping_packets"),
        pongs: number("rx_pong_packets"),
        send_errors: number("tx_total_errors"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::recording;

    #[test]
    fn two_links_to_two_nodes() {
        let recording = recording!("two_links_3-node_quorate--corosync-cmapctl_-m_stats--pve1");
        let found = parse(&recording.stdout, 1).unwrap();
        let ends: Vec<(u32, u8, bool)> =
            found.links.iter().map(|link| (link.nodeid, link.link, link.connected)).collect();
        assert_eq!(ends, [(2, 0, true), (2, 1, true), (3, 0, true), (3, 1, true)]);
        assert_eq!(
            found.totem,
            TotemStats { retransmits: Some(0), token_losses: Some(0), consensus_timeouts: Some(0) }
        );
    }

    #[test]
    fn a_link_that_is_cut() {
        let recording =
            recording!("two_links_link_0_of_pve3_cut--corosync-cmapctl_-m_stats_stats.knet.--pve1");
        let found = parse(&recording.stdout, 1).unwrap();
        let cut = found.links.iter().find(|link| (link.nodeid, link.link) == (3, 0)).unwrap();
        assert_eq!((cut.connected, cut.down_count, cut.pings, cut.pongs), (false, 2, 46, 32));
        assert_eq!(cut.latency, Some(Latency { average: 241, min: 135, max: 320, samples: 32 }));
        assert_eq!(found.totem, TotemStats::default());
    }

    #[test]
    fn a_link_that_never_answered_has_no_latency() {
        let text = "stats.knet.node2.link0.connected (u8) = 0\n\
            stats.knet.node2.link0.latency_min (u32) = 4294967295\n\
            stats.knet.node2.link0.latency_samples (u32) = 0\n\
            stats.knet.node2.link0.mtu (u32) = 0\n";
        let link = parse(text, 1).unwrap().links.remove(0);
        assert_eq!((link.latency, link.mtu), (None, None));
    }
}
