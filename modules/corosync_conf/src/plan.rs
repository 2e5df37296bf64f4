// SPDX-License-Identifier: GPL-3.0-or-later
//! What is to be done, or why nothing may be: every decision, without touching the machine.

use std::collections::BTreeSet;

use cluster_state::pmxcfs::Mount;
use corosync_document::{Document, Effect, Violation, disagreements, effect_of, unknown_keys, validate};

use crate::drift::Drift;
use crate::links::links;
use crate::nodes::NodeResult;
use crate::observe::Seen;
use crate::settings::Wanted;
use crate::{content, drift, network, nodes, stages};

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    /// The file has every setting, and corosync runs it.
    Nothing(Box<Confirmed>),
    /// The file must be changed.
    Change(Box<Work>),
}

/// All changes of a task, each of which is in use everywhere before the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) before: Document,
    pub(crate) after: Document,
    /// This node, for messages.
    pub(crate) own: String,
    /// The version of the file in the end.
    pub(crate) version: u64,
    pub(crate) changes: Vec<Changed>,
    /// The nodes that must run it.
    pub(crate) members: Vec<Member>,
    /// The nodes that are off, and may be.
    pub(crate) away: Vec<String>,
    /// What was not the same everywhere and is healed by it.
    pub(crate) healed: Vec<String>,
    /// How every node stands when all that are on run it.
    pub(crate) nodes: Vec<NodeResult>,
    /// Nodes that had not taken the version before.
    pub(crate) behind: Vec<String>,
    /// Keys that corosync on this node follows only when it is restarted.
    pub(crate) waiting: Vec<String>,
    /// Whether high availability has to be disarmed for it, and armed again.
    pub(crate) disarm: bool,
    /// The nodes whose watchdog would reset them.
    pub(crate) guarded: Vec<String>,
    pub(crate) steps: Vec<Change>,
    pub(crate) warnings: Vec<String>,
}

/// A file that is as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Confirmed {
    pub(crate) file: Document,
    pub(crate) version: u64,
    pub(crate) members: Vec<Member>,
    pub(crate) away: Vec<String>,
    /// How every node stands.
    pub(crate) nodes: Vec<NodeResult>,
    /// Keys that corosync on this node follows only when it is restarted.
    pub(crate) waiting: Vec<String>,
    /// What of the file is not in use here, so that this node is no proof of it.
    pub(crate) unconfirmed: Vec<String>,
    /// Who has left high availability disarmed; none when nobody has.
    pub(crate) ha_left: Option<String>,
    pub(crate) warnings: Vec<String>,
}

/// One change of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) before: Document,
    pub(crate) after: Document,
    /// The version of the changed file.
    pub(crate) version: u64,
    pub(crate) changes: Vec<Changed>,
    pub(crate) members: Vec<Member>,
    /// Which links reach which nodes before it.
    pub(crate) connected_before: BTreeSet<(u32, u8)>,
    /// Which must reach them after it.
    pub(crate) connected: BTreeSet<(u32, u8)>,
    /// The links that it adds, removes or gives other options.
    pub(crate) links: BTreeSet<u8>,
}

/// One key that changes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Changed {
    pub(crate) key: String,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

/// A node of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) nodeid: u32,
}

/// Why nothing may be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reasons: Vec<String>,
    /// Whether it may be otherwise in a moment: a change by someone else is on its way to the nodes.
    pub(crate) passing: bool,
}

impl Work {
    /// The digests of every text that the change may bring: as it is, after each step, and so after the undoing of each.
    pub(crate) fn intended(&self) -> Vec<String> {
        let texts = std::iter::once(&self.before).chain(self.steps.iter().map(|step| &step.after));
        texts.map(rescue::digest).collect()
    }

    /// Works out how the nodes stand after the last step.
    fn settle_nodes(&mut self, seen: &Seen) {
        let connected = self.steps.last().map_or(&seen.connected, |step| &step.connected);
        let changed: Vec<String> = self.changes.iter().map(|change| change.key.clone()).collect();
        let rows = std::mem::take(&mut self.nodes);
        self.nodes = nodes::as_changed(rows, &self.members, self.version, connected, &changed);
        self.waiting.extend(changed.into_iter().filter(|key| waits_for_restart(key)));
        self.waiting.sort();
        self.waiting.dedup();
    }
}

