// SPDX-License-Identifier: GPL-3.0-or-later
//! What is known of the time when the rescue was armed: what is intended, by whom, and until when.

use std::collections::BTreeSet;
use std::fmt::Write;

use corosync_document::{Document, Place};
use sha2::{Digest, Sha256};

/// How far the version of the copy is raised. A change, its steps and their undoing use a few; the next armed rescue
/// begins above all of them.
const ABOVE: u64 = 100;
/// How long after its time the rescue may still act, in seconds. A node that was off longer finds a cluster of which its record
/// knows nothing any more.
const VALID: u64 = 86_400;
/// How far the clock may be behind the moment of arming, in seconds, until it is taken for wrong.
const CLOCKS: u64 = 3600;

/// A node of the cluster: its nodeid and its name.
pub(crate) type Nodes = BTreeSet<(u32, String)>;

/// The node and its cluster when the rescue was armed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// This node's nodeid.
    pub(crate) nodeid: u32,
    /// The version of the copy.
    pub(crate) version: u64,
    /// Seconds after which the rescue looks.
    pub(crate) seconds: u64,
    /// When it was armed, in seconds since 1970.
    pub(crate) armed: u64,
    /// Who armed it, for people.
    pub(crate) owner: String,
    /// The nodes of the cluster. The rescue never writes a file with others.
    pub(crate) nodes: Nodes,
    /// The digests of the texts that the change may bring: of the copy, of each step, and so of each step's undoing.
    pub(crate) intended: BTreeSet<String>,
    /// Which links reached which nodes: nodeid and link number.
    pub(crate) connected: BTreeSet<(u32, u8)>,
}

/// The digest of a text without its version, so that a text that is put back under a higher version is the same.
#[must_use]
pub fn digest(text: &Document) -> String {
    let mut text = text.clone();
    text.remove(&Place::section("totem"), "config_version");
    let mut digest = String::new();
    for byte in Sha256::digest(text.to_bytes()) {
        let _ = write!(digest, "{byte:02x}");
    }
    digest
}

/// Whether this has the form of a digest.
#[must_use]
pub fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The nodes of a text; none when one of them has no nodeid.
pub(crate) fn nodes(text: &Document) -> Option<Nodes> {
    text.nodes().into_iter().map(|node| Some((node.nodeid?, node.name))).collect()
}

impl Record {
    /// This node's name in the cluster.
    pub(crate) fn name(&self) -> Option<&str> {
        self.nodes.iter().find(|(nodeid, _)| *nodeid == self.nodeid).map(|(_, name)| name.as_str())
    }

    /// The version under which the copy goes back, on every node the same.
    pub(crate) fn restored_version(&self) -> u64 {
        self.version.saturating_add(ABOVE)
    }

    /// Until when it may act, in seconds since 1970.
    pub(crate) fn until(&self) -> u64 {
        self.armed.saturating_add(self.seconds).saturating_add(VALID)
    }

    /// Whether it is too old to act. A clock that is far behind the moment of arming says nothing, and what is not known is no
    /// reason to act.
    pub(crate) fn has_expired(&self, now: u64) -> bool {
        now >= self.until() || now.saturating_add(CLOCKS) < self.armed
    }

    /// Whether the text has the nodes for which the rescue was armed.
    pub(crate) fn has_its_nodes(&self, text: &Document) -> bool {
        nodes(text).as_ref() == Some(&self.nodes)
    }

    /// Whether the text is one that the change may bring, under whichever version.
    pub(crate) fn intends(&self, text: &Document) -> bool {
        self.has_its_nodes(text) && self.intended.contains(&digest(text))
    }

    /// As lines of words.
    pub(crate) fn to_text(&self) -> String {
        let Self { nodeid, version, seconds, armed, owner, nodes, intended, connected } = self;
        let mut text = format!(
            "nodeid {nodeid}\nversion {version}\nseconds {seconds}\narmed {armed}\nowner {}\n",
            owner.replace(['\n', '\r'], " ")
        );
        for (nodeid, name) in nodes {
            let _ = writeln!(text, "node {nodeid} {name}");
        }
        for digest in intended {
            let _ = writeln!(text, "intended {digest}");
        }
        for (nodeid, link) in connected {
            let _ = writeln!(text, "connected {nodeid} {link}");
        }
        text.push_str("end\n");
        text
    }

