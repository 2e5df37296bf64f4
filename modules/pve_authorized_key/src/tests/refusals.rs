// SPDX-License-Identifier: GPL-3.0-or-later
//! What is refused before anything is changed, in which words.

use serde_json::{Value, json};
use testkit::{Answer, FakeHost, corosync_conf};

use super::world::{CLUSTER, MINE, OTHER, corosync, debian, msg, node, run_twice_as_said};

/// The refusal, after which nothing may have happened.
fn refused(host: &FakeHost, args: Value) -> String {
    let answer = run_twice_as_said(host, args);
    assert_eq!(answer["changed"], json!(false));
    assert_eq!(host.effects(), [""; 0]);
    msg(&answer).to_owned()
}

#[test]
fn without_quorum() {
    let host = node();
    host.change(|machine| machine.set_quorate(false));
    assert_eq!(
        refused(&host, json!({"key": MINE})),
        format!(
            "cannot change '{CLUSTER}': this node is not quorate, so /etc/pve is read-only: run 'systemctl start \
             corosync' where it is stopped ('pvecm status' tells who is missing); scope 'local' works \
             without quorum"
        )
    );
}

/// A member whose corosync has died says so itself, and where; one on its way up is waited for elsewhere.
#[test]
fn without_its_own_corosync() {
    let stopped = format!(
        "cannot change '{CLUSTER}': /etc/pve is read-only because corosync is not running on 'pve1': run 'systemctl start \
         corosync' there; scope 'local' works without quorum"
    );
    for state in ["failed", "inactive"] {
        let host = node().query_prefix("systemctl show", Answer::ok(corosync(state)));
        host.change(|machine| machine.set_quorate(false));
        assert_eq!(refused(&host, json!({"key": MINE})), stopped, "{state}");
    }
    let host = node().query_prefix("systemctl show", Answer::ok(corosync("activating")));
    host.change(|machine| machine.set_quorate(false));
    assert!(refused(&host, json!({"key": MINE})).contains("this node is not quorate"));
    let host = node().query_prefix("systemctl show", Answer::exit(1, "", "Failed to connect to bus\n"));
    host.change(|machine| machine.set_quorate(false));
    assert!(refused(&host, json!({"key": MINE})).contains("this node is not quorate"));
}

/// Who is missing is named: what to do is to be done there.
#[test]
fn without_other_members() {
    const THREE: &[(u32, &str)] = &[(1, "pve1"), (2, "pve2"), (3, "pve3")];
    let table = [
        (
            &THREE[..2],
            "'pve2' is not seen: run 'systemctl start corosync' on 'pve2' if it is stopped there, else fix the network between",
        ),
        (
            THREE,
            "'pve2', 'pve3' are not seen: run 'systemctl start corosync' on those where it is stopped, else fix the network \
             between",
        ),
    ];
    for (nodes, expected) in table {
        let host = node()
            .file("/etc/pve/corosync.conf", corosync_conf(2, nodes))
            .query("corosync-quorumtool -siH", Answer::exit(2, alone(nodes.len()), ""));
        host.change(|machine| machine.set_quorate(false));
        assert_eq!(
            refused(&host, json!({"key": MINE})),
            format!(
                "cannot change '{CLUSTER}': this node is not quorate, so /etc/pve is read-only: {expected}; scope 'local' works \
                 without quorum"
            )
        );
    }
}

/// `corosync-quorumtool -siH` on pve1 when no other node is seen.
fn alone(expected: usize) -> String {
    format!(
        "Quorum information\n------------------\nDate:             Fri Nov 20 18:05:21 2026\nQuorum provider:  \
         corosync_votequorum\nNodes:            1\nNode ID:          0x00000001\nRing ID:          1.d\nQuorate:          \
         No\n\nVotequorum information\n----------------------\nExpected votes:   {expected}\nHighest expected: {expected}\n\
         Total votes:      1\nQuorum:           2 Activity blocked\nFlags:            \n\nMembership \
         information\n----------------------\n    Nodeid      Votes Name\n0x00000001          1 10.77.1.11 (local)\n"
    )
}

#[test]
fn without_pmxcfs() {
    let host = node();
    host.change(|machine| machine.unmount("/etc/pve"));
    assert_eq!(
        refused(&host, json!({"key": MINE})),
        format!(
            "cannot change '{CLUSTER}': pmxcfs is not mounted on /etc/pve, and a file in the empty directory would \
             keep it from being mounted; run 'systemctl start pve-cluster' on this node, or use scope 'local'"
        )
    );
    assert_eq!(
        refused(&debian(), json!({"key": MINE, "scope": "cluster"})),
        format!(
            "cannot change '{CLUSTER}': there is no /etc/pve, so this is not a Proxmox VE node; use scope 'local'"
        )
    );
}

