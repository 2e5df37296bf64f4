// SPDX-License-Identifier: GPL-3.0-or-later
//! The files that there can be.

use corosync_document::Document;

/// As it was.
pub(super) const BEFORE: u8 = 0;
/// What a good change brings.
pub(super) const AFTER: u8 = 1;
/// What a bad one brings: addresses where nobody is.
pub(super) const BAD: u8 = 2;
/// What an administrator writes meanwhile.
pub(super) const EDITED: u8 = 3;
/// One more node.
pub(super) const ADDED: u8 = 4;
/// One node less.
pub(super) const REMOVED: u8 = 5;

/// The version when the rescues were armed.
pub(super) const VERSION: u64 = 4;
/// That under which the copy goes back.
pub(super) const RESTORED: u64 = 104;

/// A text under a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct File {
    pub(super) text: u8,
    pub(super) version: u64,
}

/// How many nodes a text lists, of a cluster of so many.
pub(super) fn listed(nodes: usize, text: u8) -> usize {
    match text {
        ADDED => nodes + 1,
        REMOVED => nodes - 1,
        _ => nodes,
    }
}

/// The document.
pub(super) fn text(nodes: usize, text: u8, version: u64) -> Document {
    let network = if text == BAD { "10.9.9" } else { "10.77.1" };
    let token = match text {
        AFTER | BAD => "  token: 5000\n",
        EDITED => "  token: 7000\n",
        _ => "",
    };
    let mut written = "nodelist {\n".to_owned();
    for node in 1..=listed(nodes, text) {
        written.push_str(&format!(
            "  node {{\n    name: pve{node}\n    nodeid: {node}\n    quorum_votes: 1\n    ring0_addr: {network}.{node}\n  }}\n"
        ));
    }
    written.push_str(&format!(
        "}}\n\ntotem {{\n  cluster_name: prod\n  config_version: {version}\n{token}  version: 2\n}}\n"
    ));
    Document::parse(written.as_bytes())
}

/// Which of them a document is.
pub(super) fn file_of(nodes: usize, document: &Document) -> File {
    let version = document.config_version().unwrap();
    let bytes = document.to_bytes();
    let known = (BEFORE..=REMOVED).find(|id| text(nodes, *id, version).to_bytes() == bytes);
    File { text: known.unwrap(), version }
}
