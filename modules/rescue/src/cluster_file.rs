// SPDX-License-Identifier: GPL-3.0-or-later
//! Writing the cluster's file under PVE's lock.

use std::path::Path;
use std::time::Duration;

use cluster_state::corosync_conf::{self, CLUSTER};
use cluster_state::pmxcfs;
use corosync_document::Document;
use host::{Host, if_there, wait_until};
use locks::{COROSYNC_CONF, Deed, Lock, NoLock};

use crate::decide::same;

/// The name under which a new file is prepared, as PVE does.
const NEW: &str = "/etc/pve/corosync.conf.new";
/// The pause between two attempts to take the lock.
const PAUSE: Duration = Duration::from_millis(500);
/// How long the lock may be held by someone else; it expires after 120 s.
pub(crate) const LOCKED: Duration = Duration::from_secs(150);

/// How long /etc/pve may take to be written again after corosync was restarted.
const BACK: Duration = Duration::from_secs(60);

/// Gives the cluster this text in place of the one that was seen.
///
/// # Errors
/// In words, when it cannot.
pub(crate) fn write(host: &dyn Host, seen: &Document, text: &Document) -> Result<(), String> {
    locked(host, host.elapsed() + LOCKED, |lock| under_lock(host, lock, seen, text))
}

/// Does something while no other node changes the file or restarts corosync. The lock is waited for until `deadline`.
///
/// # Errors
/// In words, when it fails, or when another program holds the lock all the time.
pub(crate) fn locked<T>(
    host: &dyn Host,
    deadline: Duration,
    deed: impl FnOnce(&Lock) -> Result<T, String>,
) -> Result<T, String> {
    let lock = Lock::take(host, COROSYNC_CONF, Deed::Change, deadline).map_err(|why| match why {
        NoLock::Held(_) => format!("another program holds the lock of the file{}", why.by()),
        NoLock::ReadOnly => "/etc/pve is read-only".to_owned(),
        NoLock::Host(error) => error.to_string(),
    })?;
    let done = deed(&lock);
    // after a restart of corosync it takes some seconds until /etc/pve is written again
    let _ = wait_until(host, host.elapsed() + BACK, PAUSE, || {
        lock.renew(host);
        match pmxcfs::query(host) {
            Ok(found) if found.is_writable() => Ok(()),
            _ => Err(()),
        }
    });
    lock.renew(host);
    let released = lock.release(host).map_err(|error| error.to_string());
    done.and_then(|done| released.map(|()| done))
}

fn under_lock(host: &dyn Host, lock: &Lock, seen: &Document, text: &Document) -> Result<(), String> {
    match corosync_conf::cluster(host) {
        Ok(Some(now)) if same(&now, seen) => {}
        Ok(_) => return Err(format!("'{CLUSTER}' was changed by someone else in the meantime")),
        Err(error) => return Err(error.to_string()),
    }
    let new = Path::new(NEW);
    if_there(host.remove_file(new)).map_err(|error| error.to_string())?;
    host.create(new, &text.to_bytes(), 0o640).map_err(|error| error.to_string())?;
    lock.check(host).map_err(|lost| format!("the lock of the file is no longer certain: {lost}"))?;
    host.rename(new, Path::new(CLUSTER)).map_err(|error| error.to_string())
}
