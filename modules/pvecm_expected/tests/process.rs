// SPDX-License-Identifier: GPL-3.0-or-later
//! The module as Ansible starts it: a process with an arguments file, one line of JSON, nothing on stderr.

use std::io::Write;

use assert_cmd::Command;
use serde_json::Value;

#[test]
fn missing_options_are_an_answer() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(br#"{"cluster_name": "prod"}"#).unwrap();
    let output = Command::cargo_bin("pvecm_expected").unwrap().arg(file.path()).output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["msg"], "missing required arguments: offline_nodes");
    assert!(!output.status.success() && output.stderr.is_empty());
}
