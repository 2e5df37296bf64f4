// SPDX-License-Identifier: GPL-3.0-or-later
//! What a rescue does at which second, as its journal tells it.

use std::cell::RefCell;
use std::time::Duration;

use testkit::{Answer, FakeHost};

use crate::decide_tests::conf;
use crate::fire::{RESTART, starts_alone};
use crate::fire_tests::{CLUSTER, LOCAL, LOCK, Running, left, lose, node, purpose};
use crate::units::{RECORD, THIS_BOOT};
use crate::{Came, arm, fire};

/// All that it told, each line with its second, and what came of it.
fn journal(host: &FakeHost) -> (Vec<String>, Result<Came, String>) {
    let start = host.machine().now();
    let told = RefCell::new(Vec::new());
    let came = fire(host, &|line| {
        let second = (host.machine().now() - start).as_secs();
        told.borrow_mut().push(format!("{second}: {line}"));
    });
    (told.into_inner(), came)
}

/// What begins a line of it.
fn begins(lines: &[String], words: usize) -> Vec<String> {
    lines.iter().map(|line| line.split(' ').take(words).collect::<Vec<_>>().join(" ")).collect()
}

fn armed() -> (FakeHost, std::rc::Rc<Running>) {
    let (host, running) = node();
    arm(&host, &purpose(), true).unwrap();
    (host, running)
}

const PUT: &str = "putting the copy back on this node: this node is not quorate; link 0 to node 2 runs from 10.77.1.1 to 10.77.1.2, not \
                   from 10.99.9.1 to 10.99.9.2; link 0 to node 3 runs from 10.77.1.1 to 10.77.1.3, not from 10.99.9.1 to 10.99.9.3";

#[test]
fn the_nodes_put_it_back_one_after_the_other() {
    for (nodeid, second) in [(1, 10), (2, 13), (3, 16)] {
        let (host, running) = armed();
        lose(&host, &running);
        let record = host.text(RECORD).replace("nodeid 1\n", &format!("nodeid {nodeid}\n"));
        host.change(|machine| machine.write(RECORD, record));
        let (told, _) = journal(&host);
        assert_eq!(begins(&told[..1], 4), [format!("{second}: putting the copy")]);
    }
}

#[test]
fn lost_quorum_is_put_back_and_written_for_all() {
    let (host, running) = armed();
    lose(&host, &running);
    let (told, _) = journal(&host);
    let write = "11: putting the copy back in the cluster, under config_version 104: the copy is in use";
    assert_eq!(told, [format!("10: {PUT}"), write.to_owned()]);
    assert_eq!(left(&host), [""; 0]);
}

#[test]
fn a_step_that_fails_is_told_and_done_again_after_a_while() {
    let (host, running) = armed();
    lose(&host, &running);
    let line = "systemctl restart corosync.service";
    let host = host.action(line, Answer::exit(1, "", "Job for corosync.service failed.\n"));
    // in the meantime the others have come back without it
    host.change(|machine| {
        machine.after(Duration::from_secs(40), |machine| {
            machine.set_quorate(true);
            machine.write(CLUSTER, conf(104, &["10.77.1"]).to_text());
        });
    });
    let running = std::rc::Rc::clone(&running);
    host.change(|machine| {
        machine.after(Duration::from_secs(40), move |_| {
            running.version.set(104);
            running.quorate.set(true);
        });
    });
    let (told, came) = journal(&host);
    let why = "failed: 'systemctl restart corosync.service' ended with 1: Job for corosync.service failed.";
    let restarting = "restarting corosync: corosync does not run the copy";
    assert_eq!(
        told,
        [
            format!("10: {PUT}"),
            format!("10: {PUT}: {why}"),
            format!("11: {restarting}"),
            format!("11: {restarting}: {why}"),
            format!("31: {restarting}"),
            format!("31: {restarting}: {why}"),
        ]
    );
    assert_eq!(came, Ok(Came::Well("the copy is in use again".to_owned())));
}

/// A corosync that somebody has stopped, on a node that the change has not reached: with the copy it would have another version than all others.
#[test]
fn a_corosync_that_does_not_run_is_started_with_the_file_that_it_has() {
    let (host, running) = armed();
    running.down.set(true);
    host.change(|machine| machine.set_quorate(false));
    let (told, came) = journal(&host);
    assert_eq!(told, ["10: restarting corosync: corosync does not run"]);
    assert_eq!(came, Ok(Came::Well("nothing was changed".to_owned())));
    assert_eq!(host.text(LOCAL), conf(4, &["10.77.1"]).to_text());
    assert_eq!(left(&host), [""; 0]);
}

/// It cannot be started, or ends again because the others have put the copy back: then it is given the copy as well.
#[test]
fn a_corosync_that_does_not_stay_is_given_the_copy_then() {
    let (host, running) = armed();
    running.down.set(true);
    running.stays_down.set(true);
    host.change(|machine| machine.set_quorate(false));
    let (told, came) = journal(&host);
    assert_eq!(
        begins(&told, 3),
        ["10: restarting corosync:", "11: putting the", "12: putting the"],
        "{told:?}"
    );
    assert_eq!(came, Ok(Came::Well("the copy is in use again".to_owned())));
    assert_eq!(host.text(CLUSTER), conf(104, &["10.77.1"]).to_text());
}

