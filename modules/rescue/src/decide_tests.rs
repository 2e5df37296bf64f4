// SPDX-License-Identifier: GPL-3.0-or-later
//! Every situation in which the rescue may find its node.

use std::collections::{BTreeMap, BTreeSet};

use corosync_document::Document;

use crate::decide::{Deed, Patience, decide};
use crate::look::{Link, Look};
use crate::proof::Proof;
use crate::record::{Record, digest, nodes};

/// Three nodes on link 0, or on links 0 and 1.
pub(crate) fn conf(version: u64, links: &[&str]) -> Document {
    let mut text = "nodelist {\n".to_owned();
    for node in 1..=3 {
        text.push_str(&format!("  node {{\n    name: pve{node}\n    nodeid: {node}\n    quorum_votes: 1\n"));
        for (number, network) in links.iter().enumerate() {
            text.push_str(&format!("    ring{number}_addr: {network}.{node}\n"));
        }
        text.push_str("  }\n");
    }
    text.push_str(&format!("}}\n\ntotem {{\n  cluster_name: prod\n  config_version: {version}\n"));
    for number in 0..links.len() {
        text.push_str(&format!("  interface {{\n    linknumber: {number}\n  }}\n"));
    }
    text.push_str("  version: 2\n}\n");
    Document::parse(text.as_bytes())
}

/// Armed with one link, for a change that brings a second one or other addresses.
fn record() -> Record {
    let copy = one(4);
    Record {
        nodeid: 1,
        version: 4,
        seconds: 300,
        armed: 1_800_000_000,
        owner: "a test".to_owned(),
        nodes: nodes(&copy).unwrap(),
        intended: [&copy, &two(5), &moved(5)].map(digest).into(),
        connected: BTreeSet::from([(2, 0), (3, 0)]),
    }
}

/// Node 1, well, with this file everywhere.
pub(crate) fn well(text: &Document) -> Look {
    let version = text.config_version().unwrap();
    let nodes = text.nodes();
    let mut links = BTreeMap::new();
    for peer in 1..3 {
        for (number, address) in &nodes[0].addresses {
            let remote = nodes[peer].addresses[number].clone();
            links.insert(
                (u32::try_from(peer).unwrap() + 1, *number),
                Link { connected: true, local: address.clone(), remote },
            );
        }
    }
    Look {
        runs: true,
        quorate: true,
        nodeid: Some(1),
        spare: true,
        version: Some(version),
        members: BTreeMap::from([(1, version), (2, version), (3, version)]),
        links,
        local: Some(text.clone()),
        refusal: None,
        cluster: Some(text.clone()),
        writable: true,
        ..Look::default()
    }
}

pub(crate) fn one(version: u64) -> Document {
    conf(version, &["10.77.1"])
}

pub(crate) fn two(version: u64) -> Document {
    conf(version, &["10.77.1", "10.77.5"])
}

/// The one link in another network, where nobody is.
fn moved(version: u64) -> Document {
    conf(version, &["10.9.9"])
}

fn decided(look: &Look, patience: Patience) -> Deed {
    decide(&record(), &one(4), look, patience)
}

/// The same after the wait that it takes.
fn at_last(look: &Look) -> Deed {
    assert!(matches!(decided(look, NEW), Deed::Wait(_)), "{:?}", decided(look, NEW));
    decided(look, OVER)
}

const NEW: Patience = Patience {
    over: false,
    long_over: false,
    rebooted: false,
    expired: false,
    restarted: false,
    started: false,
};
const STARTED: Patience = Patience { started: true, ..NEW };
const OVER: Patience = Patience { over: true, ..NEW };
const LONG: Patience = Patience { long_over: true, ..OVER };
const REBOOTED: Patience = Patience { rebooted: true, ..NEW };

fn proof(text: &Document) -> Option<Proof> {
    Proof::of(text)
}

/// The same node without quorum, which sees itself alone.
pub(crate) fn alone(text: &Document) -> Look {
    let mut links = well(text).links;
    for link in links.values_mut() {
        link.connected = false;
    }
    let members = BTreeMap::from([(1, text.config_version().unwrap())]);
    Look { quorate: false, spare: false, writable: false, members, links, ..well(text) }
}

