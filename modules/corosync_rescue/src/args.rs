// SPDX-License-Identifier: GPL-3.0-or-later
//! What the task asks for.

use ansible_module::{Kind, Opt, Spec};
use serde::Deserialize;

/// The module's options.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Args {
    pub(crate) state: State,
    pub(crate) after: i64,
    pub(crate) timeout: i64,
    pub(crate) config_version: Option<i64>,
    pub(crate) owner: String,
    pub(crate) intended: Option<Vec<String>>,
    pub(crate) force: bool,
}

/// Whether a rescue is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Armed,
    Disarmed,
}

/// The options as `plugins/modules/corosync_rescue.py` documents them.
pub(crate) fn spec() -> Spec {
    Spec {
        name: "corosync_rescue",
        options: vec![
            Opt::new("state", Kind::Str).choices(&["armed", "disarmed"]).default("armed"),
            Opt::new("after", Kind::Int).default(300),
            Opt::new("timeout", Kind::Int).default(180),
            Opt::new("config_version", Kind::Int),
            Opt::new("owner", Kind::Str).default("an Ansible task"),
            Opt::list("intended", Kind::Str),
            Opt::new("force", Kind::Bool).default(false),
        ],
        ..Spec::default()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn docs_match_the_spec() {
        testkit::assert_docs_match(&super::spec());
    }
}