/// Decides.
pub(crate) fn plan(wanted: &Wanted, seen: &Seen) -> Result<Plan, Refusal> {
    let before = file(seen)?;
    let mut wanted = wanted.clone();
    let mut reasons = wanted.settle(before);
    let version = before.config_version().unwrap_or(0);
    if let Some(text) = wanted.content.clone() {
        let (whole, against) = content::complete(&text, before, &wanted);
        wanted = whole;
        reasons.extend(against);
    }
    let wanted = &stages::complete(before, &wanted);
    // what the two readers make of a section without its number is settled where the task gives the link its number
    let mut numbered = before.clone();
    let named: Vec<u8> = wanted.links.iter().filter(|link| link.numbered).map(|link| link.number).collect();
    reasons.extend(numbered.number_interfaces(&named).err().map(|error| error.to_string()));
    let mut unread: Vec<String> = disagreements(&numbered)
        .iter()
        .map(|finding| format!("it cannot be edited safely: {finding}"))
        .collect();
    if version == 0 && unread.is_empty() {
        unread.push("it has no 'config_version' that is a number above 0".to_owned());
    }
    let readable = unread.is_empty();
    let mut target = before.clone();
    if reasons.is_empty() {
        let (text, against) = stages::target(&numbered, wanted);
        target = text;
        reasons.extend(against);
    }
    let changes = stages::changes(before, &target, wanted);
    // a file that nothing is to change in is read whatever stands in it
    if !changes.is_empty() || !reasons.is_empty() {
        unread.append(&mut reasons);
        reasons = std::mem::take(&mut unread);
    }
    let drift = match &seen.running {
        Ok(_) if readable && !wanted.validate_only => {
            drift::find(wanted, seen, before, version, &members(before))
        }
        _ => Drift::default(),
    };
    // what is asked for is not so before the restart
    let asked = |key: &String| wanted.settings.iter().any(|setting| setting.path() == *key);
    let refused = drift.waiting.iter().filter(|(key, _)| !wanted.restart && asked(key));
    reasons.extend(refused.map(|(_, told)| told.clone()));
    let heals = wanted.persistent && wanted.changes_something() && !drift.healable.is_empty();
    if changes.is_empty() && reasons.is_empty() && !(heals && drift.fatal.is_empty()) {
        return confirm(wanted, seen, before, version, drift, unread);
    }
    let known: Vec<Violation> = validate(before);
    let (present, away) = split(members(before), seen, wanted);
    let mut warnings = warnings(before, &known);
    warnings.extend(away.iter().map(|node| left_behind(node)));
    warnings.extend(drift.left.iter().cloned());
    warnings.extend(drift.waiting.iter().map(|(_, told)| told.clone()));
    warnings.extend(ha_left(seen).as_ref().map(|who| left_disarmed(who)));
    if before.protects() && !target.protects() {
        warnings.push(
            "the cluster's traffic is no longer encrypted and signed: whoever reaches the network of a link can take part in it"
                .to_owned(),
        );
    }
    let mut work = Work {
        before: before.clone(),
        after: target,
        own: own(seen, &members(before)),
        version,
        changes,
        members: present,
        away,
        healed: if heals { drift.healable.clone() } else { Vec::new() },
        nodes: nodes::as_seen(seen, before, &members(before), &drift),
        behind: drift.behind.clone(),
        waiting: drift.waiting.iter().map(|(key, _)| key.clone()).collect(),
        disarm: wanted.disarm_ha && seen.ha.as_ref().is_ok_and(|ha| !ha.guarded.is_empty() && ha.disarms),
        guarded: seen.ha.as_ref().map(|ha| ha.guarded.clone()).unwrap_or_default(),
        steps: Vec::new(),
        warnings,
    };
    match steps(&mut work, if heals { Some(&drift) } else { None }, wanted, seen) {
        Ok(()) => {}
        Err(reason) => reasons.push(reason),
    }
    work.settle_nodes(seen);
    reasons.extend(outvoted(&work));
    let texts = work.steps.iter().flat_map(|step| validate(&step.after));
    let mut broken: Vec<Violation> = Vec::new();
    for rule in texts {
        if !known.contains(&rule) && !broken.contains(&rule) {
            broken.push(rule);
        }
    }
    reasons.extend(broken.iter().map(|rule| format!("it would break a rule: {rule}")));
    if wanted.validate_only {
        return if reasons.is_empty() {
            Ok(Plan::Change(Box::new(work)))
        } else {
            Err(Refusal { reasons, passing: false })
        };
    }
    reasons.extend(network::reasons(&work.before, &work.after, seen, &work.members));
    let (alone, uncarried) = uncarried(&work, wanted, seen);
    reasons.extend(alone);
    reasons.extend(against_outage(wanted, seen, &work));
    let begun = |prepared: &Vec<u8>| {
        work.steps.first().is_some_and(|step| step.after.to_bytes().starts_with(prepared))
    };
    if seen.prepared.as_ref().is_some_and(|prepared| !begun(prepared)) {
        reasons.push(format!(
            "'{}' exists: someone is changing the file, or has left a change unfinished; remove it when no one is",
            crate::observe::NEW
        ));
    }
    let (settled, mut unsettled) = cluster(wanted, seen, before, version);
    unsettled.extend(uncarried);
    if !heals {
        unsettled.extend(drift.healable);
    }
    unsettled.extend(drift.fatal);
    let passing = reasons.is_empty() && settled.is_empty() && !unsettled.is_empty();
    reasons.extend(settled);
    reasons.extend(unsettled);
    if !reasons.is_empty() {
        return Err(Refusal { reasons, passing });
    }
    Ok(Plan::Change(Box::new(work)))
}

