// SPDX-License-Identifier: GPL-3.0-or-later
//! Whether anything gives a sign of life at an address: it answers a ping, or the port of sshd or of pveproxy, be it that it is
//! closed (only a machine that runs can refuse). The kernel's table of neighbours is not asked: it calls a node reachable for
//! a minute after that lost its power.
//!
//! `roles/expected_votes/files/knock` does the same where there is none of this collection's programs, and no Debian.
//! `tests/unit/plugins/filter/test_votes.py` runs both and compares what they say.

use std::time::Duration;

use host::{Command, Host, last_line};

/// What all the knocking may take: it is done at all addresses at once.
const PATIENCE: Duration = Duration::from_secs(15);

const SCRIPT: &str = include_str!("knock.sh");

/// Something that is on at an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sign {
    /// The address, as it was given.
    pub address: String,
    /// What shows it, as in "answers a ping".
    pub does: String,
}

/// The command that knocks at these addresses.
#[must_use]
pub fn command(addresses: &[String]) -> Command {
    knocking(Command::new("sh"), addresses)
}

fn knocking(shell: Command, addresses: &[String]) -> Command {
    shell.args(["-s", "--"]).args(addresses.iter().cloned()).stdin(SCRIPT).timeout(PATIENCE)
}

/// What answers at these addresses.
///
/// # Errors
/// In words, when that is not known: then nothing may be taken to be off.
pub fn signs(host: &dyn Host, addresses: &[String]) -> Result<Vec<Sign>, String> {
    run(host, Command::new("sh"), addresses)
}

fn run(host: &dyn Host, shell: Command, addresses: &[String]) -> Result<Vec<Sign>, String> {
    // A program would take it for an option, and its failure would look like silence.
    if let Some(option) = addresses.iter().find(|address| address.starts_with('-')) {
        return Err(format!("'{option}' is not an address"));
    }
    let output = host.run(&knocking(shell, addresses)).map_err(|error| error.to_string())?;
    if !output.exited_zero() {
        let said = last_line(&output.stderr).unwrap_or("it said nothing");
        return Err(format!("the program that knocks there ended with {} ({said})", output.rc()));
    }
    let unknown = |line: &str| format!("the program that knocks there said '{line}'");
    let signs = output.stdout.lines().map(|line| sign(line, addresses).ok_or_else(|| unknown(line)));
    let mut signs = signs.collect::<Result<Vec<Sign>, String>>()?;
    signs.sort();
    signs.dedup();
    Ok(signs)
}

/// A line that the script prints.
fn sign(line: &str, addresses: &[String]) -> Option<Sign> {
    let (address, does) = line.split_once(' ')?;
    let tcp = does.strip_prefix("accepts").or_else(|| does.strip_prefix("refuses"));
    let port = tcp.and_then(|rest| rest.strip_prefix(" connections to TCP port "));
    let known = does == "answers a ping" || port.is_some_and(|port| port.parse::<u16>().is_ok());
    (known && addresses.iter().any(|asked| asked == address))
        .then(|| Sign { address: address.to_owned(), does: does.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::RealHost;
    use testkit::{Answer, FakeHost};

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    /// The script itself, on this machine, with a ping of the test's own.
    #[test]
    fn the_script_tells_what_answers() {
        let folder = tempfile::tempdir().unwrap();
        let ping = b"#!/bin/sh\nfor last; do :; done\n[ \"$last\" = 127.0.0.3 ]\n";
        let host = RealHost::new();
        host.create(&folder.path().join("ping"), ping, 0o755).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.3:8006").unwrap();
        let path = format!("PATH={}:/usr/bin:/bin", folder.path().display());
        let shell = Command::new("env").args([path, "sh".to_owned()]);
        let found = run(&host, shell, &strings(&["127.0.0.3", "127.0.0.4"])).unwrap();
        drop(listener);
        let told = found.iter().map(|sign| format!("{} {}", sign.address, sign.does));
        let told: Vec<String> = told.filter(|line| !line.ends_with(" 22")).collect();
        assert_eq!(
            told,
            [
                "127.0.0.3 accepts connections to TCP port 8006",
                "127.0.0.3 answers a ping",
                "127.0.0.4 refuses connections to TCP port 8006",
            ]
        );
        assert_eq!(found.len(), 5, "something is said of port 22 of each: {found:?}");
    }

    #[test]
    fn a_program_that_the_script_lacks_leaves_it_unknown() {
        let shell = Command::new("env").args(["PATH=/nonexistent", "/bin/sh"]);
        assert_eq!(
            run(&RealHost::new(), shell, &strings(&["192.0.2.1"])).unwrap_err(),
            "the program that knocks there ended with 3 (there is no 'ping')"
        );
    }

    /// A node that is known by name in corosync.conf, on a machine that does not know the name.
    #[test]
    fn a_name_that_nobody_knows_is_no_silence() {
        let folder = tempfile::tempdir().unwrap();
        let host = RealHost::new();
        for (program, text) in [("ping", "#!/bin/sh\nexit 1\n"), ("getent", "#!/bin/sh\nexit 2\n")] {
            host.create(&folder.path().join(program), text.as_bytes(), 0o755).unwrap();
        }
        let path = format!("PATH={}:/usr/bin:/bin", folder.path().display());
        let shell = Command::new("env").args([path, "sh".to_owned()]);
        assert_eq!(
            run(&host, shell, &strings(&["pve3-corosync"])).unwrap_err(),
            "the program that knocks there ended with 3 (the name 'pve3-corosync' cannot be resolved)"
        );
    }

    /// Nothing is run with it: ping would take it for an option, and say nothing of the address.
    #[test]
    fn what_a_program_would_take_for_an_option_is_never_silent() {
        let host = FakeHost::new().query_prefix("sh -s", "");
        assert_eq!(signs(&host, &strings(&["192.0.2.1"])), Ok(Vec::new()));
        assert_eq!(signs(&host, &strings(&["192.0.2.1", "-c"])).unwrap_err(), "'-c' is not an address");
    }

    #[test]
    fn what_the_script_never_prints_leaves_it_unknown() {
        for line in [
            "",
            "10.0.0.1",
            " answers a ping",
            "10.0.0.2 answers a ping",
            "10.0.0.1 answers a ping 22",
            "10.0.0.1 accepts connections to TCP port ",
            "10.0.0.1 bites connections to TCP port 22",
            "10.0.0.1 accepts connections to TCP port 22 22",
        ] {
            let host = FakeHost::new().query_prefix("sh -s", format!("10.0.0.1 answers a ping\n{line}\n"));
            let why = format!("the program that knocks there said '{line}'");
            assert_eq!(signs(&host, &strings(&["10.0.0.1"])), Err(why));
        }
        let twice = "fd00::1 refuses connections to TCP port 22\n".repeat(2);
        let host = FakeHost::new().query_prefix("sh -s", twice);
        let found = signs(&host, &strings(&["fd00::1"])).unwrap();
        let does = "refuses connections to TCP port 22".to_owned();
        assert_eq!(found, [Sign { address: "fd00::1".to_owned(), does }]);
        let host = FakeHost::new().query_prefix("sh -s", Answer::exit(1, "", ""));
        let why = "the program that knocks there ended with 1 (it said nothing)";
        assert_eq!(signs(&host, &strings(&["fd00::1"])).unwrap_err(), why);
    }
}
