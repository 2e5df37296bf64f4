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
        "cannot arm the rescue of '/etc/corosync/corosync.conf': 'after' is 9 s and must be from 10 to 604800 s; 'timeout' is 3601 s \
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

/// A run that ended too early has left high availability disarmed, and the rescue that knows it is called off by the next.
#[test]
fn high_availability_that_was_left_disarmed_is_armed_again() {
    let current = "pvesh get /cluster/ha/status/current --output-format json";
    let fencing =
        |state: &str| format!(r#"[{{"armed-state": "{state}", "id": "fencing", "type": "fencing"}}]"#);
    let record = |ha_armed: u8| format!("nodeid 1\nversion 4\nseconds 300\nha_armed {ha_armed}\nend\n");
    let node = |ha_armed: u8, armed: String| {
        FakeHost::new()
            .file("/etc/systemd/system/pve-cluster-rescue.timer", "")
            .file("/var/lib/pve-cluster-collection/rescue/record", record(ha_armed))
            .query("systemctl is-active pve-cluster-rescue.service", Answer::exit(3, "inactive\n", ""))
            .action_prefix("systemctl", "")
            .query(current, fencing("disarmed"))
            .action(
                "ha-manager crm-command arm-ha",
                Answer::ok("").doing(move |machine| machine.query(current, armed.clone())),
            )
    };
    let armed = |host: &FakeHost| host.effects().iter().any(|effect| effect.contains("arm-ha"));
    let host = node(1, fencing("armed"));
    assert!(run(args(State::Disarmed), &Context::default(), &host).unwrap().changed);
    assert!(armed(&host) && !host.exists("/etc/systemd/system/pve-cluster-rescue.timer"));
    // disarmed by somebody else: it is not for this to arm it
    let host = node(0, fencing("armed"));
    assert!(run(args(State::Disarmed), &Context::default(), &host).unwrap().changed);
    assert!(!armed(&host));
    // where it cannot be armed the rescue stays, which tries again
    let host = node(1, fencing("disarmed"));
    let failure = run(args(State::Disarmed), &Context::default(), &host).unwrap_err();
    assert_eq!(
        failure.msg,
        "cannot call off the rescue of '/etc/corosync/corosync.conf': high availability is not armed: it is disarmed; arm it by \
         'ha-manager crm-command arm-ha'"
    );
    assert!(host.exists("/etc/systemd/system/pve-cluster-rescue.timer"));
}
