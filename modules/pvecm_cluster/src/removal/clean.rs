// SPDX-License-Identifier: GPL-3.0-or-later
//! Takes away what `pvecm delnode` leaves behind. Each step may be the last one of a run that is killed; the next run
//! finds what is left and goes on.

use std::path::Path;
use std::time::Duration;

use cluster_state::pmxcfs::read_settled;
use host::{Host, HostError, Waited, if_there, wait_until};

use super::commands;
use super::keys;
use super::observe::{AUTHORIZED_KEYS, KNOWN_HOSTS, directory};
use super::plan::{Edit, Plan, without_host};
use super::seen::{Entry, Seen};
use super::wanted::Wanted;

/// PVE's name for the lock of authorized_keys, which module pve_authorized_key takes too.
const LOCKS: &str = "/etc/pve/priv/lock";
const LOCK: &str = "/etc/pve/priv/lock/file-priv_authorized_keys";
const PAUSE: Duration = Duration::from_millis(50);
/// How often a file that another program changes at the same time is read again.
const ROUNDS: usize = 20;
const EEXIST: i32 = 17;

/// Why the cleaning stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// Another program had the lock all the time.
    Locked,
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
            Self::Locked => format!("another program holds '{LOCK}', which falls 120 s after it has died"),
            Self::Kept(words) => words.clone(),
            Self::Busy(path) => format!("other programs change '{path}' all the time"),
            Self::Host(error) => error.to_string(),
        }
    }
}

/// Takes the node out of high availability and replication, cleans the two key files and removes the directory.
pub(crate) fn clean(
    host: &dyn Host,
    wanted: &Wanted,
    seen: &Seen,
    plan: &Plan,
    deadline: Duration,
) -> Result<(), Stopped> {
    for list in &plan.lists {
        commands::shorten(host, wanted, seen, list, deadline)?;
    }
    for job in &plan.jobs {
        commands::delete_job(host, job, deadline)?;
    }
    if plan.authorized_keys.is_some() || plan.known_hosts.is_some() {
        locked(host, deadline, || key_files(host, wanted, seen, plan))?;
    }
    if let Some(entries) = &plan.directory {
        remove(host, &directory(&wanted.node), entries)?;
    }
    Ok(())
}

/// Does this behind the lock of the key files.
pub(crate) fn locked(
    host: &dyn Host,
    deadline: Duration,
    deed: impl FnOnce() -> Result<(), Stopped>,
) -> Result<(), Stopped> {
    take(host, deadline)?;
    let done = deed();
    let released = if_there(host.remove_dir(Path::new(LOCK)));
    done?;
    released?;
    Ok(())
}

/// Takes the lock. Of a holder that died, pmxcfs removes it after 120 s when somebody asks by setting its time to 0.
fn take(host: &dyn Host, deadline: Duration) -> Result<(), Stopped> {
    let waited = wait_until(host, deadline, PAUSE, || match host.make_dir(Path::new(LOCK), 0o700) {
        Ok(()) => Ok(Ok(())),
        Err(error) if error.errno() == Some(EEXIST) => {
            let _ = host.set_times(Path::new(LOCK), 0);
            Err(())
        }
        Err(error) if error.is_not_found() => match host.make_dir(Path::new(LOCKS), 0o700) {
            Ok(()) => Err(()),
            Err(error) => Ok(Err(error)),
        },
        Err(error) => Ok(Err(error)),
    });
    match waited {
        Waited::Done(taken) => Ok(taken?),
        Waited::Pending(()) => Err(Stopped::Locked),
    }
}

fn key_files(host: &dyn Host, wanted: &Wanted, seen: &Seen, plan: &Plan) -> Result<(), Stopped> {
    if plan.authorized_keys.is_some() {
        rewrite(host, AUTHORIZED_KEYS, |bytes| keys::authorized_keys(bytes, &wanted.node, &seen.own_keys).0)?;
    }
    if plan.known_hosts.is_some()
        && let Some(conf) = seen.here.view.conf.conf()
    {
        rewrite(host, KNOWN_HOSTS, |bytes| match std::str::from_utf8(bytes) {
            Ok(text) => without_host(wanted, seen, conf, text).into_bytes(),
            Err(_) => bytes.to_vec(),
        })?;
    }
    Ok(())
}

/// Replaces a file of pmxcfs, whose modes are given, as long as nobody else does.
pub(crate) fn rewrite(
    host: &dyn Host,
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
