// SPDX-License-Identifier: GPL-3.0-or-later
//! `/etc/pve/.vmlist`: the guests of all nodes, as pmxcfs finds their configurations.
//!
//! This is the list that PVE itself looks at before it lets a node join.

use std::collections::BTreeMap;
use std::path::Path;

use host::Host;
use serde::{Deserialize, Serialize};

use crate::read::text_if_there;
use crate::{ParseError, StateError};

/// Where it is.
pub const PATH: &str = "/etc/pve/.vmlist";

/// A virtual machine or container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Guest {
    /// Its number.
    pub vmid: u32,
    /// The node its configuration belongs to.
    pub node: String,
    /// `qemu` or `lxc`.
    #[serde(rename = "type")]
    pub kind: String,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    ids: BTreeMap<String, Line>,
}

#[derive(Deserialize)]
struct Line {
    node: String,
    #[serde(rename = "type")]
    kind: String,
}

/// The guests of all nodes by number; `None` when pmxcfs is not mounted.
///
/// # Errors
/// When it cannot be read or understood.
pub fn query(host: &dyn Host) -> Result<Option<Vec<Guest>>, StateError> {
    let text = text_if_there(host, Path::new(PATH))?;
    text.map(|text| parse(&text).map_err(StateError::unexpected(PATH))).transpose()
}

/// Reads its text.
///
/// # Errors
/// When it is not JSON of this shape.
pub fn parse(text: &str) -> Result<Vec<Guest>, ParseError> {
    let file: File =
        serde_json::from_str(text).map_err(|error| ParseError::Json { reason: error.to_string() })?;
    let mut guests = Vec::new();
    for (id, line) in file.ids {
        let vmid = id.parse().map_err(|_| ParseError::NotANumber { field: "ids", text: id.clone() })?;
        guests.push(Guest { vmid, node: line.node, kind: line.kind });
    }
    guests.sort_by_key(|guest| guest.vmid);
    Ok(guests)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::recording;

    #[test]
    fn no_guests() {
        let recording = recording!("3-node_quorate--cat_etc_pve_.vmlist--pve1");
        assert_eq!(parse(&recording.stdout), Ok(Vec::new()));
    }

    #[test]
    fn guests_are_ordered_by_number() {
        let text = "{\n\"version\": 4,\n\"ids\": {\n\
            \"1000\": { \"node\": \"pve2\", \"type\": \"lxc\", \"version\": 3 },\n\
            \"101\": { \"node\": \"pve1\", \"type\": \"qemu\", \"version\": 2 }}\n\n}\n";
        let guest =
            |vmid, node: &str, kind: &str| Guest { vmid, node: node.to_owned(), kind: kind.to_owned() };
        assert_eq!(parse(text).unwrap(), [guest(101, "pve1", "qemu"), guest(1000, "pve2", "lxc")]);
    }

    #[test]
    fn what_is_no_guest_is_refused() {
        let text = r#"{"ids": {"one": {"node": "pve1", "type": "qemu"}}}"#;
        assert_eq!(parse(text).unwrap_err().to_string(), "'ids' is 'one', which is not a number");
    }
}
