// SPDX-License-Identifier: GPL-3.0-or-later
//! Every look at this node, and whether the nodes that it misses answer at any of their addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cluster_state::pmxcfs::{self, Mount};
use cluster_state::quorumtool::Quorum;
use cluster_state::{StateError, cfgtool, cmap, corosync_conf, members, quorumtool};
use corosync_document::Document;
use host::{Command, Host};

/// What all the knocking may take: it is done at all addresses at once.
const PATIENCE: Duration = Duration::from_secs(15);

/// Prints each address with what answers there: a ping, or the port of sshd or of pveproxy, be it that it is closed.
const SCRIPT: &str = r#"for program in ping timeout bash; do
    command -v "$program" >/dev/null || { echo "there is no '$program'" >&2; exit 3; }
done
for address in "$@"; do
    { if ping -c 2 -W 2 -q -- "$address" >/dev/null 2>&1; then echo "$address ping"; fi } &
    for port in 22 8006; do
        {
            said=$(LC_ALL=C timeout 4 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$address" "$port" 2>&1)
            case $?:$said in
                0:*) echo "$address accepts $port" ;;
                *"Connection refused"*) echo "$address refuses $port" ;;
            esac
        } &
    done
done
wait
"#;

/// Something that answers at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answering {
    pub(crate) address: String,
    /// What it does, as in "answers a ping".
    pub(crate) does: String,
}

/// All that is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// This node's name.
    pub(crate) node: String,
    pub(crate) mount: Mount,
    /// The cluster's file; none on a standalone node.
    pub(crate) conf: Option<Document>,
    /// None when corosync does not run.
    pub(crate) running: Option<Running>,
    /// The nodes' addresses in the management network, by name.
    pub(crate) managed: BTreeMap<String, String>,
}

/// The running corosync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Running {
    pub(crate) quorum: Quorum,
    /// The nodeids of the members.
    pub(crate) members: BTreeSet<u32>,
    /// The nodeids of those that corosync has a connected link to, member or not.
    pub(crate) connected: BTreeSet<u32>,
}

/// Looks at everything but other nodes.
pub(crate) fn seen(host: &dyn Host) -> Result<Seen, StateError> {
    let mount = pmxcfs::query(host)?.mount;
    let mounted = matches!(mount, Mount::ReadOnly | Mount::Writable);
    let table = if mounted { members::query(host)? } else { None };
    let nodes = table.map(|table| table.nodelist).unwrap_or_default();
    Ok(Seen {
        node: host.hostname()?,
        conf: if mounted { corosync_conf::cluster(host)? } else { None },
        running: running(host)?,
        managed: nodes.into_iter().filter_map(|(name, node)| Some((name, node.ip?))).collect(),
        mount,
    })
}

fn running(host: &dyn Host) -> Result<Option<Running>, StateError> {
    let cmap = match cmap::query(host) {
        Err(error) if error.is_corosync_down() => return Ok(None),
        cmap => cmap?,
    };
    let quorum = match quorumtool::query(host) {
        Err(error) if error.is_corosync_down() => return Ok(None),
        quorum => quorum?,
    };
    let links = match cfgtool::query(host) {
        Err(error) if error.is_corosync_down() => return Ok(None),
        links => links?,
    };
    let connected = links.peers.iter().filter(|peer| peer.links.iter().any(|link| link.connected));
    Ok(Some(Running {
        quorum,
        members: cmap.member_versions().into_keys().collect(),
        connected: connected.map(|peer| peer.nodeid).collect(),
    }))
}

/// What answers at these addresses.
pub(crate) fn answering(host: &dyn Host, addresses: &[String]) -> Result<Vec<Answering>, String> {
    if addresses.is_empty() {
        return Ok(Vec::new());
    }
    knock(host, Command::new("sh"), addresses)
}

fn knock(host: &dyn Host, shell: Command, addresses: &[String]) -> Result<Vec<Answering>, String> {
    let command = shell.args(["-s", "--"]).args(addresses.iter().cloned()).stdin(SCRIPT).timeout(PATIENCE);
    let unknown = |why: &str| format!("it is not known whether '{}' answer: {why}", addresses.join("', '"));
    let output = host.run(&command).map_err(|error| unknown(&error.to_string()))?;
    if !output.exited_zero() {
        let said = host::last_line(&output.stderr).unwrap_or("it said nothing");
        return Err(unknown(&format!("the program that asks them ended with {} ({said})", output.rc())));
    }
    output.stdout.lines().map(|line| answer(line).ok_or_else(|| unknown(&format!("'{line}'")))).collect()
}

/// A line that the script prints.
fn answer(line: &str) -> Option<Answering> {
    let mut words = line.split(' ');
    let address = words.next().filter(|word| !word.is_empty())?.to_owned();
    let does = match (words.next()?, words.next(), words.next()) {
        ("ping", None, None) => "answers a ping".to_owned(),
        (verb @ ("accepts" | "refuses"), Some(port), None) => {
            format!("{verb} connections to TCP port {port}")
        }
        _ => return None,
    };
    Some(Answering { address, does })
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::RealHost;

    /// The script itself, on this machine, with a ping of the test's own.
    #[test]
    fn the_script_tells_what_answers() {
        let folder = tempfile::tempdir().unwrap();
        let ping = b"#!/bin/sh\nfor last; do :; done\n[ \"$last\" = 127.0.0.2 ]\n";
        let host = RealHost::new();
        host.create(&folder.path().join("ping"), ping, 0o755).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.3:8006").unwrap();
        let path = format!("PATH={}:/usr/bin:/bin", folder.path().display());
        let shell = Command::new("env").args([path, "sh".to_owned()]);
        let addresses = ["127.0.0.2".to_owned(), "127.0.0.3".to_owned()];
        let found = knock(&host, shell, &addresses).unwrap();
        drop(listener);
        let found: BTreeSet<(&str, &str)> =
            found.iter().map(|one| (one.address.as_str(), one.does.as_str())).collect();
        assert!(found.contains(&("127.0.0.2", "answers a ping")), "{found:?}");
        assert!(!found.contains(&("127.0.0.3", "answers a ping")), "{found:?}");
        assert!(found.contains(&("127.0.0.2", "refuses connections to TCP port 8006")), "{found:?}");
        assert!(found.contains(&("127.0.0.3", "accepts connections to TCP port 8006")), "{found:?}");
        assert_eq!(found.len(), 5, "{found:?}");
    }

    #[test]
    fn a_program_that_the_script_lacks_leaves_it_unknown() {
        let host = RealHost::new();
        let shell = Command::new("env").args(["PATH=/nonexistent", "/bin/sh"]);
        assert_eq!(
            knock(&host, shell, &["192.0.2.1".to_owned(), "pve3".to_owned()]).unwrap_err(),
            "it is not known whether '192.0.2.1', 'pve3' answer: the program that asks them ended with 3 (there is no 'ping')"
        );
    }

    #[test]
    fn what_the_script_never_prints_leaves_it_unknown() {
        for line in [
            "",
            "10.0.0.1",
            " ping",
            "10.0.0.1 ping 22",
            "10.0.0.1 accepts",
            "10.0.0.1 bites 22",
            "10.0.0.1 accepts 22 22",
        ] {
            assert_eq!(answer(line), None, "{line}");
        }
        let does = |line: &str| answer(line).unwrap().does;
        assert_eq!(does("10.0.0.1 ping"), "answers a ping");
        assert_eq!(does("fd00::1 refuses 22"), "refuses connections to TCP port 22");
    }
}
