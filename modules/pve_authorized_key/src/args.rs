// SPDX-License-Identifier: GPL-3.0-or-later
//! The module's options.

use std::path::PathBuf;

use ansible_module::{Kind, Opt, Spec};
use serde::Deserialize;
use serde_json::Value;

/// How long a lock that its holder left behind stays, and some time to spare: pmxcfs gives it away after 120 s.
const TIMEOUT: u64 = 150;

/// What the playbook asks.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Args {
    /// A string or a list of strings. Not of type `list`: Ansible would split a string at its commas, and options
    /// have commas.
    #[serde(default)]
    pub(crate) key: Option<Value>,
    #[serde(default)]
    pub(crate) key_file: Option<Vec<PathBuf>>,
    pub(crate) state: State,
    #[serde(default)]
    pub(crate) key_options: Option<String>,
    #[serde(default)]
    pub(crate) comment: Option<String>,
    pub(crate) exclusive: bool,
    pub(crate) allow_lockout: bool,
    pub(crate) user: String,
    #[serde(default)]
    pub(crate) scope: Option<Scope>,
    pub(crate) timeout: i64,
}

/// Whether the keys are to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    Present,
    Absent,
}

/// In which files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scope {
    Cluster,
    Local,
    Both,
}

impl Scope {
    pub(crate) fn has_cluster(self) -> bool {
        self != Self::Local
    }

    pub(crate) fn has_local(self) -> bool {
        self != Self::Cluster
    }
}

/// The options as the documentation lists them.
pub(crate) fn spec() -> Spec {
    Spec {
        name: "pve_authorized_key",
        options: vec![
            Opt::new("key", Kind::Raw),
            Opt::list("key_file", Kind::Path),
            Opt::new("state", Kind::Str).default("present").choices(&["present", "absent"]),
            Opt::new("key_options", Kind::Str),
            Opt::new("comment", Kind::Str),
            Opt::new("exclusive", Kind::Bool).default(false),
            Opt::new("allow_lockout", Kind::Bool).default(false),
            Opt::new("user", Kind::Str).default("root"),
            Opt::new("scope", Kind::Str).choices(&["cluster", "local", "both"]),
            Opt::new("timeout", Kind::Int).default(TIMEOUT),
        ],
        mutually_exclusive: &[&["key", "key_file"]],
        required_one_of: &[&["key", "key_file"]],
        ..Spec::default()
    }
}
