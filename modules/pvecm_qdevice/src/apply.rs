// SPDX-License-Identifier: GPL-3.0-or-later
//! What changes a node or the cluster.

use std::path::Path;
use std::time::Duration;

use cluster_state::corosync_conf::{self, CLUSTER};
use corosync_document::{Document, Place};
use host::{Command, Host, HostError, Output, last_line};
use locks::{COROSYNC_CONF, Deed, Lock, NoLock};
use serde::Serialize;

use crate::args::{Goal, Wanted};
use crate::observe::{SERVICE, STORE};
use crate::seen::Own;

/// The name under which a new file is prepared, as PVE does.
const NEW: &str = "/etc/pve/corosync.conf.new";
/// What pvecm did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Pvecm {
    pub(crate) cmd: String,
    pub(crate) rc: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Pvecm {
    /// Runs it to its end or to `timeout`.
    pub(crate) fn run(host: &dyn Host, command: Command, timeout: Duration) -> Result<Self, HostError> {
        let command = command.timeout(timeout);
        let output: Output = host.run(&command)?;
        Ok(Self { cmd: command.line(), rc: output.rc(), stdout: output.stdout, stderr: output.stderr })
    }

    /// Its last words.
    pub(crate) fn words(&self) -> &str {
        last_line(&self.stderr).or_else(|| last_line(&self.stdout)).unwrap_or("nothing")
    }
}

/// `pvecm qdevice setup`
pub(crate) fn setup(wanted: &Wanted) -> Command {
    let mut command = Command::new("pvecm").args(["qdevice", "setup"]);
    if let Goal::Present { address, network, force } = &wanted.goal {
        command = command.arg(address.to_string());
        if let Some(network) = network {
            command = command.args(["--network", network]);
        }
        if *force {
            command = command.args(["--force", "1"]);
        }
    }
    command
}

/// `pvecm qdevice remove`
pub(crate) fn remove() -> Command {
    Command::new("pvecm").args(["qdevice", "remove"])
}

/// Starts the daemon of this node, and has it start with the machine.
pub(crate) fn start(host: &dyn Host, own: &Own) -> Result<(), String> {
    if !own.starts() {
        systemctl(host, "enable")?;
    }
    if own.active == "active" { Ok(()) } else { systemctl(host, "start") }
}

/// Takes away what this node has of a QDevice.
pub(crate) fn clear(host: &dyn Host, own: &Own) -> Result<(), String> {
    if own.runs() {
        systemctl(host, "stop")?;
    }
    if own.failed() {
        systemctl(host, "reset-failed")?;
    }
    if own.starts() {
        systemctl(host, "disable")?;
    }
    if own.store {
        run(host, &Command::new("rm").args(["-rf", "--", STORE]))?;
    }
    for path in &own.strays {
        match host.remove_file(Path::new(path)) {
            Err(error) if !error.is_not_found() => return Err(error.to_string()),
            _ => {}
        }
    }
    Ok(())
}

fn systemctl(host: &dyn Host, verb: &str) -> Result<(), String> {
    run(host, &Command::new("systemctl").args([verb, SERVICE]))
}

fn run(host: &dyn Host, command: &Command) -> Result<(), String> {
    let output = host.run(command).map_err(|error| error.to_string())?;
    if output.exited_zero() {
        return Ok(());
    }
    let words = last_line(&output.stderr).unwrap_or("nothing");
    Err(format!("'{}' ended with {} and said: {words}", command.line(), output.rc()))
}

/// Takes the QDevice out of the cluster's file, under PVE's lock, as `before` was read. An error means that the file is
/// as it was.
pub(crate) fn take_out(host: &dyn Host, before: &Document, deadline: Duration) -> Result<(), String> {
    let lock = Lock::take(host, COROSYNC_CONF, Deed::Change, deadline).map_err(|why| match why {
        NoLock::Held(_) => format!(
            "another program has held the lock of '{CLUSTER}' all the time{}: run this task again",
            why.by()
        ),
        NoLock::ReadOnly => "'/etc/pve' is read-only on this node".to_owned(),
        NoLock::Host(error) => error.to_string(),
    })?;
    let done = write(host, before, &lock);
    // It expires by itself after 120 s.
    let _ = lock.release(host);
    done
}

fn write(host: &dyn Host, before: &Document, lock: &Lock) -> Result<(), String> {
    let now = corosync_conf::cluster(host).map_err(|error| error.to_string())?;
    if now.as_ref().map(Document::to_bytes) != Some(before.to_bytes()) {
        return Err(format!("'{CLUSTER}' was changed in the meantime: run this task again"));
    }
    let mut after = before.clone();
    let version = before.config_version().unwrap_or(0) + 1;
    after.remove_section(&Place::section("quorum.device")).map_err(|error| error.to_string())?;
    after.set_config_version(version).map_err(|error| error.to_string())?;
    let (new, path) = (Path::new(NEW), Path::new(CLUSTER));
    match host.remove_file(new) {
        Err(error) if !error.is_not_found() => return Err(error.to_string()),
        _ => {}
    }
    host.create(new, &after.to_bytes(), 0o640).map_err(|error| error.to_string())?;
    if let Err(lost) = lock.check(host) {
        let _ = host.remove_file(new);
        return Err(format!("the lock of '{CLUSTER}' is no longer certain ({lost}): run this task again"));
    }
    let Err(error) = host.rename(new, path) else { return Ok(()) };
    // An error of pmxcfs need not mean that nothing happened.
    let now = corosync_conf::cluster(host).ok().flatten();
    if now.is_some_and(|now| now.to_bytes() == after.to_bytes()) {
        return Ok(());
    }
    let _ = host.remove_file(new);
    Err(error.to_string())
}
