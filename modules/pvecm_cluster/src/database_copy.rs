// SPDX-License-Identifier: GPL-3.0-or-later
//! Copies of pmxcfs's database and of single files, made before anything replaces or changes them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cluster_state::pmxcfs::DATABASE;
use host::{Command, Host, HostError, is_there};

use crate::pmxcfs_service::exits_zero;

/// Where all copies of this module are; only root may read them, for the database holds every secret of the cluster.
pub(crate) const DIRECTORY: &str = "/var/backups/pve-cluster-collection";
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes a directory `NAME-TIME` for copies and puts config.db into it, complete and checked. Returns the directory.
///
/// sqlite3, which pve-cluster depends on, reads it as one transaction: pmxcfs may run on, and what is in its write-ahead log
/// is in the copy too.
///
/// # Errors
/// In words: then nothing may be changed.
pub(crate) fn write(host: &dyn Host, name: &str) -> Result<PathBuf, String> {
    let root = directory(host, name).map_err(|error| error.to_string())?;
    let copy = root.join("config.db");
    let backup =
        Command::new("sqlite3").args([DATABASE, &format!(".backup '{}'", copy.display())]).timeout(PATIENCE);
    run(host, &backup)?;
    let check =
        Command::new("sqlite3").args([&*copy.to_string_lossy(), "PRAGMA quick_check"]).timeout(PATIENCE);
    let said = run(host, &check)?;
    if said.trim() != "ok" {
        return Err(format!("the copy '{}' of '{DATABASE}' is damaged: {}", copy.display(), said.trim()));
    }
    host.set_mode(&copy, 0o600).map_err(|error| error.to_string())?;
    Ok(root)
}

fn run(host: &dyn Host, command: &Command) -> Result<String, String> {
    let output = host.run(command).map_err(|error| error.to_string())?;
    exits_zero(command, &output)?;
    Ok(output.stdout)
}

/// A new directory of this name and time below [`DIRECTORY`].
pub(crate) fn directory(host: &dyn Host, name: &str) -> Result<PathBuf, HostError> {
    for (path, mode) in [("/var/backups", 0o755), (DIRECTORY, 0o700)] {
        if !is_there(host, Path::new(path))? {
            host.make_dir(Path::new(path), mode)?;
        }
    }
    let name = format!("{DIRECTORY}/{name}-{}", host.unix_time());
    let mut path = PathBuf::from(&name);
    let mut number = 1;
    // A run that was interrupted within the same second has the first.
    while is_there(host, &path)? {
        number += 1;
        path = PathBuf::from(format!("{name}-{number}"));
    }
    host.make_dir(&path, 0o700)?;
    Ok(path)
}
