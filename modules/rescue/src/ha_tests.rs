// SPDX-License-Identifier: GPL-3.0-or-later
//! Disarmed and armed again, with a manager that is slow, dead, or somebody else's.

use std::cell::RefCell;
use std::time::Duration;

use cluster_state::fencing::{Disarm, Fencing, Lrm, Manager};
use host::Host;
use testkit::{Answer, FakeHost};

use crate::ha::{MARKER, PATIENCE, Step, Watch, arm, arm_what_is_left, disarm, disarming, left, silent};

const STATUS: &str = "/etc/pve/ha/manager_status";
const QUEUE: &str = "/etc/pve/ha/crm_commands";
const DISARM: &str = "ha-manager crm-command disarm-ha freeze";
const ARM: &str = "ha-manager crm-command arm-ha";

const ARMED: &str = r#"{"timestamp": 1}"#;
const DISARMED: &str = r#"{"timestamp": 5, "disarm": {"mode": "freeze", "state": "disarmed"}}"#;
const DISARMING: &str = r#"{"timestamp": 4, "disarm": {"mode": "freeze", "state": "disarming"}}"#;

/// A node whose manager carries out each command after this many seconds, or never.
fn node(manager: Option<u64>) -> FakeHost {
    let queued = |line: &'static str, then: &'static [(u64, &'static str)]| {
        Answer::ok("").doing(move |machine| {
            let before = machine.text(QUEUE).unwrap_or_default();
            machine.write(QUEUE, format!("{before}{line}\n"));
            let Some(pace) = manager else { return };
            for (rounds, status) in then {
                machine.after(Duration::from_secs(pace * rounds), move |machine| {
                    machine.write(QUEUE, "");
                    machine.write(STATUS, status);
                });
            }
        })
    };
    FakeHost::new()
        .with_hostname("pve1")
        .pmxcfs("/etc/pve")
        .dir("/etc/pve/nodes/pve1")
        .link("/etc/pve/local", "nodes/pve1")
        .dir("/etc/pve/ha")
        .dir("/etc/pve/priv/lock")
        .file(STATUS, ARMED)
        .action(DISARM, queued("disarm-ha freeze", &[(1, DISARMING), (3, DISARMED)]))
        .action(ARM, queued("arm-ha", &[(1, r#"{"timestamp": 9}"#)]))
}

fn until(host: &FakeHost) -> Duration {
    host.elapsed() + PATIENCE
}

fn given(host: &FakeHost) -> Vec<String> {
    host.effects().into_iter().filter(|effect| effect.starts_with("run ha-manager")).collect()
}

#[test]
fn the_marker_is_there_from_before_the_command_until_it_is_armed_for_certain() {
    let host = node(Some(5));
    let ticks = RefCell::new(0);
    let tick = || *ticks.borrow_mut() += 1;
    disarm(&host, until(&host), &tick).unwrap();
    assert_eq!(left(&host).unwrap().unwrap(), "a run on 'pve1' 0 minutes ago");
    let effects = host.effects();
    let place = |what: &str| effects.iter().position(|effect| effect.contains(what)).unwrap();
    assert!(place(MARKER) < place("disarm-ha"), "{effects:?}");
    assert!(*ticks.borrow() > 10, "the lock was kept");
    assert_eq!(arm(&host, until(&host), &tick), Ok(true));
    assert!(!host.exists(MARKER));
    assert_eq!(host.text(STATUS), r#"{"timestamp": 9}"#);
    // each once
    assert_eq!(given(&host), [format!("run {DISARM}"), format!("run {ARM}")]);
    assert_eq!(arm(&host, until(&host), &|| ()), Ok(false));
}

/// The manager has taken it out of the queue, and has not written yet what it does.
#[test]
fn a_command_is_given_once_while_the_manager_begins() {
    let later = |status: &'static str| {
        Answer::ok("").doing(move |machine| {
            machine.after(Duration::from_secs(8), move |machine| machine.write(STATUS, status));
        })
    };
    let host = node(None).action(DISARM, later(DISARMED)).action(ARM, later(r#"{"timestamp": 9}"#));
    disarm(&host, until(&host), &|| ()).unwrap();
    assert_eq!(given(&host), [format!("run {DISARM}")]);
    assert_eq!(arm(&host, until(&host), &|| ()), Ok(true));
    assert_eq!(given(&host), [format!("run {DISARM}"), format!("run {ARM}")]);
}

/// No manager takes the command up: it is refused, and what is queued is undone behind it.
#[test]
fn a_command_that_nobody_takes_up_is_ours_until_it_is_undone() {
    let host = node(None);
    let said = disarm(&host, until(&host), &|| ()).unwrap_err();
    assert_eq!(
        said,
        "high availability is not disarmed for certain: the command waits for the manager, which does not take it up"
    );
    let said = arm(&host, until(&host), &|| ()).unwrap_err();
    assert_eq!(
        said,
        "high availability is not armed for certain: the command waits for the manager, which does not take it up"
    );
    assert_eq!(host.text(QUEUE), "disarm-ha freeze\narm-ha\n");
    assert!(host.exists(MARKER), "whoever comes next looks");
    // a manager comes, and works both off
    host.change(|machine| {
        machine.write(QUEUE, "");
        machine.write(STATUS, r#"{"timestamp": 7}"#);
        machine.after(Duration::from_secs(3), |machine| machine.write(STATUS, r#"{"timestamp": 8}"#));
    });
    assert_eq!(arm_what_is_left(&host, until(&host)), Ok(true));
    assert!(!host.exists(MARKER));
    assert_eq!(host.text(QUEUE), "");
}

/// `ha-manager` takes long, says nonsense or fails: what counts is what the files say.
#[test]
fn a_slow_answer_breaks_nothing() {
    let slow = |text: &'static str, status: &'static str| {
        Answer::exit(255, "", text)
            .taking(Duration::from_secs(12))
            .doing(move |machine| machine.write(STATUS, status))
    };
    let host = node(None).action(DISARM, slow("timeout\n", DISARMED)).action(ARM, slow("timeout\n", ARMED));
    disarm(&host, until(&host), &|| ()).unwrap();
    assert_eq!(arm(&host, until(&host), &|| ()), Ok(true));
    // its file is away for a moment, or half written
    for half in ["", "{\"timest"] {
        let host = node(Some(2));
        disarm(&host, until(&host), &|| ()).unwrap();
        host.change(|machine| {
            machine.write(STATUS, half);
            machine.after(Duration::from_secs(30), |machine| machine.write(STATUS, DISARMED));
        });
        assert_eq!(arm(&host, until(&host), &|| ()), Ok(true), "{half}");
    }
    // a program that fails says why
    let host =
        node(None).action(ARM, Answer::exit(13, "", "no quorum\n")).file(MARKER, "{}").file(STATUS, DISARMED);
    let said = arm(&host, host.elapsed(), &|| ()).unwrap_err();
    assert!(said.contains("'ha-manager crm-command arm-ha' says: no quorum; "), "{said}");
    assert!(host.exists(MARKER));
}

#[test]
fn what_somebody_else_disarmed_is_not_ours() {
    for (status, queue) in [(DISARMED, ""), (DISARMING, ""), (ARMED, "disarm-ha ignore\n")] {
        let host = node(Some(1)).file(STATUS, status).file(QUEUE, queue);
        let said = disarm(&host, until(&host), &|| ()).unwrap_err();
        assert!(said.starts_with("somebody else is disarming high availability"), "{said}");
        assert!(!host.exists(MARKER));
        assert_eq!(arm(&host, until(&host), &|| ()), Ok(false));
        assert_eq!(given(&host), Vec::<String>::new());
    }
    // an earlier run of ours has: it is taken over
    let host = node(Some(1)).file(STATUS, DISARMED).file(MARKER, "{}");
    disarm(&host, until(&host), &|| ()).unwrap();
    assert_eq!(given(&host), Vec::<String>::new());
    assert_eq!(arm(&host, until(&host), &|| ()), Ok(true));
}

#[test]
fn without_the_lock_nothing_that_is_left_is_touched() {
    let host =
        node(Some(1)).file(STATUS, DISARMED).file(MARKER, "{}").dir("/etc/pve/priv/lock/file-corosync_conf");
    assert_eq!(
        arm_what_is_left(&host, host.elapsed() + Duration::from_secs(5)),
        Err("another program holds the lock of the file".to_owned())
    );
    assert!(host.exists(MARKER));
    assert_eq!(given(&host), Vec::<String>::new());
}

#[test]
fn a_marker_says_whose_it_is_as_far_as_it_is_whole() {
    for (text, told) in [
        (r#"{"node": "pve2", "since": 0}"#, None),
        (r#"{"node": "pve2"}"#, Some("a run on 'pve2'")),
        (r#"{"node": "pve2\n{{ x }}", "since": 0}"#, Some("an earlier run")),
        (r#"{"node": "", "since": 0}"#, Some("an earlier run")),
        ("{", Some("an earlier run")),
        ("", Some("an earlier run")),
    ] {
        let who = left(&node(None).file(MARKER, text)).unwrap().unwrap();
        assert!(
            told.is_none_or(|told| told == who) && (told.is_some() || who.starts_with("a run on 'pve2' ")),
            "{who}"
        );
    }
    assert_eq!(left(&node(None)).unwrap(), None);
    let host = node(None);
    let text = format!(r#"{{"node": "pve-2", "since": {}}}"#, host.unix_time() - 125);
    assert_eq!(left(&host.file(MARKER, text)).unwrap().unwrap(), "a run on 'pve-2' 2 minutes ago");
}

fn state(queue: &[&str], disarm: Option<Disarm>, timestamp: u64) -> Fencing {
    Fencing {
        manager: Some(Manager { timestamp, disarm, ..Manager::default() }),
        queue: queue.iter().map(|line| (*line).to_owned()).collect(),
        ..Fencing::default()
    }
}

const AT: fn(u64) -> Duration = Duration::from_secs;

#[test]
fn on_the_way_to_disarmed() {
    use Disarm::{Complete, Underway};
    let step = |queue: &[&str], disarm, sent, now| disarming(&state(queue, disarm, 1), sent, AT(now));
    assert_eq!(step(&[], None, None, 0), Step::Send);
    assert_eq!(step(&[], None, Some(AT(5)), 24), Step::Wait("the manager has not begun"));
    assert_eq!(step(&[], None, Some(AT(5)), 25), Step::Send);
    assert_eq!(step(&[], Some(Underway), None, 0), Step::Wait("it is disarming"));
    assert_eq!(step(&[], Some(Complete), None, 0), Step::Done);
    // what is queued is not carried out yet
    for (queue, disarm) in
        [("disarm-ha freeze", None), ("disarm-ha freeze", Some(Complete)), ("arm-ha", Some(Complete))]
    {
        assert!(matches!(step(&[queue], disarm, None, 99), Step::Wait(_)), "{queue}");
    }
}

#[test]
fn on_the_way_to_armed() {
    use Disarm::{Complete, Underway};
    let new = |sent: Option<u64>| Watch { sent: sent.map(AT), ..Watch::default() };
    assert_eq!(new(None).step(&state(&["disarm-ha freeze"], None, 1), AT(0)), Step::Send);
    assert_eq!(new(None).step(&state(&[], Some(Complete), 1), AT(0)), Step::Send);
    assert_eq!(new(None).step(&state(&[], Some(Underway), 1), AT(0)), Step::Send);
    assert!(matches!(new(Some(5)).step(&state(&[], Some(Complete), 1), AT(24)), Step::Wait(_)));
    assert_eq!(new(Some(5)).step(&state(&[], Some(Complete), 1), AT(25)), Step::Send);
    assert!(matches!(
        new(None).step(&state(&["disarm-ha freeze", "arm-ha"], Some(Complete), 1), AT(99)),
        Step::Wait(_)
    ));
    // the manager may have read a command and not said so yet: it must have written something since, or be silent for long
    let mut watch = new(None);
    assert!(matches!(watch.step(&state(&[], None, 7), AT(100)), Step::Wait(_)));
    assert!(matches!(watch.step(&state(&[], None, 7), AT(129)), Step::Wait(_)));
    assert_eq!(watch.step(&state(&[], None, 7), AT(130)), Step::Done);
    let mut watch = new(None);
    assert!(matches!(watch.step(&state(&[], None, 7), AT(0)), Step::Wait(_)));
    assert_eq!(watch.step(&state(&[], None, 8), AT(1)), Step::Done);
    // it had, and the time begins again
    for between in [state(&[], Some(Underway), 8), state(&["arm-ha"], None, 8)] {
        let mut watch = new(Some(0));
        assert!(matches!(watch.step(&state(&[], None, 7), AT(1)), Step::Wait(_)));
        assert!(matches!(watch.step(&between, AT(2)), Step::Wait(_)));
        let clean = watch.step(&state(&[], None, 9), AT(3));
        // seen disarmed, and armed then
        assert_eq!(clean == Step::Done, between.disarm().is_some());
    }
}

#[test]
fn a_watchdog_that_was_not_renewed_is_waited_for() {
    let lrms = |pve1: u64, pve2: u64| Fencing {
        lrms: [("pve1", pve1), ("pve2", pve2)]
            .map(|(node, timestamp)| (node.to_owned(), Lrm { state: "active".to_owned(), timestamp }))
            .into(),
        ..Fencing::default()
    };
    let both = ["pve1".to_owned(), "pve2".to_owned()];
    assert_eq!(silent(&lrms(5, 5), &lrms(5, 6), &both, &both), ["pve1"]);
    assert_eq!(silent(&lrms(5, 5), &lrms(4, 5), &both, &both), both);
    assert_eq!(silent(&lrms(5, 5), &lrms(6, 6), &both, &both), Vec::<String>::new());
    // one that has none any more, or had none
    assert_eq!(silent(&lrms(5, 5), &lrms(5, 5), &both, &both[1..]), ["pve2"]);
    assert_eq!(silent(&lrms(5, 5), &lrms(5, 5), &both[..1], &both), ["pve1"]);
    let host = node(None);
    assert_eq!(
        crate::ha::wait_until_renewed(&host, &["pve1".to_owned()], until(&host), &|| ()),
        Ok(Vec::new())
    );
}
