// SPDX-License-Identifier: GPL-3.0-or-later
//! What is to be done so that this node belongs to no cluster, and every reason not to do it.

use std::collections::BTreeSet;

use cluster_state::leftovers::NODES;
use membership::files::{AUTHORIZED_KEYS, Entry, HA, KNOWN_HOSTS, REPLICATION};
use membership::leaving::Other;
use membership::ready::mount;
use membership::reason::{self as common, Reason};
use membership::seen::{Conf, ConfFile, Joining};
use membership::{keys, references};

use super::args::Wanted;
use super::seen::{Lrm, Seen};
use super::words;

/// What is going to be done. Nothing of it is to do on a standalone node with nothing left of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Plan {
    /// pmxcfs is taken out of the cluster.
    pub(crate) separates: bool,
    /// A run that was interrupted is taken up.
    pub(crate) resumes: bool,
    /// The other nodes of the cluster.
    pub(crate) others: Vec<Other>,
    pub(crate) leftovers: Leftovers,
    /// Guests, by number, that are this node's own.
    pub(crate) guests: Vec<u32>,
    pub(crate) warnings: Vec<String>,
}

/// What is removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Leftovers {
    /// Files of corosync, below their directories.
    pub(crate) files: Vec<(String, Vec<Entry>)>,
    /// Directories of other nodes, by name.
    pub(crate) nodes: Vec<(String, Vec<Entry>)>,
    /// The names of nodes whose keys go.
    pub(crate) names: Vec<String>,
    pub(crate) authorized_keys: bool,
    pub(crate) known_hosts: bool,
    /// Files of high availability, which are about other nodes' guests.
    pub(crate) ha: Vec<Entry>,
    pub(crate) replication: bool,
    /// corosync-qdevice no longer starts with the machine.
    pub(crate) qdevice: bool,
}

impl Leftovers {
    /// Where something is removed.
    pub(crate) fn places(&self) -> Vec<String> {
        let mut places: Vec<String> = Vec::new();
        for (root, entries) in &self.files {
            let top = entries.iter().filter(|entry| !entry.path.contains('/'));
            places.extend(top.map(|entry| format!("{root}/{}", entry.path)));
        }
        places.extend(self.nodes.iter().map(|(name, _)| format!("{NODES}/{name}")));
        places.extend(self.ha.iter().map(|entry| format!("{HA}/{}", entry.path)));
        let single = [
            (AUTHORIZED_KEYS, self.authorized_keys),
            (KNOWN_HOSTS, self.known_hosts),
            (REPLICATION, self.replication),
            ("corosync-qdevice.service", self.qdevice),
        ];
        places.extend(single.iter().filter(|(_, is)| *is).map(|(place, _)| (*place).to_owned()));
        places
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.places().is_empty()
    }
}

impl Plan {
    pub(crate) fn is_empty(&self) -> bool {
        !self.separates && !self.resumes && self.leftovers.is_empty()
    }
}

/// Decides.
pub(crate) fn plan(wanted: &Wanted, seen: &Seen) -> Result<Plan, Vec<Reason>> {
    if let Some(record) = seen.record.as_ref().filter(|_| !is_whole_member(seen)) {
        if record.cluster_name != wanted.cluster_name {
            return Err(vec![words::leaving_another(&record.cluster_name, &record.backup)]);
        }
        // The reasons against it were weighed before its first step.
        let mut warnings = warnings(seen, &record.nodes);
        if !record.nodes.is_empty() && !wanted.force {
            warnings.push(words::still_listed(&seen.here.view.node, &seen.own_guests()));
        }
        return Ok(Plan {
            separates: is_in_a_cluster(seen) || !seen.here.view.is_mounted() || !seen.serviced,
            resumes: true,
            others: record.nodes.clone(),
            leftovers: leftovers(seen, &record.nodes, true),
            guests: seen.own_guests(),
            warnings,
        });
    }
    let view = &seen.here.view;
    let unmounted = mount(&view.mount, seen.here.booting);
    if !unmounted.is_empty() {
        return Err(unmounted);
    }
    let mut forced = Vec::new();
    let others = match &view.conf {
        ConfFile::Absent => Vec::new(),
        ConfFile::Broken(why) if !wanted.force => return Err(vec![common::own_conf_broken(why)]),
        ConfFile::Broken(_) => Vec::new(),
        ConfFile::Read(conf) if conf.cluster_name != wanted.cluster_name => {
            return Err(vec![common::other_cluster(&conf.cluster_name)]);
        }
        ConfFile::Read(conf) => {
            let (mut reasons, forcible) = against(seen, conf);
            if wanted.force {
                forced = forcible.into_iter().map(|reason| reason.text).collect();
            } else {
                reasons.extend(forcible);
            }
            if !reasons.is_empty() {
                return Err(reasons);
            }
            others(seen, conf)
        }
    };
    let separates = is_in_a_cluster(seen) || !seen.serviced;
    let mut warnings = warnings(seen, &others);
    // By force the whole cluster is taken apart, or what is to be done on the others is told with it.
    if separates && !others.is_empty() && !wanted.force {
        warnings.push(words::still_listed(&view.node, &seen.own_guests()));
    }
    if !forced.is_empty() {
        warnings.push(words::forced(&forced));
    }
    Ok(Plan {
        separates,
        resumes: false,
        leftovers: leftovers(seen, &others, separates),
        others,
        guests: seen.own_guests(),
        warnings,
    })
}

