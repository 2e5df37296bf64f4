// SPDX-License-Identifier: GPL-3.0-or-later
//! The keys of a node in the cluster's files, and the same files without them.

use std::path::Path;
use std::time::Duration;

use authorized_keys_document::Document;
use cluster_state::pmxcfs::read_settled;
use host::{Host, HostError, if_there};
use locks::{Deed, Lock, Lost, NoLock};

const SSH: &str = "/root/.ssh";
/// How often a file that another program changes at the same time is read again.
const ROUNDS: usize = 20;

/// The keys in a file, type and key, for whatever they are.
pub fn in_file(bytes: &[u8]) -> Vec<String> {
    Document::parse(bytes).entries().map(|entry| entry.key.spelling()).collect()
}

/// authorized_keys without the root keys of a node, and the keys that stay although they carry its name.
///
/// PVE writes them with the comment `root@NAME`, which is all that tells whose they are. A key that another line or this
/// node itself has too, as on cloned machines, is not the node's alone and stays.
pub fn authorized_keys(bytes: &[u8], node: &str, own: &[String]) -> (Vec<u8>, Vec<String>) {
    let comment = format!("root@{node}").into_bytes();
    let mut document = Document::parse(bytes);
    let named: Vec<_> =
        document.entries().filter(|entry| entry.comment == comment).map(|entry| entry.key.clone()).collect();
    let mut kept = Vec::new();
    for key in &named {
        let others = document.entries().any(|entry| entry.key == *key && entry.comment != comment);
        let spelling = key.spelling();
        if !others && !own.contains(&spelling) {
            document.remove(key);
        } else if !kept.contains(&spelling) {
            kept.push(spelling);
        }
    }
    (document.to_bytes(), kept)
}

/// A line of known_hosts: the hosts it is for, and its key. None for comments, markers and what is no such line.
fn known_host(line: &str) -> Option<(Vec<&str>, (&str, &str))> {
    let mut words = line.split_whitespace();
    let hosts = words.next().filter(|word| !word.starts_with(['#', '@']))?;
    Some((hosts.split(',').collect(), (words.next()?, words.next()?)))
}

/// A host of a line without the port: `[pve3]:2222` is `pve3`.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.split(']').next()).unwrap_or(host)
}

/// known_hosts without a node: its names and addresses, and whatever else has its host keys, unless that is for another
/// node of the cluster.
///
/// The keys tell which addresses were the node's when the cluster no longer lists it. `others` are the names and addresses
/// of the nodes that stay.
pub fn known_hosts(text: &str, node: &str, addresses: &[String], others: &[String]) -> String {
    let is_its = |host: &str| bare(host) == node || addresses.iter().any(|address| address == bare(host));
    let is_other = |host: &str| others.iter().any(|other| other == bare(host));
    let with_key = |is: &dyn Fn(&str) -> bool| -> Vec<(&str, &str)> {
        let lines = text.lines().filter_map(known_host);
        lines.filter(|(hosts, _)| hosts.iter().any(|host| is(host))).map(|(_, key)| key).collect()
    };
    let theirs = with_key(&is_other);
    let mut its = with_key(&|host| bare(host) == node);
    its.retain(|key| !theirs.contains(key));
    let mut after = String::new();
    for raw in text.split_inclusive('\n') {
        let Some((hosts, key)) = known_host(raw) else {
            after.push_str(raw);
            continue;
        };
        let kept: Vec<&str> = if its.contains(&key) {
            Vec::new()
        } else {
            hosts.iter().copied().filter(|host| !is_its(host)).collect()
        };
        if kept.len() == hosts.len() {
            after.push_str(raw);
        } else if !kept.is_empty() {
            after.push_str(&raw.replacen(&hosts.join(","), &kept.join(","), 1));
        }
    }
    after
}

/// Root's own keys on this node.
pub fn own_keys(host: &dyn Host) -> Result<Vec<String>, HostError> {
    let names = if_there(host.list(Path::new(SSH)))?.unwrap_or_default();
    let mut keys = Vec::new();
    for name in names.iter().filter(|name| name.ends_with(".pub")) {
        let content = if_there(host.read(&Path::new(SSH).join(name)))?;
        keys.extend(content.iter().flat_map(|bytes| in_file(bytes)));
    }
    Ok(keys)
}

