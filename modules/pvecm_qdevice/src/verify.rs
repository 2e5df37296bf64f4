// SPDX-License-Identifier: GPL-3.0-or-later
//! What a cluster still lacks before a QDevice counts as set up or as removed. Pure.

use cluster_state::pmxcfs::Mount;

use crate::args::{Goal, Wanted};
use crate::plan::{After, member, spread};
use crate::seen::{Conf, Running, Seen};

/// What is missing, as this member sees it: by their running config_version and their flags, all others too.
pub(crate) fn missing(wanted: &Wanted, after: &After, seen: &Seen) -> Vec<String> {
    let (conf, running) = match member(wanted, seen) {
        Ok(found) => found,
        Err(reasons) => return reasons.into_iter().map(|reason| reason.text).collect(),
    };
    let mut missing = Vec::new();
    if running.versions.values().any(|version| *version != conf.version) {
        missing.push(format!(
            "not every member runs the config_version of corosync.conf ({})",
            spread(&conf, running)
        ));
    }
    if !running.quorum.quorate || seen.mount != Mount::Writable {
        missing.push("this node is not quorate".to_owned());
    }
    match wanted.goal {
        Goal::Present { .. } => missing.extend(of_a_device(after, seen, &conf, running)),
        Goal::Absent { .. } => missing.extend(of_none(after, seen, &conf, running)),
    }
    missing
}

fn of_a_device(after: &After, seen: &Seen, conf: &Conf, running: &Running) -> Vec<String> {
    let mut missing = Vec::new();
    if conf.device.is_none() {
        return vec!["'/etc/pve/corosync.conf' has no QDevice".to_owned()];
    }
    let own = &seen.own;
    if own.active != "active" {
        missing.push(format!("the service corosync-qdevice is {} on this node", own.active));
    } else if let Some(connection) = own.connection.as_ref().filter(|connection| !connection.connected) {
        missing.push(format!("its daemon on this node is not connected ({})", connection.state));
    }
    if !own.starts() {
        missing.push(format!("the service corosync-qdevice is {} on this node", own.enabled));
    }
    let quorum = &running.quorum;
    let votes = after.device.map_or(0, |terms| terms.votes);
    if quorum.expected_votes != after.expected_votes {
        missing.push(format!("{} votes are expected, not {}", quorum.expected_votes, after.expected_votes));
    }
    match quorum.qdevice {
        Some(device) if device.votes == votes => {}
        device => {
            let cast = device.map_or(0, |device| device.votes);
            missing.push(format!("the QDevice casts {cast} of {votes} votes"));
        }
    }
    for member in &quorum.members {
        let flags = member.qdevice.as_deref().unwrap_or("none");
        if !flags.starts_with("A,V") {
            missing
                .push(format!("'{}' is without the QDevice's vote ({flags})", conf.name_of(member.nodeid)));
        }
    }
    missing
}

fn of_none(after: &After, seen: &Seen, conf: &Conf, running: &Running) -> Vec<String> {
    let mut missing = Vec::new();
    if conf.device.is_some() {
        missing.push("'/etc/pve/corosync.conf' still has a QDevice".to_owned());
    }
    if running.device {
        missing.push("corosync on this node still runs with a QDevice".to_owned());
    }
    let quorum = &running.quorum;
    if quorum.qdevice.is_some_and(|device| device.votes > 0) {
        missing.push("the QDevice still has votes".to_owned());
    }
    // Fewer may be expected by hand.
    if quorum.expected_votes > after.expected_votes {
        missing.push(format!("{} votes are expected, not {}", quorum.expected_votes, after.expected_votes));
    }
    let own = &seen.own;
    if own.runs() {
        missing.push(format!("the service corosync-qdevice is {} on this node", own.active));
    }
    if own.starts() {
        missing.push("the service corosync-qdevice is enabled on this node".to_owned());
    }
    if own.store {
        missing.push("'/etc/corosync/qdevice' is still there on this node".to_owned());
    }
    missing.extend(own.strays.iter().map(|path| format!("'{path}' is still there")));
    missing
}
