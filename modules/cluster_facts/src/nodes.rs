// SPDX-License-Identifier: GPL-3.0-or-later
//! The nodes that the cluster names, and those it sees now.

use std::collections::BTreeMap;

use cluster_state::quorumtool::Quorum;
use corosync_document::{Document, Node};
use serde::Serialize;

use crate::observe::Observed;

/// A node of the nodelist.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    name: String,
    nodeid: Option<u32>,
    votes: u32,
    /// Its address by link number.
    links: BTreeMap<String, String>,
}

/// A node seen now.
#[derive(Debug, Serialize)]
pub(crate) struct Member {
    name: Option<String>,
    nodeid: u32,
    votes: u32,
    local: bool,
    /// Its address in the management network, as pmxcfs knows it.
    address: Option<String>,
    config_version: Option<u64>,
}

/// The nodelist of the corosync.conf that counts.
pub(crate) fn listed(conf: Option<&Document>) -> Option<Vec<Listed>> {
    let nodes = conf?.nodes();
    let listed = |node: Node| Listed {
        name: node.name,
        nodeid: node.nodeid,
        votes: node.votes,
        links: node.addresses.into_iter().map(|(link, address)| (link.to_string(), address)).collect(),
    };
    Some(nodes.into_iter().map(listed).collect())
}

/// The nodes that corosync sees now, by nodeid; none of them where it does not run.
pub(crate) fn members(observed: &Observed) -> Option<Vec<Member>> {
    let evidence = &observed.evidence;
    let quorum = match &evidence.quorum {
        Ok(quorum) => quorum,
        Err(error) if error.is_corosync_down() => return Some(Vec::new()),
        Err(_) => return None,
    };
    Some(seen(observed, quorum))
}

fn seen(observed: &Observed, quorum: &Quorum) -> Vec<Member> {
    let evidence = &observed.evidence;
    let names = names(observed);
    let versions = evidence.config_versions().members;
    let known = evidence.members.as_ref().ok().and_then(Option::as_ref);
    let mut members: Vec<Member> = quorum
        .members
        .iter()
        .map(|member| {
            let name = names.get(&member.nodeid).cloned();
            let address = name.as_ref().and_then(|name| known?.nodelist.get(name)?.ip.clone());
            Member {
                name,
                nodeid: member.nodeid,
                votes: member.votes,
                local: member.local,
                address,
                config_version: versions.get(&member.nodeid).copied(),
            }
        })
        .collect();
    members.sort_by_key(|member| member.nodeid);
    members
}

/// Names by nodeid: those that corosync runs, and before them those of the file, which may be newer.
pub(crate) fn names(observed: &Observed) -> BTreeMap<u32, String> {
    let evidence = &observed.evidence;
    let mut names = BTreeMap::new();
    if let Ok(cmap) = &evidence.cmap {
        names.extend(cmap.nodelist().into_iter().filter_map(|node| Some((node.nodeid, node.name?))));
    }
    let nodes = evidence.conf().map(Document::nodes).unwrap_or_default();
    names.extend(nodes.into_iter().filter_map(|node| Some((node.nodeid?, node.name))));
    names
}
