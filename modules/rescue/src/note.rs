// SPDX-License-Identifier: GPL-3.0-or-later
//! What every node can know of the rescues that are armed: a note of each node in its own directory of /etc/pve.
//!
//! While one is armed nobody else should change the cluster: create, join, leave, remove, a QDevice and the expected votes refuse, and name it.

use std::path::{Path, PathBuf};

use cluster_state::pmxcfs;
use host::{Host, HostError, if_there, is_there};

use crate::arm::local;
use crate::record::Record;

const NAME: &str = "pve-cluster-rescue";

/// A rescue that is armed, or was left over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rescue {
    /// The node on which it is.
    pub node: String,
    /// Who armed it.
    pub owner: String,
    /// Until when it may act, in seconds since 1970.
    pub until: u64,
    /// Whether it may not act any more.
    pub expired: bool,
}

fn path(node: &str) -> PathBuf {
    Path::new("/etc/pve/nodes").join(node).join(NAME)
}

/// This node's name in the cluster.
fn own(record: &Record) -> Option<&str> {
    record.nodes.iter().find(|(nodeid, _)| *nodeid == record.nodeid).map(|(_, name)| name.as_str())
}

/// Writes this node's note.
pub(crate) fn write(host: &dyn Host, record: &Record) -> Result<(), HostError> {
    let Some(node) = own(record) else { return Ok(()) };
    let (path, new) = (path(node), path(node).with_extension("new"));
    let text = format!("until {}\nowner {}\nend\n", record.until(), record.owner.replace(['\n', '\r'], " "));
    if_there(host.remove_file(&new))?;
    host.create(&new, text.as_bytes(), 0o640)?;
    host.rename(&new, &path)
}

/// Removes it. One that cannot be removed expires with the rescue.
pub(crate) fn remove(host: &dyn Host, node: &str) -> Result<bool, HostError> {
    let path = path(node);
    if !is_there(host, &path)? {
        return Ok(false);
    }
    Ok(if_there(host.remove_file(&path))?.is_some())
}

fn parse(text: &str) -> Option<(u64, String)> {
    let mut lines = text.lines();
    let until = lines.next()?.strip_prefix("until ")?.parse().ok()?;
    let owner = lines.next()?.strip_prefix("owner ")?.to_owned();
    (lines.next() == Some("end")).then_some((until, owner))
}

/// Every rescue of this cluster that is armed or left over, as far as this node knows: its own, and those of which /etc/pve has a note.
///
/// # Errors
/// When it cannot be told.
pub fn rescues(host: &dyn Host) -> Result<Vec<Rescue>, HostError> {
    let now = host.unix_time();
    let mut found = Vec::new();
    if let Some(record) = local(host)? {
        let node = match own(&record) {
            Some(node) => node.to_owned(),
            None => crate::pending::own_name(host)?,
        };
        let (until, expired) = (record.until(), record.has_expired(now));
        found.push(Rescue { node, owner: record.owner, until, expired });
    }
    let mounted = pmxcfs::query(host).is_ok_and(|found| found.is_mounted());
    let nodes = if mounted {
        if_there(host.list(Path::new("/etc/pve/nodes")))?.unwrap_or_default()
    } else {
        Vec::new()
    };
    for node in nodes {
        if found.iter().any(|known| known.node == node) {
            continue;
        }
        let Some(text) = if_there(host.read(&path(&node)))? else { continue };
        // one that is not whole is one that is being written
        let (until, owner) =
            parse(&String::from_utf8_lossy(&text)).unwrap_or((u64::MAX, "an unknown run".to_owned()));
        found.push(Rescue { node, owner, until, expired: now >= until });
    }
    Ok(found)
}

/// Why the cluster must not be changed now: a rescue that is armed, which would take it for the change that it guards. None where nothing
/// is armed. That it cannot be told is a reason, too.
#[must_use]
pub fn against_change(host: &dyn Host) -> Option<String> {
    match rescues(host) {
        Ok(rescues) => against(&rescues),
        Err(error) => Some(format!("whether a rescue of corosync.conf is armed is not known: {error}")),
    }
}

