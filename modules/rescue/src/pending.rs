// SPDX-License-Identifier: GPL-3.0-or-later
//! What corosync follows only when it is restarted, and where it has not been.
//!
//! After a reload corosync tells some changed values as its own (`totem.link_mode`) and goes on with the old ones, so
//! nothing on a node tells that a restart is due. Whoever changes such a key therefore writes down before the change what
//! every node runs, in /etc/pve, where all nodes find it, whoever dies meanwhile. A restart takes its node out of it.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use host::{Command, Host, HostError, if_there};

/// The record, the same on every node.
pub const PATH: &str = "/etc/pve/corosync-restart-pending";
/// The name under which it is prepared.
const NEW: &str = "/etc/pve/corosync-restart-pending.new";
/// How far the clocks of two nodes may be apart: a corosync that was started later than this after the change has read it.
const CLOCKS: u64 = 60;
/// How long systemd may take to answer.
const SYSTEMD: Duration = Duration::from_secs(20);

/// One key that one node does not follow yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The node's name.
    pub node: String,
    /// The key with its section, as `totem.link_mode`.
    pub key: String,
    /// When it was changed, in seconds since 1970 on the clock of the node that changed it.
    pub since: u64,
    /// What the node runs until then; none for a key that was not set.
    pub runs: Option<String>,
}

/// Reads the record. One of another cluster counts as none.
///
/// # Errors
/// When it is there and cannot be read.
pub fn read(host: &dyn Host, cluster: &str) -> Result<Vec<Pending>, HostError> {
    let content = if_there(host.read(Path::new(PATH)))?.unwrap_or_default();
    Ok(parse(&String::from_utf8_lossy(&content), cluster))
}

/// Writes the record, or removes it when nothing is pending.
///
/// # Errors
/// When a step of it fails; then the record is as it was.
pub fn write(host: &dyn Host, cluster: &str, pending: &[Pending]) -> Result<(), HostError> {
    let new = Path::new(NEW);
    if_there(host.remove_file(new))?;
    if pending.is_empty() {
        return if_there(host.remove_file(Path::new(PATH))).map(drop);
    }
    host.create(new, to_text(cluster, pending).as_bytes(), 0o640)?;
    host.rename(new, Path::new(PATH))
}

/// Those of the record that corosync on this node does not follow: it was not started since.
#[must_use]
pub fn of_node(host: &dyn Host, pending: Vec<Pending>, node: &str) -> Vec<Pending> {
    let mut own = pending;
    own.retain(|pending| pending.node == node);
    if own.is_empty() {
        return own;
    }
    let started = started(host);
    own.retain(|pending| started.is_none_or(|started| started <= pending.since.saturating_add(CLOCKS)));
    own
}

/// Takes a node, whose corosync was restarted, out of the record.
///
/// # Errors
/// When the record cannot be read or written.
pub fn started_anew(host: &dyn Host, cluster: &str, node: &str) -> Result<(), HostError> {
    let pending = read(host, cluster)?;
    let others: Vec<Pending> = pending.iter().filter(|pending| pending.node != node).cloned().collect();
    if others.len() == pending.len() {
        return Ok(());
    }
    write(host, cluster, &others)
}

/// This node's name: the first part of its host name, as Proxmox VE has it.
///
/// # Errors
/// When the host name cannot be read.
pub fn own_name(host: &dyn Host) -> Result<String, HostError> {
    Ok(host.hostname()?.split('.').next().unwrap_or_default().to_owned())
}

/// When corosync on this node was started, by this node's clock as it is now; none where systemd does not tell.
fn started(host: &dyn Host) -> Option<u64> {
    let words = ["show", "--property=ExecMainStartTimestampMonotonic", "--value", "corosync.service"];
    let output = host.run(&Command::new("systemctl").args(words).timeout(SYSTEMD)).ok()?;
    let microseconds: u64 = output.stdout.trim().parse().ok().filter(|moment| *moment > 0)?;
    let uptime = String::from_utf8(host.read(Path::new("/proc/uptime")).ok()?).ok()?;
    let uptime: u64 = uptime.split('.').next()?.parse().ok()?;
    let age = uptime.saturating_sub(microseconds / 1_000_000);
    Some(host.unix_time().saturating_sub(age))
}

