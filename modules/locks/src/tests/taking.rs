// SPDX-License-Identifier: GPL-3.0-or-later
//! Who gets a lock, and who does not.

use host::Host;
use testkit::{Fault, Step};

use super::{EEXIST, EIO, ENOENT, LOCK, NAME, START, be, name, node, owner, seconds, take};
use crate::{Deed, Holder, Lock, NoLock, Owner, holder, release_own};

#[test]
fn it_is_taken_named_and_given_up() {
    let host = node();
    assert_eq!(holder(&host, NAME), Ok(Holder::Nobody));
    let lock = take(&host, 1).unwrap();
    assert_eq!(holder(&host, NAME), Ok(Holder::Named(owner(100))));
    assert_eq!(take(&host, 1).unwrap_err(), NoLock::Held(Some(owner(100))), "by this very process");
    lock.release(&host).unwrap();
    assert_eq!(holder(&host, NAME), Ok(Holder::Nobody));
    let own = name(100, 0);
    let mut effects = host.effects();
    effects.retain(|effect| !effect.starts_with("touch") && !effect.contains("1970"));
    assert_eq!(
        effects,
        [
            format!("mkdir {LOCK} 0700"),
            format!("mkdir {own} 0700"),
            format!("rmdir {LOCK}"),
            format!("rmdir {own}")
        ]
    );
}

/// Two runs on one member: the second waits for the first, and neither unlocks for the other.
#[test]
fn the_lock_of_another_live_process_of_the_same_node_is_respected() {
    let host = node();
    let first = take(&host, 1).unwrap();
    be(&host, 101);
    assert_eq!(take(&host, 5).unwrap_err(), NoLock::Held(Some(owner(100))));
    assert_eq!(host.elapsed(), seconds(5));
    assert_eq!(release_own(&host, NAME, |owner| owner.is_over(&host)), Ok(false));
    be(&host, 100);
    first.release(&host).unwrap();
    be(&host, 101);
    let second = take(&host, 0).unwrap();
    assert_eq!(holder(&host, NAME), Ok(Holder::Named(owner(101))));
    second.release(&host).unwrap();
    assert!(!host.exists(LOCK));
}

#[test]
fn the_lock_of_a_dead_process_of_this_node_is_taken_over_at_once() {
    type Change = fn(&mut testkit::Machine);
    let table: [(&str, Change); 4] = [
        ("it is gone", |m| m.remove("/proc/100")),
        ("another has its number", |m| m.write("/proc/100/stat", stat('R', 1))),
        ("only its body is left", |m| m.write("/proc/100/stat", stat('Z', 5100))),
        ("the machine was started again", |m| m.write("/proc/sys/kernel/random/boot_id", "aa-bb\n")),
    ];
    for (case, change) in table {
        let host = node();
        take(&host, 1).unwrap();
        be(&host, 101);
        host.change(change);
        let lock = take(&host, 0).unwrap_or_else(|why| panic!("{case}: {why:?}"));
        lock.release(&host).unwrap();
        assert!(!host.exists(LOCK) && !host.exists(&name(100, 0)), "{case}");
    }
}

fn stat(state: char, began: u64) -> String {
    format!("100 (a ) Z (name)) {state} 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 {began} 20 21\n")
}

#[test]
fn what_cannot_be_read_is_no_proof_of_death() {
    for (path, content) in [("/proc/100/stat", "100 (x) R 1"), ("/proc/sys/kernel/random/boot_id", "\n")] {
        let host = node();
        take(&host, 1).unwrap();
        be(&host, 101);
        host.change(|machine| machine.write(path, content));
        let why = take(&host, 0).unwrap_err();
        let told = matches!(&why, NoLock::Held(Some(_)) | NoLock::Host(_));
        assert!(told && host.exists(LOCK), "{path}: {why:?}");
    }
    let host = node();
    take(&host, 1).unwrap();
    be(&host, 101);
    let host = host.fail_when(|step| *step == Step::Read("/proc/100/stat".into()), Fault::Errno(EIO));
    assert_eq!(take(&host, 0).unwrap_err(), NoLock::Held(Some(owner(100))));
}

#[test]
fn the_process_of_another_node_is_waited_for_until_it_expires() {
    let host = node();
    take(&host, 1).unwrap();
    host.change(|machine| {
        machine.set_hostname("pve2");
        machine.remove("/proc/100");
        machine.set_process(7);
    });
    assert_eq!(take(&host, 100).unwrap_err(), NoLock::Held(Some(owner(100))));
    let lock = take(&host, 30).unwrap();
    assert_eq!(host.elapsed().as_secs(), 120, "pmxcfs removed it when it was asked");
    assert!(!host.exists(&name(100, 0)), "the name goes with it");
    lock.release(&host).unwrap();
}

