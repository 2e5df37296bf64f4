// SPDX-License-Identifier: GPL-3.0-or-later
//! Changes the options of a running Proxmox VE cluster's corosync.conf, and says so only when every node runs them.

mod apply;
mod args;
mod backup;
mod cluster_key;
#[cfg(test)]
mod cluster_key_tests;
mod content;
#[cfg(test)]
mod content_tests;
#[cfg(test)]
mod corpus_tests;
mod drift;
#[cfg(test)]
mod drift_tests;
mod export;
#[cfg(test)]
mod fake;
mod guard;
#[cfg(test)]
mod link_tests;
mod links;
mod module;
#[cfg(test)]
mod module_tests;
mod network;
mod nodes;
mod observe;
mod plan;
#[cfg(test)]
mod plan_tests;
#[cfg(test)]
mod property_tests;
mod releases;
mod restart_record;
mod returned;
#[cfg(test)]
mod returned_tests;
mod settings;
mod stages;
mod verify;
#[cfg(test)]
mod verify_tests;

use std::process::ExitCode;

/// The module as a process: see [`ansible_module::main`].
pub fn main() -> ExitCode {
    ansible_module::main(&args::spec(), module::run)
}

#[cfg(test)]
mod tests {
    #[test]
    fn docs_match_the_spec() {
        testkit::assert_docs_match(&crate::args::spec());
    }
}
