// SPDX-License-Identifier: GPL-3.0-or-later
//! Whether /etc/pve is there, and whether it is writable.

use std::path::Path;
use std::time::Duration;

use host::{Host, HostError, Waited, if_there, wait_until};

use crate::StateError;
use crate::read::is_there;

/// The directory where pmxcfs is mounted.
pub const MOUNT_POINT: &str = "/etc/pve";
/// The link whose mode tells whether this node is quorate.
pub const LOCAL: &str = "/etc/pve/local";
/// How long a file may be away while another one is renamed over it.
const RENAMING: Duration = Duration::from_secs(1);
/// pmxcfs's database.
pub const DATABASE: &str = "/var/lib/pve-cluster/config.db";

/// The cluster file system on this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pmxcfs {
    /// Whether it is mounted, and as what.
    pub mount: Mount,
    /// Whether its database is there: it is on every PVE node, mounted or not.
    pub database: bool,
}

/// The state of /etc/pve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mount {
    /// There is no such directory: Proxmox VE is not installed.
    NoDirectory,
    /// An ordinary directory, which is writable that the cluster never sees.
    NotMounted,
    /// The file system is mounted but its process is gone ("Transport endpoint is not connected").
    Dead {
        /// The operating system's words.
        reason: String,
    },
    /// Mounted and read-only: this node is not quorate.
    ReadOnly,
    /// Mounted and quorate; a standalone node always is.
    Writable,
}

impl Pmxcfs {
    /// Whether its files can be read.
    #[must_use]
    pub fn is_mounted(&self) -> bool {
        matches!(self.mount, Mount::ReadOnly | Mount::Writable)
    }

    /// Whether it is writable.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.mount == Mount::Writable
    }
}

/// Reads a file of pmxcfs that others rename files over, as bytes: only when it has been away for a second is it not there, and
/// the answer none.
///
/// Readers on the writing node get ENOENT for a moment when the rename ends
/// (`captures/timeline--rename_corosync.conf_with_token_5000`).
///
/// # Errors
///
/// Any other error of reading it.
pub fn read_settled(host: &dyn Host, path: &Path) -> Result<Option<Vec<u8>>, HostError> {
    let look = || match if_there(host.read(path)) {
        Ok(None) => Err(()),
        found => Ok(found),
    };
    match wait_until(host, host.elapsed() + RENAMING, Duration::from_millis(20), look) {
        Waited::Done(found) => found,
        Waited::Pending(()) => Ok(None),
    }
}

/// Looks at /etc/pve.
///
/// A mount point lies on another device than its parent. That it is writable cannot be asked with access(2), which
/// says yes without quorum too; pmxcfs takes the owner's write bit from every name while the node is not quorate
/// (recording `inquorate_pve1_cut_off_*--ls_-la_etc_pve_*`).
///
/// # Errors
/// When a directory cannot be examined for another reason than those of [`Mount`].
pub fn query(host: &dyn Host) -> Result<Pmxcfs, StateError> {
    Ok(Pmxcfs { mount: mount(host)?, database: is_there(host, Path::new(DATABASE))? })
}

fn mount(host: &dyn Host) -> Result<Mount, StateError> {
    const ENOTCONN: i32 = 107;
    let above = host.stat(Path::new("/etc"))?;
    let here = match host.stat(Path::new(MOUNT_POINT)) {
        Ok(stat) => stat,
        Err(error) if error.is_not_found() => return Ok(Mount::NoDirectory),
        Err(error) if error.errno() == Some(ENOTCONN) => {
            return Ok(Mount::Dead { reason: error.to_string() });
        }
        Err(error) => return Err(error.into()),
    };
    if here.device == above.device {
        return Ok(Mount::NotMounted);
    }
    match host.stat(Path::new(LOCAL)) {
        Ok(stat) if stat.mode & 0o200 != 0 => Ok(Mount::Writable),
        Ok(_) => Ok(Mount::ReadOnly),
        Err(error) if error.errno() == Some(ENOTCONN) => Ok(Mount::Dead { reason: error.to_string() }),
        Err(error) => Err(error.into()),
    }
}
