// SPDX-License-Identifier: GPL-3.0-or-later
//! Copies of the file, outside pmxcfs: there they would be lost with it.

use std::path::Path;

use host::{Host, HostError};

/// Where they are; only root may read them.
pub(crate) const DIRECTORY: &str = "/var/backups/pve-cluster-collection";
/// How many are kept.
const KEPT: usize = 10;
const PREFIX: &str = "corosync.conf-";

/// The path of the next copy: when it was taken, in seconds since 1970, and the version it has.
pub(crate) fn path(unix_time: u64, version: u64) -> String {
    format!("{DIRECTORY}/{PREFIX}{unix_time}-v{version}")
}

/// Writes a copy and removes the oldest ones beyond those that are kept.
pub(crate) fn write(host: &dyn Host, path: &str, content: &[u8]) -> Result<(), HostError> {
    let directory = Path::new(DIRECTORY);
    for needed in [Path::new("/var/backups"), directory] {
        match host.stat(needed) {
            Ok(_) => {}
            Err(error) if error.is_not_found() => {
                host.make_dir(needed, if needed == directory { 0o700 } else { 0o755 })?;
            }
            Err(error) => return Err(error),
        }
    }
    match host.create(Path::new(path), content, 0o600) {
        // a run within the same second was interrupted: its copy is this one if it is whole
        Err(error) if error.errno() == Some(17) && host.read(Path::new(path))? == content => {}
        created => created?,
    }
    rotate(host)
}

fn rotate(host: &dyn Host) -> Result<(), HostError> {
    let mut copies: Vec<(u64, String)> =
        host.list(Path::new(DIRECTORY))?.into_iter().filter_map(|name| Some((time(&name)?, name))).collect();
    copies.sort();
    let surplus = copies.len().saturating_sub(KEPT);
    for (_, name) in copies.into_iter().take(surplus) {
        match host.remove_file(&Path::new(DIRECTORY).join(name)) {
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// When a copy was taken; none for a file that is not one.
fn time(name: &str) -> Option<u64> {
    let (time, _version) = name.strip_prefix(PREFIX)?.split_once("-v")?;
    time.parse().ok()
}
