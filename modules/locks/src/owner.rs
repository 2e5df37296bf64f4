// SPDX-License-Identifier: GPL-3.0-or-later
//! Who has a lock: one process of one node since its last boot, and what it has it for.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use host::{Host, HostError, if_there, read_text};

const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// What a lock is held for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// A change of one file.
    Change,
    /// The node joins the cluster.
    Join,
    /// The node's process removes another node.
    Removal,
    /// The node leaves the cluster.
    Leave,
    /// The node is going to join by password. No process of its own holds this: it ends before the join begins.
    Reservation,
}

const DEEDS: [(Deed, &str); 5] = [
    (Deed::Change, "change"),
    (Deed::Join, "join"),
    (Deed::Removal, "removal"),
    (Deed::Leave, "leave"),
    (Deed::Reservation, "reservation"),
];

impl Deed {
    fn word(self) -> &'static str {
        DEEDS.iter().find(|(deed, _)| *deed == self).map_or("change", |(_, word)| word)
    }

    fn of(word: &str) -> Option<Self> {
        DEEDS.iter().find(|(_, one)| *one == word).map(|(deed, _)| *deed)
    }
}

/// A process that no other one can be taken for, neither a later one of the same number nor one of an earlier boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// When it began, in the kernel's ticks.
    pub began: u64,
    /// The machine's boot, 32 hexadecimal digits.
    pub boot: String,
}

impl Process {
    /// This process.
    ///
    /// # Errors
    /// When /proc cannot be read or understood.
    pub fn this(host: &dyn Host) -> Result<Self, HostError> {
        let own = Path::new("/proc/self");
        let pid = host.read_link(own)?;
        let pid = pid.to_str().and_then(|pid| pid.parse().ok()).ok_or_else(|| not_understood(own))?;
        let stat = stat_path(pid);
        let (began, _) = began(host, pid)?.ok_or_else(|| not_understood(&stat))?;
        Ok(Self { pid, began, boot: boot(host)? })
    }

    /// Whether this process of this node is no more. What cannot be read is no proof of that.
    #[must_use]
    pub fn is_over(&self, host: &dyn Host) -> bool {
        match boot(host) {
            Ok(boot) if boot != self.boot => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
        match began(host, self.pid) {
            Ok(Some((began, alive))) => began != self.began || !alive,
            Err(error) => error.is_not_found(),
            Ok(None) => false,
        }
    }
}

fn boot(host: &dyn Host) -> Result<String, HostError> {
    let path = Path::new(BOOT);
    let boot = read_text(host, path)?.trim().replace('-', "");
    if boot.is_empty() || !boot.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(not_understood(path));
    }
    Ok(boot)
}

fn stat_path(pid: u32) -> PathBuf {
    Path::new("/proc").join(pid.to_string()).join("stat")
}

/// When a process began, and whether it still does anything; none where that cannot be understood.
fn began(host: &dyn Host, pid: u32) -> Result<Option<(u64, bool)>, HostError> {
    let stat = host.read(&stat_path(pid))?;
    // pid (name) state ..: the name may hold anything, so read from the last parenthesis on; it is field 22
    let stat = String::from_utf8_lossy(&stat).into_owned();
    let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let alive = !matches!(fields.next(), Some("Z" | "X" | "x"));
    Ok(fields.nth(18).and_then(|began| began.parse().ok()).map(|began| (began, alive)))
}

fn not_understood(path: &Path) -> HostError {
    HostError::file("understand", path, &io::Error::from(io::ErrorKind::InvalidData))
}

/// Who has a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// What for.
    pub deed: Deed,
    /// The node it is held for.
    pub node: String,
    /// The process of that node; none for a reservation.
    pub process: Option<Process>,
}

impl Owner {
    /// This process.
    ///
    /// # Errors
    /// When it cannot be told which one it is.
    pub fn this(host: &dyn Host, deed: Deed) -> Result<Self, HostError> {
        Ok(Self { deed, node: host.hostname()?, process: Some(Process::this(host)?) })
    }

    /// A node for which the cluster is reserved.
    #[must_use]
    pub fn reservation(node: &str) -> Self {
        Self { deed: Deed::Reservation, node: node.to_owned(), process: None }
    }

    /// Whether it is the same process, whatever it has the lock for.
    #[must_use]
    pub fn is_same_run(&self, other: &Self) -> bool {
        self.process.is_some() && self.process == other.process && self.node == other.node
    }

