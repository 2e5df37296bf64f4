// SPDX-License-Identifier: GPL-3.0-or-later
//! Reserves the cluster for a join by password, on the cluster node, and releases it again.
//!
//! Root of a node that joins by password cannot log in to the cluster by ssh: it can neither look at it nor lock it
//! beforehand, and the API has no lock that a join could take. So the cluster node does both over Ansible's own
//! connection, with the same script and the same lock as in a join by ssh, and hands on what it saw.

#[cfg(test)]
mod run_tests;
mod words;

use std::time::Duration;

use ansible_module::{Context, Failure, Outcome};
use host::{Host, Waited, wait_until};
use locks::{Holder, Owner};
use membership::lock::{PAUSE, unlock_of};
use membership::probe::{self, Errand};
use membership::ready::{beside_admitted, ready};
use membership::reservation::{self as text, Reservation};
use membership::seen::{Door, Joining, Peer};
use membership::{check, door};

/// A lock lives for 120 s by itself; a reservation is waiting for another task all that time.
const WITHOUT_REFRESH: u64 = 60;

/// The options of a task that reserves a cluster or releases it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Args {
    pub(crate) deed: Deed,
    pub(crate) cluster_name: String,
    /// The node that is to join.
    pub(crate) node: String,
    pub(crate) timeout: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    Reserve,
    Release,
}

impl Args {
    fn failure(&self, why: &str) -> Failure {
        let Self { cluster_name, node, .. } = self;
        Failure::new(match self.deed {
            Deed::Reserve => format!("cannot reserve cluster '{cluster_name}' for node '{node}': {why}"),
            Deed::Release => {
                format!("cannot give cluster '{cluster_name}' free for others than node '{node}': {why}")
            }
        })
    }

    fn refused(&self, reasons: &[String], waited: Duration) -> Failure {
        let mut why = reasons.join("; ");
        if waited >= Duration::from_secs(1) {
            why.push_str(&format!(" (for {} s)", waited.as_secs()));
        }
        self.failure(&why).with("reasons", reasons)
    }
}

/// Does what the task asks.
pub(crate) fn run(
    args: &Args,
    mut wrong: Vec<String>,
    context: &Context,
    host: &dyn Host,
) -> Result<Outcome, Failure> {
    wrong.extend(check::cluster_name(&args.cluster_name));
    if !check::is_node_name(&args.node) {
        wrong.push(format!("'{}' is not a node name", args.node));
    }
    let timeout = check::number("timeout", Some(args.timeout), 1, &mut wrong).map_or(1, u64::from);
    if !wrong.is_empty() {
        return Err(args.refused(&wrong, Duration::ZERO));
    }
    match args.deed {
        Deed::Reserve => reserve(args, timeout, context.check_mode, host),
        Deed::Release => release(args, context.check_mode, host),
    }
}

fn release(args: &Args, check_mode: bool, host: &dyn Host) -> Result<Outcome, Failure> {
    let (name, node) = (&args.cluster_name, &args.node);
    let reserved = Holder::Named(Owner::reservation(node));
    let holder = locks::holder(host, locks::MEMBERSHIP).map_err(|error| args.failure(&error.to_string()))?;
    if holder != reserved {
        return Ok(Outcome::unchanged().msg(format!("cluster '{name}' is not reserved for node '{node}'")));
    }
    if !check_mode && let Some(why) = unlock_reservation(host, node) {
        return Err(args.failure(&why));
    }
    Ok(Outcome::changed().msg(format!("cluster '{name}' is no longer reserved for node '{node}'")))
}

fn unlock_reservation(host: &dyn Host, node: &str) -> Option<String> {
    unlock_of(host, &|owner| *owner == Owner::reservation(node))
}

/// Waits until the cluster is ready for a join, as a join by ssh does, and locks it for this one.
fn reserve(args: &Args, timeout: u64, check_mode: bool, host: &dyn Host) -> Result<Outcome, Failure> {
    let began = host.elapsed();
    let deadline = Duration::from_secs(timeout);
    let short = began + (deadline / 4).min(Duration::from_secs(30));
    let keep = if timeout > WITHOUT_REFRESH { timeout } else { 0 };
    let outcome = wait_until(host, began.max(deadline / 2), PAUSE, || {
        let door = match door::look(host) {
            Ok(door) => door,
            Err(error) => return Ok(Err(args.failure(&error.to_string()))),
        };
        let locks = !check_mode && door.reasons("").is_empty();
        let errand = if locks { Errand::Claim { keep } } else { Errand::Look };
        let (answer, peer) = match probe::ask_here(host, errand, &args.node) {
            Ok(seen) => seen,
            Err(why) => {
                if locks {
                    // Nobody knows how far it came; without a lock of this node's this does nothing.
                    let _ = unlock_reservation(host, &args.node);
                }
                return Ok(Err(args.failure(&why)));
            }
        };
        let mut reasons = ready(&args.cluster_name, &args.node, &peer);
        reasons.extend(beside_admitted(&args.node, &peer));
        reasons.extend(door.reasons(&peer.view.node));
        if peer.view.node == args.node {
            reasons = vec![words::reserves_for_itself(&args.node)];
        }
        if reasons.is_empty() {
            return Ok(Ok((answer, peer, door)));
        }
        if peer.joining == Joining::ThisNode && locks {
            let _ = unlock_reservation(host, &args.node);
        }
        let patient = peer.joining.is_another();
        let mut texts: Vec<String> = reasons.iter().map(|reason| reason.text.clone()).collect();
        // What would refuse the join next is told at once. Whether it has 'repair: true' is not known here.
        texts.extend(listed_offline(&peer, &args.node).map(|by| words::name_listed(&args.node, by).text));
        if ansible_module::reason::all_pass(&reasons) && (patient || host.elapsed() < short) {
            return Err(texts);
        }
        let waited = if ansible_module::reason::all_pass(&reasons) {
            host.elapsed().saturating_sub(began)
        } else {
            Duration::ZERO
        };
        Ok(Err(args.refused(&texts, waited)))
    });
    let (answer, peer, door) = match outcome {
        Waited::Done(decided) => decided?,
        Waited::Pending(reasons) => {
            return Err(args.refused(&reasons, host.elapsed().saturating_sub(began)));
        }
    };
    Ok(reserved(args, &answer, &peer, door, host.unix_time()))
}

/// The name of the cluster node, when its cluster lists the node that is to join, which is not online.
fn listed_offline<'a>(peer: &'a Peer, node: &str) -> Option<&'a str> {
    if peer.view.node == node {
        return None;
    }
    let (nodeid, _) = peer.view.conf.conf()?.node(node)?;
    let online = peer.view.corosync.as_ref()?.versions.contains_key(&nodeid);
    (!online).then_some(peer.view.node.as_str())
}

fn reserved(args: &Args, answer: &str, peer: &Peer, door: Door, now: u64) -> Outcome {
    let (name, node) = (&args.cluster_name, &args.node);
    let warning = door.warning(&peer.view.node);
    let fingerprint = door.served.clone();
    let text = text::write(answer, &Reservation { joining: node.clone(), made: now, door });
    let outcome = Outcome::changed()
        .msg(format!("cluster '{name}' is reserved for the join of node '{node}'"))
        .with("cluster_name", name)
        .with("fingerprint", fingerprint)
        .with("reservation", text);
    warning.into_iter().fold(outcome, Outcome::warn)
}
