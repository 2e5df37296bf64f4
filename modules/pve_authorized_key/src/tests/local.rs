// SPDX-License-Identifier: GPL-3.0-or-later
//! Files on the node's own disk.

use serde_json::json;
use testkit::Answer;

use super::world::{LOCAL, MINE, OTHER, ask, debian, msg, node, run, run_twice_as_said};

const ALICES: &str = "/home/alice/.ssh/authorized_keys";

#[test]
fn works_without_quorum_and_without_pmxcfs() {
    for unmounted in [false, true] {
        let host = node();
        host.change(
            move |machine| if unmounted { machine.unmount("/etc/pve") } else { machine.set_quorate(false) },
        );
        let answer = run_twice_as_said(&host, json!({"key": MINE, "scope": "local"}));
        assert_eq!(answer["changed"], json!(true), "{answer}");
        assert_eq!(host.text(LOCAL), format!("{MINE}\n"));
        assert!(host.effects().iter().all(|effect| !effect.contains("/etc/pve")), "{:?}", host.effects());
    }
}

#[test]
fn an_existing_file_keeps_its_lines_and_a_safe_mode() {
    let host = node().file_as(LOCAL, format!("# mine\n{OTHER}"), 0o640, 0, 0);
    run_twice_as_said(&host, json!({"key": MINE, "scope": "local"}));
    assert_eq!(host.text(LOCAL), format!("# mine\n{OTHER}\n{MINE}\n"));
    assert_eq!(host.machine().get(LOCAL).unwrap().mode, 0o640);
}

#[test]
fn a_file_that_others_can_write_to_loses_that_even_with_the_right_content() {
    let host = node().file_as(LOCAL, format!("{MINE}\n"), 0o666, 0, 0);
    let answer = run_twice_as_said(&host, json!({"key": MINE, "scope": "local"}));
    assert_eq!(answer["changed"], json!(true));
    assert_eq!(host.machine().get(LOCAL).unwrap().mode, 0o644);
    assert_eq!(answer["diff"][0]["before_header"], json!(format!("{LOCAL} (mode 0666)")));
    assert_eq!(answer["diff"][0]["after_header"], json!(format!("{LOCAL} (mode 0644)")));
}

#[test]
fn another_user_has_the_first_file_that_sshd_reads() {
    let host = debian();
    let answer = run_twice_as_said(&host, json!({"key": MINE, "user": "alice"}));
    assert_eq!(answer["changed"], json!(true), "{answer}");
    assert_eq!(host.text(ALICES), format!("{MINE}\n"));
    assert!(!host.exists("/home/alice/.ssh/authorized_keys2"));
}

#[test]
fn a_missing_directory_is_made_and_a_missing_home_is_not() {
    let host = debian().with(|machine| machine.remove("/home/alice/.ssh"));
    run_twice_as_said(&host, json!({"key": MINE, "user": "alice"}));
    assert_eq!(host.effects()[0], "mkdir /home/alice/.ssh 0700");
    let host = debian().with(|machine| machine.remove("/home/alice"));
    let answer = run(&host, json!({"key": MINE, "user": "alice"}));
    assert_eq!(
        msg(&answer),
        format!("cannot change '{ALICES}': the home directory '/home/alice' does not exist")
    );
}

#[test]
fn a_link_that_someone_else_planted_is_refused() {
    let host = debian()
        .file("/root/.ssh/authorized_keys", "")
        .link(ALICES, "/root/.ssh/authorized_keys")
        .with(|m| {
            m.make_dir("/home/mallory");
            m.set_owner("/home/mallory", 1001, 1001);
            m.write_as("/home/mallory/keys", "", 0o644, 1001, 1001);
        });
    // root's file belongs to root, and leads out of the home: every directory on the way is asked
    host.change(|machine| machine.set_mode("/root", 0o777));
    let answer = run(&host, json!({"key": MINE, "user": "alice"}));
    assert!(msg(&answer).contains("'/root' can be written to by others (mode 0777)"), "{answer}");
    host.change(|machine| machine.link(ALICES, "/home/mallory/keys"));
    let answer = run(&host, json!({"key": MINE, "user": "alice"}));
    assert_eq!(
        msg(&answer),
        "cannot change '/home/mallory/keys': '/home/mallory' belongs neither to root nor to 'alice' (its uid is 1001)"
    );
    assert_eq!(host.effects(), [""; 0]);
}

#[test]
fn links_in_a_circle_and_what_is_no_file() {
    let host = debian().link(ALICES, "authorized_keys");
    let answer = run(&host, json!({"key": MINE, "user": "alice"}));
    assert!(msg(&answer).starts_with(&format!("cannot follow the link '{ALICES}'")), "{answer}");
    let host = debian().dir(ALICES);
    let answer = run(&host, json!({"key": MINE, "user": "alice"}));
    assert_eq!(msg(&answer), format!("cannot change '{ALICES}': '{ALICES}' is not an ordinary file"));
}

