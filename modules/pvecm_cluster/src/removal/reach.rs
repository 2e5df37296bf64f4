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

/// The login of this cluster's nodes to each other.
pub(crate) fn command(address: &str) -> Command {
    let login = Login { target: address, key_only: false, connect: CONNECT, patience: PATIENCE };
    login.shell(["removal-look"], LOOK)
}

/// Asks the node at this address. It may be off: then it costs some seconds.
pub(crate) fn ask(host: &dyn Host, node: &str, address: &str) -> There {
    match host.run(&command(address)) {
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

/// What all the knocking may take: it is done at all addresses at once.
const KNOCKING: Duration = Duration::from_secs(15);

/// Prints each address with what shows that something is on there: a ping, the port of sshd or of pveproxy, be it that it is closed
/// (only a machine that runs can refuse). The kernel's table of neighbours is not asked: it calls a node reachable for a minute after
/// that lost its power.
const KNOCK: &str = r#"for program in ping timeout bash; do
    command -v "$program" >/dev/null || { echo "there is no '$program'" >&2; exit 3; }
done
LC_ALL=C
export LC_ALL
for address in "$@"; do
    { if ping -c 2 -W 2 -q -- "$address" >/dev/null 2>&1; then echo "$address answers a ping"; fi } &
    for port in 22 8006; do
        {
            said=$(timeout 4 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$address" "$port" 2>&1)
            case $?:$said in
                0:*) echo "$address accepts connections to TCP port $port" ;;
                *"Connection refused"*) echo "$address refuses connections to TCP port $port" ;;
            esac
        } &
    done
done
wait
"#;

/// The command that knocks at these addresses.
pub(crate) fn knocks(addresses: &[String]) -> Command {
    Command::new("sh").args(["-s", "--"]).args(addresses.iter().cloned()).stdin(KNOCK).timeout(KNOCKING)
}

/// What answers at these addresses, such as `10.77.0.13 answers a ping`.
///
/// # Errors
/// In words, when that is not known.
pub(crate) fn signs(host: &dyn Host, addresses: &[String]) -> Result<Vec<String>, String> {
    if addresses.is_empty() {
        return Err("no address of it is known".to_owned());
    }
    let output = host.run(&knocks(addresses)).map_err(|error| error.to_string())?;
    if !output.exited_zero() {
        let said = last_line(&output.stderr).unwrap_or("it said nothing");
        return Err(format!("the program that knocks there ended with {} ({said})", output.rc()));
    }
    let mut signs: Vec<String> = Vec::new();
    signs.extend(output.stdout.lines().map(str::to_owned));
    signs.sort();
    signs.dedup();
    Ok(signs)
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

    /// The script itself, on this machine.
    #[test]
    fn the_script_tells_what_answers() {
        let (real, folder) = (host::RealHost::new(), tempfile::tempdir().unwrap());
        let program = |name: &str, lines: &str| {
            let text = format!("#!/bin/sh\n{lines}\n");
            real.create(&folder.path().join(name), text.as_bytes(), 0o755).unwrap();
        };
        program("ping", "for last; do :; done; [ \"$last\" = 127.0.0.3 ]");
        let path = format!("PATH={}:/usr/bin:/bin", folder.path().display());
        let listener = std::net::TcpListener::bind("127.0.0.3:8006").unwrap();
        let command =
            Command::new("env").args([&path, "sh", "-s", "--", "127.0.0.3", "127.0.0.4"]).stdin(KNOCK);
        let output = real.run(&command).unwrap();
        drop(listener);
        let mut found: Vec<&str> = output.stdout.lines().filter(|line| !line.ends_with(" 22")).collect();
        found.sort_unstable();
        assert_eq!(
            found,
            [
                "127.0.0.3 accepts connections to TCP port 8006",
                "127.0.0.3 answers a ping",
                "127.0.0.4 refuses connections to TCP port 8006",
            ],
            "{output:?}"
        );
        assert_eq!(output.stdout.lines().count(), 5, "something is said of port 22 of each: {output:?}");
        assert_eq!(signs(&real, &[]).unwrap_err(), "no address of it is known");
        let bare = Command::new("env").args(["PATH=/nonexistent", "/bin/sh", "-s", "--", "127.0.0.4"]);
        let output = real.run(&bare.stdin(KNOCK)).unwrap();
        assert_eq!((output.rc(), output.stderr.as_str()), (3, "there is no 'ping'\n"));
    }
}
