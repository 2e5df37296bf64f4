// SPDX-License-Identifier: GPL-3.0-or-later
//! Every reason not to admit, who gets votes, and that no newcomer costs the members their quorum.

use corosync_document::Document;
use membership::fake;
use membership::seen::{Conf, Peer};
use proptest::prelude::*;

use crate::args::{Absent, Offer, Votes};
use crate::plan::{Cluster, Newcomer, Node, Round, admission, fixed, round, with_newcomers, with_round};
use crate::words;

pub(crate) fn peer(text: &str) -> Peer {
    membership::probe::peer(text, &|_| false).unwrap()
}

fn conf(peer: &Peer) -> &Conf {
    peer.view.conf.conf().unwrap()
}

/// An offer of this node, as its nodeid has it in the fakes.
pub(crate) fn offer(node: &str, last: u8) -> Offer {
    Offer {
        node: node.to_owned(),
        id: "an id".to_owned(),
        expires: 1,
        certificate: String::new(),
        links: vec![(0, format!("10.77.1.{last}").parse().unwrap())],
        nodeid: None,
        pve: Some("9.1.6".to_owned()),
        join_api: Some(1),
    }
}

fn pair() -> Peer {
    peer(&fake::peer(2, fake::PAIR, &[(1, 2), (2, 2)]))
}

fn refused(offers: &[Offer], inside: &[&str]) -> Vec<String> {
    let peer = pair();
    let inside: Vec<String> = inside.iter().map(|name| (*name).to_owned()).collect();
    let reasons = admission(&peer, conf(&peer), offers, &inside).unwrap_err();
    assert!(reasons.iter().all(|reason| !reason.passing));
    words::texts(&reasons)
}

#[test]
fn newcomers_get_the_lowest_free_nodeids_and_those_that_they_want() {
    let peer = pair();
    let third = Offer { nodeid: Some(3), ..offer("pve5", 15) };
    let newcomers =
        admission(&peer, conf(&peer), &[offer("pve3", 13), offer("pve4", 14), third], &[]).unwrap();
    let ids: Vec<(&str, u32)> = newcomers.iter().map(|one| (one.name.as_str(), one.nodeid)).collect();
    assert_eq!(ids, [("pve3", 4), ("pve4", 5), ("pve5", 3)]);
    assert_eq!(newcomers[0].links, offer("pve3", 13).links);
    assert_eq!(admission(&peer, conf(&peer), &[], &["pve2".to_owned()]).unwrap(), []);
}

#[test]
fn all_reasons_of_all_newcomers_are_told_at_once() {
    let two = Offer {
        links: vec![(0, "10.77.1.13".parse().unwrap()), (1, "10.77.2.14".parse().unwrap())],
        pve: Some("7.4.1".to_owned()),
        ..offer("pve4", 14)
    };
    let wants = |node: &str, last| Offer { nodeid: Some(2), join_api: None, pve: None, ..offer(node, last) };
    assert_eq!(
        refused(&[offer("pve3", 13), two, wants("pve5", 12)], &["pve9"]),
        [
            "'pve9' says that it is a member of the cluster, which does not list it: it is one of another cluster of that name",
            "link 0 of 'pve3' has address '10.77.1.13', which node 'pve4' has too",
            "Proxmox VE on 'pve4' is 7.4.1, and what a join does is known of versions 8 and 9 only: let nodes join over ssh \
             (cluster_join_method: ssh)",
            "'pve4' has link 1 ('10.77.2.14'), which does not exist in the cluster",
            "Proxmox VE on 'pve5' is of an unknown version, and what a join does is known of versions 8 and 9 only: let nodes join \
             over ssh (cluster_join_method: ssh)",
            "pvecm on 'pve5' speaks an unknown version of the join API, and only version 1 is known: let nodes join over ssh \
             (cluster_join_method: ssh)",
            "link 0 of 'pve5' has address '10.77.1.12', which node 'pve2' has too",
            "nodeid 2, which 'pve5' wants, belongs to node 'pve2'",
        ]
    );
    let without =
        Offer { links: vec![(1, "10.77.2.13".parse().unwrap())], join_api: Some(2), ..offer("pve3", 13) };
    assert_eq!(
        refused(&[without], &[]),
        [
            "pvecm on 'pve3' speaks version 2 of the join API, and only version 1 is known: let nodes join over ssh \
             (cluster_join_method: ssh)",
            "'pve3' has link 1 ('10.77.2.13'), which does not exist in the cluster",
            "the cluster has a link 0, for which 'pve3' has no address",
        ]
    );
    let both = |node: &str, last| Offer { nodeid: Some(7), ..offer(node, last) };
    assert_eq!(
        refused(&[both("pve3", 13), both("pve4", 14)], &[]),
        ["nodeid 7, which 'pve4' wants, belongs to node 'pve3'"]
    );
}

