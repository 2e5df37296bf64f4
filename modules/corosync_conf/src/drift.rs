// SPDX-License-Identifier: GPL-3.0-or-later
//! Where the cluster's file, this node's copy of it and what corosync runs here are not the same.
//!
//! A reload that was refused, an equal config_version with other content, an editor on the wrong file: each leaves a
//! node that runs on and starts otherwise. A new version of the file is copied and loaded by every node, and so heals
//! what corosync changes while it runs.

use std::collections::BTreeSet;
use std::net::IpAddr;

use corosync_document::{Document, Effect, Place, Problem, code_point, disagreements, effect_of};

use crate::links::{self, links, same_address};
use crate::observe::Seen;
use crate::plan::{Changed, Member, name, quoted, running_key, waits_for_restart};
use crate::settings::{SECTIONS, Wanted, is_settable};

/// What is not the same, and whether it can be healed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Drift {
    /// What a new version heals, in words.
    pub(crate) healable: Vec<String>,
    /// The values that corosync then runs.
    pub(crate) changes: Vec<Changed>,
    /// Links that must be recreated for it.
    pub(crate) links: BTreeSet<u8>,
    /// Nodes that did not take a version that others took.
    pub(crate) behind: Vec<String>,
    /// Keys that corosync follows only when it is restarted, and what is to be said of each.
    pub(crate) waiting: Vec<(String, String)>,
    /// What stays as it is, with its remedy.
    pub(crate) left: Vec<String>,
    /// Values that corosync on this node runs and the file does not have, whether that can be healed or not.
    pub(crate) otherwise: Vec<String>,
    /// What is against any change.
    pub(crate) fatal: Vec<String>,
}

impl Drift {
    /// Whether it could be otherwise in a moment.
    pub(crate) fn may_pass(&self) -> bool {
        !self.healable.is_empty() || !self.fatal.is_empty()
    }
}

/// Compares the file with this node's copy and with what runs here.
pub(crate) fn find(wanted: &Wanted, seen: &Seen, file: &Document, version: u64, members: &[Member]) -> Drift {
    let mut drift = Drift::default();
    copy(seen.local.as_ref(), file, version, &mut drift);
    let Ok(running) = &seen.running else { return drift };
    moved(seen, file, members, &mut drift);
    let runs = running.member_versions();
    let lowest = runs.values().min().copied().unwrap_or(version);
    if lowest < version && runs.values().all(|runs| *runs == lowest) {
        drift.healable.insert(
            0,
            format!("corosync runs config_version {lowest} on every node, and the file has {version}: it was not loaded, or was refused"),
        );
    } else {
        let behind = members.iter().filter_map(|member| Some((member, *runs.get(&member.nodeid)?)));
        let behind: Vec<_> = behind.filter(|(_, runs)| *runs < version).collect();
        drift.behind.extend(behind.iter().map(|(member, _)| member.name.clone()));
        let told = behind.into_iter().map(|(member, runs)| {
            format!(
                "corosync on '{}' runs config_version {runs}, and the file has {version}: it was not loaded there",
                member.name
            )
        });
        drift.healable.splice(0..0, told);
    }
    // the values of another version say nothing
    if running.config_version() != Some(version) {
        return drift;
    }
    let mut keys: Vec<(String, Option<String>)> = Vec::new();
    for section in SECTIONS {
        let own =
            file.keys(&Place::section(section)).into_iter().filter(|(name, _)| is_settable(section, name));
        keys.extend(own.map(|(name, value)| (format!("{section}.{name}"), Some(value.to_owned()))));
    }
    for (number, link) in links(file) {
        let own = link.options.into_iter().flatten();
        let own = own.filter(|(name, _)| name == links::PRIORITY || links::is_settable(name));
        keys.extend(own.map(|(name, value)| (format!("{}.{name}", Place::Interface(number)), Some(value))));
    }
    // a key that is wanted to be gone, is gone from the file and still runs
    let removed =
        wanted.settings.iter().filter(|setting| setting.value.is_none()).map(|setting| setting.path());
    let pending = seen.pending.iter().map(|pending| pending.key.clone());
    for path in removed.chain(pending).filter(|path| file.get(path).is_none()) {
        if !keys.iter().any(|(known, _)| *known == path) {
            keys.push((path, None));
        }
    }
    for (key, value) in keys {
        let waits = waits_for_restart(&key);
        // of such a key corosync may tell the new value, and go on with the old one
        let runs = match seen.pending.iter().find(|pending| waits && pending.key == key) {
            Some(pending) => pending.runs.as_deref(),
            None => running.text(&running_key(&key)),
        };
        if same(&key, runs, value.as_deref()) {
            continue;
        }
        if waits {
            let told = format!(
                "'{key}' is {} in the file, and corosync on this node runs {} until it is restarted: set 'restart', and \
                 have it restarted on one node after the other",
                quoted(value.as_deref()),
                quoted(runs)
            );
            drift.waiting.push((key, told));
            continue;
        }
        let differs = format!(
            "'{key}' is {} in the file, but corosync on this node runs {}",
            quoted(value.as_deref()),
            quoted(runs)
        );
        drift.otherwise.push(differs.clone());
        if effect_of(&key).is_some_and(Effect::is_live) {
            drift.healable.push(differs);
            drift.changes.push(Changed { key, before: runs.map(str::to_owned), after: value });
        } else {
            drift.left.push(format!(
                "{differs}: it was changed in a way that corosync does not follow before it is restarted"
            ));
        }
    }
    drift
}

