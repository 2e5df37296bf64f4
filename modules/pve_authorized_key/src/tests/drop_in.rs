// SPDX-License-Identifier: GPL-3.0-or-later
//! Making sshd read a file that it does not read yet.

use serde_json::json;
use testkit::{Answer, FakeHost};

use super::world::{CLUSTER, LOCAL, MINE, ask, msg, node, run, run_twice_as_said};

const DROP_IN: &str = "/etc/ssh/sshd_config.d/00-pve-authorized-key-root.conf";
const NEW: &str = "/etc/ssh/sshd_config.d/.00-pve-authorized-key-root.conf.new";
const CHECK: &str = "/usr/sbin/sshd -t";
const RELOAD: &str = "systemctl try-reload-or-restart ssh.service";
const ONE_FILE: &str =
    "port 22\npermitrootlogin yes\npubkeyauthentication yes\nauthorizedkeysfile .ssh/authorized_keys\n";

/// What sshd reads, by the drop-in that is there now.
fn sshd(host: FakeHost) -> FakeHost {
    host.with(|machine| machine.query(CHECK, Answer::ok("")))
        .action(RELOAD, Answer::ok(""))
        .queries(&ask("root"), [Answer::ok(ONE_FILE), Answer::ok(ONE_FILE)])
}

/// A node whose sshd reads only the link, until a drop-in says otherwise: what it reads then is in the drop-in.
fn one_file_node() -> FakeHost {
    sshd(node())
}

/// Answers as sshd would: with the drop-in's files once it is there.
fn obedient(host: FakeHost) -> FakeHost {
    host.with(|machine| {
        machine.query(&ask("root"), Answer::ok(ONE_FILE));
    })
}

fn after_put(entry: &str) -> Answer {
    Answer::ok(ONE_FILE.replace("authorized_keys\n", &format!("authorized_keys {entry}\n")))
}

#[test]
fn a_drop_in_is_put_checked_and_loaded() {
    let host = one_file_node().queries(
        &ask("root"),
        // check mode, the run before and after the drop-in, the second run
        [Answer::ok(ONE_FILE), Answer::ok(ONE_FILE), after_put(".ssh/authorized_keys2")],
    );
    let answer = run_twice_as_said(&host, json!({"key": MINE, "scope": "local"}));
    assert_eq!(answer["changed"], json!(true), "{answer}");
    assert_eq!(
        host.text(DROP_IN),
        "# Written by the Ansible module pve.cluster.pve_authorized_key: one more file with this user's keys, which\n\
         # is there while /etc/pve is not. What is configured elsewhere for all users no longer holds for this one.\n\
         Match User root\n    AuthorizedKeysFile .ssh/authorized_keys .ssh/authorized_keys2\n"
    );
    assert_eq!(host.text(LOCAL), format!("{MINE}\n"));
    let effects = host.effects();
    assert_eq!(effects.last().unwrap(), &format!("run {RELOAD}"));
    assert_eq!(effects[effects.len() - 2], format!("rename {NEW} -> {DROP_IN}"));
    assert_eq!(answer["files"][1], json!({"scope": "sshd", "path": DROP_IN, "changed": true}));
}

#[test]
fn one_that_has_no_effect_is_taken_back() {
    let host = obedient(one_file_node());
    let answer = run(&host, json!({"key": MINE, "scope": "local"}));
    assert_eq!(
        msg(&answer),
        format!(
            "cannot make sshd read '.ssh/authorized_keys2' for 'root': '{DROP_IN}' has no effect, because sshd_config \
             does not include it or sets AuthorizedKeysFile for this user before; sshd reads '.ssh/authorized_keys'; \
             changed before that: '{LOCAL}'"
        )
    );
    assert!(!host.exists(DROP_IN));
    assert!(host.effects().iter().all(|effect| !effect.contains("systemctl")), "a running sshd never saw it");
}

#[test]
fn one_that_sshd_refuses_is_taken_back_to_what_was_there() {
    let host =
        one_file_node().file(DROP_IN, "# older\n").query(CHECK, Answer::exit(255, "", "line 3: bad\n"));
    let answer = run(&host, json!({"key": MINE, "scope": "local"}));
    assert!(
        msg(&answer).starts_with("cannot change sshd's configuration: sshd refuses it: line 3: bad; "),
        "{answer}"
    );
    assert_eq!(host.text(DROP_IN), "# older\n");
}

#[test]
fn a_reload_that_fails_is_undone_in_the_running_sshd_too() {
    let host = one_file_node()
        .queries(&ask("root"), [Answer::ok(ONE_FILE), after_put(".ssh/authorized_keys2")])
        .actions(RELOAD, [Answer::exit(1, "", "Job failed\n"), Answer::ok("")]);
    let answer = run(&host, json!({"key": MINE, "scope": "local"}));
    assert_eq!(
        msg(&answer),
        format!("cannot reload sshd: '{RELOAD}' failed: Job failed; changed before that: '{LOCAL}'")
    );
    assert!(!host.exists(DROP_IN));
    assert_eq!(host.effects().iter().filter(|effect| effect.contains("systemctl")).count(), 2);
}

