// SPDX-License-Identifier: GPL-3.0-or-later
//! Under the lock, and never over what somebody else has written.

use std::time::Duration;

use crate::cluster_file::{locked, write};
use crate::decide_tests::conf;
use crate::fire_tests::{CLUSTER, LOCK, node};

#[test]
fn the_lock_is_kept_until_the_cluster_takes_writes_again() {
    let (host, _) = node();
    let done = locked(&host, Duration::from_secs(1), |_| {
        host.change(|machine| {
            machine.set_quorate(false);
            machine.after(Duration::from_secs(20), |machine| machine.set_quorate(true));
        });
        Ok(7)
    });
    assert_eq!(done, Ok(7));
    assert!(!host.exists(LOCK));
    assert_eq!(host.machine().now().as_secs(), 20);
}

#[test]
fn a_text_that_was_changed_meanwhile_is_not_replaced() {
    let (host, _) = node();
    let before = host.text(CLUSTER);
    assert_eq!(
        write(&host, &conf(5, &["10.77.1"]), &conf(104, &["10.77.1"])),
        Err(format!("'{CLUSTER}' was changed by someone else in the meantime"))
    );
    assert_eq!(host.text(CLUSTER), before);
    assert_eq!(write(&host, &conf(4, &["10.77.1"]), &conf(104, &["10.77.1"])), Ok(()));
    assert_eq!(host.text(CLUSTER), conf(104, &["10.77.1"]).to_text());
}

#[test]
fn without_the_lock_nothing_is_done() {
    let (host, _) = node();
    let host = host.dir(LOCK);
    let done = locked(&host, Duration::from_secs(1), |_| -> Result<(), String> { panic!("it has no lock") });
    assert_eq!(done, Err("another program holds the lock of the file".to_owned()));
    let (host, _) = node();
    host.change(|machine| machine.set_quorate(false));
    let done = locked(&host, Duration::from_secs(1), |_| -> Result<(), String> { panic!("it has no lock") });
    assert_eq!(done, Err("/etc/pve is read-only".to_owned()));
}
