// SPDX-License-Identifier: GPL-3.0-or-later
//! Leaving the terminal that Ansible's ssh connection comes with.

/// Leaves the terminal, where there is one: a connection that is lost then hangs up nobody, and no program can ask
/// for a password there or be stopped for writing to it. Where that is not possible nothing changes.
pub fn leave_terminal() {
    // The leader of a process group cannot. A module is not: it runs below a shell.
    let _ = nix::unistd::setsid();
}
