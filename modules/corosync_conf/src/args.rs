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
    pub(crate) current: Option<String>,
    pub(crate) state: String,
    pub(crate) several_links: bool,
    #[serde(default)]
    pub(crate) restart: bool,
    pub(crate) allow_offline: Option<Vec<String>>,
    pub(crate) ha: String,
    #[serde(default)]
    pub(crate) rescue_after: i64,
    pub(crate) validate_only: bool,
    pub(crate) timeout: i64,
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
            Opt::new("current", Kind::Str).secrets_in(keys_in),
            Opt::new("state", Kind::Str).choices(&["merged", "replaced"]).default("merged"),
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
            &["current", "content"],
            &["current", "totem"],
            &["current", "quorum"],
            &["current", "logging"],
            &["current", "links"],
            &["current", "nodes"],
        ],
        ..Spec::default()
    }
}
