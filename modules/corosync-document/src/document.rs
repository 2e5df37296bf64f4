// SPDX-License-Identifier: GPL-3.0-or-later
//! The file as lines, and what stands in it.

use crate::line::{self, Line};
use crate::tree::Tree;

/// A corosync.conf: every byte of it, and the sections that corosync sees in it.
///
/// Reading is lenient: any bytes are a document. Whether both programs that read the file can make sense of it is
/// what [`crate::disagreements`] tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub(crate) lines: Vec<Line>,
    pub(crate) tree: Tree,
}

impl Document {
    /// Reads a file's bytes. Any bytes will do.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        Self::of(line::lines(bytes))
    }

    pub(crate) fn of(lines: Vec<Line>) -> Self {
        let tree = Tree::of(&lines);
        Self { lines, tree }
    }

    /// The file's bytes: those that were parsed, with the edits made since.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|line| line.bytes.iter().copied()).collect()
    }

    /// The file's text, for people; bytes that are not UTF-8 are replaced by U+FFFD.
    #[must_use]
    pub fn to_text(&self) -> String {
        String::from_utf8_lossy(&self.to_bytes()).into_owned()
    }

    /// The value at a path of section names and a key, such as `totem.token` or `quorum.device.net.host`.
    ///
    /// Sections of the same name count as one, the last value wins, as for corosync. For sections that exist
    /// several times, each for itself (`nodelist.node`, `totem.interface`), use [`Document::nodes`] and
    /// [`Document::interfaces`].
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&str> {
        let mut names: Vec<&str> = path.split('.').collect();
        let key = names.pop()?;
        let sections = self.tree.at(&names);
        sections.iter().rev().find_map(|index| self.tree.sections.get(*index)?.value(key))
    }
}
