// SPDX-License-Identifier: GPL-3.0-or-later
//! Armed, called off, and left to itself, on a machine with faults.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use testkit::{Answer, FakeHost, at_every_effect};

use crate::decide_tests::conf;
use crate::ha::{self, Wish};
use crate::proof;
use crate::record::digest;
use crate::units::{COPY, DIRECTORY, PROGRAM, RECORD, SERVICE_FILE, THIS_BOOT, TIMER_FILE};
use crate::{
    Came, NotArmed, Purpose, Restarted, against_restart, arm, armed, call_off, fire, note, pending, restart,
};

pub(crate) const CLUSTER: &str = "/etc/pve/corosync.conf";
pub(crate) const LOCAL: &str = "/etc/corosync/corosync.conf";
pub(crate) const NOTE: &str = "/etc/pve/nodes/pve1/pve-cluster-rescue";
pub(crate) const LOCK: &str = "/etc/pve/priv/lock/file-corosync_conf";

/// A change to a network where nobody is.
pub(crate) fn purpose() -> Purpose {
    Purpose { seconds: 300, owner: "a test".to_owned(), intended: [digest(&conf(5, &["10.99.9"]))].into() }
}

/// What corosync on this node runs.
#[derive(Default)]
pub(crate) struct Running {
    pub(crate) version: Cell<u64>,
    /// What this node runs instead.
    pub(crate) own: Cell<Option<u64>>,
    /// What node 3 runs instead.
    pub(crate) third: Cell<Option<u64>>,
    pub(crate) quorate: Cell<bool>,
    /// How many of the three votes are missing.
    pub(crate) missing: Cell<u32>,
    /// Whether it does not run.
    pub(crate) down: Cell<bool>,
    /// Whether it cannot be started with the file that was there before.
    pub(crate) stays_down: Cell<bool>,
    /// Whether nobody is there whom it could find.
    pub(crate) finds_nobody: Cell<bool>,
    /// Whether a restart leaves everything as it is.
    pub(crate) stuck: Cell<bool>,
    /// Whether systemd says that the rescue's service runs.
    pub(crate) at_work: Cell<bool>,
    said: RefCell<Vec<String>>,
}

/// Node 1 of three, well, with version 4 everywhere.
pub(crate) fn node() -> (FakeHost, Rc<Running>) {
    let text = conf(4, &["10.77.1"]).to_text();
    let running = Rc::new(Running { version: Cell::new(4), quorate: Cell::new(true), ..Running::default() });
    let (asked, restarted) = (Rc::clone(&running), Rc::clone(&running));
    let host = FakeHost::new()
        .with_hostname("pve1")
        .pmxcfs("/etc/pve")
        .dir("/etc/pve/nodes/pve1")
        .dir("/etc/pve/priv/lock")
        .link("/etc/pve/local", "nodes/pve1")
        .file(CLUSTER, &text)
        .file(LOCAL, &text)
        .dir("/etc/systemd/system")
        .file("/proc/self/exe", "the program")
        .query_with(move |command| match command.line().as_str() {
            // recordings `3-node_corosync_stopped_on_pve1--corosync-*`
            "corosync-cmapctl" if asked.down.get() => {
                Some(Answer::exit(1, "", "Failed to initialize the cmap API. Error CS_ERR_LIBRARY\n"))
            }
            "corosync-cfgtool -n" if asked.down.get() => {
                Some(Answer::exit(1, "", "Could not initialize corosync configuration API error 2\n"))
            }
            "corosync-quorumtool -siH" if asked.down.get() => {
                Some(Answer::exit(1, "", "Cannot initialize CMAP service\n"))
            }
            "corosync-cmapctl" => Some(Answer::ok(cmap(&asked))),
            "corosync-cfgtool -n" => Some(Answer::ok(LINKS)),
            "corosync-quorumtool -siH" => Some(quorumtool(asked.quorate.get(), 3 - asked.missing.get())),
            "corosync -t -c /dev/stdin" => Some(Answer::ok("")),
            "systemctl is-active pve-cluster-rescue.service" => Some(if asked.at_work.get() {
                Answer::exit(3, "activating\n", "")
            } else {
                Answer::exit(3, "inactive\n", "")
            }),
            "systemctl is-active pve-cluster-rescue.timer" => Some(Answer::ok("active\n")),
            line if line == format!("{PROGRAM} ready") => Some(Answer::ok("ready\n")),
            _ => None,
        })
        .action("systemctl daemon-reload", Answer::ok(""))
        .action("systemctl --quiet enable --now pve-cluster-rescue.timer", Answer::ok(""))
        .action("systemctl --quiet disable --now pve-cluster-rescue.timer", Answer::ok(""))
        .action("corosync-cfgtool -R", Answer::ok("Reloading corosync.conf...\nDone\n"))
        .action("systemctl reset-failed corosync.service", Answer::ok(""))
        .action(
            "systemctl restart corosync.service",
            Answer::ok("").doing(move |machine| {
                if restarted.stuck.get() {
                    return;
                }
                let text = machine.text(LOCAL).unwrap_or_default();
                restarted.down.set(restarted.stays_down.get() && !text.contains("config_version: 104"));
                if restarted.down.get() {
                    return;
                }
                let version =
                    corosync_document::Document::parse(text.as_bytes()).config_version().unwrap_or(0);
                restarted.version.set(version);
                // with the copy the nodes find each other
                let found = text.contains("10.77.1.") && !restarted.finds_nobody.get();
                restarted.quorate.set(found);
                machine.set_quorate(found);
            }),
        );
    (host, running)
}

