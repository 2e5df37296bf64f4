// SPDX-License-Identifier: GPL-3.0-or-later
//! What the module says, and what it refuses.

use ansible_module::Context;
use serde_json::Value;
use testkit::{Answer, FakeHost};

use crate::args::{Args, State};
use crate::module::run;

fn args(state: State) -> Args {
    Args { state, after: 300, timeout: 1 }
}

/// A machine without corosync.
fn standalone() -> FakeHost {
    FakeHost::new()
        .dir("/etc/systemd/system")
        .query_with(|command| {
            command
                .program
                .starts_with("corosync")
                .then(|| Answer::exit(1, "", "Cannot initialize CMAP service\n"))
        })
        .query("systemctl is-active pve-cluster-rescue.service", Answer::exit(3, "inactive\n", ""))
        .query_prefix("pvesh", Answer::exit(1, "", ""))
}

#[test]
fn a_node_without_a_cluster_has_nothing_to_go_back_to() {
    let host = standalone();
    let failure = run(args(State::Armed), &Context::default(), &host).unwrap_err();
    assert_eq!(
        failure.msg,
        "cannot arm the rescue of '/etc/corosync/corosync.conf': corosync does not run on this node; this node has no \
         '/etc/corosync/corosync.conf'"
    );
    assert_eq!(host.effects(), Vec::<String>::new());
}

#[test]
fn times_have_bounds() {
    let wrong = Args { state: State::Armed, after: 9, timeout: 3601 };
    let failure = run(wrong, &Context::default(), &standalone()).unwrap_err();
    assert_eq!(
        failure.msg,
        "cannot arm the rescue of '/etc/corosync/corosync.conf': 'after' is 9 s and must be from 10 to 3600 s; 'timeout' is 3601 s \
         and must be from 1 to 3600 s"
    );
}

#[test]
fn where_none_is_armed_there_is_none_to_call_off() {
    let host = standalone();
    let outcome = run(args(State::Disarmed), &Context::default(), &host).unwrap();
    assert_eq!(
        (outcome.changed, &outcome.data["armed"], &outcome.data["earlier"]),
        (false, &Value::from(false), &Value::from(false))
    );
    assert_eq!(host.effects(), Vec::<String>::new());
}

#[test]
fn one_at_work_is_waited_for_and_told() {
    let host = standalone()
        .query("systemctl is-active pve-cluster-rescue.service", Answer::exit(3, "activating\n", ""));
    let failure = run(args(State::Disarmed), &Context::default(), &host).unwrap_err();
    assert_eq!(
        failure.msg,
        "cannot call off the rescue of '/etc/corosync/corosync.conf': it is at work on this node at this moment; 'journalctl -u \
         pve-cluster-rescue.service' tells what it does"
    );
}
