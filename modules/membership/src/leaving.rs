// SPDX-License-Identifier: GPL-3.0-or-later
//! The record of a node that is leaving: made before its first service is stopped, removed when nothing of the cluster is
//! left. A run that is interrupted in between is taken up by the next, which no longer sees what the first one saw.

use std::path::Path;

use host::{Attributes, Host, HostError, if_there, replace_file};
use serde::{Deserialize, Serialize};

use crate::files::COPIES;

/// What a run that leaves must remember.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The cluster that is left.
    pub cluster_name: String,
    /// The directory with the copies.
    pub backup: String,
    /// The other nodes of the cluster.
    pub nodes: Vec<Other>,
}

/// Another node of the cluster that is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Other {
    /// Its name.
    pub name: String,
    /// All that is known of its addresses.
    pub addresses: Vec<String>,
}

fn path() -> String {
    format!("{COPIES}/leaving.json")
}

/// Reads it; none when this node is not leaving.
///
/// # Errors
/// When it cannot be read or understood.
pub fn read(host: &dyn Host) -> Result<Option<Record>, String> {
    let path = path();
    let bytes = if_there(host.read(Path::new(&path))).map_err(|error| error.to_string())?;
    bytes
        .map(|bytes| {
            serde_json::from_slice(&bytes).map_err(|error| format!("cannot understand '{path}': {error}"))
        })
        .transpose()
}

/// Writes it.
pub fn write(host: &dyn Host, record: &Record) -> Result<(), HostError> {
    let text = serde_json::to_vec(record).unwrap_or_default();
    replace_file(host, Path::new(&path()), &text, Attributes::Exactly { mode: 0o600, uid: 0, gid: 0 })
}

/// Removes it.
pub fn remove(host: &dyn Host) -> Result<(), HostError> {
    if_there(host.remove_file(Path::new(&path()))).map(|_| ())
}
