// SPDX-License-Identifier: GPL-3.0-or-later
//! What is worth going back to, and what is taken away when it is called off.

use std::collections::BTreeSet;
use std::time::Duration;

use corosync_document::Document;
use testkit::{Answer, at_every_effect};

use crate::arm::record;
use crate::decide_tests::{alone, conf, one, two, well};
use crate::fire_tests::{CLUSTER, LOCAL, NOTE, left, lose, node, purpose};
use crate::look::Look;
use crate::record::{Record, digest, nodes};
use crate::units::{PROGRAM, RECORD, SERVICE_FILE, TIMER_FILE};
use crate::{Came, NotArmed, arm, call_off, drop_it, fire};

#[test]
fn what_runs_everywhere_is_worth_going_back_to() {
    assert_eq!(
        record(&well(&one(4)), &purpose(), 1_800_000_000),
        Ok(Record {
            nodeid: 1,
            version: 4,
            seconds: 300,
            armed: 1_800_000_000,
            owner: "a test".to_owned(),
            nodes: nodes(&one(4)).unwrap(),
            intended: [digest(&one(4)), digest(&conf(5, &["10.99.9"]))].into(),
            connected: BTreeSet::from([(2, 0), (3, 0)]),
        })
    );
}

#[test]
fn what_is_not_well_is_told_with_every_reason() {
    let none = Document::parse(b"totem {\n}\n");
    let off = Look { runs: false, version: None, ..alone(&one(4)) };
    const VERSION: &str = "corosync does not run the config_version of its file";
    const LACKS: &str = "this node has no '/etc/corosync/corosync.conf'";
    const DIFFERS: &str = "this node's '/etc/corosync/corosync.conf' is not the cluster's file";
    for (look, reasons) in [
        (Look { unknown: vec!["no answer".to_owned()], ..off.clone() }, vec!["no answer"]),
        (off, vec!["corosync does not run on this node"]),
        (Look { quorate: false, ..well(&one(4)) }, vec!["this node is not quorate"]),
        (Look { writable: false, ..well(&one(4)) }, vec!["this node is not quorate"]),
        (Look { local: None, ..well(&one(4)) }, vec![LACKS]),
        (Look { local: None, cluster: None, ..well(&one(4)) }, vec![LACKS]),
        (Look { local: Some(two(4)), ..well(&one(4)) }, vec![DIFFERS]),
        (
            Look { local: Some(two(5)), writable: false, ..well(&one(4)) },
            vec!["this node is not quorate", DIFFERS],
        ),
        (
            Look { refusal: Some("Invalid transport.".to_owned()), ..well(&one(4)) },
            vec!["corosync would not start from its file: Invalid transport."],
        ),
        (Look { version: Some(3), ..well(&one(4)) }, vec![VERSION]),
        (
            Look { local: Some(none.clone()), cluster: Some(none), version: None, ..well(&one(4)) },
            vec![VERSION],
        ),
        (Look { nodeid: None, ..well(&one(4)) }, vec!["this node's nodeid is not known"]),
    ] {
        assert_eq!(record(&look, &purpose(), 0), Err(reasons.iter().map(ToString::to_string).collect()));
    }
}

#[test]
fn it_guards_what_the_change_brings_and_nothing_else() {
    let (host, _) = node();
    let armed = arm(&host, &purpose(), false).unwrap();
    assert!(armed.guards(&conf(5, &["10.99.9"])) && armed.guards(&conf(6, &["10.77.1"])));
    assert!(!armed.guards(&conf(5, &["10.8.8"])));
}

#[test]
fn a_program_that_does_not_run_is_noticed_at_once() {
    let (host, _) = node();
    let host = host.query(&format!("{PROGRAM} ready"), Answer::ok("Permission\n"));
    let said = format!("'{PROGRAM}' does not run: it says 'Permission'");
    assert_eq!(arm(&host, &purpose(), true), Err(NotArmed::Failed(said)));
    assert_eq!(left(&host), [""; 0]);
}

#[test]
fn dropped_it_is_gone_whatever_it_does() {
    let (host, running) = node();
    assert_eq!(drop_it(&host), Ok(false));
    assert_eq!(host.effects(), [""; 0]);
    arm(&host, &purpose(), true).unwrap();
    running.at_work.set(true);
    let host = host.action("systemctl stop pve-cluster-rescue.service", Answer::ok(""));
    assert_eq!(drop_it(&host), Ok(true));
    assert!(host.effects().contains(&"run systemctl stop pve-cluster-rescue.service".to_owned()));
    assert_eq!(left(&host), [""; 0]);
}

/// Each of these means that what was proved is in use no more.
#[test]
fn what_was_proved_must_still_be_in_use_when_it_is_called_off() {
    let said = "the rescues of the other nodes cannot be told that the change is proved, and would undo it: not every member runs the \
                cluster's file now";
    for case in 0..3 {
        let (host, running) = node();
        arm(&host, &purpose(), true).unwrap();
        match case {
            0 => host.change(|machine| machine.write(LOCAL, conf(4, &["10.77.2"]).to_text())),
            1 => running.own.set(Some(5)),
            _ => running.third.set(Some(5)),
        }
        assert_eq!(call_off(&host, Duration::ZERO, None), Err(NotArmed::Failed(said.to_owned())), "{case}");
        assert!(left(&host).contains(&TIMER_FILE));
    }
    // there is nobody to be told
    let (host, _) = node();
    arm(&host, &purpose(), true).unwrap();
    host.change(|machine| machine.remove(CLUSTER));
    assert_eq!(call_off(&host, Duration::ZERO, None), Ok(true));
    assert_eq!(left(&host), [""; 0]);
}