/// What is left once the node is out of the cluster; why it is not, otherwise.
pub(crate) fn afterwards(wanted: &Wanted, seen: &Seen, planned: &Plan) -> Result<Leftovers, String> {
    if is_in_a_cluster(seen) {
        return Err(format!("this node still belongs to cluster '{}'", wanted.cluster_name));
    }
    Ok(leftovers(seen, &planned.others, planned.separates || planned.resumes))
}

/// Whether the node runs in its cluster: then a record of an earlier run is out of date, because a person started the services
/// again.
fn is_whole_member(seen: &Seen) -> bool {
    let view = &seen.here.view;
    view.is_mounted() && seen.serviced && view.conf != ConfFile::Absent && view.corosync.is_some()
}

/// Whether pmxcfs or corosync still belongs to a cluster.
fn is_in_a_cluster(seen: &Seen) -> bool {
    let view = &seen.here.view;
    view.conf != ConfFile::Absent
        || view.members.as_ref().is_some_and(|members| members.cluster.is_some())
        || view.corosync.is_some()
}

/// The other nodes that the cluster lists, with all that is known of their addresses.
fn others(seen: &Seen, conf: &Conf) -> Vec<Other> {
    let view = &seen.here.view;
    let listed = conf.nodes.values().filter(|node| node.name != view.node);
    let managed = |name: &str| {
        let node = view.members.as_ref().and_then(|members| members.nodelist.get(name));
        node.and_then(|node| node.ip.clone())
    };
    let other = listed.map(|node| Other {
        name: node.name.clone(),
        addresses: node.addresses.values().cloned().chain(managed(&node.name)).collect(),
    });
    other.collect()
}

/// What stands against leaving: in any case, and unless it is forced.
fn against(seen: &Seen, conf: &Conf) -> (Vec<Reason>, Vec<Reason>) {
    let view = &seen.here.view;
    let (mut always, mut unless_forced) = (Vec::new(), Vec::new());
    if seen.here.pvecm_busy {
        always.push(common::pvecm_busy());
    }
    if let Joining::Another(owner) = &seen.joining {
        always.push(common::another_joins(owner.as_ref()));
    }
    if let Some(running) = view.corosync.as_ref().filter(|running| running.quorate)
        && let Some((own, _)) = conf.node(&view.node)
    {
        let staying: Vec<_> = conf
            .nodes
            .iter()
            .filter(|(id, _)| **id != own && running.versions.contains_key(id))
            .map(|(_, node)| node)
            .collect();
        let votes: u32 = staying.iter().map(|node| node.votes).sum();
        let needed = running.expected_votes / 2 + 1;
        if !staying.is_empty() && votes < needed {
            let names: Vec<String> = staying.iter().map(|node| node.name.clone()).collect();
            unless_forced.push(words::others_lose_quorum(votes, needed, &names));
        }
    }
    if conf.qdevice {
        unless_forced.push(words::qdevice());
    }
    match &seen.lrm {
        Lrm::Idle => {}
        Lrm::Active => always.push(words::lrm_active()),
        Lrm::Watched(state) => always.push(words::lrm_watched(state)),
        Lrm::Unknown(state) => always.push(words::lrm_unknown(state)),
    }
    let resources = references::managed(&seen.ha, &seen.own_guests());
    if !resources.is_empty() {
        always.push(words::ha_resources(&resources));
    }
    for job in replication_jobs(seen) {
        always.push(words::replication(&job));
    }
    let mut daemons = references::ceph(&seen.ceph.conf, &view.node);
    daemons.extend(seen.ceph.osds.iter().flatten().map(|osd| format!("osd.{osd}")));
    if !daemons.is_empty() {
        unless_forced.push(words::ceph(&daemons));
    }
    (always, unless_forced)
}

