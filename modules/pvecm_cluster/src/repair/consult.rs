// SPDX-License-Identifier: GPL-3.0-or-later
//! Asks a member of the cluster what this node should have: over the ssh login that a join uses, with the same rules.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use cluster_state::quorumtool;
use corosync_document::Document;
use host::{Command, Host};
use membership::seen::{Conf, same_address};
use ssh_login::{Login, part};

const CONNECT: u64 = 5;
const PATIENCE: Duration = Duration::from_secs(15);

/// Reads only. The key's digest tells whether this node has the same one; the key itself is fetched only when it has not.
const LOOK: &str = r#"exec 2>/dev/null
PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
export PATH LC_ALL
part() { printf '\n@@ %s\n' "$1"; }
part node; uname -n
part quorum; corosync-quorumtool -siH
part authkey; sha256sum < /etc/corosync/authkey
part corosync.conf; cat /etc/pve/corosync.conf
part end
exit 0
"#;
const KEY: &str = "exec od -An -v -tx1 /etc/corosync/authkey\n";

/// A member, as it answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// Where this node reached it.
    pub(crate) place: Place,
    pub(crate) node: String,
    /// The votes that it lacks for quorum; 0 when it is quorate.
    pub(crate) lacks: u32,
    /// The SHA-256 digest of corosync's key, in hexadecimal digits; none when there is no key.
    pub(crate) authkey: Option<String>,
    /// The nodeids of the members that it sees.
    pub(crate) sees: BTreeSet<u32>,
    pub(crate) text: String,
    pub(crate) conf: Conf,
}

fn ssh(target: &str, pinned: Option<&str>, word: &str, script: &str) -> Command {
    Login { target, pinned, key_only: false, connect: CONNECT, patience: PATIENCE }.shell([word], script)
}

/// Where a member may answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its name or one of its addresses.
    pub(crate) target: String,
    /// The node that is there, where that is known.
    pub(crate) node: Option<String>,
}

impl Place {
    fn pinned(&self, host: &dyn Host) -> Option<&str> {
        self.node.as_deref().and_then(|node| ssh_login::pinned(host, node))
    }
}

/// The command that asks a member.
pub(crate) fn look(target: &str, pinned: Option<&str>) -> Command {
    ssh(target, pinned, "repair-look", LOOK)
}

/// The command that fetches corosync's key.
pub(crate) fn fetch(target: &str, pinned: Option<&str>) -> Command {
    ssh(target, pinned, "repair-key", KEY)
}

impl Member {
    pub(crate) fn is_quorate(&self) -> bool {
        self.lacks == 0
    }

    /// The names of the members that it sees.
    pub(crate) fn side(&self) -> Vec<String> {
        self.sees.iter().map(|nodeid| self.conf.name_of(*nodeid)).collect()
    }
}

/// The first of these hosts that answers as a quorate member of this cluster, or else as a member whose corosync runs.
pub(crate) fn first(host: &dyn Host, places: &[Place], cluster_name: &str) -> Option<Member> {
    let mut short = None;
    for place in places {
        match ask(host, place).filter(|member| member.conf.cluster_name == cluster_name) {
            Some(member) if member.is_quorate() => return Some(member),
            member => short = short.or(member),
        }
    }
    short
}

/// The nodes of the cluster that a quorate member does not see, as they answer themselves: one of them may be quorate apart from it. This node,
/// which may be listed under another name, is not asked.
pub(crate) fn unseen(host: &dyn Host, member: &Member, own: &str, addresses: &[IpAddr]) -> Vec<Member> {
    let listed = listed_as(&member.conf, own, addresses);
    let unseen = member.conf.nodes.iter().filter(|(nodeid, node)| {
        !member.sees.contains(nodeid) && node.name != own && Some(node.name.as_str()) != listed
    });
    let mut answered = Vec::new();
    for (_, node) in unseen {
        let targets = std::iter::once(&node.name).chain(node.addresses.values());
        let found = targets.filter(|target| membership::check::is_host(target)).find_map(|target| {
            let place = Place { target: target.clone(), node: Some(node.name.clone()) };
            ask(host, &place).filter(|found| found.conf.cluster_name == member.conf.cluster_name)
        });
        answered.extend(found);
    }
    answered
}

