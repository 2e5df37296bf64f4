// SPDX-License-Identifier: GPL-3.0-or-later
//! The ssh login of a cluster's nodes to each other, as pvecm uses it: root's own keys, no questions, only known hosts.

use std::time::Duration;

use host::Command;

/// Runs a script on another node with `/bin/sh -s`; `words` are its arguments, the first of which names its purpose in the
/// process list. `connect` is in seconds. Nothing on this node changes by it, `known_hosts` included.
pub(crate) fn shell<S: Into<String>>(
    target: &str,
    connect: u64,
    patience: Duration,
    words: impl IntoIterator<Item = S>,
    script: &str,
) -> Command {
    Command::new("ssh")
        // A look is to leave known_hosts as it is.
        .args([
            "-T",
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=yes",
            "-o",
            "UpdateHostKeys=no",
            "-o",
        ])
        .arg(format!("ConnectTimeout={connect}"))
        .arg(format!("root@{target}"))
        .args(["/bin/sh", "-s"])
        .args(words)
        .stdin(script)
        .timeout(patience)
}
