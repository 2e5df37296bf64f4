// SPDX-License-Identifier: GPL-3.0-or-later
//! Ansible module `pve_authorized_key`: ssh keys in the cluster's `authorized_keys` and beside it.

mod apply;
mod args;
mod caller;
mod cluster_file;
mod drop_in;
mod edit;
mod local_file;
mod lockout;
mod module;
mod observe;
mod place;
mod plan;
mod read_only;
mod report;
mod request;
mod sshd;

#[cfg(test)]
mod tests;

use std::process::ExitCode;

/// The module as a process: see [`ansible_module::main`].
pub fn main() -> ExitCode {
    ansible_module::main(&args::spec(), module::run)
}
