// SPDX-License-Identifier: GPL-3.0-or-later
//! Which number of votes is taken, up to its bounds.

use std::collections::BTreeMap;

use crate::args::Args;
use crate::fake::node;
use crate::observe::{Seen, seen};
use crate::plan::plan;

/// pve1 of three, where the members that it sees have `total` votes.
fn with_votes(total: u32) -> Seen {
    let mut seen = seen(&node(&[1], "")).unwrap();
    seen.running.as_mut().unwrap().quorum.total_votes = total;
    seen
}

/// The votes that are taken for those that the task names.
fn asked(total: u32, votes: i64) -> Result<Option<u32>, Vec<String>> {
    let args = Args {
        cluster_name: "prod".to_owned(),
        offline_nodes: vec!["pve2".to_owned(), "pve3".to_owned()],
        known_off: Vec::new(),
        reached: Vec::new(),
        votes: Some(votes),
        timeout: 60,
    };
    plan(&args, &with_votes(total), &[]).map(|plan| plan.votes)
}

#[test]
fn the_bounds_of_the_votes() {
    let fewer =
        |votes: i64, total: u32| Err(format!("{votes} votes are fewer than the {total} that this node sees"));
    let no_majority = |votes: i64, total: u32, most: i64| {
        Err(format!(
            "with {votes} expected votes the {total} that are there are no majority: expect {most} at most"
        ))
    };
    let none = || {
        let why = "no node that this one sees has a vote (admitted and without one yet: ), and so none becomes quorate: bring back a node that \
                   has one";
        Err(why.to_owned())
    };
    let more = |votes: i64| Err(format!("{votes} votes are more than all nodes have (3)"));
    let table = BTreeMap::from([
        // nodes without a vote
        ((0, -1), none()),
        ((0, 0), none()),
        ((0, 1), none()),
        ((1, 0), fewer(0, 1)),
        ((1, 1), Ok(Some(1))),
        ((1, 2), no_majority(2, 1, 1)),
        ((1, 3), no_majority(3, 1, 1)),
        ((1, 4), more(4)),
        ((2, 1), fewer(1, 2)),
        ((2, 2), Ok(Some(2))),
        ((2, 3), Ok(Some(3))),
        ((2, 4), more(4)),
    ]);
    for ((total, votes), expected) in table {
        assert_eq!(asked(total, votes), expected.map_err(|reason| vec![reason]), "{votes} of {total}");
    }
}
