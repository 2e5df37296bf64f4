// SPDX-License-Identifier: GPL-3.0-or-later
//! Whole runs on fake nodes: order of effects, faults and kills at every step, the answers.

use std::time::Duration;

use host::Host;
use membership::fake::{LOCK, become_member, leaves, lock, name, next_run, standalone};
use serde_json::{Value, json};
use testkit::{Answer, FakeHost, at_every_effect};

use super::fake::*;

fn msg(answer: &Value) -> &str {
    answer["msg"].as_str().unwrap()
}

#[test]
fn a_node_leaves_with_all_that_is_its_own() {
    let host = leaver();
    let backup = format!("{BACKUPS}/left-prod-{}", host.unix_time());
    let answer = answer(&host, &leave());
    assert_eq!(msg(&answer), "this node has left cluster 'prod' and is standalone", "{answer}");
    assert_eq!((&answer["changed"], &answer["failed"]), (&json!(true), &Value::Null));
    assert_eq!(answer["leaves"], json!(true));
    assert_eq!((&answer["backup"], &answer["guests"]), (&json!(backup), &json!([100])));
    assert_eq!(
        answer["cleaned"],
        json!([
            "/etc/corosync/authkey",
            "/etc/corosync/corosync.conf",
            "/etc/corosync/qdevice",
            "/var/lib/corosync/ringid_2",
            "/etc/pve/nodes/pve1",
            "/etc/pve/nodes/pve3",
            "/etc/pve/ha/manager_status",
            "/etc/pve/ha/resources.cfg",
            "/etc/pve/priv/authorized_keys",
            "/etc/pve/priv/known_hosts",
            "/etc/pve/replication.cfg"
        ])
    );
    assert_eq!(
        answer["warnings"],
        json!([
            "the cluster still lists 'pve2', and its guests (100): never start them there; remove it on one of its members \
             with 'state: removed' and 'separated: true'"
        ])
    );
    assert_left(&host, "after a whole run");
    let effects = host.effects();
    let first = [
        format!("mkdir {BACKUPS} 0700"),
        format!("mkdir {backup} 0700"),
        format!("run sqlite3 /var/lib/pve-cluster/config.db '.backup '\\''{backup}/config.db'\\'''"),
    ];
    let lock = format!("{LOCK}-by-leave.pve2.100.5100.0f1e2d3c4b5a49788796a5b4c3d2e1f0.1767225600");
    assert_eq!(effects[..2], [format!("mkdir {LOCK} 0700"), format!("mkdir {lock} 0700")]);
    assert_eq!(effects[3..6], first, "the database is copied before anything else is done to the node");
    assert!(!host.exists(LOCK) && !host.exists(&lock), "its own copies of the lock go with the cluster");
    let order: Vec<&str> = effects
        .iter()
        .filter(|effect| effect.starts_with("run ") || effect.contains("leaving.json"))
        .map(String::as_str)
        .skip(2)
        .filter(|effect| !effect.starts_with("create"))
        .collect();
    assert_eq!(
        order,
        [
            "rename /var/backups/pve-cluster-collection/.leaving.json.new -> \
             /var/backups/pve-cluster-collection/leaving.json",
            "run systemctl stop pve-cluster corosync",
            "run pmxcfs -l",
            &format!("run {PKILL}"),
            "run systemctl reset-failed pve-cluster corosync",
            "run systemctl start pve-cluster",
            "remove /var/backups/pve-cluster-collection/leaving.json",
        ]
    );
    for copy in [
        "config.db",
        "corosync.conf",
        "nodes/pve1/qemu-server/101.conf",
        "priv/authorized_keys",
        "replication.cfg",
    ] {
        assert!(host.exists(&format!("{backup}/{copy}")), "{copy}");
    }
    assert_eq!(host.machine().get(format!("{backup}/config.db")).unwrap().mode, 0o600);
    assert!(!host.exists(&format!("{backup}/corosync/authkey")), "a key that nothing needs is not kept");
}

