// SPDX-License-Identifier: GPL-3.0-or-later
//! What a module may do to the fake machine's files, with the errors a real machine gives.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use host::{FileKind, Stat};

use crate::Machine;
use crate::machine::Content;
use crate::pmxcfs::{LARGEST, LOCK_EXPIRES, SHORTENED};

pub(crate) const EPERM: i32 = 1;
pub(crate) const ENOENT: i32 = 2;
pub(crate) const EIO: i32 = 5;
pub(crate) const EACCES: i32 = 13;
pub(crate) const EBUSY: i32 = 16;
pub(crate) const EEXIST: i32 = 17;
pub(crate) const EXDEV: i32 = 18;
pub(crate) const ENOTDIR: i32 = 20;
pub(crate) const EISDIR: i32 = 21;
pub(crate) const EINVAL: i32 = 22;
pub(crate) const ENOTEMPTY: i32 = 39;
pub(crate) const ELOOP: i32 = 40;

/// An errno.
pub(crate) type Errno = i32;

/// Why a file could not be created.
pub(crate) enum NotCreated {
    Errno(Errno),
    Short(u64),
}

impl From<Errno> for NotCreated {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl Machine {
    /// The path without links, every directory on the way existing; the last name may be missing.
    pub(crate) fn resolve(&self, path: &Path, follow: bool) -> Result<PathBuf, Errno> {
        self.walk(path, follow, true)
    }

    /// The same where directories on the way may be missing too.
    pub(crate) fn resolve_loosely(&self, path: &Path, follow: bool) -> Result<PathBuf, Errno> {
        self.walk(path, follow, false)
    }

    fn walk(&self, path: &Path, follow: bool, strict: bool) -> Result<PathBuf, Errno> {
        let mut todo: Vec<OsString> = parts(path);
        let mut at = PathBuf::from("/");
        let mut links = 0;
        while let Some(name) = todo.pop() {
            if name == ".." {
                at.pop();
                continue;
            }
            let last = todo.is_empty();
            let next = at.join(&name);
            match self.nodes.get(&next).map(|node| &node.content) {
                Some(Content::Link(target)) if !last || follow => {
                    links += 1;
                    if links > 40 {
                        return Err(ELOOP);
                    }
                    if target.is_absolute() {
                        at = PathBuf::from("/");
                    }
                    todo.extend(parts(target));
                }
                Some(Content::File(_)) if !last => return Err(ENOTDIR),
                None if !last && strict => return Err(ENOENT),
                _ => at = next,
            }
        }
        Ok(at)
    }

    pub(crate) fn device_of(&self, path: &Path) -> u64 {
        self.mounts
            .iter()
            .filter(|(mount, _)| path.starts_with(mount))
            .max_by_key(|(mount, _)| mount.as_os_str().len())
            .map_or(0, |(_, device)| *device)
    }

    /// EACCES where a cluster filesystem without quorum would say so.
    fn writable(&self, path: &Path) -> Result<(), Errno> {
        if self.pmxcfs_of(path).is_some_and(|fs| !fs.quorate) { Err(EACCES) } else { Ok(()) }
    }

    pub(crate) fn host_read(&self, path: &Path) -> Result<Vec<u8>, Errno> {
        match &self.nodes.get(&self.resolve(path, true)?).ok_or(ENOENT)?.content {
            Content::File(bytes) => Ok(bytes.clone()),
            _ => Err(EISDIR),
        }
    }

    pub(crate) fn host_stat(&self, path: &Path) -> Result<Stat, Errno> {
        let path = self.resolve(path, false)?;
        let node = self.nodes.get(&path).ok_or(ENOENT)?;
        let (kind, size) = match &node.content {
            Content::File(bytes) => (FileKind::File, bytes.len()),
            Content::Directory => (FileKind::Directory, 0),
            Content::Link(target) => (FileKind::Link, target.as_os_str().len()),
        };
        // The root of the mount keeps its write bits.
        let shown = match self.pmxcfs_of(&path) {
            Some(fs) if !fs.quorate && fs.root != path => 0o7555,
            _ => 0o7777,
        };
        Ok(Stat {
            kind,
            mode: node.mode & shown,
            uid: node.uid,
            gid: node.gid,
            size: size as u64,
            mtime: node.mtime,
            device: self.device_of(&path),
        })
    }

    pub(crate) fn host_list(&self, path: &Path) -> Result<Vec<String>, Errno> {
        let path = self.resolve(path, true)?;
        if self.nodes.get(&path).ok_or(ENOENT)?.content != Content::Directory {
            return Err(ENOTDIR);
        }
        let mut names: Vec<String> = self
            .children(&path)
            .filter_map(|child| child.file_name().map(|name| name.to_string_lossy().into_owned()))
            .collect();
        names.sort();
        Ok(names)
    }

    fn children<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = &'a PathBuf> {
        self.nodes.keys().filter(move |name| name.parent() == Some(path))
    }

    pub(crate) fn host_read_link(&self, path: &Path) -> Result<PathBuf, Errno> {
        match &self.nodes.get(&self.resolve(path, false)?).ok_or(ENOENT)?.content {
            Content::Link(target) => Ok(target.clone()),
            _ => Err(EINVAL),
        }
    }

    /// The place of a name that does not exist yet in a directory that does.
    fn new_name(&self, path: &Path) -> Result<PathBuf, Errno> {
        let path = self.resolve(path, false)?;
        if self.nodes.contains_key(&path) {
            return Err(EEXIST);
        }
        let parent = path.parent().ok_or(EEXIST)?;
        match self.nodes.get(parent).map(|node| &node.content) {
            Some(Content::Directory) => Ok(path),
            Some(_) => Err(ENOTDIR),
            None => Err(ENOENT),
        }
    }