/// Works out the steps, each under a version of its own.
fn steps(work: &mut Work, drift: Option<&Drift>, wanted: &Wanted, seen: &Seen) -> Result<(), String> {
    let peers: Vec<u32> =
        work.members.iter().map(|member| member.nodeid).filter(|id| Some(*id) != seen.nodeid).collect();
    let mut before = work.before.clone();
    let mut connected = seen.connected.clone();
    let none = BTreeSet::new();
    let anew = drift.map_or(&none, |drift| &drift.links);
    let mut texts = stages::stages(&work.before, &work.after, anew, wanted)?;
    if drift.is_some() && texts.is_empty() {
        // the same text under a new version is copied and loaded by every node
        texts.push(work.after.clone());
    }
    for mut after in texts {
        work.version = work.version.checked_add(1).ok_or("its config_version cannot be raised")?;
        after.set_config_version(work.version).map_err(|error| error.to_string())?;
        let (was, will) = (links(&before), links(&after));
        let connected_before = connected.clone();
        connected.retain(|(_, link)| will.contains_key(link));
        for link in will.keys().filter(|link| !was.contains_key(link)) {
            connected.extend(peers.iter().map(|peer| (*peer, *link)));
        }
        let mut numbers = BTreeSet::new();
        numbers.extend(was.keys().chain(will.keys()).copied().filter(|link| was.get(link) != will.get(link)));
        work.steps.push(Change {
            version: work.version,
            changes: stages::changes(&before, &after, wanted),
            members: work.members.clone(),
            connected_before,
            connected: connected.clone(),
            links: numbers,
            before: before.clone(),
            after: after.clone(),
        });
        before = after;
    }
    work.after = before;
    if let (Some(drift), Some(last)) = (drift, work.steps.last_mut()) {
        for healed in &drift.changes {
            if !last.changes.iter().any(|change| change.key == healed.key) {
                last.changes.push(healed.clone());
                work.changes.push(healed.clone());
            }
        }
    }
    Ok(())
}

