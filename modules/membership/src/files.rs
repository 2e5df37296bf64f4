// SPDX-License-Identifier: GPL-3.0-or-later
//! Files and directories of /etc/pve: which there are, what is in them, and taking them away.

use std::path::Path;

use cluster_state::pmxcfs::read_settled;
use host::{FileKind, Host, HostError, if_there, read_text};

/// The keys that may log in to every node as root.
pub const AUTHORIZED_KEYS: &str = "/etc/pve/priv/authorized_keys";
/// The host keys of nodes, as older versions of PVE share them.
pub const KNOWN_HOSTS: &str = "/etc/pve/priv/known_hosts";
/// What high availability has in /etc/pve.
pub const HA: &str = "/etc/pve/ha";
/// The replication jobs.
pub const REPLICATION: &str = "/etc/pve/replication.cfg";
/// Where all copies are that are made before something is replaced; only root may read them, for the database holds every
/// secret of the cluster.
pub const COPIES: &str = "/var/backups/pve-cluster-collection";

/// Something in the node's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path in there.
    pub path: String,
    /// Whether it holds others.
    pub is_directory: bool,
}

impl Entry {
    /// The number of the guest whose configuration this is.
    pub fn guest(&self) -> Option<u32> {
        let (kind, name) = self.path.split_once('/')?;
        let number = name.strip_suffix(".conf")?.parse().ok()?;
        matches!(kind, "qemu-server" | "lxc" | "openvz").then_some(number)
    }
}

/// Everything below a directory, what holds something before what it holds.
pub fn tree(host: &dyn Host, root: &Path) -> Result<Option<Vec<Entry>>, HostError> {
    let Some(names) = if_there(host.list(root))? else { return Ok(None) };
    let mut entries = Vec::new();
    let mut waiting: Vec<String> = names.into_iter().rev().collect();
    while let Some(path) = waiting.pop() {
        let place = root.join(&path);
        // Files such as lrm_status come and go while the node's services end.
        let Some(stat) = if_there(host.stat(&place))? else { continue };
        let is_directory = stat.kind == FileKind::Directory;
        if is_directory {
            let names = if_there(host.list(&place))?.unwrap_or_default();
            waiting.extend(names.into_iter().rev().map(|name| format!("{path}/{name}")));
        }
        entries.push(Entry { path, is_directory });
    }
    Ok(Some(entries))
}

/// A file as text; empty where there is none.
pub fn text(host: &dyn Host, path: &str) -> Result<String, HostError> {
    Ok(if_there(read_text(host, Path::new(path)))?.unwrap_or_default())
}

/// A file that PVE renames new ones over: as long as its directory lists it, it is there, whatever a reader is told for a moment.
pub fn renamed_over(host: &dyn Host, path: &str) -> Result<String, HostError> {
    let path = Path::new(path);
    let listed =
        path.parent().map_or(Ok(None), |directory| if_there(host.list(directory)))?.unwrap_or_default();
    if !listed.iter().any(|name| path.ends_with(name)) {
        return Ok(String::new());
    }
    Ok(String::from_utf8_lossy(&read_settled(host, path)?.unwrap_or_default()).into_owned())
}

/// High availability's files of sections, by path.
pub fn ha(host: &dyn Host) -> Result<Vec<(String, String)>, HostError> {
    let names = if_there(host.list(Path::new(HA)))?.unwrap_or_default();
    let mut files = Vec::new();
    for name in names.iter().filter(|name| name.ends_with(".cfg")) {
        let path = format!("{HA}/{name}");
        let text = renamed_over(host, &path)?;
        files.push((path, text));
    }
    Ok(files)
}

/// Removes what was seen and copied, and nothing that came later: a directory that is not empty then is an error.
pub fn remove(host: &dyn Host, root: &Path, entries: &[Entry]) -> Result<(), HostError> {
    remove_entries(host, root, entries)?;
    if_there(host.remove_dir(root)).map(|_| ())
}

/// Removes what was seen below a directory, which stays.
pub fn remove_entries(host: &dyn Host, root: &Path, entries: &[Entry]) -> Result<(), HostError> {
    for entry in entries.iter().rev() {
        let path = root.join(&entry.path);
        if_there(if entry.is_directory { host.remove_dir(&path) } else { host.remove_file(&path) })?;
    }
    Ok(())
}
