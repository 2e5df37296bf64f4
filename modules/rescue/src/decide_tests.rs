// SPDX-License-Identifier: GPL-3.0-or-later
//! Every situation in which the rescue may find its node.

use std::collections::{BTreeMap, BTreeSet};

use corosync_document::Document;

use crate::decide::{Deed, Patience, decide};
use crate::look::{Link, Look};
use crate::record::Record;

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

fn record() -> Record {
    Record {
        nodeid: 1,
        version: 4,
        seconds: 300,
        ha_armed: false,
        connected: BTreeSet::from([(2, 0), (3, 0)]),
    }
}

/// Node 1, well, with this file everywhere.
fn well(text: &Document) -> Look {
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
        locked_for: None,
    }
}

fn one(version: u64) -> Document {
    conf(version, &["10.77.1"])
}

fn two(version: u64) -> Document {
    conf(version, &["10.77.1", "10.77.5"])
}

fn decided(look: &Look, patience: Patience) -> Deed {
    decide(&record(), &one(4), look, patience)
}

const NEW: Patience = Patience { over: false, long_over: false, rebooted: false };
const OVER: Patience = Patience { over: true, ..NEW };
const REBOOTED: Patience = Patience { rebooted: true, ..NEW };

#[test]
fn a_cluster_that_is_well_is_left() {
    assert_eq!(decided(&well(&one(4)), NEW), Deed::Done("nothing was changed"));
    assert_eq!(decided(&well(&one(5)), NEW), Deed::Done("the change is in use and has cost nothing"));
    assert_eq!(decided(&well(&one(104)), NEW), Deed::Done("the copy is in use again"));
    // a link that the file does without was taken away on purpose
    let mut look = well(&conf(5, &["10.77.1"]));
    let mut record = record();
    record.connected.insert((2, 1));
    look.links.remove(&(2, 1));
    let copy = two(4);
    assert_eq!(decide(&record, &copy, &look, NEW), Deed::Done("the change is in use and has cost nothing"));
}

#[test]
fn while_somebody_changes_the_file_it_waits() {
    let broken = || Look { locked_for: Some(119), refusal: Some("no".to_owned()), ..well(&one(5)) };
    assert_eq!(decided(&broken(), OVER), Deed::Wait("a change of corosync.conf is under way".to_owned()));
    assert!(matches!(decided(&Look { locked_for: Some(120), ..broken() }, NEW), Deed::Write(..)));
    // without quorum nobody can go on with it
    let look = Look { quorate: false, ..broken() };
    assert!(matches!(decided(&look, NEW), Deed::PutBack(_)));
}

#[test]
fn without_quorum_a_node_mends_itself() {
    let alone = |text: &Document| Look {
        quorate: false,
        spare: false,
        members: BTreeMap::from([(1, text.config_version().unwrap())]),
        ..well(text)
    };
    assert_eq!(decided(&alone(&one(5)), NEW), Deed::PutBack(vec!["this node is not quorate".to_owned()]));
    // it has never had the change, and its file is as good as the copy
    assert!(matches!(decided(&alone(&one(4)), OVER), Deed::Wait(_)));
    // .. unless corosync does not run: the others turn its version away
    let off = Look { runs: false, version: None, ..alone(&one(4)) };
    assert!(matches!(decided(&off, NEW), Deed::PutBack(_)));
    // put back: once to be started, then to be waited for
    assert!(matches!(decided(&Look { version: Some(5), ..alone(&one(104)) }, NEW), Deed::Restart(_)));
    assert!(matches!(decided(&Look { runs: false, ..alone(&one(104)) }, NEW), Deed::Restart(_)));
    assert!(matches!(decided(&alone(&one(104)), OVER), Deed::Wait(_)));
}

#[test]
fn a_node_that_was_started_anew_waits_for_its_site() {
    let look = Look { quorate: false, ..well(&one(5)) };
    assert!(matches!(decided(&look, REBOOTED), Deed::Wait(_)));
    assert!(matches!(decided(&look, Patience { over: true, ..REBOOTED }), Deed::Wait(_)));
    assert!(matches!(decided(&look, Patience { long_over: true, ..REBOOTED }), Deed::PutBack(_)));
    let off = Look { runs: false, version: None, ..look };
    assert!(matches!(decided(&off, REBOOTED), Deed::PutBack(_)));
}