#[test]
fn it_is_done_when_sshd_listens_on_new_sockets() {
    let table = |inode: u32| {
        format!(
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
             0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 {inode} 1\n"
        )
    };
    let before = table(11);
    let after = table(22);
    let host = one_file_node()
        .file("/proc/net/tcp", before)
        .queries(&ask("root"), [Answer::ok(ONE_FILE), after_put(".ssh/authorized_keys2")])
        .action(
            RELOAD,
            Answer::ok("").doing(move |machine| {
                machine.write("/proc/net/tcp", "");
                let after = after.clone();
                machine.after(std::time::Duration::from_millis(300), move |machine| {
                    machine.write("/proc/net/tcp", after);
                });
            }),
        );
    let answer = run(&host, json!({"key": MINE, "scope": "local"}));
    assert_eq!(answer["changed"], json!(true), "{answer}");
    let waited = host::Host::elapsed(&host).as_millis();
    assert!((300..400).contains(&waited), "{waited} ms");
}

#[test]
fn an_sshd_that_does_not_come_back_is_a_failure() {
    let line =
        "   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1\n";
    let host = one_file_node()
        .file("/proc/net/tcp", line)
        .queries(&ask("root"), [Answer::ok(ONE_FILE), after_put(".ssh/authorized_keys2")])
        .action(RELOAD, Answer::ok("").doing(|machine| machine.write("/proc/net/tcp", "")));
    let answer = run(&host, json!({"key": MINE, "scope": "local"}));
    assert!(
        msg(&answer).starts_with("cannot reload sshd: it does not listen on port 22 after 3 s; "),
        "{answer}"
    );
    assert!(!host.exists(DROP_IN));
}

#[test]
fn roots_directory_inside_pmxcfs_gets_a_file_elsewhere() {
    // the layout of a seed: /root/.ssh itself is a link to /etc/pve/priv
    let two = "port 22\npermitrootlogin yes\npubkeyauthentication yes\n\
               authorizedkeysfile .ssh/authorized_keys .ssh/authorized_keys2\n";
    let put = two.replace("keys2\n", "keys2 /etc/ssh/authorized_keys.d/%u\n");
    let host = sshd(node())
        .with(|machine| {
            machine.remove("/root/.ssh");
            machine.link("/root/.ssh", "/etc/pve/priv");
        })
        .queries(&ask("root"), [Answer::ok(two), Answer::ok(two), Answer::ok(put)]);
    let answer = run_twice_as_said(&host, json!({"key": MINE}));
    assert_eq!(answer["changed"], json!(true), "{answer}");
    assert_eq!(host.text("/etc/ssh/authorized_keys.d/root"), format!("{MINE}\n"));
    assert!(host.text(CLUSTER).ends_with(&format!("{MINE}\n")));
    assert!(!host.exists("/etc/pve/priv/authorized_keys2"));
    assert!(host.text(DROP_IN).contains(
        "AuthorizedKeysFile .ssh/authorized_keys .ssh/authorized_keys2 /etc/ssh/authorized_keys.d/%u\n"
    ));
}

#[test]
fn a_site_that_reads_another_local_file_needs_none() {
    let listed = "authorizedkeysfile .ssh/authorized_keys /etc/ssh/keys/%u\n";
    let host = node().dir("/etc/ssh/keys").query(&ask("root"), Answer::ok(listed));
    run_twice_as_said(&host, json!({"key": MINE, "scope": "local"}));
    assert_eq!(host.text("/etc/ssh/keys/root"), format!("{MINE}\n"));
    assert!(!host.exists(DROP_IN));
}

#[test]
fn a_site_that_reads_none_is_left_so() {
    let host = node().query(&ask("root"), Answer::ok("authorizedkeysfile none\n"));
    let answer = run(&host, json!({"key": MINE, "scope": "local"}));
    assert_eq!(
        msg(&answer),
        "cannot add a local key for 'root': sshd is configured to read no file for this user (AuthorizedKeysFile none)"
    );
}

#[test]
fn without_a_place_for_it_nothing_is_done() {
    let host = node()
        .query(&ask("root"), Answer::ok(ONE_FILE))
        .with(|machine| machine.remove("/etc/ssh/sshd_config.d"));
    let answer = run(&host, json!({"key": MINE}));
    assert_eq!(
        msg(&answer),
        format!(
            "cannot create '{DROP_IN}': there is no '/etc/ssh/sshd_config.d'; sshd must be made to read \
             '/root/.ssh/authorized_keys2' for 'root' some other way"
        )
    );
    assert_eq!(host.effects(), [""; 0]);
}

#[test]
fn removing_a_key_needs_none() {
    let host =
        node().query(&ask("root"), Answer::ok(ONE_FILE)).file_as(LOCAL, format!("{MINE}\n"), 0o600, 0, 0);
    let answer = run_twice_as_said(&host, json!({"key": MINE, "scope": "local", "state": "absent"}));
    assert_eq!(answer["changed"], json!(true), "{answer}");
    assert_eq!(host.text(LOCAL), "");
    assert!(!host.exists(DROP_IN));
}