#[test]
fn a_node_that_is_listed_already() {
    let online = pair();
    let words = |peer: &Peer, offer: Offer| {
        admission(peer, conf(peer), &[offer], &[]).map_err(|reasons| words::texts(&reasons).join("; "))
    };
    assert_eq!(
        words(&online, offer("pve2", 12)).unwrap_err(),
        "the cluster has another node named 'pve2', which is online: node names must differ"
    );
    let text = fake::peer(2, fake::PAIR, &[(1, 2)]);
    assert_eq!(
        words(&peer(&text), offer("pve2", 12)).unwrap_err(),
        "the cluster lists 'pve2' already, with 1 votes, and that node says that it is none of the cluster's: repair it \
         (playbooks/cluster-repair.yml), or remove the entry first with 'pvecm delnode pve2'"
    );
    let mut off = peer(&text);
    let membership::seen::ConfFile::Read(conf) = &mut off.view.conf else { panic!() };
    conf.nodes.get_mut(&2).unwrap().votes = 0;
    assert_eq!(words(&off, offer("pve2", 12)), Ok(Vec::new()));
    assert_eq!(words(&off, Offer { nodeid: Some(2), ..offer("pve2", 12) }), Ok(Vec::new()));
    let otherwise = "the cluster lists 'pve2' without a vote since an earlier round, with another address or nodeid than it \
                     offers: remove the entry first with 'pvecm delnode pve2'";
    assert_eq!(words(&off, offer("pve2", 13)).unwrap_err(), otherwise);
    assert_eq!(words(&off, Offer { nodeid: Some(3), ..offer("pve2", 12) }).unwrap_err(), otherwise);
}

fn node(name: &str, votes: u32, runs: Option<u64>, counted: bool) -> Node {
    Node { name: name.to_owned(), votes, runs, counted }
}

fn asked(names: &[&str]) -> Votes {
    names.iter().map(|name| ((*name).to_owned(), 1)).collect()
}

#[test]
fn votes_are_for_those_that_are_there() {
    let cluster = Cluster {
        version: 3,
        nodes: vec![
            node("pve1", 1, Some(3), true),
            node("pve2", 0, Some(3), true),
            node("pve3", 0, None, false),
            node("pve4", 0, Some(2), true),
            node("pve5", 0, Some(3), false),
        ],
    };
    let all = asked(&["pve1", "pve2", "pve3", "pve4", "pve5", "pve6"]);
    let found = round(&cluster, &all, Absent::Removed).unwrap();
    let words: Vec<(&str, &str)> =
        found.absent.iter().map(|(name, why)| (name.as_str(), why.word())).collect();
    assert_eq!(
        words,
        [
            ("pve3", "not_seen"),
            ("pve4", "other_version"),
            ("pve5", "not_synchronised"),
            ("pve6", "not_listed")
        ]
    );
    assert_eq!(found.votes, asked(&["pve2"]));
    assert_eq!(found.removed, ["pve3", "pve4", "pve5"]);
    assert!(!found.is_nothing());
    let kept = round(&cluster, &all, Absent::Kept).unwrap();
    assert_eq!((kept.votes, kept.removed.len()), (asked(&["pve2"]), 0));
    let only = round(&cluster, &asked(&["pve3"]), Absent::Removed).unwrap();
    assert!(only.votes.is_empty() && !only.is_nothing());
    // one with no vote for ever is there, and that is all
    let none = round(&cluster, &[("pve2".to_owned(), 0)], Absent::Removed).unwrap();
    assert!(none.is_nothing() && none.absent.is_empty());
}

