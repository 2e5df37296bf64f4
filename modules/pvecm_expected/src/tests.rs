// SPDX-License-Identifier: GPL-3.0-or-later
//! Whole runs on a fake node: refusals in their words, the order of effects, faults at every step.

use host::Host;
use serde_json::{Value, json};
use testkit::{Answer, FakeHost, at_every_effect};

use crate::fake::{answer, given, node};

fn alone() -> FakeHost {
    node(&[1], "")
}

fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut given = given();
    given[name] = value.into();
    given
}

/// The refusal's reasons; nothing was done.
fn refused(host: &FakeHost, given: &Value) -> Vec<String> {
    let answer = answer(host, given);
    assert_eq!((&answer["failed"], &answer["changed"]), (&json!(true), &json!(false)), "{answer}");
    assert_eq!(host.effects(), Vec::<String>::new());
    serde_json::from_value(answer["reasons"].clone()).unwrap()
}

const LOGGED: &str = "run logger -t pve.cluster -p daemon.warning -- 'expected votes of cluster '\\''prod'\\'' are set from 3 to 1, with 1 \
                      of them here; taken to be off: pve2, pve3'";

#[test]
fn what_is_left_becomes_quorate_and_says_so_aloud() {
    let host = alone();
    let answer = answer(&host, &given());
    assert_eq!(answer["msg"], "cluster 'prod' is quorate here with 1 of 1 expected votes, which were 3");
    assert_eq!((&answer["changed"], &answer["failed"]), (&json!(true), &Value::Null), "{answer}");
    assert_eq!(
        (&answer["expected_votes"], &answer["expected_votes_before"], &answer["offline_nodes"]),
        (&json!(1), &json!(3), &json!(["pve2", "pve3"]))
    );
    assert_eq!(
        answer["warnings"],
        json!([
            "EMERGENCY: cluster 'prod' now works with 1 of its 3 votes, because 'pve2', 'pve3' were taken to be off. That no sign of \
             them was seen is all that is known. Should one of them run after all, apart from this side, both sides write and start \
             guests, and data is lost",
            "it ends by itself: as nodes come back, corosync counts them again, until all 3 votes are expected as before. Whatever does not \
             come back is to be removed from the cluster (cluster-remove-node)"
        ])
    );
    assert_eq!(host.effects(), [LOGGED, "run pvecm expected 1"]);
    assert!(host.elapsed().as_millis() >= 400, "until /etc/pve is writable");
}

#[test]
fn a_quorate_cluster_is_left_alone() {
    let host = node(&[1, 2], "");
    let answer = answer(&host, &with("offline_nodes", json!(["pve3"])));
    assert_eq!(answer["msg"], "cluster 'prod' is quorate with 2 of 3 votes: there is nothing to do");
    assert_eq!((&answer["changed"], &answer["warnings"]), (&json!(false), &Value::Null));
    assert_eq!(host.effects(), Vec::<String>::new());
}

#[test]
fn a_second_run_changes_nothing() {
    let host = alone();
    let _ = answer(&host, &given());
    host.revive();
    assert_eq!(answer(&host, &given())["changed"], false);
    assert_eq!(host.effects(), Vec::<String>::new());
}

#[test]
fn check_mode_gives_the_real_answer_and_changes_nothing() {
    let (host, twin) = (alone(), alone());
    let asked = |check: bool| {
        let mut given = with("_ansible_check_mode", check);
        given["_ansible_diff"] = true.into();
        given
    };
    assert_eq!(answer(&host, &asked(true)), answer(&twin, &asked(false)));
    assert_eq!(host.effects(), Vec::<String>::new());
}

#[test]
fn every_reason_not_to() {
    assert_eq!(
        refused(&alone(), &with("offline_nodes", json!(["pve2", "pve1", "pve9"]))),
        [
            "'pve3' is not seen from here and not among 'offline_nodes': look at it, and name it only when it is off",
            "'pve1' is among 'offline_nodes', and is a member that this node sees",
            "'pve9' is among 'offline_nodes', and is no node of this cluster"
        ]
    );
    let votes = [
        (0, "0 votes are fewer than the 1 that this node sees"),
        (4, "4 votes are more than all nodes have (3)"),
        (2, "with 2 expected votes the 1 that are there are no majority: expect 1 at most"),
    ];
    for (number, reason) in votes {
        assert_eq!(refused(&alone(), &with("votes", number)), [reason]);
    }
    assert_eq!(refused(&alone(), &with("cluster_name", "test")), ["this node is a member of cluster 'prod'"]);
    let unmounted = alone().with(|machine| machine.unmount("/etc/pve"));
    assert_eq!(
        refused(&unmounted, &given()),
        ["'/etc/pve' is not mounted: start it with 'systemctl start pve-cluster'"]
    );
    let stopped = Answer::exit(1, "", "Failed to initialize the cmap API. Error CS_ERR_LIBRARY\n");
    assert_eq!(
        refused(&alone().query("corosync-cmapctl", stopped), &given()),
        [
            "corosync is not running on this node: start it with 'systemctl start corosync', and see whether the node is quorate then"
        ]
    );
    assert_eq!(refused(&alone(), &with("timeout", 0)), ["'timeout' is 0, which is not between 1 and 600"]);
}

