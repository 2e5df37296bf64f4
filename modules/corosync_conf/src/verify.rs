// SPDX-License-Identifier: GPL-3.0-or-later
//! Whether every node runs the change, and nothing was lost by it.

use std::net::IpAddr;
use std::time::Duration;

use cluster_state::cfgtool::Links;
use cluster_state::pmxcfs::Mount;
use cluster_state::{cfgtool, cmap, corosync_conf, pmxcfs, quorumtool};
use corosync_document::{Document, Node};
use host::{Host, Waited, wait_until};
use locks::Lock;

use crate::links::same_address;
use crate::observe;
use crate::plan::{Change, expected, name};

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// What one look found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Look {
    /// What is not as it should be.
    pub(crate) missing: Vec<String>,
    /// What corosync said when it refused the file: waiting does not change that.
    pub(crate) refused: Option<String>,
}

/// Waits until every node runs the changed file, at most until `deadline`. Answers with what is missing then.
pub(crate) fn verify(
    host: &dyn Host,
    change: &Change,
    lock: &Lock,
    deadline: Duration,
) -> Result<(), Vec<String>> {
    let waited = wait_until(host, deadline, PAUSE, || {
        lock.renew(host);
        let look = look(host, change);
        match (&look.refused, look.missing.is_empty()) {
            (Some(_), _) => Ok(Err(look)),
            (None, true) => Ok(Ok(())),
            (None, false) => Err(look),
        }
    });
    let look = match waited {
        Waited::Done(Ok(())) => return Ok(()),
        Waited::Done(Err(look)) | Waited::Pending(look) => look,
    };
    Err(look.refused.into_iter().chain(look.missing).collect())
}

/// Looks once.
pub(crate) fn look(host: &dyn Host, change: &Change) -> Look {
    let mut look = Look::default();
    let wanted = change.after.to_bytes();
    match pmxcfs::query(host) {
        Ok(found) if found.mount == Mount::Writable => {}
        Ok(found) if found.mount == Mount::ReadOnly => {
            look.missing.push("this node is not quorate".to_owned())
        }
        Ok(_) => look.missing.push("/etc/pve is not mounted".to_owned()),
        Err(error) => look.missing.push(error.to_string()),
    }
    for (path, read) in [
        (corosync_conf::CLUSTER, corosync_conf::cluster(host)),
        (corosync_conf::LOCAL, corosync_conf::local(host)),
    ] {
        match read.map(|found| found.as_ref().map(Document::to_bytes)) {
            Ok(Some(found)) if found == wanted => {}
            Ok(Some(_)) => look.missing.push(format!("'{path}' on this node has another text")),
            Ok(None) => look.missing.push(format!("'{path}' is not there on this node")),
            Err(error) => look.missing.push(error.to_string()),
        }
    }
    running(host, change, &mut look);
    match cfgtool::query(host) {
        Ok(found) => links(change, &found, &mut look),
        Err(error) => look.missing.push(error.to_string()),
    }
    look
}

/// The links as corosync runs them, which may be otherwise than its file has them.
fn links(change: &Change, found: &Links, look: &mut Look) {
    let lost: Vec<_> = change.connected.difference(&observe::connected(found)).copied().collect();
    for (nodeid, link) in lost {
        let still = if change.connected_before.contains(&(nodeid, link)) { "no longer" } else { "not" };
        let to = name(&change.members, nodeid);
        look.missing.push(format!("link {link} to {to} is {still} connected"));
    }
    let nodes = change.after.nodes();
    let address = |nodeid: u32, link: u8| {
        nodes.iter().find(|node| node.nodeid == Some(nodeid)).and_then(|node| node.addresses.get(&link))
    };
    for peer in &found.peers {
        for link in peer.links.iter().filter(|link| change.links.contains(&link.number)) {
            let to = name(&change.members, peer.nodeid);
            match (address(found.nodeid, link.number), address(peer.nodeid, link.number)) {
                (None, _) | (_, None) => {
                    look.missing.push(format!("link {} to {to} still runs", link.number))
                }
                (Some(local), Some(remote)) => {
                    if differ(local, &link.local) || differ(remote, &link.remote) {
                        look.missing.push(format!(
                            "link {} to {to} runs from {} to {}, not from {local} to {remote}",
                            link.number, link.local, link.remote
                        ));
                    }
                }
            }
        }
    }
}

/// The votes as votequorum counts them.
fn votes(host: &dyn Host, change: &Change, look: &mut Look) {
    if !change.changes.iter().any(|changed| changed.key.ends_with(".quorum_votes")) {
        return;
    }
    match quorumtool::query(host) {
        Ok(found) => {
            let runs = |node: &Node| change.members.iter().any(|member| member.name == node.name);
            for node in change.after.nodes().into_iter().filter(runs) {
                let member = found.members.iter().find(|member| Some(member.nodeid) == node.nodeid);
                let counted = member.map_or(0, |member| member.votes);
                if counted != node.votes {
                    look.missing.push(format!("'{}' has {counted} votes, not {}", node.name, node.votes));
                }
            }
        }
        Err(error) => look.missing.push(error.to_string()),
    }
}

/// Whether these are two addresses. A name in the file says nothing about the address that runs.
fn differ(wanted: &str, runs: &str) -> bool {
    wanted.parse::<IpAddr>().is_ok() && !same_address(wanted, runs)
}

fn running(host: &dyn Host, change: &Change, look: &mut Look) {
    let running = match cmap::query(host) {
        Ok(running) => running,
        Err(error) => {
            look.missing.push(error.to_string());
            return;
        }
    };
    let reloaded = running.config_version() == Some(change.version);
    if reloaded && let Some(error) = running.text("config.reload_error_message") {
        look.refused = Some(format!("corosync on this node says: {error}"));
    }
    votes(host, change, look);
    let versions = running.member_versions();
    for member in &change.members {
        match versions.get(&member.nodeid) {
            None => look.missing.push(format!("node '{}' is no longer seen", member.name)),
            Some(runs) if *runs != change.version => look.missing.push(format!(
                "corosync on '{}' runs config_version {runs}, not {}",
                member.name, change.version
            )),
            Some(_) => {}
        }
    }
    for (key, value) in expected(&change.changes) {
        let now = running.text(&key);
        if now != value.as_deref() {
            let now = now.map_or_else(|| "has no".to_owned(), |now| format!("runs '{now}' as"));
            look.missing.push(format!("corosync on this node {now} '{key}'"));
        }
    }
}
