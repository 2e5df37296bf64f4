// SPDX-License-Identifier: GPL-3.0-or-later
//! What is to happen to a file, whatever it holds.

use authorized_keys_document::{Document, Entry, Given, PublicKey, is_certificate_authority};

use crate::args::State;
use crate::request::Request;

/// The cluster's own keys: PVE's nodes log in to each other as root.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Nodes {
    /// The nodes' names, from /etc/pve/nodes.
    pub(crate) names: Vec<String>,
    /// The public keys of root on this node.
    pub(crate) own: Vec<PublicKey>,
}

impl Nodes {
    /// Whether a line holds a node's key: this node's own, or one whose comment is `root@` and a node's name, as
    /// ssh-keygen writes it when PVE has it make the key.
    pub(crate) fn hold(&self, entry: &Entry) -> bool {
        self.own.contains(&entry.key) || self.named_in(entry).is_some()
    }

    /// The node that the comment names.
    fn named_in(&self, entry: &Entry) -> Option<&str> {
        let comment = std::str::from_utf8(&entry.comment).ok()?;
        let host = comment.strip_prefix("root@")?;
        let name = host.split('.').next()?;
        self.names.iter().find(|node| node.eq_ignore_ascii_case(name)).map(String::as_str)
    }
}

/// What is to happen to a file.
#[derive(Debug, Clone)]
pub(crate) struct Edit {
    pub(crate) keys: Vec<Given>,
    pub(crate) state: State,
    /// Whether missing keys are added; keys are removed in every file, but added in one only.
    pub(crate) adds: bool,
    /// Whether all other keys go, but for those of the nodes.
    pub(crate) exclusive: bool,
    pub(crate) nodes: Nodes,
}

impl Edit {
    pub(crate) fn of(request: &Request, nodes: &Nodes, adds: bool) -> Self {
        Self {
            keys: request.keys.clone(),
            state: request.state,
            adds,
            exclusive: request.exclusive,
            nodes: nodes.clone(),
        }
    }

    /// The file afterwards.
    pub(crate) fn apply(&self, before: &[u8]) -> Vec<u8> {
        let mut document = Document::parse(before);
        if self.exclusive {
            document.keep_only(|entry| self.is_given(entry) || self.nodes.hold(entry));
        }
        for key in &self.keys {
            match self.state {
                State::Absent => document.remove(&key.key),
                State::Present if self.adds => document.ensure(key),
                State::Present => {}
            }
        }
        document.to_bytes()
    }

    /// Whether nothing is left to do to a file.
    pub(crate) fn holds(&self, content: &[u8]) -> bool {
        self.apply(content) == content
    }

    /// The lines of nodes that `exclusive` leaves in a file although they were not given.
    pub(crate) fn spared(&self, content: &[u8]) -> Vec<Entry> {
        if !self.exclusive {
            return Vec::new();
        }
        let document = Document::parse(content);
        document.entries().filter(|entry| !self.is_given(entry) && self.nodes.hold(entry)).cloned().collect()
    }

    /// Whether a line grants what one of the given keys is to be granted: to log in, or to sign keys.
    fn is_given(&self, entry: &Entry) -> bool {
        self.keys.iter().any(|key| {
            let authority =
                key.options.as_deref().is_some_and(|text| is_certificate_authority(text.as_bytes()));
            key.key == entry.key && authority == entry.is_certificate_authority()
        })
    }
}