/// Which links would be taken away while nothing else connects a node: for good, and because of a link that is down,
/// which may be for a moment only.
fn uncarried(work: &Work, wanted: &Wanted, seen: &Seen) -> (Vec<String>, Vec<String>) {
    let mut reasons = Vec::new();
    let mut down = Vec::new();
    let (moved, removed) = stages::uprooted(&work.before, &work.after);
    let uprooted: Vec<String> = moved.union(&removed).map(u8::to_string).collect();
    if uprooted.len() > 1 && !wanted.several_links {
        reasons.push(format!(
            "the links {} would all be removed or get other addresses: change one at a time, or set 'several_links' to \
             have it done one after the other",
            uprooted.join(" and ")
        ));
    }
    for step in &work.steps {
        let gone = step.links.iter().filter(|link| !links(&step.after).contains_key(link));
        let gone: Vec<String> = gone.map(u8::to_string).collect();
        if gone.is_empty() {
            continue;
        }
        if links(&step.after).is_empty() {
            reasons.push(format!(
                "link {} is the only one: no other link would carry while it is away; add one first",
                gone.join(" and ")
            ));
            continue;
        }
        let alone = step.members.iter().filter(|member| {
            let carried = step.connected.iter().any(|(nodeid, _)| *nodeid == member.nodeid);
            Some(member.nodeid) != seen.nodeid && !carried
        });
        down.extend(alone.map(|member| {
            format!(
                "while link {} is away, no other link would connect '{}': fix the one that is down",
                gone.join(" and "),
                member.name
            )
        }));
    }
    (reasons, down)
}

/// The change that takes one back: its old text under a version above the one that is in use now, because a lower one
/// is dropped.
pub(crate) fn reversed(change: &Change, now: &Document) -> Option<Change> {
    let mut after = change.before.clone();
    let version = now.config_version()?.checked_add(1)?;
    after.set_config_version(version).ok()?;
    let back = |changed: &Changed| Changed {
        key: changed.key.clone(),
        before: changed.after.clone(),
        after: changed.before.clone(),
    };
    Some(Change {
        before: now.clone(),
        after,
        version,
        changes: change.changes.iter().map(back).collect(),
        connected_before: change.connected.clone(),
        connected: change.connected_before.clone(),
        ..change.clone()
    })
}

/// Whether corosync follows a change of this key only when it is restarted.
pub(crate) fn waits_for_restart(key: &str) -> bool {
    matches!(effect_of(key), Some(Effect::Restart(_)))
}

/// The values a corosync must run after this change, none for a key that must not be there. Addresses are judged by the links themselves.
pub(crate) fn expected(changes: &[Changed]) -> Vec<(String, Option<String>)> {
    let valued = changes
        .iter()
        // corosync keeps no link's number as a value
        .filter(|change| !change.key.ends_with("].linknumber"))
        .filter(|change| !change.key.starts_with("nodelist.") && !waits_for_restart(&change.key));
    valued.map(|change| (running_key(&change.key), change.after.clone())).collect()
}

/// A key as corosync names it among its running values: `totem.interface.1.knet_link_priority`.
pub(crate) fn running_key(key: &str) -> String {
    key.replace('[', ".").replace(']', "")
}

/// Whether corosync calculates the timing of its links from what changes.
pub(crate) fn retimes_links(change: &Change) -> bool {
    let token =
        |changed: &Changed| ["totem.token", "totem.token_coefficient"].contains(&changed.key.as_str());
    change.changes.iter().any(token)
}

/// The names of members with these nodeids, for messages.
pub(crate) fn name(members: &[Member], nodeid: u32) -> String {
    let member = members.iter().find(|member| member.nodeid == nodeid);
    member.map_or_else(|| format!("the node with nodeid {nodeid}"), |member| format!("'{}'", member.name))
}

/// This node's name, for messages.
fn own(seen: &Seen, members: &[Member]) -> String {
    let member = members.iter().find(|member| Some(member.nodeid) == seen.nodeid);
    member.map_or_else(|| "this node".to_owned(), |member| format!("node '{}'", member.name))
}

/// The cluster's file, where there is one that can be changed.
fn file(seen: &Seen) -> Result<&Document, Refusal> {
    let reason = match (&seen.mount, &seen.conf, &seen.local) {
        (Mount::NoDirectory, ..) => "Proxmox VE is not installed on this machine".to_owned(),
        (Mount::NotMounted, ..) => {
            "/etc/pve is not mounted: start the service 'pve-cluster' on this node".to_owned()
        }
        (Mount::Dead { reason }, ..) => {
            format!("/etc/pve is not mounted: {reason}; restart the service 'pve-cluster' on this node")
        }
        (_, Some(document), _) => return Ok(document),
        (_, None, Some(_)) => {
            "it is not there, although corosync's own copy of it is: this node has left its cluster and was not \
             cleaned, or someone removed the file"
                .to_owned()
        }
        (_, None, None) => "this node is standalone: it belongs to no cluster".to_owned(),
    };
    Err(Refusal { reasons: vec![reason], passing: false })
}