const LINKS: &str = "Local node ID 1, transport knet\nnodeid: 2 reachable\n   LINK: 0 udp (10.77.1.1->10.77.1.2) enabled connected \
                     mtu: 1397\n\nnodeid: 3 reachable\n   LINK: 0 udp (10.77.1.1->10.77.1.3) enabled connected mtu: 1397\n\n";

fn cmap(running: &Running) -> String {
    let version = running.version.get();
    let mut text = format!("totem.config_version (u64) = {}\n", running.own.get().unwrap_or(version));
    for nodeid in 1..=3 {
        let version = running.third.get().filter(|_| nodeid == 3).unwrap_or(version);
        text.push_str(&format!(
            "runtime.members.{nodeid}.config_version (u64) = {version}\nruntime.members.{nodeid}.status (str) = joined\n"
        ));
    }
    text
}

fn quorumtool(quorate: bool, votes: u32) -> Answer {
    let (yes, flags) = if quorate { ("Yes", "Quorate ") } else { ("No", "") };
    let text = format!(
        "Quorum information\n------------------\nDate:             Fri Nov 20 21:39:03 2026\nQuorum provider:  \
         corosync_votequorum\nNodes:            3\nNode ID:          1\nRing ID:          1.d\nQuorate:          {yes}\n\n\
         Votequorum information\n----------------------\nExpected votes:   3\nHighest expected: 3\nTotal votes:      {votes}\nQuorum:           \
         2  \nFlags:            {flags}\n\nMembership information\n----------------------\n    Nodeid      Votes Name\n         1          1 \
         pve1 (local)\n         2          1 pve2\n         3          1 pve3\n"
    );
    Answer::exit(if quorate { 0 } else { 2 }, text, "")
}

/// A change that loses quorum, made by somebody who is gone then.
pub(crate) fn lose(host: &FakeHost, running: &Running) {
    let text = conf(5, &["10.99.9"]).to_text();
    host.change(|machine| {
        machine.write(CLUSTER, &text);
        machine.write(LOCAL, &text);
        machine.set_quorate(false);
    });
    running.version.set(5);
    running.quorate.set(false);
}

pub(crate) fn left(host: &FakeHost) -> Vec<&'static str> {
    let paths = [DIRECTORY, PROGRAM, COPY, RECORD, SERVICE_FILE, TIMER_FILE, THIS_BOOT, LOCK, NOTE];
    paths.into_iter().filter(|path| host.exists(path)).collect()
}

