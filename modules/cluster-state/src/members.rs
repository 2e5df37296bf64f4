// SPDX-License-Identifier: GPL-3.0-or-later
//! `/etc/pve/.members`: the cluster as pmxcfs sees it.
//!
//! A standalone node has only its name and version 0; so has one whose pmxcfs never met its cluster. When corosync
//! stops, pmxcfs keeps the last nodes and their `online` and only drops `quorate`
//! (recording `3-node_corosync_stopped_on_pve1--cat_etc_pve_.members`), so `online` counts only while quorate.

use std::collections::BTreeMap;
use std::path::Path;

use host::Host;
use serde::Deserialize;

use crate::read::text_if_there;
use crate::{ParseError, StateError};

/// Where it is.
pub const PATH: &str = "/etc/pve/.members";

/// The cluster as pmxcfs sees it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Members {
    /// This node's name, as pmxcfs knows it.
    pub nodename: String,
    /// Grows with every change of this table.
    pub version: u64,
    /// The cluster; none on a standalone node.
    pub cluster: Option<MembersCluster>,
    /// The nodes by name; none on a standalone node.
    #[serde(default)]
    pub nodelist: BTreeMap<String, MembersNode>,
}

/// The cluster's line.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MembersCluster {
    /// Its name.
    pub name: String,
    /// The config_version of corosync.conf in pmxcfs.
    pub version: u64,
    /// Nodes in the nodelist.
    pub nodes: u32,
    /// Whether this node is in the part that may write.
    #[serde(deserialize_with = "truth")]
    pub quorate: bool,
}

/// One node's line.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MembersNode {
    /// Its nodeid.
    pub id: u32,
    /// Whether it was a member when pmxcfs last knew.
    #[serde(deserialize_with = "truth")]
    pub online: bool,
    /// Its address in the management network; none before it was ever seen.
    pub ip: Option<String>,
}

/// pmxcfs writes truths as 0 and 1.
fn truth<'de, D: serde::Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    u8::deserialize(value).map(|number| number != 0)
}

/// Reads it; `None` when pmxcfs is not mounted.
///
/// # Errors
/// When it cannot be read or understood.
pub fn query(host: &dyn Host) -> Result<Option<Members>, StateError> {
    let text = text_if_there(host, Path::new(PATH))?;
    text.map(|text| parse(&text).map_err(StateError::unexpected(PATH))).transpose()
}

/// Reads its text.
///
/// # Errors
/// When it is not JSON of this shape.
pub fn parse(text: &str) -> Result<Members, ParseError> {
    serde_json::from_str(text).map_err(|error| ParseError::Json { reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::recording;

    #[test]
    fn a_cluster_without_quorum() {
        let recording =
            recording!("inquorate_pve1_cut_off_from_3-node_corosync_net--cat_etc_pve_.members--pve1");
        let node = |id, online, ip: &str| MembersNode { id, online, ip: Some(ip.to_owned()) };
        assert_eq!(
            parse(&recording.stdout).unwrap(),
            Members {
                nodename: "pve1".to_owned(),
                version: 15,
                cluster: Some(MembersCluster {
                    name: "labcluster".to_owned(),
                    version: 4,
                    nodes: 3,
                    quorate: false
                }),
                nodelist: BTreeMap::from([
                    ("pve1".to_owned(), node(1, true, "10.77.0.11")),
                    ("pve2".to_owned(), node(2, false, "10.77.0.12")),
                    ("pve3".to_owned(), node(3, false, "10.77.0.13")),
                ]),
            }
        );
    }

    #[test]
    fn a_standalone_node_has_no_cluster() {
        let found = parse(&recording!("standalone--cat_etc_pve_.members--pve1").stdout).unwrap();
        assert_eq!((found.nodename.as_str(), found.version, found.cluster), ("pve1", 0, None));
        assert!(found.nodelist.is_empty());
    }

    #[test]
    fn online_outlives_corosync() {
        let recording = recording!("3-node_corosync_stopped_on_pve1--cat_etc_pve_.members--pve1");
        let found = parse(&recording.stdout).unwrap();
        assert!(!found.cluster.unwrap().quorate);
        assert!(found.nodelist.values().all(|node| node.online));
    }

    #[test]
    fn a_node_never_seen_has_no_address() {
        // recording `parallel_API_joins_of_pve3_and_pve4_into_a_2-node_cluster--pvecm_status_*--pve1`
        let text = "{\n\"nodename\": \"pve1\",\n\"version\": 10,\n\
            \"cluster\": { \"name\": \"labcluster\", \"version\": 4, \"nodes\": 4, \"quorate\": 1 },\n\
            \"nodelist\": {\n  \"pve3\": { \"id\": 3, \"online\": 0}\n  }\n}\n";
        assert_eq!(parse(text).unwrap().nodelist["pve3"], MembersNode { id: 3, online: false, ip: None });
    }

    #[test]
    fn what_is_not_json_is_refused() {
        assert_eq!(parse("{").unwrap_err().to_string(), "EOF while parsing an object at line 1 column 1");
    }
}
