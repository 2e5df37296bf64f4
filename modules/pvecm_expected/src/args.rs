// SPDX-License-Identifier: GPL-3.0-or-later
//! What the task asks for.

use ansible_module::{Kind, Opt, Spec};
use serde::Deserialize;

/// The module's options.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Args {
    pub(crate) cluster_name: String,
    pub(crate) offline_nodes: Vec<String>,
    pub(crate) votes: Option<i64>,
    pub(crate) timeout: i64,
}

/// The options as `plugins/modules/pvecm_expected.py` documents them.
pub(crate) fn spec() -> Spec {
    Spec {
        name: "pvecm_expected",
        options: vec![
            Opt::new("cluster_name", Kind::Str).required(),
            Opt::list("offline_nodes", Kind::Str).required(),
            Opt::new("votes", Kind::Int),
            Opt::new("timeout", Kind::Int).default(60),
        ],
        ..Spec::default()
    }
}