#[test]
fn a_second_run_changes_nothing() {
    let host = leaver();
    let _ = answer(&host, &leave());
    host.revive();
    let again = answer(&host, &leave());
    assert_eq!(msg(&again), "this node is standalone, and nothing of a cluster is left on it");
    assert_eq!((&again["changed"], &again["cleaned"]), (&json!(false), &json!([])));
    // The playbook that takes a cluster apart asks for a word unless both say that there is nothing to do.
    assert_eq!(again["leaves"], json!(false));
    assert_eq!(host.effects(), Vec::<String>::new());
}

#[test]
fn check_mode_gives_the_real_answer_and_changes_nothing() {
    let (host, twin) = (leaver(), leaver());
    let asked = |check: bool| json!({"state": "absent", "cluster_name": "prod", "_ansible_check_mode": check, "_ansible_diff": true});
    let check = answer(&host, &asked(true));
    assert_eq!(host.effects(), Vec::<String>::new());
    let mut real = answer(&twin, &asked(false));
    real.as_object_mut().unwrap().remove("backup");
    assert_eq!(check, real);
    assert_eq!(check["diff"].as_array().unwrap().len(), 2, "{check}");
}

#[test]
fn a_fault_at_any_step_is_undone_or_finished_by_the_next_run() {
    at_every_effect(leaver, 5, |host, number| {
        let first = answer(host, &leave());
        let before_removal = host.exists("/etc/pve/corosync.conf");
        if host.faulted() && first["failed"] == json!(true) {
            assert!(msg(&first).starts_with("cannot leave cluster 'prod': "), "{first}");
            if before_removal
                && host.effects().iter().any(|effect| effect == "run systemctl start pve-cluster")
            {
                assert_member(host, &format!("undone at {number}"));
                assert!(msg(&first).ends_with("; this node is in the cluster as before"), "{first}");
            }
        }
        let again = answer(host, &leave());
        assert_eq!(again["failed"], Value::Null, "effect {number}: {first}\nthen {again}");
        assert_left(host, &format!("effect {number}: {first}\nthen {again}"));
    });
}

#[test]
fn a_run_that_is_killed_at_any_step_is_finished_by_the_next() {
    let steps = {
        let host = leaver();
        let _ = answer(&host, &leave());
        host.effects().len()
    };
    assert!(steps > 35, "{steps}");
    for number in 0..steps {
        let host = leaver().dies_at(number);
        let _ = answer(&host, &leave());
        next_run(&host);
        let again = answer(&host, &leave());
        assert_eq!(again["failed"], Value::Null, "killed at {number}: {again}");
        assert_left(&host, &format!("killed at {number}"));
        host.revive();
        let third = answer(&host, &leave());
        assert_eq!((&third["changed"], host.effects()), (&json!(false), Vec::new()), "killed at {number}");
    }
}

#[test]
fn a_damaged_copy_stops_everything() {
    let host = leaver().query_prefix("sqlite3 /var/backups", "*** in database main ***\n");
    let said = answer(&host, &leave());
    assert!(
        msg(&said).contains("of '/var/lib/pve-cluster/config.db' is damaged: *** in database main ***"),
        "{said}"
    );
    assert_eq!(said["changed"], json!(false));
    assert_member(&host, "nothing was done");
}

#[test]
fn a_pmxcfs_that_does_not_start_in_local_mode_brings_the_member_back() {
    let host =
        leaver().action("pmxcfs -l", Answer::exit(255, "", "[main] crit: fuse_mount error: File exists\n"));
    let said = answer(&host, &leave());
    assert_eq!(
        msg(&said),
        "cannot leave cluster 'prod': 'pmxcfs -l' ended with exit code 255: [main] crit: fuse_mount error: File exists; \
         this node is in the cluster as before"
    );
    assert_eq!(said["changed"], json!(true));
    assert_member(&host, "it was undone");
}