/// A quorate node whose link to node 3 is lost.
fn lost(text: &Document) -> Look {
    let mut look = well(text);
    look.links.get_mut(&(3, 0)).unwrap().connected = false;
    look
}

#[test]
fn a_cluster_that_is_well_is_left() {
    assert_eq!(decided(&well(&one(4)), NEW), Deed::Done("nothing was changed"));
    assert_eq!(decided(&well(&two(5)), NEW), Deed::Done("the change is in use and did no harm"));
    assert_eq!(decided(&well(&one(104)), NEW), Deed::Done("the copy is in use again"));
    // whoever has changed it
    assert_eq!(
        decided(&well(&conf(6, &["10.8.8"])), NEW),
        Deed::Done("the change is in use and did no harm")
    );
    // a link that the file does without was taken away on purpose
    let mut look = well(&one(5));
    let mut record = record();
    record.connected.extend([(2, 1), (4, 0)]);
    look.links.remove(&(2, 1));
    assert_eq!(decide(&record, &two(4), &look, NEW), Deed::Done("the change is in use and did no harm"));
}

#[test]
fn an_expired_record_is_no_ground_to_act_on() {
    let expired = Patience { expired: true, ..LONG };
    for look in [well(&one(4)), alone(&two(5)), lost(&two(5)), alone(&one(104))] {
        assert!(
            matches!(decided(&look, expired), Deed::Leave(reason) if reason.starts_with("it was armed too long ago"))
        );
    }
}

#[test]
fn while_somebody_changes_the_file_it_waits() {
    let broken = || Look { locked_for: Some(119), ..lost(&two(5)) };
    assert_eq!(decided(&broken(), LONG), Deed::Wait("a change of corosync.conf is under way".to_owned()));
    assert!(matches!(decided(&Look { locked_for: Some(120), ..broken() }, NEW), Deed::Write(..)));
    // without quorum nobody can go on with it
    let look = Look { locked_for: Some(0), ..alone(&two(5)) };
    assert!(matches!(decided(&look, NEW), Deed::PutBack(_)));
}

#[test]
fn what_is_not_known_is_no_reason_to_act() {
    for look in [lost(&two(5)), alone(&two(5)), well(&one(4))] {
        let look = Look { unknown: vec!["no answer".to_owned()], ..look };
        assert_eq!(decided(&look, OVER), Deed::Wait("no answer".to_owned()));
        assert_eq!(decided(&look, LONG), Deed::Leave("no answer".to_owned()));
    }
}

#[test]
fn without_quorum_a_node_repairs_itself() {
    assert!(
        matches!(decided(&alone(&two(5)), NEW), Deed::PutBack(reasons) if reasons[0] == "this node is not quorate")
    );
    // it has never had the change, and its file is as good as the copy
    assert!(matches!(decided(&alone(&one(4)), LONG), Deed::Wait(_)));
    // .. unless it runs another version, or would not start: the others turn it away
    for look in [
        Look { version: Some(3), ..alone(&one(4)) },
        Look { refusal: Some("no".to_owned()), ..alone(&one(4)) },
    ] {
        assert!(matches!(decided(&look, NEW), Deed::PutBack(_)), "{look:?}");
    }
    // undone already: the same text under another version (found by the model)
    assert!(matches!(decided(&alone(&one(6)), LONG), Deed::Wait(_)));
    let down = Look { runs: false, version: None, refusal: Some("no".to_owned()), ..alone(&one(4)) };
    assert!(matches!(decided(&down, NEW), Deed::PutBack(_)));
    // put back: once to be started, then to be waited for
    assert!(matches!(decided(&Look { version: Some(5), ..alone(&one(104)) }, NEW), Deed::Restart(_)));
    assert!(matches!(decided(&Look { runs: false, ..alone(&one(104)) }, NEW), Deed::Restart(_)));
    assert!(matches!(decided(&alone(&one(104)), LONG), Deed::Wait(_)));
    let none = Look { local: None, ..alone(&two(5)) };
    assert!(matches!(at_last(&none), Deed::Leave(reason) if reason.contains("corosync has no file")));
}

