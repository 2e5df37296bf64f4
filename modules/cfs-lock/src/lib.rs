// SPDX-License-Identifier: GPL-3.0-or-later
//! The locks that all nodes of a cluster see.
//!
//! PVE's cfs locks are directories in /etc/pve/priv/lock: who makes one has the lock, who removes it gives it up, and
//! pmxcfs makes sure that only one node's mkdir succeeds. A holder that died is dealt with like this: whoever waits
//! sets the directory's time to the epoch, which asks pmxcfs to remove it, and pmxcfs does so once nothing has
//! happened to it for 120 s.
//!
//! A note on this node says which process has a lock, so that a run that was killed does not hold up the next one on
//! the same node for two minutes.

mod note;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use host::{Host, HostError, Waited, if_there, wait_until};
use note::Note;

/// Where the locks are.
const LOCKS: &str = "/etc/pve/priv/lock";
/// Between two looks at a lock that another holds: looking is free, it is answered from this node's memory.
const PAUSE: Duration = Duration::from_millis(50);
/// Between two requests to release it, each of which goes to all nodes.
const REQUESTS: Duration = Duration::from_secs(1);
/// How often the lock's time is set while it is held.
const RENEW: Duration = Duration::from_secs(30);
/// Half of the time after which it could be lost.
const HOLD: Duration = Duration::from_secs(60);
const EEXIST: i32 = 17;

/// Why there is no lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoLock {
    /// Another program had it all the time.
    Held,
    /// /etc/pve takes no writes.
    ReadOnly,
    /// Anything else.
    Host(HostError),
}

/// A lock that is held.
#[derive(Debug)]
pub struct CfsLock {
    name: &'static str,
    /// When it was taken or renewed last.
    since: Cell<Duration>,
    /// When it was last tried to renew it.
    tried: Cell<Duration>,
}

impl CfsLock {
    /// Takes the lock of this name, at the latest at the deadline. PVE's name for the lock of a file is `file-` and the
    /// file's path below /etc/pve, with `_` for what is no letter or digit.
    ///
    /// # Errors
    /// When another program has it until the deadline, or /etc/pve takes no writes.
    pub fn take(host: &dyn Host, name: &'static str, deadline: Duration) -> Result<Self, NoLock> {
        let mut requested: Option<Duration> = None;
        let waited = wait_until(host, deadline, PAUSE, || match attempt(host, name) {
            Ok(true) => Ok(Ok(host.elapsed())),
            Ok(false) => {
                let now = host.elapsed();
                if requested.is_none_or(|last| now >= last + REQUESTS) {
                    requested = Some(now);
                    // Whether it is heard shows in the directory going away; until it has expired, the answer is
                    // an error.
                    let _ = host.set_times(&path(name), 0);
                }
                Err(())
            }
            Err(error) => Ok(Err(error)),
        });
        match waited {
            Waited::Done(Ok(since)) => {
                Note::write(host, name, &path(name));
                Ok(Self { name, since: Cell::new(since), tried: Cell::new(since) })
            }
            Waited::Done(Err(why)) => Err(why),
            Waited::Pending(()) => Err(NoLock::Held),
        }
    }

    /// Whether it is certain that no one else can have got it since.
    #[must_use]
    pub fn is_fresh(&self, host: &dyn Host) -> bool {
        host.elapsed() < self.since.get() + HOLD
    }

    /// Keeps the lock from expiring during a long wait; to be called often.
    pub fn renew(&self, host: &dyn Host) {
        let now = host.elapsed();
        if now.saturating_sub(self.tried.get()) < RENEW {
            return;
        }
        self.tried.set(now);
        let time = i64::try_from(host.unix_time()).unwrap_or(i64::MAX);
        // without quorum this fails, and then nobody else can take it either
        if host.set_times(&path(self.name), time).is_ok() {
            self.since.set(now);
            Note::write(host, self.name, &path(self.name));
        }
    }

    /// Gives it up. A lock that may have expired is left alone: it may be another's by now.
    ///
    /// # Errors
    /// When it could not be removed: it then expires 120 s later.
    pub fn release(self, host: &dyn Host) -> Result<(), HostError> {
        if !self.is_fresh(host) {
            return Ok(());
        }
        if_there(host.remove_dir(&path(self.name)))?;
        Note::remove(host, self.name);
        Ok(())
    }
}

/// The lock's directory.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    Path::new(LOCKS).join(name)
}

/// Tries once; `false` when another has it.
fn attempt(host: &dyn Host, name: &str) -> Result<bool, NoLock> {
    let path = path(name);
    match host.stat(&path) {
        Ok(_) => {
            if !Note::read(host, name).is_some_and(|note| note.is_abandoned(host, &path)) {
                return Ok(false);
            }
            if_there(host.remove_dir(&path)).map_err(refused)?;
        }
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(NoLock::Host(error)),
    }
    match host.make_dir(&path, 0o700) {
        Ok(()) => Ok(true),
        Err(error) if error.errno() == Some(EEXIST) => Ok(false),
        // a new pmxcfs has no directory for locks; whoever needs it first makes it
        Err(error) if error.is_not_found() => match host.make_dir(Path::new(LOCKS), 0o700) {
            Ok(()) => Ok(false),
            Err(error) if error.errno() == Some(EEXIST) => Ok(false),
            Err(error) => Err(refused(error)),
        },
        Err(error) => Err(refused(error)),
    }
}

fn refused(error: HostError) -> NoLock {
    if error.is_denied() { NoLock::ReadOnly } else { NoLock::Host(error) }
}
