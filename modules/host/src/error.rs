// SPDX-License-Identifier: GPL-3.0-or-later
//! What can go wrong between a module and its machine.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A failed operation on the machine: what was tried, on what, and why it failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HostError {
    /// An operation on a file.
    #[error("cannot {operation} '{}': {}", path.display(), describe(*kind, *errno))]
    File {
        /// What was tried: read, create, rename, ..
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// The standard library's class of the error.
        kind: io::ErrorKind,
        /// The operating system's number, when it gave one.
        errno: Option<i32>,
    },
    /// A write that came out shorter than asked, without an error.
    #[error("cannot write '{}': only {written} of {wanted} bytes arrived (pmxcfs takes 1 MiB a file at most)", path.display())]
    Short {
        /// The file.
        path: PathBuf,
        /// Bytes asked for.
        wanted: u64,
        /// Bytes that arrived.
        written: u64,
    },
    /// A program that could not be started.
    #[error("cannot run '{program}': {}", describe(*kind, *errno))]
    Program {
        /// Its name.
        program: String,
        /// The standard library's class of the error.
        kind: io::ErrorKind,
        /// The operating system's number, when it gave one.
        errno: Option<i32>,
    },
    /// A question to the operating system that has no file or program.
    #[error("cannot {operation}: {}", describe(*kind, *errno))]
    System {
        /// What was asked.
        operation: &'static str,
        /// The standard library's class of the error.
        kind: io::ErrorKind,
        /// The operating system's number, when it gave one.
        errno: Option<i32>,
    },
}

impl HostError {
    /// An operation on a file that failed with this error.
    #[must_use]
    pub fn file(operation: &'static str, path: &Path, error: &io::Error) -> Self {
        Self::File { operation, path: path.to_owned(), kind: error.kind(), errno: error.raw_os_error() }
    }

    /// The operating system's number, when it gave one.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::File { errno, .. } | Self::Program { errno, .. } | Self::System { errno, .. } => *errno,
            Self::Short { .. } => None,
        }
    }

    /// Whether the object does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::File { kind, .. } | Self::Program { kind, .. } | Self::System { kind, .. } => {
                *kind == io::ErrorKind::NotFound
            }
            Self::Short { .. } => false,
        }
    }

    /// Whether the operation was refused for lack of permission; pmxcfs without quorum answers EACCES to root.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        match self {
            Self::File { kind, .. } | Self::Program { kind, .. } | Self::System { kind, .. } => {
                *kind == io::ErrorKind::PermissionDenied
            }
            Self::Short { .. } => false,
        }
    }
}

/// The operating system's own words, or the class of the error.
fn describe(kind: io::ErrorKind, errno: Option<i32>) -> String {
    match errno {
        Some(number) => io::Error::from_raw_os_error(number).to_string(),
        None => kind.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_each_error() {
        let read = HostError::file("read", Path::new("/etc/pve/x"), &io::Error::from_raw_os_error(2));
        assert_eq!(read.to_string(), "cannot read '/etc/pve/x': No such file or directory (os error 2)");
        assert!(read.is_not_found() && !read.is_denied());
        let short = HostError::Short { path: "/etc/pve/x".into(), wanted: 3, written: 1 };
        assert_eq!(
            short.to_string(),
            "cannot write '/etc/pve/x': only 1 of 3 bytes arrived (pmxcfs takes 1 MiB a file at most)"
        );
        let program =
            HostError::Program { program: "pvecm".into(), kind: io::ErrorKind::NotFound, errno: None };
        assert_eq!(program.to_string(), "cannot run 'pvecm': entity not found");
    }
}