/// A name that a killed run left behind is not that of the lock which PVE made afterwards.
#[test]
fn a_name_that_was_left_behind_opens_no_other_lock() {
    let host = node();
    take(&host, 1).unwrap();
    be(&host, 101);
    host.change(|machine| {
        machine.remove("/proc/100");
        machine.remove(LOCK);
        machine.advance(seconds(3));
        machine.make_dir(LOCK);
    });
    assert_eq!(take(&host, 3).unwrap_err(), NoLock::Held(None));
    assert_eq!(holder(&host, NAME), Ok(Holder::Unnamed));
    assert_eq!(release_own(&host, NAME, |_| true), Ok(false));
    assert!(host.exists(LOCK) && host.exists(&name(100, 0)));
}

/// Whoever gave the lock up may have taken it again within the second of which its name is.
#[test]
fn the_name_of_a_process_that_may_just_take_the_lock_again_is_left() {
    for (age, stays) in [(0, true), (1, true), (2, false)] {
        let host = node().dir(&name(100, 0));
        be(&host, 100);
        be(&host, 101);
        host.change(|machine| machine.advance(seconds(age)));
        take(&host, 0).unwrap();
        assert_eq!(host.exists(&name(100, 0)), stays, "{age} s");
    }
}

#[test]
fn only_one_of_two_takes_over_from_the_dead() {
    let host = node();
    take(&host, 1).unwrap();
    be(&host, 101);
    host.change(|machine| machine.remove("/proc/100"));
    let first = Step::RemoveDir(name(100, 0).into());
    let host = host.fail_when(move |step| *step == first, Fault::Errno(ENOENT));
    assert_eq!(take(&host, 0).unwrap_err(), NoLock::Held(None));
    assert!(host.exists(LOCK));
}

#[test]
fn who_is_over_in_another_way_is_said_by_the_caller() {
    let host = node();
    Lock::take(&host, NAME, Deed::Leave, seconds(1)).unwrap();
    be(&host, 101);
    let over = |owner: &Owner| owner.deed == Deed::Leave;
    assert!(Lock::take_over(&host, NAME, Deed::Leave, seconds(0), |_| false).is_err());
    assert!(Lock::take_over(&host, NAME, Deed::Leave, seconds(0), over).is_ok());
}

#[test]
fn its_removal_is_asked_for_once_a_second_when_it_may_have_expired() {
    let asked = |after: u64, time: i64| {
        let host = node().dir(LOCK);
        host.change(|machine| {
            machine.advance(seconds(after));
            machine.set_mtime(LOCK, time);
        });
        // pmxcfs counts by its own clock
        let refuses = |step: &Step| *step == Step::SetTimes(LOCK.into(), 0);
        let host = host.fail_when(refuses, Fault::Errno(13));
        let began = host.elapsed();
        assert_eq!(take(&host, 3).unwrap_err(), NoLock::Held(None));
        assert_eq!(host.elapsed(), began + seconds(3));
        host
    };
    let count = |host: &testkit::FakeHost| host.faulted();
    assert!(!count(&asked(0, START)), "each goes to all nodes");
    assert!(!count(&asked(116, START)), "up to the last second");
    assert!(count(&asked(117, START)) && count(&asked(500, START)));
    assert!(count(&asked(0, START + 5)), "whoever made it has another clock");
    let host = node().dir(LOCK).with(|machine| machine.set_mtime(LOCK, START + 1000));
    assert_eq!(take(&host, 3).unwrap_err(), NoLock::Held(None));
    let asked = host.steps().iter().filter(|step| matches!(step, Step::SetTimes(_, 0))).count();
    assert_eq!((asked, host.exists(LOCK)), (4, true), "once a second");
}

#[test]
fn without_quorum_there_is_none() {
    let host = node();
    host.change(|machine| machine.set_quorate(false));
    assert_eq!(take(&host, 5).unwrap_err(), NoLock::ReadOnly);
    assert_eq!(host.elapsed(), seconds(0), "nothing to wait for");
    // quorum that goes between the two steps
    let host = node().fail_at(1, Fault::Errno(13));
    assert_eq!(take(&host, 5).unwrap_err(), NoLock::ReadOnly);
    assert!(!host.exists(LOCK), "nobody has to wait for it");
}

