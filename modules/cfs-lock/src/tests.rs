// SPDX-License-Identifier: GPL-3.0-or-later

use std::time::Duration;

use host::Host;
use testkit::FakeHost;

use crate::{CfsLock, NoLock};

const NAME: &str = "file-corosync_conf";
const LOCK: &str = "/etc/pve/priv/lock/file-corosync_conf";
const NOTE: &str = "/run/pve-cluster-collection/file-corosync_conf.lock";

fn node() -> FakeHost {
    FakeHost::new()
        .pmxcfs("/etc/pve")
        .dir("/etc/pve/priv")
        .link("/proc/self", "100")
        .file("/proc/100/stat", stat(1))
}

/// A process that began then.
fn stat(began: u32) -> String {
    format!("100 (a (name)) R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 {began} 20 21\n")
}

fn take(host: &FakeHost, seconds: u64) -> Result<CfsLock, NoLock> {
    CfsLock::take(host, NAME, host.elapsed() + Duration::from_secs(seconds))
}

#[test]
fn it_is_taken_noted_and_given_up() {
    let host = node();
    let lock = take(&host, 1).unwrap();
    assert!(host.exists(LOCK) && host.exists(NOTE));
    assert_eq!(take(&host, 1).unwrap_err(), NoLock::Held, "by the process that is noted");
    lock.release(&host).unwrap();
    assert!(!host.exists(LOCK) && !host.exists(NOTE));
}

#[test]
fn the_lock_of_a_dead_process_of_this_node_is_taken_over_at_once() {
    for began in [None, Some(2)] {
        let host = node();
        take(&host, 1).unwrap();
        host.change(|machine| match began {
            None => machine.remove("/proc/100/stat"),
            Some(began) => machine.write("/proc/100/stat", stat(began)),
        });
        assert!(take(&host, 0).is_ok(), "{began:?}");
    }
}

#[test]
fn the_lock_of_another_node_is_not_that_of_the_note() {
    let host = node();
    take(&host, 1).unwrap();
    host.change(|machine| {
        machine.remove("/proc/100/stat");
        machine.set_mtime(LOCK, 7);
    });
    // an expired one pmxcfs gives away, and this one is: so long ago was its time set
    assert!(take(&host, 3).is_ok());
    let host = node().dir(LOCK);
    assert_eq!(take(&host, 3).unwrap_err(), NoLock::Held);
    assert!(host.exists(LOCK));
}

#[test]
fn it_is_renewed_while_it_is_held_and_left_alone_when_it_may_be_another_s() {
    let host = node();
    let lock = take(&host, 1).unwrap();
    host.sleep(Duration::from_secs(31));
    lock.renew(&host);
    host.sleep(Duration::from_secs(31));
    assert!(lock.is_fresh(&host));
    host.sleep(Duration::from_secs(31));
    assert!(!lock.is_fresh(&host));
    lock.release(&host).unwrap();
    assert!(host.exists(LOCK));
}

#[test]
fn without_quorum_there_is_none() {
    let host = node();
    host.change(|machine| machine.set_quorate(false));
    assert_eq!(take(&host, 5).unwrap_err(), NoLock::ReadOnly);
    assert_eq!(host.elapsed(), Duration::ZERO, "nothing to wait for");
}
