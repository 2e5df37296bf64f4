// SPDX-License-Identifier: GPL-3.0-or-later
//! One look at the QNetd host, by the port that the daemons use and by the login that pvecm makes.
//!
//! `pvecm qdevice setup` begins with ssh-copy-id, which asks for a password where root's key does not open the door, and
//! goes on with logins in BatchMode. So the same key must open it before, with nothing to ask.

use std::net::IpAddr;
use std::time::Duration;

use host::{Command, Ending, HostError, Output};
use ssh_login::{NoLogin, part};

use crate::seen::{Host, Login, Qnetd};

/// The port of corosync-qnetd.
pub(crate) const PORT: u16 = 5403;
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
    let address = address.to_string();
    let said = host.run(&login(&address).shell([cluster_name], SCRIPT))?;
    Ok(Qnetd { port: closed(&port), login: read(&address, &said) })
}

/// bash itself connects, so that nothing but a PVE node's own programs is needed.
fn knock(address: IpAddr) -> Command {
    let script = format!("exec 3<>\"/dev/tcp/$0/{PORT}\"");
    Command::new("bash")
        .args(["-c".to_owned(), script, address.to_string()])
        .timeout(Duration::from_secs(CONNECT))
}

/// With the key that pvecm gives to ssh-copy-id.
fn login(address: &str) -> ssh_login::Login<'_> {
    ssh_login::Login { target: address, pinned: None, key_only: true, connect: CONNECT, patience: PATIENCE }
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

/// What came of the login.
fn read(address: &str, output: &Output) -> Login {
    match answer(&output.stdout) {
        Some(answer) => Login::Answered(answer),
        None => Login::Refused(NoLogin::of(&login(address), output)),
    }
}

/// Understands the script's output; none when it is not whole.
fn answer(text: &str) -> Option<Host> {
    let part = |name: &str| part(text, name).map(str::trim);
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
        assert_eq!(read("10.77.0.31", &said(0, WHOLE, "")), Login::Answered(expected));
        let half = WHOLE.split("\n@@ end").next().unwrap();
        assert!(matches!(read("10.77.0.31", &said(0, half, "")), Login::Refused(NoLogin::Other(_))));
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
    fn bash_knocks_at_the_port() {
        let address = "10.77.0.31".parse().unwrap();
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
