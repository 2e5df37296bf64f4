// SPDX-License-Identifier: GPL-3.0-or-later
//! The binary itself, on a machine that is no Proxmox VE node.

#[test]
fn a_machine_without_a_cluster_is_refused() {
    let node = std::path::Path::new("/etc/pve").exists();
    assert!(
        !node,
        "this machine is a Proxmox VE node, whose corosync this test would restart: run it elsewhere"
    );
    let (answer, success) = testkit::answer_of("corosync_restart", r#"{"_ansible_check_mode": true}"#);
    assert!(
        answer["msg"].as_str().unwrap().starts_with("cannot restart 'corosync': this node is not quorate"),
        "{answer}"
    );
    assert!(!success);
}
