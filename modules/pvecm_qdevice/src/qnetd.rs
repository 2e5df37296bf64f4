// SPDX-License-Identifier: GPL-3.0-or-later
//! One look at the QNetd host, by the port that the daemons use and by the login that pvecm makes.
//!
//! `pvecm qdevice setup` begins with ssh-copy-id, which asks for a password where root's key does not open the door, and
//! goes on with logins in BatchMode. So the same key must open it before, with nothing to ask.

use std::net::IpAddr;
use std::time::Duration;

use host::{Command, Ending, HostError, Output};

use crate::seen::{Host, Login, NoLogin, Qnetd};

/// The port of corosync-qnetd.
pub(crate) const PORT: u16 = 5403;
/// The key that pvecm gives to ssh-copy-id.
pub(crate) const KEY: &str = "/root/.ssh/id_rsa";
/// Seconds that the network may take.
const CONNECT: u64 = 10;
const PATIENCE: Duration = Duration::from_secs(20);

/// Reads only. Each part begins with a line `@@ name`; the last one says that nothing is missing.
const SCRIPT: &str = r#"LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
part() { printf '\n@@ %s\n' "$1"; }
part certutil; command -v corosync-qnetd-certutil
part service; systemctl is-active corosync-qnetd
part cluster; sed -n 's/^[[:space:]]*cluster_name:[[:space:]]*//p' /etc/corosync/corosync.conf 2>/dev/null
part clients; corosync-qnetd-tool -l -c "$1" 2>/dev/null
part end
"#;

/// Looks at it.
pub(crate) fn look(host: &dyn host::Host, address: IpAddr, cluster_name: &str) -> Result<Qnetd, HostError> {
    let port = host.run(&knock(address))?;
    let login = host.run(&login(address, cluster_name))?;
    Ok(Qnetd { port: closed(&port), login: read(&login) })
}

/// bash itself connects, so that nothing but a PVE node's own programs is needed.
fn knock(address: IpAddr) -> Command {
    let script = format!("exec 3<>\"/dev/tcp/$0/{PORT}\"");
    Command::new("bash")
        .args(["-c".to_owned(), script, address.to_string()])
        .timeout(Duration::from_secs(CONNECT))
}

fn login(address: IpAddr, cluster_name: &str) -> Command {
    let mut command = Command::new("ssh").arg("-T");
    for option in ["BatchMode=yes", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes"] {
        command = command.args(["-o", option]);
    }
    command
        .args(["-o".to_owned(), format!("ConnectTimeout={CONNECT}"), "-i".to_owned(), KEY.to_owned()])
        .args([format!("root@{address}"), format!("/bin/sh -s {cluster_name}")])
        .stdin(SCRIPT)
        .timeout(PATIENCE)
}

/// Why the port did not open; none when it did.
fn closed(output: &Output) -> Option<String> {
    match output.ending {
        Ending::Exited(0) => None,
        Ending::TimedOut => Some(format!("no answer within {CONNECT} s")),
        // `bash: connect: Connection refused` comes first, then a line about the redirection
        _ => {
            let words = output.stderr.lines().find_map(|line| line.split("connect: ").nth(1));
            Some(words.unwrap_or("it could not be opened").trim().to_owned())
        }
    }
}

/// What came of the login, by ssh's words.
fn read(output: &Output) -> Login {
    if output.ending == Ending::TimedOut {
        return Login::Refused(NoLogin::Other(format!("no answer within {} s", PATIENCE.as_secs())));
    }
    if let Some(answer) = answer(&output.stdout) {
        return Login::Answered(answer);
    }
    let says = |words: &str| output.stderr.contains(words);
    Login::Refused(if says("REMOTE HOST IDENTIFICATION HAS CHANGED") {
        NoLogin::HostKeyChanged
    } else if says("Host key verification failed") || says("host key is known for") {
        NoLogin::HostKeyUnknown
    } else if says("id_rsa not accessible") {
        NoLogin::NoKey
    } else if says("Permission denied") || says("Too many authentication failures") {
        NoLogin::KeyRefused
    } else {
        let last = output.stderr.lines().rev().map(str::trim).find(|line| !line.is_empty());
        NoLogin::Other(
            last.map_or_else(|| format!("ssh ended with exit code {}", output.rc()), str::to_owned),
        )
    })
}

/// Understands the script's output; none when it is not whole.
fn answer(text: &str) -> Option<Host> {
    let part = |name: &str| {
        let (_, rest) = text.split_once(&format!("\n@@ {name}\n"))?;
        Some(rest.split_once("\n@@ ").map_or(rest, |(part, _)| part).trim())
    };
    part("end")?;
    let clients = part("clients")?.lines().filter_map(|line| line.trim().strip_prefix("Client address:"));
    Some(Host {
        installed: !part("certutil")?.is_empty(),
        active: part("service")?.to_owned(),
        cluster: Some(part("cluster")?).filter(|name| !name.is_empty()).map(str::to_owned),
        clients: clients.filter_map(address_of).collect(),
    })
}

