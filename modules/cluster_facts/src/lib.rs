// SPDX-License-Identifier: GPL-3.0-or-later
//! Ansible module `cluster_facts`: what a Proxmox VE node and its cluster are like now.

mod args;
#[cfg(test)]
mod documented;
mod facts;
#[cfg(test)]
mod golden;
mod health;
#[cfg(test)]
mod health_tests;
mod links;
mod module;
mod nodes;
mod observe;

#[cfg(test)]
mod recorded;
#[cfg(test)]
#[path = "../../cluster-state/tests/support/recording.rs"]
mod recording;
#[cfg(test)]
#[path = "../../cluster-state/tests/support/situations.rs"]
mod situations;

use std::process::ExitCode;

/// The module as a process: see [`ansible_module::main`].
pub fn main() -> ExitCode {
    ansible_module::main(&args::spec(), module::run)
}