/// A corosync that somebody has stopped, or that has died: with the copy this node alone would have another version than the others.
#[test]
fn without_quorum_a_corosync_that_does_not_run_is_started_before_anything_is_put_back() {
    let down = |text: &Document| Look { runs: false, version: None, ..alone(text) };
    for text in [one(4), two(5), moved(5), one(6)] {
        assert_eq!(decided(&down(&text), LONG), Deed::Restart("corosync does not run".to_owned()));
        // it does not start, or has died again, as when the others turn it away
        assert!(matches!(decided(&down(&text), STARTED), Deed::PutBack(_)));
    }
    // it runs, and has not met the others yet
    let waits = Deed::Wait("corosync was started on this node, which is not quorate yet".to_owned());
    assert_eq!(decided(&alone(&two(5)), STARTED), waits);
    assert!(matches!(decided(&alone(&two(5)), Patience { started: true, ..OVER }), Deed::PutBack(_)));
    // with another version than its file has it will not
    assert!(matches!(decided(&Look { version: Some(4), ..alone(&two(5)) }, STARTED), Deed::PutBack(_)));
    // what somebody else did is still left
    assert!(matches!(at_last(&down(&conf(6, &["10.8.8"]))), Deed::Leave(_)));
}

#[test]
fn without_quorum_nothing_is_put_back_over_what_somebody_else_did() {
    let added = four(6, "pve4");
    for (look, told) in [
        (alone(&conf(6, &["10.8.8"])), "this node's file has a text that the change did not bring"),
        (alone(&added), "this node's file has other nodes than when the rescue was armed"),
        (Look { cluster: Some(added), ..alone(&two(5)) }, "the cluster's file has other nodes"),
    ] {
        assert!(matches!(at_last(&look), Deed::Leave(reason) if reason.starts_with(told)), "{told}");
    }
    // its own copy is its own
    assert!(matches!(
        decided(&Look { cluster: Some(four(6, "pve4")), ..alone(&one(104)) }, OVER),
        Deed::Wait(_)
    ));
}

/// Three nodes and another one.
fn four(version: u64, name: &str) -> Document {
    let text = one(version).to_text();
    let node = format!(
        "nodelist {{\n  node {{\n    name: {name}\n    nodeid: 4\n    quorum_votes: 1\n    ring0_addr: 10.77.1.4\n  }}\n"
    );
    Document::parse(text.replace("nodelist {\n", &node).as_bytes())
}

#[test]
fn without_quorum_a_change_that_every_node_has_proved_is_kept() {
    let look = Look { proof: proof(&two(5)), ..alone(&two(5)) };
    assert!(matches!(decided(&look, LONG), Deed::Wait(_)));
    assert!(matches!(decided(&Look { runs: false, ..look.clone() }, NEW), Deed::Restart(_)));
    assert!(matches!(decided(&Look { version: Some(4), ..look.clone() }, NEW), Deed::Restart(_)));
    assert!(matches!(decided(&Look { refusal: Some("no".to_owned()), ..look }, NEW), Deed::Restart(_)));
    // of another change
    let look = Look { proof: proof(&moved(5)), ..alone(&two(5)) };
    assert!(matches!(decided(&look, NEW), Deed::PutBack(_)));
    // of the text that this rescue was armed with: the others have gone on and back without this node, and turn it away with that
    let look = Look { proof: proof(&one(4)), runs: false, version: None, ..alone(&one(4)) };
    let tried = Patience { started: true, ..REBOOTED };
    assert!(matches!(decided(&look, tried), Deed::PutBack(_)));
    // the same text as a change that was proved
    let look = Look { local: Some(one(6)), proof: proof(&one(6)), ..look };
    assert!(matches!(decided(&look, tried), Deed::Restart(_)));
}

