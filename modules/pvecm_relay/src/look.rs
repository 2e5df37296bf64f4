// SPDX-License-Identifier: GPL-3.0-or-later
//! Every look at this node that only an entry needs.

use std::net::IpAddr;
use std::path::Path;

use cluster_state::leftovers::AUTHKEY;
use cluster_state::{StateError, corosync_conf, leftovers, versions, vmlist};
use host::{Host, if_there};
use membership::files::COPIES;
use membership::seen::Tools;
use serde_json::Value;

/// What matters on this node before it enters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Candidate {
    pub(crate) addresses: Vec<IpAddr>,
    /// What is left of another cluster.
    pub(crate) left: Vec<String>,
    pub(crate) guests: Vec<u32>,
    pub(crate) tools: Tools,
    /// The cluster that it was entering when it was interrupted.
    pub(crate) entering: Option<String>,
}

/// Looks at it.
pub(crate) fn candidate(host: &dyn Host) -> Result<Candidate, StateError> {
    let found = leftovers::query(host)?;
    let left = [(AUTHKEY, found.authkey), (corosync_conf::LOCAL, found.corosync_conf)];
    let versions = versions::query(host)?;
    let guests = vmlist::query(host)?.unwrap_or_default();
    Ok(Candidate {
        addresses: host.addresses()?.into_iter().map(|local| local.address).collect(),
        left: left.into_iter().filter(|(_, there)| *there).map(|(path, _)| path.to_owned()).collect(),
        guests: guests.into_iter().map(|guest| guest.vmid).collect(),
        tools: Tools { rsync: false, join_api: versions.join_api, pve: versions.pve },
        entering: entering(host)?.map(|record| record.cluster_name),
    })
}

/// The record of a node that is entering: made before its first service is stopped, removed when it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entering {
    pub(crate) cluster_name: String,
}

/// Where it is.
pub(crate) fn record() -> String {
    format!("{COPIES}/entering.json")
}

/// Reads it. One that cannot be understood is none: then what is left on the node speaks for itself.
pub(crate) fn entering(host: &dyn Host) -> Result<Option<Entering>, StateError> {
    let bytes = if_there(host.read(Path::new(&record())))?;
    let record = bytes.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    Ok(record
        .and_then(|record| Some(Entering { cluster_name: record.get("cluster_name")?.as_str()?.to_owned() })))
}
