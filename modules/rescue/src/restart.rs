// SPDX-License-Identifier: GPL-3.0-or-later
//! A restart of this node's corosync, only where it costs nothing, and until all is as it was.

use std::time::Duration;

use corosync_document::Document;
use host::{Host, Waited, wait_until};

use crate::cluster_file::{LOCKED, locked};
use crate::fire;
use crate::ha::{self, Standing, Wish};
use crate::look::{Asked, Look, connected, look};
use crate::pending;

/// How long /etc/pve may refuse writes after a restart.
const NOTED: Duration = Duration::from_secs(60);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// Everything that is against a restart of corosync on this node, and what high availability is to it; no reasons where the restart costs
/// neither quorum nor a member, and resets no node.
#[must_use]
pub fn against_restart(host: &dyn Host, wish: Wish) -> (Vec<String>, Standing) {
    judge(host, &look(host, &mut Asked::default()), wish)
}

fn judge(host: &dyn Host, seen: &Look, wish: Wish) -> (Vec<String>, Standing) {
    let mut reasons = against(seen);
    // without a file nothing is known of the nodes, and that is a reason already
    let nodes: Vec<String> = seen.local.iter().flat_map(Document::nodes).map(|node| node.name).collect();
    match ha::standing(host, &nodes) {
        Ok(standing) => {
            reasons.extend(against_outage(&standing, wish));
            (reasons, standing)
        }
        Err(unknown) => {
            if wish != Wish::Ignore {
                reasons.push(format!("{unknown}; set 'ha' to 'ignore' where no watchdog runs for certain"));
            }
            (reasons, Standing::default())
        }
    }
}

/// Why a node must not lose its quorum now.
fn against_outage(standing: &Standing, wish: Wish) -> Option<String> {
    if standing.guarded.is_empty() || wish == Wish::Ignore || wish == Wish::Disarm && standing.disarms {
        return None;
    }
    let remedy =
        if standing.disarms { "set 'ha' to 'disarm', or" } else { "this Proxmox VE cannot disarm it;" };
    let nodes = standing.guarded.join("', '");
    Some(format!("high availability is active on '{nodes}': {remedy} set 'ha' to 'ignore'"))
}

pub(crate) fn against(seen: &Look) -> Vec<String> {
    let mut reasons = seen.unknown.clone();
    if !seen.quorate || !seen.writable {
        reasons.push("this node is not quorate".to_owned());
    } else if !seen.spare {
        reasons.push("the others would not be quorate without this node".to_owned());
    }
    if let Some(refusal) = &seen.refusal {
        reasons.push(format!("corosync would not start from its file: {refusal}"));
    }
    let version = seen.local.as_ref().and_then(Document::config_version);
    if version.is_none() || seen.version != version {
        reasons.push("corosync does not run the config_version of its file".to_owned());
    }
    for node in seen.local.iter().flat_map(Document::nodes) {
        let runs = node.nodeid.and_then(|nodeid| seen.members.get(&nodeid));
        if runs.copied() != version {
            reasons.push(format!("node '{}' is no member, or runs another config_version", node.name));
        }
    }
    reasons
}

/// A restart that was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restarted {
    /// Whether high availability was disarmed for it and armed again.
    pub ha_disarmed: bool,
    /// The nodes whose watchdog was waited for, so that this outage did not add to an earlier one.
    pub waited_for: Vec<String>,
}

/// Restarts corosync under the cluster's lock and waits, `patience` at most, until this node is quorate with all members, on
/// every link that was connected. High availability is disarmed before and armed again after it, as far as it is wished.
///
/// # Errors
/// With all that is against it, and nothing done; or with what is missing afterwards (`true`).
pub fn restart(host: &dyn Host, patience: Duration, wish: Wish) -> Result<Restarted, (bool, Vec<String>)> {
    let mut begun = false;
    let mut reasons = Vec::new();
    let done = locked(host, host.elapsed() + LOCKED, |lock| {
        let tick = || lock.renew(host);
        // under the lock no other node is being restarted
        let before = look(host, &mut Asked::default());
        let (against, standing) = judge(host, &before, wish);
        if !against.is_empty() {
            reasons = against;
            return Err(String::new());
        }
        let mut done = Restarted::default();
        let guarded = !standing.guarded.is_empty();
        let made = if guarded && wish == Wish::Disarm {
            done.ha_disarmed = true;
            ha::disarm(host, host.elapsed() + ha::PATIENCE, &tick)
        } else if guarded {
            let own: Vec<String> = pending::own_name(host).into_iter().collect();
            ha::wait_until_renewed(host, &own, host.elapsed() + ha::PATIENCE, &tick)
                .map(|nodes| done.waited_for = nodes)
        } else {
            Ok(())
        };
        let made = made.and_then(|()| {
            lock.check(host).map_err(|lost| format!("the lock of the file is no longer certain: {lost}"))?;
            begun = true;
            restarted(host, &before, patience, &tick)
        });
        // also what an earlier run has left, and a command that nobody has carried out yet
        let armed = ha::arm(host, host.elapsed() + ha::PATIENCE, &tick);
        reasons.extend(made.err());
        reasons.extend(armed.err().map(|reason| format!("{reason}; {}", ha::REMEDY)));
        if reasons.is_empty() { Ok(done) } else { Err(String::new()) }
    });
    match done {
        Ok(done) => Ok(done),
        Err(reason) if reasons.is_empty() => Err((begun, vec![reason])),
        Err(_) => Err((begun, reasons)),
    }
}

fn restarted(host: &dyn Host, before: &Look, patience: Duration, tick: &dyn Fn()) -> Result<(), String> {
    fire::restart(host)?;
    let waited = wait_until(host, host.elapsed() + patience, PAUSE, || {
        tick();
        let missing = missing(before, &look(host, &mut Asked::default()));
        if missing.is_empty() { Ok(()) } else { Err(missing) }
    });
    if let Waited::Pending(missing) = waited {
        return Err(missing.join("; "));
    }
    let cluster = before.local.as_ref().and_then(Document::cluster_name).unwrap_or_default();
    // /etc/pve refuses writes for some seconds more, although all of it says that it is writable
    let noted = wait_until(host, host.elapsed() + NOTED, PAUSE, || {
        tick();
        pending::own_name(host).and_then(|node| pending::started_anew(host, cluster, &node))
    });
    match noted {
        Waited::Done(()) => Ok(()),
        Waited::Pending(error) => Err(format!(
            "it was restarted, and that could not be noted in '{}': {error}; it will be restarted once more",
            pending::PATH
        )),
    }
}

pub(crate) fn missing(before: &Look, now: &Look) -> Vec<String> {
    let mut missing = Vec::new();
    if !now.runs {
        missing.push("corosync does not run".to_owned());
    } else if !now.quorate || !now.writable {
        missing.push("this node is not quorate".to_owned());
    }
    if now.members != before.members {
        missing.push("not every member is back".to_owned());
    }
    let lost = connected(before).difference(&connected(now)).count();
    if lost > 0 {
        missing.push(format!("{lost} links that were connected are not"));
    }
    missing
}
