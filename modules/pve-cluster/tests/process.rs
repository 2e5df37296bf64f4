// SPDX-License-Identifier: GPL-3.0-or-later
//! The binary as Ansible and the action plugins start it.

#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]
#![expect(clippy::disallowed_methods, reason = "the test looks into the source tree and links the binary")]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Runs the binary by a path of its own with these words and this standard input, and reads its one answer.
fn answer(program: &Path, words: &[&str], given: &str) -> Value {
    let output =
        assert_cmd::Command::from_std(Command::new(program)).args(words).write_stdin(given).output().unwrap();
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(1), &b""[..]),
        "an incomplete task fails"
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The modules that are documented, each by its stub.
fn documented() -> Vec<String> {
    let stubs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/modules");
    let mut names: Vec<String> = std::fs::read_dir(stubs)
        .unwrap()
        .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(".py")?.to_owned()))
        .collect();
    names.sort();
    names
}

#[test]
fn every_documented_module_and_no_other_is_in_it() {
    let msg = answer(&assert_cmd::cargo::cargo_bin("pve-cluster"), &[], "")["msg"].clone();
    assert_eq!(
        msg,
        format!("cannot run 'pve-cluster': it must be told which module it is: {}", documented().join(", "))
    );
}

#[test]
fn a_module_is_chosen_by_its_name_or_by_the_first_word() {
    let binary = assert_cmd::cargo::cargo_bin("pve-cluster");
    let folder = tempfile::tempdir().unwrap();
    let given = r#"{"cluster_name": "x", "links": [], "no_such_option": 1}"#;
    let mut answers = vec![answer(&binary, &["pvecm_cluster", "/dev/stdin"], given)];
    for name in ["pvecm_cluster", "AnsiballZ_pvecm_cluster"] {
        let link = folder.path().join(name);
        std::os::unix::fs::symlink(&binary, &link).unwrap();
        answers.push(answer(&link, &["/dev/stdin"], given));
    }
    for answer in answers {
        let msg = answer["msg"].to_string();
        assert!(msg.contains("Unsupported parameters for (pvecm_cluster) module: no_such_option"), "{msg}");
    }
}
