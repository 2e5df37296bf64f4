// SPDX-License-Identifier: GPL-3.0-or-later
//! Copies of what is removed, outside pmxcfs: there they would be lost with it.

use std::path::Path;

use host::{Host, HostError, if_there, is_there};
use membership::database_copy;
use membership::files::{AUTHORIZED_KEYS, KNOWN_HOSTS};

use super::decide::Plan;
use super::look::directory;

/// Copies the node's directory, the two key files, and the files of high availability and replication that lose it, as they
/// lie below /etc/pve. Returns where.
pub(crate) fn write(host: &dyn Host, node: &str, plan: &Plan) -> Result<String, HostError> {
    let root = database_copy::directory(host, &format!("removed-{node}"))?;
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
    for (path, edit) in &plan.files {
        let to = root.join(Path::new(path).strip_prefix("/etc/pve").unwrap_or(Path::new(path)));
        if let Some(parent) = to.parent().filter(|parent| *parent != root)
            && !is_there(host, parent)?
        {
            host.make_dir(parent, 0o700)?;
        }
        host.create(&to, &edit.before, 0o600)?;
    }
    Ok(root.to_string_lossy().into_owned())
}
