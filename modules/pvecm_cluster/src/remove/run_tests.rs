// SPDX-License-Identifier: GPL-3.0-or-later
//! Whole runs on fake nodes: order of effects, faults and kills at every step, the answers.

use std::time::Duration;

use host::Host;
use membership::fake::{LOCK, PAIR, become_member, joins, lock, name, next_run, set_services, standalone};
use serde_json::{Value, json};
use testkit::{Answer, FakeHost, at_every_effect};

use super::fake::*;

const KEYS_LOCK: &str = "/etc/pve/priv/lock/file-priv_authorized_keys";

fn msg(answer: &Value) -> &str {
    answer["msg"].as_str().unwrap()
}

fn with(mut given: Value, name: &str, value: impl Into<Value>) -> Value {
    given[name] = value.into();
    given
}

#[test]
fn a_node_goes_with_all_that_it_leaves() {
    let host = removable();
    let copy = format!("{BACKUP}/removed-pve3-{}", host.unix_time() + 2);
    let answer = answer(&host, &remove());
    assert_eq!(msg(&answer), "node 'pve3' is removed from cluster 'prod', and nothing of it is left");
    assert_eq!((&answer["changed"], &answer["failed"]), (&json!(true), &Value::Null), "{answer}");
    assert_eq!((&answer["members"], &answer["config_version"]), (&json!(["pve1", "pve2"]), &json!(4)));
    assert_eq!(answer["backup"], copy);
    assert_eq!(answer["pvecm"]["cmd"], DELNODE);
    assert_eq!(
        answer["cleaned"],
        json!(["/etc/pve/nodes/pve3", "/etc/pve/priv/authorized_keys", "/etc/pve/priv/known_hosts"])
    );
    let own = own_name(LOCK, "removal", 0);
    let keys = own_name(KEYS_LOCK, "change", 2);
    let keeper = host.effects().into_iter().find(|effect| effect.starts_with("run systemd-run")).unwrap();
    assert!(keeper.ends_with(&format!("{LOCK} {own} 100 5100")), "{keeper}");
    assert_eq!(
        host.effects(),
        [
            format!("mkdir {LOCK} 0700"),
            format!("mkdir {own} 0700"),
            keeper,
            format!("run {DELNODE}"),
            format!("mkdir {BACKUP} 0700"),
            format!("mkdir {copy} 0700"),
            format!("mkdir {copy}/nodes 0700"),
            format!("mkdir {copy}/nodes/pve3 0700"),
            format!("create {copy}/nodes/pve3/lrm_status 0600 (2 bytes)"),
            format!("mkdir {copy}/nodes/pve3/priv 0700"),
            format!("create {copy}/nodes/pve3/pve-ssl.key 0600 (7 bytes)"),
            format!("mkdir {copy}/nodes/pve3/qemu-server 0700"),
            format!("mkdir {copy}/priv 0700"),
            format!("create {copy}/priv/authorized_keys 0600 (182 bytes)"),
            format!("create {copy}/priv/known_hosts 0600 (33 bytes)"),
            format!("mkdir {KEYS_LOCK} 0700"),
            format!("mkdir {keys} 0700"),
            "create /etc/pve/priv/authorized_keys.pvecm_cluster 0600 (91 bytes)".to_owned(),
            "rename /etc/pve/priv/authorized_keys.pvecm_cluster -> /etc/pve/priv/authorized_keys".to_owned(),
            "create /etc/pve/priv/known_hosts.pvecm_cluster 0600 (9 bytes)".to_owned(),
            "rename /etc/pve/priv/known_hosts.pvecm_cluster -> /etc/pve/priv/known_hosts".to_owned(),
            format!("rmdir {KEYS_LOCK}"),
            format!("rmdir {keys}"),
            "rmdir /etc/pve/nodes/pve3/qemu-server".to_owned(),
            "remove /etc/pve/nodes/pve3/pve-ssl.key".to_owned(),
            "rmdir /etc/pve/nodes/pve3/priv".to_owned(),
            "remove /etc/pve/nodes/pve3/lrm_status".to_owned(),
            "rmdir /etc/pve/nodes/pve3".to_owned(),
            format!("rmdir {LOCK}"),
            format!("rmdir {own}"),
        ]
    );
    assert!(is_clean(&host));
    assert_eq!(host.text(&format!("{copy}/nodes/pve3/pve-ssl.key")), "private");
    assert!(host.text(&format!("{copy}/priv/authorized_keys")).contains("root@pve3"));
    assert!(host.elapsed() >= Duration::from_millis(2460), "until all members run the new configuration");
}