/// Nothing to change in the file: is it also what runs?
fn confirm(
    wanted: &Wanted,
    seen: &Seen,
    before: &Document,
    version: u64,
    drift: Drift,
    unread: Vec<String>,
) -> Result<Plan, Refusal> {
    let mut warnings = warnings(before, &validate(before));
    warnings.extend(unread);
    let nodes = nodes::as_seen(seen, before, &members(before), &drift);
    let waiting = drift.waiting.iter().map(|(key, _)| key.clone()).collect();
    let mut unconfirmed = drift.otherwise.clone();
    match &seen.running {
        _ if wanted.validate_only => {}
        Ok(_) => {
            let (_, mut unsettled) = cluster(wanted, seen, before, version);
            let fatal = wanted.changes_something() && !drift.fatal.is_empty();
            if !unsettled.is_empty() || fatal || !wanted.persistent && drift.may_pass() {
                unsettled.extend(drift.healable.into_iter().chain(drift.fatal));
                return Err(Refusal { reasons: unsettled, passing: true });
            }
            let healable = drift.healable.iter().map(|differs| {
                format!("{differs}: run the task with any option that the file has already, and it is healed")
            });
            warnings.extend(healable.chain(drift.fatal.iter().cloned()).chain(drift.left.iter().cloned()));
            warnings.extend(drift.waiting.iter().map(|(_, told)| told.clone()));
            for (link, member) in silent(wanted, seen, before) {
                let told =
                    format!("link {link} to '{member}' is as it should be in the file, and is not connected");
                unconfirmed.push(told.clone());
                warnings.push(told);
            }
        }
        Err(error) => {
            let told = format!("the file is as it should be, but not known to be in use: {error}");
            unconfirmed.push(told.clone());
            warnings.push(told);
        }
    }
    let (members, away) = split(members(before), seen, wanted);
    let file = before.clone();
    let ha_left = if wanted.validate_only { None } else { ha_left(seen) };
    warnings.extend(ha_left.as_ref().map(|who| left_disarmed(who)));
    let confirmed =
        Confirmed { file, version, members, away, nodes, waiting, unconfirmed, ha_left, warnings };
    Ok(Plan::Nothing(Box::new(confirmed)))
}

/// Links that the task names, and the nodes that do not answer on them.
fn silent(wanted: &Wanted, seen: &Seen, before: &Document) -> Vec<(u8, String)> {
    let (present, _) = split(members(before), seen, wanted);
    let mut silent = Vec::new();
    for link in wanted.links.iter().filter(|link| !link.absent) {
        for member in present.clone() {
            let connected = seen.connected.contains(&(member.nodeid, link.number));
            if Some(member.nodeid) != seen.nodeid && !connected {
                silent.push((link.number, member.name));
            }
        }
    }
    silent
}

/// What in the cluster's state is against a change: for good, and for the moment.
fn cluster(wanted: &Wanted, seen: &Seen, conf: &Document, version: u64) -> (Vec<String>, Vec<String>) {
    let mut settled = Vec::new();
    let mut unsettled = Vec::new();
    if seen.mount != Mount::Writable {
        settled.push("this node is not quorate, so /etc/pve is read-only".to_owned());
    }
    let running = match &seen.running {
        Ok(running) => running,
        Err(error) => {
            settled.push(format!("the running state is not known: {error}"));
            return (settled, unsettled);
        }
    };
    let members = members(conf);
    let versions = running.member_versions();
    for member in &members {
        match versions.get(&member.nodeid) {
            None if wanted.allow_offline.contains(&member.name) => {}
            None => settled.push(format!(
                "node '{}' is offline: it would miss the change; start it, or remove it from the cluster",
                member.name
            )),
            // what is behind is for `drift` to tell, which can be healed
            Some(runs) if *runs > version => unsettled.push(format!(
                "corosync on '{}' runs config_version {runs}, and the file has {version}: the file was written with too low a \
                 version; look which of the two is meant and put it into '/etc/pve/corosync.conf' under a version above both",
                member.name
            )),
            Some(_) => {}
        }
    }
    for name in wanted.allow_offline.iter().filter(|name| !members.iter().any(|member| member.name == **name))
    {
        settled.push(format!("'allow_offline' names '{name}', which is no node of this cluster"));
    }
    (settled, unsettled)
}

