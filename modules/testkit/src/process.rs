// SPDX-License-Identifier: GPL-3.0-or-later
//! A module as Ansible starts it.

#![expect(clippy::unwrap_used, reason = "a test helper reports by panicking")]

use std::io::Write;

use assert_cmd::Command;
use serde_json::Value;

/// Runs a module's own binary on an arguments file with this text. Gives its answer and whether it exited 0.
///
/// # Panics
/// When it answers anything but one line of JSON on stdout and nothing on stderr.
#[must_use]
pub fn answer_of(binary: &str, arguments: &str) -> (Value, bool) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(arguments.as_bytes()).unwrap();
    let output = Command::cargo_bin(binary).unwrap().arg(file.path()).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        (stdout.lines().count(), output.stderr),
        (1, Vec::new()),
        "one line, and nothing on stderr: {stdout}"
    );
    (serde_json::from_str(&stdout).unwrap(), output.status.success())
}
