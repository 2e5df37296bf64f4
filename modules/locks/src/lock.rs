// SPDX-License-Identifier: GPL-3.0-or-later
//! Taking a lock, keeping it, being sure of it, and giving it up.

use std::cell::Cell;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use host::{Host, HostError, Waited, if_there, wait_until};

use crate::owner::{Deed, Holder, Name, Owner};
use crate::{DIRECTORY, HOLD, LIFE, PAUSE, RENEW, REQUESTS, keeper, path};

const EEXIST: i32 = 17;

/// Why there is no lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoLock {
    /// Another program had it all the time; which one, where that is known.
    Held(Option<Owner>),
    /// /etc/pve is read-only.
    ReadOnly,
    /// Anything else.
    Host(HostError),
}

impl NoLock {
    /// Who is waited for, where that is known, as an addition to a sentence: ` (node 'pve2' is joining ..)`.
    #[must_use]
    pub fn by(&self) -> String {
        match self {
            Self::Held(Some(owner)) => format!(" ({owner})"),
            _ => String::new(),
        }
    }
}

/// Why a lock is no longer to be relied upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// It was not renewed in time, so another may get it at any moment.
    Old,
    /// It is another's, or nobody's.
    Gone,
    /// Nobody can tell.
    Host(HostError),
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Old => write!(f, "it could not be renewed for {} s", HOLD.as_secs()),
            Self::Gone => f.write_str("it expired, and another program may have taken it"),
            Self::Host(error) => error.fmt(f),
        }
    }
}

/// A lock that is held.
#[derive(Debug)]
pub struct Lock {
    name: &'static str,
    /// The directory that says whose it is.
    own: PathBuf,
    /// The time that the lock's directory was given last.
    time: Cell<i64>,
    /// When that was.
    since: Cell<Duration>,
    /// When it was last tried to renew it.
    tried: Cell<Duration>,
}

impl Lock {
    /// Takes the lock of this name, at the latest at the deadline. PVE's name for the lock of a file is `file-` and the
    /// file's path below /etc/pve, with `_` for what is no letter or digit.
    ///
    /// # Errors
    /// When another program has it until the deadline, or /etc/pve is read-only.
    pub fn take(host: &dyn Host, name: &'static str, deed: Deed, deadline: Duration) -> Result<Self, NoLock> {
        Self::take_over(host, name, deed, deadline, |_| false)
    }

    /// The same; the lock of an owner of whom this says that it is over is taken as that of a dead process would be.
    ///
    /// # Errors
    /// As [`Lock::take`].
    pub fn take_over(
        host: &dyn Host,
        name: &'static str,
        deed: Deed,
        deadline: Duration,
        over: impl Fn(&Owner) -> bool,
    ) -> Result<Self, NoLock> {
        let me = Owner::this(host, deed).map_err(NoLock::Host)?;
        let mut requested: Option<Duration> = None;
        let waited = wait_until(host, deadline, PAUSE, || match attempt(host, name, &me, &over) {
            Ok(lock) => Ok(Ok(lock)),
            Err(NoLock::Held(by)) => {
                let now = host.elapsed();
                if may_have_expired(host, name) && requested.is_none_or(|last| now >= last + REQUESTS) {
                    requested = Some(now);
                    // Whether it is heard shows in the directory going away; until it has expired, the answer is
                    // an error.
                    let _ = host.set_times(&path(name), 0);
                }
                Err(by)
            }
            Err(why) => Ok(Err(why)),
        });
        match waited {
            Waited::Done(taken) => taken,
            Waited::Pending(by) => Err(NoLock::Held(by)),
        }
    }

    /// Keeps the lock from expiring during a long wait; to be called often. One that is no longer to be relied upon is
    /// left alone.
    pub fn renew(&self, host: &dyn Host) {
        let now = host.elapsed();
        if now.saturating_sub(self.tried.get()) < RENEW || self.look(host).is_err() {
            return;
        }
        self.tried.set(now);
        let time = i64::try_from(host.unix_time()).unwrap_or(i64::MAX);
        // The name first: a lock that has another time than its name is nobody's, and expires.
        // Without quorum this fails, and then nobody else can take it either.
        if host.set_times(&self.own, time).is_ok() && host.set_times(&path(self.name), time).is_ok() {
            self.time.set(time);
            self.since.set(now);
        }
    }

