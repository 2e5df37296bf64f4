// SPDX-License-Identifier: GPL-3.0-or-later
//! Every look at the cluster from this member.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cluster_state::pmxcfs::read_settled;
use cluster_state::{StateError, knet, leftovers};
use host::{Command, FileKind, Host, HostError, if_there, read_text};
use locks::{Deed, Owner};

use super::keys;
use super::reach::{self, There};
use super::references;
use super::seen::{Ceph, Entry, Seen};
use super::wanted::Wanted;
use crate::seen::{Here, Joining};

pub(crate) const AUTHORIZED_KEYS: &str = "/etc/pve/priv/authorized_keys";
pub(crate) const KNOWN_HOSTS: &str = "/etc/pve/priv/known_hosts";
const SSH: &str = "/root/.ssh";
pub(crate) const HA: &str = "/etc/pve/ha";
pub(crate) const REPLICATION: &str = "/etc/pve/replication.cfg";
/// Where a node's name may be without harm.
const OTHERS: [&str; 4] =
    ["/etc/pve/storage.cfg", "/etc/pve/jobs.cfg", "/etc/pve/sdn/zones.cfg", "/etc/pve/sdn/controllers.cfg"];
const CEPH: &str = "/etc/pve/ceph.conf";
/// What Ceph's monitors may take to answer.
const CEPH_PATIENCE: Duration = Duration::from_secs(15);

/// Where a node's directory is.
pub(crate) fn directory(node: &str) -> PathBuf {
    Path::new(leftovers::NODES).join(node)
}

/// The cluster and the node as they are now.
pub(crate) fn see(host: &dyn Host, wanted: &Wanted) -> Result<Seen, StateError> {
    let here = crate::observe::here(host)?;
    let addresses = addresses_of_missing(&here, &wanted.node);
    let managed = here.view.members.as_ref().and_then(|table| table.nodelist.get(&wanted.node)?.ip.clone());
    let there = addresses.as_ref().and(managed).map(|address| reach::ask(host, &wanted.node, &address));
    let signs = match (&addresses, &there) {
        (None, _) | (_, Some(There::Separated | There::InACluster)) => Ok(Vec::new()),
        (Some(addresses), _) => signs(host, &here, &wanted.node, addresses),
    };
    let mut others = Vec::new();
    for path in OTHERS {
        others.push((path.to_owned(), text(host, path)?));
    }
    Ok(Seen {
        there,
        signs,
        others,
        joining: joining(host, &here)?,
        here,
        directory: tree(host, &directory(&wanted.node))?,
        // Other nodes, and PVE on this one, rename new ones over it: away for a moment is not empty.
        authorized_keys: read_settled(host, Path::new(AUTHORIZED_KEYS))?.unwrap_or_default(),
        own_keys: own_keys(host)?,
        known_hosts: text(host, KNOWN_HOSTS)?,
        ha: ha(host)?,
        replication: renamed_over(host, REPLICATION)?,
        ceph: ceph(host, &wanted.node)?,
    })
}

pub(crate) fn text(host: &dyn Host, path: &str) -> Result<String, HostError> {
    Ok(if_there(read_text(host, Path::new(path)))?.unwrap_or_default())
}

/// A file that PVE renames new ones over: as long as its directory lists it, it is there, whatever a reader is told for a moment.
fn renamed_over(host: &dyn Host, path: &str) -> Result<String, HostError> {
    let path = Path::new(path);
    let listed =
        path.parent().map_or(Ok(None), |directory| if_there(host.list(directory)))?.unwrap_or_default();
    if !listed.iter().any(|name| path.ends_with(name)) {
        return Ok(String::new());
    }
    Ok(String::from_utf8_lossy(&read_settled(host, path)?.unwrap_or_default()).into_owned())
}

/// All addresses of a node that the cluster lists and corosync does not see; none for any other.
fn addresses_of_missing(here: &Here, node: &str) -> Option<Vec<String>> {
    let view = &here.view;
    let (nodeid, listed) = view.conf.conf()?.node(node)?;
    let running = view.corosync.as_ref()?;
    if node == view.node || running.versions.contains_key(&nodeid) {
        return None;
    }
    let managed = view.members.as_ref().and_then(|table| table.nodelist.get(node)?.ip.clone());
    let mut addresses: Vec<String> = managed.into_iter().collect();
    for address in listed.addresses.values() {
        if !addresses.contains(address) {
            addresses.push(address.clone());
        }
    }
    Some(addresses)
}

/// Whatever shows that the node runs, on any of its addresses and on any of corosync's links.
fn signs(host: &dyn Host, here: &Here, node: &str, addresses: &[String]) -> Result<Vec<String>, String> {
    let mut signs = reach::signs(host, addresses)?;
    let listed = here.view.conf.conf().and_then(|conf| conf.node(node));
    if let (Some(running), Some((nodeid, _))) = (&here.view.corosync, listed) {
        let stats = knet::query(host, running.nodeid).map_err(|error| error.to_string())?;
        let connected = stats.links.iter().filter(|link| link.nodeid == nodeid && link.connected);
        signs.extend(connected.map(|link| format!("corosync reaches it on link {}", link.link)));
    }
    Ok(signs)
}

/// Root's own keys on this node.
pub(crate) fn own_keys(host: &dyn Host) -> Result<Vec<String>, HostError> {
    let names = if_there(host.list(Path::new(SSH)))?.unwrap_or_default();
    let mut keys = Vec::new();
    for name in names.iter().filter(|name| name.ends_with(".pub")) {
        let content = if_there(host.read(&Path::new(SSH).join(name)))?;
        keys.extend(content.iter().flat_map(|bytes| keys::in_file(bytes)));
    }
    Ok(keys)
}

/// Who has the lock of all that changes the membership.
pub(crate) fn joining(host: &dyn Host, here: &Here) -> Result<Joining, HostError> {
    let me = Owner::this(host, Deed::Removal)?;
    let mine = |owner: &Owner| owner.is_mine(host, &me) || here.view.has_left(owner);
    Ok(Joining::of(locks::holder(host, locks::MEMBERSHIP)?, &mine))
}

/// Everything below a directory, what holds something before what it holds.
pub(crate) fn tree(host: &dyn Host, root: &Path) -> Result<Option<Vec<Entry>>, HostError> {
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

pub(crate) fn ha(host: &dyn Host) -> Result<Vec<(String, String)>, HostError> {
    let names = if_there(host.list(Path::new(HA)))?.unwrap_or_default();
    let mut files = Vec::new();
    for name in names.iter().filter(|name| name.ends_with(".cfg")) {
        let path = format!("{HA}/{name}");
        let text = renamed_over(host, &path)?;
        files.push((path, text));
    }
    Ok(files)
}

/// Ceph's monitors are asked for OSDs only where there is a ceph.conf. A name without any is an error to them.
pub(crate) fn ceph(host: &dyn Host, node: &str) -> Result<Ceph, HostError> {
    let conf = text(host, CEPH)?;
    if conf.trim().is_empty() {
        return Ok(Ceph::default());
    }
    let command =
        Command::new("ceph").args(["--connect-timeout", "10", "osd", "ls-tree", node]).timeout(CEPH_PATIENCE);
    let osds = match host.run(&command) {
        Ok(output) if output.exited_zero() => Some(references::osds(&output.stdout)),
        Ok(output) if output.stderr.contains("ENOENT") => Some(Vec::new()),
        Ok(_) => None,
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(error),
    };
    Ok(Ceph { conf, osds })
}
