// SPDX-License-Identifier: GPL-3.0-or-later
//! The binary itself, on a machine that is no Proxmox VE node.

#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::io::Write as _;

use assert_cmd::Command;
use serde_json::Value;

fn answer(arguments: &str) -> (Value, bool) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(arguments.as_bytes()).unwrap();
    let output = Command::cargo_bin("corosync_conf").unwrap().arg(file.path()).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!((stdout.lines().count(), output.stderr), (1, Vec::new()), "one line, and nothing on stderr");
    (serde_json::from_str(&stdout).unwrap(), output.status.success())
}

#[test]
fn a_machine_without_a_cluster_is_refused() {
    let node = std::path::Path::new("/etc/pve").exists();
    assert!(
        !node,
        "this machine is a Proxmox VE node, whose cluster this test would change: run it elsewhere"
    );
    for check_mode in ["false", "true"] {
        let arguments = format!("{{\"totem\": {{\"token\": 5000}}, \"_ansible_check_mode\": {check_mode}}}");
        let (answer, success) = answer(&arguments);
        let expected = "cannot change '/etc/pve/corosync.conf': Proxmox VE is not installed on this machine";
        assert_eq!((&answer["msg"], success), (&Value::from(expected), false), "{answer}");
        assert_eq!(answer["changed"], false);
    }
}

#[test]
fn options_are_judged_before_the_machine() {
    let (answer, success) = answer(r#"{"totem": {"tokn": 5000}, "timeout": "0"}"#);
    let expected = "cannot change '/etc/pve/corosync.conf': 'tokn' is no option of 'totem': did you mean 'token'?; 'timeout' is 0 s \
                    and must be from 1 to 3600 s";
    assert_eq!((&answer["msg"], success), (&Value::from(expected), false));
}