#[test]
fn a_corosync_that_was_started_has_a_minute_to_find_the_others() {
    let (host, running) = armed();
    running.down.set(true);
    running.finds_nobody.set(true);
    let text = conf(5, &["10.99.9"]).to_text();
    host.change(|machine| {
        machine.set_quorate(false);
        machine.write(CLUSTER, &text);
        machine.write(LOCAL, &text);
        let found = std::rc::Rc::clone(&running);
        machine.after(Duration::from_secs(120), move |machine| {
            found.quorate.set(true);
            machine.set_quorate(true);
        });
    });
    let (told, _) = journal(&host);
    assert_eq!(
        begins(&told[..3], 4),
        ["10: restarting corosync: corosync", "11: waiting: corosync was", "71: putting the copy"],
        "{told:?}"
    );
}

#[test]
fn a_node_that_was_restarted_waits_for_its_site() {
    let (host, running) = armed();
    lose(&host, &running);
    host.change(|machine| machine.remove(THIS_BOOT));
    let (told, _) = journal(&host);
    assert_eq!(told[0], "0: waiting: this node was restarted, and is not quorate yet");
    assert_eq!(begins(&told[1..2], 3), ["910: putting the"]);
}

/// Another version than the file's, which no reload changes.
fn behind() -> (FakeHost, std::rc::Rc<Running>) {
    let (host, running) = armed();
    let text = conf(104, &["10.77.1"]).to_text();
    host.change(|machine| {
        machine.write(CLUSTER, &text);
        machine.write(LOCAL, &text);
    });
    running.version.set(104);
    running.own.set(Some(4));
    (host, running)
}

const RELOAD: &str = "reloading corosync's file on every node: not every member runs the cluster's file";
const RESTARTING: &str = "restarting corosync: not every member runs the cluster's file";

#[test]
fn where_a_reload_does_not_help_corosync_is_restarted_once_under_the_lock() {
    let (host, running) = behind();
    running.stuck.set(true);
    let (told, came) = journal(&host);
    assert_eq!(
        told,
        [
            format!("10: {RELOAD}"),
            format!("30: {RELOAD}"),
            format!("50: {RELOAD}"),
            format!("70: {RESTARTING}"),
            format!("71: {RELOAD}"),
            format!("91: {RELOAD}"),
            format!("111: {RELOAD}"),
        ]
    );
    let said = "corosync runs config_version 4, and its file has 104; node 1 runs config_version 104; node 2 runs config_version 104; node 3 \
                runs config_version 104";
    assert_eq!(came, Ok(Came::Waiting(said.to_owned())));
    let effects = host.effects();
    let place = |what: &str| effects.iter().rposition(|effect| effect.contains(what)).expect(what);
    assert!(place(&format!("mkdir {LOCK}")) < place("restart corosync"), "{effects:?}");
    assert!(place("restart corosync") < place(&format!("rmdir {LOCK}")), "{effects:?}");
}

/// A restart of a node that lagged, with quorum, is not the start that comes before the copy is put back.
#[test]
fn only_a_restart_without_quorum_is_the_first_start() {
    assert!(starts_alone(RESTART, false));
    assert!(
        !starts_alone(RESTART, true) && !starts_alone(RESTART + 1, false) && !starts_alone(RESTART + 1, true)
    );
}

#[test]
fn a_reload_that_fails_is_told() {
    let (host, _) = behind();
    let host = host.action("corosync-cfgtool -R", Answer::exit(1, "", "Could not reload configuration.\n"));
    let (told, _) = journal(&host);
    assert_eq!(
        told[1],
        format!("10: {RELOAD}: failed: 'corosync-cfgtool -R' says: Could not reload configuration.")
    );
    let (host, _) = behind();
    let host = host.action("corosync-cfgtool -R", Answer::exit(1, "", ""));
    assert!(journal(&host).0[1].ends_with("failed: 'corosync-cfgtool -R' says: nothing"));
}

