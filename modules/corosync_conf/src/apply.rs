// SPDX-License-Identifier: GPL-3.0-or-later
//! Writes the file: prepared beside it, then renamed over it, because every write reaches every node at once.

use std::path::Path;
use std::time::Duration;

use cluster_state::corosync_conf::CLUSTER;
use host::{Command, Host, HostError};
use locks::Lock;

use crate::observe::{self, NEW};
use crate::plan::Change;

/// How long a reload may take: it is a message to every node.
const RELOAD: Duration = Duration::from_secs(15);

/// Puts the changed file in the place of the one that was read; refuses when that one has changed since. `against` says, at the last moment,
/// what else is against it.
///
/// An error means that the cluster's file is as it was.
pub(crate) fn write(
    host: &dyn Host,
    change: &Change,
    lock: &Lock,
    against: &dyn Fn() -> Option<String>,
) -> Result<(), String> {
    let now = current(host)?;
    if now != change.before.to_bytes() {
        return Err(format!("'{CLUSTER}' was changed by someone else in the meantime; run the task again"));
    }
    let after = change.after.to_bytes();
    if let Some(prepared) = observe::optional(host, NEW).map_err(|error| error.to_string())? {
        if !after.starts_with(&prepared) {
            return Err(format!("'{NEW}' was made by someone else in the meantime"));
        }
        host.remove_file(Path::new(NEW)).map_err(|error| error.to_string())?;
    }
    host.create(Path::new(NEW), &after, 0o640).map_err(|error| error.to_string())?;
    let lost = |lost| {
        let lock = locks::path(locks::COROSYNC_CONF);
        format!("the lock '{}' is no longer certain: {lost}; run the task again", lock.display())
    };
    if let Some(reason) = against().or_else(|| lock.check(host).err().map(lost)) {
        let left = discard(host).err().map(|left| format!("; and {left}")).unwrap_or_default();
        return Err(format!("{reason}{left}"));
    }
    let Err(error) = host.rename(Path::new(NEW), Path::new(CLUSTER)) else { return Ok(()) };
    // pmxcfs answers a rename only when its copies are made; an error need not mean that nothing happened
    if current(host).is_ok_and(|now| now == after) {
        return Ok(());
    }
    Err(match discard(host) {
        Ok(()) => error.to_string(),
        Err(left) => format!("{error}; and {left}"),
    })
}

/// Lets corosync on every node read its file once more.
///
/// corosync calculates the timing of its links from the token that was in use *before* a reload, so that after a
/// change of the token the links follow only with the next one. With a shorter token and links that are still
/// given up late, the loss of one link would cost the membership instead of moving to another link.
pub(crate) fn reload(host: &dyn Host) -> Result<(), String> {
    let command = Command::new("corosync-cfgtool").arg("-R").timeout(RELOAD);
    let output = host.run(&command).map_err(|error| error.to_string())?;
    if output.exited_zero() {
        return Ok(());
    }
    Err(format!("'{}' says: {}", command.line(), output.first_words().unwrap_or("nothing")))
}

fn current(host: &dyn Host) -> Result<Vec<u8>, String> {
    match cluster_state::corosync_conf::cluster(host) {
        Ok(Some(document)) => Ok(document.to_bytes()),
        Ok(None) => Err(format!("'{CLUSTER}' is gone")),
        Err(error) => Err(error.to_string()),
    }
}

fn discard(host: &dyn Host) -> Result<(), HostError> {
    match host.remove_file(Path::new(NEW)) {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}
