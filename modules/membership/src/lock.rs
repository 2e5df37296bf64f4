// SPDX-License-Identifier: GPL-3.0-or-later
//! The lock of all that changes the membership, as a member has it.

use std::time::Duration;

use host::{Host, Waited, wait_until};
use locks::{Deed, Lock, NoLock, Owner};

use crate::reason::{self, Reason};
use crate::{observe, verify};

/// The pause between two looks at a cluster that is not ready for a join: each is a login.
pub const PAUSE: Duration = Duration::from_secs(1);

/// How long quorum is waited for where only a lock is still to be removed.
const RETURN: Duration = Duration::from_secs(20);

/// Releases the lock of a join that this run has, a dead one of this node had, or that is reserved for it; says why it could not.
/// On a member, /etc/pve is the cluster's.
pub fn unlock(host: &dyn Host) -> Option<String> {
    match Owner::this(host, Deed::Join) {
        Ok(me) => unlock_of(host, &|owner| owner.is_mine(host, &me)),
        Err(error) => Some(error.to_string()),
    }
}

/// Releases the lock when it is one of these, and waits a little where quorum has just gone: a member that lost its power comes
/// back. This node's own corosync does not, once it has given up.
pub fn unlock_of(host: &dyn Host, own: &dyn Fn(&Owner) -> bool) -> Option<String> {
    let released = wait_until(host, host.elapsed() + RETURN, PAUSE, || {
        match locks::release_own(host, locks::MEMBERSHIP, own) {
            Err(error) if error.is_denied() => match observe::here(host) {
                Ok(here) if verify::is_hopeless(&here) => Ok(Err(error)),
                _ => Err(error),
            },
            done => Ok(done.map(|_| ())),
        }
    });
    match released {
        Waited::Done(done) => done.err(),
        Waited::Pending(error) => Some(error),
    }
    .map(|error| error.to_string())
}

/// What to do about a run that stopped half way.
pub const AGAIN: &str = "run this task again, which goes on where this one stopped";

/// Why the lock was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotTaken {
    /// Another has it.
    Refused(Reason),
    /// Anything else, in words.
    Failed(String),
}

/// Takes the lock, at the latest at `until`, and has it renewed for this time while pvecm and the services are at work. What is this
/// node's is taken over, and what is of an owner of whom `left` says that it has left the cluster.
///
/// # Errors
/// When another has it all the time, or it cannot be taken or kept.
pub fn take(
    host: &dyn Host,
    deed: Deed,
    until: Duration,
    time: Duration,
    left: impl Fn(&Owner) -> bool,
) -> Result<Lock, NotTaken> {
    let me = Owner::this(host, deed).map_err(|error| NotTaken::Failed(error.to_string()))?;
    let over = |owner: &Owner| owner.is_mine(host, &me) || left(owner);
    let lock = Lock::take_over(host, locks::MEMBERSHIP, deed, until, over).map_err(|why| match why {
        NoLock::Held(owner) => NotTaken::Refused(reason::another_joins(owner.as_ref())),
        NoLock::ReadOnly => NotTaken::Failed(format!("'/etc/pve' is read-only on this node; {AGAIN}")),
        NoLock::Host(error) => NotTaken::Failed(format!("{error}; {AGAIN}")),
    })?;
    match lock.keep(host, time) {
        Ok(()) => Ok(lock),
        Err(why) => {
            let _ = lock.release(host);
            Err(NotTaken::Failed(why))
        }
    }
}

/// Whether the lock still is this run's; to be asked right before each step that it is for.
///
/// # Errors
/// In words, when that is not certain.
pub fn certain(host: &dyn Host, lock: &Lock) -> Result<(), String> {
    let path = locks::path(locks::MEMBERSHIP);
    lock.check(host)
        .map_err(|lost| format!("the lock '{}' is no longer certain: {lost}; {AGAIN}", path.display()))
}
