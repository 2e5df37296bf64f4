// SPDX-License-Identifier: GPL-3.0-or-later
//! A fault at every step, and a death at every step: no key is lost, no lie is told, and the next run finishes.

use serde_json::{Value, json};
use testkit::{Answer, FakeHost};

use super::world::{CLUSTER, LOCAL, LOCK, MINE, OTHER, ask, node, nodes_keys, run};

const ENOSPC: i32 = 28;
const EIO: i32 = 5;
const EACCES: i32 = 13;
const DROP_IN: &str = "/etc/ssh/sshd_config.d/00-pve-authorized-key-root.conf";

/// A node on which every kind of step is needed: the cluster's file, the local file, and sshd's configuration.
fn build() -> FakeHost {
    let one =
        "port 22\npubkeyauthentication yes\npermitrootlogin yes\nauthorizedkeysfile .ssh/authorized_keys\n";
    node()
        .file_as(LOCAL, format!("{OTHER} kept\n"), 0o600, 0, 0)
        .query("/usr/sbin/sshd -t", Answer::ok(""))
        .action("systemctl try-reload-or-restart ssh.service", Answer::ok(""))
        .query(&ask("root"), Answer::ok(one))
        .query_with(|_| None)
}

/// sshd answers by what the drop-in says now.
fn obey(host: &FakeHost) {
    let put = host.exists(DROP_IN);
    let files = if put { ".ssh/authorized_keys .ssh/authorized_keys2" } else { ".ssh/authorized_keys" };
    let text =
        format!("port 22\npubkeyauthentication yes\npermitrootlogin yes\nauthorizedkeysfile {files}\n");
    host.change(|machine| machine.query(&ask("root"), Answer::ok(text)));
}

fn args() -> Value {
    json!({"key": format!("{MINE} me")})
}

fn both_read() -> FakeHost {
    let two = super::world::BOTH_FILES;
    build().query(&ask("root"), Answer::ok(two))
}

/// Each file is as before or as wanted, never anything between.
fn assert_whole(host: &FakeHost) {
    let cluster = host.text(CLUSTER);
    assert!([nodes_keys(), format!("{}{MINE} me\n", nodes_keys())].contains(&cluster), "{cluster}");
    let local = host.text(LOCAL);
    assert!([format!("{OTHER} kept\n"), format!("{OTHER} kept\n{MINE} me\n")].contains(&local), "{local}");
}

#[test]
fn a_fault_at_every_step() {
    for errno in [ENOSPC, EIO, EACCES] {
        for number in 0.. {
            let host = both_read().fail_at(number, errno);
            let answer = run(&host, args());
            let faulted = host.faulted();
            assert_whole(&host);
            let cluster_done = host.text(CLUSTER) != nodes_keys();
            let local_done = host.text(LOCAL) != format!("{OTHER} kept\n");
            if answer.get("failed").is_none() {
                assert!(cluster_done && local_done, "step {number}: it says done and is not: {answer}");
            } else {
                assert!(faulted);
                assert_eq!(
                    answer["changed"],
                    json!(cluster_done || local_done),
                    "step {number}: what was changed and what is said of it: {answer}"
                );
            }
            // the next run, without the fault, finishes; a lock that could not be removed expires
            host.revive();
            let next = run(&host, args());
            assert!(next.get("failed").is_none(), "step {number}: the next run failed too: {next}");
            assert_eq!(host.text(CLUSTER), format!("{}{MINE} me\n", nodes_keys()));
            assert_eq!(host.text(LOCAL), format!("{OTHER} kept\n{MINE} me\n"));
            if !faulted {
                assert!(number > 5, "too few steps to have tested anything: {number}");
                break;
            }
        }
    }
}

#[test]
fn a_death_at_every_step() {
    for number in 0.. {
        let host = both_read().dies_at(number);
        let _ = run(&host, args());
        let died = host.faulted();
        assert_whole(&host);
        host.revive();
        let cluster_done = host.text(CLUSTER) != nodes_keys();
        let next = run(&host, args());
        assert!(next.get("failed").is_none(), "step {number}: the next run failed: {next}");
        assert_eq!(host.text(CLUSTER), format!("{}{MINE} me\n", nodes_keys()));
        assert_eq!(host.text(LOCAL), format!("{OTHER} kept\n{MINE} me\n"));
        // a lock that was in the way was waited for; one that is left when the file is done expires later
        assert!(!host.exists(LOCK) || cluster_done);
        if !died {
            assert!(number > 5, "too few steps to have tested anything: {number}");
            break;
        }
    }
}

#[test]
fn a_fault_at_every_step_of_the_drop_in() {
    let mut tested = 0;
    for number in 0.. {
        // The module asks sshd twice, before and after; the second answer depends on the drop-in being there.
        let host = build()
            .queries(
                &ask("root"),
                [".ssh/authorized_keys", ".ssh/authorized_keys .ssh/authorized_keys2"].map(|files| {
                    Answer::ok(format!(
                        "port 22\npubkeyauthentication yes\npermitrootlogin yes\nauthorizedkeysfile {files}\n"
                    ))
                }),
            )
            .fail_at(number, EIO);
        let answer = run(&host, json!({"key": format!("{MINE} me"), "scope": "local"}));
        let faulted = host.faulted();
        if answer.get("failed").is_some() && !answer["msg"].as_str().unwrap().contains("could not be undone")
        {
            assert!(!host.exists(DROP_IN), "step {number}: a drop-in was left: {answer}");
        }
        assert_whole(&host);
        host.revive();
        obey(&host);
        let next = if host.exists(DROP_IN) {
            run(&host, json!({"key": format!("{MINE} me"), "scope": "local"}))
        } else {
            json!({})
        };
        assert!(next.get("failed").is_none(), "step {number}: {next}");
        if !faulted {
            break;
        }
        tested += 1;
    }
    assert!(tested >= 5, "only {tested} steps were tested");
}