#[test]
fn with_quorum_one_node_writes_for_all() {
    let mut lost = well(&one(5));
    lost.links.get_mut(&(3, 0)).unwrap().connected = false;
    let reasons = vec!["link 0 to node 3 is not connected".to_owned()];
    assert_eq!(decided(&lost, NEW), Deed::Write(one(104), reasons));
    // corosync has not taken the addresses of the file, with which it would start
    let moved =
        Look { local: Some(conf(5, &["10.9.9"])), cluster: Some(conf(5, &["10.9.9"])), ..well(&one(5)) };
    assert!(matches!(decided(&moved, NEW), Deed::Write(text, _) if text == one(104)));
    let refused = Look { refusal: Some("Invalid transport type.".to_owned()), ..well(&one(5)) };
    let reasons = vec!["corosync would not start from its file: Invalid transport type.".to_owned()];
    assert_eq!(decided(&refused, NEW), Deed::Write(one(104), reasons));
}

#[test]
fn a_link_with_other_addresses_is_taken_away_first() {
    let record = Record { connected: BTreeSet::from([(2, 0), (3, 0), (2, 1), (3, 1)]), ..record() };
    let moved = conf(5, &["10.77.1", "10.77.6"]);
    let mut look = well(&moved);
    look.links.get_mut(&(3, 1)).unwrap().connected = false;
    let Deed::Write(between, _) = decide(&record, &two(4), &look, NEW) else { panic!("written") };
    assert_eq!((between.config_version(), between.links()), (Some(103), BTreeSet::from([0])));
    // all is well then, and still it is not done
    assert!(
        matches!(decide(&record, &two(4), &well(&between), NEW), Deed::Write(text, _) if text == two(104))
    );
    assert_eq!(decide(&record, &two(4), &well(&two(104)), NEW), Deed::Done("the copy is in use again"));
    // with no other link to carry, it goes back at once
    for peer in [2, 3] {
        look.links.get_mut(&(peer, 0)).unwrap().connected = false;
    }
    assert!(matches!(decide(&record, &two(4), &look, NEW), Deed::Write(text, _) if text == two(104)));
}

#[test]
fn what_no_change_did_is_not_for_it_to_mend() {
    let mut look = well(&one(4));
    look.links.get_mut(&(3, 0)).unwrap().connected = false;
    look.members.remove(&3);
    assert!(
        matches!(decided(&look, NEW), Deed::Leave(reason) if reason.starts_with("the file was not changed; "))
    );
    // put back, and a node is still away
    let mut look = well(&one(104));
    look.links.get_mut(&(3, 0)).unwrap().connected = false;
    assert!(matches!(decided(&look, NEW), Deed::Wait(_)));
    assert!(matches!(decided(&look, OVER), Deed::Leave(_)));
    // somebody has gone further
    let look = Look { refusal: Some("no".to_owned()), ..well(&one(105)) };
    assert!(matches!(decided(&look, NEW), Deed::Wait(_)));
    assert!(matches!(decided(&look, OVER), Deed::Leave(_)));
}

#[test]
fn the_others_are_followed_when_they_did_without_it() {
    let mixed = |others: u64, cluster: u64| Look {
        members: BTreeMap::from([(1, 104), (2, others), (3, others)]),
        cluster: Some(one(cluster)),
        ..well(&one(104))
    };
    // they may be about to put it back too
    assert!(matches!(decided(&mixed(5, 5), NEW), Deed::Wait(_)));
    assert_eq!(decided(&mixed(5, 5), OVER), Deed::Adopt(one(5)));
    // they all have: the cluster's file is the last thing
    assert_eq!(decided(&mixed(104, 5), NEW), Deed::Write(one(104), vec!["the copy is in use".to_owned()]));
    assert!(matches!(decided(&mixed(6, 5), OVER), Deed::Leave(_)));
    // they have put it back, and pmxcfs has brought the file here, which corosync does not run yet
    let behind = Look { version: Some(5), ..well(&one(104)) };
    assert!(matches!(decided(&behind, NEW), Deed::Restart(_)));
}
