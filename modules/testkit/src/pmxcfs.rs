// SPDX-License-Identifier: GPL-3.0-or-later
//! The rules of Proxmox VE's cluster filesystem, as the recordings `*--filesystem_probe--*` show them.

use std::path::{Path, PathBuf};

/// Bytes a file may have.
pub(crate) const LARGEST: usize = 1024 * 1024;
/// What is left of a single write that is larger: it is cut short without an error.
pub(crate) const SHORTENED: u64 = 1_046_080;
/// The group `www-data`.
pub(crate) const WWW_DATA: u32 = 33;
/// After how many seconds without renewal a lock may be taken away.
pub(crate) const LOCK_EXPIRES: i64 = 120;

/// A mounted cluster filesystem.
pub(crate) struct Pmxcfs {
    pub(crate) root: PathBuf,
    pub(crate) quorate: bool,
}

impl Pmxcfs {
    /// The mode everything there has by force: 0600 below a `priv`, else 0640; directories 0700 and 0755.
    pub(crate) fn mode(&self, path: &Path, directory: bool) -> u32 {
        let inside = path.strip_prefix(&self.root).unwrap_or(path);
        let private = inside.components().any(|part| part.as_os_str() == "priv");
        match (directory, private) {
            (true, true) => 0o700,
            (true, false) => 0o755,
            (false, true) => 0o600,
            (false, false) => 0o640,
        }
    }

    /// Whether this is a lock directory.
    pub(crate) fn is_lock(&self, path: &Path) -> bool {
        path.parent() == Some(&self.root.join("priv/lock"))
    }
}