/// Found by the model: the copy has a lower version then, with which the others turn the node away.
#[test]
fn without_quorum_nothing_is_put_back_under_a_lower_version() {
    assert!(
        matches!(at_last(&alone(&two(105))), Deed::Leave(reason) if reason.starts_with("the file was changed further; "))
    );
    assert!(matches!(decided(&alone(&two(104)), NEW), Deed::PutBack(_)));
    assert!(matches!(decided(&alone(&two(103)), NEW), Deed::PutBack(_)));
}

#[test]
fn without_quorum_a_file_system_that_is_away_is_waited_for() {
    let look = Look { cluster: None, ..alone(&two(5)) };
    assert!(matches!(decided(&look, OVER), Deed::Wait(_)));
    assert!(matches!(decided(&look, LONG), Deed::PutBack(_)));
}

#[test]
fn a_node_that_was_restarted_waits_for_its_site() {
    let look = alone(&two(5));
    assert!(matches!(decided(&look, REBOOTED), Deed::Wait(_)));
    assert!(matches!(decided(&look, Patience { over: true, ..REBOOTED }), Deed::Wait(_)));
    assert!(matches!(decided(&look, Patience { long_over: true, ..REBOOTED }), Deed::PutBack(_)));
    let off = Look { runs: false, version: None, ..look };
    assert!(matches!(decided(&off, REBOOTED), Deed::Restart(_)));
    assert!(matches!(decided(&off, Patience { started: true, ..REBOOTED }), Deed::PutBack(_)));
}

#[test]
fn with_quorum_one_node_writes_for_all() {
    let reasons = vec!["link 0 to node 3 is not connected".to_owned()];
    assert_eq!(decided(&lost(&two(5)), NEW), Deed::Write(one(104), reasons));
    // corosync has not taken the addresses of the file, with which it would start
    let look = Look { local: Some(moved(5)), cluster: Some(moved(5)), ..well(&one(5)) };
    assert!(matches!(decided(&look, NEW), Deed::Write(text, _) if text == one(104)));
    let look = Look { refusal: Some("Invalid transport type.".to_owned()), ..well(&two(5)) };
    let reasons = vec!["corosync would not start from its file: Invalid transport type.".to_owned()];
    assert_eq!(decided(&look, NEW), Deed::Write(one(104), reasons));
    // one that is undone already, by a text that it knows
    assert!(matches!(decided(&lost(&one(6)), NEW), Deed::Write(text, _) if text == one(104)));
    assert!(matches!(decided(&lost(&one(5)), NEW), Deed::Write(..)));
}

/// A pmxcfs that is restarted at the moment when the rescue looks.
#[test]
fn a_file_system_that_is_away_undoes_nothing() {
    for look in [
        Look { writable: false, cluster: None, ..well(&two(5)) },
        Look { writable: false, ..well(&two(5)) },
        Look { cluster: None, ..well(&two(5)) },
        Look { writable: false, cluster: None, ..lost(&two(5)) },
    ] {
        assert!(matches!(decided(&look, OVER), Deed::Wait(_)));
        assert!(
            matches!(decided(&look, LONG), Deed::Leave(reason) if reason.contains("'/etc/pve' is not writable"))
        );
    }
    let none = Look { cluster: Some(Document::parse(b"totem {\n}\n")), ..well(&two(5)) };
    assert!(matches!(at_last(&none), Deed::Leave(_)));
}

#[test]
fn with_quorum_nothing_is_put_back_over_what_somebody_else_did() {
    for (text, told) in [
        (conf(6, &["10.8.8"]), "the cluster's file has a text that the change did not bring"),
        (four(6, "pve4"), "the cluster's file has other nodes than when the rescue was armed"),
        (conf(105, &["10.8.8"]), "the cluster's file has a text that the change did not bring"),
    ] {
        assert!(matches!(at_last(&lost(&text)), Deed::Leave(reason) if reason.starts_with(told)), "{told}");
    }
    // also where the copy would bring a node back that was removed
    let record = Record {
        nodes: nodes(&four(4, "pve4")).unwrap(),
        intended: [digest(&four(4, "pve4"))].into(),
        ..record()
    };
    let Deed::Leave(reason) = decide(&record, &four(4, "pve4"), &lost(&one(6)), OVER) else { panic!("left") };
    assert!(reason.contains("other nodes"), "{reason}");
}

