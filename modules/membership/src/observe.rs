// SPDX-License-Identifier: GPL-3.0-or-later
//! Every look at this node.

use std::path::Path;

use cluster_state::pmxcfs::{self, Mount};
use cluster_state::{StateError, cmap, corosync_conf, journal, members, pvecm, quorumtool, services};
use host::{Command, Ending, Host, HostError};
use locks::Owner;

use crate::seen::{ConfFile, Here, Joining, Running, View};

const LOCK: &str = "/var/lock/pvecm.lock";

/// This node as it is now.
pub fn here(host: &dyn Host) -> Result<Here, StateError> {
    let node = host.hostname()?;
    let mount = pmxcfs::query(host)?.mount;
    let mounted = matches!(mount, Mount::ReadOnly | Mount::Writable);
    let table = if mounted { members::query(host)? } else { None };
    let conf = if mounted { conf(host)? } else { ConfFile::Absent };
    let service = services::query(host)?.remove("corosync").map(|service| service.active).unwrap_or_default();
    let corosync = match service.as_str() {
        "inactive" | "failed" => None,
        _ => corosync(host)?,
    };
    // Only an explanation: without it everything else still holds.
    let last_words = if service == "failed" { journal::query(host).unwrap_or(None) } else { None };
    let certificate = conf != ConfFile::Absent && is_there(host, &certificate_path(&node))?;
    let certificate_key = conf != ConfFile::Absent && is_there(host, &certificate_key_path(&node))?;
    let copied = corosync.is_some() || is_there(host, corosync_conf::LOCAL)?;
    let unfinished = !mounted || (conf != ConfFile::Absent && corosync.is_none());
    Ok(Here {
        view: View { node, mount, members: table, conf, corosync },
        certificate,
        certificate_key,
        corosync_service: service,
        copied,
        last_words,
        booting: unfinished && booting(host)?,
        pvecm_busy: pvecm_busy(host)?,
    })
}

/// Where a node's certificate is.
pub fn certificate_path(node: &str) -> String {
    format!("/etc/pve/nodes/{node}/pve-ssl.pem")
}

/// Where that certificate's key is.
pub fn certificate_key_path(node: &str) -> String {
    format!("/etc/pve/nodes/{node}/pve-ssl.key")
}

fn conf(host: &dyn Host) -> Result<ConfFile, StateError> {
    let document = corosync_conf::cluster(host)?;
    Ok(document.map_or(ConfFile::Absent, |document| ConfFile::of(&document)))
}

/// The running corosync; none when it is not running.
fn corosync(host: &dyn Host) -> Result<Option<Running>, StateError> {
    let cmap = match cmap::query(host) {
        Err(error) if absent(&error) => return Ok(None),
        cmap => cmap?,
    };
    match quorumtool::query(host) {
        Err(error) if absent(&error) => Ok(None),
        quorum => Ok(Some(Running::of(&cmap, &quorum?))),
    }
}

/// Whether corosync is not running, or not even installed.
fn absent(error: &StateError) -> bool {
    error.is_corosync_down() || error.is_not_found()
}

/// Whether systemd has not finished starting this machine.
pub fn booting(host: &dyn Host) -> Result<bool, StateError> {
    let output =
        host.run(&Command::new("systemctl").arg("is-system-running").timeout(cluster_state::PATIENCE))?;
    Ok(matches!(output.stdout.trim(), "initializing" | "starting"))
}

/// Whether a pvecm is at work on this node, or holds its lock: one that joins over ssh takes none. A lock that is free is taken and
/// given back at once.
fn pvecm_busy(host: &dyn Host) -> Result<bool, HostError> {
    if pvecm::query(host)?.is_some() {
        return Ok(true);
    }
    if !is_there(host, LOCK)? {
        return Ok(false);
    }
    let command = Command::new("flock").args(["--exclusive", "--nonblock", LOCK, "true"]);
    Ok(host.run(&command)?.ending == Ending::Exited(1))
}

fn is_there(host: &dyn Host, path: &str) -> Result<bool, HostError> {
    match host.stat(Path::new(path)) {
        Ok(_) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Who has the lock of all that changes the membership.
pub fn joining(host: &dyn Host, here: &Here) -> Result<Joining, HostError> {
    let me = Owner::this(host, locks::Deed::Removal)?;
    let mine = |owner: &Owner| owner.is_mine(host, &me) || here.view.has_left(owner);
    Ok(Joining::of(locks::holder(host, locks::MEMBERSHIP)?, &mine))
}
