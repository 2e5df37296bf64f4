// SPDX-License-Identifier: GPL-3.0-or-later
//! The cluster's file.

use std::time::Duration;

use host::Host;
use serde_json::{Value, json};
use testkit::Step;

use super::world::{
    CLUSTER, LOCAL, LOCK, MINE, NEW, OTHER, PVE1, PVE2, msg, node, nodes_keys, run, run_twice_as_said,
};

#[test]
fn a_key_is_added_in_this_order() {
    let host = node();
    let answer = run_twice_as_said(&host, json!({"key": format!("{MINE} me"), "scope": "cluster"}));
    assert_eq!(answer["changed"], json!(true));
    assert_eq!(host.text(CLUSTER), format!("{}{MINE} me\n", nodes_keys()));
    let name = format!("{LOCK}-by-change.pve1.100.5100.0f1e2d3c4b5a49788796a5b4c3d2e1f0.1767225600");
    assert_eq!(
        host.effects(),
        [
            format!("mkdir {LOCK} 0700"),
            format!("mkdir {name} 0700"),
            format!("create {NEW} 0600 ({} bytes)", host.text(CLUSTER).len()),
            format!("rename {NEW} -> {CLUSTER}"),
            format!("rmdir {LOCK}"),
            format!("rmdir {name}"),
        ]
    );
    assert_eq!(host.machine().get(CLUSTER).unwrap().mode, 0o600);
    assert_eq!(answer["msg"], json!(format!("changed '{CLUSTER}'")));
    assert_eq!(answer["diff"][0]["before"], json!(nodes_keys()));
    assert_eq!(answer["diff"][0]["after"], json!(host.text(CLUSTER)));
}

#[test]
fn the_link_stays_a_link() {
    let host = node();
    run(&host, json!({"key": MINE, "scope": "both"}));
    assert!(host.machine().get("/root/.ssh/authorized_keys").is_some());
    let steps = host.steps();
    assert!(
        steps
            .iter()
            .all(|step| !matches!(step, Step::Rename { to, .. } if to.ends_with(".ssh/authorized_keys")))
    );
    assert_eq!(host.text("/root/.ssh/authorized_keys"), host.text(CLUSTER));
}

#[test]
fn root_gets_both_files_by_default() {
    let host = node();
    let answer = run_twice_as_said(&host, json!({"key": format!("{MINE} me")}));
    assert_eq!(host.text(CLUSTER), format!("{}{MINE} me\n", nodes_keys()));
    assert_eq!(host.text(LOCAL), format!("{MINE} me\n"));
    assert_eq!(host.machine().get(LOCAL).unwrap().mode, 0o600);
    assert_eq!(
        answer["files"],
        json!([
            {"scope": "cluster", "path": CLUSTER, "changed": true},
            {"scope": "local", "path": LOCAL, "changed": true},
        ])
    );
}

#[test]
fn a_key_that_is_there_takes_no_lock_and_no_quorum() {
    let host = node();
    host.change(|machine| machine.set_quorate(false));
    let answer = run(&host, json!({"key": PVE2, "scope": "cluster"}));
    assert_eq!(answer["changed"], json!(false), "{answer}");
    assert_eq!(host.effects(), [""; 0]);
}

#[test]
fn absent_removes_from_both() {
    let host = node();
    run(&host, json!({"key": [MINE, OTHER]}));
    let answer = run_twice_as_said(&host, json!({"key": MINE, "state": "absent"}));
    assert_eq!(answer["changed"], json!(true));
    assert_eq!(host.text(CLUSTER), format!("{}{OTHER}\n", nodes_keys()));
    assert_eq!(host.text(LOCAL), format!("{OTHER}\n"));
}

#[test]
fn options_and_comments_change_only_their_line() {
    let host = node().file("/proc/self/environ", "SSH_CONNECTION=10.0.0.7 50000 10.0.0.1 22\0");
    host.change(|machine| machine.write(CLUSTER, format!("# ours\n{MINE} old\n{}", nodes_keys())));
    let answer = run_twice_as_said(
        &host,
        json!({"key": MINE, "scope": "cluster", "key_options": "from=\"10.0.0.0/8,::1\",restrict", "comment": "new"}),
    );
    assert_eq!(answer["changed"], json!(true));
    let line = format!("from=\"10.0.0.0/8,::1\",restrict {MINE} new");
    assert_eq!(host.text(CLUSTER), format!("# ours\n{line}\n{}", nodes_keys()));
}