#[test]
fn with_quorum_a_change_that_every_node_has_proved_is_kept() {
    let look = Look { proof: proof(&two(5)), ..lost(&two(5)) };
    assert!(
        matches!(at_last(&look), Deed::Leave(reason) if reason.starts_with("every node has proved the change; "))
    );
    let look = Look { proof: proof(&two(5)), cluster: Some(two(5)), ..well(&one(104)) };
    assert!(matches!(at_last(&look), Deed::Raise(text) if text == two(105)));
}

#[test]
fn a_link_with_other_addresses_is_taken_away_first() {
    let moved = conf(5, &["10.77.1", "10.77.6"]);
    let copy = two(4);
    let record = Record {
        connected: BTreeSet::from([(2, 0), (3, 0), (2, 1), (3, 1)]),
        intended: [&copy, &moved].map(digest).into(),
        ..record()
    };
    let mut look = well(&moved);
    look.links.get_mut(&(3, 1)).unwrap().connected = false;
    let Deed::Write(between, _) = decide(&record, &copy, &look, NEW) else { panic!("written") };
    assert_eq!((between.config_version(), between.links()), (Some(103), BTreeSet::from([0])));
    // all is well then, and still it is not done
    assert!(matches!(decide(&record, &copy, &well(&between), NEW), Deed::Write(text, _) if text == two(104)));
    // also where a member or this node has not followed the step yet
    let mut lagging = well(&between);
    lagging.members.insert(2, 5);
    assert!(matches!(decide(&record, &copy, &lagging, NEW), Deed::Write(text, _) if text == two(104)));
    // a text of somebody else under that version is no step
    let other = Look { cluster: Some(conf(103, &["10.8.8"])), ..lost(&between) };
    assert!(matches!(decide(&record, &copy, &other, OVER), Deed::Leave(_)));
    assert_eq!(decide(&record, &copy, &well(&two(104)), NEW), Deed::Done("the copy is in use again"));
    // with no other link to carry, it goes back at once
    for peer in [2, 3] {
        let mut look = look.clone();
        look.links.get_mut(&(peer, 0)).unwrap().connected = false;
        assert!(matches!(decide(&record, &copy, &look, NEW), Deed::Write(text, _) if text == two(104)));
    }
}

/// One peer, which link 0 reaches: it is that peer's link that counts.
#[test]
fn a_link_of_the_only_peer_carries_the_step() {
    let moved = conf(5, &["10.77.1", "10.77.6"]);
    let copy = two(4);
    let record = Record {
        connected: BTreeSet::from([(2, 0), (2, 1)]),
        intended: [&copy, &moved].map(digest).into(),
        ..record()
    };
    let mut look = well(&moved);
    look.links.retain(|(peer, _), _| *peer == 2);
    look.links.get_mut(&(2, 1)).unwrap().connected = false;
    let Deed::Write(text, _) = decide(&record, &copy, &look, NEW) else { panic!("written") };
    assert_eq!((text.config_version(), text.links()), (Some(103), BTreeSet::from([0])));
}

#[test]
fn what_no_change_did_is_not_for_it_to_repair() {
    let mut look = lost(&one(4));
    look.members.remove(&3);
    assert!(
        matches!(decided(&look, NEW), Deed::Leave(reason) if reason.starts_with("the file was not changed; "))
    );
    // put back, and a node is still away, which may come back with another version
    assert!(matches!(at_last(&lost(&one(104))), Deed::Later(_)));
    // somebody has gone further with the text of the change
    assert!(
        matches!(at_last(&lost(&two(105))), Deed::Leave(reason) if reason.starts_with("the file was changed further; "))
    );
    assert!(matches!(decided(&lost(&two(103)), OVER), Deed::Write(..)));
    assert!(matches!(decided(&lost(&two(104)), OVER), Deed::Write(..)));
    // a text that is as it was says nothing where corosync runs another one, or the cluster has another one
    assert!(matches!(decided(&Look { version: Some(3), ..well(&one(4)) }, NEW), Deed::Reload(_)));
    let behind = Look { cluster: Some(two(5)), ..well(&one(4)) };
    assert_eq!(decided(&behind, NEW), Deed::Follow(two(5)));
}

