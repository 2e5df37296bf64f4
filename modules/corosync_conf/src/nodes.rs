// SPDX-License-Identifier: GPL-3.0-or-later
//! What came of it on each node, as far as one of them can tell: of the others it sees what their corosync runs and which
//! links reach them, of itself the files and the values too.

use std::collections::BTreeSet;

use corosync_document::Document;
use serde::Serialize;

use crate::drift::Drift;
use crate::observe::Seen;
use crate::plan::{Member, waits_for_restart};

/// One node's part of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct NodeResult {
    pub(crate) name: String,
    pub(crate) nodeid: u32,
    /// Whether the module runs on it.
    pub(crate) here: bool,
    /// Whether it is a member; none when corosync does not tell.
    pub(crate) online: Option<bool>,
    /// The version that its corosync runs.
    pub(crate) config_version: Option<u64>,
    /// The version in /etc/pve, where the module runs.
    pub(crate) cluster_file: Option<u64>,
    /// The version of the copy that corosync starts from, where the module runs.
    pub(crate) own_copy: Option<u64>,
    /// The links that reach it; where the module runs, those that reach all the others that are online.
    pub(crate) links: Vec<u8>,
    /// Keys that its corosync does not follow before it is restarted.
    pub(crate) restart_needed: Vec<String>,
    pub(crate) result: &'static str,
}

/// How every node of this file stands.
pub(crate) fn as_seen(seen: &Seen, file: &Document, members: &[Member], drift: &Drift) -> Vec<NodeResult> {
    let version = file.config_version();
    let running = seen.running.as_ref().ok();
    let runs = running.map(cluster_state::cmap::Cmap::member_versions).unwrap_or_default();
    let mut rows = Vec::new();
    for member in members {
        let here = Some(member.nodeid) == seen.nodeid;
        let own = |document: &Document| if here { document.config_version() } else { None };
        let running_version = runs.get(&member.nodeid).copied();
        // what is not so on another node is that one's
        let own_drift = drift.healable.len() > drift.behind.len();
        let differs = here && (own_drift || !drift.fatal.is_empty() || !drift.left.is_empty());
        let result = match running_version {
            _ if running.is_none() => "unverified",
            None => "offline",
            runs if runs != version => "behind",
            Some(_) if differs => "differs",
            Some(_) if here && !drift.waiting.is_empty() => "restart_needed",
            Some(_) => "in_step",
        };
        rows.push(NodeResult {
            name: member.name.clone(),
            nodeid: member.nodeid,
            here,
            online: running.map(|_| running_version.is_some()),
            config_version: running_version,
            cluster_file: seen.conf.as_ref().and_then(own),
            own_copy: seen.local.as_ref().and_then(own),
            links: Vec::new(),
            restart_needed: drift.waiting.iter().filter(|_| here).map(|(key, _)| key.clone()).collect(),
            result,
        });
    }
    connect(&mut rows, &seen.connected);
    rows
}

/// How the nodes stand when they all run a change; those that are off stay as they are.
pub(crate) fn as_changed(
    mut rows: Vec<NodeResult>,
    present: &[Member],
    version: u64,
    connected: &BTreeSet<(u32, u8)>,
    waiting: &[String],
) -> Vec<NodeResult> {
    for row in rows.iter_mut().filter(|row| present.iter().any(|member| member.nodeid == row.nodeid)) {
        row.config_version = Some(version);
        if row.here {
            (row.cluster_file, row.own_copy) = (Some(version), Some(version));
        }
        // a node that waits for its restart already goes on waiting; what is new waits everywhere
        for key in waiting.iter().filter(|key| waits_for_restart(key)) {
            if !row.restart_needed.contains(key) {
                row.restart_needed.push(key.clone());
            }
        }
        row.result = if row.restart_needed.is_empty() { "updated" } else { "restart_needed" };
    }
    connect(&mut rows, connected);
    rows
}

fn connect(rows: &mut [NodeResult], connected: &BTreeSet<(u32, u8)>) {
    let others: Vec<u32> =
        rows.iter().filter(|row| !row.here && row.online == Some(true)).map(|row| row.nodeid).collect();
    for row in rows {
        let reached = |link: &u8| {
            if row.here {
                !others.is_empty() && others.iter().all(|nodeid| connected.contains(&(*nodeid, *link)))
            } else {
                connected.contains(&(row.nodeid, *link))
            }
        };
        row.links = (0..8).filter(reached).collect();
    }
}