/// As lines of words, a value at the end of its line.
fn to_text(cluster: &str, pending: &[Pending]) -> String {
    let mut text = format!(
        "# Written by pve.cluster: what corosync on these nodes runs until it is restarted, and since when.\ncluster {cluster}\n"
    );
    for Pending { node, key, since, runs } in pending {
        let _ = match runs {
            Some(runs) => writeln!(text, "node {node} since {since} runs {key} {runs}"),
            None => writeln!(text, "node {node} since {since} lacks {key}"),
        };
    }
    text
}

fn parse(text: &str, cluster: &str) -> Vec<Pending> {
    if !text.lines().any(|line| line.strip_prefix("cluster ") == Some(cluster)) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let (node, since, key, runs) = match words.as_slice() {
            ["node", node, "since", since, "runs", key, runs] => (node, since, key, Some((*runs).to_owned())),
            ["node", node, "since", since, "lacks", key] => (node, since, key, None),
            _ => continue,
        };
        let Ok(since) = since.parse() else { continue };
        found.push(Pending { node: (*node).to_owned(), key: (*key).to_owned(), since, runs });
    }
    found
}

#[cfg(test)]
mod tests {
    use testkit::FakeHost;

    use super::*;

    fn pending(node: &str, runs: Option<&str>) -> Pending {
        Pending {
            node: node.to_owned(),
            key: "totem.link_mode".to_owned(),
            since: 1_767_225_600,
            runs: runs.map(str::to_owned),
        }
    }

    fn node() -> FakeHost {
        FakeHost::new()
            .with_hostname("pve1.example.com")
            .pmxcfs("/etc/pve")
            .file("/proc/uptime", "5000.25 9000.00\n")
    }

    #[test]
    fn what_is_written_is_read_where_it_belongs() {
        let host = node();
        let both = [pending("pve1", Some("passive")), pending("pve2", None)];
        write(&host, "prod", &both).unwrap();
        assert_eq!(read(&host, "prod").unwrap(), both);
        assert_eq!(read(&host, "other").unwrap(), []);
        assert_eq!(own_name(&host).unwrap(), "pve1");
        started_anew(&host, "prod", "pve1").unwrap();
        assert_eq!(read(&host, "prod").unwrap(), [pending("pve2", None)]);
        let effects = host.effects().len();
        started_anew(&host, "prod", "pve1").unwrap();
        assert_eq!(host.effects().len(), effects);
        started_anew(&host, "prod", "pve2").unwrap();
        assert!(!host.exists(PATH));
        assert_eq!(read(&host, "prod").unwrap(), []);
    }

    #[test]
    fn what_an_interrupted_write_left_is_in_nobodys_way() {
        let host = node().file(NEW, "clus");
        write(&host, "prod", &[pending("pve1", None)]).unwrap();
        assert!(host.exists(PATH) && !host.exists(NEW));
    }

    /// The fake's clock says 1767225600.
    #[test]
    fn a_corosync_that_was_started_later_has_read_its_file() {
        let show = "systemctl show --property=ExecMainStartTimestampMonotonic --value corosync.service";
        // started 4000 s ago, not since the boot, and not told
        for (since, said, expected) in [
            (100, "1000000000\n", true),
            (4_060, "1000000000\n", true),
            (4_061, "1000000000\n", false),
            (4_100, "0\n", true),
            (6_000, "0\n", true),
            (4_100, "\n", true),
        ] {
            let host = node().query(show, said);
            let changed = Pending { since: host.unix_time() - since, ..pending("pve1", None) };
            let left = of_node(&host, vec![changed, pending("pve2", None)], "pve1");
            assert_eq!(!left.is_empty(), expected, "changed {since} s ago, '{said}'");
        }
    }
}
