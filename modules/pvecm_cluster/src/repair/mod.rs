// SPDX-License-Identifier: GPL-3.0-or-later
//! Repairs a node that is to be a member, before it is confirmed or joins: one fault after the other, each seen before and
//! gone afterwards. Whatever replaces something of the node is copied first.

mod act;
mod args;
mod consult;
mod fault;
#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod run_tests;

use std::path::Path;
use std::time::Duration;

use ansible_module::{Context, Failure, Outcome};
use cluster_state::pmxcfs::{DATABASE, Mount};
use cluster_state::{corosync_conf, vmlist};
use host::{Host, Waited, if_there, is_there, wait_until};

pub(crate) use self::act::Leave;
pub(crate) use self::args::Args;
use self::consult::Place;
pub(crate) use self::fault::Fault;
use self::fault::Seen;
use corosync_document::Document;
use membership::pmxcfs_service;
use membership::seen::{Conf, ConfFile, Here};

/// One fault can uncover the next: no pmxcfs, then a stranded corosync, then one that does not run.
const ROUNDS: usize = 6;
const PAUSE: Duration = Duration::from_millis(500);
/// How long it may take until a node can be looked at.
const PATIENCE: Duration = Duration::from_secs(15);

/// What was repaired.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Repaired {
    pub(crate) faults: Vec<Fault>,
    /// Where the copies are.
    pub(crate) backups: Vec<String>,
}

impl Repaired {
    /// What was the matter, in words.
    fn words(&self) -> Vec<String> {
        self.faults.iter().map(Fault::words).collect()
    }
}

/// Lets a node become a member, and repairs it before where that is asked for. `member` is told whether the cluster lists this node, which
/// is to join by force then.
pub(crate) fn around(
    args: &Args,
    context: &Context,
    host: &dyn Host,
    leave: &Leave<'_>,
    member: impl FnOnce(bool) -> Result<Outcome, Failure>,
) -> Result<Outcome, Failure> {
    if !args.repair {
        return member(false).map_err(|failure| hinted(host, args, failure));
    }
    let repaired = if context.check_mode { forecast(args, host)? } else { repair(args, leave, host)? };
    let relisted = repaired.faults.iter().any(|fault| matches!(fault, Fault::Listed { .. }));
    // In check mode nothing beyond the first fault can be told.
    if context.check_mode && repaired.faults.iter().any(|fault| !matches!(fault, Fault::Listed { .. })) {
        let msg = format!("this node would be repaired and be a member of cluster '{}'", args.cluster_name);
        return Ok(Outcome::changed().msg(msg).with("repaired", repaired.words()));
    }
    let told = |data: &mut serde_json::Map<String, serde_json::Value>| {
        if !repaired.faults.is_empty() {
            data.insert("repaired".to_owned(), repaired.words().into());
        }
        if !repaired.backups.is_empty() {
            data.insert("repair_backups".to_owned(), repaired.backups.clone().into());
        }
    };
    let acted = repaired.faults.iter().any(|fault| !matches!(fault, Fault::Listed { .. }));
    match member(relisted) {
        Ok(mut outcome) => {
            told(&mut outcome.data);
            if acted && !outcome.changed {
                outcome.msg = format!("this node is repaired: {}", outcome.msg);
            }
            outcome.changed |= acted;
            Ok(outcome)
        }
        Err(mut failure) => {
            told(&mut failure.data);
            failure.changed |= acted;
            Err(failure)
        }
    }
}

/// Adds what `repair` could do about a failure, as far as this node and the member that it knows can tell.
fn hinted(host: &dyn Host, args: &Args, mut failure: Failure) -> Failure {
    let found = membership::observe::here(host).map_err(|error| error.to_string()).and_then(|here| {
        let seen = look_at(host, args, here, Asks::OneThatItKnows)?;
        fault::fault(&args.cluster_name, args.joins, &seen)
    });
    if let Ok(Some(fault)) = found {
        failure.msg.push_str(&format!(
            ". 'repair: true' (playbooks/cluster-repair.yml) lets this task repair this: {}",
            fault.words()
        ));
    }
    failure
}

/// The first fault, without repairing it.
fn forecast(args: &Args, host: &dyn Host) -> Result<Repaired, Failure> {
    let found = see(host, args)
        .and_then(|seen| fault::fault(&args.cluster_name, args.joins, &seen))
        .map_err(|why| failure(args, &why))?;
    Ok(Repaired { faults: found.into_iter().collect(), backups: Vec::new() })
}

fn repair(args: &Args, leave: &Leave<'_>, host: &dyn Host) -> Result<Repaired, Failure> {
    let deadline = host.elapsed() + Duration::from_secs(u64::try_from(args.timeout).unwrap_or(1)) / 2;
    let mut repaired = Repaired::default();
    for _ in 0..ROUNDS {
        let found = see(host, args).and_then(|seen| {
            let fault = fault::fault(&args.cluster_name, args.joins, &seen)?;
            Ok(fault.map(|fault| (fault, seen)))
        });
        let told = |why: &str| {
            let failure = failure(args, why).with("repaired", repaired.words());
            let failure = if repaired.backups.is_empty() {
                failure
            } else {
                failure.with("repair_backups", &repaired.backups)
            };
            if repaired.faults.is_empty() { failure } else { failure.after_change() }
        };
        let (fault, seen) = match found.map_err(|why| told(&why))? {
            None => return Ok(repaired),
            Some(found) => found,
        };
        if repaired.faults.contains(&fault) {
            return Err(told(&format!(
                "{}, and it was not repaired by what was done about it",
                fault.words()
            )));
        }
        let relisted = matches!(fault, Fault::Listed { .. });
        let done = act::repair(host, args, leave, &seen, &fault, deadline);
        match done {
            Ok(backup) => repaired.backups.extend(backup),
            Err((why, backup)) => {
                repaired.backups.extend(backup);
                repaired.faults.push(fault.clone());
                let failure = failure(args, &format!("{} ({why})", fault.words()));
                return Err(failure.with("repair_backups", &repaired.backups).after_change());
            }
        }
        repaired.faults.push(fault);
        if relisted {
            return Ok(repaired);
        }
    }
    Err(failure(args, &format!("one fault followed another: {}", repaired.words().join("; "))).after_change())
}

