// SPDX-License-Identifier: GPL-3.0-or-later
//! What the task asks for.

use ansible_module::{Kind, Opt, Spec};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The module's options.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Args {
    pub(crate) totem: Option<Map<String, Value>>,
    pub(crate) quorum: Option<Map<String, Value>>,
    pub(crate) logging: Option<Map<String, Value>>,
    pub(crate) timeout: i64,
}

/// The options as `plugins/modules/corosync_conf.py` documents them.
pub(crate) fn spec() -> Spec {
    Spec {
        name: "corosync_conf",
        options: vec![
            Opt::new("totem", Kind::Dict),
            Opt::new("quorum", Kind::Dict),
            Opt::new("logging", Kind::Dict),
            Opt::new("timeout", Kind::Int).default(60),
        ],
        required_one_of: &[&["totem", "quorum", "logging"]],
        ..Spec::default()
    }
}
