// SPDX-License-Identifier: GPL-3.0-or-later
//! Everything that is read.

use std::collections::BTreeSet;
use std::path::Path;

use cluster_state::cfgtool::Links;
use cluster_state::cmap::Cmap;
use cluster_state::pmxcfs::Mount;
use cluster_state::{StateError, cfgtool, cmap, corosync_conf, pmxcfs};
use corosync_document::Document;
use host::{Host, HostError, LocalAddress};
use rescue::ha::{self, Standing};
use rescue::pending::{self, Pending};

/// The name under which a new file is prepared, as PVE does.
pub(crate) const NEW: &str = "/etc/pve/corosync.conf.new";

/// The cluster as this node sees it.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) mount: Mount,
    /// The cluster's file; none on a standalone node.
    pub(crate) conf: Option<Document>,
    /// The copy that corosync starts from.
    pub(crate) local: Option<Document>,
    /// What corosync runs.
    pub(crate) running: Result<Cmap, StateError>,
    /// This node's nodeid, when corosync runs.
    pub(crate) nodeid: Option<u32>,
    /// Which links reach which nodes: nodeid and link number.
    pub(crate) connected: BTreeSet<(u32, u8)>,
    /// What the links run between: nodeid and link number, the address here and the one there.
    pub(crate) runs: Vec<(u32, u8, String, String)>,
    /// What corosync on this node runs of keys that it follows only when it is restarted, whatever it tells.
    pub(crate) pending: Vec<Pending>,
    /// This node's own addresses.
    pub(crate) addresses: Vec<LocalAddress>,
    /// What high availability is to the cluster's nodes, whose watchdog resets them about a minute after they have lost quorum; or why that
    /// is not known.
    pub(crate) ha: Result<Standing, String>,
    /// A file prepared to become the cluster's file, by whomever.
    pub(crate) prepared: Option<Vec<u8>>,
}

/// Looks at everything.
pub(crate) fn seen(host: &dyn Host) -> Result<Seen, StateError> {
    let mount = pmxcfs::query(host)?.mount;
    let links = cfgtool::query(host).ok();
    let readable = matches!(mount, Mount::ReadOnly | Mount::Writable);
    let conf = if readable { corosync_conf::cluster(host)? } else { None };
    let pending = conf.as_ref().map_or(Ok(Vec::new()), |conf| waiting(host, conf))?;
    Ok(Seen {
        pending,
        ha: conf.as_ref().map_or_else(|| Ok(Standing::default()), |conf| standing(host, conf)),
        conf,
        local: corosync_conf::local(host)?,
        running: cmap::query(host),
        nodeid: links.as_ref().map(|links| links.nodeid),
        connected: links.as_ref().map(connected).unwrap_or_default(),
        runs: links.as_ref().map(between).unwrap_or_default(),
        addresses: host.addresses()?,
        prepared: if readable { optional(host, NEW)? } else { None },
        mount,
    })
}

/// What was changed and waits for corosync on this node to be restarted.
fn waiting(host: &dyn Host, conf: &Document) -> Result<Vec<Pending>, HostError> {
    let known = pending::read(host, conf.cluster_name().unwrap_or_default())?;
    let name = pending::own_name(host)?;
    Ok(pending::of_node(host, known, &name))
}

fn standing(host: &dyn Host, conf: &Document) -> Result<Standing, String> {
    let nodes: Vec<String> = conf.nodes().into_iter().map(|node| node.name).collect();
    ha::standing(host, &nodes)
}

/// Which links reach which nodes.
pub(crate) fn connected(links: &Links) -> BTreeSet<(u32, u8)> {
    let peers = links.peers.iter().flat_map(|peer| peer.links.iter().map(|link| (peer.nodeid, link)));
    let mut connected = BTreeSet::new();
    connected.extend(peers.filter(|(_, link)| link.connected).map(|(nodeid, link)| (nodeid, link.number)));
    connected
}

/// The addresses that links run between.
fn between(links: &Links) -> Vec<(u32, u8, String, String)> {
    let peers = links.peers.iter().flat_map(|peer| peer.links.iter().map(|link| (peer.nodeid, link)));
    peers.map(|(peer, link)| (peer, link.number, link.local.clone(), link.remote.clone())).collect()
}

/// A file's content; none when there is no such file.
pub(crate) fn optional(host: &dyn Host, path: &str) -> Result<Option<Vec<u8>>, HostError> {
    match host.read(Path::new(path)) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
