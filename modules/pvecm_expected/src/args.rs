// SPDX-License-Identifier: GPL-3.0-or-later
//! What the task asks for.

use ansible_module::{Kind, Opt, Spec};
use serde::Deserialize;

/// The module's options.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Args {
    pub(crate) cluster_name: String,
    pub(crate) offline_nodes: Vec<String>,
    pub(crate) known_off: Vec<String>,
    pub(crate) reached: Vec<Reached>,
    pub(crate) votes: Option<i64>,
    pub(crate) timeout: i64,
}

/// A sign of life of a node that somebody else saw.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Reached {
    pub(crate) node: String,
    pub(crate) by: String,
    pub(crate) how: String,
    /// Whether it was the node itself that answered, and not just something at its address.
    pub(crate) itself: bool,
}

/// The options as `plugins/modules/pvecm_expected.py` documents them.
pub(crate) fn spec() -> Spec {
    let reached = vec![
        Opt::new("node", Kind::Str).required(),
        Opt::new("by", Kind::Str).required(),
        Opt::new("how", Kind::Str).required(),
        Opt::new("itself", Kind::Bool).default(false),
    ];
    Spec {
        name: "pvecm_expected",
        options: vec![
            Opt::new("cluster_name", Kind::Str).required(),
            Opt::list("offline_nodes", Kind::Str).required(),
            Opt::list("known_off", Kind::Str).default(Vec::<String>::new()),
            Opt::list("reached", Kind::Dict).default(Vec::<String>::new()).suboptions(reached),
            Opt::new("votes", Kind::Int),
            Opt::new("timeout", Kind::Int).default(60),
        ],
        ..Spec::default()
    }
}
