// SPDX-License-Identifier: GPL-3.0-or-later
//! Gives a Proxmox VE cluster a QDevice, or takes it away, and says so only when the cluster does.

mod apply;
mod args;
#[cfg(test)]
mod fake;
mod module;
#[cfg(test)]
mod module_tests;
mod observe;
mod plan;
#[cfg(test)]
mod plan_tests;
mod qnetd;
mod reason;
mod seen;
mod verify;

use std::process::ExitCode;

/// The module as a process: see [`ansible_module::main`].
pub fn main() -> ExitCode {
    ansible_module::main(&args::spec(), module::run)
}
