// SPDX-License-Identifier: GPL-3.0-or-later
//! `corosync-cmapctl`: every value of the running corosync.
//!
//! One call gives all of it in 0.04 s. These are the values that corosync *runs*; corosync.conf may say otherwise,
//! because corosync refuses some changes while it runs and a broken file is never loaded.

use std::collections::BTreeMap;

use host::Host;

use crate::read::{corosync_tool, program};
use crate::{ParseError, StateError};

/// The running corosync's values by key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cmap {
    entries: BTreeMap<String, Entry>,
}

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its type: `u8` to `u64`, `i8` to `i64`, `flt`, `dbl`, `str`, `bin`.
    pub kind: String,
    /// Its text.
    pub text: String,
}

/// A node of the running nodelist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningNode {
    /// Its name, when the nodelist gives one.
    pub name: Option<String>,
    /// Its nodeid.
    pub nodeid: u32,
    /// Its votes.
    pub votes: u32,
    /// Its address by link number.
    pub addresses: BTreeMap<u8, String>,
}

/// A node that was ever part of a membership since this corosync started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeMember {
    /// Its nodeid.
    pub nodeid: u32,
    /// Whether it is part of the membership now.
    pub joined: bool,
    /// The config_version it runs, or ran when it left.
    pub config_version: u64,
    /// Its address by link number.
    pub addresses: BTreeMap<u8, String>,
}

impl Cmap {
    /// The entry of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// A string's text.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key).map(|entry| entry.text.as_str())
    }

    /// An unsigned number.
    #[must_use]
    pub fn number(&self, key: &str) -> Option<u64> {
        self.text(key)?.parse().ok()
    }

    /// Every key that begins with `prefix`, without it, and its entry, in the order of the keys.
    pub fn under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a Entry)> {
        self.entries
            .range(prefix.to_owned()..)
            .map_while(move |(key, entry)| Some((key.strip_prefix(prefix)?, entry)))
    }

    /// The name of the cluster.
    #[must_use]
    pub fn cluster_name(&self) -> Option<&str> {
        self.text("totem.cluster_name")
    }

    /// The config_version this node runs.
    #[must_use]
    pub fn config_version(&self) -> Option<u64> {
        self.number("totem.config_version")
    }

    /// The nodeid of this node.
    #[must_use]
    pub fn nodeid(&self) -> Option<u32> {
        self.number("runtime.votequorum.this_node_id").and_then(|id| u32::try_from(id).ok())
    }

    /// The running nodelist, by nodeid.
    #[must_use]
    pub fn nodelist(&self) -> Vec<RunningNode> {
        let mut nodes: Vec<RunningNode> = self
            .groups("nodelist.node.")
            .into_values()
            .filter_map(|fields| {
                let text = |key| fields.get(key).copied();
                let addresses = fields.iter().filter_map(|(key, address)| {
                    let link = key.strip_prefix("ring")?.strip_suffix("_addr")?.parse().ok()?;
                    Some((link, (*address).to_owned()))
                });
                Some(RunningNode {
                    name: text("name").map(str::to_owned),
                    nodeid: text("nodeid")?.parse().ok()?,
                    votes: text("quorum_votes").and_then(|votes| votes.parse().ok()).unwrap_or(1),
                    addresses: addresses.collect(),
                })
            })
            .collect();
        nodes.sort_by_key(|node| node.nodeid);
        nodes
    }

    /// Every node that is, or was, part of a membership, by nodeid.
    #[must_use]
    pub fn members(&self) -> Vec<RuntimeMember> {
        let mut members: Vec<RuntimeMember> = self
            .groups("runtime.members.")
            .into_iter()
            .filter_map(|(nodeid, fields)| {
                Some(RuntimeMember {
                    nodeid: nodeid.parse().ok()?,
                    joined: *fields.get("status")? == "joined",
                    config_version: fields.get("config_version")?.parse().ok()?,
                    addresses: fields.get("ip").map(|ip| addresses(ip)).unwrap_or_default(),
                })
            })
            .collect();
        members.sort_by_key(|member| member.nodeid);
        members
    }

    /// The config_version each node of the membership runs, by nodeid.
    #[must_use]
    pub fn member_versions(&self) -> BTreeMap<u32, u64> {
        let joined = self.members().into_iter().filter(|member| member.joined);
        // Not collected: that would sort first, by code of its own in every module.
        let mut versions = BTreeMap::new();
        versions.extend(joined.map(|member| (member.nodeid, member.config_version)));
        versions
    }

    /// Keys `prefix` + group + `.` + field, gathered by group.
    fn groups<'a>(&'a self, prefix: &'a str) -> BTreeMap<&'a str, BTreeMap<&'a str, &'a str>> {
        let mut groups: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
        for (key, entry) in self.under(prefix) {
            if let Some((group, field)) = key.split_once('.') {
                groups.entry(group).or_default().insert(field, &entry.text);
            }
        }
        groups
    }
}