#[test]
fn one_that_does_nothing_any_more_needs_no_proof() {
    for text in ["nodeid 1\n", "old"] {
        let (host, _) = node();
        arm(&host, &purpose(), true).unwrap();
        let time = host::Host::unix_time(&host);
        let old = host.text(RECORD).replace(&format!("armed {time}"), &format!("armed {}", time - 86_700));
        host.change(|machine| {
            machine.write(RECORD, if text == "old" { &old } else { text });
            machine.set_quorate(false);
        });
        assert_eq!(call_off(&host, Duration::ZERO, None), Ok(true), "{text}");
    }
}

/// The call comes late: this node's file is not the one any more that it has confirmed.
#[test]
fn one_that_has_fired_is_not_called_off() {
    let fired = |not: NotArmed, has: &str| {
        let said = format!(
            "this node has confirmed config_version 4, and its '{LOCAL}' has {has} now: its rescue has fired meanwhile, or somebody has \
             changed the file; 'journalctl -u pve-cluster-rescue.service' tells which, and the change has to be made again"
        );
        assert_eq!(not, NotArmed::Fired(said));
    };
    let (host, _) = node();
    arm(&host, &purpose(), true).unwrap();
    host.change(|machine| machine.write(LOCAL, conf(104, &["10.77.1"]).to_text()));
    fired(call_off(&host, Duration::ZERO, Some(4)).unwrap_err(), "104");
    assert!(left(&host).contains(&TIMER_FILE));
    // it fires while it is being called off
    let (host, _) = node();
    arm(&host, &purpose(), true).unwrap();
    let disable = "systemctl --quiet disable --now pve-cluster-rescue.timer";
    let host = host.action(
        disable,
        Answer::ok("").doing(|machine| machine.write(LOCAL, conf(104, &["10.77.1"]).to_text())),
    );
    fired(call_off(&host, Duration::ZERO, Some(4)).unwrap_err(), "104");
    let (host, _) = node();
    arm(&host, &purpose(), true).unwrap();
    assert_eq!(call_off(&host, Duration::ZERO, Some(4)), Ok(true));
    // it is gone already, and its node has lost its file
    host.change(|machine| machine.remove(LOCAL));
    fired(call_off(&host, Duration::ZERO, Some(4)).unwrap_err(), "none");
}

#[test]
fn what_cannot_be_taken_away_is_told_and_not_forgotten() {
    at_every_effect(
        || {
            let (host, _) = node();
            arm(&host, &purpose(), true).unwrap();
            // only what comes now is to fail
            let (new, _) = node();
            for path in left(&host) {
                if host.machine().text(path).is_some() {
                    new.change(|machine| machine.write(path, host.text(path)));
                }
            }
            new
        },
        5,
        |host, number| match drop_it(host) {
            Ok(any) => assert!(any && left(host).is_empty(), "{number}: {:?}", left(host)),
            Err(NotArmed::Failed(reason)) => assert!(host.faulted(), "{number}: {reason}"),
            Err(other) => panic!("{number}: {other:?}"),
        },
    );
}

#[test]
fn what_an_interrupted_arming_has_left_is_taken_away() {
    let (host, _) = node();
    let host = host.file(SERVICE_FILE, "");
    assert_eq!(drop_it(&host), Ok(true));
    assert_eq!(left(&host), [""; 0]);
    // systemd knows nothing of it
    assert!(!host.effects().contains(&"run systemctl daemon-reload".to_owned()));
}

/// Without quorum the note cannot be removed, and expires.
#[test]
fn a_note_that_cannot_be_removed_without_quorum_keeps_nothing() {
    let (host, running) = node();
    arm(&host, &purpose(), true).unwrap();
    lose(&host, &running);
    assert_eq!(drop_it(&host), Ok(true));
    assert_eq!(left(&host), [NOTE]);
}

#[test]
fn a_copy_that_is_not_that_of_the_record_is_no_ground_to_act_on() {
    use crate::units::COPY;
    for text in [conf(5, &["10.77.1"]), conf(4, &["10.77.2"])] {
        let (host, running) = node();
        arm(&host, &purpose(), true).unwrap();
        lose(&host, &running);
        host.change(|machine| machine.write(COPY, text.to_text()));
        assert_eq!(fire(&host, &|_| ()), Err(format!("'{COPY}' is not whole")));
    }
}

/// The marker that high availability is disarmed lies in /etc/pve.
#[test]
fn while_nothing_is_known_of_high_availability_the_rescue_stays() {
    let (host, _) = node();
    arm(&host, &purpose(), true).unwrap();
    let time = host::Host::unix_time(&host);
    let old = host.text(RECORD).replace(&format!("armed {time}"), &format!("armed {}", time - 86_700));
    host.change(|machine| {
        machine.write(RECORD, &old);
        machine.unmount("/etc/pve");
    });
    let said = "'/etc/pve' is not mounted, so whether high availability is armed is not known";
    assert_eq!(fire(&host, &|_| ()), Ok(Came::Waiting(said.to_owned())));
    assert!(left(&host).contains(&TIMER_FILE));
}