/// The name that this run has beside a lock which it made so many seconds after the start.
fn own_name(lock: &str, deed: &str, after: u64) -> String {
    format!("{lock}-by-{deed}.pve2.100.5100.0f1e2d3c4b5a49788796a5b4c3d2e1f0.{}", 1_767_225_600 + after)
}

/// Two live runs on one member: the second waits for the first, and unlocks nothing of it.
#[test]
fn another_live_run_on_this_node_is_respected_and_a_dead_one_is_not() {
    let host = removable();
    host.change(|machine| {
        machine.set_process(101);
        lock(machine, &joins("pve2", 100));
    });
    let said = answer(&host, &with(remove(), "timeout", 20));
    assert_eq!(
        msg(&said),
        "cannot remove node 'pve3' from cluster 'prod': node 'pve2' is joining the cluster (process 100) \
         ('/etc/pve/priv/lock/pvecm_cluster-join', which expires 120 s after an interruption) (for 5 s)"
    );
    assert!(host.exists(LOCK) && host.exists(&name(&joins("pve2", 100))));
    assert!(!host.effects().iter().any(|effect| effect.contains("delnode") || effect.starts_with("rmdir")));
    host.change(|machine| machine.remove("/proc/100"));
    assert_eq!(answer(&host, &remove())["changed"], true);
    assert!(is_clean(&host) && !host.exists(LOCK) && !host.exists(&name(&joins("pve2", 100))));
}

/// Without this pvecm gives up after 10 s, for as long as 120 s.
#[test]
fn the_lock_of_the_file_is_waited_for_and_that_of_a_dead_run_taken_over() {
    const FILE: &str = "/etc/pve/priv/lock/file-corosync_conf";
    // process 100 of this node lives, 99 does not
    let locked = |node: &str, process: u32| {
        let host = removable();
        let by = format!(
            "{FILE}-by-change.{node}.{process}.{}.0f1e2d3c4b5a49788796a5b4c3d2e1f0.1767225600",
            5000 + process
        );
        host.change(|machine| {
            machine.set_process(101);
            machine.make_dir(FILE);
            machine.set_mtime(FILE, 1_767_225_600);
            machine.make_dir(&by);
        });
        (host, by)
    };
    let (dead, by) = locked("pve2", 99);
    let said = answer(&dead, &remove());
    assert_eq!(said["changed"], true, "{said}");
    assert!(is_clean(&dead) && !dead.exists(FILE) && !dead.exists(&by), "at once");
    assert!(dead.elapsed() < Duration::from_secs(20), "{:?}", dead.elapsed());

    let (live, _) = locked("pve2", 100);
    live.change(|machine| {
        machine.after(Duration::from_secs(25), |machine| machine.remove(FILE));
    });
    assert_eq!(answer(&live, &remove())["changed"], true);
    assert!(live.elapsed() >= Duration::from_secs(25), "{:?}", live.elapsed());

    let (held, by) = locked("pve2", 100);
    assert_eq!(
        msg(&answer(&held, &remove())),
        "cannot remove node 'pve3' from cluster 'prod': '/etc/pve/priv/lock/file-corosync_conf' is another program's all the \
         time (node 'pve2' changes a file of the cluster (process 100)), and expires 120 s after that has died; run this task again, which goes on where this one stopped"
    );
    assert!(held.exists(FILE) && held.exists(&by) && held.exists("/etc/pve/nodes/pve3"));
    assert!(!held.effects().iter().any(|effect| effect.contains("delnode")));
}

