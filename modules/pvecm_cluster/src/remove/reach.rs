// SPDX-License-Identifier: GPL-3.0-or-later
//! Whether a node that corosync does not see is really off, or out of the cluster: one that is only cut off may run its guests,
//! and goes on as a part of the cluster when the network is back.

use std::time::Duration;

use host::{Command, Ending, Host, Output, last_line};
use ssh_login::Login;

const CONNECT: u64 = 4;
const PATIENCE: Duration = Duration::from_secs(12);
/// Says whether there is a cluster's configuration, and nothing else.
const LOOK: &str = "uname -n; if [ -e /etc/pve/corosync.conf ] || [ -e /etc/corosync/corosync.conf ]; then echo member; else echo standalone; fi\n";

/// What is at the node's address in the management network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum There {
    /// Nothing that takes connections, or there is no such address.
    Nothing,
    /// The node, with files of a cluster.
    InACluster,
    /// The node, without any.
    Separated,
    /// Something that does not let root in, or is another machine.
    Unclear { said: String },
}

/// The login of this cluster's nodes to each other, by the host keys of the node that is `pinned`.
pub(crate) fn command(address: &str, pinned: Option<&str>) -> Command {
    let login = Login { target: address, pinned, key_only: false, connect: CONNECT, patience: PATIENCE };
    login.shell(["removal-look"], LOOK)
}

/// Asks the node at this address. It may be off: then it costs some seconds.
pub(crate) fn ask(host: &dyn Host, node: &str, address: &str) -> There {
    match host.run(&command(address, ssh_login::pinned(host, node))) {
        Ok(output) => read(node, &output),
        Err(error) => There::Unclear { said: error.to_string() },
    }
}

fn read(node: &str, output: &Output) -> There {
    if output.exited_zero() {
        let mut words = output.stdout.split_whitespace();
        let name = words.next().unwrap_or_default().split('.').next().unwrap_or_default();
        return match words.next() {
            Some("member") if name == node => There::InACluster,
            Some("standalone") if name == node => There::Separated,
            _ => There::Unclear { said: format!("a host that calls itself '{name}' answers") },
        };
    }
    let off = [
        "Connection timed out",
        "No route to host",
        "Connection refused",
        "Network is unreachable",
        "Host is down",
    ];
    let no_name = "Could not resolve hostname";
    if output.ending == Ending::TimedOut
        || off.iter().any(|words| output.stderr.contains(words))
        || output.stderr.contains(no_name)
    {
        return There::Nothing;
    }
    There::Unclear { said: last_line(&output.stderr).unwrap_or("no answer").to_owned() }
}

/// What answers at these addresses, such as `10.77.0.13 answers a ping`.
///
/// # Errors
/// In words, when that is not known.
pub(crate) fn signs(host: &dyn Host, addresses: &[String]) -> Result<Vec<String>, String> {
    if addresses.is_empty() {
        return Err("no address of it is known".to_owned());
    }
    let signs = knock::signs(host, addresses)?;
    Ok(signs.into_iter().map(|sign| format!("{} {}", sign.address, sign.does)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: i32, stdout: &str, stderr: &str) -> There {
        read("pve3", &Output { ending: Ending::Exited(code), stdout: stdout.into(), stderr: stderr.into() })
    }

    #[test]
    fn each_answer() {
        let unclear = |said: &str| There::Unclear { said: said.to_owned() };
        let table = [
            (said(0, "pve3\nmember\n", ""), There::InACluster),
            (said(0, "pve3.example.org\nstandalone\n", ""), There::Separated),
            (said(0, "other\nmember\n", ""), unclear("a host that calls itself 'other' answers")),
            (said(255, "", "ssh: connect to host 10.77.0.13 port 22: No route to host\r\n"), There::Nothing),
            (
                said(255, "", "ssh: connect to host 10.77.0.13 port 22: Connection refused\r\n"),
                There::Nothing,
            ),
            (
                said(255, "", "root@10.77.0.13: Permission denied (publickey,password).\r\n"),
                unclear("root@10.77.0.13: Permission denied (publickey,password)."),
            ),
        ];
        for (found, expected) in table {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn without_an_address_nothing_is_known() {
        assert_eq!(signs(&testkit::FakeHost::new(), &[]).unwrap_err(), "no address of it is known");
    }
}
