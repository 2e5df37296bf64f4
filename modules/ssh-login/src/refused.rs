// SPDX-License-Identifier: GPL-3.0-or-later
//! Why a login failed, from ssh's words, and what to do.

use host::{Ending, Output};

use crate::{KEY, Login};

/// Why a login failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoLogin {
    /// root's `known_hosts` has no key of this host.
    HostKeyUnknown,
    /// It has another one.
    HostKeyChanged,
    /// [`KEY`] does not exist, and no other was to be tried.
    NoKey,
    /// The host lets none of the keys in.
    KeyRefused,
    /// The name has no address here.
    NameUnknown,
    /// The connection was closed before the login.
    Closed,
    /// No answer.
    Silent {
        /// After so long.
        seconds: u64,
    },
    /// ssh's own words.
    Other(String),
}

impl NoLogin {
    /// Reads what ssh left behind that did not exit 0.
    #[must_use]
    pub fn of(login: &Login<'_>, output: &Output) -> Self {
        if output.ending == Ending::TimedOut {
            return Self::Silent { seconds: login.patience.as_secs() };
        }
        let says = |words: &str| output.stderr.contains(words);
        if says("REMOTE HOST IDENTIFICATION HAS CHANGED") {
            Self::HostKeyChanged
        } else if says("Host key verification failed") || says("host key is known for") {
            Self::HostKeyUnknown
        } else if login.key_only && says(&format!("{KEY} not accessible")) {
            Self::NoKey
        } else if says("Permission denied") || says("Too many authentication failures") {
            Self::KeyRefused
        } else if says("Could not resolve hostname") {
            Self::NameUnknown
        } else if says("Connection timed out") || says("timed out during banner exchange") {
            Self::Silent { seconds: login.connect }
        } else if says("kex_exchange_identification") || says("Connection reset by") {
            Self::Closed
        } else {
            let last = host::last_line(&output.stderr);
            Self::Other(
                last.map_or_else(|| format!("ssh ended with exit code {}", output.rc()), str::to_owned),
            )
        }
    }

    /// The reason and its remedy; `keys` tells where [`KEY`]'s public half has to be, such as
    /// `'/root/.ssh/authorized_keys' there`.
    #[must_use]
    pub fn sentence(&self, target: &str, keys: &str) -> String {
        match self {
            Self::HostKeyUnknown => format!(
                "the ssh host key of '{target}' is not known to root on this node under exactly this name: add it to \
                 '/root/.ssh/known_hosts'"
            ),
            Self::HostKeyChanged => format!(
                "the ssh host key of '{target}' is another one than root on this node knows: make sure that it is the \
                 right host and replace it in '/root/.ssh/known_hosts'"
            ),
            Self::NoKey => format!("'{KEY}' is missing on this node: it is the key that pvecm logs in with"),
            Self::KeyRefused => format!(
                "'{target}' does not accept the ssh key of root on this node: add '{KEY}.pub' to {keys}"
            ),
            Self::NameUnknown => format!("the name '{target}' cannot be resolved on this node"),
            Self::Closed => format!(
                "'{target}' closed the ssh connection before the login: after failed logins sshd shuts a host out for \
                 a while"
            ),
            Self::Silent { seconds } => format!("'{target}' does not answer over ssh within {seconds} s"),
            Self::Other(words) => format!("cannot reach '{target}' over ssh: {words}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LOGIN: Login<'_> = Login {
        target: "10.77.0.11",
        pinned: None,
        key_only: true,
        connect: 10,
        patience: Duration::from_secs(20),
    };

    fn refused(stderr: &str) -> NoLogin {
        NoLogin::of(
            &LOGIN,
            &Output { ending: Ending::Exited(255), stdout: String::new(), stderr: stderr.into() },
        )
    }

    /// What OpenSSH 10 says, with BatchMode and StrictHostKeyChecking on.
    #[test]
    fn each_refused_login_has_its_cause() {
        let table = [
            (
                "No ED25519 host key is known for 10.77.0.11 and you have requested strict checking.\r\nHost key \
                 verification failed.\r\n",
                NoLogin::HostKeyUnknown,
            ),
            (
                "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\nHost key for 10.77.0.11 has changed and \
                 you have requested strict checking.\r\nHost key verification failed.\r\n",
                NoLogin::HostKeyChanged,
            ),
            (
                "Warning: Identity file /root/.ssh/id_rsa not accessible: No such file or directory.\nroot@10.77.0.11: \
                 Permission denied (publickey,password).\r\n",
                NoLogin::NoKey,
            ),
            ("root@10.77.0.11: Permission denied (publickey,password).\r\n", NoLogin::KeyRefused),
            (
                "Received disconnect from 10.77.0.11 port 22:2: Too many authentication failures\r\n",
                NoLogin::KeyRefused,
            ),
            ("ssh: Could not resolve hostname pve9: Name or service not known\r\n", NoLogin::NameUnknown),
            (
                "ssh: connect to host 10.77.0.99 port 22: Connection timed out\r\n",
                NoLogin::Silent { seconds: 10 },
            ),
            // captures/timeline--ssh_polling_of_the_joining_node
            ("kex_exchange_identification: Connection closed by remote host\r\n", NoLogin::Closed),
            ("kex_exchange_identification: read: Connection reset by peer\r\n", NoLogin::Closed),
            (
                "ssh: connect to host 10.77.0.99 port 22: No route to host\r\n",
                NoLogin::Other("ssh: connect to host 10.77.0.99 port 22: No route to host".into()),
            ),
            ("", NoLogin::Other("ssh ended with exit code 255".into())),
        ];
        for (stderr, expected) in table {
            assert_eq!(refused(stderr), expected, "{stderr}");
        }
    }

    #[test]
    fn a_login_that_hangs_is_silence() {
        let output = Output { ending: Ending::TimedOut, stdout: String::new(), stderr: String::new() };
        assert_eq!(NoLogin::of(&LOGIN, &output), NoLogin::Silent { seconds: 20 });
    }

    #[test]
    fn each_cause_has_its_sentence() {
        let table = [
            (
                NoLogin::HostKeyUnknown,
                "the ssh host key of '10.77.0.11' is not known to root on this node under exactly this name: add it to \
                 '/root/.ssh/known_hosts'",
            ),
            (
                NoLogin::HostKeyChanged,
                "the ssh host key of '10.77.0.11' is another one than root on this node knows: make sure that it is the \
                 right host and replace it in '/root/.ssh/known_hosts'",
            ),
            (
                NoLogin::NoKey,
                "'/root/.ssh/id_rsa' is missing on this node: it is the key that pvecm logs in with",
            ),
            (
                NoLogin::KeyRefused,
                "'10.77.0.11' does not accept the ssh key of root on this node: add '/root/.ssh/id_rsa.pub' to \
                 '/root/.ssh/authorized_keys' there",
            ),
            (NoLogin::NameUnknown, "the name '10.77.0.11' cannot be resolved on this node"),
            (
                NoLogin::Closed,
                "'10.77.0.11' closed the ssh connection before the login: after failed logins sshd shuts a host out for \
                 a while",
            ),
            (NoLogin::Silent { seconds: 10 }, "'10.77.0.11' does not answer over ssh within 10 s"),
            (
                NoLogin::Other("connect to host 10.77.0.11 port 22: No route to host".into()),
                "cannot reach '10.77.0.11' over ssh: connect to host 10.77.0.11 port 22: No route to host",
            ),
        ];
        for (why, expected) in table {
            assert_eq!(why.sentence(LOGIN.target, "'/root/.ssh/authorized_keys' there"), expected);
        }
    }
}