    /// Renews the lock when that is due, and says whether it is certain that it is still this process's, with time enough for one
    /// write. To be asked right before every write that the lock is for.
    ///
    /// # Errors
    /// When it is not certain: then nothing may be written.
    pub fn check(&self, host: &dyn Host) -> Result<(), Lost> {
        self.renew(host);
        self.look(host)
    }

    /// Lets a process of its own renew the lock for this time, for as long as this process lives and has the lock: for programs
    /// that take long, during which nothing else can be done here.
    ///
    /// # Errors
    /// In words, when that process cannot be started.
    pub fn keep(&self, host: &dyn Host, time: Duration) -> Result<(), String> {
        keeper::start(host, self.name, &self.own, time)
    }

    /// Whether it is this process's and was renewed lately, be it by the process that keeps it.
    fn look(&self, host: &dyn Host) -> Result<(), Lost> {
        let stat = if_there(host.stat(&path(self.name))).map_err(Lost::Host)?.ok_or(Lost::Gone)?;
        let own = if_there(host.stat(&self.own)).map_err(Lost::Host)?.ok_or(Lost::Gone)?;
        let now = host.elapsed();
        if stat.mtime == own.mtime && stat.mtime > self.time.get() {
            let time = i64::try_from(host.unix_time()).unwrap_or(i64::MAX);
            let age = Duration::from_secs(time.saturating_sub(stat.mtime).try_into().unwrap_or(0));
            self.time.set(stat.mtime);
            self.since.set(now.saturating_sub(age));
        }
        if stat.mtime != self.time.get() {
            return Err(Lost::Gone);
        }
        if now < self.since.get() + HOLD { Ok(()) } else { Err(Lost::Old) }
    }

    /// Gives it up. A lock that may be another's by now is left alone.
    ///
    /// # Errors
    /// When it could not be removed: it then expires 120 s later.
    pub fn release(self, host: &dyn Host) -> Result<(), HostError> {
        match self.look(host) {
            Ok(()) => give_up(host, self.name, &self.own),
            Err(Lost::Host(error)) => Err(error),
            Err(Lost::Old | Lost::Gone) => Ok(()),
        }
    }
}

/// Who has the lock of this name now.
///
/// # Errors
/// When that cannot be told.
pub fn holder(host: &dyn Host, name: &str) -> Result<Holder, HostError> {
    let names = names(host, name)?;
    Ok(match if_there(host.stat(&path(name)))? {
        None => Holder::Nobody,
        Some(lock) => {
            named(host, name, &names, lock.mtime)?.map_or(Holder::Unnamed, |found| Holder::Named(found.owner))
        }
    })
}

/// Gives up the lock when it is one of those that `own` says yes to: this process's, that of a dead one of this node, what is
/// reserved for it. Says whether it was.
///
/// # Errors
/// When it cannot be told, or not be removed.
pub fn release_own(host: &dyn Host, name: &str, own: impl Fn(&Owner) -> bool) -> Result<bool, HostError> {
    let names = names(host, name)?;
    let Some(lock) = if_there(host.stat(&path(name)))? else {
        // Names that are left of locks which have expired.
        let start = format!("{name}-by-");
        let left = |name: &&String| {
            name.strip_prefix(&start).and_then(Name::of).is_some_and(|found| own(&found.owner))
        };
        for name in names.iter().filter(left) {
            if_there(host.remove_dir(&Path::new(DIRECTORY).join(name)))?;
        }
        return Ok(false);
    };
    let Some(found) = named(host, name, &names, lock.mtime)?.filter(|found| own(&found.owner)) else {
        return Ok(false);
    };
    let beside = beside(name, &found.word());
    if Owner::this(host, found.owner.deed)?.is_same_run(&found.owner) {
        return give_up(host, name, &beside).map(|()| true);
    }
    take_away(host, name, &beside)
}

/// Whether pmxcfs might remove the lock when it is asked. The holder's clock set the time, so one in the future says nothing.
fn may_have_expired(host: &dyn Host, name: &str) -> bool {
    let now = i64::try_from(host.unix_time()).unwrap_or(i64::MAX);
    let life = i64::try_from(LIFE.as_secs()).unwrap_or(i64::MAX);
    host.stat(&path(name)).is_ok_and(|lock| !(0..life).contains(&now.saturating_sub(lock.mtime)))
}

