// SPDX-License-Identifier: GPL-3.0-or-later
//! Creates a Proxmox VE cluster, or joins one, and says so only when the cluster does.

mod aftermath;
mod args;
mod explain;
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
mod probe;
mod reason;
mod seen;
mod verify;
mod wanted;

use std::process::ExitCode;

fn main() -> ExitCode {
    ansible_module::main(&args::spec(), module::run)
}