/// Why the cleaning stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// There was no lock.
    NoLock(NoLock),
    /// The lock was lost on the way.
    Lost(&'static str, Lost),
    /// Another program wrote the file each time.
    Busy(&'static str),
    /// A command of PVE did not do what it was for; its words.
    Kept(String),
    /// Anything else.
    Host(HostError),
}

impl From<HostError> for Stopped {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

impl Stopped {
    /// The reason, as a part of a sentence.
    pub fn words(&self) -> String {
        match self {
            Self::NoLock(why @ NoLock::Held(_)) => format!(
                "another program holds '{}'{}, which expires 120 s after it has died",
                locks::path(locks::AUTHORIZED_KEYS).display(),
                why.by()
            ),
            Self::NoLock(NoLock::ReadOnly) => "'/etc/pve' is read-only on this node".to_owned(),
            Self::NoLock(NoLock::Host(error)) => error.to_string(),
            Self::Lost(lock, why) => {
                format!("the lock '{}' is no longer certain: {why}", locks::path(lock).display())
            }
            Self::Kept(words) => words.clone(),
            Self::Busy(path) => format!("other programs change '{path}' all the time"),
            Self::Host(error) => error.to_string(),
        }
    }
}

/// Does this behind the lock of the key files, which module pve_authorized_key takes too.
pub fn locked(
    host: &dyn Host,
    deadline: Duration,
    deed: impl FnOnce(&Lock) -> Result<(), Stopped>,
) -> Result<(), Stopped> {
    let lock = Lock::take(host, locks::AUTHORIZED_KEYS, Deed::Change, deadline).map_err(Stopped::NoLock)?;
    let done = deed(&lock);
    let released = lock.release(host);
    done?;
    released?;
    Ok(())
}

/// Replaces a file of pmxcfs, whose modes are given, as long as nobody else does.
pub fn rewrite(
    host: &dyn Host,
    lock: &Lock,
    path: &'static str,
    edit: impl Fn(&[u8]) -> Vec<u8>,
) -> Result<(), Stopped> {
    let new = format!("{path}.pvecm_cluster");
    let (file, new) = (Path::new(path), Path::new(&new));
    for _ in 0..ROUNDS {
        let before = read_settled(host, file)?.unwrap_or_default();
        let after = edit(&before);
        if after == before {
            return Ok(());
        }
        if_there(host.remove_file(new))?;
        host.create(new, &after, 0o600)?;
        if if_there(host.read(file))?.unwrap_or_default() == before {
            if let Err(lost) = lock.check(host) {
                let _ = host.remove_file(new);
                return Err(Stopped::Lost(locks::AUTHORIZED_KEYS, lost));
            }
            return Ok(host.rename(new, file)?);
        }
    }
    // What was written last is of no use; that it could not be written is what is told.
    let _ = host.remove_file(new);
    Err(Stopped::Busy(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDAh7XaMsLDfQwLPxpy3Chdjgtk7AmgaAQkmU3Nm5rqa";
    const B: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBwH6HJ6TRpLRNy8m5B7gTqTNsGhSOZ3Gm1QCpzHT2kD";

    fn without(text: &str, own: &[String]) -> (String, usize) {
        let (after, kept) = authorized_keys(text.as_bytes(), "pve3", own);
        (String::from_utf8(after).unwrap(), kept.len())
    }

    #[test]
    fn a_nodes_keys_go_by_their_comment() {
        let text = format!("# all\n{A} root@pve3\n{B} root@pve30\n");
        assert_eq!(without(&text, &[]), (format!("# all\n{B} root@pve30\n"), 0));
        let twice = format!("{A} root@pve3\nrestrict {A} root@pve3\n{B} admin@pve3\n");
        assert_eq!(without(&twice, &[]), (format!("{B} admin@pve3\n"), 0));
    }

    #[test]
    fn a_key_that_is_not_the_nodes_alone_stays() {
        let shared = format!("{A} root@pve3\n{A} root@pve1\n");
        assert_eq!(without(&shared, &[]), (shared.clone(), 1));
        let own = format!("{A} root@pve3\n");
        assert_eq!(without(&own, &[A.to_owned()]), (own.clone(), 1));
    }

    fn hosts(text: &str, addresses: &[&str]) -> String {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        known_hosts(text, "pve3", &texts(addresses), &texts(&["pve1", "10.77.0.11", "pve2", "10.77.0.12"]))
    }

    #[test]
    fn a_node_goes_with_its_addresses() {
        let text = "# c\npve1 t A\npve3 t C\n10.77.0.13 t C\n|1|x|y t C\n@revoked pve3 t Z\n10.77.0.12 t B\n";
        assert_eq!(hosts(text, &[]), "# c\npve1 t A\n@revoked pve3 t Z\n10.77.0.12 t B\n");
        // an address of the node with a key that no name has
        assert_eq!(hosts("10.77.0.13 t D\n10.77.0.14 t E\n", &["10.77.0.13"]), "10.77.0.14 t E\n");
        assert_eq!(hosts("[pve3]:2222,[10.77.0.13]:2222 t C x\n", &[]), "");
    }

    #[test]
    fn what_another_node_has_too_stays() {
        let text = "pve1 t A\npve3 t A\n10.77.0.99 t A\n";
        assert_eq!(hosts(text, &[]), "pve1 t A\n10.77.0.99 t A\n");
        assert_eq!(hosts("pve1,pve3,backup t A note\n", &[]), "pve1,backup t A note\n");
    }
}
