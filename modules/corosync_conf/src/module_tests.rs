// SPDX-License-Identifier: GPL-3.0-or-later
//! Whole tasks on a fake cluster, with a fault at every step.

use std::time::Duration;

use ansible_module::answer;
use host::Host;
use serde_json::{Value, json};
use testkit::{Answer, FakeHost, at_every_effect};

use crate::fake::{CLUSTER, LOCAL, LOCK, Trouble, conf, node, process};
use crate::observe::NEW;
use crate::{args, module};

const COPY: &str = "/var/backups/pve-cluster-collection/corosync.conf-1767225600-v6";

fn run(host: &FakeHost, mut args: Value) -> Value {
    args["_ansible_diff"] = true.into();
    if args.get("rescue_after").is_none() {
        args["rescue_after"] = 0.into();
    }
    answer(&args::spec(), args.to_string().as_bytes(), host, module::run)
}

fn token(host: &FakeHost) -> Value {
    run(host, json!({"totem": {"token": 5000}, "timeout": 5}))
}

/// In check mode.
fn checked(host: &FakeHost, mut args: Value) -> Value {
    args["_ansible_check_mode"] = true.into();
    run(host, args)
}

fn healthy() -> FakeHost {
    node(&conf(6), Trouble::default())
}

fn in_trouble(trouble: Trouble) -> FakeHost {
    node(&conf(6), trouble)
}

fn changed(version: u64) -> String {
    conf(version).replace("  token_coefficient", "  token: 5000\n  token_coefficient")
}

#[test]
fn a_change_is_made_and_found_in_use() {
    let host = healthy();
    let answer = token(&host);
    assert_eq!((&answer["failed"], &answer["changed"]), (&Value::Null, &json!(true)), "{answer}");
    assert_eq!(answer["config_version"], 7);
    assert_eq!(answer["changes"], json!([{"key": "totem.token", "before": null, "after": "5000"}]));
    assert_eq!(answer["members"][2], json!({"name": "pve3", "nodeid": 3, "config_version": 7}));
    assert_eq!(answer["backup"], COPY);
    assert_eq!(answer["diff"][0]["after"], changed(7));
    assert_eq!((host.text(CLUSTER), host.text(LOCAL), host.text(COPY)), (changed(7), changed(7), conf(6)));
    assert!(!host.exists(NEW) && !host.exists(LOCK));
    let name = format!("{LOCK}-by-change.pve1.100.5100.0f1e2d3c4b5a49788796a5b4c3d2e1f0.1767225600");
    assert_eq!(
        host.effects(),
        [
            "mkdir /etc/pve/priv/lock/file-corosync_conf 0700".to_owned(),
            format!("mkdir {name} 0700"),
            "mkdir /var/backups/pve-cluster-collection 0700".to_owned(),
            format!("create {COPY} 0600 ({} bytes)", conf(6).len()),
            format!("create {NEW} 0640 ({} bytes)", changed(7).len()),
            format!("rename {NEW} -> {CLUSTER}"),
            // the timing of the links follows the token with a second reload only
            "run corosync-cfgtool -R".to_owned(),
            "rmdir /etc/pve/priv/lock/file-corosync_conf".to_owned(),
            format!("rmdir {name}"),
        ]
    );
    assert!(host.elapsed() < Duration::from_millis(1300), "{:?}", host.elapsed());

    let again = token(&host);
    assert_eq!((&again["changed"], &again["config_version"]), (&json!(false), &json!(7)), "{again}");
    assert_eq!(again["changes"], json!([]));
    assert_eq!(host.effects().len(), 9);
}

#[test]
fn check_mode_answers_the_same_and_touches_nothing() {
    let host = healthy();
    let checked = run(&host, json!({"totem": {"token": 5000}, "_ansible_check_mode": true}));
    assert_eq!(host.effects(), [""; 0]);
    let real = run(&healthy(), json!({"totem": {"token": 5000}}));
    for key in ["changed", "diff", "config_version", "changes", "members", "backup"] {
        assert_eq!(checked[key], real[key], "{key}");
    }
}

#[test]
fn a_key_is_removed_again() {
    let host = node(&changed(6), Trouble::default());
    let answer = run(&host, json!({"totem": {"token": null, "token_coefficient": "125"}}));
    assert_eq!(answer["changed"], true, "{answer}");
    assert_eq!(answer["changes"], json!([{"key": "totem.token", "before": "5000", "after": null}]));
    assert_eq!(host.text(CLUSTER), conf(7));
}

#[test]
fn several_sections_change_at_once() {
    let host = healthy();
    let answer = run(
        &host,
        json!({"totem": {"token": 5000, "join": 60}, "logging": {"debug": true, "fileline": "on"}}),
    );
    assert_eq!(answer["changed"], true, "{answer}");
    let expected = changed(7)
        .replace("ipv4-6\n", "ipv4-6\n  join: 60\n")
        .replace("debug: off\n", "debug: on\n  fileline: on\n");
    assert_eq!(host.text(CLUSTER), expected);
}

#[test]
fn options_that_make_no_sense_are_refused_whole() {
    let host = healthy();
    let answer = run(&host, json!({"totem": {"tokn": 1, "token": 2}}));
    assert_eq!(
        answer["msg"],
        "cannot change '/etc/pve/corosync.conf': 'tokn' is no option of 'totem': did you mean 'token'?; 'totem.token' \
         is '2' and must be a number from 30 to 4294967295, or 0 for the default"
    );
    assert_eq!((answer["changed"].as_bool(), host.effects()), (Some(false), Vec::new()));
    // what no file can have is refused without a look
    let host = healthy();
    let answer = run(&host, json!({"totem": {"tokn": 1, "token": [2]}}));
    assert_eq!((answer["changed"].as_bool(), host.steps().len()), (Some(false), 0));
}

#[test]
fn corosync_is_asked_before_anything_is_written() {
    let host = healthy();
    let answer = run(&host, json!({"totem": {"max_messages": 4_000_000_000_u32}}));
    assert_eq!(
        answer["msg"],
        "cannot change '/etc/pve/corosync.conf': corosync would not start from the changed file: parse error in config: \
         The max_messages is too high."
    );
    assert_eq!(host.effects(), [""; 0]);
}

#[test]
fn an_offline_node_is_a_refusal() {
    let host = in_trouble(Trouble { offline: vec![3], ..Trouble::default() });
    let answer = token(&host);
    assert_eq!(
        answer["msg"],
        "cannot change '/etc/pve/corosync.conf': node 'pve3' is offline: it would miss the change; start it, or remove \
         it from the cluster"
    );
    assert_eq!(host.effects(), [""; 0]);
}

