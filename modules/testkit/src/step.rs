// SPDX-License-Identifier: GPL-3.0-or-later
//! One thing a module did to the machine, or looked at.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// One call of a module to its machine, as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Read a file.
    Read(PathBuf),
    /// Examined a file.
    Stat(PathBuf),
    /// Listed a directory.
    List(PathBuf),
    /// Read a link.
    ReadLink(PathBuf),
    /// Ran a program that only reads.
    Query(String),
    /// Waited.
    Sleep(Duration),
    /// Ran a program that changes something.
    Action(String),
    /// Created a file.
    Create {
        /// Its path.
        path: PathBuf,
        /// The mode asked for.
        mode: u32,
        /// Its size in bytes.
        size: usize,
    },
    /// Renamed a file.
    Rename {
        /// The old name.
        from: PathBuf,
        /// The new name.
        to: PathBuf,
    },
    /// Removed a file.
    RemoveFile(PathBuf),
    /// Made a directory.
    MakeDir(PathBuf, u32),
    /// Removed a directory.
    RemoveDir(PathBuf),
    /// Set a mode.
    SetMode(PathBuf, u32),
    /// Set owner and group.
    SetOwner(PathBuf, u32, u32),
    /// Set the times.
    SetTimes(PathBuf, i64),
}

impl Step {
    /// Whether it changes the machine: everything but reading, queries and waiting.
    #[must_use]
    pub fn is_effect(&self) -> bool {
        !matches!(
            self,
            Self::Read(_)
                | Self::Stat(_)
                | Self::List(_)
                | Self::ReadLink(_)
                | Self::Query(_)
                | Self::Sleep(_)
        )
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(path) => write!(f, "read {}", path.display()),
            Self::Stat(path) => write!(f, "stat {}", path.display()),
            Self::List(path) => write!(f, "list {}", path.display()),
            Self::ReadLink(path) => write!(f, "readlink {}", path.display()),
            Self::Query(line) => write!(f, "query {line}"),
            Self::Sleep(pause) => write!(f, "sleep {} ms", pause.as_millis()),
            Self::Action(line) => write!(f, "run {line}"),
            Self::Create { path, mode, size } => {
                write!(f, "create {} {mode:04o} ({size} bytes)", path.display())
            }
            Self::Rename { from, to } => write!(f, "rename {} -> {}", from.display(), to.display()),
            Self::RemoveFile(path) => write!(f, "remove {}", path.display()),
            Self::MakeDir(path, mode) => write!(f, "mkdir {} {mode:04o}", path.display()),
            Self::RemoveDir(path) => write!(f, "rmdir {}", path.display()),
            Self::SetMode(path, mode) => write!(f, "chmod {mode:04o} {}", path.display()),
            Self::SetOwner(path, uid, gid) => write!(f, "chown {uid}:{gid} {}", path.display()),
            Self::SetTimes(path, seconds) => write!(f, "touch {} @{seconds}", path.display()),
        }
    }
}
