// SPDX-License-Identifier: GPL-3.0-or-later
//! Every look at this node.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cluster_state::pmxcfs::{self, Mount};
use cluster_state::{PATIENCE, StateError, cmap, corosync_conf, members, qdevice, quorumtool, services};
use corosync_document::Document;
use host::{Command, Host, is_there};
use locks::{Holder, Owner};

use crate::seen::{Conf, Own, Running, Seen};

/// Where each node has its QDevice's certificates; `pvecm qdevice remove` removes all of it.
pub(crate) const STORE: &str = "/etc/corosync/qdevice";
/// What pvecm puts into pmxcfs while it sets up a QDevice: the authority's certificate, and the cluster's with its
/// private key (`PVE/CLI/pvecm.pm`).
const STRAYS: [&str; 2] = ["/etc/pve/qnetd-cacert.crt", "/etc/pve/qdevice-net-node.p12"];
/// PVE's lock of corosync.conf, and the one under which this collection's nodes join and leave.
const LOCKS: [&str; 2] = [locks::COROSYNC_CONF, locks::MEMBERSHIP];
/// A pvecm as it is seen among the processes: an interpreter with its options, then the program. Not whatever else has these
/// words in its command line.
pub(crate) const PVECM: &str = "^[^ ]+( -[^ ]+)* [^ ]*pvecm qdevice (setup|remove)";
pub(crate) const SERVICE: &str = "corosync-qdevice";

/// Looks at everything.
pub(crate) fn seen(host: &dyn Host) -> Result<Seen, StateError> {
    let mount = pmxcfs::query(host)?.mount;
    let mounted = matches!(mount, Mount::ReadOnly | Mount::Writable);
    let table = if mounted { members::query(host)? } else { None };
    let nodes = table.map(|table| table.nodelist).unwrap_or_default();
    // Not collected: that would sort first, by code of its own.
    let mut addresses = BTreeSet::new();
    addresses.extend(host.addresses()?.into_iter().map(|local| local.address));
    let conf = if mounted { corosync_conf::cluster(host)? } else { None };
    let running = running(host)?;
    Ok(Seen {
        node: host.hostname()?,
        locks: if mounted { held(host, conf.as_ref(), running.as_ref())? } else { Vec::new() },
        conf,
        members: nodes.into_iter().map(|(name, node)| (name, (node.online, node.ip))).collect(),
        running,
        addresses,
        own: own(host, mounted)?,
        busy: busy(host)?,
        mount,
    })
}

/// The running corosync; none when it does not run.
fn running(host: &dyn Host) -> Result<Option<Running>, StateError> {
    let cmap = match cmap::query(host) {
        Err(error) if error.is_corosync_down() => return Ok(None),
        cmap => cmap?,
    };
    let quorum = match quorumtool::query(host) {
        Err(error) if error.is_corosync_down() => return Ok(None),
        quorum => quorum?,
    };
    let versions: BTreeMap<u32, u64> = cmap.member_versions();
    Ok(Some(Running { quorum, versions, device: cmap.text("quorum.device.model").is_some() }))
}

fn own(host: &dyn Host, mounted: bool) -> Result<Own, StateError> {
    let service = services::query(host)?.remove(SERVICE);
    let installed = service.as_ref().is_some_and(|service| service.installed);
    let (active, enabled) = service.map(|service| (service.active, service.enabled)).unwrap_or_default();
    Ok(Own {
        installed,
        connection: if active == "active" { Some(qdevice::query(host)?) } else { None },
        active,
        enabled,
        store: is_there(host, Path::new(STORE))?,
        strays: if mounted { present(host, &STRAYS)? } else { Vec::new() },
    })
}

/// The locks that others hold. A node that has left has no use for its own any more, and cannot give it up. Only of the lock that this
/// module does not take itself: pvecm waits for any other, whoever has it.
fn held(
    host: &dyn Host,
    conf: Option<&Document>,
    running: Option<&Running>,
) -> Result<Vec<&'static str>, StateError> {
    let conf = conf.and_then(|document| Conf::of(document).ok());
    let has_left = |owner: &Owner| match (&conf, running) {
        (Some(conf), Some(running)) => conf.has_left(running, owner),
        _ => false,
    };
    let mut held = Vec::new();
    for name in LOCKS {
        match locks::holder(host, name)? {
            Holder::Nobody => {}
            Holder::Named(owner) if name == locks::MEMBERSHIP && has_left(&owner) => {}
            Holder::Named(_) | Holder::Unnamed => held.push(name),
        }
    }
    Ok(held)
}

fn present(host: &dyn Host, paths: &[&'static str]) -> Result<Vec<&'static str>, StateError> {
    let mut found = Vec::new();
    for path in paths {
        if is_there(host, Path::new(path))? {
            found.push(*path);
        }
    }
    Ok(found)
}

/// Whether a pvecm is setting up or removing a QDevice here, such as one whose module was killed.
fn busy(host: &dyn Host) -> Result<bool, StateError> {
    let output = host.run(&Command::new("pgrep").args(["-f", PVECM]).timeout(PATIENCE))?;
    Ok(output.exited_zero())
}
