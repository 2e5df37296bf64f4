// SPDX-License-Identifier: GPL-3.0-or-later
//! Copies what is left of the cluster on this node, and takes it away. Each step may be the last one of a run that is killed;
//! the next run finds what is left and goes on.

use std::path::Path;
use std::time::Duration;

use cluster_state::corosync_conf;
use cluster_state::leftovers::NODES;
use host::{Host, HostError};
use membership::files::{AUTHORIZED_KEYS, Entry, HA, KNOWN_HOSTS, REPLICATION, remove, remove_entries};
use membership::keys::{locked, rewrite};
use membership::leaving::Other;
use membership::pmxcfs_service::{self as service, copy};

use super::decide::{Leftovers, without_hosts, without_keys};
use super::seen::Seen;

/// Copies it below `root`, laid out as below /etc/pve. The keys of corosync and of a QDevice are not copied: nothing needs them
/// any more.
pub(crate) fn copies(host: &dyn Host, left: &Leftovers, root: &Path) -> Result<(), HostError> {
    copy(host, Path::new(corosync_conf::CLUSTER), &root.join("corosync.conf"))?;
    copy(host, Path::new(corosync_conf::LOCAL), &root.join("corosync/corosync.conf"))?;
    let files = |from: &str, to: &Path, entries: &[Entry]| -> Result<(), HostError> {
        for entry in entries.iter().filter(|entry| !entry.is_directory) {
            copy(host, &Path::new(from).join(&entry.path), &to.join(&entry.path))?;
        }
        Ok(())
    };
    for (name, entries) in &left.nodes {
        files(&format!("{NODES}/{name}"), &root.join("nodes").join(name), entries)?;
    }
    files(HA, &root.join("ha"), &left.ha)?;
    let single = [
        (AUTHORIZED_KEYS, "priv/authorized_keys", left.authorized_keys),
        (KNOWN_HOSTS, "priv/known_hosts", left.known_hosts),
        (REPLICATION, "replication.cfg", left.replication),
    ];
    for (from, to, _) in single.iter().filter(|(_, _, goes)| *goes) {
        copy(host, Path::new(from), &root.join(to))?;
    }
    Ok(())
}

/// Takes it away; the directories that name the nodes last, because they tell the next run whose keys go.
pub(crate) fn clean(
    host: &dyn Host,
    seen: &Seen,
    left: &Leftovers,
    others: &[Other],
    deadline: Duration,
) -> Result<(), String> {
    let words = |error: HostError| error.to_string();
    for (root, entries) in &left.files {
        remove_entries(host, Path::new(root), entries).map_err(words)?;
    }
    if left.authorized_keys || left.known_hosts {
        let names = &left.names;
        let edited = locked(host, deadline, |lock| {
            rewrite(host, lock, AUTHORIZED_KEYS, |bytes| without_keys(bytes, names, &seen.own_keys))?;
            rewrite(host, lock, KNOWN_HOSTS, |bytes| match std::str::from_utf8(bytes) {
                Ok(text) => without_hosts(text, names, others, &seen.here.view.node).into_bytes(),
                Err(_) => bytes.to_vec(),
            })
        });
        edited.map_err(|stopped| stopped.words())?;
    }
    remove_entries(host, Path::new(HA), &left.ha).map_err(words)?;
    if left.qdevice {
        service::systemctl(host, "disable", &["corosync-qdevice"])?;
    }
    if left.replication {
        host::if_there(host.remove_file(Path::new(REPLICATION))).map_err(words)?;
    }
    for (name, entries) in &left.nodes {
        remove(host, &Path::new(NODES).join(name), entries).map_err(words)?;
    }
    Ok(())
}
