// SPDX-License-Identifier: GPL-3.0-or-later
//! What the task asks for.

use ansible_module::{Kind, Opt, Spec};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::cluster_key::keys_in;

/// The module's options.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Args {
    pub(crate) totem: Option<Map<String, Value>>,
    pub(crate) quorum: Option<Map<String, Value>>,
    pub(crate) logging: Option<Map<String, Value>>,
    pub(crate) links: Option<Vec<LinkArgs>>,
    pub(crate) nodes: Option<Map<String, Value>>,
    pub(crate) content: Option<String>,
    pub(crate) state: State,
    pub(crate) several_links: bool,
    #[serde(default)]
    pub(crate) restart: bool,
    pub(crate) allow_offline: Option<Vec<String>>,
    pub(crate) ha: Ha,
    #[serde(default)]
    pub(crate) rescue_after: i64,
    pub(crate) validate_only: bool,
    pub(crate) timeout: i64,
}

/// What the module does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Changes the cluster's file; what is not listed stays.
    Merged,
    /// Changes the cluster's file; of each part that is given, what is not listed goes.
    Replaced,
    /// Brings this node back with the cluster's file.
    Returned,
}

/// What to do where high availability is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ha {
    /// Disarm it for the change.
    Disarm,
    /// Change nothing.
    Refuse,
    /// Go on.
    Ignore,
}

/// One element of `links`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct LinkArgs {
    pub(crate) number: i64,
    pub(crate) addresses: Option<Map<String, Value>>,
    pub(crate) priority: Option<i64>,
    pub(crate) options: Option<Map<String, Value>>,
    pub(crate) state: String,
}

/// The options as `plugins/modules/corosync_conf.py` documents them.
pub(crate) fn spec() -> Spec {
    Spec {
        name: "corosync_conf",
        options: vec![
            Opt::new("totem", Kind::Dict).secrets_in(keys_in),
            Opt::new("quorum", Kind::Dict),
            Opt::new("logging", Kind::Dict),
            Opt::list("links", Kind::Dict).suboptions(vec![
                Opt::new("number", Kind::Int).required(),
                Opt::new("addresses", Kind::Dict),
                Opt::new("priority", Kind::Int),
                Opt::new("options", Kind::Dict),
                Opt::new("state", Kind::Str).choices(&["present", "absent"]).default("present"),
            ]),
            Opt::new("nodes", Kind::Dict),
            Opt::new("content", Kind::Str).secrets_in(keys_in),
            Opt::new("state", Kind::Str).choices(&["merged", "replaced", "returned"]).default("merged"),
            Opt::new("several_links", Kind::Bool).default(false),
            Opt::new("restart", Kind::Bool).default(false),
            Opt::list("allow_offline", Kind::Str),
            Opt::new("ha", Kind::Str).choices(&["disarm", "refuse", "ignore"]).default("disarm"),
            Opt::new("rescue_after", Kind::Int).default(300),
            Opt::new("validate_only", Kind::Bool).default(false),
            Opt::new("timeout", Kind::Int).default(60),
        ],
        mutually_exclusive: &[
            &["content", "totem"],
            &["content", "quorum"],
            &["content", "logging"],
            &["content", "links"],
            &["content", "nodes"],
        ],
        required_if: &[("state", "returned", &["content"])],
        ..Spec::default()
    }
}
