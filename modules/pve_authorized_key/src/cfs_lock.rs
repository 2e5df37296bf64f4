// SPDX-License-Identifier: GPL-3.0-or-later
//! The lock that all nodes of a cluster see.
//!
//! PVE's cfs locks are directories in /etc/pve/priv/lock: who makes one has the lock, who removes it gives it up,
//! and pmxcfs makes sure that only one node's mkdir succeeds. A holder that died is dealt with like this: whoever
//! waits sets the directory's time to the epoch, which asks pmxcfs to remove it, and pmxcfs does so once nothing has
//! happened to it for 120 s.

use std::path::{Path, PathBuf};
use std::time::Duration;

use host::{Host, HostError, Waited, if_there, wait_until};

/// Where the locks are.
const LOCKS: &str = "/etc/pve/priv/lock";
/// The name that PVE gives to the lock of a file below /etc/pve: `file-`, and `_` for each dot and slash.
pub(crate) const NAME: &str = "file-priv_authorized_keys";
/// Between two looks at a lock that another holds: looking is free, it is answered from this node's memory.
const PAUSE: Duration = Duration::from_millis(50);
/// Between two requests to release it, each of which goes to all nodes.
const REQUESTS: Duration = Duration::from_secs(1);
/// A holder must be done by then, half of the time after which it could lose the lock.
const HOLD: Duration = Duration::from_secs(60);

/// Why there is no lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoLock {
    /// Another program had it all the time.
    Held,
    /// /etc/pve takes no writes.
    ReadOnly,
    /// Anything else.
    Host(HostError),
}

/// A lock that is held.
pub(crate) struct CfsLock<'a> {
    host: &'a dyn Host,
    since: Duration,
}

impl<'a> CfsLock<'a> {
    /// Takes the lock, at the latest at the deadline.
    pub(crate) fn take(host: &'a dyn Host, deadline: Duration) -> Result<Self, NoLock> {
        let mut requested: Option<Duration> = None;
        let waited = wait_until(host, deadline, PAUSE, || match try_take(host) {
            Ok(true) => Ok(Ok(host.elapsed())),
            Ok(false) => {
                let now = host.elapsed();
                if requested.is_none_or(|last| now >= last + REQUESTS) {
                    requested = Some(now);
                    // Whether it is heard shows in the directory going away; until it has expired, the answer is
                    // an error.
                    let _ = host.set_times(&path(), 0);
                }
                Err(())
            }
            Err(error) => Ok(Err(error)),
        });
        match waited {
            Waited::Done(since) => since.map(|since| Self { host, since }),
            Waited::Pending(()) => Err(NoLock::Held),
        }
    }

    /// Whether it is certain that no one else can have got it since.
    pub(crate) fn is_fresh(&self) -> bool {
        self.host.elapsed() < self.since + HOLD
    }

    /// Gives it up. A lock that may have expired is left alone: it may be another's by now.
    pub(crate) fn release(self) -> Result<(), HostError> {
        if !self.is_fresh() {
            return Ok(());
        }
        if_there(self.host.remove_dir(&path())).map(|_| ())
    }
}

/// The lock's directory.
pub(crate) fn path() -> PathBuf {
    Path::new(LOCKS).join(NAME)
}

/// Tries once; `false` when another has it.
fn try_take(host: &dyn Host) -> Result<bool, NoLock> {
    const EEXIST: i32 = 17;
    match host.stat(&path()) {
        Ok(_) => return Ok(false),
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(NoLock::Host(error)),
    }
    match host.make_dir(&path(), 0o700) {
        Ok(()) => Ok(true),
        Err(error) if error.errno() == Some(EEXIST) => Ok(false),
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
