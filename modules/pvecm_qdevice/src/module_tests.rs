// SPDX-License-Identifier: GPL-3.0-or-later
//! Whole runs on a fake node: order of effects, faults and kills at every step, the answers.

use serde_json::{Value, json};
use testkit::{FakeHost, at_every_effect};

use crate::fake::*;

fn msg(answer: &Value) -> &str {
    answer["msg"].as_str().unwrap()
}

fn with_option(mut given: Value, name: &str, value: impl Into<Value>) -> Value {
    given[name] = value.into();
    given
}

fn fresh() -> FakeHost {
    without(2, World::default())
}

fn used() -> FakeHost {
    with(2, World::default())
}

#[test]
fn a_cluster_gets_one() {
    let host = fresh();
    let answer = answer(&host, &present());
    assert_eq!(msg(&answer), "cluster 'prod' has QDevice '10.77.0.31' (ffsplit, 1 of 3 votes)");
    assert_eq!((&answer["changed"], &answer["failed"]), (&json!(true), &Value::Null), "{answer}");
    assert_eq!((&answer["config_version"], &answer["expected_votes"]), (&json!(4), &json!(3)));
    assert_eq!((&answer["algorithm"], &answer["votes"]), (&json!("ffsplit"), &json!(1)));
    assert_eq!(answer["pvecm"]["cmd"], SETUP);
    assert_eq!(host.effects(), [format!("run {SETUP}")]);
}

#[test]
fn a_second_run_changes_nothing() {
    let host = fresh();
    let _ = answer(&host, &present());
    host.revive();
    let again = answer(&host, &present());
    assert_eq!((&again["changed"], &again["failed"]), (&json!(false), &Value::Null), "{again}");
    assert_eq!(host.effects(), Vec::<String>::new());
    // the QNetd host is looked at before a QDevice is set up, and then no more
    assert!(host.commands().iter().all(|command| command.program != "ssh"));
    let gone = answer(&host, &absent());
    assert_eq!((msg(&gone), &gone["changed"]), ("cluster 'prod' has no QDevice (2 votes)", &json!(true)));
    host.revive();
    let again = answer(&host, &absent());
    assert_eq!((msg(&again), &again["changed"]), ("cluster 'prod' has no QDevice (2 votes)", &json!(false)));
    assert_eq!(host.effects(), Vec::<String>::new());
}

#[test]
fn an_odd_cluster_gets_one_when_told() {
    let host = without(3, World::default());
    let given = with_option(with_option(present(), "force", true), "network", "10.77.0.0/24");
    let answer = answer(&host, &given);
    assert_eq!(msg(&answer), "cluster 'prod' has QDevice '10.77.0.31' (lms, 2 of 5 votes)");
    assert_eq!(answer["pvecm"]["cmd"], format!("{SETUP} --network 10.77.0.0/24 --force 1"));
    assert_eq!(
        answer["warnings"],
        json!([
            "the number of nodes is odd, so the QDevice has 2 votes: while it is away, not one node may be lost"
        ])
    );
}

#[test]
fn check_mode_gives_the_real_answer_and_changes_nothing() {
    for (build, given) in
        [(fresh as fn() -> FakeHost, present()), (used, present()), (used, absent()), (fresh, absent())]
    {
        let (host, twin) = (build(), build());
        let asked = |check: bool| {
            with_option(with_option(given.clone(), "_ansible_check_mode", check), "_ansible_diff", true)
        };
        let check = answer(&host, &asked(true));
        assert_eq!(host.effects(), Vec::<String>::new());
        let mut real = answer(&twin, &asked(false));
        real.as_object_mut().unwrap().remove("pvecm");
        assert_eq!(check, real);
    }
}

#[test]
fn what_an_earlier_one_left_is_cleared_first() {
    let world = World { active: "failed", enabled: "enabled", ..World::default() };
    let host = without(2, world)
        .file(&format!("{STORE}/net/nssdb/cert9.db"), "")
        .file("/etc/pve/qdevice-net-node.p12", "private");
    assert_eq!(answer(&host, &present())["failed"], Value::Null);
    assert_eq!(
        host.effects(),
        [
            "run systemctl reset-failed corosync-qdevice",
            "run systemctl disable corosync-qdevice",
            "run rm -rf -- /etc/corosync/qdevice",
            "remove /etc/pve/qdevice-net-node.p12",
            "run pvecm qdevice setup 10.77.0.31"
        ]
    );
}