const LRM: &str = "/etc/pve/nodes/pve2/lrm_status";
const MANAGER: &str = "/etc/pve/ha/manager_status";
const QUEUE: &str = "/etc/pve/ha/crm_commands";
const HA_HELP: &str = "ha-manager crm-command arm-ha\nha-manager crm-command disarm-ha <resource-mode>\n";
const DISARM: &str = "ha-manager crm-command disarm-ha freeze";
const ARM: &str = "ha-manager crm-command arm-ha";
const DISARMED: &str = r#"{"timestamp": 5, "disarm": {"mode": "freeze", "state": "disarmed"}}"#;

#[test]
fn an_active_watchdog_is_a_refusal_unless_told_otherwise() {
    let guarded = |state: &str| {
        healthy()
            .dir("/etc/pve/ha")
            .file("/etc/pve/nodes/pve1/lrm_status", r#"{"mode": "active", "state": "wait_for_agent_lock"}"#)
            .file(LRM, format!(r#"{{"mode": "active", "state": "{state}", "timestamp": 1}}"#))
    };
    for state in ["active", "lost_agent_lock", "maintenance"] {
        let host = guarded(state).query("ha-manager help", "ha-manager crm-command migrate <sid> <node>\n");
        let answer = token(&host);
        assert_eq!(
            answer["reasons"],
            json!([
                "high availability is active on 'pve2', and its watchdog would reset a node that loses quorum by the change: \
                 this Proxmox VE cannot disarm it, so stop what it keeps running or take it from its care for the time, or set 'ha' \
                 to 'ignore'"
            ])
        );
        assert_eq!(host.effects(), [""; 0]);
    }
    // nothing to change is no danger
    let host = guarded("active").query("ha-manager help", HA_HELP);
    assert_eq!(run(&host, json!({"timeout": 5}))["changed"], false);
    // where it could be disarmed, that is the remedy
    let answer = run(&host, json!({"totem": {"token": 5000}, "ha": "refuse", "timeout": 5}));
    let said = answer["msg"].as_str().unwrap();
    assert!(
        said.contains("set 'ha' to 'disarm', which has it disarmed and armed again, or set 'ha' to 'ignore'"),
        "{said}"
    );
    // disarmed by somebody else: no watchdog runs, and it is not for this task to arm it
    let host = guarded("active").file(MANAGER, DISARMED);
    assert_eq!(token(&host)["changed"], true);
    assert_eq!(host.text(MANAGER), DISARMED);
}

/// What is not known refuses: a state of a newer release, a file that is half written, a program that does not answer.
#[test]
fn what_high_availability_would_do_must_be_known() {
    let unknown = "what high availability would do is not known: ";
    for text in [r#"{"state": "asleep"}"#, "{", ""] {
        let host = healthy().dir("/etc/pve/ha").file(LRM, text);
        for ha in ["disarm", "refuse"] {
            let answer = run(&host, json!({"totem": {"token": 5000}, "ha": ha, "timeout": 5}));
            assert!(answer["reasons"][0].as_str().unwrap().starts_with(unknown), "{text} {answer}");
        }
        assert_eq!(host.effects(), [""; 0]);
    }
    let active = r#"{"state": "active", "timestamp": 1}"#;
    let host = healthy().dir("/etc/pve/ha").file(LRM, active).query("ha-manager help", Answer::hangs());
    assert!(token(&host)["reasons"][0].as_str().unwrap().starts_with(unknown));
    // one slow answer breaks nothing
    let slow = Answer::ok(HA_HELP).taking(Duration::from_secs(12));
    let host = with_ha(Trouble::default()).query("ha-manager help", slow);
    assert_eq!(token(&host)["changed"], true);
}

/// It is to be ignored: outages add up, so each watchdog is to be renewed before this one.
#[test]
fn an_ignored_watchdog_is_renewed_before_the_change() {
    let ignoring = json!({"totem": {"token": 5000}, "ha": "ignore", "timeout": 5});
    let active = r#"{"state": "active", "timestamp": 1}"#;
    let node =
        || healthy().dir("/etc/pve/ha").file(LRM, active).query("ha-manager help", "crm-command disarm-ha\n");
    let host = node();
    let answer = run(&host, ignoring.clone());
    assert!(answer["msg"].as_str().unwrap().contains("'pve2' has not renewed its watchdog"), "{answer}");
    assert_eq!((&answer["changed"], host.text(CLUSTER)), (&json!(false), conf(6)));
    let host = node().at(Duration::from_secs(9), |machine| {
        machine.write(LRM, r#"{"state": "active", "timestamp": 2}"#);
    });
    let answer = run(&host, ignoring);
    assert_eq!(answer["changed"], true, "{answer}");
    assert!(
        answer["warnings"][0].as_str().unwrap().starts_with("high availability is active on 'pve2'"),
        "{answer}"
    );
}

/// Whoever says that no watchdog runs is not refused for what cannot be read.
#[test]
fn an_unknown_watchdog_that_is_ignored_is_no_refusal() {
    for unreadable in [LRM, MANAGER] {
        let host = healthy().dir("/etc/pve/ha").file(unreadable, "{");
        let answer = run(&host, json!({"totem": {"token": 5000}, "ha": "ignore", "timeout": 5}));
        assert_eq!(
            (&answer["changed"], &answer["warnings"], host.text(CLUSTER)),
            (&json!(true), &Value::Null, changed(7)),
            "{unreadable}: {answer}"
        );
    }
}

/// A cluster with an active resource manager, whose high availability takes 5 s for whatever it is told.
fn with_ha(trouble: Trouble) -> FakeHost {
    let after = |state: &'static str| {
        move |machine: &mut testkit::Machine| {
            machine.after(Duration::from_secs(5), move |machine| machine.write(MANAGER, state));
        }
    };
    in_trouble(trouble)
        .dir("/etc/pve/ha")
        .file(LRM, r#"{"mode": "active", "state": "active", "timestamp": 1}"#)
        .file(MANAGER, r#"{"timestamp": 1}"#)
        .query("ha-manager help", HA_HELP)
        .action(DISARM, Answer::ok("").doing(after(DISARMED)))
        .action(ARM, Answer::ok("").doing(after(r#"{"timestamp": 9}"#)))
}

#[test]
fn an_active_watchdog_is_disarmed_for_the_change_and_armed_after_it() {
    let host = with_ha(Trouble::default());
    let answer = token(&host);
    assert_eq!((&answer["changed"], &answer["ha_disarmed"]), (&json!(true), &json!(true)), "{answer}");
    let effects = host.effects();
    let place = |what: &str| effects.iter().position(|effect| effect.contains(what)).expect(what);
    assert!(place(DISARM) < place("rename /etc/pve/corosync.conf.new"), "{effects:?}");
    assert!(place("rename /etc/pve/corosync.conf.new") < place(ARM), "{effects:?}");
    assert_eq!(host.text(MANAGER), r#"{"timestamp": 9}"#);
    assert!(!host.exists(rescue::ha::MARKER));
}

#[test]
fn it_is_armed_again_after_a_change_that_was_undone() {
    let host = with_ha(Trouble { link_lost: Some(7), ..Trouble::default() });
    let answer = token(&host);
    assert_eq!((&answer["rolled_back"], &answer["failed"]), (&json!(true), &json!(true)), "{answer}");
    assert_eq!(host.effects().iter().filter(|effect| effect.contains(ARM)).count(), 1);
}

/// It is refused, and what was queued is undone behind it: as soon as there is a manager, high availability is armed.
#[test]
fn what_cannot_be_disarmed_is_not_changed_and_does_not_stay_disarmed() {
    let queue = |line: &'static str| {
        Answer::ok("").doing(move |machine| {
            let before = machine.text(QUEUE).unwrap_or_default();
            machine.write(QUEUE, format!("{before}{line}\n"));
        })
    };
    let dead =
        || with_ha(Trouble::default()).action(DISARM, queue("disarm-ha freeze")).action(ARM, queue("arm-ha"));
    let host = dead();
    let answer = token(&host);
    let nobody = "the command waits for the manager, which does not take it up";
    assert_eq!(
        answer["msg"],
        format!(
            "cannot change '/etc/pve/corosync.conf': high availability is not disarmed for certain: {nobody}; high availability is not \
             armed for certain: {nobody}; {}",
            rescue::ha::REMEDY
        )
    );
    assert_eq!((&answer["changed"], host.text(CLUSTER)), (&json!(false), conf(6)));
    assert_eq!(host.text(QUEUE), "disarm-ha freeze\narm-ha\n");
    assert!(host.exists(rescue::ha::MARKER));
    assert!(!host.exists(LOCK), "the lock was kept over the wait, and given up");
    // it says yes and does nothing: the change is in use, and it is known that it is disarmed
    let host = with_ha(Trouble::default()).action(ARM, Answer::ok(""));
    let answer = token(&host);
    assert_eq!(
        answer["msg"],
        format!(
            "cannot end the change of '/etc/pve/corosync.conf', which is in use: high availability is not armed for certain: the manager \
             has not begun; {}",
            rescue::ha::REMEDY
        )
    );
    assert_eq!((&answer["changed"], host.text(CLUSTER)), (&json!(true), changed(7)));
    assert!(host.exists(rescue::ha::MARKER) && !host.exists(LOCK));
}

fn with_rescue(trouble: Trouble) -> FakeHost {
    rescuable(in_trouble(trouble))
}

/// What this node's rescue needs of a machine.
fn rescuable(host: FakeHost) -> FakeHost {
    host.dir("/etc/systemd/system")
        .file("/proc/self/exe", "the program")
        .query("/var/lib/pve-cluster-collection/rescue/corosync_rescue ready", "ready\n")
        .query("systemctl is-active pve-cluster-rescue.service", Answer::exit(3, "inactive\n", ""))
        .query("systemctl is-active pve-cluster-rescue.timer", "active\n")
        .action_prefix("systemctl", "")
}

fn with_rescue_after(host: &FakeHost, seconds: u64) -> Value {
    run(host, json!({"totem": {"token": 5000}, "timeout": 5, "rescue_after": seconds}))
}

#[test]
fn this_node_would_come_back_by_itself_while_the_change_is_made() {
    const TIMER: &str = "/etc/systemd/system/pve-cluster-rescue.timer";
    let host = with_rescue(Trouble::default());
    let answer = with_rescue_after(&host, 300);
    assert_eq!((&answer["changed"], &answer["warnings"]), (&json!(true), &Value::Null), "{answer}");
    let effects = host.effects();
    let place = |what: &str| effects.iter().position(|effect| effect.contains(what)).expect(what);
    assert!(place("enable --now") < place(&format!("rename {NEW}")), "{effects:?}");
    assert!(place(&format!("rename {NEW}")) < place("disable --now"), "{effects:?}");
    assert!(!host.exists(TIMER));
    // undone: called off too
    let host = with_rescue(Trouble { link_lost: Some(7), ..Trouble::default() });
    assert_eq!(with_rescue_after(&host, 300)["rolled_back"], true);
    assert!(!host.exists(TIMER));
    // stuck: it stays, and the answer tells of it
    let host = with_rescue(Trouble { quorum_lost: Some(7), ..Trouble::default() });
    let answer = with_rescue_after(&host, 300);
    assert_eq!(answer["rolled_back"], false, "{answer}");
    assert!(
        answer["warnings"][0]
            .as_str()
            .unwrap()
            .starts_with("this node puts its file back by itself 300 s after"),
        "{answer}"
    );
    assert!(host.exists(TIMER));
    let answer = with_rescue_after(&healthy(), 9);
    assert_eq!(
        answer["msg"],
        "cannot change '/etc/pve/corosync.conf': 'rescue_after' is 9 s and must be 0 or from 10 to 604800 s"
    );
}

/// A run that died had disarmed high availability: its marker says so, and every run after it arms it, also one that has nothing to change.
#[test]
fn what_a_dead_run_disarmed_is_armed_by_the_next() {
    let left = || {
        with_ha(Trouble::default()).file(MANAGER, DISARMED).file(rescue::ha::MARKER, r#"{"node": "pve3"}"#)
    };
    let host = left();
    let answer = token(&host);
    assert_eq!((&answer["changed"], &answer["ha_disarmed"]), (&json!(true), &json!(false)), "{answer}");
    let told = "high availability was disarmed by a run on 'pve3' and not armed again, which this run does";
    assert_eq!(answer["warnings"][0], told);
    let effects = host.effects();
    let place = |what: &str| effects.iter().position(|effect| effect.contains(what)).expect(what);
    assert!(place(&format!("rename {NEW}")) < place(ARM), "{effects:?}");
    assert!(!host.exists(rescue::ha::MARKER));
    let host = left();
    let nothing = || json!({"totem": {"token_coefficient": 125}, "timeout": 5});
    let answer = checked(&host, nothing());
    assert_eq!((&answer["changed"], &answer["ha_armed"]), (&json!(true), &json!(true)), "{answer}");
    assert_eq!(host.effects(), [""; 0]);
    let answer = run(&host, nothing());
    assert_eq!((&answer["changed"], &answer["warnings"][0]), (&json!(true), &json!(told)), "{answer}");
    assert!(!host.exists(rescue::ha::MARKER));
    assert_eq!(run(&host, nothing())["changed"], false);
}

/// A rescue that is armed for another change would not undo this one.
#[test]
fn a_rescue_that_guards_something_else_is_a_refusal() {
    let host = with_rescue(Trouble::default());
    let intended = intended(&host, json!({"totem": {"token": 5000}}));
    assert_eq!(intended.len(), 2);
    rescue::arm(&host, &purpose(&[]), true).unwrap();
    let answer = token(&host);
    assert_eq!(
        answer["msg"],
        "cannot change '/etc/pve/corosync.conf': the rescue that is armed on this node by a test would not undo this change: arm it with \
         the option 'intended' that this module returns in check mode, or call it off"
    );
    assert_eq!(host.text(CLUSTER), conf(6));
    arm_everywhere(&host, &intended);
    assert_eq!(token(&host)["changed"], true);
    assert!(rescue::armed(&host).unwrap().is_some(), "whoever armed it calls it off");
    // one of an earlier version of the file is over, and in nobody's way
    let host = with_rescue(Trouble::default());
    rescue::arm(&host, &purpose(&[]), true).unwrap();
    host.change(|machine| {
        let record = machine.text("/var/lib/pve-cluster-collection/rescue/record").unwrap();
        machine
            .write("/var/lib/pve-cluster-collection/rescue/record", record.replace("version 6", "version 5"));
    });
    assert_eq!(with_rescue_after(&host, 300)["changed"], true);
}

/// What a change may bring, as the module says in check mode.
fn intended(host: &FakeHost, mut args: Value) -> Vec<String> {
    args["timeout"] = 5.into();
    serde_json::from_value(checked(host, args)["intended"].clone()).unwrap()
}

fn purpose(intended: &[String]) -> rescue::Purpose {
    let intended = intended.iter().cloned().collect();
    rescue::Purpose { seconds: 300, owner: "a test".to_owned(), intended }
}

fn note_of(node: &str) -> String {
    format!("/etc/pve/nodes/{node}/pve-cluster-rescue")
}

/// Arms the rescue here, and has the other nodes say that theirs is.
fn arm_everywhere(host: &FakeHost, intended: &[String]) {
    rescue::arm(host, &purpose(intended), true).unwrap();
    host.change(|machine| {
        let note = machine.text(note_of("pve1")).unwrap();
        for node in ["pve2", "pve3"] {
            machine.write(note_of(node), &note);
        }
    });
}

const NOT_ARMED: &str = "the rescue of corosync.conf on 'pve2' is not armed, so that node would not undo this change by itself: \
                         'journalctl -u pve-cluster-rescue.service' there says whether it has put its file back; run the task again";

#[test]
fn the_rescue_of_every_member_must_guard_the_change() {
    let others = "the rescue of corosync.conf on 'pve2' is armed by another run for another change: wait until that one has ended, or call \
                  the rescue off";
    for (note, expected) in [
        ("", NOT_ARMED),
        ("until 1\nowner another run\nend\n", NOT_ARMED),
        ("until 2767225600\nowner another run\nend\n", others),
        ("until 2767225600\nowner", &others.replace("another run for", "an unknown run for")),
    ] {
        let host = with_rescue(Trouble::default());
        arm_everywhere(&host, &intended(&host, json!({"totem": {"token": 5000}})));
        host.change(|machine| match note {
            "" => machine.remove(note_of("pve2")),
            note => machine.write(note_of("pve2"), note),
        });
        let answer = token(&host);
        assert_eq!(answer["msg"], format!("cannot change '/etc/pve/corosync.conf': {expected}"), "{note}");
        assert_eq!((host.text(CLUSTER), host.exists(NEW), host.exists(LOCK)), (conf(6), false, false));
        // a node that is off has no say: when it is back, its rescue leaves what it was not armed for
        let host = with_rescue(Trouble { offline: vec![2], ..Trouble::default() });
        let wish = json!({"totem": {"token": 5000}, "allow_offline": ["pve2"], "timeout": 5});
        arm_everywhere(&host, &intended(&host, wish.clone()));
        host.change(|machine| machine.write(note_of("pve2"), note));
        assert_eq!(run(&host, wish)["changed"], true, "{note}");
    }
    // where this run arms its own node, the others need none; one that is there must be for this change
    let host = with_rescue(Trouble::default());
    host.change(|machine| machine.write(note_of("pve2"), "until 2767225600\nowner another run\nend\n"));
    let answer = with_rescue_after(&host, 300);
    assert_eq!(answer["msg"], format!("cannot change '/etc/pve/corosync.conf': {others}"));
    assert!(rescue::armed(&host).unwrap().is_none(), "it is called off again");
    assert_eq!(host.text(CLUSTER), conf(6));
    // what cannot be read is not known
    let host = with_rescue(Trouble::default()).dir(&note_of("pve2"));
    let answer = token(&host);
    assert!(
        answer["msg"].as_str().unwrap().starts_with(
            "cannot change '/etc/pve/corosync.conf': whether the rescues of corosync.conf stand by is not known: "
        ),
        "{answer}"
    );
}

/// Between the arming and the write lies a wait for high availability, and between two writes the whole of a step.
#[test]
fn a_rescue_that_is_called_off_meanwhile_is_seen_right_before_the_write() {
    for node in ["pve1", "pve2"] {
        let host = rescuable(with_ha(Trouble::default()));
        arm_everywhere(&host, &intended(&host, json!({"totem": {"token": 5000}})));
        host.change(|machine| {
            machine.after(Duration::from_secs(3), move |machine| {
                machine.remove(note_of(node));
                if node == "pve1" {
                    machine.remove("/etc/systemd/system/pve-cluster-rescue.timer");
                }
            });
        });
        let answer = token(&host);
        let expected = NOT_ARMED.replace("'pve2'", &format!("'{node}'"));
        assert_eq!(answer["msg"], format!("cannot change '/etc/pve/corosync.conf': {expected}"));
        assert_eq!((&answer["changed"], host.text(CLUSTER)), (&json!(false), conf(6)));
        assert_eq!(host.text(MANAGER), r#"{"timestamp": 9}"#, "high availability is armed again");
        assert!(!host.exists(NEW) && !host.exists(LOCK));
    }
    // after the first of two steps: that one is undone, whoever guards it
    let host = rescuable(node(&crate::fake::two_links(6), Trouble::default()));
    let addresses = json!({"pve1": "10.77.5.11", "pve2": "10.77.5.12", "pve3": "10.77.5.13"});
    let wish = json!({"links": [{"number": 1, "addresses": addresses}], "timeout": 15});
    arm_everywhere(&host, &intended(&host, wish.clone()));
    host.change(|machine| {
        machine.after(Duration::from_millis(500), |machine| machine.remove(note_of("pve2")));
    });
    let answer = run(&host, wish);
    assert_eq!((&answer["rolled_back"], &answer["reasons"]), (&json!(true), &json!([NOT_ARMED])), "{answer}");
    assert_eq!(host.text(CLUSTER), crate::fake::two_links(8));
}

#[test]
fn without_quorum_nothing_is_tried() {
    let host = healthy();
    host.change(|machine| machine.set_quorate(false));
    let answer = token(&host);
    assert_eq!(
        answer["msg"],
        "cannot change '/etc/pve/corosync.conf': this node is not quorate, so /etc/pve is read-only"
    );
    assert_eq!(host.effects(), [""; 0]);
}

#[test]
fn a_change_by_someone_else_is_waited_for() {
    let host = healthy();
    host.change(|machine| {
        machine.advance(Duration::from_millis(1));
        machine.write(CLUSTER, conf(7));
    });
    let answer = token(&host);
    assert_eq!((&answer["changed"], &answer["config_version"]), (&json!(true), &json!(8)), "{answer}");
    assert_eq!(host.text(CLUSTER), changed(8));
}

#[test]
fn a_node_that_does_not_follow_is_no_success() {
    let host = in_trouble(Trouble { deaf: vec![3], ..Trouble::default() });
    let answer = token(&host);
    assert_eq!(
        answer["msg"],
        "cannot change '/etc/pve/corosync.conf': within 5 s the change was not in use everywhere: corosync on 'pve3' \
         runs config_version 6, not 7; and it could not be undone: the old text is back in place, but corosync on 'pve3' \
         runs config_version 6, not 8; the old file is '/var/backups/pve-cluster-collection/corosync.conf-1767225600-v6' \
         on this node: give it a config_version above 8 before it is put back"
    );
    assert_eq!((&answer["changed"], &answer["rolled_back"]), (&json!(true), &json!(false)));
    assert_eq!(host.text(CLUSTER), conf(8));
    assert!(!host.exists(LOCK));
}

#[test]
fn what_corosync_refuses_is_undone_at_once() {
    let host = in_trouble(Trouble { refuses: Some(7), ..Trouble::default() });
    let answer = token(&host);
    assert_eq!(
        answer["msg"],
        "cannot change '/etc/pve/corosync.conf': within 5 s the change was not in use everywhere: corosync on this node \
         says: Failed to set knet ping timers(2); the change was undone: all nodes run the old settings again, under \
         config_version 8"
    );
    assert_eq!(
        (&answer["changed"], &answer["rolled_back"], &answer["config_version"]),
        (&json!(true), &json!(true), &json!(8))
    );
    assert_eq!((host.text(CLUSTER), host.text(LOCAL)), (conf(8), conf(8)));
    assert!(host.elapsed() < Duration::from_secs(3), "{:?}", host.elapsed());
    assert!(!host.exists(LOCK));
}

#[test]
fn a_second_reload_that_fails_is_undone() {
    let host = healthy();
    let refusal = Answer::exit(
        1,
        "Reloading corosync.conf...\n",
        "Could not reload configuration. Error CS_ERR_INVALID_PARAM\n",
    );
    host.change(|machine| machine.action("corosync-cfgtool -R", refusal));
    let answer = token(&host);
    assert_eq!(
        answer["reasons"],
        json!(["'corosync-cfgtool -R' says: Could not reload configuration. Error CS_ERR_INVALID_PARAM"])
    );
    assert_eq!(host.text(CLUSTER), conf(8));
    // a change that does not touch the token needs none
    let answer = run(&host, json!({"totem": {"join": 60}}));
    assert_eq!((&answer["changed"], &answer["failed"]), (&json!(true), &Value::Null), "{answer}");
}

#[test]
fn a_link_that_is_lost_is_a_reason_to_undo() {
    let host = in_trouble(Trouble { link_lost: Some(7), ..Trouble::default() });
    let answer = token(&host);
    assert_eq!(answer["reasons"], json!(["link 0 to 'pve2' is no longer connected"]));
    assert_eq!((&answer["rolled_back"], host.text(CLUSTER)), (&json!(true), conf(8)));
}

#[test]
fn lost_quorum_is_told_as_what_it_is() {
    let host = in_trouble(Trouble { quorum_lost: Some(7), ..Trouble::default() });
    let answer = token(&host);
    assert_eq!(answer["rolled_back"], false);
    let msg = answer["msg"].as_str().unwrap();
    assert!(msg.contains("this node is not quorate; and it could not be undone: cannot create"), "{msg}");
    let warning = answer["warnings"][0].as_str().unwrap();
    assert!(
        warning.starts_with("the lock '/etc/pve/priv/lock/file-corosync_conf' stays for up to 120 s: "),
        "{warning}"
    );
}

#[test]
fn a_lock_that_is_held_is_waited_for_and_respected() {
    let host = healthy();
    host.change(|machine| {
        machine.make_dir(LOCK);
        machine.after(Duration::from_secs(2), |machine| machine.remove(LOCK));
    });
    assert_eq!(token(&host)["changed"], true);
    let host = healthy();
    host.change(|machine| machine.make_dir(LOCK));
    let answer = token(&host);
    assert_eq!(
        answer["msg"],
        "cannot change '/etc/pve/corosync.conf': another program is changing the cluster: it has held the lock \
         '/etc/pve/priv/lock/file-corosync_conf' all the time; try again when it is done"
    );
    assert_eq!(host.text(CLUSTER), conf(6));
    assert!(host.exists(LOCK));
}

#[test]
fn an_expired_lock_is_taken() {
    let host = healthy();
    host.change(|machine| {
        machine.make_dir(LOCK);
        let long_ago = i64::try_from(machine.unix_time()).unwrap() - 200;
        machine.set_mtime(LOCK, long_ago);
    });
    assert_eq!(token(&host)["changed"], true);
}

#[test]
fn the_file_must_be_the_one_that_was_read() {
    let host = healthy();
    host.change(|machine| {
        machine.make_dir(LOCK);
        machine.after(Duration::from_millis(500), |machine| {
            machine.write(CLUSTER, conf(7).replace("125", "200"));
            machine.remove(LOCK);
        });
    });
    let answer = token(&host);
    assert_eq!(
        answer["msg"],
        "cannot change '/etc/pve/corosync.conf': '/etc/pve/corosync.conf' was changed by someone else in the meantime; \
         run the task again"
    );
    assert_eq!(
        (answer["changed"].as_bool(), host.text(CLUSTER)),
        (Some(false), conf(7).replace("125", "200"))
    );
}

#[test]
fn what_an_interrupted_run_prepared_is_replaced() {
    let host = healthy();
    host.change(|machine| machine.write(NEW, &changed(7)[..50]));
    assert_eq!(token(&host)["changed"], true);
    assert_eq!(host.text(CLUSTER), changed(7));
    let host = healthy();
    host.change(|machine| machine.write(NEW, "an administrator's"));
    let answer = token(&host);
    assert!(answer["msg"].as_str().unwrap().contains("'/etc/pve/corosync.conf.new' exists"), "{answer}");
}

#[test]
fn ten_backups_are_kept() {
    let host = healthy();
    host.change(|machine| {
        for number in 1..=12 {
            machine.write(
                format!("/var/backups/pve-cluster-collection/corosync.conf-{number}-v{number}"),
                "old",
            );
        }
        machine.write("/var/backups/pve-cluster-collection/notes", "mine");
    });
    assert_eq!(token(&host)["changed"], true);
    let kept = |number: u32| {
        host.exists(&format!("/var/backups/pve-cluster-collection/corosync.conf-{number}-v{number}"))
    };
    assert_eq!((1..=12).filter(|number| kept(*number)).collect::<Vec<_>>(), (4..=12).collect::<Vec<_>>());
    assert!(host.exists(COPY) && host.exists("/var/backups/pve-cluster-collection/notes"));
}

#[test]
fn the_text_shown_has_no_key() {
    let text = conf(6).replace("  link_mode", "  key: 0123456789abcdef\n  link_mode");
    let host = node(&text, Trouble::default());
    let answer = token(&host);
    assert_eq!(answer["changed"], true, "{answer}");
    assert!(!answer.to_string().contains("0123456789abcdef"), "{answer}");
    assert!(host.text(CLUSTER).contains("key: 0123456789abcdef"));
}

/// Whatever fails, the file is the old one or the new one, the answer says which, and the next run completes it.
#[test]
fn a_fault_at_every_step() {
    for errno in [5, 13, 28] {
        at_every_effect(healthy, errno, |host, number| {
            let answer = token(host);
            let text = host.text(CLUSTER);
            match answer["changed"].as_bool() {
                Some(false) => assert_eq!(text, conf(6), "effect {number}: {answer}"),
                Some(true) if answer["rolled_back"] == true => {
                    assert_eq!(text, conf(8), "effect {number}: {answer}")
                }
                Some(true) => assert_eq!(text, changed(7), "effect {number}: {answer}"),
                None => panic!("effect {number}: {answer}"),
            }
            host.change(|machine| machine.advance(Duration::from_secs(130)));
            let again = token(host);
            assert_eq!(again["failed"], Value::Null, "effect {number}: {again}");
            let version = again["config_version"].as_u64().unwrap();
            assert_eq!(host.text(CLUSTER), changed(version), "effect {number}");
        });
    }
}

/// Killed at any step, the next run completes what was begun, without waiting for the lock of the dead one.
#[test]
fn a_run_that_dies_at_every_step_is_completed_by_the_next() {
    for number in 0.. {
        let host = healthy().dies_at(number);
        token(&host);
        if !host.faulted() {
            assert!(number > 8);
            break;
        }
        host.revive();
        host.change(|machine| {
            machine.remove("/proc/100");
            process(machine, 101);
            // before the note is written, there is only the lock's own expiry
            machine.advance(Duration::from_secs(if number < 3 { 130 } else { 5 }));
        });
        let text = host.text(CLUSTER);
        assert!(text == conf(6) || text == changed(7), "step {number}: {text}");
        let again = token(&host);
        assert_eq!(again["failed"], Value::Null, "step {number}: {again}");
        assert_eq!((host.text(CLUSTER), host.text(LOCAL)), (changed(7), changed(7)), "step {number}");
    }
}

#[test]
fn the_lock_of_a_living_process_is_respected() {
    for (pid, began, time) in [("100", "5100", 0), ("99", "1", 1)] {
        let host = healthy();
        host.change(|machine| {
            machine.make_dir(LOCK);
            let time = i64::try_from(machine.unix_time()).unwrap() + time;
            machine.write(
                "/run/pve-cluster-collection/file-corosync_conf.lock",
                format!("{pid} {began} {time}\n"),
            );
        });
        let answer = token(&host);
        assert!(
            answer["msg"].as_str().unwrap().contains("another program is changing the cluster"),
            "{answer}"
        );
    }
}

#[test]
fn what_is_read_changes_nothing_when_given_back() {
    let text = crate::fake::two_links(6)
        .replace("  secauth", "  window_size: 60\n  secauth")
        .replace(
            "    linknumber: 1\n",
            "    knet_link_priority: 20\n    knet_pong_count: 3\n    linknumber: 1\n",
        )
        .replace("nodeid: 2\n    quorum_votes: 1", "nodeid: 2\n    quorum_votes: 2");
    let host = node(&text, Trouble::default());
    let read = run(&host, json!({}));
    assert_eq!(
        read["config"],
        json!({
            "totem": {"ip_version": "ipv4-6", "link_mode": "passive", "window_size": 60, "secauth": "on", "token_coefficient": 125},
            "quorum": {"provider": "corosync_votequorum"},
            "logging": {"debug": "off", "to_syslog": "yes"},
            "links": [
                {"number": 0, "addresses": {"pve1": "10.77.1.11", "pve2": "10.77.1.12", "pve3": "10.77.1.13"}},
                {"number": 1, "addresses": {"pve1": "10.77.0.11", "pve2": "10.77.0.12", "pve3": "10.77.0.13"}, "priority": 20,
                 "options": {"knet_pong_count": 3}},
            ],
            "nodes": {"pve1": {"quorum_votes": 1}, "pve2": {"quorum_votes": 2}, "pve3": {"quorum_votes": 1}},
        }),
        "{read}"
    );
    for state in ["merged", "replaced"] {
        let mut args = read["config"].clone();
        args["state"] = state.into();
        let answer = run(&host, args);
        assert_eq!((&answer["failed"], &answer["changed"]), (&Value::Null, &json!(false)), "{answer}");
        assert_eq!(answer["config"], read["config"]);
    }
    assert_eq!(host.effects(), [""; 0]);
}

#[test]
fn what_is_replaced_loses_what_is_not_listed() {
    let text = crate::fake::two_links(6)
        .replace("    linknumber: 1\n", "    knet_link_priority: 20\n    linknumber: 1\n")
        .replace("  token_coefficient", "  token: 5000\n  token_coefficient")
        .replace("  to_syslog", "  fileline: on\n  to_syslog");
    let host = node(&text, Trouble::default());
    let args = json!({
        "totem": {"ip_version": "ipv4-6", "link_mode": "passive", "secauth": "on", "token_coefficient": 125},
        "links": [{"number": 1}], "state": "replaced", "timeout": 5,
    });
    let answer = run(&host, args.clone());
    assert_eq!((&answer["failed"], &answer["steps"]), (&Value::Null, &json!(2)), "{answer}");
    assert_eq!(answer["config"]["totem"], args["totem"]);
    let links = json!([{"number": 1, "addresses": {"pve1": "10.77.0.11", "pve2": "10.77.0.12", "pve3": "10.77.0.13"}}]);
    assert_eq!(answer["config"]["links"], links);
    // a section that is not given stays
    assert_eq!(answer["config"]["logging"]["fileline"], "on");
    assert_eq!(run(&host, args)["changed"], false);
}

#[test]
fn votes_are_set_and_counted() {
    let host = healthy();
    let answer = run(&host, json!({"nodes": {"pve1": {"quorum_votes": 2}}, "timeout": 5}));
    assert_eq!((&answer["failed"], &answer["changed"]), (&Value::Null, &json!(true)), "{answer}");
    assert_eq!(
        answer["changes"],
        json!([{"key": "nodelist.node[pve1].quorum_votes", "before": "1", "after": "2"}])
    );
    assert_eq!(host.text(CLUSTER), conf(7).replacen("quorum_votes: 1", "quorum_votes: 2", 1));
    let answer = run(&host, json!({"nodes": {"pve9": {"quorum_votes": 2}}}));
    assert_eq!(answer["reasons"], json!(["'pve9' is no node of this cluster"]));
    let answer =
        run(&host, json!({"nodes": {"pve1": {"votes": 2}, "pve2": 3, "pve3": {"quorum_votes": -1}}}));
    assert_eq!(
        answer["reasons"],
        json!([
            "node 'pve1' has 'votes', and only 'quorum_votes' of a node can be set",
            "node 'pve2' must have options, such as 'quorum_votes: 1'",
            "node 'pve3' has -1 'quorum_votes', which must be a number from 0 to 255",
        ])
    );
    for (votes, expected) in [
        (255, Value::Null),
        (256, json!(["node 'pve2' has 256 'quorum_votes', which must be a number from 0 to 255"])),
    ] {
        let answer = checked(&healthy(), json!({"nodes": {"pve2": {"quorum_votes": votes}}}));
        assert_eq!(answer["reasons"], expected, "{answer}");
    }
    // nodes that are not listed get one vote where the list is whole
    let host = node(
        &conf(6).replace("nodeid: 2\n    quorum_votes: 1", "nodeid: 2\n    quorum_votes: 2"),
        Trouble::default(),
    );
    let answer = checked(&host, json!({"nodes": {"pve1": {"quorum_votes": 2}}, "state": "replaced"}));
    let change = |node: &str, before: &str, after: &str| json!({"key": format!("nodelist.node[{node}].quorum_votes"), "before": before, "after": after});
    assert_eq!(answer["changes"], json!([change("pve1", "1", "2"), change("pve2", "2", "1")]), "{answer}");
    // one that the file has already stays as it is
    let many = conf(6).replace("nodeid: 2\n    quorum_votes: 1", "nodeid: 2\n    quorum_votes: 300");
    let host = node(&many, Trouble::default());
    assert_eq!(run(&host, json!({"nodes": {"pve2": {"quorum_votes": 300}}}))["changed"], false);
    let device = conf(6).replace("quorum {\n", "quorum {\n  device {\n    model: net\n  }\n");
    let answer = checked(&node(&device, Trouble::default()), json!({"nodes": {"pve2": {"quorum_votes": 2}}}));
    assert_eq!(
        answer["reasons"],
        json!([
            "the votes of 'pve2' are not changed beside a QDevice, whose own votes follow from the number of nodes"
        ])
    );
}

#[test]
fn a_file_can_be_judged_whatever_state_the_cluster_is_in() {
    let host = in_trouble(Trouble { offline: vec![3], ..Trouble::default() });
    host.change(|machine| machine.set_quorate(false));
    let answer = run(&host, json!({"totem": {"token": 5000}, "validate_only": true}));
    assert_eq!((&answer["failed"], &answer["changed"]), (&Value::Null, &json!(false)), "{answer}");
    assert_eq!(answer["config"]["totem"]["token"], 5000);
    assert_eq!(answer["diff"][0]["after"], changed(7));
    let answer = run(&host, json!({"quorum": {"two_node": true}, "validate_only": true}));
    assert!(answer["msg"].as_str().unwrap().contains("the nodelist has 3"), "{answer}");
    assert_eq!(run(&host, json!({"validate_only": true}))["changed"], false);
    assert_eq!(host.effects(), [""; 0]);
    // whether it is in use is not asked
    let host = in_trouble(Trouble { down: true, ..Trouble::default() });
    let answer = run(&host, json!({"validate_only": true}));
    assert_eq!((&answer["warnings"], &answer["unconfirmed"]), (&Value::Null, &json!([])), "{answer}");
    assert_eq!(run(&host, json!({}))["unconfirmed"].as_array().unwrap().len(), 1);
}

/// What each node comes to: see the documentation of `nodes`.
#[test]
fn every_node_has_its_own_result() {
    let row = |name: &str, nodeid: u32, version: u64, result: &str| {
        let here = nodeid == 1;
        let own = here.then_some(version);
        json!({
            "name": name, "nodeid": nodeid, "here": here, "online": true, "config_version": version, "cluster_file": own,
            "own_copy": own, "links": [0], "restart_needed": [], "result": result,
        })
    };
    let rows = |version: u64, result: &str| {
        let nodes = [("pve1", 1), ("pve2", 2), ("pve3", 3)];
        Value::from(nodes.map(|(name, nodeid)| row(name, nodeid, version, result)).to_vec())
    };
    let host = healthy();
    assert_eq!(run(&host, json!({}))["nodes"], rows(6, "in_step"));
    let check = run(&host, json!({"totem": {"token": 5000}, "timeout": 5, "_ansible_check_mode": true}));
    assert_eq!(check["nodes"], rows(7, "updated"));
    assert_eq!(token(&host)["nodes"], rows(7, "updated"));
    assert_eq!(token(&host)["nodes"], rows(7, "in_step"));
    // undone: all nodes run the old settings under a higher version
    let host = in_trouble(Trouble { link_lost: Some(7), ..Trouble::default() });
    assert_eq!(token(&host)["nodes"], rows(8, "in_step"));
    // off, and allowed to be
    let host = in_trouble(Trouble { offline: vec![3], ..Trouble::default() });
    let answer = run(&host, json!({"totem": {"token": 5000}, "allow_offline": ["pve3"], "timeout": 5}));
    assert_eq!(
        answer["nodes"][2],
        json!({
            "name": "pve3", "nodeid": 3, "here": false, "online": false, "config_version": null, "cluster_file": null,
            "own_copy": null, "links": [], "restart_needed": [], "result": "offline",
        }),
        "{answer}"
    );
    assert_eq!(
        (&answer["nodes"][0], &answer["nodes"][1]),
        (&row("pve1", 1, 7, "updated"), &row("pve2", 2, 7, "updated"))
    );
    // corosync does not run here, so nothing is known of it or the others
    let host = in_trouble(Trouble { down: true, ..Trouble::default() });
    let answer = run(&host, json!({}));
    let results: Vec<_> =
        answer["nodes"].as_array().unwrap().iter().map(|row| row["result"].as_str()).collect();
    assert_eq!(results, [Some("unverified"); 3], "{answer}");
}

#[test]
fn what_waits_for_a_restart_is_written_when_told_and_named() {
    let wish = |restart: bool| json!({"totem": {"link_mode": "active", "token": 5000}, "restart": restart, "timeout": 5});
    let host = healthy();
    let answer = run(&host, wish(false));
    assert!(
        answer["msg"].as_str().unwrap().contains("'totem.link_mode' does not change while corosync runs: "),
        "{answer}"
    );
    let answer = run(&host, wish(true));
    assert_eq!(
        (&answer["changed"], &answer["restart_needed"]),
        (&json!(true), &json!(["totem.link_mode"])),
        "{answer}"
    );
    assert!(host.text(LOCAL).contains("link_mode: active\n"));
    let all = answer["nodes"].as_array().unwrap().iter();
    assert!(
        all.clone()
            .all(|row| row["result"] == "restart_needed"
                && row["restart_needed"] == json!(["totem.link_mode"]))
    );
    let written = host.text(rescue::pending::PATH);
    for node in ["pve1", "pve2", "pve3"] {
        let line = format!("node {node} since 1767225600 runs totem.link_mode passive\n");
        assert!(written.contains(&line), "{written}");
    }
    let effects = host.effects();
    let place = |what: &str| effects.iter().position(|effect| effect.contains(what)).expect(what);
    assert!(place(&format!("-> {}", rescue::pending::PATH)) < place(&format!("-> {CLUSTER}")), "{effects:?}");
    // it is due until it is done
    let again = run(&host, wish(true));
    assert_eq!(
        (&again["changed"], &again["restart_needed"]),
        (&json!(false), &json!(["totem.link_mode"])),
        "{again}"
    );
    let again = run(&host, wish(false));
    assert!(again["msg"].as_str().unwrap().contains("until it is restarted: set 'restart'"), "{again}");
    // undone, nothing is due
    let host = in_trouble(Trouble { link_lost: Some(7), ..Trouble::default() });
    assert_eq!(run(&host, wish(true))["rolled_back"], true);
    assert!(!host.exists(rescue::pending::PATH));
    // all nodes at the same moment is nothing that is done node by node
    let answer = run(&healthy(), json!({"totem": {"transport": "udpu"}, "restart": true, "timeout": 5}));
    assert!(
        answer["msg"].as_str().unwrap().contains("'totem.transport' does not change while corosync runs: "),
        "{answer}"
    );
}

/// Killed at any step, the next run knows what is still to be restarted.
#[test]
fn a_restart_that_is_due_is_not_forgotten_when_the_run_dies() {
    let wish = json!({"totem": {"link_mode": "active"}, "restart": true, "timeout": 5});
    for number in 0.. {
        let host = healthy().dies_at(number);
        run(&host, wish.clone());
        if !host.faulted() {
            assert!(number > 8);
            break;
        }
        host.revive();
        host.change(|machine| {
            machine.remove("/proc/100");
            process(machine, 101);
            machine.advance(Duration::from_secs(if number < 3 { 130 } else { 5 }));
        });
        let again = run(&host, wish.clone());
        assert_eq!(
            (&again["failed"], &again["restart_needed"]),
            (&Value::Null, &json!(["totem.link_mode"])),
            "step {number}: {again}"
        );
    }
}

#[test]
fn what_cannot_be_noted_is_not_changed() {
    let wish = json!({"totem": {"link_mode": "active"}, "restart": true, "timeout": 5});
    at_every_effect(healthy, 28, |host, number| {
        let answer = run(host, wish.clone());
        let (changed, due) =
            (host.text(CLUSTER).contains("link_mode: active"), host.exists(rescue::pending::PATH));
        assert!(due || !changed, "effect {number}: {answer}");
    });
}

/// The package database with this version of corosync.
fn with_corosync(host: FakeHost, version: &str) -> FakeHost {
    let asked = "dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\\n' corosync";
    host.query(asked, Answer::ok(format!("corosync {version} installed\n")))
}

#[test]
fn an_option_that_this_corosync_does_not_know_is_refused() {
    let wish = || json!({"totem": {"ip_dscp": "ef"}, "restart": true, "timeout": 5});
    let host = with_corosync(healthy(), "3.1.9-pve2");
    let answer = run(&host, wish());
    let reason = "'totem.ip_dscp' came in with corosync 3.1.10, and node 'pve1' has 3.1.9-pve2, which takes it and does nothing: upgrade \
                  corosync there first";
    assert_eq!(answer["reasons"], json!([reason]), "{answer}");
    assert_eq!(answer["msg"], format!("cannot change '/etc/pve/corosync.conf': {reason}"));
    assert_eq!(host.text(CLUSTER), conf(6));
    // with what corosync itself has against the file
    let both = json!({"totem": {"ip_dscp": 46, "max_messages": 4_000_000_000_u32}, "restart": true, "validate_only": true, "timeout": 5});
    let answer = run(&with_corosync(healthy(), "3.1.9-pve2"), both);
    let refused = "corosync would not start from the changed file: parse error in config: The max_messages is too high.";
    assert_eq!(answer["reasons"], json!([reason, refused]), "{answer}");
    // a newer one takes it with its next start
    let host = with_corosync(healthy(), "3.1.10-pve2");
    let answer = run(&host, wish());
    assert_eq!((&answer["failed"], &answer["changed"]), (&Value::Null, &json!(true)), "{answer}");
    assert_eq!(answer["restart_needed"], json!(["totem.ip_dscp"]));
    assert!(host.text(CLUSTER).contains("  ip_dscp: ef\n"));
}

#[test]
fn a_package_database_that_does_not_answer_is_told() {
    let asked = "dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\\n' corosync";
    let host =
        healthy().query(asked, Answer::exit(2, "", "dpkg-query: error: unable to open the database\n"));
    let answer = run(&host, json!({"totem": {"knet_mtu": 1400}, "timeout": 5}));
    let reason = answer["reasons"][0].as_str().unwrap();
    assert!(
        reason.starts_with(
            "'totem.knet_mtu' came in with corosync 3.1.7, and it is not known which one node 'pve1' has: "
        ),
        "{answer}"
    );
    assert_eq!(host.text(CLUSTER), conf(6));
}
