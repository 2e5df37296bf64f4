// SPDX-License-Identifier: GPL-3.0-or-later
//! What a node keeps whatever becomes of its cluster: its guests' configurations, users and their secrets, storages.

use std::collections::BTreeMap;
use std::path::Path;

use cluster_state::leftovers::NODES;
use host::{Host, HostError, if_there};
use membership::files::tree;

const FILES: [&str; 9] = [
    "user.cfg",
    "domains.cfg",
    "datacenter.cfg",
    "storage.cfg",
    "jobs.cfg",
    "vzdump.cron",
    "priv/shadow.cfg",
    "priv/token.cfg",
    "priv/tfa.cfg",
];

/// These files and what is in them.
pub(crate) type Kept = BTreeMap<String, Vec<u8>>;

/// Reads them.
pub(crate) fn read(host: &dyn Host, node: &str) -> Result<Kept, HostError> {
    let mut paths: Vec<String> = FILES.iter().map(|name| format!("/etc/pve/{name}")).collect();
    for directory in [format!("{NODES}/{node}"), "/etc/pve/priv/storage".to_owned()] {
        let entries = tree(host, Path::new(&directory))?.unwrap_or_default();
        let guests = entries.iter().filter(|entry| {
            !entry.is_directory && (entry.guest().is_some() || directory.ends_with("/storage"))
        });
        paths.extend(guests.map(|entry| format!("{directory}/{}", entry.path)));
    }
    let mut kept = Kept::new();
    for path in paths {
        if let Some(content) = if_there(host.read(Path::new(&path)))? {
            kept.insert(path, content);
        }
    }
    Ok(kept)
}

/// Those that are no longer as they were.
pub(crate) fn lost(before: &Kept, after: &Kept) -> Vec<String> {
    before
        .iter()
        .filter(|(path, content)| after.get(*path) != Some(content))
        .map(|(path, _)| path.clone())
        .collect()
}