#[test]
fn everything_at_once() {
    let host = node();
    host.change(|machine| {
        machine.set_quorate(false);
        machine.set_mode("/root/.ssh", 0o777);
    });
    let words = refused(&host, json!({"key": MINE}));
    assert!(words.starts_with(&format!("cannot change '{CLUSTER}': this node is not quorate")), "{words}");
    assert!(
        words.ends_with(
            "; cannot change '/root/.ssh/authorized_keys2': '/root/.ssh' can be written to by others (mode 0777), \
             so sshd takes no keys from it; run chmod go-w"
        ),
        "{words}"
    );
}

#[test]
fn more_than_pmxcfs_takes() {
    let host = node();
    let padding = "#".repeat(1024 * 1024 - 10);
    host.change(move |machine| machine.write(CLUSTER, format!("{padding}\n")));
    assert_eq!(
        refused(&host, json!({"key": MINE, "scope": "cluster"})),
        format!(
            "cannot change '{CLUSTER}': it would have 1048648 bytes, and pmxcfs takes 1048576 bytes a file"
        )
    );
}

#[test]
fn arguments_that_make_no_sense() {
    let two = format!("{MINE}\nrestrict {MINE}");
    let own = format!("restrict {MINE}");
    for (args, words) in [
        (
            json!({"key": MINE, "scope": "both", "user": "alice"}),
            "cannot use scope 'both' for user 'alice': the cluster's file holds root's keys only; use scope 'local'",
        ),
        (
            json!({"key": MINE, "scope": "cluster", "user": "alice"}),
            "cannot use scope 'cluster' for user 'alice': the cluster's file holds root's keys only; use scope 'local'",
        ),
        (
            json!({"key": MINE, "user": "nobody-here"}),
            "cannot change the keys of 'nobody-here': there is no such user",
        ),
        (
            json!({"key": MINE, "exclusive": true, "state": "absent"}),
            "cannot use 'exclusive' with state 'absent': it means that the given keys are the only ones present",
        ),
        (json!({"key": MINE, "timeout": 0}), "cannot use timeout 0: it must be at least 1 s"),
        (json!({"key": "# nothing\n\n"}), "cannot use 'key': it holds no key"),
        (json!({"key": []}), "cannot use 'key': it holds no key"),
        (json!({"key": 5}), "cannot use 'key': it must be a string or a list of strings"),
        (
            json!({"key": [MINE, "ssh-ed25519 AAAA"]}),
            "cannot use item 2 of 'key': line 1 is not a public key: the key after 'ssh-ed25519' is damaged: it is not a whole key of this type",
        ),
        (
            json!({"key": two}),
            "cannot use 'key': SHA256:MRB1o4XTdahH9YnnpEd+7yYrMXw39nW52qRqcoVBzS4 is given twice with different options",
        ),
        (
            json!({"key": own, "key_options": "pty"}),
            "cannot use 'key_options': a key has options of its own already; give them in one place",
        ),
        (
            json!({"key": MINE, "key_options": "from=10.0.0.1"}),
            "cannot use 'key_options': option number 1 needs a value in double quotes, name=\"value\"",
        ),
        (
            json!({"key": MINE, "comment": "a\nb"}),
            "cannot use 'comment': it must be one line without control characters",
        ),
        (
            json!({"key_file": ["/root/none.pub"]}),
            "cannot read '/root/none.pub': No such file or directory (os error 2)",
        ),
    ] {
        assert_eq!(refused(&debian(), args), words);
    }
}

#[test]
fn a_private_key_is_not_repeated() {
    let private =
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
    let words = refused(&node(), json!({"key": private}));
    assert_eq!(
        words,
        "cannot use 'key': line 1 is not a public key: it is a private key; give the public key, from the file \
         ending in '.pub'"
    );
    let host = node().file("/root/.ssh/id_rsa", private);
    let words = refused(&host, json!({"key_file": ["/root/.ssh/id_rsa"]}));
    assert_eq!(
        words,
        "cannot use '/root/.ssh/id_rsa': line 1 is not a public key: it is a private key; give the public key, \
         from the file ending in '.pub'"
    );
}

#[test]
fn a_key_file_on_the_node_is_read() {
    let host = node().file("/root/keys.pub", format!("{MINE} me\n{OTHER}\n"));
    let answer = run_twice_as_said(&host, json!({"key_file": "/root/keys.pub", "scope": "cluster"}));
    assert_eq!(answer["changed"], json!(true), "{answer}");
    assert!(host.text(CLUSTER).ends_with(&format!("{MINE} me\n{OTHER}\n")));
}
