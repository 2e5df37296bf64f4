// SPDX-License-Identifier: GPL-3.0-or-later
//! What the task asks for.

use ansible_module::{Kind, Opt, Spec};
use serde::Deserialize;

/// What the node is to be afterwards; this alone chooses what the module does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// A member of the cluster, which is created on this node if there is none.
    Present,
    /// A member of the cluster that the cluster node belongs to.
    Joined,
}

/// One corosync link of this node.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Link {
    pub(crate) number: Option<i64>,
    pub(crate) address: String,
    pub(crate) priority: Option<i64>,
}

/// The module's options.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Args {
    pub(crate) state: State,
    pub(crate) cluster_name: String,
    pub(crate) links: Vec<Link>,
    pub(crate) nodeid: Option<i64>,
    pub(crate) votes: Option<i64>,
    pub(crate) token_coefficient: Option<i64>,
    pub(crate) cluster_node: Option<String>,
    pub(crate) force: bool,
    pub(crate) timeout: i64,
}

/// The options as `plugins/modules/pvecm_cluster.py` documents them.
pub(crate) fn spec() -> Spec {
    Spec {
        name: "pvecm_cluster",
        options: vec![
            Opt::new("state", Kind::Str).default("present").choices(&["present", "joined"]),
            Opt::new("cluster_name", Kind::Str).required(),
            Opt::list("links", Kind::Dict).required().suboptions(vec![
                Opt::new("number", Kind::Int),
                Opt::new("address", Kind::Str).required(),
                Opt::new("priority", Kind::Int),
            ]),
            Opt::new("nodeid", Kind::Int),
            Opt::new("votes", Kind::Int),
            Opt::new("token_coefficient", Kind::Int),
            Opt::new("cluster_node", Kind::Str),
            Opt::new("force", Kind::Bool).default(false),
            Opt::new("timeout", Kind::Int).default(120),
        ],
        required_if: &[("state", "joined", &["cluster_node"])],
        ..Spec::default()
    }
}