/// Replication jobs of this node's guests, and those that lead to it. A job's name begins with its guest's number.
fn replication_jobs(seen: &Seen) -> Vec<String> {
    let text = seen.replication.as_deref().unwrap_or_default();
    let named = references::replication(text, &seen.here.view.node);
    let own = seen.own_guests();
    let is_own = |job: &String| {
        let guest = job.split('-').next().and_then(|number| number.parse().ok());
        guest.is_some_and(|guest: u32| own.contains(&guest)) || named.contains(job)
    };
    references::jobs(text).into_iter().filter(is_own).collect()
}

fn warnings(seen: &Seen, others: &[Other]) -> Vec<String> {
    let mut warnings = Vec::new();
    let shared = references::shared_storages(&seen.storages);
    if !others.is_empty() && !shared.is_empty() {
        warnings.push(words::shared_storages(&shared));
    }
    for (name, entries) in &seen.nodes {
        let guests = guests_in(entries);
        if !guests.is_empty() && !others.iter().any(|other| other.name == *name) {
            warnings.push(words::kept_directory(name, &guests));
        }
    }
    warnings
}

fn guests_in(entries: &[Entry]) -> Vec<String> {
    entries.iter().filter_map(|entry| entry.guest()).map(|guest| guest.to_string()).collect()
}

/// What of the cluster is on this node. `left` says that this node was in it: then what high availability and replication
/// have is about others.
fn leftovers(seen: &Seen, others: &[Other], left: bool) -> Leftovers {
    let is_other = |name: &str| others.iter().any(|other| other.name == name);
    let goes = |(name, entries): &(&String, &Vec<Entry>)| is_other(name) || guests_in(entries).is_empty();
    let nodes: Vec<(String, Vec<Entry>)> =
        seen.nodes.iter().filter(goes).map(|(name, entries)| (name.clone(), entries.clone())).collect();
    let mut names = BTreeSet::new();
    names.extend(others.iter().map(|other| other.name.clone()));
    names.extend(nodes.iter().map(|(name, _)| name.clone()));
    let names: Vec<String> = names.into_iter().collect();
    let known_hosts = without_hosts(&seen.known_hosts, &names, others, &seen.here.view.node);
    Leftovers {
        authorized_keys: without_keys(&seen.authorized_keys, &names, &seen.own_keys) != seen.authorized_keys,
        known_hosts: known_hosts != seen.known_hosts,
        files: seen.files.iter().filter(|(_, entries)| !entries.is_empty()).cloned().collect(),
        ha: if left { seen.ha_files.clone() } else { Vec::new() },
        qdevice: seen.qdevice_enabled,
        replication: left && seen.replication.is_some(),
        nodes,
        names,
    }
}

/// authorized_keys without these nodes' root keys.
pub(crate) fn without_keys(bytes: &[u8], names: &[String], own: &[String]) -> Vec<u8> {
    names.iter().fold(bytes.to_vec(), |bytes, name| keys::authorized_keys(&bytes, name, own).0)
}

/// known_hosts without these nodes.
pub(crate) fn without_hosts(text: &str, names: &[String], others: &[Other], own: &str) -> String {
    names.iter().fold(text.to_owned(), |text, name| {
        let addresses = others.iter().find(|other| other.name == *name);
        let addresses = addresses.map(|other| other.addresses.clone()).unwrap_or_default();
        keys::known_hosts(&text, name, &addresses, &[own.to_owned()])
    })
}
