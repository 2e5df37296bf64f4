// SPDX-License-Identifier: GPL-3.0-or-later
//! Whole runs of a join by password: the cluster node reserves, the joining node joins, on fake nodes.

use std::time::Duration;

use host::Host;
use serde_json::{Value, json};
use testkit::{Answer, FakeHost, Machine, at_every_effect};

use crate::{args, dispatch};
use locks::Owner;
use membership::fake::*;
use membership::reservation::{self as text, Reservation};
use membership::seen::Door;

const PEM: &str = include_str!("../../../cluster-state/tests/fixtures/certificate-one.pem");
const FINGERPRINT: &str =
    "D9:C4:74:C7:9D:8D:32:95:4D:83:9A:5D:19:28:F6:0A:F5:84:70:A1:E4:80:AD:83:26:47:85:E9:D1:A9:2A:74";
const OTHER_PEM: &str = include_str!("../../../cluster-state/tests/fixtures/certificate-two.pem");
const OTHER: &str =
    "F7:70:DD:9C:9D:5E:F6:35:9D:6C:32:3D:16:9D:CE:7E:A5:84:2F:F8:18:8F:84:69:EF:A1:50:A9:3C:93:77:2A";
const CLAIM: &str = "/bin/sh -s claim reservation.pve2.0.0.0 - 120";
const LOOK: &str = "/bin/sh -s look";
const PASSWORD: &str = "correct horse battery";

fn reserved_for(node: &str) -> Owner {
    Owner::reservation(node)
}

/// An answer of this node, reserved for pve2.
fn reserved(peer: &str) -> String {
    format!("\n@@ claim\n{}", held_by(peer, &reserved_for("pve2")))
}

fn answer(host: &FakeHost, given: &Value) -> Value {
    ansible_module::answer(&args::spec(), given.to_string().as_bytes(), host, dispatch::run)
}

fn msg(answer: &Value) -> &str {
    answer["msg"].as_str().unwrap()
}

fn reserve() -> Value {
    json!({"state": "reserved", "cluster_name": "prod", "node": "pve2"})
}

fn release() -> Value {
    json!({"state": "released", "cluster_name": "prod", "node": "pve2"})
}

fn with(mut given: Value, name: &str, value: impl Into<Value>) -> Value {
    given[name] = value.into();
    given
}

fn proxy(machine: &mut Machine, active: &str) {
    let units: Vec<String> =
        cluster_state::services::UNITS.iter().map(|unit| format!("{unit}.service")).collect();
    let line = format!(
        "systemctl show --property=Id,LoadState,ActiveState,UnitFileState,Result,ExecMainStatus {}",
        units.join(" ")
    );
    machine.query(
        &line,
        format!("Result=success\nExecMainStatus=0\nId=pveproxy.service\nLoadState=loaded\nActiveState={active}\nUnitFileState=enabled\n"),
    );
}

/// A pve1 that can be joined through.
fn cluster_node() -> FakeHost {
    let free = peer(1, ALONE, &[(1, 1)]);
    FakeHost::new()
        .with_hostname("pve1")
        .with_address("lo", "127.0.0.1", 8)
        .with_address("eth0", "10.77.0.11", 24)
        .pmxcfs("/etc/pve")
        .dir("/etc/pve/nodes/pve1")
        .dir("/etc/pve/priv/lock")
        .link("/etc/pve/local", "nodes/pve1")
        .file("/etc/pve/nodes/pve1/pve-ssl.pem", PEM)
        .query("openssl s_client -connect 127.0.0.1:8006", Answer::ok(PEM))
        .query("systemctl is-system-running", "running\n")
        .with(|machine| proxy(machine, "active"))
        .query(LOOK, free.clone())
        .action(
            CLAIM,
            Answer::ok(reserved(&free)).doing(|machine| {
                lock(machine, &reserved_for("pve2"));
            }),
        )
}