    /// From its lines; none when they are not whole, as after a power cut.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut record = Self::default();
        for line in text.lines() {
            if let Some(owner) = line.strip_prefix("owner ") {
                owner.clone_into(&mut record.owner);
                continue;
            }
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["nodeid", value] => record.nodeid = value.parse().ok()?,
                ["version", value] => record.version = value.parse().ok()?,
                ["seconds", value] => record.seconds = value.parse().ok()?,
                ["armed", value] => record.armed = value.parse().ok()?,
                ["node", nodeid, name] => {
                    record.nodes.insert((nodeid.parse().ok()?, (*name).to_owned()));
                }
                ["intended", digest] if is_digest(digest) => {
                    record.intended.insert((*digest).to_owned());
                }
                ["connected", nodeid, link] => {
                    record.connected.insert((nodeid.parse().ok()?, link.parse().ok()?));
                }
                ["end"] => return record.is_whole().then_some(record),
                _ => return None,
            }
        }
        None
    }

    fn is_whole(&self) -> bool {
        self.nodeid > 0 && self.version > 0 && !self.nodes.is_empty() && !self.intended.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide_tests::conf;

    fn record() -> Record {
        let copy = conf(7, &["10.77.1"]);
        Record {
            nodeid: 2,
            version: 7,
            seconds: 300,
            armed: 1_800_000_000,
            owner: "the role on a controller".to_owned(),
            nodes: nodes(&copy).unwrap(),
            intended: BTreeSet::from([digest(&copy)]),
            connected: BTreeSet::from([(1, 0), (3, 0), (3, 1)]),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let record = record();
        let text = record.to_text();
        assert_eq!(Record::parse(&text), Some(record.clone()));
        assert_eq!(record.restored_version(), 107);
        // half of it is none
        for (end, _) in text.trim_end().char_indices() {
            assert_eq!(Record::parse(&text[..end]), None, "{end}");
        }
        let split = Record { owner: "a\nend\nb".to_owned(), ..record };
        assert_eq!(Record::parse(&split.to_text()).unwrap().owner, "a end b");
    }

    #[test]
    fn each_part_is_needed() {
        let text = record().to_text();
        for part in ["nodeid ", "version ", "node ", "intended "] {
            let less: String =
                text.lines().filter(|line| !line.starts_with(part)).map(|line| format!("{line}\n")).collect();
            assert_eq!(Record::parse(&less), None, "{part}");
        }
        assert_eq!(Record::parse(&text.replace("intended ", "intended x")), None);
        assert!(is_digest(&digest(&conf(1, &["10.77.1"]))));
        assert!(!is_digest(&"A".repeat(64)) && !is_digest(&"a".repeat(63)) && !is_digest(&"a".repeat(65)));
    }

    #[test]
    fn a_text_is_intended_under_any_version_and_with_no_other_nodes() {
        let record = record();
        assert!(record.intends(&conf(7, &["10.77.1"])) && record.intends(&conf(107, &["10.77.1"])));
        assert!(!record.intends(&conf(7, &["10.77.2"])));
        let mut more = record.clone();
        more.nodes.insert((4, "pve4".to_owned()));
        assert!(!more.intends(&conf(7, &["10.77.1"])));
        let mut other = record;
        other.nodes =
            BTreeSet::from([(1, "pve1".to_owned()), (2, "pve2".to_owned()), (3, "pve9".to_owned())]);
        assert!(!other.has_its_nodes(&conf(7, &["10.77.1"])));
    }

    #[test]
    fn it_expires_a_day_after_its_time_and_with_a_clock_that_cannot_be_right() {
        let record = record();
        let last = 1_800_000_000 + 300 + 86_400;
        assert_eq!(record.until(), last);
        for (now, expired) in [
            (1_800_000_000, false),
            (last - 1, false),
            (last, true),
            (last + 1, true),
            (1_800_000_000 - 3600, false),
            (1_800_000_000 - 3601, true),
            (0, true),
        ] {
            assert_eq!(record.has_expired(now), expired, "{now}");
        }
    }

    /// An administrator or a test can calculate it on a node.
    #[test]
    fn the_digest_is_that_of_the_text_without_the_line_of_its_version() {
        let text = conf(7, &["10.77.1"]).to_text();
        let less: String = text
            .lines()
            .filter(|line| !line.contains("config_version:"))
            .map(|line| format!("{line}\n"))
            .collect();
        let mut expected = String::new();
        for byte in Sha256::digest(less.as_bytes()) {
            let _ = write!(expected, "{byte:02x}");
        }
        assert_eq!(digest(&conf(7, &["10.77.1"])), expected);
    }
}
