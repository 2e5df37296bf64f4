// SPDX-License-Identifier: GPL-3.0-or-later
//! What is done about each fault.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ansible_module::{Failure, Outcome};
use cluster_state::corosync_conf;
use cluster_state::leftovers::AUTHKEY;
use cluster_state::pmxcfs::{DATABASE, Mount};
use host::{Attributes, Host, HostError, Waited, if_there, replace_file, wait_until};
use membership::database_copy;
use membership::pmxcfs_service as service;

use super::args::Args;
use super::consult::{self, Member};
use super::fault::{Fault, Seen};

/// How the node leaves the cluster of the task by force, which state `absent` does.
pub(crate) type Leave<'a> = dyn Fn() -> Result<Outcome, Failure> + 'a;

/// Repairs it. Returns where the copies are, if any were made; why it could not be repaired, and the same.
pub(crate) fn repair(
    host: &dyn Host,
    args: &Args,
    leave: &Leave<'_>,
    seen: &Seen,
    fault: &Fault,
    deadline: Duration,
) -> Result<Option<String>, (String, Option<String>)> {
    let plain = |why: String| (why, None);
    match fault {
        Fault::PmxcfsStopped { strays } => start(host, seen, !strays.is_empty(), deadline),
        // Joining with force is what is done about it.
        Fault::Listed { .. } => Ok(None),
        Fault::Leftovers | Fault::Forgotten { .. } => clear(leave),
        Fault::Stranded { .. } | Fault::HalfJoined { .. } => match &seen.member {
            Some(member) if matches!(fault, Fault::Stranded { .. }) => rescue(host, args, seen, member),
            Some(member) => join_on(host, args, seen, member, deadline),
            None => Err(plain("no member answers".to_owned())),
        },
        Fault::CorosyncStopped => {
            let units: &[&str] = match seen.here.copied {
                true => &["corosync"],
                // pmxcfs writes corosync's copy of corosync.conf when it starts: what pvecm does at the end of a creation.
                false => &["corosync", "pve-cluster"],
            };
            restart(host, units).map_err(plain)?;
            Ok(None)
        }
    }
}

/// Starts pmxcfs, after what lay in its way was moved aside.
fn start(
    host: &dyn Host,
    seen: &Seen,
    strays: bool,
    deadline: Duration,
) -> Result<Option<String>, (String, Option<String>)> {
    let mut aside = None;
    if strays {
        let directory = database_copy::directory(host, "stray").map_err(|error| (error.to_string(), None))?;
        aside = Some(directory.to_string_lossy().into_owned());
        service::set_strays_aside(host, &directory).map_err(|error| (error.to_string(), aside.clone()))?;
    }
    let unmounted = match seen.here.view.mount {
        Mount::Dead { .. } => service::unmount(host, deadline),
        _ => Ok(()),
    };
    unmounted.and_then(|()| service::start(host, deadline)).map_err(|why| (why, aside.clone()))?;
    Ok(aside)
}

/// Makes the node standalone, without anything of the cluster; its database is copied.
fn clear(leave: &Leave<'_>) -> Result<Option<String>, (String, Option<String>)> {
    let backup = |data: &serde_json::Map<String, serde_json::Value>| {
        data.get("backup").and_then(|backup| backup.as_str()).map(str::to_owned)
    };
    match leave() {
        Ok(outcome) => Ok(backup(&outcome.data)),
        Err(failure) => Err((failure.msg, backup(&failure.data))),
    }
}

/// Gives corosync the cluster's files and restarts it
/// (`captures/parallel_API_joins_of_pve3_and_pve4_into_a_2-node_cluster--stranded_node_current_corosync.conf_copied_in_corosync_restarted--pve3`).
/// The database, which the cluster's then replaces, is copied first.
fn rescue(
    host: &dyn Host,
    args: &Args,
    seen: &Seen,
    member: &Member,
) -> Result<Option<String>, (String, Option<String>)> {
    let root = copies(host, &format!("stranded-{}", args.cluster_name))?;
    let told = Some(root.to_string_lossy().into_owned());
    take_files(host, seen, member)
        .and_then(|()| restart(host, &["corosync"]))
        .map_err(|why| (why, told.clone()))?;
    Ok(told)
}

