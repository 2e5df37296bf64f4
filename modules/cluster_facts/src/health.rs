// SPDX-License-Identifier: GPL-3.0-or-later
//! What tells trouble before it stops the cluster: read and put together only when it is asked for.

use std::path::Path;

use cluster_state::clock::{self, Clock};
use cluster_state::corosync_check;
use cluster_state::corosync_events::{self, Events};
use cluster_state::foreign::{self, ForeignPacket};
use cluster_state::ha::{self, Ha};
use cluster_state::knet::{self, Latency, LinkStats, Stats, TotemStats};
use cluster_state::qdevice::{self, Qdevice};
use cluster_state::situation::{Evidence, Reading};
use cluster_state::tfa;
use cluster_state::validity::{self, Validity};
use cluster_state::{StateError, certificates};
use corosync_document::Document;
use corosync_document::{disagreements, newer_options};
use host::{Host, HostError, if_there};
use locks::Holder;
use rescue::Rescue;
use serde::Serialize;

/// The certificate by which every node's is signed.
const CA: &str = "/etc/pve/pve-root-ca.pem";
const DAY: i64 = 86_400;

/// All that was read, or why it could not be.
pub(crate) struct HealthObserved {
    /// None where corosync does not run.
    stats: Option<Reading<Stats>>,
    events: Reading<Events>,
    foreign: Reading<Option<ForeignPacket>>,
    clock: Reading<Clock>,
    ha: Reading<Ha>,
    rescues: Result<Vec<Rescue>, HostError>,
    ha_left: Result<Option<String>, HostError>,
    membership: Result<Holder, HostError>,
    second_factor: Reading<bool>,
    /// None where the cluster has none.
    qdevice: Option<Reading<Qdevice>>,
    /// Why corosync would not start again; none where this is no node of a cluster.
    next_start: Option<Reading<Option<String>>>,
    certificates: Vec<(&'static str, Result<Option<Validity>, String>)>,
    now: i64,
}

/// Reads it all.
pub(crate) fn observe(host: &dyn Host, evidence: &Evidence) -> HealthObserved {
    let own = evidence.quorum.as_ref().ok().map(|quorum| quorum.nodeid);
    let device = evidence.conf().and_then(Document::device).is_some();
    let now = i64::try_from(host.unix_time()).unwrap_or(i64::MAX);
    HealthObserved {
        stats: own.map(|own| knet::query(host, own)),
        events: corosync_events::query(host),
        foreign: foreign::query(host),
        clock: clock::query(host),
        ha: ha::query(host),
        rescues: rescue::rescues(host),
        ha_left: rescue::ha::left(host),
        membership: locks::holder(host, locks::MEMBERSHIP),
        second_factor: tfa::query(host, "root@pam"),
        qdevice: device.then(|| qdevice::query(host)),
        next_start: (!matches!(evidence.local_conf, Ok(None))).then(|| corosync_check::next_start(host)),
        certificates: [certificates::NODE, certificates::CUSTOM, CA]
            .map(|file| (file, valid(host, file)))
            .into(),
        now,
    }
}

fn valid(host: &dyn Host, file: &str) -> Result<Option<Validity>, String> {
    let bytes = if_there(host.read(Path::new(file))).map_err(|error| error.to_string())?;
    let read = |bytes: Vec<u8>| {
        validity::of_pem(&String::from_utf8_lossy(&bytes))
            .map_err(|error| format!("cannot understand '{file}': {error}"))
    };
    bytes.map(read).transpose()
}

/// `ansible_facts.pve_cluster.health`.
#[derive(Debug, Serialize)]
pub(crate) struct HealthFacts {
    links: Option<Vec<LinkHealth>>,
    totem: Option<TotemStats>,
    events: Option<Events>,
    clock: Option<Clock>,
    certificates: Vec<CertificateFacts>,
    qdevice: Option<Qdevice>,
    ha: Option<Ha>,
    /// The rescues of a change of corosync.conf that this node knows of.
    rescues: Option<Vec<RescueFacts>>,
    /// Who has left high availability disarmed.
    ha_left_disarmed_by: Option<String>,
    /// Who changes now which nodes the cluster has.
    membership_changed_by: Option<String>,
    /// Whether root@pam is asked for a second factor.
    root_second_factor: Option<bool>,
    /// Why corosync would not start from its file, whatever runs now.
    next_start_problem: Option<String>,
    /// Places of corosync.conf that corosync and PVE do not read alike.
    misread: Option<Vec<String>>,
    /// Options of corosync.conf that not every release of corosync 3 knows; none without a corosync.conf.
    newer_options: Option<Vec<NewerOption>>,
    /// The times after which corosync gives a node up; none without a corosync.conf.
    timing: Option<Timing>,
    /// The last packet that corosync could not decrypt since the machine booted.
    foreign_packets: Option<ForeignPacket>,
    /// The nodes that pmxcfs has in its own group.
    pmxcfs_online: Option<Vec<String>>,
    unix_time: i64,
    problems: Vec<String>,
}

/// A link to another node, as knet measures it.
#[derive(Debug, Serialize)]
struct LinkHealth {
    peer: String,
    number: u8,
    connected: bool,
    latency: Option<Latency>,
    mtu: Option<u32>,
    down_count: u64,
    pings: u64,
    pongs: u64,
    send_errors: u64,
}

/// An option that came in after the first release of corosync 3.
#[derive(Debug, Serialize)]
struct NewerOption {
    option: &'static str,
    /// The release that it came in with.
    since: String,
}

/// Times in milliseconds, as corosync works them out of its file.
#[derive(Debug, Serialize)]
struct Timing {
    /// The token timeout in use.
    token: u64,
    /// What each node from the third on adds to it.
    token_coefficient: u64,
    consensus: u64,
}

/// A rescue that is armed, or was left over.
#[derive(Debug, Serialize)]
struct RescueFacts {
    node: String,
    owner: String,
    /// Until when it may act; none where its note is not whole.
    until: Option<i64>,
    expired: bool,
}

impl RescueFacts {
    fn of(rescue: Rescue) -> Self {
        let Rescue { node, owner, until, expired, .. } = rescue;
        Self { node, owner, until: i64::try_from(until).ok(), expired }
    }
}

#[derive(Debug, Serialize)]
struct CertificateFacts {
    file: &'static str,
    not_before: i64,
    not_after: i64,
    /// Rounded down; negative when it is no longer valid.
    days_left: i64,
}

/// Who has the lock, as a sentence.
fn changes(holder: Holder) -> Option<String> {
    match holder {
        Holder::Nobody => None,
        Holder::Unnamed => Some("another node is joining or leaving the cluster".to_owned()),
        Holder::Named(owner) => Some(owner.to_string()),
    }
}

/// Puts it together. `name` gives a node's name by its nodeid.
pub(crate) fn facts(
    observed: HealthObserved,
    evidence: &Evidence,
    name: impl Fn(u32) -> String,
) -> HealthFacts {
    let problems = problems(&observed);
    let stats = observed.stats.and_then(Result::ok);
    let link = |stats: &LinkStats| LinkHealth {
        peer: name(stats.nodeid),
        number: stats.link,
        connected: stats.connected,
        latency: stats.latency,
        mtu: stats.mtu,
        down_count: stats.down_count,
        pings: stats.pings,
        pongs: stats.pongs,
        send_errors: stats.send_errors,
    };
    let online = |members: &cluster_state::members::Members| {
        let online = members.nodelist.iter().filter(|(_, node)| node.online);
        online.map(|(name, _)| name.clone()).collect()
    };
    HealthFacts {
        links: stats.as_ref().map(|stats| stats.links.iter().map(link).collect()),
        totem: stats.map(|stats| stats.totem),
        events: observed.events.ok(),
        clock: observed.clock.ok(),
        certificates: observed
            .certificates
            .into_iter()
            .filter_map(|(file, valid)| Some((file, valid.ok()??)))
            .map(|(file, valid)| CertificateFacts {
                file,
                not_before: valid.not_before,
                not_after: valid.not_after,
                days_left: (valid.not_after - observed.now).div_euclid(DAY),
            })
            .collect(),
        qdevice: observed.qdevice.and_then(Result::ok),
        ha: observed.ha.ok(),
        rescues: observed.rescues.ok().map(|rescues| rescues.into_iter().map(RescueFacts::of).collect()),
        ha_left_disarmed_by: observed.ha_left.ok().flatten(),
        membership_changed_by: observed.membership.ok().and_then(changes),
        root_second_factor: observed.second_factor.ok(),
        next_start_problem: observed.next_start.and_then(Result::ok).flatten(),
        misread: evidence.conf().map(|conf| disagreements(conf).iter().map(ToString::to_string).collect()),
        newer_options: evidence.conf().map(|conf| {
            let found = newer_options(conf).into_iter();
            found.map(|(option, since)| NewerOption { option, since: since.to_string() }).collect()
        }),
        timing: evidence.conf().map(|conf| Timing {
            token: conf.token(),
            token_coefficient: conf.token_coefficient(),
            consensus: conf.consensus(),
        }),
        foreign_packets: observed.foreign.ok().flatten(),
        pmxcfs_online: evidence.members.as_ref().ok().and_then(Option::as_ref).map(online),
        unix_time: observed.now,
        problems,
    }
}

fn problems(observed: &HealthObserved) -> Vec<String> {
    let certificates = observed.certificates.iter().filter_map(|(_, valid)| valid.as_ref().err().cloned());
    let readings: [Option<&StateError>; 8] = [
        observed.stats.as_ref().and_then(|stats| stats.as_ref().err()),
        observed.events.as_ref().err(),
        observed.foreign.as_ref().err(),
        observed.clock.as_ref().err(),
        observed.ha.as_ref().err(),
        observed.second_factor.as_ref().err(),
        observed.qdevice.as_ref().and_then(|qdevice| qdevice.as_ref().err()),
        observed.next_start.as_ref().and_then(|answer| answer.as_ref().err()),
    ];
    let rescue = [
        observed.rescues.as_ref().err(),
        observed.ha_left.as_ref().err(),
        observed.membership.as_ref().err(),
    ];
    let rescue = rescue.into_iter().flatten().map(ToString::to_string);
    readings.into_iter().flatten().map(ToString::to_string).chain(rescue).chain(certificates).collect()
}