    pub(crate) fn host_create(&mut self, path: &Path, content: &[u8], mode: u32) -> Result<(), NotCreated> {
        let path = match self.new_name(path) {
            // A cluster filesystem without quorum refuses before it looks at the name.
            Err(EEXIST) => self.writable(&self.resolve(path, false)?).and(Err(EEXIST))?,
            other => other?,
        };
        self.writable(&path)?;
        if self.pmxcfs_of(&path).is_some() && content.len() > LARGEST {
            return Err(NotCreated::Short(SHORTENED));
        }
        let node = self.fresh(&path, Content::File(content.to_vec()), mode & 0o7777);
        self.nodes.insert(path, node);
        Ok(())
    }

    pub(crate) fn host_rename(&mut self, from: &Path, to: &Path) -> Result<(), Errno> {
        let (from, to) = (self.resolve(from, false)?, self.resolve(to, false)?);
        let node = self.nodes.get(&from).ok_or(ENOENT)?;
        if !to.parent().is_some_and(|parent| self.nodes.contains_key(parent)) {
            return Err(ENOENT);
        }
        if self.device_of(&from) != self.device_of(to.parent().unwrap_or(&to)) {
            return Err(EXDEV);
        }
        self.writable(&to)?;
        let directory = node.content == Content::Directory;
        match self.nodes.get(&to).map(|node| &node.content) {
            Some(Content::Directory) if !directory => return Err(EISDIR),
            Some(Content::Directory) if self.children(&to).next().is_some() => return Err(ENOTEMPTY),
            Some(Content::File(_) | Content::Link(_)) if directory => return Err(ENOTDIR),
            _ => {}
        }
        if from == to {
            return Ok(());
        }
        if to.starts_with(&from) {
            return Err(EINVAL);
        }
        let (moved, rest) =
            std::mem::take(&mut self.nodes).into_iter().partition(|(name, _)| name.starts_with(&from));
        self.nodes = rest;
        for (name, mut node) in std::collections::BTreeMap::<PathBuf, _>::into_iter(moved) {
            let inside = name.strip_prefix(&from).unwrap_or(Path::new(""));
            let name = if inside.as_os_str().is_empty() { to.clone() } else { to.join(inside) };
            if let Some(fs) = self.pmxcfs_of(&name)
                && !matches!(node.content, Content::Link(_))
            {
                node.mode = fs.mode(&name, node.content == Content::Directory);
            }
            self.nodes.insert(name, node);
        }
        Ok(())
    }

    pub(crate) fn host_remove_file(&mut self, path: &Path) -> Result<(), Errno> {
        let path = self.resolve(path, false)?;
        if self.nodes.get(&path).ok_or(ENOENT)?.content == Content::Directory {
            return Err(EISDIR);
        }
        self.writable(&path)?;
        self.nodes.remove(&path);
        Ok(())
    }

    pub(crate) fn host_make_dir(&mut self, path: &Path, mode: u32) -> Result<(), Errno> {
        let path = match self.new_name(path) {
            Err(EEXIST) => self.writable(&self.resolve(path, false)?).and(Err(EEXIST))?,
            other => other?,
        };
        self.writable(&path)?;
        let node = self.fresh(&path, Content::Directory, mode & 0o7777);
        self.nodes.insert(path, node);
        Ok(())
    }

    pub(crate) fn host_remove_dir(&mut self, path: &Path) -> Result<(), Errno> {
        let path = self.resolve(path, false)?;
        if self.nodes.get(&path).ok_or(ENOENT)?.content != Content::Directory {
            return Err(ENOTDIR);
        }
        self.writable(&path)?;
        if self.mounts.contains_key(&path) {
            return Err(EBUSY);
        }
        if self.children(&path).next().is_some() {
            return Err(ENOTEMPTY);
        }
        self.nodes.remove(&path);
        Ok(())
    }

    pub(crate) fn host_set_mode(&mut self, path: &Path, mode: u32) -> Result<(), Errno> {
        let path = self.resolve(path, true)?;
        let managed = self.pmxcfs_of(&path).is_some();
        let node = self.nodes.get_mut(&path).ok_or(ENOENT)?;
        if managed && node.mode != mode & 0o7777 {
            return Err(EPERM);
        }
        node.mode = mode & 0o7777;
        Ok(())
    }

    pub(crate) fn host_set_owner(&mut self, path: &Path, uid: u32, gid: u32) -> Result<(), Errno> {
        let path = self.resolve(path, false)?;
        let managed = self.pmxcfs_of(&path).is_some();
        let node = self.nodes.get_mut(&path).ok_or(ENOENT)?;
        if managed && (node.uid, node.gid) != (uid, gid) {
            return Err(EPERM);
        }
        (node.uid, node.gid) = (uid, gid);
        Ok(())
    }

    /// Sets the time. The epoch on a lock directory asks pmxcfs to release the lock if it has expired.
    pub(crate) fn host_set_times(&mut self, path: &Path, seconds: i64) -> Result<(), Errno> {
        let path = self.resolve(path, false)?;
        let now = self.mtime();
        let lock = self.pmxcfs_of(&path).is_some_and(|fs| fs.is_lock(&path));
        let node = self.nodes.get(&path).ok_or(ENOENT)?;
        let expired = now - node.mtime >= LOCK_EXPIRES;
        self.writable(&path)?;
        match self.nodes.get_mut(&path) {
            _ if lock && seconds == 0 && expired => {
                self.nodes.remove(&path);
            }
            Some(node) if !(lock && seconds == 0) => node.mtime = seconds,
            _ => {}
        }
        Ok(())
    }
}

/// The names of a path, last first.
fn parts(path: &Path) -> Vec<OsString> {
    path.components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        })
        .rev()
        .collect()
}
