// SPDX-License-Identifier: GPL-3.0-or-later
//! What is to be done to be rid of a node, and every reason not to do it.

use cluster_state::pmxcfs::Mount;
use corosync_document::Node;
use membership::files::{Entry, REPLICATION};
use membership::ready::mount;
use membership::reason::{self as common, Reason};
use membership::seen::{Conf, ConfFile, Joining, Running, behind, spread};
use membership::{keys, references};

use super::args::Wanted;
use super::lists::{self, Named, Shortened};
use super::reach::There;
use super::seen::Seen;
use super::words;

/// What is going to be done. Nothing of it is to do when the node is gone for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// `pvecm delnode`, because the cluster lists the node.
    pub(crate) listed: bool,
    /// Its directory in /etc/pve/nodes goes, with this in it.
    pub(crate) directory: Option<Vec<Entry>>,
    pub(crate) authorized_keys: Option<Edit>,
    pub(crate) known_hosts: Option<Edit>,
    /// Rules and groups of high availability that lose it.
    pub(crate) lists: Vec<Shortened>,
    /// Replication jobs that are deleted.
    pub(crate) jobs: Vec<String>,
    /// The files that these are in, by path.
    pub(crate) files: Vec<(String, Edit)>,
    /// How the cluster is afterwards.
    pub(crate) config_version: u64,
    pub(crate) members: Vec<String>,
    /// The names of all nodes before.
    pub(crate) nodes: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

/// A file before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) before: Vec<u8>,
    pub(crate) after: Vec<u8>,
}

impl Edit {
    fn of(before: &[u8], after: Vec<u8>) -> Option<Self> {
        (before != after).then(|| Self { before: before.to_vec(), after })
    }
}

impl Plan {
    /// Whether something that is not in the nodelist is still there.
    pub(crate) fn cleans(&self) -> bool {
        self.directory.is_some()
            || self.authorized_keys.is_some()
            || self.known_hosts.is_some()
            || !self.files.is_empty()
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.listed && !self.cleans()
    }
}

/// Decides.
pub(crate) fn plan(wanted: &Wanted, seen: &Seen) -> Result<Plan, Vec<Reason>> {
    let view = &seen.here.view;
    let unmounted = mount(&view.mount, seen.here.booting);
    if !unmounted.is_empty() {
        return Err(unmounted);
    }
    let conf: &Conf = match &view.conf {
        ConfFile::Absent => return Err(vec![words::standalone()]),
        ConfFile::Broken(why) => return Err(vec![common::own_conf_broken(why)]),
        ConfFile::Read(conf) if conf.cluster_name != wanted.cluster_name => {
            return Err(vec![common::other_cluster(&conf.cluster_name)]);
        }
        ConfFile::Read(conf) => conf,
    };
    let listed = conf.node(&wanted.node);
    let mut reasons = Vec::new();
    if wanted.node == view.node {
        reasons.push(words::itself(&wanted.node));
    }
    let same_but_case = |node: &&Node| node.name.eq_ignore_ascii_case(&wanted.node);
    if listed.is_none()
        && let Some(meant) = conf.nodes.values().find(same_but_case)
    {
        reasons.push(words::another_case(&wanted.node, &meant.name));
    }
    if let Err(broken) = whole(seen, conf) {
        reasons.extend(broken);
    }
    let mut warnings = Vec::new();
    if let Some(running) = &view.corosync
        && let Some((nodeid, _)) = listed
        && wanted.node != view.node
    {
        if running.versions.contains_key(&nodeid) {
            reasons.push(words::online(&wanted.node));
        } else if running.quorate {
            reasons.extend(quorum_afterwards(conf, nodeid, running));
        }
        if conf.qdevice {
            reasons.push(words::qdevice());
        }
        let missing: Vec<&str> = conf
            .nodes
            .iter()
            .filter(|(id, _)| **id != nodeid && !running.versions.contains_key(id))
            .map(|(_, node)| node.name.as_str())
            .collect();
        if !missing.is_empty() {
            warnings.push(words::misses_the_configuration(&missing));
        }
    }
    alive(wanted, seen, &mut reasons, &mut warnings);
    let mut going = Going::default();
    reasons.extend(references(wanted, seen, conf, &mut going, &mut warnings));
    for (path, text) in &seen.others {
        for section in references::naming(text, &wanted.node) {
            warnings.push(words::named(path, &section));
        }
    }
    if !reasons.is_empty() {
        return Err(reasons);
    }
    let (authorized_keys, kept) = keys::authorized_keys(&seen.authorized_keys, &wanted.node, &seen.own_keys);
    if !kept.is_empty() {
        warnings.push(words::shared_keys(&wanted.node, &kept));
    }
    let known_hosts = without_host(wanted, seen, conf, &seen.known_hosts).into_bytes();
    let running = view.corosync.iter().flat_map(|running| running.versions.keys());
    Ok(Plan {
        listed: listed.is_some(),
        directory: seen.directory.clone(),
        authorized_keys: Edit::of(&seen.authorized_keys, authorized_keys),
        known_hosts: Edit::of(seen.known_hosts.as_bytes(), known_hosts),
        files: files(seen, &going),
        lists: going.lists,
        jobs: going.jobs,
        config_version: conf.config_version + u64::from(listed.is_some()),
        members: running.map(|nodeid| conf.name_of(*nodeid)).collect(),
        nodes: conf.nodes.values().map(|node| node.name.clone()).collect(),
        warnings,
    })
}

