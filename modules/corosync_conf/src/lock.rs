// SPDX-License-Identifier: GPL-3.0-or-later
//! The cluster-wide lock that PVE takes before it changes corosync.conf.
//!
//! It is a directory in pmxcfs. Who makes it has it; it expires 120 s after its time was last set, and pmxcfs removes
//! an expired one for whoever asks by setting its time to the epoch.
//!
//! A note on this node says which process has the lock, so that a run that was killed does not hold up the next one
//! for two minutes.

use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

use host::{Host, HostError, Waited, wait_until};

const DIRECTORY: &str = "/etc/pve/priv/lock";
/// The lock's name is PVE's: `file-` and the file's name with `_` for what is no letter or digit.
pub(crate) const LOCK: &str = "/etc/pve/priv/lock/file-corosync_conf";
/// Which process of this node has the lock, and the time that the lock had then.
const NOTES: &str = "/run/pve-cluster-collection";
const NOTE: &str = "/run/pve-cluster-collection/corosync_conf.lock";
/// How often the lock's time is set while it is held.
const RENEW: Duration = Duration::from_secs(30);
const EEXIST: i32 = 17;
/// The pause between two attempts to take it.
const PAUSE: Duration = Duration::from_millis(250);

/// The lock, held.
#[derive(Debug)]
pub(crate) struct Lock {
    renewed: Cell<Duration>,
}

impl Lock {
    /// Takes the lock, waiting for whoever has it until `deadline`.
    pub(crate) fn take(host: &dyn Host, deadline: Duration) -> Result<Self, String> {
        let path = Path::new(LOCK);
        let taken = wait_until(host, deadline, PAUSE, || match make(host, path) {
            Ok(()) => Ok(Ok(())),
            Err(error) if error.errno() == Some(EEXIST) => {
                if Note::read(host).is_some_and(|note| note.is_abandoned(host)) {
                    let retry = host.remove_dir(path).and_then(|()| make(host, path));
                    return retry.map_or(Err(()), |()| Ok(Ok(())));
                }
                // asks pmxcfs to remove it if it has expired; refused otherwise
                let _ = host.set_times(path, 0);
                Err(())
            }
            Err(error) => Ok(Err(error)),
        });
        match taken {
            Waited::Done(Ok(())) => {
                Note::write(host);
                Ok(Self { renewed: Cell::new(host.elapsed()) })
            }
            Waited::Done(Err(error)) => Err(error.to_string()),
            Waited::Pending(()) => Err(format!(
                "another program is changing the cluster: it has held the lock '{LOCK}' all the time; try again when \
                 it is done"
            )),
        }
    }

    /// Keeps the lock from expiring during a long wait.
    pub(crate) fn renew(&self, host: &dyn Host) {
        let now = host.elapsed();
        if now.saturating_sub(self.renewed.get()) >= RENEW {
            self.renewed.set(now);
            // without quorum this fails, and then nobody else can take it either
            let _ = host.set_times(Path::new(LOCK), i64::try_from(host.unix_time()).unwrap_or(i64::MAX));
            Note::write(host);
        }
    }

    /// Gives the lock back; what is wrong if that fails.
    pub(crate) fn release(self, host: &dyn Host) -> Option<String> {
        let released = host.remove_dir(Path::new(LOCK));
        if released.is_ok() {
            Note::remove(host);
        }
        match released {
            Ok(()) => None,
            Err(error) if error.is_not_found() => None,
            Err(error) => Some(format!("the lock '{LOCK}' stays for up to 120 s: {error}")),
        }
    }
}

fn make(host: &dyn Host, path: &Path) -> Result<(), HostError> {
    match host.make_dir(path, 0o700) {
        Err(error) if error.is_not_found() => {
            // a new pmxcfs has no directory for locks; whoever needs it first makes it
            match host.make_dir(Path::new(DIRECTORY), 0o700) {
                Ok(()) => host.make_dir(path, 0o700),
                Err(error) if error.errno() == Some(EEXIST) => host.make_dir(path, 0o700),
                Err(error) => Err(error),
            }
        }
        made => made,
    }
}

/// The note about the process that has the lock. It is a help, not a need: what fails about it is passed over.
struct Note {
    pid: String,
    /// When the process began, in the kernel's ticks: a later process may get the same number.
    began: String,
    /// The time of the lock; another one means that someone else has it.
    time: i64,
}

impl Note {
    fn read(host: &dyn Host) -> Option<Self> {
        let text = String::from_utf8(host.read(Path::new(NOTE)).ok()?).ok()?;
        let mut words = text.split_whitespace();
        Some(Self {
            pid: words.next()?.into(),
            began: words.next()?.into(),
            time: words.next()?.parse().ok()?,
        })
    }

    fn write(host: &dyn Host) {
        let note = || {
            let pid = host.read_link(Path::new("/proc/self")).ok()?.to_string_lossy().into_owned();
            let time = host.stat(Path::new(LOCK)).ok()?.mtime;
            Some(format!("{pid} {} {time}\n", began(host, &pid)?))
        };
        Self::remove(host);
        if let Some(note) = note() {
            if host.stat(Path::new(NOTES)).is_err() {
                let _ = host.make_dir(Path::new(NOTES), 0o700);
            }
            let _ = host.create(Path::new(NOTE), note.as_bytes(), 0o600);
        }
    }

    fn remove(host: &dyn Host) {
        if host.stat(Path::new(NOTE)).is_ok() {
            let _ = host.remove_file(Path::new(NOTE));
        }
    }

    /// Whether the lock is the one of the note, and the process that took it is no more.
    fn is_abandoned(&self, host: &dyn Host) -> bool {
        let same = host.stat(Path::new(LOCK)).is_ok_and(|lock| lock.mtime == self.time);
        same && began(host, &self.pid).is_none_or(|began| began != self.began)
    }
}

/// When a process began; none when there is no such process.
fn began(host: &dyn Host, pid: &str) -> Option<String> {
    let stat = host.read(&Path::new("/proc").join(pid).join("stat")).ok()?;
    // pid (name) state ..: the name may hold anything, so read from the last parenthesis on; it is field 22
    let stat = String::from_utf8_lossy(&stat).into_owned();
    stat.rsplit(')').next()?.split_whitespace().nth(19).map(str::to_owned)
}
