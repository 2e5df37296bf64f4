// SPDX-License-Identifier: GPL-3.0-or-later
//! What a file is.

/// The kind of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// An ordinary file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// Anything else.
    Other,
}

/// A file as `lstat` describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// Its kind.
    pub kind: FileKind,
    /// Permission bits (`0o7777` at most).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Last change of the content, seconds since 1970.
    pub mtime: i64,
    /// Number of the filesystem it lies on: another one than its parent's means a mount point.
    pub device: u64,
}