/// `r(0) ip(10.77.1.11) r(1) ip(10.77.0.11) `: the addresses by link number.
fn addresses(text: &str) -> BTreeMap<u8, String> {
    let mut found = BTreeMap::new();
    let mut link = None;
    for word in text.split_whitespace() {
        let inside = |name: &str| word.strip_prefix(name).and_then(|rest| rest.strip_suffix(')'));
        if let Some(number) = inside("r(") {
            link = number.parse().ok();
        } else if let (Some(address), Some(number)) = (inside("ip("), link) {
            found.insert(number, address.to_owned());
        }
    }
    found
}

/// Asks corosync on this node for all its values.
///
/// # Errors
/// When corosync does not run here, does not answer in time, or answers something unknown.
pub fn query(host: &dyn Host) -> Result<Cmap, StateError> {
    let command = program("corosync-cmapctl", &[]);
    let output = corosync_tool(host, &command, &[0], "Failed to initialize the cmap API")?;
    parse(&output.stdout).map_err(StateError::unexpected(&command.line()))
}

/// Reads lines such as `totem.config_version (u64) = 3`.
///
/// # Errors
/// When a line is not of that form.
pub fn parse(text: &str) -> Result<Cmap, ParseError> {
    let mut entries = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let (key, entry) =
            entry(line).ok_or_else(|| ParseError::Line { number: index + 1, line: line.to_owned() })?;
        entries.insert(key, entry);
    }
    Ok(Cmap { entries })
}

fn entry(line: &str) -> Option<(String, Entry)> {
    let (key, rest) = line.split_once(" (")?;
    let (kind, text) = rest.split_once(") =")?;
    // An empty string leaves no blank after the sign when the line was trimmed on its way.
    let text = text.strip_prefix(' ').unwrap_or(text);
    Some((key.to_owned(), Entry { kind: kind.to_owned(), text: text.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::recording;

    fn links(addresses: &[(u8, &str)]) -> BTreeMap<u8, String> {
        addresses.iter().map(|(link, address)| (*link, (*address).to_owned())).collect()
    }

    #[test]
    fn values_of_each_kind() {
        let cmap = parse(&recording!("3-node_quorate--corosync-cmapctl--pve1").stdout).unwrap();
        assert_eq!(cmap.cluster_name(), Some("labcluster"));
        assert_eq!(cmap.config_version(), Some(3));
        assert_eq!(cmap.nodeid(), Some(1));
        assert_eq!(cmap.number("runtime.config.totem.token"), Some(3125));
        assert_eq!(
            cmap.get("config.reload_status"),
            Some(&Entry { kind: "i32".to_owned(), text: "1".to_owned() })
        );
        assert_eq!(cmap.get("totem.no_such_key"), None);
        let totem: Vec<&str> = cmap.under("totem.").map(|(key, _)| key).collect();
        assert_eq!(
            totem,
            [
                "cluster_name",
                "config_version",
                "ip_version",
                "link_mode",
                "secauth",
                "token_coefficient",
                "version"
            ]
        );
    }

    #[test]
    fn nodelist_with_two_links() {
        let cmap = parse(&recording!("two_links_3-node_quorate--corosync-cmapctl--pve1").stdout).unwrap();
        let found = cmap.nodelist();
        assert_eq!(found.iter().map(|node| node.nodeid).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(
            found[1],
            RunningNode {
                name: Some("pve2".to_owned()),
                nodeid: 2,
                votes: 1,
                addresses: links(&[(0, "10.77.1.12"), (1, "10.77.0.12")]),
            }
        );
        assert_eq!(cmap.members()[2].addresses, links(&[(0, "10.77.1.13"), (1, "10.77.0.13")]));
    }

    #[test]
    fn members_that_have_left_are_not_joined() {
        let recording = recording!("inquorate_pve1_cut_off_from_3-node_corosync_net--corosync-cmapctl--pve1");
        let cmap = parse(&recording.stdout).unwrap();
        let found: Vec<(u32, bool)> =
            cmap.members().iter().map(|member| (member.nodeid, member.joined)).collect();
        assert_eq!(found, [(1, true), (2, false), (3, false)]);
        assert_eq!(cmap.member_versions(), BTreeMap::from([(1, 4)]));
    }

    #[test]
    fn ten_nodes_are_ordered_by_number() {
        let text: String =
            (1..=10).map(|n| format!("nodelist.node.{}.nodeid (u32) = {n}\n", 10 - n)).collect();
        let ids: Vec<u32> = parse(&text).unwrap().nodelist().iter().map(|node| node.nodeid).collect();
        assert_eq!(ids, (1..=10).collect::<Vec<u32>>());
    }

    #[test]
    fn values_may_hold_anything_a_line_may() {
        let cmap = parse("a.b (str) = c (u8) = d\ne.f (str) = \ng.h (str) =\n").unwrap();
        assert_eq!(
            (cmap.text("a.b"), cmap.text("e.f"), cmap.text("g.h")),
            (Some("c (u8) = d"), Some(""), Some(""))
        );
        assert_eq!(parse("nothing\n").unwrap_err().to_string(), "line 1 is 'nothing'");
    }
}
