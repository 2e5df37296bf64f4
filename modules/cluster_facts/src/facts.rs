// SPDX-License-Identifier: GPL-3.0-or-later
//! The facts, put together from what was read. What could not be read is null, with the reason among the problems.

use std::collections::BTreeMap;
use std::net::IpAddr;

use cluster_state::StateError;
use cluster_state::certificates::Certificates;
use cluster_state::pmxcfs::Pmxcfs;
use cluster_state::quorumtool::Quorum;
use cluster_state::services::Service;
use cluster_state::situation::{Judgement, Membership, Situation};
use cluster_state::ssh::{KeyFile, PublicKey, Ssh};
use cluster_state::versions::Versions;
use cluster_state::vmlist::Guest;
use corosync_document::Document;
use host::LocalAddress;
use serde::Serialize;

use crate::health::{self, HealthFacts};
use crate::links::{Link, links};
use crate::nodes::{Listed, Member, listed, members, names};
use crate::observe::Observed;

/// `ansible_facts.pve_cluster`.
#[derive(Debug, Serialize)]
pub(crate) struct Facts {
    situation: Situation,
    reasons: Vec<String>,
    membership: Option<Membership>,
    cluster_name: Option<String>,
    nodename: String,
    /// The name that the cluster lists this node under, where it was renamed.
    #[serde(skip_serializing_if = "Option::is_none")]
    listed_as: Option<String>,
    nodeid: Option<u32>,
    /// Told only where the cluster lists this node without a vote.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    admitted: bool,
    quorum: QuorumFacts,
    qdevice: Option<QdeviceFacts>,
    pmxcfs: PmxcfsFacts,
    links: Option<Vec<Link>>,
    nodelist: Option<Vec<Listed>>,
    members: Option<Vec<Member>>,
    config_version: ConfigVersion,
    versions: Option<Versions>,
    services: Option<BTreeMap<String, ServiceFacts>>,
    addresses: Option<Vec<AddressFacts>>,
    guests: Option<Vec<Guest>>,
    certificates: Option<Certificates>,
    ssh: Option<SshFacts>,
    leftovers: Option<Leftovers>,
    problems: Vec<String>,
    /// Only when it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<HealthFacts>,
}

impl Facts {
    /// Whether the situation is one that passes by itself within seconds.
    pub(crate) fn passes(&self) -> bool {
        self.situation == Situation::Synchronizing
    }
}

/// Always a dictionary, so that `quorum.quorate` can be asked for in every situation.
#[derive(Debug, Default, Serialize)]
struct QuorumFacts {
    quorate: Option<bool>,
    expected_votes: Option<u32>,
    highest_expected: Option<u32>,
    total_votes: Option<u32>,
    quorum: Option<u32>,
    qdevice_votes: Option<u32>,
    flags: Vec<String>,
}

/// The QDevice that the cluster's corosync.conf names.
#[derive(Debug, Serialize)]
struct QdeviceFacts {
    model: String,
    host: Option<String>,
    algorithm: Option<String>,
    votes: Option<u32>,
}

#[derive(Debug, Serialize)]
struct PmxcfsFacts {
    mounted: Option<bool>,
    writable: Option<bool>,
}

#[derive(Debug, Serialize)]
struct ConfigVersion {
    pmxcfs: Option<u64>,
    local: Option<u64>,
    running: Option<u64>,
    members: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize)]
struct ServiceFacts {
    state: String,
    enabled: String,
}

#[derive(Debug, Serialize)]
struct AddressFacts {
    interface: String,
    address: IpAddr,
    prefix: u8,
}

#[derive(Debug, Serialize)]
struct SshFacts {
    host_keys: Vec<PublicKey>,
    /// Whole lines, as `authorized_keys` takes them.
    root_public_keys: Vec<String>,
    authorized_keys: KeyFile,
    authorized_keys2: KeyFile,
}

#[derive(Debug, Serialize)]
struct Leftovers {
    files: Vec<String>,
    nodes: Vec<String>,
}

/// Puts the facts together.
pub(crate) fn facts(mut observed: Observed) -> Facts {
    let health = observed.health.take();
    let health = health.map(|health| {
        let names = names(&observed);
        let name = |nodeid: u32| names.get(&nodeid).cloned().unwrap_or_else(|| nodeid.to_string());
        health::facts(health, &observed.evidence, name)
    });
    let evidence = &observed.evidence;
    let judgement = evidence.judge();
    let conf = evidence.conf();
    let name = evidence.nodename();
    let listed_name = evidence.listed_name();
    let listed_nodeid = || conf?.nodes().into_iter().find(|node| node.name == listed_name)?.nodeid;
    let running_nodeid = evidence.quorum.as_ref().ok().map(|quorum| quorum.nodeid);
    Facts {
        cluster_name: conf.and_then(Document::cluster_name).map(str::to_owned),
        nodename: name.to_owned(),
        listed_as: evidence.listed_as(),
        nodeid: running_nodeid.or_else(listed_nodeid),
        admitted: evidence.is_admitted(),
        quorum: evidence.quorum.as_ref().map(quorum).unwrap_or_default(),
        qdevice: conf.and_then(Document::device).map(|device| QdeviceFacts {
            model: device.model,
            host: device.host,
            algorithm: device.algorithm,
            votes: device.votes,
        }),
        pmxcfs: PmxcfsFacts {
            mounted: evidence.pmxcfs.as_ref().ok().map(Pmxcfs::is_mounted),
            writable: evidence.pmxcfs.as_ref().ok().map(Pmxcfs::is_writable),
        },
        links: or_none(links(&observed), &judgement),
        nodelist: or_none(listed(conf), &judgement),
        members: members(&observed),
        config_version: config_version(&observed),
        services: evidence.services.as_ref().ok().map(|all| all.values().filter_map(service).collect()),
        leftovers: leftovers(&observed, &judgement),
        problems: problems(&observed, &judgement),
        health,
        situation: judgement.situation,
        reasons: judgement.reasons,
        membership: judgement.membership,
        versions: observed.versions.ok(),
        addresses: observed.addresses.ok().map(|all| all.into_iter().filter_map(address).collect()),
        guests: observed.guests.ok().flatten(),
        certificates: observed.certificates.ok(),
        ssh: observed.ssh.ok().map(ssh),
    }
}

