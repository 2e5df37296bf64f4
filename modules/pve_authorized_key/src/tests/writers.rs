// SPDX-License-Identifier: GPL-3.0-or-later
//! Others who write the cluster's file at the same time.

use std::time::Duration;

use serde_json::json;
use testkit::{FakeHost, Machine};

use super::world::{CLUSTER, LOCK, MINE, NEW, OTHER, msg, node, nodes_keys, run};

const PVES: &str = "/etc/pve/priv/authorized_keys.tmp.4711";

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn args() -> serde_json::Value {
    json!({"key": MINE, "scope": "cluster"})
}

/// PVE's key merge, which read the file at some time and then takes these steps, each a moment after the other.
fn merge(host: FakeHost, begins: u64, content: impl Fn(&Machine) -> String + 'static) -> FakeHost {
    let content = std::rc::Rc::new(content);
    let writes = std::rc::Rc::clone(&content);
    host.at(ms(begins), move |machine| {
        let text = writes(machine);
        machine.write(PVES, text);
    })
    .at(ms(begins + 30), |machine| {
        let text = machine.text(PVES).unwrap();
        machine.remove(PVES);
        machine.write(CLUSTER, text);
    })
}

#[test]
fn a_lock_that_is_held_is_waited_for() {
    let host = node().dir(LOCK).at(ms(700), |machine| {
        machine.write(CLUSTER, format!("{}{OTHER}\n", nodes_keys()));
        machine.remove(LOCK);
    });
    let answer = run(&host, json!({"key": MINE, "scope": "cluster", "_ansible_diff": true}));
    assert_eq!(answer["changed"], json!(true), "{answer}");
    assert_eq!(
        host.text(CLUSTER),
        format!("{}{OTHER}\n{MINE}\n", nodes_keys()),
        "what the other wrote is kept"
    );
    assert_eq!(
        answer["diff"][0]["before"],
        json!(format!("{}{OTHER}\n", nodes_keys())),
        "the diff is this run's own"
    );
    assert!(!host.exists(LOCK));
}

#[test]
fn a_lock_that_its_holder_left_behind_is_given_away() {
    let host = node().dir(LOCK);
    let answer = run(&host, args());
    assert_eq!(answer["changed"], json!(true), "{answer}");
    assert!(host.elapsed_s() >= 120, "after {} s", host.elapsed_s());
    let requests = host.effects().iter().filter(|effect| effect.starts_with("touch")).count();
    assert_eq!(requests, 1, "only when it may have expired");
}

#[test]
fn a_lock_that_is_held_for_too_long_is_a_failure_without_a_change() {
    let host = node().dir(LOCK);
    let answer = run(&host, json!({"key": MINE, "scope": "cluster", "timeout": 3}));
    assert_eq!(
        msg(&answer),
        format!("cannot change '{CLUSTER}': another program has held the lock '{LOCK}' for 3 s")
    );
    assert_eq!(answer["changed"], json!(false));
    assert!(host.exists(LOCK), "another's lock is not removed");
    assert_eq!(host.text(CLUSTER), nodes_keys());
}

#[test]
fn nothing_is_renamed_while_pve_writes() {
    // PVE's file is there when this module wants to rename, and appears as the new file 30 ms later
    let host = merge(node(), 0, |_| format!("{}{OTHER} merged\n", nodes_keys()));
    host.change(|machine| machine.advance(ms(1)));
    let answer = run(&host, args());
    assert_eq!(answer["changed"], json!(true), "{answer}");
    assert_eq!(host.text(CLUSTER), format!("{}{OTHER} merged\n{MINE}\n", nodes_keys()));
}

#[test]
fn a_key_that_pves_merge_drops_is_written_again() {
    // the merge read the file before this module's rename and shows itself only afterwards
    let host = merge(node(), 10, |_| format!("{}{OTHER} merged\n", nodes_keys()));
    let answer = run(&host, args());
    assert_eq!(answer["changed"], json!(true), "{answer}");
    assert_eq!(host.text(CLUSTER), format!("{}{OTHER} merged\n{MINE}\n", nodes_keys()));
    let renames = host.effects().iter().filter(|effect| effect.starts_with("rename")).count();
    assert_eq!(renames, 2);
}

#[test]
fn a_file_that_pves_writer_left_behind_holds_nothing_up_for_long() {
    let host = node().file(PVES, "half a fi");
    let answer = run(&host, args());
    assert_eq!(answer["changed"], json!(true), "{answer}");
    assert!(host.elapsed_s() < 30, "after {} s", host.elapsed_s());
    assert!(host.exists(PVES), "it is not this module's to remove");
}

#[test]
fn a_file_that_a_killed_run_left_behind_is_replaced() {
    let host = node().file(NEW, "half a fi");
    let answer = run(&host, args());
    assert_eq!(answer["changed"], json!(true), "{answer}");
    assert!(!host.exists(NEW));
    assert_eq!(host.text(CLUSTER), format!("{}{MINE}\n", nodes_keys()));
}

#[test]
fn one_who_undoes_it_each_time_is_a_failure_that_says_so() {
    let mut host = node();
    for round in 0..200 {
        host = host.at(ms(round * 40), |machine| machine.write(CLUSTER, nodes_keys()));
    }
    let answer = run(&host, args());
    assert_eq!(
        msg(&answer),
        format!(
            "cannot change '{CLUSTER}': another program has undone it each time; find out which one writes this \
             file; changed before that: '{CLUSTER}'"
        )
    );
    assert_eq!(answer["changed"], json!(true));
    assert!(!host.exists(LOCK) && !host.exists(NEW));
}

#[test]
fn a_file_that_is_away_for_a_moment_is_not_taken_for_empty() {
    let host = node().with(|machine| machine.remove(CLUSTER)).at(ms(60), |machine| {
        machine.write(CLUSTER, nodes_keys());
    });
    let answer = run(&host, args());
    assert_eq!(answer["changed"], json!(true), "{answer}");
    assert_eq!(host.text(CLUSTER), format!("{}{MINE}\n", nodes_keys()));
}

#[test]
fn another_run_that_has_done_it_meanwhile_leaves_nothing_changed() {
    let host = node().dir(LOCK).at(ms(200), |machine| {
        machine.write(CLUSTER, format!("{}{MINE}\n", nodes_keys()));
        machine.remove(LOCK);
    });
    let answer = run(&host, args());
    assert_eq!(answer["changed"], json!(false), "{answer}");
}

#[test]
fn quorum_lost_while_waiting_is_said_in_words() {
    let host = node().dir(LOCK).at(ms(300), |machine| {
        machine.remove(LOCK);
        machine.set_quorate(false);
    });
    let answer = run(&host, args());
    assert_eq!(
        msg(&answer),
        format!(
            "cannot change '{CLUSTER}': this node is not quorate, so /etc/pve is read-only: run 'systemctl start \
             corosync' where it is stopped ('pvecm status' tells who is missing); scope 'local' works \
             without quorum"
        )
    );
    assert_eq!(answer["changed"], json!(false));
}

/// Whole seconds of the fake clock.
trait Seconds {
    fn elapsed_s(&self) -> u64;
}

impl Seconds for FakeHost {
    fn elapsed_s(&self) -> u64 {
        host::Host::elapsed(self).as_secs()
    }
}