#[test]
fn exclusive_keeps_the_nodes_keys_and_says_so() {
    let host = node();
    let foreign = format!("{OTHER} root@pve9");
    host.change(|machine| {
        machine.write(CLUSTER, format!("# ours\n{}{foreign}\nssh-future x\n", nodes_keys()))
    });
    let answer = run_twice_as_said(&host, json!({"key": MINE, "scope": "cluster", "exclusive": true}));
    assert_eq!(host.text(CLUSTER), format!("# ours\n{}{MINE}\n", nodes_keys()));
    let kept: Vec<&str> = answer["kept_node_keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["comment"].as_str().unwrap())
        .collect();
    assert_eq!(kept, ["root@pve1", "root@pve2"]);
}

#[test]
fn removing_a_nodes_key_is_done_and_warned_of() {
    let host = node();
    let answer = run(&host, json!({"key": PVE2, "scope": "cluster", "state": "absent"}));
    assert_eq!(host.text(CLUSTER), format!("{PVE1}\n"));
    let warning = answer["warnings"][0].as_str().unwrap();
    assert!(
        warning.starts_with("removed the key of a node, which can then not log in to the others: SHA256:")
            && warning.ends_with(" (root@pve2)"),
        "{warning}"
    );
}

#[test]
fn a_file_that_sshd_does_not_read_is_warned_of() {
    let host = node();
    host.change(|machine| {
        machine.remove("/root/.ssh/authorized_keys");
        machine.write_as("/root/.ssh/authorized_keys", "", 0o600, 0, 0);
    });
    let answer = run(&host, json!({"key": MINE, "scope": "cluster"}));
    assert_eq!(
        answer["warnings"],
        json!([format!(
            "sshd on this node does not read '{CLUSTER}' for root: no file that it reads leads there; \
             'pvecm updatecerts' restores the link"
        )])
    );
}

#[test]
fn the_cluster_scope_needs_no_sshd() {
    let host = node();
    host.change(|machine| machine.query(&super::world::ask("root"), testkit::Answer::not_installed()));
    let answer = run(&host, json!({"key": MINE, "scope": "cluster"}));
    assert_eq!(answer["changed"], json!(true), "{answer}");
}

/// The run before was killed as this node began to join, and its pvecm goes on.
#[test]
fn a_pvecm_of_an_earlier_run_is_waited_for_and_named() {
    let task = "task UPID:pve2:000001D7:00021D2A:6B008B65:clusterjoin::root@pam:\0";
    let joining = || {
        let host = node().file("/proc/471/cmdline", task);
        host.change(|machine| machine.set_quorate(false));
        host
    };
    let add = json!({"key": MINE, "scope": "cluster", "timeout": 20});
    let host = joining().at(Duration::from_secs(9), |machine| {
        machine.remove("/proc/471");
        machine.set_quorate(true);
    });
    let answer = run(&host, add.clone());
    assert_eq!((&answer["changed"], &answer["failed"]), (&json!(true), &Value::Null), "{answer}");
    assert_eq!(host.elapsed().as_secs(), 9);

    let host = joining();
    let answer = run(&host, add);
    assert!(
        msg(&answer).contains(
            "/etc/pve is read-only while 'pvecm add' of an earlier run is at work on this node (process 471): wait until it has \
             ended, then run this task again; scope 'local' works without quorum"
        ),
        "{answer}"
    );
    assert!(!msg(&answer).contains("systemctl start corosync"), "a false remedy: {answer}");
    assert_eq!(host.elapsed().as_secs(), 20);

    // a key on the node's own disk needs no cluster
    let host = joining();
    let _ = run(&host, json!({"key": MINE, "scope": "local"}));
    assert_eq!(host.elapsed().as_secs(), 0);
}