#[test]
fn a_qdevice_stops_and_starts_no_more() {
    let host = leaver().file(QDEVICE, "").with(|machine| services(machine, "active", "active"));
    let said = answer(&host, &leave());
    assert_eq!(said["failed"], Value::Null, "{said}");
    assert_eq!(said["cleaned"].as_array().unwrap().last().unwrap(), "corosync-qdevice.service");
    let effects = host.effects();
    let place = |words: &str| effects.iter().position(|effect| effect == words).unwrap();
    assert!(place("run systemctl stop corosync-qdevice") < place("run systemctl stop pve-cluster corosync"));
    assert!(place("run systemctl start pve-cluster") < place("run systemctl disable corosync-qdevice"));
    host.revive();
    assert_eq!(answer(&host, &leave())["changed"], json!(false));
}

#[test]
fn strays_in_the_bare_directory_are_set_aside() {
    let host = leaver().action(
        "systemctl stop pve-cluster corosync",
        Answer::ok("").doing(|machine| {
            if machine.exists("/etc/pve/local") {
                machine.unmount("/etc/pve");
                machine.write("/etc/pve/nodes/pve2/stray", "x");
            }
            services(machine, "inactive", "inactive");
        }),
    );
    let said = answer(&host, &leave());
    assert_eq!(said["failed"], Value::Null, "{said}");
    assert_eq!(host.text(&format!("{}/stray/nodes/pve2/stray", said["backup"].as_str().unwrap())), "x");
    assert_left(&host, "with a stray");
}