fn fired(host: &FakeHost, running: &Running) -> Result<Came, String> {
    fire(host, &|line| running.said.borrow_mut().push(line.to_owned()))
}

#[test]
fn armed_it_has_all_that_it_needs_and_called_off_nothing_is_left() {
    let (host, _) = node();
    let told = arm(&host, &purpose(), true).unwrap();
    assert_eq!((told.version, told.restored_version, told.seconds, told.links), (4, 104, 300, 2));
    assert_eq!(armed(&host).unwrap(), Some(told));
    assert_eq!(host.text(COPY), conf(4, &["10.77.1"]).to_text());
    assert_eq!(host.text(PROGRAM), "the program");
    assert!(host.text(TIMER_FILE).contains("OnActiveSec=300s\n"));
    assert!(host.text(SERVICE_FILE).contains(&format!("ExecStart={PROGRAM} fire\n")));
    // again: replaced
    arm(&host, &Purpose { seconds: 100, ..purpose() }, true).unwrap();
    assert!(host.text(TIMER_FILE).contains("OnActiveSec=100s\n"));
    assert!(call_off(&host, Duration::ZERO, None).unwrap());
    assert_eq!(left(&host), Vec::<&str>::new());
    assert_eq!(armed(&host).unwrap(), None);
    let effects = host.effects().len();
    assert!(!call_off(&host, Duration::ZERO, None).unwrap());
    assert_eq!(host.effects().len(), effects, "nothing to do");
}

#[test]
fn only_said_nothing_is_touched() {
    let (host, _) = node();
    assert_eq!(arm(&host, &purpose(), false).unwrap().version, 4);
    assert_eq!(host.effects(), Vec::<String>::new());
}

#[test]
fn what_is_not_well_is_nothing_to_go_back_to() {
    let (host, running) = node();
    lose(&host, &running);
    assert_eq!(
        arm(&host, &purpose(), true),
        Err(NotArmed::Unwell(vec!["this node is not quorate".to_owned()]))
    );
    let (host, running) = node();
    running.version.set(3);
    let reason = "corosync does not run the config_version of its file";
    assert_eq!(arm(&host, &purpose(), true), Err(NotArmed::Unwell(vec![reason.to_owned()])));
    let (host, _) = node();
    host.change(|machine| machine.write(LOCAL, conf(4, &["10.77.2"]).to_text()));
    let reason = "this node's '/etc/corosync/corosync.conf' is not the cluster's file";
    assert_eq!(arm(&host, &purpose(), true), Err(NotArmed::Unwell(vec![reason.to_owned()])));
    assert_eq!(host.effects(), Vec::<String>::new());
}

#[test]
fn one_that_is_at_work_is_not_disturbed() {
    let (host, running) = node();
    arm(&host, &purpose(), true).unwrap();
    running.at_work.set(true);
    assert_eq!(arm(&host, &purpose(), true), Err(NotArmed::AtWork));
    assert_eq!(call_off(&host, host_time(&host) + Duration::from_secs(5), None), Err(NotArmed::AtWork));
    assert!(armed(&host).unwrap().is_some());
}

fn host_time(host: &FakeHost) -> Duration {
    host::Host::elapsed(host)
}

#[test]
fn an_arming_that_fails_leaves_nothing() {
    at_every_effect(
        || node().0,
        5,
        |host, number| match arm(host, &purpose(), true) {
            Ok(_) => assert!(!host.faulted() || left(host).contains(&TIMER_FILE), "{number}"),
            Err(NotArmed::Failed(reason)) => assert_eq!(left(host), Vec::<&str>::new(), "{number}: {reason}"),
            Err(other) => panic!("{number}: {other:?}"),
        },
    );
}