#[test]
fn a_reservation_locks_the_cluster_and_tells_the_certificate() {
    let host = cluster_node();
    let said = answer(&host, &reserve());
    assert_eq!(host.effects(), [format!("run {CLAIM}")]);
    assert_eq!(msg(&said), "cluster 'prod' is reserved for the join of node 'pve2'");
    assert_eq!((&said["changed"], &said["fingerprint"]), (&json!(true), &json!(FINGERPRINT)));
    assert_eq!(said.get("warnings"), None);
    let found = text::read(said["reservation"].as_str().unwrap()).unwrap();
    assert_eq!((found.joining.as_str(), found.door.factor), ("pve2", false));
    let released = answer(&host, &release());
    assert_eq!(
        (msg(&released), &released["changed"]),
        ("cluster 'prod' is no longer reserved for node 'pve2'", &json!(true))
    );
    assert!(!host.exists(LOCK) && !host.exists(&name(&reserved_for("pve2"))));
    let again = answer(&host, &release());
    assert_eq!(
        (msg(&again), &again["changed"]),
        ("cluster 'prod' is not reserved for node 'pve2'", &json!(false))
    );
}

#[test]
fn check_mode_predicts_and_locks_nothing() {
    let host = cluster_node();
    let check = answer(&host, &with(reserve(), "_ansible_check_mode", true));
    assert_eq!(host.effects(), Vec::<String>::new());
    assert_eq!(msg(&check), "cluster 'prod' is reserved for the join of node 'pve2'");
    let join = with(join(), "reservation", check["reservation"].clone());
    let joining = joining();
    let check = answer(&joining, &with(join.clone(), "_ansible_check_mode", true));
    assert_eq!(msg(&check), "this node joins cluster 'prod' as nodeid 2");
    assert_eq!(joining.effects(), Vec::<String>::new());
    // what locked nothing lets nobody in
    let real = answer(&joining, &join);
    assert_eq!(
        msg(&real),
        "cannot join cluster 'prod': a join by password needs the cluster reserved for it: run this module with 'state: \
         reserved' on '10.77.0.11' and hand on its 'reservation'"
    );
    assert_eq!(joining.effects(), Vec::<String>::new());
}

#[test]
fn the_port_is_what_counts_and_a_difference_is_told() {
    let host = cluster_node();
    host.change(|machine| {
        machine
            .query("openssl s_client -connect 127.0.0.1:8006", Answer::exit(1, "", "Connection refused\n"));
        machine.query("openssl s_client -connect 10.77.0.11:8006", Answer::ok(OTHER_PEM));
    });
    let said = answer(&host, &reserve());
    assert_eq!(said["fingerprint"], OTHER);
    assert_eq!(
        said["warnings"],
        json!([format!(
            "pveproxy on 'pve1' still serves the certificate with the fingerprint '{OTHER}', not the one in its file: \
             'systemctl restart pveproxy' there changes that"
        )])
    );
}