#[test]
fn nobody_gets_votes_from_a_part_that_is_not_quorate() {
    let cluster = Cluster {
        version: 3,
        nodes: vec![
            node("pve1", 1, Some(3), true),
            node("pve2", 0, Some(3), true),
            node("pve3", 1, None, false),
            node("pve4", 1, None, false),
        ],
    };
    let reason = round(&cluster, &asked(&["pve2"]), Absent::Kept).unwrap_err();
    assert_eq!(reason.text, "the cluster would have 2 votes of the 3 that it would need");
    assert!(reason.passing);
}

#[test]
fn the_file_before_and_after() {
    let before = Document::parse(fake::conf(2, fake::PAIR).as_bytes());
    let newcomer = Newcomer { name: "pve3".into(), nodeid: 3, links: offer("pve3", 13).links };
    let listed = with_newcomers(&before, &[newcomer]).unwrap();
    let added = listed.nodes().pop().unwrap();
    assert_eq!((added.name.as_str(), added.nodeid, added.votes), ("pve3", Some(3), 0));
    assert_eq!(added.addresses[&0], "10.77.1.13");
    assert_eq!((listed.config_version(), listed.nodes().len()), (Some(3), 3));
    assert_eq!(corosync_document::disagreements(&listed).len(), 0);
    let given = with_round(&listed, &Round { votes: asked(&["pve3"]), ..Round::default() }).unwrap();
    assert_eq!((given.config_version(), given.nodes().pop().unwrap().votes), (Some(4), 1));
    let gone = with_round(&listed, &Round { removed: vec!["pve3".into()], ..Round::default() }).unwrap();
    assert_eq!((gone.config_version(), gone.nodes()), (Some(4), before.nodes()));
    let none = Document::parse(b"totem {\n}\n");
    assert_eq!(with_round(&none, &Round::default()).unwrap_err(), "it has no config_version");
}

/// `pvecm expected` holds only until the next version: with one that takes out nobody but newcomers the cluster would lose quorum all the same.
#[test]
fn nobody_is_taken_out_where_the_votes_that_are_expected_were_lowered() {
    let left = |off: Option<u64>| Cluster {
        version: 5,
        nodes: vec![
            node("pve1", 1, Some(5), true),
            node("pve2", 1, off, off.is_some()),
            node("pve3", 0, None, false),
        ],
    };
    let refused = round(&left(None), &asked(&["pve3"]), Absent::Removed).unwrap_err();
    assert_eq!(refused, words::would_cost_quorum(1, 2));
    let removed = round(&left(Some(5)), &asked(&["pve3"]), Absent::Removed).unwrap();
    assert_eq!(removed.removed, ["pve3".to_owned()]);
    assert!(round(&left(None), &asked(&["pve3"]), Absent::Kept).unwrap().is_nothing());
}

#[test]
fn what_the_file_fixes_of_the_quorum_is_in_the_way() {
    let said = |lines: &str| {
        let text = format!("quorum {{\n  provider: corosync_votequorum\n{lines}}}\n");
        fixed(&Document::parse(text.as_bytes())).into_iter().map(|reason| reason.text).collect::<Vec<_>>()
    };
    let reason = |line: &str| {
        format!(
            "'/etc/pve/corosync.conf' has '{line}' in its section quorum, which would be wrong with more nodes: remove it first"
        )
    };
    assert_eq!(said(""), Vec::<String>::new());
    assert_eq!(said("  two_node: 0\n"), Vec::<String>::new());
    assert_eq!(
        said("  expected_votes: 2\n  two_node: 1\n"),
        [reason("expected_votes: 2"), reason("two_node: 1")]
    );
}