#[test]
fn all_addresses_of_the_missing_nodes_are_knocked_at() {
    let host = alone();
    let _ = answer(&host, &given());
    let knock = host.commands().into_iter().find(|command| command.program == "sh").unwrap();
    assert_eq!(knock.line(), "sh -s -- 10.77.0.12 10.77.0.13 10.77.1.12 10.77.1.13");
}

/// A program would take it for an option, and its failure would look like silence.
#[test]
fn an_address_that_no_program_can_be_given_leaves_it_unknown() {
    let host = alone();
    let conf = host.text("/etc/pve/corosync.conf").replace("10.77.1.13", "-c");
    let host = host.file("/etc/pve/corosync.conf", conf);
    assert_eq!(
        answer(&host, &with("known_off", json!(["pve2", "pve3"])))["msg"],
        "cannot make what is left of cluster 'prod' quorate: it is not known whether '-c', '10.77.0.12', '10.77.0.13', '10.77.1.12' answer: \
         '-c' is not an address"
    );
    assert_eq!(host.effects(), Vec::<String>::new());
}

/// What a person is told in a refusal beside who reached the node.
const NOT_OFF: &str = "repair what keeps corosync from it, or cut its power first; two sides of a cluster that both write lose data";
const WAY_OUT: &str =
    ". If this machine has no power, and something else has its address, name it in 'known_off'";

#[test]
fn what_answers_at_an_address_refuses_unless_its_node_is_known_to_be_off() {
    let host = || {
        node(
            &[1],
            "10.77.0.12 answers a ping\n10.77.0.12 accepts connections to TCP port 8006\n10.77.1.13 refuses connections to TCP port 22\n",
        )
    };
    let reached = [
        format!(
            "node 'pve2' is not off, it was reached by 'pve1' ('10.77.0.12' accepts connections to TCP port 8006, \
             '10.77.0.12' answers a ping): {NOT_OFF}{WAY_OUT}"
        ),
        format!(
            "node 'pve3' is not off, it was reached by 'pve1' ('10.77.1.13' refuses connections to TCP port 22): {NOT_OFF}{WAY_OUT}"
        ),
    ];
    assert_eq!(refused(&host(), &given()), reached);
    assert_eq!(refused(&host(), &with("known_off", json!(["pve2"]))), reached[1..]);
    let answer = answer(&host(), &with("known_off", json!(["pve2", "pve3"])));
    assert_eq!((&answer["failed"], &answer["changed"]), (&Value::Null, &json!(true)), "{answer}");
    assert_eq!(
        answer["warnings"][1],
        "something answers at the addresses of 'pve3', which is known to be off: 'pve1' ('10.77.1.13' refuses connections to TCP port 22)"
    );
}

#[test]
fn what_somebody_else_reached_refuses() {
    let seen = |itself: bool| {
        json!([
            {"node": "pve3", "by": "the controller", "how": "it answered Ansible", "itself": itself},
            {"node": "pve3", "by": "the controller", "how": "it answered Ansible", "itself": itself},
            {"node": "pve1", "by": "the controller", "how": "it answered Ansible", "itself": true},
        ])
    };
    let reached =
        format!("node 'pve3' is not off, it was reached by the controller (it answered Ansible): {NOT_OFF}");
    assert_eq!(refused(&alone(), &with("reached", seen(false))), [format!("{reached}{WAY_OUT}")]);
    assert_eq!(refused(&alone(), &with("reached", seen(true))), std::slice::from_ref(&reached));
    let mut known = with("reached", seen(true));
    known["known_off"] = json!(["pve3"]);
    assert_eq!(refused(&alone(), &known), [reached], "the node itself has answered");
    known["reached"] = seen(false);
    assert_eq!(answer(&alone(), &known)["changed"], true);
}