#[test]
fn a_cluster_that_is_well_is_left_as_it_is() {
    let (host, running) = node();
    arm(&host, &purpose(), true).unwrap();
    let before = (host.text(CLUSTER), host.text(LOCAL));
    assert_eq!(fired(&host, &running), Ok(Came::Well("nothing was changed".to_owned())));
    assert_eq!((host.text(CLUSTER), host.text(LOCAL)), before);
    assert_eq!(left(&host), Vec::<&str>::new());
    // for the others, whose timers are later
    assert_eq!(proof::read(&host).unwrap(), proof::Proof::of(&conf(4, &["10.77.1"])));
}

#[test]
fn lost_quorum_comes_back_and_the_cluster_has_the_old_text_under_a_higher_version() {
    let (host, running) = node();
    arm(&host, &purpose(), true).unwrap();
    lose(&host, &running);
    assert_eq!(fired(&host, &running), Ok(Came::Well("the copy is in use again".to_owned())));
    assert_eq!(host.text(LOCAL), conf(104, &["10.77.1"]).to_text());
    assert_eq!(host.text(CLUSTER), host.text(LOCAL));
    assert_eq!(left(&host), Vec::<&str>::new());
    assert_eq!(
        running.said.borrow()[0],
        "putting the copy back on this node: this node is not quorate; link 0 to node 2 runs from 10.77.1.1 to 10.77.1.2, not from \
         10.99.9.1 to 10.99.9.2; link 0 to node 3 runs from 10.77.1.1 to 10.77.1.3, not from 10.99.9.1 to 10.99.9.3"
    );
}

#[test]
fn a_step_that_fails_once_is_tried_again() {
    let mut tried = 0;
    for number in 0.. {
        let (host, running) = node();
        let host = host.fail_at(number, 5);
        if arm(&host, &purpose(), true).is_err() || host.faulted() {
            continue;
        }
        lose(&host, &running);
        let came = fired(&host, &running);
        if !host.faulted() {
            assert!(tried > 10, "{tried}");
            return;
        }
        tried += 1;
        // the repair itself is done in any case; what may fail is the removal of the rescue
        assert_eq!(
            host.text(LOCAL),
            conf(104, &["10.77.1"]).to_text(),
            "{number}: {came:?} {:?}",
            running.said
        );
        assert_eq!(host.text(CLUSTER), host.text(LOCAL), "{number}: {came:?}");
        // a lock that cannot be given back expires
        let left: Vec<_> = left(&host).into_iter().filter(|path| *path != LOCK).collect();
        // .. and where it could not be noted that all is well, the rescue looks again in a minute
        let again = matches!(came, Err(_) | Ok(Came::Waiting(_)));
        assert!(again || left.is_empty(), "{number}: {left:?}");
    }
}

#[test]
fn a_record_that_a_power_cut_has_halved_is_no_ground_to_act_on() {
    let (host, running) = node();
    arm(&host, &purpose(), true).unwrap();
    lose(&host, &running);
    host.change(|machine| machine.write(RECORD, "nodeid 1\nversion 4\n"));
    assert_eq!(fired(&host, &running), Err(format!("'{RECORD}' is not whole")));
    assert!(host.text(LOCAL).contains("10.99.9"));
}

const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn corosync_is_restarted_under_the_lock_and_waited_for() {
    let (host, _) = node();
    let due =
        "node pve1 since 1 runs totem.link_mode passive\nnode pve2 since 1 runs totem.link_mode passive\n";
    let host = host.file(pending::PATH, format!("cluster prod\n{due}"));
    assert_eq!(against_restart(&host, Wish::Disarm).0, Vec::<String>::new());
    assert_eq!(restart(&host, PATIENCE, Wish::Disarm), Ok(Restarted::default()));
    // this node has done what was due
    let left_due: Vec<_> = pending::read(&host, "prod").unwrap().into_iter().map(|it| it.node).collect();
    assert_eq!(left_due, ["pve2"]);
    let effects = host.effects();
    let place = |what: &str| effects.iter().position(|effect| effect.contains(what)).expect(what);
    assert!(place("mkdir /etc/pve/priv/lock/file-corosync_conf") < place("restart corosync"), "{effects:?}");
    assert!(place("restart corosync") < place("rmdir /etc/pve/priv/lock/file-corosync_conf"), "{effects:?}");
    assert_eq!(left(&host), Vec::<&str>::new());
}