/// `::ffff:10.77.0.11:40534` is 10.77.0.11.
fn address_of(client: &str) -> Option<String> {
    let (address, _port) = client.trim().rsplit_once(':')?;
    let address = address.trim_start_matches('[').trim_end_matches(']');
    Some(address.strip_prefix("::ffff:").unwrap_or(address).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: i32, stdout: &str, stderr: &str) -> Output {
        Output { ending: Ending::Exited(code), stdout: stdout.into(), stderr: stderr.into() }
    }

    const WHOLE: &str = "\n@@ certutil\n/usr/bin/corosync-qnetd-certutil\n\n@@ service\nactive\n\n@@ cluster\n\n@@ \
                         clients\nCluster \"labcluster\":\n    Algorithm:\t\tFifty-Fifty split (KAP Tie-breaker)\n    \
                         Node ID 1:\n        Client address:\t\t::ffff:10.77.0.11:40534\n\n@@ end\n";

    #[test]
    fn what_the_host_says() {
        let expected = Host {
            installed: true,
            active: "active".to_owned(),
            cluster: None,
            clients: vec!["10.77.0.11".to_owned()],
        };
        assert_eq!(read(&said(0, WHOLE, "")), Login::Answered(expected));
        let half = WHOLE.split("\n@@ end").next().unwrap();
        assert!(matches!(read(&said(0, half, "")), Login::Refused(NoLogin::Other(_))));
    }

    #[test]
    fn the_address_of_a_client() {
        // corosync-qnetd-tool writes IPv4 as mapped into IPv6, and a port behind every address.
        let table = [
            ("::ffff:10.77.0.11:40534", "10.77.0.11"),
            ("[fd00::1]:40534", "fd00::1"),
            ("fd00::1:40534", "fd00::1"),
        ];
        for (client, address) in table {
            assert_eq!(address_of(client).as_deref(), Some(address));
        }
    }

    /// What OpenSSH 10 says, with BatchMode.
    #[test]
    fn each_refused_login_has_its_cause() {
        let table = [
            (
                "No ED25519 host key is known for 10.77.0.31 and you have requested strict checking.\r\nHost key \
                 verification failed.\r\n",
                NoLogin::HostKeyUnknown,
            ),
            (
                "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\nHost key verification failed.\r\n",
                NoLogin::HostKeyChanged,
            ),
            ("root@10.77.0.31: Permission denied (publickey,password).\r\n", NoLogin::KeyRefused),
            (
                "Warning: Identity file /root/.ssh/id_rsa not accessible: No such file or directory.\nroot@10.77.0.31: \
                 Permission denied (publickey,password).\r\n",
                NoLogin::NoKey,
            ),
            (
                "ssh: connect to host 10.77.0.31 port 22: No route to host\r\n",
                NoLogin::Other("ssh: connect to host 10.77.0.31 port 22: No route to host".into()),
            ),
            ("", NoLogin::Other("ssh ended with exit code 255".into())),
        ];
        for (stderr, expected) in table {
            assert_eq!(read(&said(255, "", stderr)), Login::Refused(expected), "{stderr}");
        }
    }

    #[test]
    fn a_port_opens_or_says_why_not() {
        assert_eq!(closed(&said(0, "", "")), None);
        let refused =
            "bash: connect: Connection refused\nbash: line 1: /dev/tcp/10.77.0.31/5403: Connection refused\n";
        assert_eq!(closed(&said(1, "", refused)).as_deref(), Some("Connection refused"));
        let silent = Output { ending: Ending::TimedOut, stdout: String::new(), stderr: String::new() };
        assert_eq!(closed(&silent).as_deref(), Some("no answer within 10 s"));
    }

    #[test]
    fn the_login_is_made_with_the_key_that_pvecm_uses() {
        let address = "10.77.0.31".parse().unwrap();
        assert_eq!(
            login(address, "prod").line(),
            "ssh -T -o BatchMode=yes -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes -o ConnectTimeout=10 -i \
             /root/.ssh/id_rsa root@10.77.0.31 '/bin/sh -s prod'"
        );
        assert_eq!(knock(address).line(), "bash -c 'exec 3<>\"/dev/tcp/$0/5403\"' 10.77.0.31");
    }

    /// The script itself, on this machine, which is no QNetd host.
    #[test]
    fn the_script_is_whole_on_any_host() {
        let command = Command::new("/bin/sh").args(["-s", "prod"]).stdin(SCRIPT);
        let output = host::Host::run(&host::RealHost::new(), &command).unwrap();
        assert!(answer(&output.stdout).is_some(), "{}", output.stdout);
    }
}