#[test]
fn a_record_of_a_node_that_runs_in_its_cluster_again_is_out_of_date() {
    let record = r#"{"cluster_name": "prod", "backup": "/var/backups/x", "nodes": []}"#;
    let host = leaver().file(RECORD, record).file("/etc/pve/nodes/pve2/lrm_status", r#"{"state": "active"}"#);
    let said = answer(&host, &leave());
    assert!(msg(&said).contains("high availability is active on this node"), "{said}");
    let other = record.replace("prod", "prod-2");
    let host = with_services(standalone().file(RECORD, other));
    assert_eq!(
        msg(&answer(&host, &leave())),
        "cannot leave cluster 'prod': this node is half-way out of cluster 'prod-2' (copies are in '/var/backups/x'): run \
         this task with that 'cluster_name' first"
    );
}

#[test]
fn leftovers_on_a_standalone_node_are_removed() {
    let leftovers = || {
        with_services(
            standalone()
                .file("/var/lib/pve-cluster/config.db", "database")
                .file("/etc/corosync/authkey", "key")
                .file("/etc/corosync/corosync.conf", "totem {\n}\n")
                .file("/etc/pve/nodes/old/qemu-server/7.conf", "")
                .dir("/etc/pve/nodes/pve9/lxc")
                .file("/etc/pve/ha/resources.cfg", "vm: 100\n"),
        )
    };
    let host = leftovers();
    let said = answer(&host, &leave());
    assert_eq!(msg(&said), "what was left of a cluster on this standalone node is removed", "{said}");
    assert_eq!(
        said["cleaned"],
        json!(["/etc/corosync/authkey", "/etc/corosync/corosync.conf", "/etc/pve/nodes/pve9"])
    );
    assert!(host.exists("/etc/pve/nodes/old/qemu-server/7.conf") && host.exists("/etc/pve/ha/resources.cfg"));
    assert_eq!(
        said["warnings"],
        json!([
            "'/etc/pve/nodes/old' stays, because it has guests' configurations (7) and this node's cluster did not list such \
             a node: move what is this node's own, and remove the rest"
        ])
    );
    assert!(!host.effects().iter().any(|effect| effect.contains("systemctl")), "{:?}", host.effects());
    at_every_effect(leftovers, 5, |host, number| {
        let _ = answer(host, &leave());
        let again = answer(host, &leave());
        assert_eq!(again["failed"], Value::Null, "effect {number}: {again}");
        assert!(!host.exists("/etc/corosync/authkey") && !host.exists("/etc/pve/nodes/pve9"), "{number}");
    });
}

#[test]
fn options_of_other_states_are_refused_before_a_look() {
    let host = FakeHost::new();
    let given = json!({
        "state": "absent", "cluster_name": "prod_1", "node": "pve3", "links": [], "nodeid": 1, "votes": 1,
        "token_coefficient": 1, "cluster_node": "pve1", "timeout": 0,
    });
    assert_eq!(
        msg(&answer(&host, &given)),
        "cannot leave cluster 'prod_1': 'links' is for states 'present' and 'joined'; 'nodeid' is for states 'present' and \
         'joined'; 'votes' is for states 'present' and 'joined'; 'token_coefficient' is for state 'present'; \
         'cluster_node' is for state 'joined'; 'node' is for states 'removed', 'reserved' and 'released'; 'prod_1' is not a cluster name (letters, \
         digits and hyphens inside, 15 characters at most); 'timeout' is 0, which is not between 1 and 4294967295"
    );
    assert_eq!(host.steps(), []);
}

fn running(machine: &mut testkit::Machine, nodes: &[(u32, &str)], online: &[(u32, u64)]) {
    become_member(machine, 3, nodes, online);
    services(machine, "active", "active");
}

const FIVE: &[(u32, &str)] = &[(1, "pve1"), (2, "pve2"), (3, "pve3"), (4, "pve4"), (5, "pve5")];

/// Three of five want to leave at once, each sees four that stay. The second goes on as soon as the first is no member any more, and
/// counts without it; the third would be one too many.
#[test]
fn nodes_that_leave_at_once_leave_one_after_the_other_and_are_counted() {
    let five = |online: &[(u32, u64)]| {
        let online = online.to_vec();
        leaver().with(move |machine| {
            running(machine, FIVE, &online);
            lock(machine, &leaves("pve3"));
        })
    };
    let all = [(1, 3), (2, 3), (3, 3), (4, 3), (5, 3)];
    let host = five(&all);
    host.change(|machine| {
        machine.after(Duration::from_secs(9), |machine| {
            running(machine, FIVE, &[(1, 3), (2, 3), (4, 3), (5, 3)]);
        });
    });
    let said = answer(&host, &leave());
    assert_eq!(said["failed"], Value::Null, "{said}");
    let waited = host.elapsed().as_secs();
    assert!((9..20).contains(&waited), "not until the lock expires: {waited} s");
    assert_left(&host, "after pve3");

    let host = five(&all);
    host.change(|machine| {
        machine.after(Duration::from_secs(9), |machine| running(machine, FIVE, &[(1, 3), (2, 3), (4, 3)]));
    });
    let said = answer(&host, &leave());
    assert_eq!(
        msg(&said),
        "cannot leave cluster 'prod': the others ('pve1', 'pve4') would not be quorate without it (2 of the 3 votes needed): \
         start more nodes first, or, if they are to leave too or you will run 'pvecm expected 2' on one of them, use 'force: \
         true'"
    );
    assert_eq!(said["changed"], false);
    assert!(!host.effects().iter().any(|effect| effect.contains("systemctl")), "{:?}", host.effects());

    // one that takes longer than there is time: nothing is done, and its lock stays its own
    let host = five(&all);
    let said = answer(&host, &leave());
    assert_eq!(
        msg(&said),
        "cannot leave cluster 'prod': node 'pve3' is leaving the cluster (process 7) \
         ('/etc/pve/priv/lock/pvecm_cluster-join', which expires 120 s after an interruption)"
    );
    assert!(host.exists(LOCK) && host.exists(&name(&leaves("pve3"))));
}

/// Between the look and the lock another node has left: what counts is how it is behind the lock.
#[test]
fn those_who_stay_are_counted_behind_the_lock() {
    let host = leaver().with(|machine| {
        running(machine, THREE, &[(1, 3), (2, 3), (3, 3)]);
    });
    let host = host.action_prefix(
        "systemd-run",
        Answer::ok("").doing(|machine| running(machine, THREE, &[(1, 3), (2, 3)])),
    );
    let said = answer(&host, &leave());
    assert!(msg(&said).contains("would not be quorate without it (1 of the 2 votes needed)"), "{said}");
    assert!(!host.exists(LOCK), "it is given up");
    assert!(!host.effects().iter().any(|effect| effect.contains("systemctl")), "{:?}", host.effects());
}

#[test]
fn a_whole_cluster_is_taken_apart_without_waiting_for_each_other() {
    let host = leaver();
    let given = json!({"state": "absent", "cluster_name": "prod", "force": true});
    assert_eq!(answer(&host, &given)["failed"], Value::Null);
    assert!(
        !host.effects().iter().any(|effect| effect.contains("pvecm_cluster-join")),
        "{:?}",
        host.effects()
    );
}

#[test]
fn a_lock_that_cannot_be_kept_is_given_back() {
    let host = leaver().action_prefix("systemd-run", Answer::exit(1, "", "Failed to connect to bus\n"));
    let said = answer(&host, &leave());
    assert_eq!(
        msg(&said),
        "cannot leave cluster 'prod': 'systemd-run' ended with exit code 1 and said: Failed to connect to bus"
    );
    assert!(!host.exists(LOCK));
    assert_member(&host, "nothing was done");
}

/// A run was interrupted after it had set a stray file aside; meanwhile another of that name came.
#[test]
fn a_newer_stray_of_the_same_name_is_not_lost() {
    let host = leaver().action(
        "systemctl stop pve-cluster corosync",
        Answer::ok("").doing(|machine| {
            if machine.exists("/etc/pve/local") {
                machine.unmount("/etc/pve");
                machine.write("/etc/pve/stray", "new");
                machine.write("/etc/pve/same", "old");
            }
            services(machine, "inactive", "inactive");
        }),
    );
    let backup = format!("{BACKUPS}/left-prod-{}", host.unix_time());
    let record = json!({"cluster_name": "prod", "backup": backup, "nodes": []}).to_string();
    let host = host
        .file(RECORD, record)
        .file(&format!("{backup}/stray/stray"), "old")
        .file(&format!("{backup}/stray/same"), "old");
    // the record counts only where the node is not whole
    host.change(|machine| services(machine, "inactive", "inactive"));
    let said = answer(&host, &leave());
    assert_eq!(said["failed"], Value::Null, "{said}");
    assert_eq!(host.text(&format!("{backup}/stray/stray")), "old");
    assert_eq!(host.text(&format!("{backup}/stray/stray.2")), "new");
    assert!(!host.exists(&format!("{backup}/stray/same.2")), "there is one copy of it");
}

#[test]
fn while_a_rescue_is_armed_the_node_stays() {
    let host =
        leaver().file("/etc/pve/nodes/pve3/pve-cluster-rescue", "until 99999999999\nowner a role\nend\n");
    let answer = answer(&host, &leave());
    assert!(msg(&answer).contains("its rescue is armed on 'pve3' by a role"), "{answer}");
    assert_eq!((&answer["changed"], host.effects()), (&json!(false), Vec::new()));
}

/// Only a node that the others count has to keep them from changing who they are.
#[test]
fn a_node_that_the_others_do_not_count_takes_no_lock() {
    let host = leaver();
    let args = super::Args { cluster_name: "prod".into(), force: false, timeout: 60 };
    let wanted = super::Wanted::check(&args, Vec::new()).unwrap();
    let (seen, plan) = super::settle(&host, &args, &wanted, Duration::from_secs(60)).unwrap();
    assert!(super::takes_lock(&wanted, &seen, &plan));
    let force = super::Wanted { force: true, ..wanted.clone() };
    assert!(!super::takes_lock(&force, &seen, &plan));
    for other in [
        super::Plan { resumes: true, ..plan.clone() },
        super::Plan { separates: false, ..plan.clone() },
        super::Plan { others: Vec::new(), ..plan.clone() },
    ] {
        assert!(!super::takes_lock(&wanted, &seen, &other), "{other:?}");
    }
    let mut changed = seen.clone();
    changed.here.view.corosync.as_mut().unwrap().quorate = false;
    assert!(!super::takes_lock(&wanted, &changed, &plan), "it is not quorate");
    changed.here.view.corosync = None;
    assert!(!super::takes_lock(&wanted, &changed, &plan), "its corosync does not run");
    let mut changed = seen;
    changed.here.view.mount = super::Mount::ReadOnly;
    assert!(!super::takes_lock(&wanted, &changed, &plan), "it could not");
}