#[test]
fn a_setup_that_stops_is_taken_back() {
    let table = [
        (
            Stop::Copy,
            "pvecm ended with 1 and said: command 'ssh-copy-id -i /root/.ssh/id_rsa root@10.77.0.31' failed: exit code 1",
        ),
        (Stop::File, "pvecm ended with 255 and said: got lock timeout - aborting command"),
    ];
    for (stop, why) in table {
        let host = without(2, World { stops: Some(stop), ..World::default() });
        let answer = answer(&host, &present());
        assert_eq!(
            msg(&answer),
            format!(
                "cannot set up the QDevice of cluster 'prod': {why}. It was taken out again. On the other nodes, this module with \
                 state 'absent' clears what is left"
            )
        );
        assert_eq!((&answer["failed"], &answer["changed"]), (&json!(true), &json!(false)));
        assert!(is_clean(&host));
    }
}

#[test]
fn a_qdevice_that_does_not_come_into_use_is_removed_again() {
    let host = without(2, World { unconnected: vec![2], ..World::default() });
    let answer = answer(&host, &present());
    assert_eq!(
        msg(&answer),
        "cannot set up the QDevice of cluster 'prod': pvecm ended with 0 and said: Done; after 180 s 'pve2' is without the \
         QDevice's vote (NA,NV,NMW). It was taken out again. On the other nodes, this module with state 'absent' clears what is \
         left"
    );
    assert_eq!((&answer["changed"], is_clean(&host)), (&json!(false), true));
    assert_eq!(host.effects(), [format!("run {SETUP}"), format!("run {REMOVE}")]);
}

#[test]
fn a_pvecm_that_fails_late_is_a_success_when_the_cluster_says_so() {
    let host = without(2, World { stops: Some(Stop::Daemons), ..World::default() });
    let answer = answer(&host, &present());
    assert_eq!((&answer["changed"], &answer["failed"]), (&json!(true), &Value::Null), "{answer}");
}

#[test]
fn what_is_not_taken_back_is_told() {
    let host = without(2, World { unconnected: vec![1, 2], ..World::default() });
    let host = host.fail_when(|step| step.to_string() == format!("run {REMOVE}"), 5);
    let answer = answer(&host, &present());
    assert!(msg(&answer).contains("It could not be taken out again: "), "{answer}");
    assert!(
        msg(&answer).ends_with("What to do: run this module with state 'absent' on every node"),
        "{answer}"
    );
    assert_eq!(answer["changed"], true);
}

#[test]
fn a_daemon_that_is_down_is_started() {
    let host = with_daemon(2, World::default());
    let answer = answer(&host, &present());
    assert_eq!(
        (msg(&answer), &answer["changed"]),
        ("this node uses the QDevice of cluster 'prod'", &json!(true))
    );
    assert_eq!(
        host.effects(),
        ["run systemctl enable corosync-qdevice", "run systemctl start corosync-qdevice"]
    );
}

#[test]
fn a_daemon_gets_only_what_it_lacks() {
    for (active, enabled, lacks) in [("active", "disabled", "enable"), ("inactive", "enabled", "start")] {
        let host = with_daemon(2, World { active, enabled, ..World::default() });
        assert_eq!(answer(&host, &present())["changed"], true);
        assert_eq!(host.effects(), [format!("run systemctl {lacks} corosync-qdevice")]);
    }
}

#[test]
fn one_that_is_not_connected_is_told() {
    let answer = answer(&with(2, World { unconnected: vec![1], ..World::default() }), &present());
    assert_eq!(
        msg(&answer),
        "cannot set up the QDevice of cluster 'prod': it is in corosync.conf, but after 30 s its daemon on this node is not \
         connected (Connect failed); the QDevice casts 0 of 1 votes; 'pve1' is without the QDevice's vote (NA,NV,NMW). What to do: \
         see to it that the QNetd host runs and answers on TCP 5403; if it was reinstalled, set the QDevice up again with \
         'cluster_qdevice_renew: true' (playbooks/cluster-qdevice.yml), or with state 'absent' and then 'present'"
    );
    assert_eq!(answer["changed"], false);
}

#[test]
fn a_removal_that_stops_early_changed_nothing_and_one_that_stops_late_is_finished() {
    let host = with(2, World { stops: Some(Stop::Removal), ..World::default() });
    let first = answer(&host, &absent());
    assert_eq!(
        msg(&first),
        "cannot remove the QDevice of cluster 'prod': '/etc/pve/corosync.conf' still has it (pvecm ended with 255 and said: got \
         lock timeout - aborting command)"
    );
    assert_eq!(first["changed"], false);

    let host = with(2, World { stops: Some(Stop::RemovalsDaemons), ..World::default() });
    let second = answer(&host, &absent());
    assert_eq!((&second["changed"], &second["failed"]), (&json!(true), &Value::Null), "{second}");
    assert_eq!(
        host.effects(),
        [
            "run pvecm qdevice remove",
            "run systemctl stop corosync-qdevice",
            "run systemctl disable corosync-qdevice"
        ]
    );
}

