// SPDX-License-Identifier: GPL-3.0-or-later
//! A new start of this node's corosync, only where it costs nothing, and until all is as it was.

use std::time::Duration;

use corosync_document::Document;
use host::{Host, Waited, wait_until};

use crate::cluster_file::locked;
use crate::fire;
use crate::look::{Asked, Look, connected, look};
use crate::pending;

/// How long /etc/pve may refuse writes after a restart.
const NOTED: Duration = Duration::from_secs(60);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// Everything that is against a new start of corosync on this node; nothing where it costs neither quorum nor a member.
#[must_use]
pub fn against_restart(host: &dyn Host) -> Vec<String> {
    against(&look(host, &mut Asked::default()))
}

fn against(seen: &Look) -> Vec<String> {
    let mut reasons = Vec::new();
    if !seen.quorate {
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

/// Starts corosync anew under the cluster's lock and waits, `patience` at most, until this node is quorate with all members, on
/// every link that was connected.
///
/// # Errors
/// With all that is against it, and nothing done; or with what is missing afterwards (`true`).
pub fn restart(host: &dyn Host, patience: Duration) -> Result<(), (bool, Vec<String>)> {
    let mut begun = false;
    let mut reasons = Vec::new();
    let done = locked(host, |_| {
        // under the lock no other node is being restarted
        let before = look(host, &mut Asked::default());
        reasons = against(&before);
        if !reasons.is_empty() {
            return Err(String::new());
        }
        begun = true;
        fire::restart(host)?;
        let waited = wait_until(host, host.elapsed() + patience, PAUSE, || {
            let now = look(host, &mut Asked::default());
            let missing = missing(&before, &now);
            if missing.is_empty() { Ok(()) } else { Err(missing) }
        });
        if let Waited::Pending(missing) = waited {
            reasons = missing;
            return Err(String::new());
        }
        let cluster = before.local.as_ref().and_then(Document::cluster_name).unwrap_or_default();
        // /etc/pve refuses writes for some seconds more, although all of it says that it is writable
        let noted = wait_until(host, host.elapsed() + NOTED, PAUSE, || {
            pending::own_name(host).and_then(|node| pending::started_anew(host, cluster, &node))
        });
        match noted {
            Waited::Done(()) => Ok(()),
            Waited::Pending(error) => Err(format!(
                "it was restarted, and that could not be noted in '{}': {error}; it will be restarted once more",
                pending::PATH
            )),
        }
    });
    match done {
        Ok(()) => Ok(()),
        Err(reason) if reasons.is_empty() => Err((begun, vec![reason])),
        Err(_) => Err((begun, reasons)),
    }
}

fn missing(before: &Look, now: &Look) -> Vec<String> {
    let mut missing = Vec::new();
    if !now.runs {
        missing.push("corosync does not run".to_owned());
    } else if !now.quorate {
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
