// SPDX-License-Identifier: GPL-3.0-or-later
//! The binary itself, on a machine that is no Proxmox VE node.

use std::io::Write as _;

use assert_cmd::Command;
use serde_json::Value;

#[test]
fn a_machine_without_a_cluster_is_refused() {
    let node = std::path::Path::new("/etc/pve").exists();
    assert!(
        !node,
        "this machine is a Proxmox VE node, whose corosync this test would restart: run it elsewhere"
    );
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(br#"{"_ansible_check_mode": true}"#).unwrap();
    let output = Command::cargo_bin("corosync_restart").unwrap().arg(file.path()).output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        answer["msg"].as_str().unwrap().starts_with("cannot restart 'corosync': this node is not quorate"),
        "{answer}"
    );
    assert!(!output.status.success());
}