/// Any sign of life speaks against it: the node may run its guests, cut off from the cluster, and so may one whose pmxcfs is dead and
/// which lets nobody in. Somebody who knows that the machine is off can say so; that it answers as the node is stronger.
fn alive(wanted: &Wanted, seen: &Seen, reasons: &mut Vec<Reason>, warnings: &mut Vec<String>) {
    let node = &wanted.node;
    let mut signs = match &seen.there {
        Some(There::InACluster) => return reasons.push(words::cut_off(node)),
        Some(There::Separated) => return,
        Some(There::Unclear { said }) => vec![format!("its sshd says '{said}'")],
        Some(There::Nothing) | None => Vec::new(),
    };
    match &seen.signs {
        Ok(more) => signs.extend(more.iter().cloned()),
        Err(why) if !wanted.known_off => reasons.push(words::unknown_life(node, why)),
        Err(why) => warnings.push(words::unknown_life(node, why).text),
    }
    if signs.is_empty() {
        return;
    }
    if wanted.known_off {
        warnings.push(words::known_off(node, &signs));
    } else {
        reasons.push(words::alive(node, &signs));
    }
}

/// known_hosts without the node, whose addresses are known as long as the cluster lists it.
pub(crate) fn without_host(wanted: &Wanted, seen: &Seen, conf: &Conf, text: &str) -> String {
    let (mut its, mut others) = (Vec::new(), Vec::new());
    let listed = conf.nodes.values().map(|node| (&node.name, node.addresses.values().collect::<Vec<_>>()));
    let managed = seen.here.view.members.iter().flat_map(|members| &members.nodelist);
    let managed = managed.map(|(name, node)| (name, node.ip.iter().collect::<Vec<_>>()));
    for (name, addresses) in listed.chain(managed) {
        let list = if *name == wanted.node { &mut its } else { &mut others };
        list.extend(std::iter::once(name).chain(addresses).cloned());
    }
    keys::known_hosts(text, &wanted.node, &its, &others)
}

/// What is wrong with this node or the members that it sees.
fn whole(seen: &Seen, conf: &Conf) -> Result<(), Vec<Reason>> {
    let view = &seen.here.view;
    let mut reasons = Vec::new();
    if conf.node(&view.node).is_none() {
        reasons.push(common::not_in_nodelist(&view.node));
    }
    let Some(running) = &view.corosync else {
        reasons.push(words::corosync_stopped(&seen.here.corosync_service));
        return Err(reasons);
    };
    if !running.quorate {
        reasons.push(words::not_quorate(running.votes, running.expected_votes));
    } else if view.mount != Mount::Writable {
        reasons.push(words::read_only());
    }
    let versions = spread(conf, running);
    let own = running.versions.get(&running.nodeid).copied();
    if running.versions.values().any(|version| Some(*version) != own) {
        reasons.push(common::versions_differ(&versions, &behind(conf, running)));
    } else if own != Some(conf.config_version) {
        reasons.push(common::version_not_running(conf.config_version, own));
    }
    if seen.here.pvecm_busy {
        reasons.push(common::pvecm_busy());
    }
    if let Joining::Another(owner) = &seen.joining {
        reasons.push(common::another_joins(owner.as_ref()));
    }
    if reasons.is_empty() { Ok(()) } else { Err(reasons) }
}