#[test]
fn corosync_is_not_restarted_where_something_is_amiss() {
    let (host, running) = node();
    running.version.set(3);
    let reasons = [
        "corosync does not run the config_version of its file",
        "node 'pve1' is no member, or runs another config_version",
        "node 'pve2' is no member, or runs another config_version",
        "node 'pve3' is no member, or runs another config_version",
    ];
    assert_eq!(against_restart(&host, Wish::Disarm).0, reasons);
    let (begun, told) = restart(&host, PATIENCE, Wish::Disarm).unwrap_err();
    assert_eq!((begun, told), (false, reasons.map(str::to_owned).to_vec()));
    assert!(!host.effects().iter().any(|effect| effect.contains("restart corosync")));
    let (host, running) = node();
    lose(&host, &running);
    assert!(against_restart(&host, Wish::Disarm).0.contains(&"this node is not quorate".to_owned()));
}

#[test]
fn a_corosync_that_does_not_come_back_is_told() {
    let (host, _) = node();
    // what it finds at its start brings it nowhere
    host.change(|machine| {
        let text = conf(4, &["10.99.9"]).to_text();
        machine.write(CLUSTER, &text);
        machine.write(LOCAL, &text);
    });
    let (begun, told) = restart(&host, PATIENCE, Wish::Disarm).unwrap_err();
    assert_eq!((begun, told), (true, vec!["this node is not quorate".to_owned()]));
}

#[test]
fn a_restart_that_fails_is_told_in_words() {
    let (host, _) = node();
    let host = host.action(
        "systemctl restart corosync.service",
        Answer::exit(1, "", "Job for corosync.service failed.\nSee \"systemctl status corosync.service\".\n"),
    );
    let said = "'systemctl restart corosync.service' ended with 1: Job for corosync.service failed.";
    assert_eq!(restart(&host, PATIENCE, Wish::Disarm), Err((true, vec![said.to_owned()])));
}

#[test]
fn why_it_could_not_be_armed_is_told_in_words() {
    let unwell = NotArmed::Unwell(vec!["this node is not quorate".to_owned(), "x".to_owned()]);
    assert_eq!(unwell.to_string(), "this node is not quorate; x");
    assert_eq!(NotArmed::AtWork.to_string(), "it is at work on this node at this moment");
    assert_eq!(NotArmed::Failed("no".to_owned()).to_string(), "no");
}