/// The others go on with a change that every node has proved, of which this node, alone, has put the copy back.
#[test]
fn two_versions_converge_on_the_clusters_text_above_both() {
    let mixed = |others: u64, cluster: Document| Look {
        members: BTreeMap::from([(1, 104), (2, others), (3, others)]),
        cluster: Some(cluster),
        proof: proof(&two(5)),
        ..well(&one(104))
    };
    assert_eq!(at_last(&mixed(5, two(5))), Deed::Raise(two(105)));
    // two nodes, none of which can be spared
    let two_nodes = Look { spare: false, members: BTreeMap::from([(1, 104), (2, 5)]), ..mixed(5, two(5)) };
    assert_eq!(at_last(&two_nodes), Deed::Raise(two(105)));
    // what they run is theirs, whatever it is
    assert_eq!(at_last(&mixed(6, four(6, "pve4"))), Deed::Raise(four(105, "pve4")));
    // .. and what nobody runs is somebody's mistake
    assert!(matches!(at_last(&mixed(104, conf(6, &["10.8.8"]))), Deed::Leave(_)));
    assert!(matches!(at_last(&mixed(7, conf(6, &["10.8.8"]))), Deed::Leave(_)));
    // all of them have put it back, and still it is proved
    assert_eq!(at_last(&mixed(104, two(5))), Deed::Raise(two(105)));
    // seen from one that goes on with the change
    let from =
        Look { members: BTreeMap::from([(1, 5), (2, 104), (3, 5)]), proof: proof(&two(5)), ..well(&two(5)) };
    assert_eq!(at_last(&from), Deed::Raise(two(105)));
    for (runs, raised) in [(105, 106), (300, 301)] {
        let highest = Look { members: BTreeMap::from([(1, 5), (2, runs)]), ..well(&two(5)) };
        assert_eq!(at_last(&highest), Deed::Raise(two(raised)));
    }
    let last = Look { members: BTreeMap::from([(1, 5), (2, u64::MAX)]), ..well(&two(5)) };
    assert!(matches!(at_last(&last), Deed::Leave(_)));
}

/// Nobody has proved the change, and it may be the reason why some node has put the copy back: giving it to the cluster again would take the
/// quorum once more (seen in the lab).
#[test]
fn two_versions_converge_on_the_copy_where_nobody_has_proved_the_change() {
    for members in [[(1, 104), (2, 5), (3, 5)], [(1, 104), (2, 104), (3, 5)], [(1, 104), (2, 104), (3, 104)]]
    {
        let look = Look { members: members.into(), cluster: Some(two(5)), ..well(&one(104)) };
        assert_eq!(decided(&look, NEW), Deed::Write(one(104), vec!["the copy is in use".to_owned()]));
        // of another text
        let look = Look { proof: proof(&moved(5)), ..look };
        assert!(matches!(decided(&look, OVER), Deed::Write(..)));
    }
    let from = Look { members: BTreeMap::from([(1, 5), (2, 104), (3, 5)]), ..well(&two(5)) };
    assert!(matches!(decided(&from, NEW), Deed::Write(text, _) if text == one(104)));
    let own = Look { version: Some(5), cluster: Some(two(5)), ..well(&one(104)) };
    assert!(matches!(decided(&own, NEW), Deed::Write(..)));
}