/// What stands in the way of anybody, in the words of the refusal; nothing is locked.
#[test]
fn each_reason_not_to_reserve() {
    type Change = fn(&mut Machine);
    let table: [(Change, &str); 6] = [
        (
            |machine| proxy(machine, "inactive"),
            "pveproxy does not answer on port 8006 of 'pve1': start it with 'systemctl start pveproxy' there",
        ),
        (
            |machine| {
                let closed = || Answer::exit(1, "", "Connection refused\n");
                machine.query("openssl s_client -connect 127.0.0.1:8006", closed());
                machine.query("openssl s_client -connect 10.77.0.11:8006", closed());
            },
            "pveproxy does not answer on port 8006 of 'pve1': start it with 'systemctl start pveproxy' there",
        ),
        (
            |machine| {
                machine.write("/etc/pve/priv/tfa.cfg", r#"{"users":{"root@pam":{"totp":[{"entry":"x"}]}}}"#)
            },
            "root@pam of the cluster has a second factor, which cannot be given without a terminal: join over ssh ('method: \
             ssh'), or take the factor away for the join",
        ),
        (
            |machine| {
                let other = reserved(&peer(1, ALONE, &[(1, 1)]))
                    .replace("cluster_name: prod", "cluster_name: prod-2");
                machine.action(CLAIM, other);
            },
            "'pve1' is a member of cluster 'prod-2'",
        ),
        (
            |machine| {
                machine.action(
                    CLAIM,
                    reserved(&peer(1, ALONE, &[(1, 1)])).replace("@@ node\npve1", "@@ node\npve2"),
                )
            },
            "'pve2' is this node itself: name the one that is to join",
        ),
        (|machine| machine.action(CLAIM, Answer::exit(127, "", "")), "the shell ended with exit code 127"),
    ];
    for (change, expected) in table {
        let host = cluster_node();
        host.change(change);
        let answer = answer(&host, &reserve());
        assert_eq!(msg(&answer), format!("cannot reserve cluster 'prod' for node 'pve2': {expected}"));
        assert_eq!(answer["changed"], false);
        assert!(!host.exists(LOCK), "{expected}");
        assert_eq!(host.elapsed(), Duration::ZERO, "{expected}");
    }
}

/// A cluster node that is still booting is waited for.
#[test]
fn a_pveproxy_on_its_way_up_is_waited_for() {
    let host = cluster_node();
    host.change(|machine| {
        proxy(machine, "activating");
        machine.after(Duration::from_secs(6), |machine| proxy(machine, "active"));
    });
    let answer = answer(&host, &reserve());
    assert_eq!((&answer["changed"], host.elapsed()), (&json!(true), Duration::from_secs(6)), "{answer}");
}

/// The entry of an interrupted join has cost the cluster its quorum: all that the next run needs is told in one refusal.
#[test]
fn an_entry_that_costs_quorum_is_told_with_what_takes_it_away() {
    let host = cluster_node();
    host.change(|machine| machine.action(CLAIM, peer(2, PAIR, &[(1, 2)])));
    assert_eq!(
        msg(&answer(&host, &reserve())),
        "cannot reserve cluster 'prod' for node 'pve2': the cluster is not quorate (1 of 2 votes), because it counts 'pve2', \
         which is not online: 'pvecm expected 1' on 'pve1' gives it quorum for now; the cluster lists a node named 'pve2' \
         already, which is not online: if it is the one that is to join, reinstalled or half joined, let it join with \
         'repair: true', or remove it first with 'pvecm delnode pve2' on 'pve1'"
    );
}

#[test]
fn what_passes_is_waited_for_and_the_lock_is_given_back_meanwhile() {
    let host = cluster_node();
    let nodes = [(1, "pve1"), (3, "pve3")];
    let busy = reserved(&peer(2, &nodes, &[(1, 2)]));
    let free = reserved(&peer(2, &nodes, &[(1, 2), (3, 2)]));
    host.change(|machine| {
        machine.action(CLAIM, Answer::ok(busy).doing(|machine| lock(machine, &reserved_for("pve2"))));
        machine.after(Duration::from_secs(8), |machine| machine.action(CLAIM, free));
    });
    assert_eq!(answer(&host, &reserve())["changed"], true);
    assert_eq!(host.elapsed(), Duration::from_secs(8));
    assert_eq!(
        host.effects()[..2],
        [format!("run {CLAIM}"), format!("rmdir {}", name(&reserved_for("pve2")))]
    );
}

/// The answer does not come, but the lock was taken.
#[test]
fn a_lock_that_nobody_hears_of_is_given_back() {
    let host = cluster_node().action(
        CLAIM,
        Answer::ok("").taking(Duration::MAX).doing(|machine| {
            lock(machine, &reserved_for("pve2"));
        }),
    );
    host.change(|machine| {
        machine.after(Duration::from_secs(1), |machine| {
            lock(machine, &reserved_for("pve2"));
        });
    });
    assert_eq!(
        msg(&answer(&host, &reserve())),
        "cannot reserve cluster 'prod' for node 'pve2': this node tells nothing of its cluster within 20 s"
    );
    assert!(!host.exists(LOCK) && !host.exists(&name(&reserved_for("pve2"))));
}

#[test]
fn another_join_is_waited_for_for_half_of_the_time() {
    let host = cluster_node();
    host.change(|machine| {
        machine.action(CLAIM, format!("\n@@ claim\n{}", held(&peer(1, ALONE, &[(1, 1)]))));
    });
    assert_eq!(
        msg(&answer(&host, &reserve())),
        "cannot reserve cluster 'prod' for node 'pve2': another node is joining or leaving the \
         cluster ('/etc/pve/priv/lock/pvecm_cluster-join', which expires 120 s after an interruption) (for 60 s)"
    );
}

#[test]
fn options_of_other_states_are_refused() {
    let given = json!({"state": "reserved", "cluster_name": "prod", "node": "a.b", "method": "api", "password": "x",
        "fingerprint": "y", "links": [{"address": "10.0.0.1"}]});
    assert_eq!(
        msg(&answer(&FakeHost::new(), &given)),
        "cannot reserve cluster 'prod' for node 'a.b': 'links' is for states 'present' and 'joined'; 'method' is for state \
         'joined'; 'fingerprint' is for state 'joined'; 'password' is for state 'joined'; 'a.b' is not a node name"
    );
}

const API_ADD: &str = "pvecm add 10.77.0.11 --fingerprint \
    D9:C4:74:C7:9D:8D:32:95:4D:83:9A:5D:19:28:F6:0A:F5:84:70:A1:E4:80:AD:83:26:47:85:E9:D1:A9:2A:74 --link0 10.77.1.12";

/// `captures/two_links_join--pvecm_add_api_two_links_password_on_stdin_success--pve2`
const API_JOINED: &str = "Establishing API connection with host '10.77.0.11'\nLogin succeeded.\ncheck cluster join API \
    version\nRequest addition of this node\nJoin request OK, finishing setup locally\nstopping pve-cluster \
    service\nbackup old database to '/var/lib/pve-cluster/backup/config-1795198914.sql.gz'\nwaiting for \
    quorum...OK\n(re)generate node files\ngenerate new node certificate\nmerge authorized SSH keys\ngenerated new node \
    certificate, restart pveproxy and pvedaemon services\nsuccessfully added node 'pve2' to cluster.\n";

fn join() -> Value {
    json!({
        "state": "joined", "cluster_name": "prod", "cluster_node": "10.77.0.11", "method": "api",
        "password": PASSWORD, "fingerprint": FINGERPRINT.to_ascii_lowercase(), "links": [{"address": "10.77.1.12"}],
    })
}

/// A reservation of pve1 for pve2, behind its lock.
fn reservation(change: impl FnOnce(&mut String, &mut Reservation)) -> String {
    let mut said = reserved(&peer(1, ALONE, &[(1, 1)]));
    let made = FakeHost::new().machine().unix_time();
    let door = Door {
        served: Some(FINGERPRINT.into()),
        next: Some(FINGERPRINT.into()),
        factor: false,
        starting: false,
    };
    let mut reservation = Reservation { joining: "pve2".into(), made, door };
    change(&mut said, &mut reservation);
    text::write(&said, &reservation)
}

/// A pve2 that joins by password, without rsync and without a key of root's.
fn joining() -> FakeHost {
    standalone()
        .with(|machine| machine.remove("/root/.ssh/id_rsa"))
        .query("rsync --version", Answer::not_installed())
        .action(
            API_ADD,
            Answer::ok(API_JOINED).taking(Duration::from_secs(12)).doing(|machine| {
                become_member(machine, 2, PAIR, &[(1, 2), (2, 2)]);
                lock(machine, &reserved_for("pve2"));
            }),
        )
}

fn reserved_join() -> Value {
    with(join(), "reservation", reservation(|_, _| {}))
}

#[test]
fn a_join_by_password_is_reported_when_the_cluster_confirms_it() {
    let host = joining();
    let answer = answer(&host, &reserved_join());
    assert_eq!(msg(&answer), "this node joins cluster 'prod' as nodeid 2");
    let lock = "/etc/pve/priv/lock/pvecm_cluster-pve2";
    assert_eq!(
        host.effects(),
        [
            format!("run {API_ADD}"),
            format!("mkdir {lock} 0700"),
            format!("rmdir {lock}"),
            format!("rmdir {}", name(&reserved_for("pve2"))),
            format!("rmdir {LOCK}")
        ]
    );
    assert_eq!((&answer["changed"], &answer["members"]), (&json!(true), &json!(["pve1", "pve2"])));
    assert_eq!(answer["backup"], "/var/lib/pve-cluster/backup/config-1795198914.sql.gz");
    assert!(host.commands().iter().all(|command| command.program != "ssh"), "there is no login");
}

#[test]
fn pvecm_gets_the_password_on_its_input_and_nobody_else_does() {
    let host = joining();
    let joined = answer(&host, &reserved_join());
    for command in host.commands() {
        let expected = if command.line() == API_ADD { format!("{PASSWORD}\n") } else { String::new() };
        assert_eq!(String::from_utf8(command.stdin.clone()).unwrap(), expected, "{command:?}");
        assert!(!command.line().contains("horse") && !format!("{command:?}").contains("horse"));
    }
    // even what pvecm itself says
    let echo =
        joining().action(API_ADD, Answer::exit(0, format!("{PASSWORD}\n"), format!("no: {PASSWORD}\n")));
    for said in [joined, answer(&echo, &reserved_join()), answer(&joining(), &join())] {
        assert!(!said.to_string().contains("horse"), "{said}");
    }
}

#[test]
fn a_second_run_needs_no_reservation_and_changes_nothing() {
    let host = joining();
    let _ = answer(&host, &reserved_join());
    host.revive();
    let again = answer(&host, &join());
    assert_eq!((msg(&again), &again["changed"]), ("this node is nodeid 2 of cluster 'prod'", &json!(false)));
    assert_eq!(host.effects(), Vec::<String>::new());
}

#[test]
fn a_member_that_does_not_know_the_cluster_node_asks_for_a_reservation() {
    let host = member();
    assert_eq!(
        msg(&answer(&host, &with(join(), "cluster_node", "alias.example.org"))),
        "cannot confirm membership of cluster 'prod': a join by password needs the cluster reserved for it: run this \
         module with 'state: reserved' on 'alias.example.org' and hand on its 'reservation'"
    );
}

#[test]
fn each_reason_not_to_join_by_password() {
    type Change = fn(&mut String, &mut Reservation);
    let table: [(Change, String); 9] = [
        (|_, it| it.joining = "pve3".into(), "the reservation is for node 'pve3'".into()),
        (
            |_, it| it.made -= 121,
            "the reservation was made 121 s before or after the time that this node has: reserve the cluster again just \
             before the join, and see that both clocks are right"
                .into(),
        ),
        (
            |said, _| *said = peer(1, ALONE, &[(1, 1)]),
            "a join by password needs the cluster reserved for it: run this module with 'state: reserved' on '10.77.0.11' \
             and hand on its 'reservation'"
                .into(),
        ),
        (
            |_, it| it.door.served = Some(OTHER.into()),
            format!(
                "'pve1' serves a certificate with the fingerprint '{OTHER}', not '{FINGERPRINT}': make sure that it is the \
                 right host, and that its certificate was read after its last renewal"
            ),
        ),
        (
            |_, it| it.door.factor = true,
            "root@pam of the cluster has a second factor, which cannot be given without a terminal: join over ssh ('method: \
             ssh'), or take the factor away for the join"
                .into(),
        ),
        (
            |said, _| *said = reserved(&peer(2, &[(1, "pve1"), (3, "pve3")], &[(1, 2)])),
            "the cluster is not quorate (1 of 2 votes); node 'pve3' of the cluster is not online and would miss the new \
             corosync.conf: start or remove it first"
                .into(),
        ),
        (
            |said, _| {
                *said = reserved(&peer(2, &[(1, "pve1"), (3, "pve3")], &[(1, 2), (3, 2)]))
                    .replacen("quorum_votes: 1\n    ring0_addr: 10.77.1.13", "quorum_votes: 0\n    ring0_addr: 10.77.1.13", 1);
            },
            "node 'pve3' of the cluster has no vote yet, and with a further node's vote the cluster could lose quorum: another run may be at \
             work, and where none is, playbooks/cluster-init.yml ends it"
                .into(),
        ),
        (
            |said, _| *said = said.replace("@@ rsync\n/usr/bin/rsync", "@@ rsync\n").replace("@@ api\n1", "@@ api\n3"),
            "pvecm speaks join API version 1 on this node and 3 on 'pve1': they must not differ by more than 1".into(),
        ),
        (
            |said, _| *said = said.replace("name: pve1", "name: pve2"),
            "the cluster has another node named 'pve2', which is online: node names must differ".into(),
        ),
    ];
    for (change, expected) in table {
        let host = joining();
        let answer = answer(&host, &with(join(), "reservation", reservation(change)));
        assert_eq!(msg(&answer), format!("cannot join cluster 'prod': {expected}"));
        assert_eq!(host.effects(), Vec::<String>::new(), "{expected}");
        assert_eq!(host.elapsed(), Duration::ZERO, "what a reservation says does not change: {expected}");
    }
}

/// What pvecm lets through: O7, O8, O9 of the recordings.
#[test]
fn what_pvecm_would_let_pass_is_refused_by_password_too() {
    let clash = answer(&joining(), &with(reserved_join(), "nodeid", 1));
    assert_eq!(msg(&clash), "cannot join cluster 'prod': nodeid 1 belongs to node 'pve1' of the cluster");
    let no_link = answer(&joining(), &with(reserved_join(), "links", json!([])));
    assert_eq!(
        msg(&no_link),
        "cannot join cluster 'prod': 'links' is empty: without one, pvecm would take whatever address the host name has"
    );
    let host = joining();
    host.change(|machine| {
        let vmlist = "{\n\"version\": 3,\n\"ids\": {\n\"100\": { \"node\": \"pve2\", \"type\": \"qemu\", \"version\": 4 }}\n\n}\n";
        machine.write("/etc/pve/.vmlist", vmlist);
    });
    let guests = answer(&host, &with(reserved_join(), "force", true));
    assert_eq!(msg(&guests), "cannot join cluster 'prod': this host already contains virtual guests (100)");
}

#[test]
fn a_reservation_that_cannot_be_understood_is_refused() {
    for (text, why) in
        [("", "it is incomplete"), ("@@ end", "it is incomplete"), ("\n@@ end\n", "it is no reservation")]
    {
        assert_eq!(
            msg(&answer(&joining(), &with(join(), "reservation", text))),
            format!("cannot join cluster 'prod': the answer of '10.77.0.11' cannot be understood: {why}")
        );
    }
}

/// `captures/API_join_from_fresh_node_into_3-node_cluster--pvecm_add_api_right_fingerprint_wrong_password--pve4`
#[test]
fn a_wrong_password_changes_nothing_and_is_told() {
    let said = "Establishing API connection with host '10.77.0.11'\n";
    let host = joining().action(
        API_ADD,
        Answer::exit(0, said, "401 authentication failure\n").taking(Duration::from_secs(3)),
    );
    let answer = answer(&host, &reserved_join());
    assert_eq!(
        msg(&answer),
        "cannot join cluster 'prod': pvecm gave up: the cluster node does not accept the password of root. This node: a \
         member of no cluster. The cluster: seen before this join: cluster 'prod' does not list this node (config_version 1), \
         on 'pve1' corosync is quorate (1 of 1 votes) with 'pve1'. What to do: fix the cause, then run this task again"
    );
    assert!(answer["cluster_state"].as_str().unwrap().starts_with("seen before this join: "), "{answer}");
    assert_eq!(answer["changed"], false);
    assert_eq!(host.elapsed(), Duration::from_secs(3));
}

#[test]
fn a_join_that_breaks_off_while_it_asks_may_have_changed_the_cluster() {
    let said = "Establishing API connection with host '10.77.0.11'\nLogin succeeded.\ncheck cluster join API \
                version\nRequest addition of this node\n";
    let host = joining().action(API_ADD, Answer::ok(said).taking(Duration::MAX));
    let answer = answer(&host, &reserved_join());
    assert_eq!(
        msg(&answer),
        "cannot join cluster 'prod': pvecm had not ended after 110 s and was stopped while the cluster was asked to list \
         this node. This node: a member of no cluster. The cluster: seen before this join: cluster 'prod' does not list this \
         node (config_version 1), on 'pve1' corosync is quorate (1 of 1 votes) with 'pve1'. What to do: fix the cause, then \
         run this task again"
    );
    assert_eq!(answer["changed"], true);
}

#[test]
fn wrong_options_are_told_at_once() {
    let given = with(with(join(), "password", "a\nb"), "fingerprint", "AA:BB");
    let host = FakeHost::new();
    assert_eq!(
        msg(&answer(&host, &given)),
        "cannot join cluster 'prod': 'password' has a line break or a NUL in it, which pvecm would take for its end; \
         'fingerprint' is 'AA:BB', which is not a SHA-256 fingerprint (32 pairs of hexadecimal digits with colons between \
         them)"
    );
    assert_eq!(host.steps(), []);
    let given = json!({"state": "joined", "cluster_name": "prod", "cluster_node": "pve1", "method": "api",
        "links": [{"address": "10.77.1.12"}]});
    assert_eq!(
        msg(&answer(&host, &given)),
        "method is api but all of the following are missing: password, fingerprint"
    );
}

#[test]
fn a_fault_at_every_effect_is_told() {
    at_every_effect(joining, 5, |host, number| {
        let answer = answer(host, &with(reserved_join(), "timeout", 60));
        let changed = host.effects().iter().any(|effect| effect.starts_with("run pvecm"));
        assert_eq!(answer["changed"], changed, "{number}: {answer}");
        assert_eq!(answer.get("failed").is_none(), changed, "{number}: {answer}");
    });
    at_every_effect(cluster_node, 1, |host, number| {
        let answer = answer(host, &reserve());
        assert_eq!(
            (answer.get("failed").is_some(), &answer["changed"]),
            (host.faulted(), &json!(!host.faulted())),
            "{number}: {answer}"
        );
        assert_eq!(host.exists(LOCK), !host.faulted(), "{number}");
    });
}

#[test]
fn a_run_that_dies_anywhere_is_taken_up_by_the_next() {
    for effect in 0..5 {
        let host = joining().dies_at(effect);
        let _ = answer(&host, &reserved_join());
        host.revive();
        let next = answer(&host, &reserved_join());
        assert!(next.get("failed").is_none(), "{effect}: {next}");
        assert!(!host.exists(&name(&reserved_for("pve2"))), "{effect}: the lock is released");
        // between the last two effects nobody can tell whose it is until it expires
        assert_eq!(host.exists(LOCK), effect == 4, "{effect}");
    }
}

/// A lock that has to outlive its 120 s is renewed.
#[test]
fn a_long_join_has_its_lock_renewed() {
    let long = format!("{} 600", ssh(membership::probe::Errand::Claim { keep: 0 }));
    let before = peer(1, ALONE, &[(1, 1)]);
    let host = joinable().action(&long, claimed(&before));
    let given = json!({
        "state": "joined", "cluster_name": "prod", "cluster_node": "10.77.0.11", "timeout": 600,
        "links": [{"address": "10.77.1.12"}],
    });
    let joined = answer(&host, &given);
    assert_eq!(joined["changed"], true, "{joined}");
    assert_eq!(host.effects()[0], format!("run {long}"));
}

/// A node has just left, and `pvecm delnode` has removed it from the list: its lock is still there, and in nobody's way.
#[test]
fn a_cluster_that_a_node_has_left_is_reserved_at_once() {
    const LEFT: &[(u32, &str)] = &[(1, "pve1"), (4, "pve4")];
    let members = [(1, 3), (4, 3)];
    let free = peer(3, LEFT, &members);
    let left = held_by(&free, &leaves("pve3"));
    let over = CLAIM.replace(" - ", &format!(" {}.1767225600 ", leaves("pve3").word()));
    let host = cluster_node()
        .query(LOOK, left.clone())
        .action(CLAIM, format!("\n@@ claim\n{left}"))
        .action(&over, reserved(&free));
    let said = answer(&host, &reserve());
    assert_eq!(said["failed"], Value::Null, "{said}");
    assert_eq!(host.effects(), [format!("run {CLAIM}"), format!("run {over}")]);
    assert_eq!(host.elapsed(), Duration::ZERO);
    let look = answer(&host, &with(reserve(), "_ansible_check_mode", true));
    assert_eq!((&look["failed"], host.effects().len()), (&Value::Null, 2), "a look takes nothing");
}
