// SPDX-License-Identifier: GPL-3.0-or-later
//! The module as Ansible starts it: a process with an arguments file, one line of JSON, nothing on stderr.

#[test]
fn missing_options_are_an_answer() {
    let (answer, success) = testkit::answer_of("pvecm_expected", r#"{"cluster_name": "prod"}"#);
    assert_eq!((answer["msg"].as_str(), success), (Some("missing required arguments: offline_nodes"), false));
}
