// SPDX-License-Identifier: GPL-3.0-or-later
//! Ansible module `cluster_probe`: how nodes reach each other on the networks of a cluster.
//!
//! Every node runs it at the same time and measures all the others at once: each asks and answers until all have what they need.

mod args;
mod module;
mod session;
mod sockets;
#[cfg(test)]
mod sockets_tests;
mod statistics;
mod tcp;
mod wire;

use std::process::ExitCode;

/// The module as a process: see [`ansible_module::main`].
pub fn main() -> ExitCode {
    ansible_module::main(&args::spec(), module::run)
}
