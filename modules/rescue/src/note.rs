// SPDX-License-Identifier: GPL-3.0-or-later
//! What every node can know of the rescues that are armed: a note of each node in its own directory of /etc/pve.
//!
//! While one is armed nobody else should change the cluster: create, join, leave, remove, a QDevice and the expected votes refuse, and name it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cluster_state::pmxcfs;
use corosync_document::Document;
use host::{Host, HostError, if_there, is_there};

use crate::arm::local;
use crate::record::{Record, digest, is_digest};

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
    /// The digests of the texts that it would undo, because the change that it guards brings them.
    pub intended: BTreeSet<String>,
}

impl Rescue {
    /// Whether it would undo this text.
    #[must_use]
    pub fn guards(&self, text: &Document) -> bool {
        !self.expired && self.intended.contains(&digest(text))
    }
}

fn path(node: &str) -> PathBuf {
    Path::new("/etc/pve/nodes").join(node).join(NAME)
}

/// Writes this node's note.
pub(crate) fn write(host: &dyn Host, record: &Record) -> Result<(), HostError> {
    let Some(node) = record.name() else { return Ok(()) };
    let (path, new) = (path(node), path(node).with_extension("new"));
    let intended: String = record.intended.iter().map(|digest| format!("intended {digest}\n")).collect();
    let owner = record.owner.replace(['\n', '\r'], " ");
    let text = format!("until {}\nowner {owner}\n{intended}end\n", record.until());
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

/// What a node's note says at this time. One that is not whole is one that is being written: it counts, and guards nothing.
fn parse(node: String, text: &str, now: u64) -> Rescue {
    let (until, owner, intended) =
        whole(text).unwrap_or((u64::MAX, "an unknown run".to_owned(), BTreeSet::new()));
    Rescue { node, owner, until, expired: now >= until, intended }
}

fn whole(text: &str) -> Option<(u64, String, BTreeSet<String>)> {
    let mut lines = text.lines();
    let until = lines.next()?.strip_prefix("until ")?.parse().ok()?;
    let owner = lines.next()?.strip_prefix("owner ")?.to_owned();
    let mut intended = BTreeSet::new();
    for line in lines {
        match line.strip_prefix("intended ") {
            Some(digest) if is_digest(digest) => intended.insert(digest.to_owned()),
            _ => return (line == "end").then_some((until, owner, intended)),
        };
    }
    None
}

/// Every rescue of this cluster that is armed or left over, as far as this node knows: its own, and those of which /etc/pve has a note.
///
/// # Errors
/// When it cannot be told.
pub fn rescues(host: &dyn Host) -> Result<Vec<Rescue>, HostError> {
    let now = host.unix_time();
    let mut found = Vec::new();
    if let Some(record) = local(host)? {
        let node = match record.name() {
            Some(node) => node.to_owned(),
            None => crate::pending::own_name(host)?,
        };
        let (until, expired) = (record.until(), record.has_expired(now));
        found.push(Rescue { node, owner: record.owner, until, expired, intended: record.intended });
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
        found.push(parse(node, &String::from_utf8_lossy(&text), now));
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
    against(&found.into_iter().map(|(node, text)| parse(node, &text, now)).collect::<Vec<_>>())
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
    use crate::decide_tests::conf;
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
            intended: BTreeSet::from([digest(&conf(7, &["10.77.1"])), digest(&conf(7, &["10.77.2"]))]),
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
        let intended = record.intended.clone();
        let found = rescues(&host).unwrap();
        assert_eq!(found, [Rescue { node: "pve2".to_owned(), owner, until, expired: false, intended }]);
        let guards = |text: &Document| found.iter().any(|rescue| rescue.guards(text));
        assert!(guards(&conf(9, &["10.77.2"])) && !guards(&conf(9, &["10.77.3"])));
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
        let found = rescues(&host).unwrap();
        assert!(found[0].expired && !found[0].guards(&conf(7, &["10.77.1"])));
        assert_eq!(against_change(&host), None);
    }

    #[test]
    fn one_that_is_not_whole_counts() {
        let digest = "0".repeat(64);
        for text in [
            "",
            "until 1\n",
            "until 1\nowner a\n",
            "until x\nowner a\nend\n",
            "until 1\nowner a\nintended 0\nend\n",
            &format!("until 1\nowner a\nintended {digest}\n"),
        ] {
            let host = node().file("/etc/pve/nodes/pve2/pve-cluster-rescue", text);
            assert!(against_change(&host).is_some(), "{text}");
            assert!(rescues(&host).unwrap()[0].intended.is_empty(), "{text}");
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
