// SPDX-License-Identifier: GPL-3.0-or-later
//! Every look at the cluster from this member.

use std::path::{Path, PathBuf};

use cluster_state::pmxcfs::read_settled;
use cluster_state::{StateError, knet, leftovers};
use host::Host;
use membership::files::{self, AUTHORIZED_KEYS, KNOWN_HOSTS, REPLICATION, renamed_over, text, tree};
use membership::keys::own_keys;
use membership::observe::joining;
use membership::references::ask_ceph;
use membership::seen::Here;

use super::args::Wanted;
use super::reach::{self, There};
use super::seen::Seen;

/// Where a node's name may be without harm.
const OTHERS: [&str; 4] =
    ["/etc/pve/storage.cfg", "/etc/pve/jobs.cfg", "/etc/pve/sdn/zones.cfg", "/etc/pve/sdn/controllers.cfg"];

/// Where a node's directory is.
pub(crate) fn directory(node: &str) -> PathBuf {
    Path::new(leftovers::NODES).join(node)
}

/// The cluster and the node as they are now.
pub(crate) fn see(host: &dyn Host, wanted: &Wanted) -> Result<Seen, StateError> {
    let here = membership::observe::here(host)?;
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
        ha: files::ha(host)?,
        replication: renamed_over(host, REPLICATION)?,
        ceph: ask_ceph(host, &wanted.node)?,
    })
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
