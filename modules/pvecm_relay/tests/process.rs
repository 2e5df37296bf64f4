// SPDX-License-Identifier: GPL-3.0-or-later
//! The module as Ansible starts it: a process with an arguments file, one line of JSON, nothing on stderr.

#[test]
fn missing_options_are_an_answer() {
    let (answer, success) =
        testkit::answer_of("pvecm_relay", r#"{"cluster_name": "prod", "state": "admitted"}"#);
    let expected = "state is admitted but all of the following are missing: offers";
    assert_eq!((answer["msg"].as_str(), success), (Some(expected), false));
}