#[test]
fn a_node_that_corosync_still_has_a_link_to_is_not_off() {
    let host = alone().query("corosync-cfgtool -n", Answer::ok(crate::fake::links(&[1, 3])));
    let mut given = with("known_off", json!(["pve2", "pve3"]));
    let reached = format!(
        "node 'pve3' is not off, it was reached by 'pve1' (corosync has a connected link to it): {NOT_OFF}"
    );
    assert_eq!(refused(&host, &given), [reached]);
    let cut = crate::fake::links(&[1, 3]).replace(" connected", "");
    let host = alone().query("corosync-cfgtool -n", Answer::ok(cut));
    given["known_off"] = json!([]);
    assert_eq!(answer(&host, &given)["changed"], true);
}

#[test]
fn what_is_known_to_be_off_must_be_named_as_off() {
    assert_eq!(
        refused(&alone(), &with("known_off", json!(["pve3", "pve9"]))),
        ["'pve9' is among 'known_off', and not among 'offline_nodes': name it in both, or in none"]
    );
}

#[test]
fn when_nobody_can_be_asked_nothing_is_done() {
    let host = alone().query(
        "sh -s -- 10.77.0.12 10.77.0.13 10.77.1.12 10.77.1.13",
        Answer::exit(3, "", "there is no 'ping'\n"),
    );
    let answer = answer(&host, &given());
    assert_eq!(
        answer["msg"],
        "cannot make what is left of cluster 'prod' quorate: it is not known whether '10.77.0.12', '10.77.0.13', '10.77.1.12', \
         '10.77.1.13' answer: the program that knocks there ended with 3 (there is no 'ping')"
    );
    assert_eq!(host.effects(), Vec::<String>::new());
}

#[test]
fn what_pvecm_does_not_do_is_told() {
    let host = alone().action(
        "pvecm expected 1",
        Answer::exit(1, "", "Unable to set expected votes: CS_ERR_INVALID_PARAM\n"),
    );
    let answer = answer(&host, &given());
    assert_eq!(
        answer["msg"],
        "cannot make what is left of cluster 'prod' quorate: pvecm ended with 1 and said: Unable to set expected votes: \
         CS_ERR_INVALID_PARAM; now 3 votes are expected, not 1"
    );
    assert_eq!(answer["changed"], false);
    let silent = alone().action("pvecm expected 1", Answer::ok(""));
    let answer = crate::fake::answer(&silent, &given());
    assert_eq!(
        answer["msg"],
        "cannot make what is left of cluster 'prod' quorate: pvecm ended with 0 and said: nothing; now 3 votes are expected, not 1"
    );
}

#[test]
fn a_fault_at_any_step_is_told_and_the_next_run_finishes() {
    at_every_effect(alone, 5, |host, number| {
        let first = answer(host, &given());
        if !host.faulted() {
            assert_eq!(first["failed"], Value::Null, "{first}");
            return;
        }
        assert_eq!((&first["failed"], &first["changed"]), (&json!(true), &json!(false)), "{number}: {first}");
        assert_eq!(answer(host, &given())["changed"], true);
    });
}

#[test]
fn the_documentation_is_that_of_the_code() {
    testkit::assert_docs_match(&crate::args::spec());
}

/// Its rescue may bring the quorum back, and would take the lowered votes for its own change.
#[test]
fn while_a_rescue_is_armed_it_is_refused() {
    let host =
        alone().file("/etc/pve/nodes/pve2/pve-cluster-rescue", "until 99999999999\nowner a role\nend\n");
    let reasons = refused(&host, &given());
    assert!(reasons[0].contains("its rescue is armed on 'pve2' by a role"), "{reasons:?}");
}

/// As the recordings `newcomers_without_a_vote_corosync_of_the_primary_killed--*` have it, `pvecm expected 1` makes no such node quorate.
#[test]
fn nodes_without_a_vote_do_not_become_quorate() {
    let host = alone();
    let conf = host.text("/etc/pve/corosync.conf");
    let (first, rest) = conf.split_at(conf.find("name: pve2").unwrap());
    let conf = first.replace("quorum_votes: 1", "quorum_votes: 0") + rest;
    let said = "Node ID:          0x00000001\nRing ID:          1.9\nQuorate:          No\nExpected votes:   2\nHighest expected: 2\nTotal votes:      \
                0\nQuorum:           2 Activity blocked\nFlags:            \n    Nodeid      Votes Name\n0x00000001          0 10.77.1.11 (local)\n";
    let host = host
        .file("/etc/pve/corosync.conf", conf)
        .query("corosync-quorumtool -siH", Answer::exit(2, said, ""));
    assert_eq!(
        refused(&host, &given()),
        [
            "no node that this one sees has a vote (admitted and without one yet: 'pve1'), and so none becomes quorate: bring back a node that has \
          one"
        ]
    );
}
