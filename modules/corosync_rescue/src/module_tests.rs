// SPDX-License-Identifier: GPL-3.0-or-later
//! What the module says, and what it refuses.

use ansible_module::Context;
use serde_json::Value;
use testkit::{Answer, FakeHost};

use crate::args::{Args, State};
use crate::module::run;

fn args(state: State) -> Args {
    let owner = "a test".to_owned();
    Args { state, after: 300, timeout: 1, config_version: None, owner, intended: None, force: false }
}

/// A machine without corosync.
fn standalone() -> FakeHost {
    FakeHost::new()
        .dir("/etc/systemd/system")
        .query_with(|command| {
            // recordings `3-node_corosync_stopped_on_pve1--corosync-*`
            let said = match command.program.as_str() {
                "corosync-cfgtool" => "Could not initialize corosync configuration API error 2\n",
                "corosync-cmapctl" => "Failed to initialize the cmap API. Error CS_ERR_LIBRARY\n",
                "corosync-quorumtool" => "Cannot initialize CMAP service\n",
                _ => return None,
            };
            Some(Answer::exit(1, "", said))
        })
        .query("systemctl is-active pve-cluster-rescue.service", Answer::exit(3, "inactive\n", ""))
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
    let intended = Some(vec!["x".to_owned(), "0".repeat(64)]);
    let wrong = Args { after: 9, timeout: 3601, intended, ..args(State::Armed) };
    let failure = run(wrong, &Context::default(), &standalone()).unwrap_err();
    assert_eq!(
        failure.msg,
        "cannot arm the rescue of '/etc/corosync/corosync.conf': 'after' is 9 s and must be from 10 to 604800 s; 'timeout' is 3601 s \
         and must be from 1 to 3600 s; 'intended' has 'x', which is no digest as the module corosync_conf returns them"
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

/// The call comes late, and the node has put its file back meanwhile and removed its rescue.
#[test]
fn a_rescue_that_has_fired_meanwhile_is_no_success() {
    const LOCAL: &str = "/etc/corosync/corosync.conf";
    let node = |text: &str| standalone().file(LOCAL, text);
    let off = |version| Args { config_version: Some(version), ..args(State::Disarmed) };
    for (text, has) in [("totem {\n  config_version: 104\n}\n", "104"), ("totem {\n}\n", "none")] {
        for check_mode in [false, true] {
            let context = Context { check_mode, ..Context::default() };
            let failure = run(off(5), &context, &node(text)).unwrap_err();
            assert_eq!(
                failure.msg,
                format!(
                    "cannot call off the rescue of '{LOCAL}': this node has confirmed config_version 5, and its '{LOCAL}' has {has} now: \
                     its rescue has fired meanwhile, or somebody has changed the file; 'journalctl -u pve-cluster-rescue.service' tells \
                     which, and the change has to be made again"
                )
            );
            assert_eq!(failure.data["left"], Value::from(true));
        }
    }
    let host = node("totem {\n  config_version: 5\n}\n");
    assert!(!run(off(5), &Context::default(), &host).unwrap().changed);
    // no file at all, and one that cannot be read
    let failure = run(off(5), &Context::default(), &standalone()).unwrap_err();
    assert!(failure.msg.contains("has none now") && failure.data["left"] == true, "{}", failure.msg);
    let failure = run(off(5), &Context::default(), &standalone().dir(LOCAL)).unwrap_err();
    assert!(failure.msg.contains("cannot read") && failure.data["left"] == false, "{}", failure.msg);
    // a person who knows more
    let forced = Args { force: true, ..off(5) };
    let check = Context { check_mode: true, ..Context::default() };
    for context in [Context::default(), check] {
        let forced = Args { owner: "a test".to_owned(), ..forced.clone() };
        assert!(run(forced, &context, &node("totem {\n  config_version: 104\n}\n")).is_ok());
    }
    let failure =
        run(Args { config_version: Some(0), ..args(State::Armed) }, &Context::default(), &standalone());
    assert_eq!(
        failure.unwrap_err().msg,
        format!(
            "cannot arm the rescue of '{LOCAL}': 'config_version' is what a node has confirmed: give it with state 'disarmed' only; \
             'config_version' is 0 and must be 1 at least"
        )
    );
}

/// A run that ended too early has left high availability disarmed, as its marker says.
#[test]
fn high_availability_that_was_left_disarmed_is_armed_again() {
    const MANAGER: &str = "/etc/pve/ha/manager_status";
    const TIMER: &str = "/etc/systemd/system/pve-cluster-rescue.timer";
    let node = |marker: bool, armed: &'static str| {
        let host = FakeHost::new()
            .with_hostname("pve1")
            .pmxcfs("/etc/pve")
            .dir("/etc/pve/ha")
            .dir("/etc/pve/nodes/pve1")
            .link("/etc/pve/local", "nodes/pve1")
            .dir("/etc/pve/priv/lock")
            .file(TIMER, "")
            .file(MANAGER, r#"{"disarm": {"state": "disarmed"}}"#)
            .query("systemctl is-active pve-cluster-rescue.service", Answer::exit(3, "inactive\n", ""))
            .action_prefix("systemctl", "")
            .action(
                "ha-manager crm-command arm-ha",
                Answer::ok("").doing(move |machine| machine.write(MANAGER, armed)),
            );
        if marker { host.file(rescue::ha::MARKER, "{}") } else { host }
    };
    let given = |host: &FakeHost| host.effects().iter().any(|effect| effect.contains("arm-ha"));
    let off = || Args { timeout: 60, ..args(State::Disarmed) };
    let host = node(true, "{}");
    let check = Context { check_mode: true, ..Context::default() };
    assert!(run(off(), &check, &host).unwrap().changed && host.effects().is_empty());
    let outcome = run(off(), &Context::default(), &host).unwrap();
    assert_eq!((outcome.changed, &outcome.data["ha_armed"]), (true, &Value::from(true)));
    assert!(given(&host) && !host.exists(TIMER) && !host.exists(rescue::ha::MARKER));
    // disarmed by somebody else: it is not for this to arm it
    let host = node(false, "{}");
    assert!(run(off(), &Context::default(), &host).unwrap().changed);
    assert!(!given(&host) && !host.exists(TIMER));
    // where it cannot be armed the rescue stays, which tries again
    let host = node(true, r#"{"disarm": {"state": "disarmed"}}"#);
    let failure = run(off(), &Context::default(), &host).unwrap_err();
    assert_eq!(
        failure.msg,
        format!(
            "cannot call off the rescue of '/etc/corosync/corosync.conf': high availability is not armed for certain: the manager has not \
             begun; {}",
            rescue::ha::REMEDY
        )
    );
    assert!(host.exists(TIMER) && host.exists(rescue::ha::MARKER));
}

/// A cluster that has lost its quorum for good, and a person who knows that.
#[test]
fn by_force_it_goes_without_a_proof() {
    const TIMER: &str = "/etc/systemd/system/pve-cluster-rescue.timer";
    let record = format!(
        "nodeid 1\nversion 4\nseconds 300\narmed {}\nowner a\nnode 1 pve1\nintended {}\nend\n",
        host::Host::unix_time(&standalone()),
        "0".repeat(64)
    );
    let node = || {
        let host = FakeHost::new()
            .with_hostname("pve1")
            .pmxcfs("/etc/pve")
            .dir("/etc/pve/nodes/pve1")
            .link("/etc/pve/local", "nodes/pve1")
            .file("/etc/pve/corosync.conf", "totem {\n  config_version: 4\n}\n")
            .file(TIMER, "")
            .file("/var/lib/pve-cluster-collection/rescue/record", &record)
            .file("/etc/pve/nodes/pve1/pve-cluster-rescue", "")
            .query("systemctl is-active pve-cluster-rescue.service", Answer::exit(3, "activating\n", ""))
            .action_prefix("systemctl", "");
        host.change(|machine| machine.set_quorate(false));
        host
    };
    let host = node();
    assert!(run(args(State::Disarmed), &Context::default(), &host).is_err() && host.exists(TIMER));
    let host = node();
    let forced = Args { force: true, ..args(State::Disarmed) };
    assert!(run(forced, &Context::default(), &host).unwrap().changed);
    assert!(!host.exists(TIMER));
    assert!(host.effects().contains(&"run systemctl stop pve-cluster-rescue.service".to_owned()));
}
