// SPDX-License-Identifier: GPL-3.0-or-later
//! Owners and their names.

use super::{BOOT, be, node, owner};
use crate::owner::Name;
use crate::{Deed, Holder, NoLock, Owner, holder_of};

#[test]
fn every_owner_is_read_as_it_is_written() {
    let host = node();
    for deed in [Deed::Change, Deed::Join, Deed::Removal, Deed::Leave] {
        let owner = Owner::this(&host, deed).unwrap();
        assert_eq!(Owner::of(&owner.word()), Some(owner));
    }
    let reservation = Owner::reservation("pve-2");
    assert_eq!(reservation.word(), "reservation.pve-2.0.0.0");
    assert_eq!(Owner::of(&reservation.word()), Some(reservation));
    assert_eq!(owner(100).word(), format!("change.pve1.100.5100.{BOOT}"));
}

#[test]
fn what_is_no_owner_is_none() {
    for word in [
        "",
        "pve2",
        "change.pve1.1.2",
        "change.pve1.1.2.a.3",
        "change..1.2.a",
        "change.pve1.x.2.a",
        "change.pve1.1.x.a",
        "other.pve1.1.2.a",
        "change.pve1.0.0.0",
        "reservation.pve1.1.0.0",
    ] {
        assert_eq!(Owner::of(word), None, "{word}");
    }
    for word in ["", "unnamed", "7", "change.pve1.1.2.a", "change.pve1.1.2.a.x"] {
        assert_eq!(Name::of(word), None, "{word}");
    }
    assert_eq!(holder_of("\n"), Holder::Nobody);
    assert_eq!(holder_of("unnamed\n"), Holder::Unnamed);
    assert_eq!(holder_of(&format!("{}.17\n", owner(7).word())), Holder::Named(owner(7)));
}

#[test]
fn one_run_is_told_from_another() {
    let host = node();
    let (join, removal) =
        (Owner::this(&host, Deed::Join).unwrap(), Owner::this(&host, Deed::Removal).unwrap());
    assert!(join.is_same_run(&removal), "whatever it does");
    be(&host, 101);
    assert!(!join.is_same_run(&Owner::this(&host, Deed::Join).unwrap()));
    assert!(!join.is_same_run(&Owner { node: "pve2".into(), ..join.clone() }));
    let reservation = Owner::reservation("pve1");
    assert!(!reservation.is_same_run(&reservation.clone()), "nobody's process");
    assert!(!reservation.is_over(&host) && !join.is_over(&host));
    host.change(|machine| machine.remove("/proc/100"));
    assert!(join.is_over(&host));
    assert!(!Owner { node: "pve2".into(), ..join }.is_over(&host), "of another node nothing is known");
}

#[test]
fn owners_in_words() {
    let words = |deed| Owner { deed, ..owner(7) }.to_string();
    assert_eq!(words(Deed::Change), "node 'pve1' changes a file of the cluster (process 7)");
    assert_eq!(words(Deed::Join), "node 'pve1' is joining the cluster (process 7)");
    assert_eq!(words(Deed::Removal), "node 'pve1' is removing a node (process 7)");
    assert_eq!(words(Deed::Leave), "node 'pve1' is leaving the cluster (process 7)");
    assert_eq!(Owner::reservation("pve1").to_string(), "node 'pve1' has the cluster reserved for its join");
    assert_eq!(
        NoLock::Held(Some(Owner::reservation("x"))).by(),
        " (node 'x' has the cluster reserved for its join)"
    );
    assert_eq!((NoLock::Held(None).by(), NoLock::ReadOnly.by()), (String::new(), String::new()));
}

#[test]
fn whose_lock_a_run_may_take_for_its_own() {
    let host = node();
    let me = Owner::this(&host, Deed::Removal).unwrap();
    let other = Owner::of(&format!("join.pve1.101.5101.{BOOT}")).unwrap();
    be(&host, 101);
    be(&host, 100);
    assert!(owner(100).is_mine(&host, &me), "it is this very run's");
    assert!(!other.is_mine(&host, &me), "another run of this node lives");
    assert!(Owner::reservation("pve1").is_mine(&host, &me));
    assert!(!Owner::reservation("pve2").is_mine(&host, &me));
    host.change(|machine| machine.remove("/proc/101"));
    assert!(other.is_mine(&host, &me), "it is dead");
    assert!(!Owner { node: "pve2".into(), ..other }.is_mine(&host, &me));
}

#[test]
fn a_node_has_left_when_a_quorate_one_knows_all_members_and_it_is_none_of_them() {
    let leaver = Owner { deed: Deed::Leave, node: "pve3".into(), ..owner(7) };
    let others = [Some("pve1"), Some("pve2")];
    assert!(leaver.has_left(true, &others));
    assert!(!leaver.has_left(false, &others), "who is cut off sees nobody");
    assert!(!leaver.has_left(true, &[Some("pve1"), Some("pve3")]), "it is a member");
    assert!(!leaver.has_left(true, &[Some("pve1"), None]), "it may be the one without a name");
    assert!(!leaver.has_left(true, &[]), "nobody tells");
    for deed in [Deed::Change, Deed::Join, Deed::Removal] {
        assert!(!Owner { deed, ..leaver.clone() }.has_left(true, &others), "{deed:?}");
    }
    assert!(!Owner::reservation("pve3").has_left(true, &others));
}