/// The lock is lost on the way, as to a run that stood still for longer than it lasts.
#[test]
fn without_its_lock_a_run_does_nothing_more() {
    let host = removable();
    host.change(|machine| {
        let slow = Answer::exit(0, "Killing node 3\n", "").taking(Duration::from_secs(70)).doing(|machine| {
            become_member(machine, 4, membership::fake::PAIR, &[(1, 4), (2, 4)]);
        });
        machine.action(DELNODE, slow);
    });
    let host = host.action_prefix("systemd-run", "");
    let said = answer(&host, &remove());
    assert!(
        msg(&said).contains("the lock '/etc/pve/priv/lock/pvecm_cluster-join' is no longer certain: it could not be renewed for 60 s"),
        "{said}"
    );
    assert!(host.exists("/etc/pve/nodes/pve3") && host.exists(LOCK), "it may be another's");
    assert_eq!((&said["failed"], &said["changed"]), (&json!(true), &json!(true)));
}

#[test]
fn a_second_run_changes_nothing() {
    let host = removable();
    let _ = answer(&host, &remove());
    host.revive();
    let again = answer(&host, &remove());
    assert_eq!(msg(&again), "node 'pve3' is not in cluster 'prod', and nothing of it is left there");
    assert_eq!((&again["changed"], &again["cleaned"]), (&json!(false), &json!([])));
    assert_eq!(host.effects(), Vec::<String>::new());
}

#[test]
fn what_pvecm_left_behind_is_cleaned_without_pvecm() {
    let host = left_behind();
    let answer = answer(&host, &remove());
    assert_eq!(msg(&answer), "what was left of node 'pve3' in cluster 'prod' is removed");
    assert_eq!((&answer["changed"], &answer["config_version"]), (&json!(true), &json!(4)));
    assert!(is_clean(&host) && answer.get("pvecm").is_none());
}

#[test]
fn keys_that_are_away_for_a_moment_are_not_taken_for_gone() {
    const KEYS: &str = "/etc/pve/priv/authorized_keys";
    let keys = format!("{OTHER} root@pve1\n{KEY} root@pve3\n");
    let host = standalone()
        .dir("/var/backups")
        .with(|machine| become_member(machine, 4, PAIR, &[(1, 4), (2, 4)]))
        .at(Duration::from_millis(60), move |machine| machine.write(KEYS, keys.clone()));
    let answer = answer(&host, &remove());
    assert_eq!(answer["cleaned"], json!([KEYS]), "{answer}");
    assert_eq!(host.text(KEYS), format!("{OTHER} root@pve1\n"));
}

#[test]
fn check_mode_gives_the_real_answer_and_changes_nothing() {
    for build in [removable, left_behind] {
        let (host, twin) = (build(), build());
        let asked = |check: bool| with(with(remove(), "_ansible_check_mode", check), "_ansible_diff", true);
        let check = answer(&host, &asked(true));
        assert_eq!(host.effects(), Vec::<String>::new());
        let mut real = answer(&twin, &asked(false));
        real.as_object_mut().unwrap().retain(|key, _| key != "pvecm" && key != "backup");
        assert_eq!(check, real);
        assert!(check["diff"].as_array().unwrap().len() >= 3, "{check}");
    }
}

#[test]
fn a_fault_at_any_step_is_told_and_the_next_run_finishes() {
    at_every_effect(removable, 5, |host, number| {
        let first = answer(host, &remove());
        if !host.faulted() {
            assert_eq!(first["failed"], Value::Null, "{first}");
            return;
        }
        let last = host.effects().len();
        let again = answer(host, &remove());
        assert_eq!(again["failed"], Value::Null, "effect {number} of {last}: {first}\nthen {again}");
        assert!(is_clean(host), "effect {number}");
        // Only giving back the lock may fail without the task failing.
        if first["failed"] == Value::Null {
            assert_eq!(again["changed"], false);
            assert!(first["warnings"].as_array().is_some_and(|list| !list.is_empty()), "{number}: {first}");
        } else {
            let removed = number > 3;
            assert_eq!(first["changed"], removed, "effect {number}: {first}");
            assert!(msg(&first).starts_with("cannot remove node 'pve3' from cluster 'prod': "), "{first}");
        }
    });
}

