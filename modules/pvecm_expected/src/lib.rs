// SPDX-License-Identifier: GPL-3.0-or-later
//! Lets what is left of a Proxmox VE cluster be quorate by `pvecm expected`: an emergency measure, never taken in silence.

mod args;
#[cfg(test)]
mod fake;
mod module;
mod observe;
mod plan;
#[cfg(test)]
mod plan_tests;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

/// The module as a process: see [`ansible_module::main`].
pub fn main() -> ExitCode {
    ansible_module::main(&args::spec(), module::run)
}
