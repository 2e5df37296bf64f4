// SPDX-License-Identifier: GPL-3.0-or-later
//! Everything that the rescue reads.

use std::collections::{BTreeMap, BTreeSet};

use cluster_state::cfgtool::Links;
use cluster_state::pmxcfs::Mount;
use cluster_state::{cfgtool, cmap, corosync_check, corosync_conf, pmxcfs, quorumtool};
use corosync_document::Document;
use host::Host;

/// The node as it is now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// Whether corosync answers.
    pub(crate) runs: bool,
    /// Whether it is quorate, and /etc/pve takes writes.
    pub(crate) quorate: bool,
    /// This node's nodeid, when corosync runs.
    pub(crate) nodeid: Option<u32>,
    /// Whether the others would be quorate without this node.
    pub(crate) spare: bool,
    /// The version it runs.
    pub(crate) version: Option<u64>,
    /// The members and the versions they run.
    pub(crate) members: BTreeMap<u32, u64>,
    /// What each link that corosync has runs from and to, and whether it is connected: by nodeid and link number.
    pub(crate) links: BTreeMap<(u32, u8), Link>,
    /// The file that corosync starts from.
    pub(crate) local: Option<Document>,
    /// Why corosync would not start from it.
    pub(crate) refusal: Option<String>,
    /// The cluster's file, where /etc/pve is mounted.
    pub(crate) cluster: Option<Document>,
    /// Seconds since the lock was last taken or renewed; none when nobody has it.
    pub(crate) locked_for: Option<u64>,
}

/// One link to one node, as corosync runs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) connected: bool,
    pub(crate) local: String,
    pub(crate) remote: String,
}

/// corosync's opinion of the last text: each asking is a line in the log.
#[derive(Debug, Default)]
pub(crate) struct Asked(Option<(Vec<u8>, Option<String>)>);

impl Asked {
    fn refusal(&mut self, host: &dyn Host, text: &[u8]) -> Option<String> {
        match &self.0 {
            Some((known, said)) if known == text => said.clone(),
            _ => {
                let said = refusal(host, text);
                self.0 = Some((text.to_vec(), said.clone()));
                said
            }
        }
    }
}

/// Looks. What cannot be read is as if it were not there: the rescue may well be the only thing that still works.
pub(crate) fn look(host: &dyn Host, asked: &mut Asked) -> Look {
    let mount = pmxcfs::query(host).map(|found| found.mount);
    let mounted = matches!(mount, Ok(Mount::ReadOnly | Mount::Writable));
    let running = cmap::query(host).ok();
    let local = corosync_conf::local(host).ok().flatten();
    let votes = quorumtool::query(host).ok();
    let found = cfgtool::query(host).ok();
    Look {
        runs: running.is_some(),
        quorate: votes.as_ref().is_some_and(|votes| votes.quorate) && matches!(mount, Ok(Mount::Writable)),
        nodeid: votes.as_ref().map(|votes| votes.nodeid),
        spare: votes.as_ref().is_some_and(spare),
        version: running.as_ref().and_then(cmap::Cmap::config_version),
        members: running.as_ref().map(cmap::Cmap::member_versions).unwrap_or_default(),
        links: found.as_ref().map(links).unwrap_or_default(),
        refusal: local.as_ref().and_then(|local| asked.refusal(host, &local.to_bytes())),
        local,
        cluster: if mounted { corosync_conf::cluster(host).ok().flatten() } else { None },
        locked_for: mounted.then(|| locked_for(host)).flatten(),
    }
}

/// Which links reach which nodes.
pub(crate) fn connected(look: &Look) -> BTreeSet<(u32, u8)> {
    let mut connected = BTreeSet::new();
    connected.extend(look.links.iter().filter(|(_, link)| link.connected).map(|(place, _)| *place));
    connected
}

fn spare(votes: &quorumtool::Quorum) -> bool {
    let own = votes.members.iter().find(|member| member.local).map_or(0, |member| member.votes);
    votes.quorate && votes.total_votes.saturating_sub(own) >= votes.quorum
}

fn links(found: &Links) -> BTreeMap<(u32, u8), Link> {
    let mut links = BTreeMap::new();
    for peer in &found.peers {
        for link in &peer.links {
            let runs =
                Link { connected: link.connected, local: link.local.clone(), remote: link.remote.clone() };
            links.insert((peer.nodeid, link.number), runs);
        }
    }
    links
}

/// Why corosync would not start from this text; none when it would.
fn refusal(host: &dyn Host, text: &[u8]) -> Option<String> {
    corosync_check::refusal(host, text).unwrap_or_else(|error| Some(error.to_string()))
}

fn locked_for(host: &dyn Host) -> Option<u64> {
    let since = u64::try_from(host.stat(&locks::path(locks::COROSYNC_CONF)).ok()?.mtime).ok()?;
    Some(host.unix_time().saturating_sub(since))
}
