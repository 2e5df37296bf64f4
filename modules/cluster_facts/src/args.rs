// SPDX-License-Identifier: GPL-3.0-or-later
//! What the playbook asks: which facts beyond those that are always told.

use ansible_module::{Kind, Opt, Spec};
use serde::Deserialize;

/// The checked options.
#[derive(Debug, Deserialize)]
pub(crate) struct Args {
    /// Facts that take more programs to read.
    pub(crate) gather: Vec<Part>,
    /// Seconds for which a state that passes by itself is looked at again.
    pub(crate) settle: i64,
}

/// Facts beyond those that are always told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    /// What tells trouble before it stops the cluster.
    Health,
}

/// The options, as the documentation lists them.
pub(crate) fn spec() -> Spec {
    Spec {
        name: "cluster_facts",
        options: vec![
            Opt::list("gather", Kind::Str).default(serde_json::json!([])).choices(&["health"]),
            Opt::new("settle", Kind::Int).default(0),
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