/// A node that was away while the others put the copy back.
#[test]
fn a_node_that_lags_the_restored_file_is_brought_on() {
    let restored = well(&one(104));
    let lags = Look { local: Some(two(5)), ..restored.clone() };
    assert_eq!(decided(&lags, NEW), Deed::Follow(one(104)));
    assert!(matches!(decided(&lags, OVER), Deed::Later(_)));
    assert_eq!(decided(&Look { local: None, ..restored.clone() }, NEW), Deed::Follow(one(104)));
    // it has the file, and does not run it
    let behind = Look { version: Some(5), ..restored.clone() };
    assert!(matches!(decided(&behind, NEW), Deed::Reload(_)));
    assert!(matches!(decided(&behind, OVER), Deed::Restart(_)));
    assert!(matches!(decided(&Look { spare: false, ..behind.clone() }, OVER), Deed::Later(_)));
    // once is enough
    assert!(matches!(decided(&behind, Patience { restarted: true, ..OVER }), Deed::Later(_)));
    // another one does not run it
    let mut other = restored.clone();
    other.members.insert(3, 5);
    assert!(matches!(decided(&other, NEW), Deed::Reload(_)));
    assert!(matches!(decided(&other, OVER), Deed::Later(_)));
    // addresses that a reload does not change
    let mut address = restored;
    address.links.get_mut(&(2, 0)).unwrap().local = "10.9.9.1".to_owned();
    assert!(matches!(decided(&address, NEW), Deed::Reload(_)));
    assert!(matches!(decided(&address, OVER), Deed::Restart(_)));
    // also a text further on that a member lags: it would be turned away at its next start (found by the model)
    for further in [
        Look { local: Some(two(5)), ..well(&two(105)) },
        Look { members: BTreeMap::from([(1, 105), (2, 105), (3, 5)]), ..well(&two(105)) },
        Look { version: Some(5), spare: false, ..well(&two(105)) },
    ] {
        assert!(matches!(decided(&further, OVER), Deed::Later(_)), "{further:?}");
    }
    let further = Look { version: Some(104), ..well(&two(105)) };
    assert!(matches!(decided(&further, NEW), Deed::Reload(_)));
}

#[test]
fn a_change_that_was_only_not_followed_is_followed_first_and_undone_then() {
    let lags = Look { local: Some(one(4)), ..well(&two(5)) };
    assert_eq!(decided(&lags, NEW), Deed::Follow(two(5)));
    assert!(matches!(decided(&lags, OVER), Deed::Write(text, _) if text == one(104)));
    let mut behind = well(&two(5));
    behind.members.insert(2, 4);
    assert!(matches!(decided(&behind, NEW), Deed::Reload(_)));
    assert!(matches!(decided(&behind, OVER), Deed::Write(..)));
    // something else is wrong, too
    let mut lost = lost(&two(5));
    lost.members.insert(2, 4);
    assert!(matches!(decided(&lost, NEW), Deed::Write(..)));
}

#[test]
fn every_problem_is_told() {
    let told = |look: &Look| match decided(look, Patience { started: true, ..OVER }) {
        Deed::Write(_, reasons) | Deed::PutBack(reasons) => reasons.join("; "),
        Deed::Leave(reason) | Deed::Wait(reason) | Deed::Later(reason) => reason,
        other => format!("{other:?}"),
    };
    let off = Look {
        runs: false,
        version: None,
        members: BTreeMap::new(),
        links: BTreeMap::new(),
        ..alone(&two(5))
    };
    assert_eq!(
        told(&off),
        "corosync does not run; link 0 to node 2 is not connected; link 0 to node 3 is not connected"
    );
    let version = Look { version: None, spare: false, ..well(&two(5)) };
    assert!(
        told(&version).starts_with(
            "corosync runs config_version none, and its file has 5; node 1 runs config_version 5"
        )
    );
    for (end, place) in [("10.9.9.1", true), ("10.9.9.2", false)] {
        let mut look = well(&two(5));
        let link = look.links.get_mut(&(2, 0)).unwrap();
        *(if place { &mut link.local } else { &mut link.remote }) = end.to_owned();
        let (from, to) = if place { (end, "10.77.1.2") } else { ("10.77.1.1", end) };
        assert_eq!(
            told(&look),
            format!("link 0 to node 2 runs from {from} to {to}, not from 10.77.1.1 to 10.77.1.2")
        );
    }
    // a name says nothing about an address
    let mut look = well(&two(5));
    look.links.get_mut(&(2, 0)).unwrap().local = "pve1".to_owned();
    assert!(matches!(decided(&look, NEW), Deed::Done(_)));
}
