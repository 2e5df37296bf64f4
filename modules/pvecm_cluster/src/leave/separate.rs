// SPDX-License-Identifier: GPL-3.0-or-later
//! Takes pmxcfs out of the cluster as pvecm.adoc describes it, without a new installation: the services stop, pmxcfs runs in
//! local mode, corosync.conf goes from it and from corosync's directory, the service starts again. The database stays.

use std::path::Path;
use std::time::Duration;

use cluster_state::corosync_conf::CLUSTER;
use host::{Host, if_there};
use membership::files::remove_entries;
use membership::leaving;
use membership::pmxcfs_service as service;

use super::decide::Plan;
use super::seen::Seen;

/// Why it stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stopped {
    pub(crate) why: String,
    /// Whether the node is in its cluster again, as before.
    pub(crate) undone: bool,
}

/// Does it. Before corosync.conf has gone from the database a failure is undone; afterwards the next run goes on.
pub(crate) fn separate(
    host: &dyn Host,
    seen: &Seen,
    plan: &Plan,
    backup: &Path,
    deadline: Duration,
) -> Result<(), Stopped> {
    let forward = |why: String| Stopped { why, undone: false };
    take_out(host, seen, backup, deadline).map_err(|why| match back(host, seen, plan) {
        Ok(()) => Stopped { why, undone: true },
        Err(_) => forward(why),
    })?;
    for (root, entries) in &seen.files {
        remove_entries(host, Path::new(root), entries).map_err(|error| forward(error.to_string()))?;
    }
    service::unmount(host, deadline).map_err(forward)?;
    service::start(host, deadline).map_err(forward)?;
    service::wait_writable(host, deadline).map_err(forward)
}

/// Up to the moment at which the database has no corosync.conf any more.
fn take_out(host: &dyn Host, seen: &Seen, backup: &Path, deadline: Duration) -> Result<(), String> {
    service::stop(host, seen.qdevice_runs, deadline)?;
    service::set_strays_aside(host, &backup.join("stray")).map_err(|error| error.to_string())?;
    service::start_local(host, deadline)?;
    if_there(host.remove_file(Path::new(CLUSTER))).map_err(|error| error.to_string())?;
    Ok(())
}

/// Puts the node back where it was. A run that takes up another one does not know where that is.
fn back(host: &dyn Host, seen: &Seen, plan: &Plan) -> Result<(), String> {
    if plan.resumes {
        return Err(String::new());
    }
    let deadline = host.elapsed() + Duration::from_secs(30);
    service::unmount(host, deadline)?;
    // corosync comes with it, by a wish of its unit.
    service::start(host, deadline)?;
    service::systemctl(host, "start", &["corosync"])?;
    if seen.qdevice_runs {
        service::systemctl(host, "start", &["corosync-qdevice"])?;
    }
    leaving::remove(host).map_err(|error| error.to_string())
}