#[test]
fn it_goes_without_nodes_that_are_off_when_told() {
    let host = with(4, World { offline: vec![4], ..World::default() });
    let answer = answer(&host, &with_option(absent(), "offline", "ignore"));
    assert_eq!(msg(&answer), "cluster 'prod' has no QDevice (4 votes)");
    assert_eq!(
        answer["warnings"],
        json!([
            "not online, and so without the new corosync.conf: 'pve4'; remove what is off for good, and on the others copy \
             '/etc/pve/corosync.conf' of a member to '/etc/corosync/' before corosync starts"
        ])
    );
    assert_eq!(host.text(CONF), conf(4, 4, None));
    let name = "/etc/pve/priv/lock/file-corosync_conf-by-change.pve1.100.5100.0f1e2d3c4b5a49788796a5b4c3d2e1f0.1767225600";
    assert_eq!(
        host.effects(),
        [
            "mkdir /etc/pve/priv/lock/file-corosync_conf 0700".to_owned(),
            format!("mkdir {name} 0700"),
            format!("create /etc/pve/corosync.conf.new 0640 ({} bytes)", conf(4, 4, None).len()),
            "rename /etc/pve/corosync.conf.new -> /etc/pve/corosync.conf".to_owned(),
            "rmdir /etc/pve/priv/lock/file-corosync_conf".to_owned(),
            format!("rmdir {name}"),
            "run systemctl stop corosync-qdevice".to_owned(),
            "run systemctl disable corosync-qdevice".to_owned(),
            format!("run {CLEAR}"),
        ]
    );
}

/// Each effect fails once; then the same task again ends well.
#[test]
fn a_fault_at_any_step_is_told_and_the_next_run_finishes() {
    let off = || with(4, World { offline: vec![4], ..World::default() });
    let left = || without(2, World { active: "active", enabled: "enabled", ..World::default() }).dir(STORE);
    let tasks: [(fn() -> FakeHost, Value); 4] = [
        (left, present()),
        (used, absent()),
        (off, with_option(absent(), "offline", "ignore")),
        (left, absent()),
    ];
    for (build, given) in tasks {
        at_every_effect(build, 5, |host, number| {
            let first = answer(host, &given);
            let again = answer(host, &given);
            if first["failed"] == Value::Null {
                // it went on without that step, and was right
                assert_eq!(again["changed"], false, "{number}: {first}\n{again}");
            }
            assert_eq!(again["failed"], Value::Null, "{number}: {first}\n{again}");
        });
    }
}

/// From each effect on nothing works any more, as after a kill; then the same task again ends well.
#[test]
fn a_kill_at_any_step_is_finished_by_the_next_run() {
    let off = || with(4, World { offline: vec![4], ..World::default() });
    let left = || without(2, World { active: "active", enabled: "enabled", ..World::default() }).dir(STORE);
    let tasks: [(fn() -> FakeHost, Value); 3] =
        [(left, present()), (off, with_option(absent(), "offline", "ignore")), (left, absent())];
    for (build, given) in tasks {
        for number in 0..8 {
            let host = build().dies_at(number);
            let first = answer(&host, &given);
            if !host.faulted() {
                assert_eq!(first["failed"], Value::Null, "{first}");
                break;
            }
            host.revive();
            let again = answer(&host, &given);
            assert_eq!(again["failed"], Value::Null, "{number}: {first}\n{again}");
        }
    }
}

#[test]
fn while_a_rescue_is_armed_nothing_is_changed() {
    let note = "/etc/pve/nodes/pve2/pve-cluster-rescue";
    for (host, given) in [(fresh(), present()), (used(), absent())] {
        let host = host.file(note, "until 99999999999\nowner a role\nend\n");
        let answer = answer(&host, &given);
        assert!(msg(&answer).contains("its rescue is armed on 'pve2' by a role"), "{answer}");
        assert_eq!((&answer["changed"], host.effects()), (&json!(false), Vec::new()));
    }
    // nothing to do is no change
    let host = used().file(note, "until 99999999999\nowner a role\nend\n");
    assert_eq!(answer(&host, &present())["changed"], false);
}
