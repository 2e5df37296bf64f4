// SPDX-License-Identifier: GPL-3.0-or-later
//! The module as Ansible starts it: a process with an arguments file, one line of JSON, nothing on stderr.

use serde_json::{Value, json};

fn run(arguments: &str) -> (Value, bool) {
    testkit::answer_of("pvecm_qdevice", arguments)
}

#[test]
fn wrong_options_are_an_answer() {
    let (answer, success) = run(r#"{"cluster_name": "prod", "address": "qnetd.example.org"}"#);
    assert_eq!((&answer["failed"], &answer["changed"], success), (&json!(true), &json!(false), false));
    assert_eq!(
        answer["msg"],
        "cannot set up the QDevice of cluster 'prod': 'qnetd.example.org' is not an IP address, and pvecm takes nothing else"
    );
    let (answer, _) = run(r#"{"cluster_name": "prod"}"#);
    assert_eq!(answer["msg"], "state is present but all of the following are missing: address");
    let (answer, _) = run(r#"{"cluster_name": "prod", "state": "joined"}"#);
    assert_eq!(answer["msg"], "value of state must be one of: present, absent, got: joined");
    let (answer, success) = run("");
    assert_eq!((&answer["failed"], success), (&json!(true), false));
}
