// SPDX-License-Identifier: GPL-3.0-or-later
//! The note about the process of this node that has a lock. It is a help, not a need: what fails about it is passed
//! over.

use std::path::{Path, PathBuf};

use host::Host;

/// Where the notes are.
const NOTES: &str = "/run/pve-cluster-collection";

pub(crate) struct Note {
    pid: String,
    /// When the process began, in the kernel's ticks: a later process may get the same number.
    began: String,
    /// The time of the lock; another one means that someone else has it.
    time: i64,
}

impl Note {
    /// The note about a lock; none when there is none that can be read.
    pub(crate) fn read(host: &dyn Host, lock: &str) -> Option<Self> {
        let text = String::from_utf8(host.read(&path(lock)).ok()?).ok()?;
        let mut words = text.split_whitespace();
        Some(Self {
            pid: words.next()?.into(),
            began: words.next()?.into(),
            time: words.next()?.parse().ok()?,
        })
    }

    /// Notes that this process has the lock whose directory this is.
    pub(crate) fn write(host: &dyn Host, lock: &str, directory: &Path) {
        let note = || {
            let pid = host.read_link(Path::new("/proc/self")).ok()?.to_string_lossy().into_owned();
            let time = host.stat(directory).ok()?.mtime;
            Some(format!("{pid} {} {time}\n", began(host, &pid)?))
        };
        Self::remove(host, lock);
        if let Some(note) = note() {
            if host.stat(Path::new(NOTES)).is_err() {
                let _ = host.make_dir(Path::new(NOTES), 0o700);
            }
            let _ = host.create(&path(lock), note.as_bytes(), 0o600);
        }
    }

    /// Removes the note about a lock.
    pub(crate) fn remove(host: &dyn Host, lock: &str) {
        if host.stat(&path(lock)).is_ok() {
            let _ = host.remove_file(&path(lock));
        }
    }

    /// Whether the lock is the one of the note, and the process that took it is no more.
    pub(crate) fn is_abandoned(&self, host: &dyn Host, directory: &Path) -> bool {
        let same = host.stat(directory).is_ok_and(|lock| lock.mtime == self.time);
        same && began(host, &self.pid).is_none_or(|began| began != self.began)
    }
}

fn path(lock: &str) -> PathBuf {
    Path::new(NOTES).join(format!("{lock}.lock"))
}

/// When a process began; none when there is no such process.
fn began(host: &dyn Host, pid: &str) -> Option<String> {
    let stat = host.read(&Path::new("/proc").join(pid).join("stat")).ok()?;
    // pid (name) state ..: the name may hold anything, so read from the last parenthesis on; it is field 22
    let stat = String::from_utf8_lossy(&stat).into_owned();
    stat.rsplit(')').next()?.split_whitespace().nth(19).map(str::to_owned)
}