#[test]
fn a_run_that_is_killed_at_any_step_is_finished_by_the_next() {
    let steps = {
        let host = removable();
        let _ = answer(&host, &remove());
        host.effects().len()
    };
    assert_eq!(steps, 30);
    for number in 0..steps {
        let host = removable().dies_at(number);
        let _ = answer(&host, &remove());
        next_run(&host);
        let again = answer(&host, &remove());
        assert_eq!(again["failed"], Value::Null, "killed at {number}: {again}");
        assert!(is_clean(&host), "killed at {number}");
        assert!(!host.exists(LOCK), "killed at {number}");
    }
}

#[test]
fn a_pvecm_that_gives_up_is_told_although_it_exits_0() {
    let host = removable().action(DELNODE, Answer::exit(0, "", "cluster not ready - no quorum?\n"));
    let answer = answer(&host, &remove());
    assert_eq!(
        msg(&answer),
        "cannot remove node 'pve3' from cluster 'prod': the cluster still lists it (pvecm said: the cluster is not \
         quorate)"
    );
    assert_eq!((&answer["failed"], &answer["changed"]), (&json!(true), &json!(false)));
    assert!(host.exists("/etc/pve/nodes/pve3/lrm_status") && !host.exists(LOCK));
}

#[test]
fn a_cluster_that_does_not_take_the_new_configuration_is_told() {
    let host = removable().action(
        DELNODE,
        Answer::ok("Killing node 3\n").doing(|machine| {
            become_member(machine, 4, membership::fake::PAIR, &[(1, 3), (2, 4)]);
        }),
    );
    let answer = answer(&host, &with(remove(), "timeout", 20));
    assert_eq!(
        msg(&answer),
        "cannot remove node 'pve3' from cluster 'prod': the cluster no longer lists it, but after 20 s corosync runs \
         config_version 3 on 'pve1' and 4 on 'pve2' where the file has 4. what is left of it (/etc/pve/nodes/pve3, \
         /etc/pve/priv/authorized_keys, /etc/pve/priv/known_hosts) is still there: run this task again, which goes on \
         where this one stopped"
    );
    assert_eq!((&answer["failed"], &answer["changed"]), (&json!(true), &json!(true)));
    assert!(host.exists("/etc/pve/nodes/pve3/lrm_status"));
}

#[test]
fn a_corosync_that_has_given_up_is_not_waited_for() {
    let journal = "journalctl --unit=corosync.service --boot --lines=60 --output=cat --no-pager --quiet";
    let host = removable().action(
        DELNODE,
        Answer::ok("Killing node 3\n").taking(Duration::from_secs(1)).doing(move |machine| {
            become_member(machine, 4, membership::fake::PAIR, &[]);
            set_services(machine, "failed");
            machine.query(journal, "");
        }),
    );
    let answer = answer(&host, &remove());
    assert_eq!(
        msg(&answer),
        "cannot remove node 'pve3' from cluster 'prod': the cluster no longer lists it, but after 1 s corosync is not \
         running on this node (failed); '/etc/pve' is read-only on this node. what is left of it (/etc/pve/nodes/pve3, \
         /etc/pve/priv/authorized_keys, /etc/pve/priv/known_hosts) is still there: run this task again, which goes on \
         where this one stopped"
    );
    assert_eq!((&answer["failed"], &answer["changed"]), (&json!(true), &json!(true)));
    assert!(host.elapsed() < Duration::from_secs(5), "{:?}", host.elapsed());
}

