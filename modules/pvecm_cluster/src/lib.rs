// SPDX-License-Identifier: GPL-3.0-or-later
//! Creates a Proxmox VE cluster, joins one, leaves it, or removes a node from it, and says so only when the cluster does.

mod args;
mod create;
mod declared;
mod dispatch;
mod join;
mod leave;
mod member;
mod remove;
mod repair;
mod reserve;

use std::process::ExitCode;

/// For the fuzzer alone.
#[cfg(fuzzing)]
pub mod fuzzed {
    /// Reads what the cluster node has told of itself, as a reservation has it.
    pub fn reservation(text: &str) {
        drop(membership::probe::peer(text, &|_| true));
    }
}

/// The module as a process: see [`ansible_module::main`].
pub fn main() -> ExitCode {
    ansible_module::main(&args::spec(), dispatch::run)
}
