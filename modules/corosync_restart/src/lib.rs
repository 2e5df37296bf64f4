// SPDX-License-Identifier: GPL-3.0-or-later
//! Restarts corosync on a node, for options that it reads only then: never where it costs quorum, and never two at once.

mod module;
#[cfg(test)]
mod module_tests;

use std::process::ExitCode;

/// The module as a process: see [`ansible_module::main`].
pub fn main() -> ExitCode {
    ansible_module::main(&module::spec(), module::run)
}