/// What corosync makes of a part of the nodes that run one version.
fn quorate(nodes: &[Node], part: impl Fn(&Node) -> bool) -> bool {
    let expected: u32 = nodes.iter().map(|node| node.votes).sum();
    let total: u32 = nodes.iter().filter(|node| part(node)).map(|node| node.votes).sum();
    total > expected / 2
}

prop_compose! {
    fn a_cluster()(
        members in prop::collection::vec((1u32..4, any::<bool>()), 1..32),
        newcomers in prop::collection::vec((0u32..4, 0u8..5), 0..33),
    ) -> (Cluster, Votes) {
        let mut nodes = Vec::new();
        let mut asked = Votes::new();
        for (number, (votes, here)) in members.into_iter().enumerate() {
            nodes.push(node(&format!("m{number}"), votes, here.then_some(5), here));
        }
        for (number, (votes, how)) in newcomers.into_iter().enumerate() {
            let name = format!("n{number}");
            asked.push((name.clone(), votes));
            match how {
                0 => {}
                1 => nodes.push(node(&name, 0, None, false)),
                2 => nodes.push(node(&name, 0, Some(4), true)),
                3 => nodes.push(node(&name, 0, Some(5), false)),
                _ => nodes.push(node(&name, 0, Some(5), true)),
            }
        }
        (Cluster { version: 5, nodes }, asked)
    }
}

proptest! {
    /// To 64 nodes: whatever part of the newcomers is there, the members that see each other keep the quorum that they have, before
    /// votes are given, after it, and no part without members is ever quorate before.
    #[test]
    fn no_newcomer_costs_the_members_their_quorum((cluster, asked) in a_cluster(), removed in any::<bool>()) {
        let member = |node: &Node| node.name.starts_with('m');
        let before = quorate(&cluster.nodes, |node| node.runs.is_some());
        prop_assert_eq!(before, quorate(&cluster.nodes, |node| member(node) && node.runs.is_some()));
        prop_assert!(!quorate(&cluster.nodes, |node| !member(node)));
        let absent = if removed { Absent::Removed } else { Absent::Kept };
        match round(&cluster, &asked, absent) {
            Ok(round) => {
                let mut after = cluster.nodes.clone();
                after.retain(|node| !round.removed.contains(&node.name));
                for node in &mut after {
                    if let Some((_, votes)) = round.votes.iter().find(|(name, _)| *name == node.name) {
                        prop_assert!(node.votes == 0 && node.runs == Some(5) && node.counted);
                        node.votes = *votes;
                    }
                }
                prop_assert!(after.iter().filter(|node| member(node)).count() == cluster.nodes.iter().filter(|node| member(node)).count());
                if before || !round.votes.is_empty() {
                    prop_assert!(quorate(&after, |node| node.runs.is_some()));
                }
                let done = round_of_done(&round, &cluster, &asked);
                prop_assert!(done);
            }
            Err(_) => prop_assert!(!before),
        }
    }
}

/// Whether each that is asked for is either given its votes, absent with a reason, or wants none.
fn round_of_done(round: &Round, cluster: &Cluster, asked: &Votes) -> bool {
    asked.iter().all(|(name, votes)| {
        let given = round.votes.iter().any(|(given, _)| given == name);
        let absent = round.absent.iter().any(|(absent, _)| absent == name);
        let there = cluster.nodes.iter().any(|node| node.name == *name);
        given != absent || (*votes == 0 && there && !given && !absent)
    })
}