#[test]
fn a_join_under_way_is_waited_for() {
    let host = removable().dir(LOCK);
    host.change(|machine| machine.after(Duration::from_secs(8), |machine| machine.remove(LOCK)));
    assert_eq!(answer(&host, &remove())["changed"], true);
    assert!(is_clean(&host) && host.elapsed() >= Duration::from_secs(8));

    let host = removable().dir(LOCK);
    let answer = answer(&host, &with(remove(), "timeout", 20));
    assert_eq!(
        msg(&answer),
        "cannot remove node 'pve3' from cluster 'prod': another node is joining or leaving the \
         cluster ('/etc/pve/priv/lock/pvecm_cluster-join', which expires 120 s after an interruption) (for 5 s)"
    );
    assert!(host.exists(LOCK) && !host.effects().iter().any(|effect| effect.contains("delnode")));
}

#[test]
fn names_of_killed_runs_on_a_lock_that_fell_are_taken_down() {
    let dead = name(&joins("pve1", 7));
    let host = removable().dir(&dead);
    host.change(|machine| machine.advance(Duration::from_secs(2)));
    assert_eq!(answer(&host, &remove())["changed"], true);
    assert!(!host.exists(&dead));
}

#[test]
fn what_came_into_the_directory_meanwhile_is_not_lost() {
    let host = left_behind().fail_first(
        |step| step.to_string() == "rmdir /etc/pve/nodes/pve3/qemu-server",
        39, // ENOTEMPTY
    );
    let answer = answer(&host, &remove());
    assert_eq!((&answer["failed"], &answer["changed"]), (&json!(true), &json!(true)));
    assert!(
        msg(&answer).contains("cannot remove the directory '/etc/pve/nodes/pve3/qemu-server'"),
        "{answer}"
    );
    assert!(answer["backup"].as_str().unwrap().starts_with(BACKUP));
}

#[test]
fn options_of_other_states_are_refused_before_a_look() {
    let host = FakeHost::new();
    let given = json!({
        "state": "removed", "cluster_name": "prod_1", "node": "../pve3", "links": [], "nodeid": 1, "votes": 1,
        "token_coefficient": 1, "cluster_node": "pve1", "force": true, "timeout": 0,
    });
    assert_eq!(
        msg(&answer(&host, &given)),
        "cannot remove node '../pve3' from cluster 'prod_1': 'links' is for states 'present' and 'joined'; 'nodeid' is \
         for states 'present' and 'joined'; 'votes' is for states 'present' and 'joined'; 'token_coefficient' is for \
         state 'present'; 'cluster_node' is for state 'joined'; 'force' is for states 'joined' and 'absent'; 'prod_1' is not a cluster \
         name (letters, digits and hyphens inside, 15 characters at most); '../pve3' is not a node name (letters, digits \
         and hyphens inside); 'timeout' is 0, which is not between 1 and 4294967295"
    );
    assert_eq!(host.steps(), []);
    let given = json!({"cluster_name": "prod", "links": [{"address": "10.77.1.12"}], "node": "pve3"});
    assert_eq!(
        msg(&answer(&standalone(), &given)),
        "cannot create cluster 'prod': 'node' is for states 'removed', 'reserved' and 'released'"
    );
    let given = json!({"state": "removed", "cluster_name": "prod"});
    assert_eq!(msg(&answer(&host, &given)), "state is removed but all of the following are missing: node");
}

#[test]
fn quorum_lost_at_the_lock_is_told_with_what_to_do() {
    let said = answer(&removable().fail_at(0, 13), &remove());
    assert_eq!(
        msg(&said),
        "cannot remove node 'pve3' from cluster 'prod': '/etc/pve' is read-only on this node; run this task again, which \
         goes on where this one stopped"
    );
    assert_eq!(said["changed"], false);
}

#[test]
fn while_a_rescue_is_armed_no_node_is_removed() {
    let host =
        removable().file("/etc/pve/nodes/pve2/pve-cluster-rescue", "until 99999999999\nowner a role\nend\n");
    let answer = answer(&host, &remove());
    assert!(msg(&answer).contains("its rescue is armed on 'pve2' by a role"), "{answer}");
    assert_eq!((&answer["changed"], host.effects()), (&json!(false), Vec::new()));
}
