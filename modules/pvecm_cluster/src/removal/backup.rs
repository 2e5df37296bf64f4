// SPDX-License-Identifier: GPL-3.0-or-later
//! Copies of what is removed, outside pmxcfs: there they would be lost with it.

use std::path::{Path, PathBuf};

use host::{Host, HostError, if_there, is_there};

use super::observe::{AUTHORIZED_KEYS, KNOWN_HOSTS, directory};
use super::plan::Plan;

/// Where they are; only root may read them, for a node's directory holds its private key.
const DIRECTORY: &str = "/var/backups/pve-cluster-collection";

/// Copies the node's directory and the two key files as they lie below /etc/pve. Returns where.
pub(crate) fn write(host: &dyn Host, node: &str, plan: &Plan) -> Result<String, HostError> {
    make_if_missing(host, Path::new("/var/backups"), 0o755)?;
    make_if_missing(host, Path::new(DIRECTORY), 0o700)?;
    let root = free(host, &format!("{DIRECTORY}/removed-{node}-{}", host.unix_time()))?;
    host.make_dir(&root, 0o700)?;
    if let Some(entries) = &plan.directory {
        let nodes = root.join("nodes");
        host.make_dir(&nodes, 0o700)?;
        let (from, to) = (directory(node), nodes.join(node));
        host.make_dir(&to, 0o700)?;
        for entry in entries {
            if entry.is_directory {
                host.make_dir(&to.join(&entry.path), 0o700)?;
            } else if let Some(content) = if_there(host.read(&from.join(&entry.path)))? {
                host.create(&to.join(&entry.path), &content, 0o600)?;
            }
        }
    }
    if plan.authorized_keys.is_some() || plan.known_hosts.is_some() {
        host.make_dir(&root.join("priv"), 0o700)?;
    }
    for (path, edit) in [(AUTHORIZED_KEYS, &plan.authorized_keys), (KNOWN_HOSTS, &plan.known_hosts)] {
        if let Some(edit) = edit {
            let name = Path::new(path).file_name().unwrap_or_default();
            host.create(&root.join("priv").join(name), &edit.before, 0o600)?;
        }
    }
    Ok(root.to_string_lossy().into_owned())
}

fn make_if_missing(host: &dyn Host, path: &Path, mode: u32) -> Result<(), HostError> {
    if is_there(host, path)? { Ok(()) } else { host.make_dir(path, mode) }
}

/// The first of these names that is free: a run that was interrupted within the same second has the first.
fn free(host: &dyn Host, name: &str) -> Result<PathBuf, HostError> {
    let mut path = PathBuf::from(name);
    let mut number = 1;
    while is_there(host, &path)? {
        number += 1;
        path = PathBuf::from(format!("{name}-{number}"));
    }
    Ok(path)
}