/// Removing a node makes corosync count the nodelist again, also where fewer votes were expected by hand.
fn quorum_afterwards(conf: &Conf, nodeid: u32, running: &Running) -> Option<Reason> {
    let staying = conf.nodes.iter().filter(|(id, _)| **id != nodeid);
    let (mut votes, mut there) = (0, 0);
    for (id, node) in staying {
        votes += node.votes;
        if running.versions.contains_key(id) {
            there += node.votes;
        }
    }
    (there < votes / 2 + 1).then(|| words::no_quorum_afterwards(there, votes))
}

/// What names the node and is taken away with it.
#[derive(Default)]
struct Going {
    lists: Vec<Shortened>,
    jobs: Vec<String>,
}

/// The files of high availability and replication before and after.
fn files(seen: &Seen, going: &Going) -> Vec<(String, Edit)> {
    let ha = seen.ha.iter().map(|(path, text)| {
        let lists: Vec<&Shortened> = going.lists.iter().filter(|list| list.path == *path).collect();
        (path.clone(), Edit::of(text.as_bytes(), lists::shortened(text, &lists).into_bytes()))
    });
    let text = &seen.replication;
    let replication = Edit::of(text.as_bytes(), lists::without_jobs(text, &going.jobs).into_bytes());
    let all = ha.chain(std::iter::once((REPLICATION.to_owned(), replication)));
    all.filter_map(|(path, edit)| Some((path, edit?))).collect()
}

/// The nodes that the cluster lists besides the one that goes: those that PVE takes in a list.
pub(crate) fn staying<'a>(wanted: &Wanted, conf: &'a Conf) -> Vec<&'a str> {
    let names = conf.nodes.values().map(|node| node.name.as_str());
    names.filter(|name| *name != wanted.node).collect()
}

/// Whatever still needs the node, by name, and what goes with it.
fn references(
    wanted: &Wanted,
    seen: &Seen,
    conf: &Conf,
    going: &mut Going,
    warnings: &mut Vec<String>,
) -> Vec<Reason> {
    let node = &wanted.node;
    let mut reasons = Vec::new();
    let guests: Vec<&Entry> =
        seen.directory.iter().flatten().filter(|entry| entry.guest().is_some()).collect();
    let ids: Vec<u32> = guests.iter().filter_map(|entry| entry.guest()).collect();
    if !guests.is_empty() && wanted.separated {
        let managed = references::managed(&seen.ha, &ids);
        if !managed.is_empty() {
            reasons.push(words::managed(&managed));
        }
        warnings.push(words::guests_go(node, &ids));
    } else if !guests.is_empty() {
        reasons.push(words::guests(node, &guests, &seen.here.view.node));
    }
    for (path, text) in &seen.ha {
        for named in lists::ha(path, text, node, &staying(wanted, conf)) {
            match named {
                Named::Shortened(list) => {
                    if !list.strangers.is_empty() {
                        warnings.push(words::strangers(&list));
                    }
                    going.lists.push(list);
                }
                Named::Alone { section, set, remove } => {
                    reasons.push(words::alone(path, &section, &set, &remove));
                }
                Named::Other { section } => reasons.push(words::ha(path, &section)),
            }
        }
    }
    let leaving = if wanted.separated { &ids[..] } else { &[] };
    for job in lists::jobs(&seen.replication, node, leaving) {
        if lists::is_job(&job) {
            going.jobs.push(job);
        } else {
            reasons.push(words::strange_job(&job));
        }
    }
    let daemons = references::ceph(&seen.ceph.conf, node);
    if !daemons.is_empty() {
        reasons.push(words::ceph_daemons(&daemons));
    }
    match &seen.ceph.osds {
        Some(osds) if !osds.is_empty() => reasons.push(words::osds(osds)),
        None if !seen.ceph.conf.trim().is_empty() => warnings.push(words::osds_not_asked(node)),
        _ => {}
    }
    reasons
}
