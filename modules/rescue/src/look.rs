// SPDX-License-Identifier: GPL-3.0-or-later
//! Everything that the rescue reads.

use std::collections::{BTreeMap, BTreeSet};

use cluster_state::cfgtool::Links;
use cluster_state::pmxcfs::Mount;
use cluster_state::{StateError, cfgtool, cmap, corosync_check, corosync_conf, pmxcfs, quorumtool};
use corosync_document::Document;
use host::{Host, if_there};

use crate::proof::{self, Proof};

/// The node as it is now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// Whether corosync answers.
    pub(crate) runs: bool,
    /// Whether corosync counts enough votes. pmxcfs may follow later, or be restarting.
    pub(crate) quorate: bool,
    /// Whether /etc/pve is mounted and writable.
    pub(crate) writable: bool,
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
    /// The text that every node has proved last.
    pub(crate) proof: Option<Proof>,
    /// Seconds since the lock was last taken or renewed; none when nobody has it.
    pub(crate) locked_for: Option<u64>,
    /// What did not answer, or could not be read: nothing of it is known, neither good nor bad.
    pub(crate) unknown: Vec<String>,
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
    fn refusal(&mut self, host: &dyn Host, text: &[u8]) -> Result<Option<String>, StateError> {
        match &self.0 {
            Some((known, said)) if known == text => Ok(said.clone()),
            _ => {
                let said = corosync_check::verdict(host, text)?;
                self.0 = Some((text.to_vec(), said.clone()));
                Ok(said)
            }
        }
    }
}

/// Looks. That corosync does not run, and that /etc/pve is not mounted, is known; what does not answer is not.
pub(crate) fn look(host: &dyn Host, asked: &mut Asked) -> Look {
    let mut unknown = Vec::new();
    let mount = pmxcfs::query(host).map(|found| found.mount);
    let mounted = matches!(mount, Ok(Mount::ReadOnly | Mount::Writable));
    let running = if_it_runs(cmap::query(host), &mut unknown);
    let votes = if_it_runs(quorumtool::query(host), &mut unknown);
    let found = if_it_runs(cfgtool::query(host), &mut unknown);
    let local = read(corosync_conf::local(host), &mut unknown);
    let refusal = local.as_ref().map_or(Ok(None), |local| asked.refusal(host, &local.to_bytes()));
    // a pmxcfs that is restarted is no fault of corosync's file
    let cluster = if mounted { corosync_conf::cluster(host).ok().flatten() } else { None };
    Look {
        runs: running.is_some(),
        quorate: votes.as_ref().is_some_and(|votes| votes.quorate),
        writable: matches!(mount, Ok(Mount::Writable)),
        nodeid: votes.as_ref().map(|votes| votes.nodeid),
        spare: votes.as_ref().is_some_and(spare),
        version: running.as_ref().and_then(cmap::Cmap::config_version),
        members: running.as_ref().map(cmap::Cmap::member_versions).unwrap_or_default(),
        links: found.as_ref().map(links).unwrap_or_default(),
        refusal: read(refusal, &mut unknown),
        proof: if mounted { read(proof::read(host), &mut unknown) } else { None },
        local,
        cluster,
        locked_for: if mounted { locked_for(host, &mut unknown) } else { None },
        unknown,
    }
}

/// What corosync's tools say; none when corosync does not run.
fn if_it_runs<T>(found: Result<T, StateError>, unknown: &mut Vec<String>) -> Option<T> {
    match found {
        Ok(found) => Some(found),
        Err(error) if error.is_corosync_down() => None,
        Err(error) => {
            unknown.push(error.to_string());
            None
        }
    }
}

fn read<T, E: ToString>(found: Result<Option<T>, E>, unknown: &mut Vec<String>) -> Option<T> {
    found.unwrap_or_else(|error| {
        unknown.push(error.to_string());
        None
    })
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

fn locked_for(host: &dyn Host, unknown: &mut Vec<String>) -> Option<u64> {
    let lock = read(if_there(host.stat(&locks::path(locks::COROSYNC_CONF))), unknown)?;
    let since = u64::try_from(lock.mtime).unwrap_or(0);
    Some(host.unix_time().saturating_sub(since))
}
