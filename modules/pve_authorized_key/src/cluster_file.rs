// SPDX-License-Identifier: GPL-3.0-or-later
//! Changing the cluster's file, while other nodes and PVE change it too.
//!
//! This module's own writers exclude each other by a cfs lock. PVE's writers take none: what merges a node's key into
//! the file (`pvecm create`, a join, `pvecm updatecerts`, each start of pveproxy) reads it, writes
//! `authorized_keys.tmp.PID` and renames that over it. So nothing is renamed here while there is such a file, the file
//! is read once more right before, and afterwards it is watched for as long as a writer that had read the old file
//! needs to come forward; if one drops what was written, it is written again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cluster_state::pmxcfs::read_settled;
use host::{Host, HostError, Waited, if_there, wait_until};
use locks::{AUTHORIZED_KEYS, Deed, Lock, Lost, NoLock};

use crate::edit::Edit;
use crate::observe::CLUSTER_FILE;
use crate::plan::too_large;

/// The new file before it is renamed. Always the same name: the lock makes it one at a time, and what a killed run
/// left is found and removed.
const NEW: &str = "/etc/pve/priv/authorized_keys.pve-authorized-key";
/// Where PVE's own temporary files lie, and how they begin.
const PRIV: &str = "/etc/pve/priv";
const PVES: &str = "authorized_keys.tmp.";
/// How long PVE's temporary file is waited for: it lives for some 40 ms, unless its writer has died.
const PVES_WRITING: Duration = Duration::from_secs(2);
/// How long a writer that read the old file is given to come forward: from reading to creating its temporary file
/// takes it a few milliseconds, and as long as pmxcfs takes to tell all nodes (some 13 ms).
const WATCH: Duration = Duration::from_millis(150);
const PAUSE: Duration = Duration::from_millis(25);
/// How often it is written again before someone is said to undo it on purpose.
const ROUNDS: usize = 5;

/// Why the file was not changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotChanged {
    pub(crate) why: Why,
    /// Whether it had been written by then.
    pub(crate) written: bool,
}

/// The reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Why {
    NoLock(NoLock),
    /// It would have this many bytes.
    TooLarge(usize),
    /// Another program undid it each time.
    Undone,
    /// The lock was lost while pmxcfs did not answer.
    LockLost(Lost),
    Host(HostError),
}

impl From<HostError> for Why {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

/// What a change came to: the file before and after it, and what went less than well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Changed {
    pub(crate) before: Vec<u8>,
    pub(crate) after: Vec<u8>,
    pub(crate) warnings: Vec<String>,
}

/// Changes the file so that nothing is left to do to it, and sees to it that it stays so.
pub(crate) fn change(
    edit: &Edit,
    host: &dyn Host,
    deadline: Duration,
) -> Result<Option<Changed>, NotChanged> {
    let mut changed: Option<Changed> = None;
    for _ in 0..ROUNDS {
        let not = |why, changed: &Option<Changed>| NotChanged { why, written: changed.is_some() };
        let lock = Lock::take(host, AUTHORIZED_KEYS, Deed::Change, deadline)
            .map_err(|no| not(Why::NoLock(no), &changed))?;
        let written = write(edit, host, &lock);
        let released = lock.release(host);
        if let Some(now) = written.map_err(|why| not(why, &changed))? {
            let mut warnings = changed.map(|earlier| earlier.warnings).unwrap_or_default();
            if let Err(error) = released {
                warnings.push(format!("the lock expires by itself 120 s from now: {error}"));
            }
            changed = Some(Changed { warnings, ..now });
        }
        if stays(edit, host).map_err(|error| not(Why::Host(error), &changed))? {
            return Ok(changed);
        }
    }
    Err(NotChanged { why: Why::Undone, written: changed.is_some() })
}

/// Writes the file under the lock; nothing when it is as wanted.
fn write(edit: &Edit, host: &dyn Host, lock: &Lock) -> Result<Option<Changed>, Why> {
    let (file, new) = (Path::new(CLUSTER_FILE), Path::new(NEW));
    loop {
        let before = read_settled(host, file)?;
        let known = before.clone().unwrap_or_default();
        let after = edit.apply(&known);
        if after == known {
            return Ok(None);
        }
        if too_large(after.len()).is_some() {
            return Err(Why::TooLarge(after.len()));
        }
        if_there(host.remove_file(new))?;
        host.create(new, &after, 0o600)?;
        let as_it_was = no_one_writes(host).and_then(|()| read_settled(host, file)).map(|now| now == before);
        let renamed = match as_it_was {
            Ok(true) => match lock.check(host) {
                Ok(()) => host.rename(new, file).map_err(Why::Host),
                Err(lost) => Err(Why::LockLost(lost)),
            },
            Ok(false) => {
                host.remove_file(new)?;
                continue;
            }
            Err(error) => Err(error.into()),
        };
        if let Err(why) = renamed {
            // the file is as it was, and the first error is the one to tell
            let _ = host.remove_file(new);
            return Err(why);
        }
        return Ok(Some(Changed { before: known, after, warnings: Vec::new() }));
    }
}

/// Waits until none of PVE's temporary files is there, though not for one that its writer left behind.
fn no_one_writes(host: &dyn Host) -> Result<(), HostError> {
    let look = || match pves_files(host) {
        Ok(files) if !files.is_empty() => Err(()),
        Ok(_) => Ok(Ok(())),
        Err(error) => Ok(Err(error)),
    };
    match wait_until(host, host.elapsed() + PVES_WRITING, PAUSE, look) {
        Waited::Done(result) => result,
        Waited::Pending(()) => Ok(()),
    }
}

fn pves_files(host: &dyn Host) -> Result<Vec<PathBuf>, HostError> {
    let names = host.list(Path::new(PRIV))?;
    Ok(names.iter().filter(|name| name.starts_with(PVES)).map(|name| Path::new(PRIV).join(name)).collect())
}

/// Watches the file for a while; whether it is still as wanted at the end.
fn stays(edit: &Edit, host: &dyn Host) -> Result<bool, HostError> {
    let watched = host.elapsed() + WATCH;
    loop {
        no_one_writes(host)?;
        if !edit.holds(&read_settled(host, Path::new(CLUSTER_FILE))?.unwrap_or_default()) {
            return Ok(false);
        }
        let left = watched.saturating_sub(host.elapsed());
        if left.is_zero() {
            return Ok(true);
        }
        host.sleep(PAUSE.min(left));
    }
}