/// How every node stands, whatever was asked for.
pub(crate) fn nodes_now(seen: &Seen) -> Vec<NodeResult> {
    let Some(file) = &seen.conf else { return Vec::new() };
    let (version, members) = (file.config_version().unwrap_or(0), members(file));
    let drift = drift::find(&Wanted::default(), seen, file, version, &members);
    nodes::as_seen(seen, file, &members, &drift)
}

fn members(conf: &Document) -> Vec<Member> {
    let nodes = conf.nodes().into_iter();
    let mut members: Vec<Member> =
        nodes.filter_map(|node| Some(Member { nodeid: node.nodeid?, name: node.name })).collect();
    members.sort_by_key(|member| member.nodeid);
    members
}

/// The nodes that must run a change, and the names of those that are off and may be.
fn split(members: Vec<Member>, seen: &Seen, wanted: &Wanted) -> (Vec<Member>, Vec<String>) {
    let Ok(running) = &seen.running else { return (members, Vec::new()) };
    let versions = running.member_versions();
    let gone = |member: &Member| {
        !versions.contains_key(&member.nodeid) && wanted.allow_offline.contains(&member.name)
    };
    let (away, present): (Vec<Member>, Vec<Member>) = members.into_iter().partition(gone);
    (present, away.into_iter().map(|member| member.name).collect())
}

/// Whether the votes of the nodes that are on would not suffice once the file has these.
fn outvoted(work: &Work) -> Option<String> {
    if work.away.is_empty() || work.after.device().is_some() {
        return None;
    }
    let votes = |away: bool| {
        let counted = work.after.nodes().into_iter().filter(|node| away || !work.away.contains(&node.name));
        counted.map(|node| u64::from(node.votes)).sum::<u64>()
    };
    let (all, on) = (votes(true), votes(false));
    let needed = all / 2 + 1;
    (on < needed).then(|| {
        format!(
            "the cluster would lose quorum: with '{}' off there are {on} of {all} votes, and {needed} are needed",
            work.away.join("', '")
        )
    })
}

/// A node that was off while the file changed does not come back by itself.
fn left_behind(node: &str) -> String {
    format!(
        "node '{node}' is off and keeps the old file, with which its corosync ends when it starts: bring it back with \
         'state: returned' on it, which gives it the new one"
    )
}

/// Why no node must lose its quorum now.
fn against_outage(wanted: &Wanted, seen: &Seen, work: &Work) -> Option<String> {
    if wanted.ignore_ha || work.disarm {
        return None;
    }
    let ha = match &seen.ha {
        Ok(ha) if ha.guarded.is_empty() => return None,
        Ok(ha) => ha,
        Err(unknown) => {
            return Some(format!("{unknown}; set 'ha' to 'ignore' where no watchdog runs for certain"));
        }
    };
    let remedy = if ha.disarms {
        "set 'ha' to 'disarm', which has it disarmed and armed again"
    } else {
        "this Proxmox VE cannot disarm it, so stop what it keeps running or take it from its care for the time"
    };
    Some(format!(
        "high availability is active on '{}', and its watchdog would reset a node that loses quorum by the change: \
         {remedy}, or set 'ha' to 'ignore'",
        ha.guarded.join("', '")
    ))
}

fn ha_left(seen: &Seen) -> Option<String> {
    seen.ha.as_ref().ok().and_then(|ha| ha.left.clone())
}

fn left_disarmed(who: &str) -> String {
    format!("high availability was disarmed by {who} and not armed again, which this run does")
}

/// What was wrong with the file before and stays so.
fn warnings(conf: &Document, known: &[Violation]) -> Vec<String> {
    let unknown = unknown_keys(conf).into_iter().map(|(line, section, key)| {
        format!("line {line} of the file: '{key}' is no option of '{section}', so it does nothing")
    });
    let broken = known.iter().map(|rule| format!("the file breaks a rule already: {rule}"));
    broken.chain(unknown).collect()
}

/// A value in quotes, or that there is none.
pub(crate) fn quoted(value: Option<&str>) -> String {
    value.map_or_else(|| "not set".to_owned(), |value| format!("'{value}'"))
}
