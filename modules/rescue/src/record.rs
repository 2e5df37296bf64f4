// SPDX-License-Identifier: GPL-3.0-or-later
//! What is known of the time when the rescue was armed.

use std::collections::BTreeSet;
use std::fmt::Write;

/// How far the version of the copy is raised. A change, its steps and their undoing use a few; the next armed rescue
/// begins above all of them.
const ABOVE: u64 = 100;

/// The node and its cluster when the rescue was armed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// This node's nodeid.
    pub(crate) nodeid: u32,
    /// The version of the copy.
    pub(crate) version: u64,
    /// Seconds after which the rescue looks.
    pub(crate) seconds: u64,
    /// Whether high availability was armed, so that it must be again.
    pub(crate) ha_armed: bool,
    /// Which links reached which nodes: nodeid and link number.
    pub(crate) connected: BTreeSet<(u32, u8)>,
}

impl Record {
    /// The version under which the copy goes back, on every node the same.
    pub(crate) fn restored_version(&self) -> u64 {
        self.version.saturating_add(ABOVE)
    }

    /// As lines of words.
    pub(crate) fn to_text(&self) -> String {
        let Self { nodeid, version, seconds, ha_armed, connected } = self;
        let mut text = format!(
            "nodeid {nodeid}\nversion {version}\nseconds {seconds}\nha_armed {}\n",
            u8::from(*ha_armed)
        );
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
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["nodeid", value] => record.nodeid = value.parse().ok()?,
                ["version", value] => record.version = value.parse().ok()?,
                ["seconds", value] => record.seconds = value.parse().ok()?,
                ["ha_armed", value] => record.ha_armed = *value == "1",
                ["connected", nodeid, link] => {
                    record.connected.insert((nodeid.parse().ok()?, link.parse().ok()?));
                }
                ["end"] => return (record.nodeid > 0 && record.version > 0).then_some(record),
                _ => return None,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let record = Record {
            nodeid: 2,
            version: 7,
            seconds: 300,
            ha_armed: true,
            connected: BTreeSet::from([(1, 0), (3, 0), (3, 1)]),
        };
        let text = record.to_text();
        assert_eq!(Record::parse(&text), Some(record.clone()));
        assert_eq!(record.restored_version(), 107);
        // half of it is none
        for (end, _) in text.trim_end().char_indices() {
            assert_eq!(Record::parse(&text[..end]), None, "{end}");
        }
    }
}
