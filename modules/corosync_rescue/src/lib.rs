// SPDX-License-Identifier: GPL-3.0-or-later
//! Arms on a node what puts corosync.conf back by itself when a change of it costs the cluster, and calls it off.

mod args;
mod module;
#[cfg(test)]
mod module_tests;
mod timer;

use std::process::ExitCode;

/// The module as a process: see [`ansible_module::main`]. The timer that it arms starts the same program with a word
/// in the place of the arguments file.
pub fn main() -> ExitCode {
    let word = ansible_module::command_line().skip(1).last();
    match word.as_deref().and_then(|word| word.to_str()) {
        Some(word) if word == rescue::READY => timer::ready(),
        Some(word) if word == rescue::WORD => timer::fire(),
        _ => ansible_module::main(&args::spec(), module::run),
    }
}