/// The copy that corosync starts from.
fn copy(local: Option<&Document>, file: &Document, version: u64, drift: &mut Drift) {
    const LOCAL: &str = cluster_state::corosync_conf::LOCAL;
    let Some(local) = local else {
        drift.healable.push(format!("'{LOCAL}' is not there on this node"));
        return;
    };
    if local.to_bytes() == file.to_bytes() {
        return;
    }
    let refused = disagreements(local)
        .into_iter()
        .find(|finding| matches!(finding.problem, Problem::CorosyncRefuses(_)));
    let has = local.config_version();
    if let Some(finding) = refused {
        drift.healable.push(format!("'{LOCAL}' on this node is broken: {finding}"));
    } else if has.is_some_and(|has| has > version) {
        drift.fatal.push(format!(
            "'{LOCAL}' on this node has config_version {}, and the file has {version}: the file was written with too low a \
             version and is in use nowhere; look which of the two is meant and put it into '/etc/pve/corosync.conf' under a \
             version above both",
            has.unwrap_or(0)
        ));
    } else if has != Some(version) {
        drift.healable.push(format!(
            "'{LOCAL}' on this node has config_version {}, and the file has {version}",
            has.map_or_else(|| "none".to_owned(), |has| has.to_string())
        ));
    } else {
        drift.healable.push(format!(
            "'{LOCAL}' on this node has another text than the file, under the same config_version"
        ));
    }
}

/// Links that run between other addresses than the file has.
fn moved(seen: &Seen, file: &Document, members: &[Member], drift: &mut Drift) {
    let nodes = file.nodes();
    let address = |nodeid: u32, link: u8| {
        let node = nodes.iter().find(|node| node.nodeid == Some(nodeid));
        node.and_then(|node| node.addresses.get(&link)).filter(|address| address.parse::<IpAddr>().is_ok())
    };
    let Some(own) = seen.nodeid else { return };
    let mut found = Vec::new();
    for (peer, link, local, remote) in &seen.runs {
        let (Some(from), Some(to)) = (address(own, *link), address(*peer, *link)) else { continue };
        if same_address(from, local) && same_address(to, remote) {
            continue;
        }
        let differs = format!(
            "link {link} to {} runs from {local} to {remote}, and the file has {from} and {to}",
            name(members, *peer)
        );
        found.push(differs);
        drift.links.insert(*link);
    }
    // while they are recreated another one must carry
    if drift.links.len() < file.links().len() {
        drift.healable.extend(found);
        return;
    }
    drift.links.clear();
    drift.left.extend(found.into_iter().map(|differs| {
        format!("{differs}: corosync changes no address of a link that is up, and no other link would carry while it is recreated; put the \
             old address back into the file, under a higher config_version")
    }));
}

/// Whether corosync runs this value; it tells numbers without leading zeros, and may tell the number of a name.
fn same(key: &str, runs: Option<&str>, value: Option<&str>) -> bool {
    let number = |text: &str| match key {
        "totem.ip_dscp" => code_point(text).map(i64::from),
        _ => text.parse::<i64>().ok(),
    };
    runs == value
        || runs
            .zip(value)
            .is_some_and(|(runs, value)| number(runs).is_some() && number(runs) == number(value))
}