/// The marker says that high availability was disarmed by us: no record is removed before it is armed.
#[test]
fn what_a_dead_run_left_disarmed_is_armed_before_the_rescue_goes() {
    let disarmed = r#"{"timestamp": 1, "disarm": {"mode": "freeze", "state": "disarmed"}}"#;
    let left_disarmed = || {
        let (host, running) = node();
        arm(&host, &purpose(), true).unwrap();
        let host = host
            .dir("/etc/pve/ha")
            .file("/etc/pve/ha/manager_status", disarmed)
            .file(ha::MARKER, r#"{"node": "pve1", "since": 1}"#);
        (host, running)
    };
    let (host, running) = left_disarmed();
    let host = host.action(
        "ha-manager crm-command arm-ha",
        // a manager that has just died is followed after two minutes
        Answer::ok("").doing(|machine| {
            machine.after(Duration::from_secs(110), |machine| {
                machine.write("/etc/pve/ha/manager_status", r#"{"timestamp": 2}"#);
            });
        }),
    );
    assert_eq!(fired(&host, &running), Ok(Came::Well("nothing was changed".to_owned())));
    assert!(!host.exists(ha::MARKER));
    assert_eq!(left(&host), Vec::<&str>::new());
    assert!(running.said.borrow().contains(&"high availability is armed again".to_owned()));
    // it cannot be armed now: the rescue stays, and tries again in a minute
    let (host, running) = left_disarmed();
    let host = host.action("ha-manager crm-command arm-ha", Answer::exit(255, "", "no quorum\n"));
    assert!(matches!(fired(&host, &running), Ok(Came::Waiting(reason)) if reason.contains("no quorum")));
    assert!(host.exists(ha::MARKER) && left(&host).contains(&TIMER_FILE) && left(&host).contains(&RECORD));
}

#[test]
fn while_the_marker_cannot_be_read_the_rescue_stays() {
    let (host, running) = node();
    arm(&host, &purpose(), true).unwrap();
    let host = host.dir(ha::MARKER);
    assert!(matches!(fired(&host, &running), Ok(Came::Waiting(_))));
    assert!(left(&host).contains(&TIMER_FILE));
}

/// Somebody has added a node since, and one link is down: the copy would throw it out.
#[test]
fn a_copy_is_not_put_back_over_a_node_that_was_added() {
    let (host, running) = node();
    arm(&host, &purpose(), true).unwrap();
    let added = conf(5, &["10.99.9"]).to_text().replace(
        "nodelist {\n",
        "nodelist {\n  node {\n    name: pve4\n    nodeid: 4\n    quorum_votes: 1\n    ring0_addr: 10.77.1.4\n  }\n",
    );
    lose(&host, &running);
    host.change(|machine| {
        machine.write(CLUSTER, &added);
        machine.write(LOCAL, &added);
    });
    let Ok(Came::Left(reason)) = fired(&host, &running) else { panic!("left") };
    assert!(reason.contains("other nodes than when the rescue was armed"), "{reason}");
    assert_eq!((host.text(LOCAL), host.text(CLUSTER)), (added.clone(), added));
    // without quorum the note stays until it expires
    assert_eq!(left(&host), [NOTE]);
}

#[test]
fn one_that_has_expired_does_nothing_but_go() {
    let (host, running) = node();
    arm(&host, &purpose(), true).unwrap();
    lose(&host, &running);
    let record = host.text(RECORD);
    let time = host::Host::unix_time(&host);
    let old = record.replace(&format!("armed {time}\n"), &format!("armed {}\n", time - 86_700));
    assert_ne!(record, old);
    host.change(|machine| {
        machine.write(RECORD, &old);
        machine.write(NOTE, format!("until {time}\nowner a test\nend\n"));
    });
    let came = fired(&host, &running);
    assert!(
        matches!(&came, Ok(Came::Left(reason)) if reason.starts_with("it was armed too long ago")),
        "{came:?}"
    );
    assert!(host.text(LOCAL).contains("10.99.9"));
    // without quorum the note stays, and has expired
    assert_eq!(left(&host), [NOTE]);
    assert!(note::against_change(&host).is_none());
}

/// Called off on one node only: the others find that the change was proved.
#[test]
fn whoever_is_called_off_leaves_the_proof_for_the_others() {
    let (host, running) = node();
    arm(&host, &purpose(), true).unwrap();
    assert!(note::against_change(&host).unwrap().contains("armed on 'pve1' by a test"));
    assert!(call_off(&host, Duration::ZERO, None).unwrap());
    assert_eq!(proof::read(&host).unwrap(), proof::Proof::of(&conf(4, &["10.77.1"])));
    assert!(note::against_change(&host).is_none());
    // where the others cannot be told, it stays
    let (other, _) = node();
    arm(&other, &purpose(), true).unwrap();
    other.change(|machine| machine.set_quorate(false));
    assert!(
        matches!(call_off(&other, Duration::ZERO, None), Err(NotArmed::Failed(reason)) if reason.contains("cannot be told"))
    );
    assert!(left(&other).contains(&TIMER_FILE));
    drop(running);
}

/// The lock is asked for, and the watchdog of the node waited for, before corosync is restarted under an active resource manager.
#[test]
fn a_restart_asks_what_high_availability_would_do() {
    let lrm = "/etc/pve/nodes/pve1/lrm_status";
    let active = r#"{"state": "active", "mode": "active", "timestamp": 1}"#;
    let guarded = |text: &str| {
        let (host, running) = node();
        (host.dir("/etc/pve/nodes/pve2").dir("/etc/pve/nodes/pve3").file(lrm, text), running)
    };
    let help = |text: &str| Answer::exit(0, format!("ha-manager crm-command migrate\n{text}"), "");
    // what is not known refuses
    for (text, told) in [("{", "cannot understand"), (r#"{"state": "asleep"}"#, "which is not known")] {
        let (host, _) = guarded(text);
        for wish in [Wish::Disarm, Wish::Refuse] {
            let (begun, reasons) = restart(&host, PATIENCE, wish).unwrap_err();
            assert!(!begun && reasons[0].contains(told), "{reasons:?}");
        }
        assert!(!host.effects().iter().any(|effect| effect.contains("restart corosync")));
    }
    for (wish, text, told) in [
        (Wish::Refuse, "disarm-ha", "set 'ha' to 'disarm', or set 'ha' to 'ignore'"),
        (Wish::Disarm, "", "this Proxmox VE cannot disarm it; set 'ha' to 'ignore'"),
    ] {
        let (host, _) = guarded(active);
        let host = host.query("ha-manager help", help(text));
        let (reasons, standing) = against_restart(&host, wish);
        assert_eq!(reasons, [format!("high availability is active on 'pve1': {told}")]);
        assert_eq!(standing.guarded, ["pve1"]);
        assert!(matches!(restart(&host, PATIENCE, wish), Err((false, _))));
    }
    // nobody answers what this Proxmox VE can
    let (host, _) = guarded(active);
    let host = host.query("ha-manager help", Answer::hangs());
    assert!(
        against_restart(&host, Wish::Disarm).0[0].contains("what high availability would do is not known")
    );
    // it is to be ignored: a watchdog that is not renewed counts on from an earlier outage
    let (host, _) = guarded(active);
    let host = host.query("ha-manager help", help("disarm-ha"));
    let (begun, reasons) = restart(&host, PATIENCE, Wish::Ignore).unwrap_err();
    assert!(!begun && reasons[0].contains("has not renewed its watchdog"), "{reasons:?}");
    assert!(!host.exists(LOCK), "it was kept and given up");
    // .. and one that is renewed does not
    let (host, _) = guarded(active);
    let host = host.query("ha-manager help", help("disarm-ha")).at(Duration::from_secs(9), move |machine| {
        machine.write(lrm, r#"{"state": "active", "timestamp": 2}"#)
    });
    assert_eq!(
        restart(&host, PATIENCE, Wish::Ignore),
        Ok(Restarted { ha_disarmed: false, waited_for: vec!["pve1".to_owned()] })
    );
}

/// After a restart pmxcfs refuses a write for a moment, although it looks writable.
#[test]
fn a_restart_is_noted_when_the_cluster_takes_writes_again() {
    for errno in [13, 107] {
        at_every_effect(
            || {
                let due = "cluster prod\nnode pve1 since 1 runs totem.link_mode passive\n";
                node().0.file(pending::PATH, due)
            },
            errno,
            |host, number| {
                let done = restart(host, PATIENCE, Wish::Disarm);
                if done.is_ok() {
                    assert!(!host.exists(pending::PATH), "{number}");
                }
            },
        );
        let due = "cluster prod\nnode pve1 since 1 runs totem.link_mode passive\nnode pve2 since 1 lacks totem.netmtu\n";
        let host = node().0.file(pending::PATH, due);
        restart(&host, PATIENCE, Wish::Disarm).unwrap();
        let place = host.effects().iter().position(|effect| effect.contains("restart-pending.new")).unwrap();
        let host = node().0.file(pending::PATH, due).fail_at(place, errno);
        assert_eq!(restart(&host, PATIENCE, Wish::Disarm), Ok(Restarted::default()));
        assert_eq!(pending::read(&host, "prod").unwrap().len(), 1);
    }
}