#[test]
fn the_directory_of_the_locks_is_made_by_whoever_needs_it_first() {
    let host = node().with(|machine| machine.remove("/etc/pve/priv/lock"));
    host.change(|machine| machine.make_dir("/etc/pve/priv"));
    assert_eq!(holder(&host, NAME), Ok(Holder::Nobody));
    assert!(take(&host, 1).is_ok());
    let host = node().fail_at(0, Fault::Errno(ENOENT));
    assert!(take(&host, 1).is_ok(), "another was faster");
    let host = node().with(|machine| machine.remove("/etc/pve/priv/lock"));
    host.change(|machine| machine.make_dir("/etc/pve/priv"));
    let host = host.fail_at(0, Fault::Errno(EIO));
    assert!(matches!(take(&host, 1), Err(NoLock::Host(_))));
}

#[test]
fn whoever_is_faster_is_waited_for() {
    // between the look and the attempt
    let host = node().fail_at(0, Fault::Errno(EEXIST));
    let lock = take(&host, 1).unwrap();
    lock.release(&host).unwrap();
    // the directory of all locks too, and only for that reason
    for (errno, waits) in [(EEXIST, true), (EIO, false)] {
        let host = node().with(|machine| machine.remove("/etc/pve/priv/lock"));
        host.change(|machine| machine.make_dir("/etc/pve/priv"));
        let host = host.fail_at(1, Fault::Errno(errno));
        let taken = take(&host, 1);
        assert_eq!(matches!(taken, Err(NoLock::Host(_))), !waits, "{errno}: {taken:?}");
        assert_eq!(taken.is_ok(), waits, "{errno}: {taken:?}");
    }
}

#[test]
fn every_error_on_the_way_is_told() {
    for errno in [EIO, 28] {
        let host = node().fail_at(0, Fault::Errno(errno));
        assert!(matches!(take(&host, 1), Err(NoLock::Host(_))), "{errno}");
        let host = node().fail_at(1, Fault::Errno(errno));
        assert!(matches!(take(&host, 1), Err(NoLock::Host(_))), "{errno}");
        assert!(!host.exists(LOCK));
    }
    for path in ["/etc/pve/priv/lock", LOCK] {
        let looks = move |step: &Step| matches!(step, Step::List(p) | Step::Stat(p) if *p == std::path::Path::new(path));
        let host = node().fail_when(looks, Fault::Errno(EIO));
        assert!(matches!(take(&host, 1), Err(NoLock::Host(_))), "{path}");
        assert!(holder(&host, NAME).is_err() && release_own(&host, NAME, |_| true).is_err());
    }
    // a process that cannot say who it is takes no lock
    let host = node().with(|machine| machine.remove("/proc/self"));
    assert!(matches!(take(&host, 1), Err(NoLock::Host(_))));
    assert!(!host.exists(LOCK));
}

#[test]
fn what_is_this_nodes_is_given_up_by_the_next_run() {
    let host = node();
    take(&host, 1).unwrap();
    assert_eq!(release_own(&host, NAME, |found| *found == owner(101)), Ok(false));
    assert_eq!(release_own(&host, NAME, |found| *found == owner(100)), Ok(true));
    assert!(!host.exists(LOCK) && !host.exists(&name(100, 0)));
    assert_eq!(release_own(&host, NAME, |_| true), Ok(false), "there is none");
    // a name that is left of a lock which has expired goes too, another's does not
    let host = node().dir(&name(100, 0)).dir(&name(7, 0));
    assert_eq!(release_own(&host, NAME, |found| *found == owner(100)), Ok(false));
    assert!(!host.exists(&name(100, 0)) && host.exists(&name(7, 0)));
    // quorum is lost on the way: this process's own lock is given up in two steps, the second time
    let host = node();
    take(&host, 1).unwrap();
    let host = host.fail_first(|step| *step == Step::RemoveDir(LOCK.into()), Fault::Errno(13));
    assert!(release_own(&host, NAME, |_| true).is_err());
    assert_eq!(release_own(&host, NAME, |_| true), Ok(true));
    // of those who want to clear up after a dead one only one does it
    let host = node();
    take(&host, 1).unwrap();
    be(&host, 101);
    let first = Step::RemoveDir(name(100, 0).into());
    let host = host.fail_when(move |step| *step == first, Fault::Errno(ENOENT));
    assert_eq!(release_own(&host, NAME, |_| true), Ok(false));
    assert!(host.exists(LOCK));
    assert_eq!(host.elapsed(), seconds(0));
}