/// A standalone node has no nodelist and no links, which is known; elsewhere a missing one is not known.
fn or_none<T>(list: Option<Vec<T>>, judgement: &Judgement) -> Option<Vec<T>> {
    let standalone = judgement.membership == Some(Membership::Standalone);
    list.or_else(|| standalone.then(Vec::new))
}

fn quorum(quorum: &Quorum) -> QuorumFacts {
    QuorumFacts {
        quorate: Some(quorum.quorate),
        expected_votes: Some(quorum.expected_votes),
        highest_expected: Some(quorum.highest_expected),
        total_votes: Some(quorum.total_votes),
        quorum: Some(quorum.quorum),
        // Once it has had a QDevice, corosync shows an empty row for it until it is restarted.
        qdevice_votes: quorum
            .qdevice
            .filter(|qdevice| (qdevice.votes, qdevice.withheld) != (0, Some(0)))
            .map(|qdevice| qdevice.votes),
        flags: quorum.flags.clone(),
    }
}

fn config_version(observed: &Observed) -> ConfigVersion {
    let versions = observed.evidence.config_versions();
    let names = names(observed);
    let name = |nodeid: u32| names.get(&nodeid).cloned().unwrap_or_else(|| nodeid.to_string());
    ConfigVersion {
        pmxcfs: versions.pmxcfs,
        local: versions.local,
        running: versions.running,
        members: versions.members.into_iter().map(|(nodeid, version)| (name(nodeid), version)).collect(),
    }
}

/// Services that are not installed are left out.
fn service(service: &Service) -> Option<(String, ServiceFacts)> {
    let facts = ServiceFacts { state: service.active.clone(), enabled: service.enabled.clone() };
    service.installed.then(|| (service.name.clone(), facts))
}

/// Addresses that another machine could reach: neither loopback nor link-local.
fn address(local: LocalAddress) -> Option<AddressFacts> {
    let own = match local.address {
        IpAddr::V4(four) => four.is_loopback() || four.is_link_local(),
        IpAddr::V6(six) => six.is_loopback() || six.is_unicast_link_local(),
    };
    (!own).then_some(AddressFacts {
        interface: local.interface,
        address: local.address,
        prefix: local.prefix,
    })
}

fn ssh(ssh: Ssh) -> SshFacts {
    let line = |key: PublicKey| format!("{} {} {}", key.kind, key.key, key.comment).trim_end().to_owned();
    SshFacts {
        host_keys: ssh.host_keys,
        root_public_keys: ssh.root_public_keys.into_iter().map(line).collect(),
        authorized_keys: ssh.authorized_keys,
        authorized_keys2: ssh.authorized_keys2,
    }
}

/// On a node of a cluster the cluster's files are no leftovers, unless it was removed; elsewhere they all are. A node's
/// directory is one when the nodelist does not name the node.
fn leftovers(observed: &Observed, judgement: &Judgement) -> Option<Leftovers> {
    let traces = observed.traces.as_ref().ok()?;
    let own_files = judgement.situation == Situation::Standalone || judgement.situation == Situation::Removed;
    let mut named: Vec<String> = match observed.evidence.conf() {
        Some(conf) => conf.nodes().into_iter().map(|node| node.name).collect(),
        None => vec![observed.evidence.nodename().to_owned()],
    };
    if judgement.situation == Situation::Renamed {
        named.push(observed.evidence.nodename().to_owned());
    }
    Some(Leftovers {
        files: if own_files { traces.files() } else { Vec::new() },
        nodes: traces.node_directories.iter().filter(|name| !named.contains(name)).cloned().collect(),
    })
}

/// What could not be read, and why.
fn problems(observed: &Observed, judgement: &Judgement) -> Vec<String> {
    let mut problems = observed.evidence.problems();
    let mut add = |problem: Option<&StateError>| {
        let said = problem.filter(|error| !error.is_corosync_down()).map(ToString::to_string);
        problems.extend(said.filter(|said| !problems.contains(said)).into_iter().collect::<Vec<_>>());
    };
    add(observed.links.as_ref().and_then(|links| links.as_ref().err()));
    add(observed.guests.as_ref().err());
    add(observed.certificates.as_ref().err());
    add(observed.traces.as_ref().err());
    add(observed.ssh.as_ref().err());
    add(observed.versions.as_ref().err());
    problems.extend(observed.addresses.as_ref().err().map(ToString::to_string));
    if judgement.situation == Situation::PmxcfsStopped {
        problems.push(
            "cannot read guests, certificates and the cluster's corosync.conf: /etc/pve is not mounted"
                .to_owned(),
        );
    }
    let down = observed.evidence.quorum.as_ref().is_err_and(StateError::is_corosync_down);
    if down && judgement.membership == Some(Membership::Member) {
        problems.push("cannot read votes and links: corosync is not running on this node".to_owned());
    }
    problems
}