/// The same of another node's cluster: what its shell prints for [`NOTES`].
#[must_use]
pub fn against_change_there(printed: &str) -> Option<String> {
    let mut lines = printed.lines();
    let now: u64 = lines.next().and_then(|now| now.trim().parse().ok()).unwrap_or(0);
    let mut found: Vec<(String, String)> = Vec::new();
    for line in lines {
        match (line.strip_prefix("= "), found.last_mut()) {
            (Some(node), _) => found.push((node.to_owned(), String::new())),
            (None, Some((_, text))) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    let of = |(node, text): (String, String)| {
        let (until, owner) = parse(&text).unwrap_or((u64::MAX, "an unknown run".to_owned()));
        Rescue { node, owner, until, expired: now >= until }
    };
    against(&found.into_iter().map(of).collect::<Vec<_>>())
}

/// What a node's shell runs for [`against_change_there`].
pub const NOTES: &str = r#"date +%s
for note in /etc/pve/nodes/*/pve-cluster-rescue; do
  [ -e "$note" ] || continue
  node=${note%/*}; echo "= ${node##*/}"; cat "$note"
done"#;

fn against(rescues: &[Rescue]) -> Option<String> {
    let armed: Vec<&Rescue> = rescues.iter().filter(|rescue| !rescue.expired).collect();
    let first = armed.first()?;
    let nodes: Vec<&str> = armed.iter().map(|rescue| rescue.node.as_str()).collect();
    Some(format!(
        "a change of corosync.conf is under way or was interrupted: its rescue is armed on '{}' by {}; wait until it has ended, or call it \
         off on each of them with the module 'corosync_rescue' and state 'disarmed', with 'force' where the node is not quorate",
        nodes.join("', '"),
        first.owner
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use testkit::FakeHost;

    fn node() -> FakeHost {
        let host =
            FakeHost::new().with_hostname("pve1").pmxcfs("/etc/pve").link("/etc/pve/local", "nodes/pve1");
        host.dir("/etc/pve/nodes/pve1").dir("/etc/pve/nodes/pve2")
    }

    fn record(host: &FakeHost) -> Record {
        Record {
            nodeid: 2,
            seconds: 300,
            armed: host::Host::unix_time(host),
            owner: "a role".to_owned(),
            nodes: BTreeSet::from([(1, "pve1".to_owned()), (2, "pve2".to_owned())]),
            ..Record::default()
        }
    }

    #[test]
    fn every_node_knows_of_it_until_it_is_removed_or_has_expired() {
        let host = node();
        assert_eq!(rescues(&host).unwrap(), []);
        assert_eq!(against_change(&host), None);
        let record = record(&host);
        write(&host, &record).unwrap();
        let (owner, until) = ("a role".to_owned(), record.until());
        assert_eq!(
            rescues(&host).unwrap(),
            [Rescue { node: "pve2".to_owned(), owner, until, expired: false }]
        );
        assert_eq!(
            against_change(&host).unwrap(),
            "a change of corosync.conf is under way or was interrupted: its rescue is armed on 'pve2' by a role; wait until it has ended, \
             or call it off on each of them with the module 'corosync_rescue' and state 'disarmed', with 'force' where the \
             node is not quorate"
        );
        assert!(remove(&host, "pve2").unwrap() && !remove(&host, "pve2").unwrap());
        assert_eq!(against_change(&host), None);
        let old = Record { armed: record.armed - record.seconds - 86_400, ..record };
        write(&host, &old).unwrap();
        assert!(rescues(&host).unwrap()[0].expired);
        assert_eq!(against_change(&host), None);
    }

    #[test]
    fn one_that_is_not_whole_counts() {
        for text in ["", "until 1\n", "until 1\nowner a\n", "until x\nowner a\nend\n"] {
            let host = node().file("/etc/pve/nodes/pve2/pve-cluster-rescue", text);
            assert!(against_change(&host).is_some(), "{text}");
        }
    }

    /// A joining node reads the notes over its login.
    #[test]
    fn the_shell_of_another_node_tells_the_same() {
        let told = |text: &str| against_change_there(text);
        assert_eq!(told("100\n"), None);
        assert_eq!(told("100\n= pve2\nuntil 100\nowner a\nend\n"), None);
        let armed =
            told("100\n= pve2\nuntil 101\nowner a role\nend\n= pve3\nuntil 101\nowner b\nend\n").unwrap();
        assert!(armed.contains("armed on 'pve2', 'pve3' by a role; "), "{armed}");
        assert!(told("100\n= pve2\nuntil 1").unwrap().contains("by an unknown run"));
        // a clock that does not tell
        assert!(told("\n= pve2\nuntil 1\nowner a\nend\n").is_some());
    }
}