/// The name under which a cluster lists a node that was renamed: one that it does not have by its name, and has by its addresses.
pub(crate) fn listed_as<'a>(conf: &'a Conf, own: &str, addresses: &[IpAddr]) -> Option<&'a str> {
    if conf.node(own).is_some() {
        return None;
    }
    let is_here = |address: &String| addresses.iter().any(|local| same_address(&local.to_string(), address));
    conf.nodes.values().find(|node| node.addresses.values().any(is_here)).map(|node| node.name.as_str())
}

fn ask(host: &dyn Host, place: &Place) -> Option<Member> {
    let output = host.run(&look(&place.target, place.pinned(host))).ok().filter(host::Output::exited_zero)?;
    read(place, &output.stdout)
}

fn read(place: &Place, text: &str) -> Option<Member> {
    part(text, "end")?;
    let digest = part(text, "authkey")?.split_whitespace().next();
    // The shell's own line break before the next part is not the file's.
    let conf = part(text, "corosync.conf")?;
    let quorum = quorumtool::parse(part(text, "quorum")?).ok()?;
    Some(Member {
        place: place.clone(),
        node: part(text, "node")?.trim().split('.').next()?.to_owned(),
        sees: quorum.nodeids().into_iter().collect(),
        lacks: if quorum.quorate { 0 } else { quorum.quorum.saturating_sub(quorum.total_votes).max(1) },
        // sha256sum of nothing is not the digest of a key.
        authkey: digest.filter(|digest| *digest != EMPTY).map(str::to_owned),
        conf: Conf::of(&Document::parse(conf.as_bytes())).ok()?,
        text: conf.to_owned(),
    })
}

const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Fetches corosync's key.
///
/// # Errors
/// In words, which never hold anything of it.
pub(crate) fn authkey(host: &dyn Host, place: &Place) -> Result<Vec<u8>, String> {
    let failed = || format!("cannot fetch '/etc/corosync/authkey' of '{}' over ssh", place.target);
    let output = host.run(&fetch(&place.target, place.pinned(host))).map_err(|_| failed())?;
    let digits: Option<Vec<u8>> =
        output.stdout.split_whitespace().map(|word| u8::from_str_radix(word, 16).ok()).collect();
    match digits {
        Some(key) if output.exited_zero() && !key.is_empty() => Ok(key),
        _ => Err(failed()),
    }
}

/// The digest of this node's own key; none when there is no key.
///
/// # Errors
/// In words, when it cannot be told.
pub(crate) fn own_digest(host: &dyn Host) -> Result<Option<String>, String> {
    let path = cluster_state::leftovers::AUTHKEY;
    if !host::is_there(host, std::path::Path::new(path)).map_err(|error| error.to_string())? {
        return Ok(None);
    }
    let command = Command::new("sha256sum").arg(path);
    let output = host.run(&command).map_err(|error| error.to_string())?;
    membership::pmxcfs_service::exits_zero(&command, &output)?;
    Ok(output.stdout.split_whitespace().next().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The scripts themselves, on files of this machine.
    #[test]
    fn the_scripts_are_understood_by_a_shell() {
        let dir = tempfile::tempdir().unwrap();
        let at = |script: &str| script.replace("/etc/corosync", dir.path().to_str().unwrap());
        let host = host::RealHost::new();
        let run = |script: String| host.run(&Command::new("/bin/sh").arg("-s").stdin(script)).unwrap();
        let without = run(at(LOOK)).stdout;
        assert_eq!(part(&without, "authkey").unwrap().trim(), "");
        host.create(&dir.path().join("authkey"), &[0, 255, 10, 97], 0o600).unwrap();
        let looked = run(at(LOOK)).stdout;
        assert_eq!(part(&looked, "authkey").unwrap().split_whitespace().next().unwrap().len(), 64);
        assert!(part(&looked, "end").is_some());
        let key = run(at(KEY));
        let digits: Vec<u8> =
            key.stdout.split_whitespace().map(|word| u8::from_str_radix(word, 16).unwrap()).collect();
        assert_eq!((digits, key.exited_zero()), (vec![0, 255, 10, 97], true));
    }
}
