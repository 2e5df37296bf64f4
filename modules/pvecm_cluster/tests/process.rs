// SPDX-License-Identifier: GPL-3.0-or-later
//! The module as Ansible starts it: a process with an arguments file, one line of JSON, nothing on stderr.

use assert_cmd::Command;
use serde_json::{Value, json};

fn run(arguments: &str) -> (Value, bool) {
    testkit::answer_of("pvecm_cluster", arguments)
}

#[test]
fn wrong_options_are_refused_all_at_once() {
    let arguments = json!({
        "cluster_name": "bad name", "links": "10.0.0.1", "_ansible_check_mode": true, "_ansible_version": "2.21.5",
    });
    let (answer, success) = run(&arguments.to_string());
    assert_eq!((&answer["failed"], success), (&json!(true), false), "a link is a dictionary: {answer}");

    let arguments = json!({
        "cluster_name": "bad name", "links": [{"address": "x"}, {"address": "10.0.0.1", "number": "8"}],
        "nodeid": "0", "cluster_node": "pve1",
    });
    let (answer, success) = run(&arguments.to_string());
    assert_eq!((&answer["failed"], &answer["changed"], success), (&json!(true), &json!(false), false));
    assert_eq!(
        answer["msg"],
        "cannot create cluster 'bad name': 'bad name' is not a cluster name (letters, digits and hyphens inside, 15 \
         characters at most); link 0 has 'x', which is not an IP address; link 8 does not exist: links have the numbers \
         0 to 7; 'nodeid' is 0, which is not between 1 and 65535; 'cluster_node' is for state 'joined': state \
         'present' creates the cluster on this node"
    );
}

#[test]
fn missing_and_unknown_options_are_refused_as_ansible_does() {
    let (answer, success) = run(r#"{"state": "joined"}"#);
    assert_eq!((answer["msg"].as_str(), success), (Some("missing required arguments: cluster_name"), false));
    let (answer, _) = run(r#"{"state": "joined", "cluster_name": "prod"}"#);
    assert_eq!(answer["msg"], "state is joined but all of the following are missing: cluster_node, links");
    let (answer, _) = run(r#"{"cluster_name": "prod"}"#);
    assert_eq!(answer["msg"], "state is present but all of the following are missing: links");
    let (answer, _) = run(r#"{"state": "gone", "cluster_name": "prod", "links": []}"#);
    assert_eq!(
        answer["msg"],
        "value of state must be one of: present, joined, removed, absent, reserved, released, got: gone"
    );
    let (answer, _) = run(r#"{"cluster_name": "prod", "links": [], "colour": "blue"}"#);
    assert!(
        answer["msg"]
            .as_str()
            .unwrap()
            .starts_with("Unsupported parameters for (pvecm_cluster) module: colour.")
    );
}

#[test]
fn no_arguments_and_no_json_are_an_answer_too() {
    for arguments in ["", "[]", "{", "\u{0}"] {
        let (answer, success) = run(arguments);
        assert_eq!((&answer["failed"], success), (&json!(true), false), "{arguments}: {answer}");
    }
    let output = Command::cargo_bin("pvecm_cluster").unwrap().output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["failed"], true);
}
