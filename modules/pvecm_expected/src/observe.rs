// SPDX-License-Identifier: GPL-3.0-or-later
//! Every look at this node, and whether the nodes that it misses answer at any of their addresses.

use std::collections::{BTreeMap, BTreeSet};

use cluster_state::pmxcfs::{self, Mount};
use cluster_state::quorumtool::Quorum;
use cluster_state::{StateError, cfgtool, cmap, corosync_conf, members, quorumtool};
use corosync_document::Document;
use host::Host;
use knock::Sign;

/// All that is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// This node's name.
    pub(crate) node: String,
    pub(crate) mount: Mount,
    /// The cluster's file; none on a standalone node.
    pub(crate) conf: Option<Document>,
    /// None when corosync does not run.
    pub(crate) running: Option<Running>,
    /// The nodes' addresses in the management network, by name.
    pub(crate) managed: BTreeMap<String, String>,
}

/// The running corosync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Running {
    pub(crate) quorum: Quorum,
    /// The nodeids of the members.
    pub(crate) members: BTreeSet<u32>,
    /// The nodeids of those that corosync has a connected link to, member or not.
    pub(crate) connected: BTreeSet<u32>,
}

/// Looks at everything but other nodes.
pub(crate) fn seen(host: &dyn Host) -> Result<Seen, StateError> {
    let mount = pmxcfs::query(host)?.mount;
    let mounted = matches!(mount, Mount::ReadOnly | Mount::Writable);
    let table = if mounted { members::query(host)? } else { None };
    let nodes = table.map(|table| table.nodelist).unwrap_or_default();
    Ok(Seen {
        node: host.hostname()?,
        conf: if mounted { corosync_conf::cluster(host)? } else { None },
        running: running(host)?,
        managed: nodes.into_iter().filter_map(|(name, node)| Some((name, node.ip?))).collect(),
        mount,
    })
}

fn running(host: &dyn Host) -> Result<Option<Running>, StateError> {
    let cmap = match cmap::query(host) {
        Err(error) if error.is_corosync_down() => return Ok(None),
        cmap => cmap?,
    };
    let quorum = match quorumtool::query(host) {
        Err(error) if error.is_corosync_down() => return Ok(None),
        quorum => quorum?,
    };
    let links = match cfgtool::query(host) {
        Err(error) if error.is_corosync_down() => return Ok(None),
        links => links?,
    };
    let connected = links.peers.iter().filter(|peer| peer.links.iter().any(|link| link.connected));
    Ok(Some(Running {
        quorum,
        members: cmap.member_versions().into_keys().collect(),
        connected: connected.map(|peer| peer.nodeid).collect(),
    }))
}

/// What answers at these addresses.
///
/// # Errors
/// In words, when that is not known.
pub(crate) fn answering(host: &dyn Host, addresses: &[String]) -> Result<Vec<Sign>, String> {
    if addresses.is_empty() {
        return Ok(Vec::new());
    }
    let unknown = |why| format!("it is not known whether '{}' answer: {why}", addresses.join("', '"));
    knock::signs(host, addresses).map_err(unknown)
}
