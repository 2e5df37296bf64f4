// SPDX-License-Identifier: GPL-3.0-or-later
//! The one interface through which a module reads and changes a machine.
//!
//! [`Host`] is what the modules are written against; [`RealHost`] is the machine itself. Tests put a
//! fake in its place, so that every effect can be observed and every fault provoked.

mod command;
mod error;
mod files;
mod journal;
mod mount;
mod network;
mod process;
mod real;
mod replace;
mod rights;
mod session;
mod there;
mod wait;

pub use command::{Command, Ending, Output, first_line, last_line};
pub use error::HostError;
pub use files::{FileKind, Stat};
pub use mount::is_mount_point;
pub use network::LocalAddress;
pub use real::RealHost;
pub use replace::{Attributes, replace_file};
pub use session::leave_terminal;
pub use there::{if_there, is_there, read_text};
pub use wait::{Waited, wait_until};

use std::path::{Path, PathBuf};
use std::time::Duration;

/// A user of the machine, as the password database names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Login name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Home directory.
    pub home: PathBuf,
}

/// Everything a module may do to a machine.
///
/// Paths are absolute. Every method returns [`HostError`], which names the operation, the object and the
/// cause; none of them follows a symbolic link in the last component unless it says so.
pub trait Host {
    /// Runs a program to its end or its deadline and returns what it printed.
    ///
    /// A non-zero exit is not an error here: PVE's programs exit 0 on failure and non-zero on success,
    /// so the caller decides what an ending means.
    ///
    /// # Errors
    /// When the program cannot be started.
    fn run(&self, command: &Command) -> Result<Output, HostError>;

    /// Reads a whole file, following symbolic links.
    ///
    /// # Errors
    /// When it does not exist or cannot be read.
    fn read(&self, path: &Path) -> Result<Vec<u8>, HostError>;

    /// Describes a file without following a link (`lstat`).
    ///
    /// # Errors
    /// When it does not exist or cannot be examined.
    fn stat(&self, path: &Path) -> Result<Stat, HostError>;

    /// Names in a directory, sorted, without `.` and `..`.
    ///
    /// # Errors
    /// When it does not exist or is not a directory.
    fn list(&self, path: &Path) -> Result<Vec<String>, HostError>;

    /// The target of a symbolic link, as written in it.
    ///
    /// # Errors
    /// When it is not a link.
    fn read_link(&self, path: &Path) -> Result<PathBuf, HostError>;

    /// Creates a new file with this mode and content and flushes it; fails if the name exists.
    ///
    /// The size is checked afterwards, because pmxcfs can shorten a write without an error
    /// (recording `standalone--filesystem_probe--pve4`: 1 MiB + 1 in one write).
    ///
    /// # Errors
    /// When the name exists, the write fails or is short; a file that was begun is removed again.
    fn create(&self, path: &Path, content: &[u8], mode: u32) -> Result<(), HostError>;

    /// Renames a file over another one of the same filesystem.
    ///
    /// # Errors
    /// When it fails; neither file has changed then.
    fn rename(&self, from: &Path, to: &Path) -> Result<(), HostError>;

    /// Removes a file or a symbolic link.
    ///
    /// # Errors
    /// When it does not exist or cannot be removed.
    fn remove_file(&self, path: &Path) -> Result<(), HostError>;

    /// Makes a directory, whose parent must exist.
    ///
    /// # Errors
    /// When the name exists or cannot be made.
    fn make_dir(&self, path: &Path, mode: u32) -> Result<(), HostError>;

    /// Removes an empty directory.
    ///
    /// # Errors
    /// When it does not exist, is not empty or cannot be removed.
    fn remove_dir(&self, path: &Path) -> Result<(), HostError>;

    /// Gives a file this mode (permission bits only).
    ///
    /// # Errors
    /// When it fails; pmxcfs answers EPERM for any mode but the one a file already has.
    fn set_mode(&self, path: &Path, mode: u32) -> Result<(), HostError>;

    /// Gives a file (a link itself, not its target) this owner and group.
    ///
    /// # Errors
    /// When it fails.
    fn set_owner(&self, path: &Path, uid: u32, gid: u32) -> Result<(), HostError>;

    /// Sets access and modification time of a directory or file to now, or, for pmxcfs lock directories,
    /// to the epoch, by which pmxcfs is asked to release a lock that has expired.
    ///
    /// # Errors
    /// When it fails.
    fn set_times(&self, path: &Path, unix_seconds: i64) -> Result<(), HostError>;

    /// The host name without its domain, as `uname` has it.
    ///
    /// # Errors
    /// When the system call fails.
    fn hostname(&self) -> Result<String, HostError>;

    /// The addresses of all interfaces.
    ///
    /// # Errors
    /// When the system call fails.
    fn addresses(&self) -> Result<Vec<LocalAddress>, HostError>;

    /// Looks up a user by name; `None` when there is none.
    ///
    /// # Errors
    /// When the user database cannot be read.
    fn user(&self, name: &str) -> Result<Option<User>, HostError>;

    /// From now on, does everything to files with the rights of this user, or with the module's own again (`None`).
    ///
    /// For files in a place that the user controls: whatever links they plant there, and when, leads no further than
    /// they could go themselves, and what is created is theirs. A machine without rights of its own, such as a fake
    /// one, need not know of it.
    ///
    /// # Errors
    /// When this process may not take or give back those rights.
    fn act_as(&self, user: Option<&User>) -> Result<(), HostError> {
        let _ = user;
        Ok(())
    }

    /// Puts one entry into the machine's own journal: fields and their values, as `journalctl -o json` shows them.
    ///
    /// A machine without a journal, such as a fake one, need not keep it.
    ///
    /// # Errors
    /// When the journal does not take it.
    fn journal(&self, fields: &[(&str, &str)]) -> Result<(), HostError> {
        let _ = fields;
        Ok(())
    }

    /// Time since the module started, on a clock that never jumps.
    fn elapsed(&self) -> Duration;

    /// Seconds since 1970-01-01 UTC.
    fn unix_time(&self) -> u64;

    /// Waits. Only for the pause between two looks at a condition: see [`wait_until`].
    fn sleep(&self, pause: Duration);
}
