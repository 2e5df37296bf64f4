// SPDX-License-Identifier: GPL-3.0-or-later
//! Takes away what `pvecm delnode` leaves behind. Each step may be the last one of a run that is killed; the next run
//! finds what is left and goes on.

use std::path::Path;
use std::time::Duration;

use cluster_state::pmxcfs::read_settled;
use host::{Host, HostError, if_there};
use locks::{Deed, Lock, Lost, NoLock};

use super::commands;
use super::keys;
use super::observe::{AUTHORIZED_KEYS, KNOWN_HOSTS, directory};
use super::plan::{Edit, Plan, without_host};
use super::seen::{Entry, Seen};
use super::wanted::Wanted;

/// How often a file that another program changes at the same time is read again.
const ROUNDS: usize = 20;

/// Why the cleaning stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// There was no lock.
    NoLock(NoLock),
    /// The lock was lost on the way.
    Lost(&'static str, Lost),
    /// Another program wrote the file each time.
    Busy(&'static str),
    /// A command of PVE did not do what it was for; its words.
    Kept(String),
    Host(HostError),
}

impl From<HostError> for Stopped {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

impl Stopped {
    pub(crate) fn words(&self) -> String {
        match self {
            Self::NoLock(why @ NoLock::Held(_)) => format!(
                "another program holds '{}'{}, which expires 120 s after it has died",
                locks::path(locks::AUTHORIZED_KEYS).display(),
                why.by()
            ),
            Self::NoLock(NoLock::ReadOnly) => "'/etc/pve' takes no writes on this node".to_owned(),
            Self::NoLock(NoLock::Host(error)) => error.to_string(),
            Self::Lost(lock, why) => {
                format!("the lock '{}' is no longer certain: {why}", locks::path(lock).display())
            }
            Self::Kept(words) => words.clone(),
            Self::Busy(path) => format!("other programs change '{path}' all the time"),
            Self::Host(error) => error.to_string(),
        }
    }
}

/// Takes the node out of high availability and replication, cleans the two key files and removes the directory. What cannot be
/// done for one of them keeps none of the others from being done; it is told at the end.
pub(crate) fn clean(
    host: &dyn Host,
    wanted: &Wanted,
    seen: &Seen,
    plan: &Plan,
    lock: &Lock,
    deadline: Duration,
) -> Result<(), Vec<Stopped>> {
    type Deed<'a> = Box<dyn Fn() -> Result<(), Stopped> + 'a>;
    let lists = plan.lists.iter().map(|list| -> Deed<'_> {
        Box::new(move || commands::shorten(host, wanted, seen, list, deadline).map(|_| ()))
    });
    let jobs = plan
        .jobs
        .iter()
        .map(|job| -> Deed<'_> { Box::new(move || commands::delete_job(host, job, deadline)) });
    let mut deeds: Vec<Deed<'_>> = lists.chain(jobs).collect();
    if plan.authorized_keys.is_some() || plan.known_hosts.is_some() {
        deeds.push(Box::new(|| locked(host, deadline, |lock| key_files(host, lock, wanted, seen, plan))));
    }
    if let Some(entries) = &plan.directory {
        deeds.push(Box::new(|| Ok(remove(host, &directory(&wanted.node), entries)?)));
    }
    let mut stopped = Vec::new();
    for deed in deeds {
        // Without the lock another run may be at the same thing.
        if let Err(lost) = lock.check(host) {
            stopped.push(Stopped::Lost(locks::MEMBERSHIP, lost));
            break;
        }
        stopped.extend(deed().err());
    }
    if stopped.is_empty() { Ok(()) } else { Err(stopped) }
}

/// Does this behind the lock of the key files, which module pve_authorized_key takes too.
pub(crate) fn locked(
    host: &dyn Host,
    deadline: Duration,
    deed: impl FnOnce(&Lock) -> Result<(), Stopped>,
) -> Result<(), Stopped> {
    let lock = Lock::take(host, locks::AUTHORIZED_KEYS, Deed::Change, deadline).map_err(Stopped::NoLock)?;
    let done = deed(&lock);
    let released = lock.release(host);
    done?;
    released?;
    Ok(())
}

fn key_files(host: &dyn Host, lock: &Lock, wanted: &Wanted, seen: &Seen, plan: &Plan) -> Result<(), Stopped> {
    if plan.authorized_keys.is_some() {
        rewrite(host, lock, AUTHORIZED_KEYS, |bytes| {
            keys::authorized_keys(bytes, &wanted.node, &seen.own_keys).0
        })?;
    }
    if plan.known_hosts.is_some()
        && let Some(conf) = seen.here.view.conf.conf()
    {
        rewrite(host, lock, KNOWN_HOSTS, |bytes| match std::str::from_utf8(bytes) {
            Ok(text) => without_host(wanted, seen, conf, text).into_bytes(),
            Err(_) => bytes.to_vec(),
        })?;
    }
    Ok(())
}

/// Replaces a file of pmxcfs, whose modes are given, as long as nobody else does.
pub(crate) fn rewrite(
    host: &dyn Host,
    lock: &Lock,
    path: &'static str,
    edit: impl Fn(&[u8]) -> Vec<u8>,
) -> Result<(), Stopped> {
    let new = format!("{path}.pvecm_cluster");
    let (file, new) = (Path::new(path), Path::new(&new));
    for _ in 0..ROUNDS {
        let before = read_settled(host, file)?.unwrap_or_default();
        let edit = Edit { after: edit(&before), before };
        if edit.after == edit.before {
            return Ok(());
        }
        if_there(host.remove_file(new))?;
        host.create(new, &edit.after, 0o600)?;
        if if_there(host.read(file))?.unwrap_or_default() == edit.before {
            if let Err(lost) = lock.check(host) {
                let _ = host.remove_file(new);
                return Err(Stopped::Lost(locks::AUTHORIZED_KEYS, lost));
            }
            return Ok(host.rename(new, file)?);
        }
    }
    // What was written last is of no use; that it could not be written is what is told.
    let _ = host.remove_file(new);
    Err(Stopped::Busy(path))
}

/// Removes what was seen and copied, and nothing that came later: a directory that is not empty then is an error.
pub(crate) fn remove(host: &dyn Host, root: &Path, entries: &[Entry]) -> Result<(), HostError> {
    remove_entries(host, root, entries)?;
    if_there(host.remove_dir(root)).map(|_| ())
}

/// Removes what was seen below a directory, which stays.
pub(crate) fn remove_entries(host: &dyn Host, root: &Path, entries: &[Entry]) -> Result<(), HostError> {
    for entry in entries.iter().rev() {
        let path = root.join(&entry.path);
        if_there(if entry.is_directory { host.remove_dir(&path) } else { host.remove_file(&path) })?;
    }
    Ok(())
}
