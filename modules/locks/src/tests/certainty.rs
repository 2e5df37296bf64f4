// SPDX-License-Identifier: GPL-3.0-or-later
//! How long a lock is relied upon.

use host::Host;
use testkit::{Answer, Fault, Step};

use super::{BOOT, EIO, LOCK, NAME, START, be, name, node, owner, seconds, take};
use crate::{Holder, Lost, NoLock, holder};

#[test]
fn it_is_renewed_while_it_is_held() {
    let host = node();
    let lock = take(&host, 1).unwrap();
    for _ in 0..20 {
        host.sleep(seconds(19));
        assert_eq!(lock.check(&host), Ok(()));
    }
    let renewals = host.steps().iter().filter(|step| matches!(step, Step::SetTimes(..))).count();
    assert_eq!(renewals, 2 * 10, "the lock and its name, every 38 s");
    be(&host, 101);
    assert_eq!(holder(&host, NAME), Ok(Holder::Named(owner(100))), "by the time they have in common");
    assert!(take(&host, 0).is_err());
    be(&host, 100);
    lock.release(&host).unwrap();
    assert!(!host.exists(LOCK) && !host.exists(&name(100, 0)));
}

#[test]
fn it_is_renewed_after_twenty_seconds_and_not_before() {
    for (after, renewed) in [(19, false), (20, true)] {
        let host = node();
        let lock = take(&host, 1).unwrap();
        host.sleep(seconds(after));
        lock.renew(&host);
        assert_eq!(host.steps().iter().any(|step| matches!(step, Step::SetTimes(..))), renewed, "{after}");
    }
}

#[test]
fn without_renewal_it_is_relied_upon_for_a_minute_and_then_left_alone() {
    let host = node();
    let lock = take(&host, 1).unwrap();
    host.change(|machine| machine.set_quorate(false));
    host.sleep(seconds(59));
    assert_eq!(lock.check(&host), Ok(()));
    host.sleep(seconds(1));
    assert_eq!(lock.check(&host), Err(Lost::Old));
    host.change(|machine| machine.set_quorate(true));
    host.sleep(seconds(30));
    assert_eq!(lock.check(&host), Err(Lost::Old), "it does not come back by itself");
    lock.release(&host).unwrap();
    assert!(host.exists(LOCK), "it may be another's by now");
    assert_eq!(Lost::Old.to_string(), "it could not be renewed for 60 s");
}

/// Its time is of the clock before. How long it was not renewed is counted without any.
#[test]
fn a_clock_that_was_put_back_makes_no_lock_younger() {
    let host = node();
    let lock = take(&host, 1).unwrap();
    host.change(|machine| {
        machine.set_mtime(LOCK, START + 1000);
        machine.set_mtime(name(100, 0), START + 1000);
        machine.set_quorate(false);
    });
    for (pause, expected) in [(30, Ok(())), (59, Ok(())), (1, Err(Lost::Old))] {
        host.sleep(seconds(pause));
        assert_eq!(lock.check(&host), expected);
    }
}

#[test]
fn a_lock_that_is_another_s_or_nobody_s_is_lost() {
    type Change = fn(&mut testkit::Machine);
    let table: [(&str, Change); 3] = [
        ("it was removed", |m| m.remove(LOCK)),
        ("its name was removed", |m| m.remove(name(100, 0))),
        ("PVE has recreated it", |m| m.set_mtime(LOCK, START + 2)),
    ];
    for (case, change) in table {
        let host = node();
        let lock = take(&host, 1).unwrap();
        host.change(change);
        assert_eq!(lock.check(&host), Err(Lost::Gone), "{case}");
        let there = host.exists(LOCK);
        lock.release(&host).unwrap();
        assert_eq!(host.exists(LOCK), there, "{case}");
    }
    assert_eq!(Lost::Gone.to_string(), "it expired, and another program may have taken it");
}

#[test]
fn nobody_can_tell() {
    let host = node();
    let lock = take(&host, 1).unwrap();
    let host = host.fail_when(|step| *step == Step::Stat(LOCK.into()), Fault::Errno(EIO));
    let Err(Lost::Host(error)) = lock.check(&host) else { panic!() };
    assert_eq!(Lost::Host(error.clone()).to_string(), error.to_string());
    assert!(lock.release(&host).is_err());
}

/// Renewed in part: the name has the new time, the lock not. It is still its owner's, for as long as it was.
#[test]
fn a_renewal_that_fails_half_way_is_none() {
    let host = node();
    let lock = take(&host, 1).unwrap();
    let host =
        host.fail_when(|step| matches!(step, Step::SetTimes(path, _) if path == LOCK), Fault::Errno(13));
    host.sleep(seconds(30));
    assert_eq!(lock.check(&host), Ok(()));
    host.sleep(seconds(30));
    assert_eq!(lock.check(&host), Err(Lost::Old));
    be(&host, 101);
    assert_eq!(
        take(&host, 0).unwrap_err(),
        NoLock::Held(Some(owner(100))),
        "made at that second all the same"
    );
}

#[test]
fn a_process_of_its_own_may_keep_it() {
    let line = format!(
        "--unit=file-corosync_conf-by-change.pve1.100.5100.{BOOT}.{START}.service --property=RuntimeMaxSec=300 /bin/sh -c"
    );
    let host = node().action_prefix("systemd-run", "");
    let lock = take(&host, 1).unwrap();
    lock.keep(&host, seconds(300)).unwrap();
    let command = host.commands().pop().unwrap();
    assert!(
        command.line().starts_with(&format!("systemd-run --quiet --collect {line}")),
        "{}",
        command.line()
    );
    assert_eq!(command.args[7..], [LOCK, &name(100, 0), "100", "5100"]);
    // a program ran for 200 s, and the lock was renewed 50 s ago
    let renewed = |after: i64| {
        host.change(|machine| {
            machine.set_mtime(LOCK, START + after);
            machine.set_mtime(name(100, 0), START + after);
        });
    };
    host.sleep(seconds(200));
    renewed(141);
    assert_eq!(lock.check(&host), Ok(()));
    host.sleep(seconds(300));
    renewed(440);
    assert_eq!(lock.check(&host), Err(Lost::Old), "60 s ago");
    let host = node().action_prefix("systemd-run", Answer::exit(1, "", "Failed to connect to bus\n"));
    let lock = take(&host, 1).unwrap();
    assert_eq!(
        lock.keep(&host, seconds(300)).unwrap_err(),
        "'systemd-run' ended with exit code 1 and said: Failed to connect to bus"
    );
}
