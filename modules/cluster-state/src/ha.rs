// SPDX-License-Identifier: GPL-3.0-or-later
//! High availability, from its files in pmxcfs: what it keeps running, who manages it, whether this node would be reset
//! when it loses quorum.

use std::path::Path;

use host::Host;
use serde::{Deserialize, Serialize};

use crate::read::text_if_there;
use crate::{ParseError, StateError};

/// What is to be kept running.
pub const RESOURCES: &str = "/etc/pve/ha/resources.cfg";
/// The manager's own record.
pub const MANAGER: &str = "/etc/pve/ha/manager_status";
/// The record of this node's local resource manager.
pub const LRM: &str = "/etc/pve/local/lrm_status";

/// High availability on this node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ha {
    /// The guests that it keeps running, such as `vm:100`.
    pub resources: Vec<String>,
    /// The node that manages it; none where it was never used.
    pub master: Option<String>,
    /// The state of this node's local resource manager. With `active` the node's watchdog resets it about a minute after it
    /// has lost quorum.
    pub lrm: Option<String>,
}

#[derive(Deserialize)]
struct Manager {
    master_node: Option<String>,
}

#[derive(Deserialize)]
struct Lrm {
    state: Option<String>,
}

/// Reads the three files, of which each may be missing.
///
/// # Errors
/// When one cannot be read or understood.
pub fn query(host: &dyn Host) -> Result<Ha, StateError> {
    let resources = text_if_there(host, Path::new(RESOURCES))?.unwrap_or_default();
    let manager: Option<Manager> = json(host, MANAGER)?;
    let lrm: Option<Lrm> = json(host, LRM)?;
    Ok(Ha {
        resources: parse_resources(&resources),
        master: manager.and_then(|manager| manager.master_node),
        lrm: lrm.and_then(|lrm| lrm.state),
    })
}

fn json<T: for<'a> Deserialize<'a>>(host: &dyn Host, path: &str) -> Result<Option<T>, StateError> {
    let text = text_if_there(host, Path::new(path))?.filter(|text| !text.trim().is_empty());
    let read = |text: String| {
        serde_json::from_str(&text).map_err(|error| ParseError::Json { reason: error.to_string() })
    };
    text.map(read).transpose().map_err(StateError::unexpected(path))
}

/// The names of sections: lines `vm: 100`, which begin in the first column.
#[must_use]
pub fn parse_resources(text: &str) -> Vec<String> {
    let section = |line: &str| {
        let (kind, id) = line.split_once(':')?;
        let word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric());
        let id = id.trim();
        (word(kind) && word(id)).then(|| format!("{kind}:{id}"))
    };
    text.lines().filter_map(section).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::FakeHost;

    fn node() -> FakeHost {
        FakeHost::new().dir("/etc/pve/ha").dir("/etc/pve/local")
    }

    #[test]
    fn never_used() {
        assert_eq!(query(&node()).unwrap(), Ha::default());
        assert_eq!(query(&node().file(RESOURCES, "").file(MANAGER, "")).unwrap(), Ha::default());
    }

    #[test]
    fn in_use() {
        let host = node()
            .file(RESOURCES, "vm: 100\n\tgroup main\n\tstate started\n\nct: 101\n\tcomment a: b\n")
            .file(MANAGER, r#"{"master_node": "pve2", "node_status": {}, "service_status": {}}"#)
            .file(LRM, r#"{"mode": "active", "state": "wait_for_agent_lock", "timestamp": 1}"#);
        assert_eq!(
            query(&host).unwrap(),
            Ha {
                resources: vec!["vm:100".to_owned(), "ct:101".to_owned()],
                master: Some("pve2".to_owned()),
                lrm: Some("wait_for_agent_lock".to_owned()),
            }
        );
    }

    #[test]
    fn what_is_no_json_is_told() {
        let said = query(&node().file(LRM, "{")).unwrap_err().to_string();
        assert!(said.starts_with("cannot understand '/etc/pve/local/lrm_status': "), "{said}");
    }
}