    /// Whether it was a process of this node that is no more. Of another node's process nothing is known.
    #[must_use]
    pub fn is_over(&self, host: &dyn Host) -> bool {
        let here = host.hostname().is_ok_and(|node| node == self.node);
        here && self.process.as_ref().is_some_and(|process| process.is_over(host))
    }

    /// Whether this process may take or give up a lock of this owner: it is its own, that of a process of its node which is no more,
    /// or reserved for its node.
    #[must_use]
    pub fn is_mine(&self, host: &dyn Host, me: &Self) -> bool {
        self.is_same_run(me) || self.is_over(host) || *self == Self::reservation(&me.node)
    }

    /// Whether it was leaving the cluster and is no member any more: it cannot give its lock up, and needs it no longer. `members` are
    /// those whom a node sees that is quorate itself, or is not, by their names; none for one whose name it does not know, and
    /// which may be this one.
    #[must_use]
    pub fn has_left(&self, quorate: bool, members: &[Option<&str>]) -> bool {
        let is_another = |member: &Option<&str>| member.is_some_and(|name| name != self.node);
        self.deed == Deed::Leave && quorate && !members.is_empty() && members.iter().all(is_another)
    }

    /// The name that stands for it, without its lock's name and time. It has no character that a shell would treat.
    #[must_use]
    pub fn word(&self) -> String {
        let Self { deed, node, process } = self;
        let deed = deed.word();
        match process {
            Some(Process { pid, began, boot }) => format!("{deed}.{node}.{pid}.{began}.{boot}"),
            None => format!("{deed}.{node}.0.0.0"),
        }
    }

    /// Reads [`Owner::word`] again; none where it is not one of this form.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        let mut words = word.split('.');
        let deed = Deed::of(words.next()?)?;
        let node = words.next().filter(|node| !node.is_empty())?.to_owned();
        let (pid, began, boot) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?);
        if words.next().is_some() {
            return None;
        }
        let process = match (deed, pid) {
            (Deed::Reservation, 0) => None,
            (Deed::Reservation, _) | (_, 0) => return None,
            (_, pid) => Some(Process { pid, began, boot: boot.to_owned() }),
        };
        Some(Self { deed, node, process })
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { deed, node, process } = self;
        let does = match deed {
            Deed::Change => "changes a file of the cluster",
            Deed::Join => "is joining the cluster",
            Deed::Removal => "is removing a node",
            Deed::Leave => "is leaving the cluster",
            Deed::Reservation => "has the cluster reserved for its join",
        };
        match process {
            Some(process) => write!(f, "node '{node}' {does} (process {})", process.pid),
            None => write!(f, "node '{node}' {does}"),
        }
    }
}

/// Who has a lock now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// It is free.
    Nobody,
    /// One that has no name: a program of PVE's, or somebody who is just taking it.
    Unnamed,
    /// This one.
    Named(Owner),
}

/// The name of an owner's directory beside its lock: it says whose the lock is that was made at that second.
///
/// Two takes of one process within a second have the same name, so whoever clears names away leaves the youngest
/// ([`crate::Lock::take`]). A count of takes in the name would tell them apart, and there is no place for one as long as a node of the
/// cluster may have an older version of this: it takes a name with one more word for no name, and removes it as soon as it sees no lock;
/// one more digit in any word that there is makes another process or another time of it. What is left is a name that is removed by a
/// node whose clock is ahead by two seconds, or which slept for so long. Its owner then finds its lock to be [`crate::Lost::Gone`] and writes
/// nothing; nobody else gets the lock before it expires.
///
/// A process that is killed between the two directories leaves a lock without a name, which nobody can tell from one of PVE's: it
/// is waited for until it expires. The name cannot come first, because names without a lock are those of the past, and are removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) owner: Owner,
    pub(crate) since: i64,
}

impl Name {
    pub(crate) fn word(&self) -> String {
        format!("{}.{}", self.owner.word(), self.since)
    }

    pub(crate) fn of(word: &str) -> Option<Self> {
        let (owner, since) = word.rsplit_once('.')?;
        Some(Self { owner: Owner::of(owner)?, since: since.parse().ok()? })
    }

    /// Whether the lock that has this time is the one that the name is about: the time is the one at which it was made, or
    /// the one that both were given when the lock was last renewed.
    pub(crate) fn names(&self, host: &dyn Host, directory: &Path, lock: i64) -> Result<bool, HostError> {
        Ok(self.since == lock || if_there(host.stat(directory))?.is_some_and(|stat| stat.mtime == lock))
    }
}
