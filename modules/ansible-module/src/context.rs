// SPDX-License-Identifier: GPL-3.0-or-later
//! How Ansible called the module.

/// How Ansible called the module: what the `_ansible_*` arguments say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context {
    /// Say what would be done, do nothing.
    pub check_mode: bool,
    /// Return the difference too.
    pub diff: bool,
    /// The task hides its results.
    pub no_log: bool,
    /// 0-4, as many as `-v` were given.
    pub verbosity: u8,
    /// The module's name as the playbook wrote it, for messages.
    pub module_name: String,
    /// Whether tracebacks of errors are wanted.
    pub tracebacks: bool,
}
