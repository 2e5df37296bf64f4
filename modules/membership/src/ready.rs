// SPDX-License-Identifier: GPL-3.0-or-later
//! Whether a cluster is ready for the join of a node. Pure.

use cluster_state::pmxcfs::Mount;

use crate::reason::{self, Reason};
use crate::seen::{Conf, ConfFile, Joining, Peer, behind, spread, versions};

/// Why nothing can be done with this node's /etc/pve; nothing where it is mounted.
pub fn mount(mount: &Mount, booting: bool) -> Vec<Reason> {
    match mount {
        Mount::NoDirectory => vec![reason::no_pve()],
        Mount::NotMounted => vec![reason::not_mounted(booting)],
        Mount::Dead { reason } => vec![reason::mount_dead(reason)],
        Mount::ReadOnly | Mount::Writable => Vec::new(),
    }
}

/// Whether this is a member of the cluster, and the cluster ready for the join of a node.
pub fn ready(cluster_name: &str, joining: &str, peer: &Peer) -> Vec<Reason> {
    let name = &peer.view.node;
    if !peer.view.is_mounted() {
        return vec![reason::peer_not_mounted(name)];
    }
    match &peer.view.conf {
        ConfFile::Absent => vec![reason::peer_standalone(name)],
        ConfFile::Broken(why) => vec![reason::peer_conf_broken(name, why)],
        ConfFile::Read(conf) => {
            let mut reasons = Vec::new();
            if conf.cluster_name != cluster_name {
                reasons.push(reason::peer_in_other_cluster(name, &conf.cluster_name));
            }
            reasons.extend(health(peer, conf, joining));
            reasons
        }
    }
}

/// Whether the cluster is in a state in which a join is safe.
fn health(peer: &Peer, conf: &Conf, joining: &str) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let name = &peer.view.node;
    if conf.qdevice {
        reasons.push(reason::qdevice());
    }
    reasons.extend(peer.rescue.iter().map(|armed| ansible_module::reason::lasting(armed.as_str())));
    if peer.locked {
        reasons.push(reason::locked());
    }
    match &peer.joining {
        Joining::Nobody | Joining::ThisNode => {}
        Joining::Another(owner) => reasons.push(reason::another_joins(owner.as_ref())),
        // Without quorum, or without corosync, that is the reason.
        Joining::Refused => {
            if peer.view.corosync.as_ref().is_some_and(|running| running.quorate) {
                reasons.push(reason::peer_read_only(name));
            }
        }
    }
    let Some(running) = &peer.view.corosync else {
        reasons.push(reason::peer_without_corosync(name));
        return reasons;
    };
    let offline: Vec<&str> = conf
        .nodes
        .iter()
        .filter(|(id, node)| !running.versions.contains_key(id) && node.name != joining)
        .map(|(_, node)| node.name.as_str())
        .collect();
    if !running.quorate {
        let (votes, expected) = (running.votes, running.expected_votes);
        let by_entry = offline.is_empty() && conf.node(joining).is_some();
        reasons.push(if by_entry {
            reason::not_quorate_by_entry(votes, expected, joining, name)
        } else {
            reason::not_quorate(votes, expected)
        });
    } else if peer.view.mount != Mount::Writable && peer.joining != Joining::Refused {
        reasons.push(reason::peer_read_only(name));
    }
    if !offline.is_empty() {
        reasons.push(reason::offline(&offline));
    }
    let versions = versions(running);
    if versions.len() > 1 {
        reasons.push(reason::versions_differ(&spread(conf, running), &behind(conf, running)));
    } else if !versions.contains(&conf.config_version) {
        reasons.push(reason::version_not_running(conf.config_version, versions.first().copied()));
    }
    reasons
}

/// Why a node cannot join with a vote of its own: others have none yet, and the cluster counts on few. One that is let in without a vote is no
/// trouble beside them.
pub fn beside_admitted(joining: &str, peer: &Peer) -> Option<Reason> {
    let nodes = peer.view.conf.conf()?.nodes.values();
    let admitted = nodes.filter(|node| node.votes == 0 && node.name != joining);
    let names: Vec<&str> = admitted.map(|node| node.name.as_str()).collect();
    (!names.is_empty()).then(|| reason::admitted(&names))
}
