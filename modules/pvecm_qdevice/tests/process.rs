// SPDX-License-Identifier: GPL-3.0-or-later
//! The module as Ansible starts it: a process with an arguments file, one line of JSON, nothing on stderr.

#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::io::Write;

use assert_cmd::Command;
use serde_json::{Value, json};

/// Runs the binary on these arguments; gives its answer and whether it exited 0.
fn run(arguments: &str) -> (Value, bool) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(arguments.as_bytes()).unwrap();
    let output = Command::cargo_bin("pvecm_qdevice").unwrap().arg(file.path()).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    assert_eq!(output.stderr, b"");
    (serde_json::from_str(&stdout).unwrap(), output.status.success())
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