#[test]
fn a_file_outside_the_home_is_readable_to_its_user() {
    let listed = "authorizedkeysfile /etc/ssh/keys/%u\n";
    let host = debian().dir("/etc/ssh/keys").query(&ask("alice"), Answer::ok(listed));
    run_twice_as_said(&host, json!({"key": MINE, "user": "alice"}));
    assert_eq!(host.text("/etc/ssh/keys/alice"), format!("{MINE}\n"));
    assert_eq!(host.machine().get("/etc/ssh/keys/alice").unwrap().mode, 0o644);
    let host = debian().query(&ask("alice"), Answer::ok(listed)).file_as(
        "/etc/ssh/keys/alice",
        format!("{OTHER}\n"),
        0o600,
        1000,
        1000,
    );
    run_twice_as_said(&host, json!({"key": MINE, "user": "alice"}));
    let machine = host.machine();
    let node = machine.get("/etc/ssh/keys/alice").unwrap();
    assert_eq!((node.mode, node.uid, node.gid), (0o600, 1000, 1000));
}

#[test]
fn absent_takes_the_key_out_of_every_file_that_sshd_reads() {
    let host = debian().file_as(ALICES, format!("{OTHER}\n{MINE}\n"), 0o600, 1000, 1000).file_as(
        "/home/alice/.ssh/authorized_keys2",
        format!("{MINE} twice\n"),
        0o600,
        1000,
        1000,
    );
    let answer = run_twice_as_said(&host, json!({"key": MINE, "user": "alice", "state": "absent"}));
    assert_eq!(answer["changed"], json!(true));
    assert_eq!(host.text(ALICES), format!("{OTHER}\n"));
    assert_eq!(host.text("/home/alice/.ssh/authorized_keys2"), "");
}

#[test]
fn exclusive_reaches_every_file_too_and_adds_to_one() {
    let host = debian().file_as(ALICES, format!("{OTHER}\n"), 0o600, 1000, 1000).file_as(
        "/home/alice/.ssh/authorized_keys2",
        format!("{OTHER}\n"),
        0o600,
        1000,
        1000,
    );
    run_twice_as_said(&host, json!({"key": MINE, "user": "alice", "exclusive": true}));
    assert_eq!(host.text(ALICES), format!("{MINE}\n"));
    assert_eq!(host.text("/home/alice/.ssh/authorized_keys2"), "");
}

#[test]
fn two_runs_at_once_lose_nothing() {
    // another run has its new file there, and renames it a little later
    let new = "/root/.ssh/.authorized_keys2.pve-authorized-key";
    let host = node().file_as(new, format!("{OTHER}\n"), 0o600, 0, 0).at(
        std::time::Duration::from_millis(90),
        move |m| {
            m.remove(new);
            m.write_as(LOCAL, format!("{OTHER}\n"), 0o600, 0, 0);
        },
    );
    let answer = run(&host, json!({"key": MINE, "scope": "local"}));
    assert_eq!(answer["changed"], json!(true), "{answer}");
    assert_eq!(host.text(LOCAL), format!("{OTHER}\n{MINE}\n"));
}

#[test]
fn what_a_killed_run_left_is_removed_after_a_while() {
    let new = "/root/.ssh/.authorized_keys2.pve-authorized-key";
    let host = node().file_as(new, "half", 0o600, 0, 0);
    let answer = run(&host, json!({"key": MINE, "scope": "local"}));
    assert_eq!(answer["changed"], json!(true), "{answer}");
    assert!(!host.exists(new));
    assert_eq!(host.text(LOCAL), format!("{MINE}\n"));
    let waited = host::Host::elapsed(&host).as_secs();
    assert!((10..13).contains(&waited), "{waited} s");
}

#[test]
fn settings_that_shut_the_user_out_are_warned_of() {
    let shut = "permitrootlogin no\npubkeyauthentication no\nauthorizedkeysfile .ssh/authorized_keys .ssh/authorized_keys2\n";
    let host = node().query(&ask("root"), Answer::ok(shut));
    let answer = run(&host, json!({"key": MINE, "scope": "local"}));
    assert_eq!(
        answer["warnings"],
        json!([
            "sshd on this node takes no keys (PubkeyAuthentication no)",
            "sshd on this node does not let root in (PermitRootLogin no)"
        ])
    );
}

#[test]
fn options_that_sshd_may_not_know_are_warned_of() {
    let host = node().file_as(LOCAL, format!("frobnicate {MINE} me\n"), 0o600, 0, 0);
    let answer = run(&host, json!({"key": [MINE, OTHER], "scope": "local"}));
    assert_eq!(
        answer["warnings"],
        json!([format!(
            "sshd may ignore the line of SHA256:MRB1o4XTdahH9YnnpEd+7yYrMXw39nW52qRqcoVBzS4 (me) in '{LOCAL}': its \
             options are not ones known here"
        )])
    );
}
