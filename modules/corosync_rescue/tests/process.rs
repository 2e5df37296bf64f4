// SPDX-License-Identifier: GPL-3.0-or-later
//! The binary itself, on a machine that is no Proxmox VE node.

use assert_cmd::Command;
use serde_json::Value;

fn answer(arguments: &str) -> (Value, bool) {
    testkit::answer_of("corosync_rescue", arguments)
}

#[test]
fn a_machine_without_a_cluster_is_refused() {
    let node = std::path::Path::new("/etc/pve").exists();
    assert!(
        !node,
        "this machine is a Proxmox VE node, on which this test would arm a timer: run it elsewhere"
    );
    let (answer, success) = answer(r#"{"_ansible_check_mode": true}"#);
    let said = answer["msg"].as_str().unwrap();
    assert!(said.starts_with("cannot arm the rescue of '/etc/corosync/corosync.conf': "), "{answer}");
    assert!(!success);
}

#[test]
fn the_words_that_systemd_uses_are_no_arguments_files() {
    let run = |word: &str| Command::cargo_bin("corosync_rescue").unwrap().arg(word).output().unwrap();
    assert_eq!(run("ready").stdout, b"ready\n");
    let fired = run("fire");
    let said = String::from_utf8(fired.stdout).unwrap();
    assert!(
        said.contains(
            "cannot put corosync.conf back: cannot read '/var/lib/pve-cluster-collection/rescue/record'"
        ),
        "{said}"
    );
    assert!(!fired.status.success());
}
