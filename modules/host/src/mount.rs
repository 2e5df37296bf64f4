// SPDX-License-Identifier: GPL-3.0-or-later
//! Whether a filesystem is mounted.

use std::path::Path;

use crate::{Host, HostError, if_there};

/// Whether a filesystem of its own is mounted on this directory: `/etc/pve` without pmxcfs is an ordinary empty
/// directory that is writable. A bind mount of the same filesystem is not told apart.
///
/// # Errors
/// When the directory or its parent cannot be examined. That it does not exist is no error: nothing is mounted there.
pub fn is_mount_point(host: &dyn Host, path: &Path) -> Result<bool, HostError> {
    let Some(stat) = if_there(host.stat(path))? else { return Ok(false) };
    match path.parent() {
        Some(parent) => Ok(stat.device != host.stat(parent)?.device),
        None => Ok(true),
    }
}
