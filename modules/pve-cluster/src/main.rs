// SPDX-License-Identifier: GPL-3.0-or-later
//! Every module of the collection in one binary, so that a node is sent one file and not one a module.
//!
//! Which module it is says the name it was called by (`pvecm_cluster`, or `AnsiballZ_pvecm_cluster`, as Ansible names
//! what it copies), or else its first argument: `pve-cluster pvecm_cluster ARGUMENTS_FILE`.

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

/// A module's name and its `main`.
type Module = (&'static str, fn() -> ExitCode);

/// Every module; `plugins/modules` documents the same ones, which a test holds.
const MODULES: &[Module] = &[
    ("cluster_facts", cluster_facts::main),
    ("cluster_probe", cluster_probe::main),
    ("corosync_conf", corosync_conf::main),
    ("corosync_rescue", corosync_rescue::main),
    ("corosync_restart", corosync_restart::main),
    ("pve_authorized_key", pve_authorized_key::main),
    ("pvecm_cluster", pvecm_cluster::main),
    ("pvecm_expected", pvecm_expected::main),
    ("pvecm_qdevice", pvecm_qdevice::main),
    ("pvecm_relay", pvecm_relay::main),
];

fn main() -> ExitCode {
    let mut words = ansible_module::command_line();
    let called = words.next();
    match called.as_deref().and_then(by_name).or_else(|| words.next().as_deref().and_then(by_name)) {
        Some((_, module)) => module(),
        None => ansible_module::refuse(&format!(
            "cannot run 'pve-cluster': it must be told which module it is: {}",
            MODULES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
        )),
    }
}

/// The module that a path of a program, or a word, names.
fn by_name(word: &OsStr) -> Option<&'static Module> {
    let name = Path::new(word).file_name()?.to_str()?;
    let name = name.strip_prefix("AnsiballZ_").unwrap_or(name);
    MODULES.iter().find(|(known, _)| *known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_programs_and_words_choose_a_module() {
        for (module, _) in MODULES {
            for word in [
                (*module).to_owned(),
                format!("/root/.ansible/tmp/AnsiballZ_{module}"),
                format!("./{module}"),
            ] {
                assert_eq!(by_name(OsStr::new(&word)).map(|(name, _)| *name), Some(*module), "{word}");
            }
        }
        for word in ["", "/", "pve-cluster", "pvecm_cluster.py", "AnsiballZ_"] {
            assert!(by_name(OsStr::new(word)).is_none(), "{word}");
        }
    }
}
