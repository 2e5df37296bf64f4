// SPDX-License-Identifier: GPL-3.0-or-later
//! Creates a Proxmox VE cluster, joins one, leaves it, or removes a node from it, and says so only when the cluster does.

mod absence;
mod aftermath;
mod args;
mod authority;
mod database_copy;
mod explain;
#[cfg(test)]
mod explain_recorded;
#[cfg(test)]
mod fake;
mod module;
#[cfg(test)]
mod module_tests;
mod net;
mod observe;
mod plan;
#[cfg(test)]
mod plan_tests;
mod pmxcfs_service;
mod probe;
mod reason;
mod removal;
mod repair;
mod reservation;
mod seen;
mod verify;
mod wanted;
mod way;

use std::process::ExitCode;

/// For the fuzzer alone.
#[cfg(fuzzing)]
pub mod fuzzed {
    /// Reads what the cluster node has told of itself, as a reservation has it.
    pub fn reservation(text: &str) {
        drop(crate::probe::peer(text, &|_| true));
    }
}

/// The module as a process: see [`ansible_module::main`].
pub fn main() -> ExitCode {
    ansible_module::main(&args::spec(), module::run)
}
