// SPDX-License-Identifier: GPL-3.0-or-later
//! The command.

use std::time::Duration;

use host::Command;

/// The key that pvecm makes for root and logs in with.
pub const KEY: &str = "/root/.ssh/id_rsa";

/// A login as root. Nothing on this node changes by it, `known_hosts` included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Login<'a> {
    /// The name or address, just as pvecm will write it: ssh looks its host key up under these letters.
    pub target: &'a str,
    /// Whether [`KEY`] alone is tried, and no other key of root's.
    pub key_only: bool,
    /// Seconds that the network may take.
    pub connect: u64,
    /// What all of it may take.
    pub patience: Duration,
}

impl Login<'_> {
    /// Runs a script there with `/bin/sh -s`; `words` are its arguments, which the login shell there splits at blanks.
    #[must_use]
    pub fn shell<S: Into<String>>(&self, words: impl IntoIterator<Item = S>, script: &str) -> Command {
        let mut command = Command::new("ssh").arg("-T");
        // By itself ssh writes a host's further keys into known_hosts; a look is to leave it as it is.
        for option in ["BatchMode=yes", "StrictHostKeyChecking=yes", "UpdateHostKeys=no"] {
            command = command.args(["-o", option]);
        }
        command = command.arg("-o").arg(format!("ConnectTimeout={}", self.connect));
        if self.key_only {
            command = command.args(["-o", "IdentitiesOnly=yes", "-i", KEY]);
        }
        command
            .arg(format!("root@{}", self.target))
            .args(["/bin/sh", "-s"])
            .args(words)
            .stdin(script)
            .timeout(self.patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGIN: Login<'_> =
        Login { target: "10.77.0.11", key_only: false, connect: 10, patience: Duration::from_secs(20) };

    #[test]
    fn with_any_key_of_roots() {
        assert_eq!(
            LOGIN.shell(["look", "pve2"], "true\n").line(),
            "ssh -T -o BatchMode=yes -o StrictHostKeyChecking=yes -o UpdateHostKeys=no -o ConnectTimeout=10 \
             root@10.77.0.11 /bin/sh -s look pve2"
        );
    }

    #[test]
    fn with_one_key_only() {
        let login = Login { key_only: true, ..LOGIN };
        assert_eq!(
            login.shell(["prod"], "true\n").line(),
            "ssh -T -o BatchMode=yes -o StrictHostKeyChecking=yes -o UpdateHostKeys=no -o ConnectTimeout=10 \
             -o IdentitiesOnly=yes -i /root/.ssh/id_rsa root@10.77.0.11 /bin/sh -s prod"
        );
    }
}
