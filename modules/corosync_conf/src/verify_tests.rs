// SPDX-License-Identifier: GPL-3.0-or-later
//! What one look after a change finds missing.

use std::collections::BTreeSet;

use corosync_document::Document;
use testkit::FakeHost;

use crate::fake::{CLUSTER, LOCAL, Trouble, conf, node};
use crate::plan::{Change, Changed, Member};
use crate::verify::look;

/// A change to this text, which touches link 0.
fn change(after: &str) -> Change {
    let member = |nodeid| Member { name: format!("pve{nodeid}"), nodeid };
    Change {
        before: Document::parse(conf(6).as_bytes()),
        after: Document::parse(after.as_bytes()),
        version: 7,
        changes: Vec::new(),
        members: [1, 2, 3].map(member).to_vec(),
        connected_before: BTreeSet::new(),
        connected: BTreeSet::from([(2, 0), (3, 0)]),
        links: BTreeSet::from([0]),
    }
}

fn missing(host: &FakeHost, after: &str) -> Vec<String> {
    look(host, &change(after)).missing
}

#[test]
fn all_is_as_it_should_be() {
    assert_eq!(missing(&node(&conf(7), Trouble::default()), &conf(7)), [""; 0]);
}

#[test]
fn a_text_that_is_another_one_is_missing() {
    for (path, name) in [(CLUSTER, "/etc/pve/corosync.conf"), (LOCAL, "/etc/corosync/corosync.conf")] {
        let host = node(&conf(7), Trouble::default()).file(path, conf(6));
        assert_eq!(missing(&host, &conf(7)), [format!("'{name}' on this node has another text")]);
        host.change(|machine| machine.remove(path));
        assert_eq!(missing(&host, &conf(7)), [format!("'{name}' is not there on this node")]);
    }
}

#[test]
fn an_address_that_runs_otherwise_at_either_end_is_missing() {
    for (from, to, expected) in [
        (
            "10.77.1.12",
            "10.77.1.22",
            &["link 0 to 'pve2' runs from 10.77.1.11 to 10.77.1.12, not from 10.77.1.11 to 10.77.1.22"][..],
        ),
        (
            "10.77.1.11",
            "10.77.1.21",
            &[
                "link 0 to 'pve2' runs from 10.77.1.11 to 10.77.1.12, not from 10.77.1.21 to 10.77.1.12",
                "link 0 to 'pve3' runs from 10.77.1.11 to 10.77.1.13, not from 10.77.1.21 to 10.77.1.13",
            ],
        ),
    ] {
        let after = conf(7).replace(from, to);
        let host = node(&conf(7), Trouble::default()).file(CLUSTER, &after).file(LOCAL, &after);
        assert_eq!(missing(&host, &after), expected);
    }
}

#[test]
fn a_name_in_the_file_says_nothing_of_the_address_that_runs() {
    let after = conf(7).replace("10.77.1.12", "pve2.example.com");
    let host = node(&conf(7), Trouble::default()).file(CLUSTER, &after).file(LOCAL, &after);
    assert_eq!(missing(&host, &after), [""; 0]);
}

#[test]
fn without_pmxcfs_or_quorum_there_is_no_proof() {
    let host = node(&conf(7), Trouble::default());
    host.change(|machine| machine.set_quorate(false));
    assert_eq!(missing(&host, &conf(7)), ["this node is not quorate"]);
    host.change(|machine| machine.unmount("/etc/pve"));
    assert_eq!(missing(&host, &conf(7))[0], "/etc/pve is not mounted");
}

fn changed(key: &str, after: &str) -> Vec<Changed> {
    vec![Changed { key: key.to_owned(), before: None, after: Some(after.to_owned()) }]
}

#[test]
fn votes_are_counted_where_votes_were_changed() {
    let votes = |node: u32| {
        conf(7).replace(
            &format!("nodeid: {node}\n    quorum_votes: 1"),
            &format!("nodeid: {node}\n    quorum_votes: 2"),
        )
    };
    let after = votes(2);
    let host = node(&conf(7), Trouble::default()).file(CLUSTER, &after).file(LOCAL, &after);
    let with = |members: &[u32], changes: Vec<Changed>, after: &str| {
        let mut change = change(after);
        change.members.retain(|member| members.contains(&member.nodeid));
        look(&host, &Change { changes, ..change }).missing
    };
    let key = "nodelist.node[pve2].quorum_votes";
    assert_eq!(with(&[1, 2, 3], changed(key, "2"), &after), ["'pve2' has 1 votes, not 2"]);
    // of a node that is off nothing is counted, and without a change of votes nobody is asked
    assert_eq!(with(&[1, 3], changed(key, "2"), &after), [""; 0]);
    assert_eq!(with(&[1, 2, 3], Vec::new(), &after), [""; 0]);
}

#[test]
fn every_member_runs_the_version_and_this_node_the_values() {
    let late = node(&conf(7), Trouble { late: vec![3], ..Trouble::default() });
    assert_eq!(missing(&late, &conf(7)), ["corosync on 'pve3' runs config_version 6, not 7"]);
    let gone = node(&conf(7), Trouble { offline: vec![3], ..Trouble::default() });
    assert_eq!(
        missing(&gone, &conf(7)),
        ["node 'pve3' is no longer seen", "link 0 to 'pve3' is not connected"]
    );
    for (runs, expected) in [
        ("", &["corosync on this node has no 'totem.token'"][..]),
        ("  token: 4000\n", &["corosync on this node runs '4000' as 'totem.token'"]),
        ("  token: 5000\n", &[]),
    ] {
        let text = conf(7).replace("  token_coefficient", &format!("{runs}  token_coefficient"));
        let host = node(&text, Trouble::default());
        let change = Change { changes: changed("totem.token", "5000"), ..change(&text) };
        assert_eq!(look(&host, &change).missing, expected);
    }
}

#[test]
fn what_corosync_says_of_another_version_is_no_refusal() {
    let host = node(&conf(7), Trouble { refuses: Some(7), ..Trouble::default() });
    let refused = |version| look(&host, &Change { version, ..change(&conf(7)) }).refused;
    assert_eq!(refused(7).unwrap(), "corosync on this node says: Failed to set knet ping timers(2)");
    assert_eq!(refused(8), None);
}