/// Tries once.
fn attempt(
    host: &dyn Host,
    name: &'static str,
    me: &Owner,
    over: &dyn Fn(&Owner) -> bool,
) -> Result<Lock, NoLock> {
    // The names first: without a lock afterwards, all of them are left behind.
    let names = names(host, name).map_err(NoLock::Host)?;
    let path = path(name);
    match if_there(host.stat(&path)).map_err(NoLock::Host)? {
        Some(lock) => {
            let found = named(host, name, &names, lock.mtime).map_err(NoLock::Host)?;
            let Some(found) = found else { return Err(NoLock::Held(None)) };
            if !found.owner.is_over(host) && !over(&found.owner) {
                return Err(NoLock::Held(Some(found.owner)));
            }
            if !take_away(host, name, &beside(name, &found.word())).map_err(refused)? {
                return Err(NoLock::Held(None));
            }
        }
        None => {
            let now = i64::try_from(host.unix_time()).unwrap_or(i64::MAX);
            let start = format!("{name}-by-");
            // A name is of a whole second: whoever gave the lock up and took it again within that has the same one again.
            let settled = |left: &String| {
                left.strip_prefix(&start)
                    .and_then(Name::of)
                    .is_none_or(|left| left.since < now.saturating_sub(1) || left.owner.is_over(host))
            };
            for left in names.into_iter().filter(settled) {
                if_there(host.remove_dir(&Path::new(DIRECTORY).join(left))).map_err(refused)?;
            }
        }
    }
    let since = host.elapsed();
    match host.make_dir(&path, 0o700) {
        Ok(()) => {}
        Err(error) if error.errno() == Some(EEXIST) => return Err(NoLock::Held(None)),
        // a new pmxcfs has no directory for locks; whoever needs it first makes it
        Err(error) if error.is_not_found() => {
            return match host.make_dir(Path::new(DIRECTORY), 0o700) {
                Ok(()) => Err(NoLock::Held(None)),
                Err(error) if error.errno() == Some(EEXIST) => Err(NoLock::Held(None)),
                Err(error) => Err(refused(error)),
            };
        }
        Err(error) => return Err(refused(error)),
    }
    let signed = host.stat(&path).and_then(|lock| {
        let own = beside(name, &Name { owner: me.clone(), since: lock.mtime }.word());
        host.make_dir(&own, 0o700).map(|()| (own, lock.mtime))
    });
    match signed {
        Ok((own, time)) => {
            Ok(Lock { name, own, time: Cell::new(time), since: Cell::new(since), tried: Cell::new(since) })
        }
        Err(error) => {
            // It is certainly this process's, and the first error is the one to tell.
            let _ = host.remove_dir(&path);
            Err(refused(error))
        }
    }
}

/// Removes this process's lock and its name. The name goes last: where the lock cannot be removed, it can be tried again.
fn give_up(host: &dyn Host, name: &str, own: &Path) -> Result<(), HostError> {
    if_there(host.remove_dir(&path(name)))?;
    if_there(host.remove_dir(own)).map(|_| ())
}

/// Removes another's lock and its name. The name goes first: of all who want to do that only one succeeds, and is told so. The
/// others would remove the lock of whoever came next.
fn take_away(host: &dyn Host, name: &str, own: &Path) -> Result<bool, HostError> {
    if if_there(host.remove_dir(own))?.is_none() {
        return Ok(false);
    }
    if_there(host.remove_dir(&path(name)))?;
    Ok(true)
}

/// The directories beside a lock that say, or said, whose it is.
fn names(host: &dyn Host, name: &str) -> Result<Vec<String>, HostError> {
    let start = format!("{name}-by-");
    let mut names = if_there(host.list(Path::new(DIRECTORY)))?.unwrap_or_default();
    names.retain(|name| name.starts_with(&start));
    Ok(names)
}

/// The one of these names that is about the lock with this time.
fn named(host: &dyn Host, name: &str, names: &[String], time: i64) -> Result<Option<Name>, HostError> {
    let start = format!("{name}-by-");
    for name in names {
        let Some(found) = name.strip_prefix(&start).and_then(Name::of) else { continue };
        if found.names(host, &Path::new(DIRECTORY).join(name), time)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn beside(name: &str, word: &str) -> PathBuf {
    Path::new(DIRECTORY).join(format!("{name}-by-{word}"))
}

fn refused(error: HostError) -> NoLock {
    if error.is_denied() { NoLock::ReadOnly } else { NoLock::Host(error) }
}
