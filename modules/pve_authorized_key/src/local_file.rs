// SPDX-License-Identifier: GPL-3.0-or-later
//! Changing a file on the node's own disk: a new file beside it, then a rename over it.
//!
//! The new file's name is the lock: it is always the same, and only one writer can create it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use host::{Host, HostError, User, Waited, if_there, wait_until};

use crate::observe::with_rights;
use crate::plan::LocalChange;

/// A writer that has not finished in this time has died.
const DEAD: u64 = 10;
const PAUSE: Duration = Duration::from_millis(20);
const EEXIST: i32 = 17;

/// Why the file was not changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Why {
    /// Another writer had it all the time.
    Busy,
    /// It says something else than what was written.
    NotAsWritten,
    Host(HostError),
}

impl From<HostError> for Why {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

/// The file before and after the change.
pub(crate) type Changed = (Vec<u8>, Vec<u8>);

/// Changes the file.
pub(crate) fn change(
    change: &LocalChange,
    user: &User,
    host: &dyn Host,
    deadline: Duration,
) -> Result<Changed, Why> {
    let mut outcome = Err(Why::Busy);
    with_rights(host, change.is_users.then_some(user), || {
        outcome = make(change, host, deadline);
        Ok(())
    })?;
    outcome
}

fn make(change: &LocalChange, host: &dyn Host, deadline: Duration) -> Result<Changed, Why> {
    for (directory, mode) in &change.missing {
        match host.make_dir(directory, *mode) {
            Err(error) if error.errno() != Some(EEXIST) => return Err(error.into()),
            _ => {}
        }
    }
    let new = new_name(&change.path);
    let waited = wait_until(host, deadline, PAUSE, || match write(change, &new, host) {
        Ok(Some(written)) => Ok(Ok(written)),
        Ok(None) => Err(()),
        Err(why) => Ok(Err(why)),
    });
    let (before, after) = match waited {
        Waited::Done(written) => written?,
        Waited::Pending(()) => return Err(Why::Busy),
    };
    let now = if_there(host.read(&change.path))?.unwrap_or_default();
    if change.edit.holds(&now) { Ok((before, after)) } else { Err(Why::NotAsWritten) }
}

/// The new file before it is renamed, beside the one that it replaces.
fn new_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.pve-authorized-key"))
}

/// Tries once; nothing when another writer was in the way.
fn write(change: &LocalChange, new: &Path, host: &dyn Host) -> Result<Option<Changed>, Why> {
    let before = if_there(host.read(&change.path))?;
    let known = before.clone().unwrap_or_default();
    let after = change.edit.apply(&known);
    match host.create(new, &after, change.mode) {
        Ok(()) => {}
        Err(error) if error.errno() == Some(EEXIST) => {
            remove_if_dead(new, host)?;
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    }
    let renamed = dress(change, new, host).and_then(|()| {
        // the file may have changed before this one became the lock
        if if_there(host.read(&change.path))? != before {
            return Ok(false);
        }
        host.rename(new, &change.path).map(|()| true)
    });
    match renamed {
        Ok(true) => Ok(Some((known, after))),
        Ok(false) => {
            host.remove_file(new)?;
            Ok(None)
        }
        Err(error) => {
            // the file is as it was, and the first error is the one to tell
            let _ = host.remove_file(new);
            Err(error.into())
        }
    }
}

/// Gives the new file the mode and owner that it is to have.
fn dress(change: &LocalChange, new: &Path, host: &dyn Host) -> Result<(), HostError> {
    let stat = host.stat(new)?;
    if let Some((uid, gid)) = change.owner
        && (stat.uid, stat.gid) != (uid, gid)
        && !change.is_users
    {
        host.set_owner(new, uid, gid)?;
    }
    // the umask may have taken bits away without which sshd, as the user, could not read it
    if stat.mode != change.mode { host.set_mode(new, change.mode) } else { Ok(()) }
}

/// Removes what a killed writer left.
fn remove_if_dead(new: &Path, host: &dyn Host) -> Result<(), HostError> {
    let Some(stat) = if_there(host.stat(new))? else { return Ok(()) };
    let begun = u64::try_from(stat.mtime).unwrap_or(0);
    if host.unix_time() > begun + DEAD {
        if_there(host.remove_file(new))?;
    }
    Ok(())
}