/// A watchdog that still counts from an outage before.
#[test]
fn an_outage_is_not_added_to_an_earlier_one() {
    let (host, running) = behind();
    running.stuck.set(true);
    let host = host
        .dir("/etc/pve/nodes/pve2")
        .dir("/etc/pve/nodes/pve3")
        .file("/etc/pve/nodes/pve1/lrm_status", r#"{"state": "active", "mode": "active", "timestamp": 1}"#)
        .at(Duration::from_secs(300), |machine| {
            machine.write(
                "/etc/pve/nodes/pve1/lrm_status",
                r#"{"state": "active", "mode": "active", "timestamp": 2}"#,
            );
        });
    let (told, _) = journal(&host);
    let last = told.iter().find(|line| line.contains("failed")).unwrap();
    assert_eq!(
        *last,
        format!(
            "190: {RESTARTING}: failed: the resource manager of 'pve1' has not renewed its watchdog, so an outage now would add to an \
             earlier one: see 'systemctl status pve-ha-lrm' there"
        )
    );
    // it has renewed it now
    assert!(told.contains(&format!("251: {RESTARTING}")), "{told:?}");
    let restarts = host.effects().iter().filter(|effect| effect.contains("restart corosync")).count();
    assert_eq!(restarts, 1);
}

/// It was decided while all were there, and the watchdog was waited for meanwhile.
#[test]
fn a_restart_is_not_made_where_a_node_is_lost_before_it() {
    let (host, running) = behind();
    running.stuck.set(true);
    let lost = std::rc::Rc::clone(&running);
    let lrm = "/etc/pve/nodes/pve1/lrm_status";
    let host = host
        .dir("/etc/pve/nodes/pve2")
        .dir("/etc/pve/nodes/pve3")
        .file(lrm, r#"{"state": "active", "mode": "active", "timestamp": 1}"#)
        .at(Duration::from_secs(90), move |_| lost.missing.set(1))
        .at(Duration::from_secs(100), move |machine| {
            machine.write(lrm, r#"{"state": "active", "mode": "active", "timestamp": 2}"#);
        });
    let (told, _) = journal(&host);
    let last = told.iter().find(|line| line.contains("failed")).unwrap();
    assert_eq!(
        *last,
        format!("100: {RESTARTING}: failed: the others would not be quorate without this node")
    );
    assert!(!host.effects().iter().any(|effect| effect.contains("restart corosync")), "{told:?}");
}

#[test]
fn a_node_that_lags_takes_the_clusters_file() {
    let (host, running) = behind();
    running.own.set(None);
    host.change(|machine| machine.write(LOCAL, conf(5, &["10.99.9"]).to_text()));
    let (told, came) = journal(&host);
    assert_eq!(told, ["10: taking the cluster's file, which this node lacks"]);
    assert_eq!(came, Ok(Came::Well("the copy is in use again".to_owned())));
    assert_eq!(host.text(LOCAL), conf(104, &["10.77.1"]).to_text());
    assert!(host.effects().contains(&"run corosync-cfgtool -R".to_owned()));
}

/// Every node has proved the change, this one has put the copy back all the same.
#[test]
fn the_clusters_own_text_is_raised_above_all_that_runs() {
    let (host, running) = armed();
    host.change(|machine| {
        machine.write(CLUSTER, conf(5, &["10.8.8"]).to_text());
        machine.write(LOCAL, conf(104, &["10.77.1"]).to_text());
    });
    running.version.set(104);
    running.third.set(Some(5));
    let (told, _) = journal(&host);
    assert_eq!(
        told[..2],
        [
            "0: waiting: members run another version than the cluster's file has".to_owned(),
            "70: giving the cluster its own file under config_version 105, because members run different versions".to_owned(),
        ]
    );
    assert_eq!(host.text(CLUSTER), conf(105, &["10.8.8"]).to_text());
}

/// Patience is with one picture.
#[test]
fn what_has_just_changed_may_change_further() {
    let (host, running) = armed();
    running.version.set(105);
    running.own.set(None);
    let text = conf(105, &["10.8.8"]).to_text();
    running.third.set(Some(5));
    let moved = std::rc::Rc::clone(&running);
    host.change(|machine| {
        machine.write(CLUSTER, &text);
        machine.write(LOCAL, &text);
        machine.after(Duration::from_secs(30), move |_| moved.third.set(Some(6)));
    });
    let begun = host.machine().now();
    let (_, came) = journal(&host);
    assert!(matches!(came, Ok(Came::Left(reason)) if reason.contains("somebody else has changed it")));
    // a minute after that, and the time for others to go first
    assert_eq!((host.machine().now() - begun).as_secs(), 100);
}

#[test]
fn it_does_not_look_for_ever() {
    const END: u64 = 4 * 3600;
    let (host, running) = armed();
    running.finds_nobody.set(true);
    running.quorate.set(false);
    host.change(|machine| {
        machine.set_quorate(false);
        machine.advance(Duration::from_secs(END - 20));
    });
    let (told, came) = journal(&host);
    let waits = "nothing was changed on this node, which is not quorate";
    assert_eq!(told, [format!("0: waiting: {waits}")]);
    assert_eq!(came, Ok(Came::Waiting(waits.to_owned())));
    assert_eq!(host.machine().now().as_secs(), END);
    // .. also while it has something to do
    let (host, running) = armed();
    lose(&host, &running);
    let host = host.action("systemctl restart corosync.service", Answer::exit(1, "", "no\n"));
    host.change(|machine| machine.advance(Duration::from_secs(END - 20)));
    let (_, came) = journal(&host);
    assert_eq!(came, Ok(Came::Waiting("it could not be put back".to_owned())));
    assert_eq!(host.machine().now().as_secs(), END);
}
