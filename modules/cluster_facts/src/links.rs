// SPDX-License-Identifier: GPL-3.0-or-later
//! This node's links, and how they reach the other nodes.

use cluster_state::cfgtool::{self, PeerLink};
use corosync_document::Node;
use serde::Serialize;

use crate::observe::Observed;

/// One of this node's links.
#[derive(Debug, Serialize)]
pub(crate) struct Link {
    number: u8,
    /// As corosync.conf has it.
    address: Option<String>,
    /// As corosync runs it.
    running_address: Option<String>,
    priority: Option<u8>,
    peers: Vec<Peer>,
}

/// Another node on this link.
#[derive(Debug, Serialize)]
pub(crate) struct Peer {
    name: String,
    nodeid: Option<u32>,
    address: Option<String>,
    /// None where corosync does not run here.
    connected: Option<bool>,
}

/// This node's links by number; `None` where there is no corosync.conf.
pub(crate) fn links(observed: &Observed) -> Option<Vec<Link>> {
    let evidence = &observed.evidence;
    let conf = evidence.conf()?;
    let name = evidence.listed_name();
    let (own, others): (Vec<Node>, Vec<Node>) = conf.nodes().into_iter().partition(|node| node.name == name);
    let own = own.first();
    let runtime = evidence.cmap.as_ref().ok();
    let running = runtime.and_then(|cmap| {
        let nodeid = cmap.nodeid()?;
        cmap.members().into_iter().find(|member| member.nodeid == nodeid)
    });
    let interfaces = conf.interfaces();
    let link = |number: u8| Link {
        number,
        address: own.and_then(|node| node.addresses.get(&number).cloned()),
        running_address: running.as_ref().and_then(|member| member.addresses.get(&number).cloned()),
        priority: interfaces.iter().find(|interface| interface.link == number).and_then(|link| link.priority),
        peers: others.iter().map(|node| peer(observed, node, number)).collect(),
    };
    Some(conf.links().into_iter().map(link).collect())
}

fn peer(observed: &Observed, node: &Node, number: u8) -> Peer {
    let seen = observed.links.as_ref().and_then(|links| links.as_ref().ok());
    let link = seen.and_then(|links| peer_link(links, node.nodeid?, number));
    Peer {
        name: node.name.clone(),
        nodeid: node.nodeid,
        // the address that is in use, which corosync.conf may no longer have
        address: link.map(|link| link.remote.clone()).or_else(|| node.addresses.get(&number).cloned()),
        // corosync does not name a node that it does not reach at all
        connected: seen.map(|_| link.is_some_and(|link| link.connected)),
    }
}

fn peer_link(links: &cfgtool::Links, nodeid: u32, number: u8) -> Option<&PeerLink> {
    let peer = links.peers.iter().find(|peer| peer.nodeid == nodeid)?;
    peer.links.iter().find(|link| link.number == number)
}