/// Takes a join to its end that had stopped before pmxcfs changed over, as pvecm does (`finish_join` in `PVE/Cluster/Setup.pm`): pmxcfs
/// begins with an empty database, which it fills from the others. What is missing then is made up for as after any
/// interrupted join.
fn join_on(
    host: &dyn Host,
    args: &Args,
    seen: &Seen,
    member: &Member,
    deadline: Duration,
) -> Result<Option<String>, (String, Option<String>)> {
    let root = copies(host, &format!("half-joined-{}", args.cluster_name))?;
    let told = Some(root.to_string_lossy().into_owned());
    let steps = || {
        take_files(host, seen, member)?;
        service::stop(host, false, deadline)?;
        // Also what a database that was not closed leaves: it would be taken for a part of the new one.
        for name in [DATABASE.to_owned(), format!("{DATABASE}-wal"), format!("{DATABASE}-shm")] {
            if_there(host.remove_file(Path::new(&name))).map_err(|error| error.to_string())?;
        }
        service::systemctl(host, "reset-failed", &["corosync"])?;
        service::systemctl(host, "start", &["corosync"])?;
        service::start(host, deadline)?;
        is_in_pmxcfs(host, deadline)
    };
    steps().map_err(|why| (why, told.clone()))?;
    Ok(told)
}

/// Waits until pmxcfs has the cluster's corosync.conf.
fn is_in_pmxcfs(host: &dyn Host, deadline: Duration) -> Result<(), String> {
    let waited =
        wait_until(host, deadline, Duration::from_millis(200), || match corosync_conf::cluster(host) {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(format!("'{}' does not appear", corosync_conf::CLUSTER)),
            Err(error) => Err(error.to_string()),
        });
    match waited {
        Waited::Done(()) => Ok(()),
        Waited::Pending(why) => Err(why),
    }
}

/// Copies the database and both corosync.conf; returns where they are.
fn copies(host: &dyn Host, name: &str) -> Result<PathBuf, (String, Option<String>)> {
    let root = database_copy::write(host, name).map_err(|why| (why, None))?;
    let told = Some(root.to_string_lossy().into_owned());
    let words = |error: HostError| (error.to_string(), told.clone());
    service::copy(host, Path::new(corosync_conf::LOCAL), &root.join("corosync/corosync.conf"))
        .map_err(words)?;
    service::copy(host, Path::new(corosync_conf::CLUSTER), &root.join("corosync.conf")).map_err(words)?;
    Ok(root)
}

/// Gives this node the cluster's key, where it has another one, and its corosync.conf.
fn take_files(host: &dyn Host, seen: &Seen, member: &Member) -> Result<(), String> {
    let words = |error: HostError| error.to_string();
    if seen.authkey != member.authkey && member.authkey.is_some() {
        let key = consult::authkey(host, &member.place)?;
        let attributes = Attributes::Exactly { mode: 0o400, uid: 0, gid: 0 };
        replace_file(host, Path::new(AUTHKEY), &key, attributes).map_err(words)?;
        if consult::own_digest(host)? != member.authkey {
            return Err(format!("the key that came from '{}' is not the one that it told of", member.node));
        }
    }
    let attributes = Attributes::Exactly { mode: 0o644, uid: 0, gid: 0 };
    let text = format!("{}\n", member.text.trim_end());
    replace_file(host, Path::new(corosync_conf::LOCAL), text.as_bytes(), attributes).map_err(words)
}

fn restart(host: &dyn Host, units: &[&str]) -> Result<(), String> {
    service::systemctl(host, "reset-failed", units)?;
    service::systemctl(host, "restart", units)
}
