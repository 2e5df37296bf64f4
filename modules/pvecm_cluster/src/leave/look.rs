// SPDX-License-Identifier: GPL-3.0-or-later
//! Every look at the node that is to leave.

use std::collections::BTreeMap;
use std::path::Path;

use cluster_state::pmxcfs::read_settled;
use cluster_state::{ha, leftovers, services, vmlist};
use host::Host;
use membership::files::{self, AUTHORIZED_KEYS, Entry, HA, KNOWN_HOSTS, REPLICATION};
use membership::observe::joining;
use membership::references::{Ceph, ask_ceph};
use membership::seen::Joining;
use membership::{keys, leaving};

use super::seen::{Lrm, Seen};

/// corosync's own directory.
pub(crate) const COROSYNC: &str = "/etc/corosync";
const STORAGES: &str = "/etc/pve/storage.cfg";
/// What the package puts there.
const OF_PACKAGE: &str = "uidgid.d";

/// Whether this node's local resource manager has the node's watchdog open.
fn lrm(host: &dyn Host) -> Result<Lrm, String> {
    let there = host::is_there(host, Path::new(ha::LRM)).map_err(|error| error.to_string())?;
    let state = ha::query(host).map_err(|error| error.to_string())?.lrm;
    Ok(match state.as_deref() {
        // it has never run
        None if !there => Lrm::Idle,
        Some("wait_for_agent_lock") => Lrm::Idle,
        Some("active") => Lrm::Active,
        Some(state @ ("maintenance" | "lost_agent_lock")) => Lrm::Watched(state.to_owned()),
        other => Lrm::Unknown(other.unwrap_or_default().to_owned()),
    })
}

/// The node as it is now.
pub(crate) fn see(host: &dyn Host) -> Result<Seen, String> {
    let words = |error: &dyn ToString| error.to_string();
    let here = membership::observe::here(host).map_err(|error| words(&error))?;
    let mounted = here.view.is_mounted();
    let node = here.view.node.clone();
    let running = services::query(host).map_err(|error| words(&error))?;
    let is_active = |name: &str| running.get(name).is_some_and(services::Service::is_active);
    let tree = |path: &str| files::tree(host, Path::new(path)).map_err(|error| words(&error));
    let mut files = Vec::new();
    for root in [COROSYNC, leftovers::STATE_DIRECTORY] {
        let mut entries = tree(root)?.unwrap_or_default();
        let is_package = |entry: &Entry| entry.path == OF_PACKAGE || entry.path.starts_with("uidgid.d/");
        entries.retain(|entry| !(root == COROSYNC && is_package(entry)));
        files.push((root.to_owned(), entries));
    }
    let mut nodes = BTreeMap::new();
    for name in leftovers::query(host).map_err(|error| words(&error))?.node_directories {
        if name != node && mounted {
            let entries = tree(&format!("{}/{name}", leftovers::NODES))?.unwrap_or_default();
            nodes.insert(name, entries);
        }
    }
    let read = |path: &str| host::if_there(host.read(Path::new(path))).map_err(|error| words(&error));
    let text = |path: &str| files::text(host, path).map_err(|error| words(&error));
    Ok(Seen {
        record: leaving::read(host)?,
        joining: if mounted { joining(host, &here).map_err(|error| words(&error))? } else { Joining::Nobody },
        // Where systemd's answer does not name it, it is not installed as a service, and nothing is concluded.
        serviced: running.get("pve-cluster").is_none_or(services::Service::is_active),
        qdevice_runs: is_active("corosync-qdevice"),
        qdevice_enabled: running.get("corosync-qdevice").is_some_and(|unit| unit.enabled == "enabled"),
        files,
        nodes,
        authorized_keys: if mounted {
            read_settled(host, Path::new(AUTHORIZED_KEYS)).map_err(|error| words(&error))?.unwrap_or_default()
        } else {
            read(AUTHORIZED_KEYS)?.unwrap_or_default()
        },
        own_keys: keys::own_keys(host).map_err(|error| words(&error))?,
        known_hosts: text(KNOWN_HOSTS)?,
        ha_files: tree(HA)?.unwrap_or_default(),
        ha: files::ha(host).map_err(|error| words(&error))?,
        lrm: if mounted { lrm(host)? } else { Lrm::Idle },
        replication: read(REPLICATION)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        ceph: if mounted { ask_ceph(host, &node).map_err(|error| words(&error))? } else { Ceph::default() },
        guests: vmlist::query(host).map_err(|error| words(&error))?.unwrap_or_default(),
        storages: text(STORAGES)?,
        here,
    })
}
