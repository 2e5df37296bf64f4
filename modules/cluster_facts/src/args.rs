// SPDX-License-Identifier: GPL-3.0-or-later
//! What the playbook asks: there is nothing to ask.

use ansible_module::Spec;
use serde::Deserialize;

/// No options.
#[derive(Debug, Deserialize)]
pub(crate) struct Args {}

/// No options.
pub(crate) fn spec() -> Spec {
    Spec { name: "cluster_facts", ..Spec::default() }
}

#[cfg(test)]
mod tests {
    #[test]
    fn docs_match_the_spec() {
        testkit::assert_docs_match(&super::spec());
    }
}