/// The node and, unless it is well, a member of its cluster. Files come and go while pmxcfs dies or starts, so it is looked
/// for a while.
fn see(host: &dyn Host, args: &Args) -> Result<Seen, String> {
    let until = host.elapsed() + PATIENCE;
    let waited = wait_until(host, until, PAUSE, || {
        let here = membership::observe::here(host).map_err(|error| error.to_string())?;
        look_at(host, args, here, Asks::All)
    });
    match waited {
        Waited::Done(seen) => Ok(seen),
        Waited::Pending(why) => Err(why),
    }
}

/// Which members are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    All,
    /// The first one, by a node that has files of a cluster: only such a node was let in once. A failed task is not to knock
    /// at doors that sshd then shuts.
    OneThatItKnows,
}

fn look_at(host: &dyn Host, args: &Args, here: Here, asks: Asks) -> Result<Seen, String> {
    let words = |error: host::HostError| error.to_string();
    let text = |path: &str| -> Result<Option<String>, String> {
        let bytes = if_there(host.read(Path::new(path))).map_err(words)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    };
    let local = text(corosync_conf::LOCAL)?;
    // A corosync beside a pmxcfs that is still standalone is not: a node that was restarted in the middle of a join has one.
    let well = here.view.mount == Mount::Writable
        && here.view.conf.conf().is_some()
        && here.view.corosync.as_ref().is_some_and(|running| running.quorate);
    let authkey = Path::new(cluster_state::leftovers::AUTHKEY);
    let member = if here.view.is_mounted() && !well && (asks == Asks::All || local.is_some()) {
        let mut places = places(args, &here, local.as_deref());
        places.truncate(if asks == Asks::All { places.len() } else { 1 });
        consult::first(host, &places, &args.cluster_name)
    } else {
        None
    };
    let addresses: Vec<std::net::IpAddr> =
        host.addresses().map_err(words)?.into_iter().map(|local| local.address).collect();
    let unseen = match &member {
        Some(member) if asks == Asks::All && member.is_quorate() => {
            consult::unseen(host, member, &here.view.node, &addresses)
        }
        _ => Vec::new(),
    };
    let guests = match here.view.is_mounted() {
        true => vmlist::query(host).map_err(|error| error.to_string())?.unwrap_or_default(),
        false => Vec::new(),
    };
    // A node that was renamed has guests under both names.
    let conf = here.view.conf.conf();
    let listed =
        conf.and_then(|conf| consult::listed_as(conf, &here.view.node, &addresses)).map(str::to_owned);
    Ok(Seen {
        database: is_there(host, Path::new(DATABASE)).map_err(words)?,
        authkey: match &member {
            Some(_) => consult::own_digest(host)?,
            // That there is one is all that counts without a member's to compare it with.
            None => is_there(host, authkey).map_err(words)?.then(String::new),
        },
        strays: match here.view.mount {
            Mount::NotMounted => pmxcfs_service::strays(host).map_err(words)?,
            // Below a mount, also one whose process has died, nothing can be seen.
            _ => Vec::new(),
        },
        guests: guests
            .into_iter()
            .filter(|guest| guest.node == here.view.node || Some(&guest.node) == listed.as_ref())
            .map(|guest| guest.vmid)
            .collect(),
        addresses,
        local,
        member,
        unseen,
        here,
    })
}

/// Where members may answer: the one that the task names, then those that this node's own files list.
fn places(args: &Args, here: &Here, local: Option<&str>) -> Vec<Place> {
    let mut places = Vec::new();
    if let Some(target) = &args.cluster_node {
        places.push(Place { target: target.clone(), node: None });
    }
    let parsed = local.and_then(|text| Conf::of(&Document::parse(text.as_bytes())).ok());
    let listed = match &here.view.conf {
        ConfFile::Read(conf) => Some(&**conf),
        _ => parsed.as_ref(),
    };
    for node in listed.iter().flat_map(|conf| conf.nodes.values()) {
        if node.name == here.view.node {
            continue;
        }
        let managed = here.view.members.as_ref().and_then(|members| members.nodelist.get(&node.name));
        let managed = managed.and_then(|node| node.ip.clone());
        let targets = managed.into_iter().chain([node.name.clone()]).chain(node.addresses.values().cloned());
        for target in targets {
            if !places.iter().any(|place| place.target == target) && membership::check::is_host(&target) {
                places.push(Place { target, node: Some(node.name.clone()) });
            }
        }
    }
    places
}

fn failure(args: &Args, why: &str) -> Failure {
    Failure::new(format!("cannot repair this node for cluster '{}': {why}", args.cluster_name))
}
