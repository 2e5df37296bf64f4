// SPDX-License-Identifier: GPL-3.0-or-later
//! What is against a restart, and what is missing after one.

use std::collections::BTreeMap;
use std::time::Duration;

use testkit::Answer;

use crate::decide_tests::{alone, one, two, well};
use crate::fire_tests::{LOCK, node};
use crate::ha::{MARKER, Wish};
use crate::look::Look;
use crate::restart::{against, missing};
use crate::{Restarted, against_restart, restart};

#[test]
fn everything_against_a_restart_is_told() {
    const QUORATE: &str = "this node is not quorate";
    const VERSION: &str = "corosync does not run the config_version of its file";
    let no_version = corosync_document::Document::parse(b"totem {\n}\n");
    for (look, reasons) in [
        (well(&one(4)), vec![]),
        (Look { unknown: vec!["no answer".to_owned()], ..well(&one(4)) }, vec!["no answer"]),
        (Look { quorate: false, ..well(&one(4)) }, vec![QUORATE]),
        (Look { writable: false, spare: false, ..well(&one(4)) }, vec![QUORATE]),
        (Look { spare: false, ..well(&one(4)) }, vec!["the others would not be quorate without this node"]),
        (
            Look { refusal: Some("Invalid.".to_owned()), ..well(&one(4)) },
            vec!["corosync would not start from its file: Invalid."],
        ),
        (Look { version: Some(3), ..well(&one(4)) }, vec![VERSION]),
        (Look { local: Some(no_version), version: None, ..well(&one(4)) }, vec![VERSION]),
        (
            Look { members: BTreeMap::from([(1, 4), (2, 5)]), ..well(&one(4)) },
            vec![
                "node 'pve2' is no member, or runs another config_version",
                "node 'pve3' is no member, or runs another config_version",
            ],
        ),
    ] {
        assert_eq!(against(&look), reasons);
    }
}

#[test]
fn everything_that_is_missing_after_a_restart_is_told() {
    let before = well(&two(4));
    for (now, told) in [
        (well(&two(4)), vec![]),
        (Look { runs: false, ..well(&two(4)) }, vec!["corosync does not run"]),
        (Look { quorate: false, ..well(&two(4)) }, vec!["this node is not quorate"]),
        (Look { writable: false, ..well(&two(4)) }, vec!["this node is not quorate"]),
        (well(&two(5)), vec!["not every member is back"]),
        (Look { links: well(&one(4)).links, ..well(&two(4)) }, vec!["2 links that were connected are not"]),
        (
            Look { members: well(&two(4)).members, ..alone(&two(4)) },
            vec!["this node is not quorate", "4 links that were connected are not"],
        ),
    ] {
        assert_eq!(missing(&before, &now), told);
    }
    // one that comes back with more
    assert_eq!(missing(&well(&one(4)), &well(&two(4))), [""; 0]);
}

#[test]
fn where_no_watchdog_runs_nothing_is_against_it() {
    let (host, _) = node();
    for wish in [Wish::Disarm, Wish::Refuse, Wish::Ignore] {
        assert_eq!(against_restart(&host, wish).0, [""; 0]);
    }
}

#[test]
fn high_availability_is_disarmed_for_it_and_armed_again() {
    const MANAGER: &str = "/etc/pve/ha/manager_status";
    let (host, _) = node();
    let says = |text: &'static str| Answer::ok("").doing(move |machine| machine.write(MANAGER, text));
    let host = host
        .dir("/etc/pve/nodes/pve2")
        .dir("/etc/pve/nodes/pve3")
        .file("/etc/pve/nodes/pve1/lrm_status", r#"{"state": "active", "mode": "active", "timestamp": 1}"#)
        .file(MANAGER, r#"{"timestamp": 1}"#)
        .query("ha-manager help", Answer::exit(0, "ha-manager crm-command disarm-ha\n", ""))
        .action(
            "ha-manager crm-command disarm-ha freeze",
            says(r#"{"timestamp": 5, "disarm": {"mode": "freeze", "state": "disarmed"}}"#),
        )
        .action("ha-manager crm-command arm-ha", says(r#"{"timestamp": 6}"#));
    assert_eq!(against_restart(&host, Wish::Disarm).0, [""; 0]);
    let done = restart(&host, Duration::from_secs(10), Wish::Disarm);
    assert_eq!(done, Ok(Restarted { ha_disarmed: true, waited_for: vec![] }));
    let effects = host.effects();
    let place = |what: &str| effects.iter().position(|effect| effect.contains(what)).expect(what);
    assert!(
        place("disarm-ha") < place("restart corosync")
            && place("restart corosync") < place("crm-command arm-ha")
    );
    assert!(!host.exists(MARKER));
}

#[test]
fn without_the_lock_nothing_is_restarted() {
    let (host, _) = node();
    let host = host.dir(LOCK);
    host.change(|machine| {
        // whoever has it goes on
        for second in 0..300 {
            machine.after(Duration::from_secs(second), move |machine| {
                let now = i64::try_from(machine.unix_time()).unwrap();
                if machine.exists(LOCK) {
                    machine.set_mtime(LOCK, now);
                }
            });
        }
    });
    let said = "another program holds the lock of the file".to_owned();
    assert_eq!(restart(&host, Duration::from_secs(10), Wish::Disarm), Err((false, vec![said])));
}
