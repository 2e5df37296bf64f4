// SPDX-License-Identifier: GPL-3.0-or-later
//! Where in the file something stands.

use std::fmt;

/// A section of the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The section at this path of names, such as `quorum`, `device`, `net`.
    Section(Vec<String>),
    /// The nodelist's section of the node with this name.
    Node(String),
    /// The settings of the link with this number.
    Interface(u8),
    /// The log settings of the subsystem with this name.
    Logger(String),
}

impl Place {
    /// The section at a path with dots between the names, such as `quorum.device`.
    #[must_use]
    pub fn section(path: &str) -> Self {
        Self::Section(path.split('.').map(str::to_owned).collect())
    }

    /// The names on the way to the section.
    pub(crate) fn path(&self) -> Vec<String> {
        let names: &[&str] = match self {
            Self::Section(path) => return path.clone(),
            Self::Node(_) => &["nodelist", "node"],
            Self::Interface(_) => &["totem", "interface"],
            Self::Logger(_) => &["logging", "logger_subsys"],
        };
        names.iter().map(|name| (*name).to_owned()).collect()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Section(path) => f.write_str(&path.join(".")),
            Self::Node(name) => write!(f, "nodelist.node[{name}]"),
            Self::Interface(link) => write!(f, "totem.interface[{link}]"),
            Self::Logger(subsys) => write!(f, "logging.logger_subsys[{subsys}]"),
        }
    }
}
