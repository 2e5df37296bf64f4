// SPDX-License-Identifier: GPL-3.0-or-later
//! State `enfranchised`: votes for the newcomers that are there, and the others out of the nodelist again.

use std::path::Path;
use std::time::Duration;

use ansible_module::{Context, Diff, Failure, Outcome, Reason};
use cluster_state::corosync_conf::CLUSTER;
use cluster_state::leftovers::NODES;
use corosync_document::Document;
use host::{Host, HostError, Waited, wait_until};
use membership::files::{remove, tree};
use membership::ready::ready;
use membership::seen::{ConfFile, Joining, Peer, quoted};
use serde_json::{Value, json};

use crate::args::{State, Votes, Wanted};
use crate::plan::{self, Cluster, Round};
use crate::{file, words};

const PAUSE: Duration = Duration::from_millis(500);

/// The cluster and what is to be done in it.
struct Seen {
    before: Document,
    round: Round,
}

/// Does what the task asks.
pub(crate) fn run(wanted: &Wanted, context: &Context, host: &dyn Host) -> Result<Outcome, Failure> {
    let name = &wanted.cluster_name;
    let failed = |why: String| words::failure(State::Enfranchised, name, &why);
    let names: Vec<String> = names(&wanted.nodes).cloned().collect();
    let acts = !context.check_mode && !names.is_empty();
    let node = file::reserved_for(host, &names).map_err(|error| failed(error.to_string()))?;
    let done = settle(wanted, host, &node, acts).and_then(|seen| give(wanted, context, host, &node, seen));
    let left = if acts { file::release(host, &node) } else { None };
    match (done, left) {
        (Ok(outcome), Some(left)) => {
            Ok(outcome.warn(format!("the cluster stays reserved for a while: {left}")))
        }
        (done, _) => done,
    }
}

/// Waits until all of them are there, or the time is over; then it is decided with those that are.
fn settle(wanted: &Wanted, host: &dyn Host, node: &str, acts: bool) -> Result<Seen, Failure> {
    let name = &wanted.cluster_name;
    let began = host.elapsed();
    let mut last: Option<Seen> = None;
    let waited = wait_until(host, began + wanted.timeout, PAUSE, || {
        let looked = file::look(host, node, wanted.hold, acts)
            .and_then(|peer| file::read(host).map(|before| (peer, before)));
        let (peer, before) = match looked {
            Ok(looked) => looked,
            Err(why) => return Ok(Err(words::failure(State::Enfranchised, name, &why))),
        };
        match decide(wanted, &peer) {
            Ok(round) => {
                let seen = Seen { before, round };
                if seen.round.absent.is_empty() {
                    return Ok(Ok(seen));
                }
                last = Some(seen);
                Err(Vec::new())
            }
            Err(reasons) => {
                last = None;
                if acts && peer.joining == Joining::ThisNode && reasons.iter().any(|reason| !reason.passing) {
                    let _ = file::release(host, node);
                }
                let texts = words::texts(&reasons);
                if ansible_module::reason::all_pass(&reasons) {
                    return Err(texts);
                }
                Ok(Err(words::refused(State::Enfranchised, name, &texts)))
            }
        }
    });
    match (waited, last) {
        (Waited::Done(seen), _) => seen,
        (Waited::Pending(_), Some(seen)) => Ok(seen),
        (Waited::Pending(texts), None) => {
            let waited = host.elapsed().saturating_sub(began);
            Err(words::refused_after(State::Enfranchised, name, &texts, waited))
        }
    }
}

/// What is to be done, or every reason not to.
fn decide(wanted: &Wanted, peer: &Peer) -> Result<Round, Vec<Reason>> {
    let against = ready(&wanted.cluster_name, "", &only_seen(peer));
    let round =
        peer.view.conf.conf().map(|conf| plan::round(&Cluster::of(peer, conf), &wanted.nodes, wanted.absent));
    match round {
        Some(Ok(round)) if against.is_empty() => Ok(round),
        Some(Err(reason)) => Err(against.into_iter().chain([reason]).collect()),
        _ => Err(against),
    }
}

/// The cluster without the nodes that are off. They do not get worse by votes for nodes that are there: when they come back they
/// need the current file anyway.
fn only_seen(peer: &Peer) -> Peer {
    let mut peer = peer.clone();
    if let (ConfFile::Read(conf), Some(running)) = (&mut peer.view.conf, &peer.view.corosync) {
        conf.nodes.retain(|nodeid, _| running.versions.contains_key(nodeid));
    }
    peer
}

fn give(
    wanted: &Wanted,
    context: &Context,
    host: &dyn Host,
    node: &str,
    seen: Seen,
) -> Result<Outcome, Failure> {
    let name = &wanted.cluster_name;
    let failed = |why: String| words::failure(State::Enfranchised, name, &why);
    let Seen { before, round } = &seen;
    let strange = wanted.config_version.filter(|version| before.config_version() != Some(*version));
    let warn = |outcome: Outcome| {
        match strange {
        Some(version) => outcome.warn(format!(
            "'{CLUSTER}' has config_version {} although this round wrote {version}: somebody else has changed it meanwhile",
            before.config_version().unwrap_or(0)
        )),
        None => outcome,
    }
    };
    if round.is_nothing() {
        let msg = if round.absent.is_empty() {
            format!("all of them have their votes in cluster '{name}'")
        } else {
            format!("{} are not in cluster '{name}'", quoted(round.absent.iter().map(|(name, _)| name)))
        };
        let outcome = report(Outcome::unchanged().msg(msg), round, before.config_version().unwrap_or(0));
        return Ok(if round.absent.is_empty() { outcome } else { warn(outcome) });
    }
    let after = plan::with_round(before, round)
        .map_err(|why| words::refused(State::Enfranchised, name, &[words::cannot_be_written(&why).text]))?;
    let version = after.config_version().unwrap_or(0);
    let outcome = Outcome::changed().msg(said(name, round)).diff(Diff::of_file(
        CLUSTER,
        before.to_text(),
        after.to_text(),
    ));
    let outcome = warn(report(outcome, round, version));
    if context.check_mode {
        return Ok(outcome);
    }
    let still = || changed_since(wanted, host, node, round);
    let copy = file::replace(host, node, before, &after, &still).map_err(failed)?;
    let mut outcome = outcome.with("backup", copy);
    if let Err(missing) = file::wait_in_use(host, version, host.elapsed() + wanted.timeout) {
        return Err(not_in_use(wanted, host, node, &after, round, missing));
    }
    for gone in &round.removed {
        if let Err(error) = clear(host, gone) {
            outcome = outcome.warn(format!("'{NODES}/{gone}' stays: {error}"));
        }
    }
    Ok(outcome)
}

/// Why it must not be written, although it was decided: somebody has gone since.
fn changed_since(wanted: &Wanted, host: &dyn Host, node: &str, round: &Round) -> Option<String> {
    let peer = match file::look(host, node, wanted.hold, false) {
        Ok(peer) => peer,
        Err(why) => return Some(why),
    };
    // our own lock of the file is no reason
    let peer = Peer { locked: false, joining: Joining::ThisNode, ..peer };
    match decide(wanted, &peer) {
        Ok(now) if now == *round => None,
        Ok(now) => Some(format!(
            "who is there has changed at the last moment, from {} to {}; {}",
            quoted(names(&round.votes)),
            quoted(names(&now.votes)),
            words::AGAIN
        )),
        Err(reasons) => Some(words::texts(&reasons).join("; ")),
    }
}

/// Votes that did not come into use everywhere: those of nodes that have gone are taken back while the cluster can be written.
fn not_in_use(
    wanted: &Wanted,
    host: &dyn Host,
    node: &str,
    written: &Document,
    round: &Round,
    missing: Vec<String>,
) -> Failure {
    let mut why = format!(
        "within {} s config_version {} was not in use everywhere: {}",
        wanted.timeout.as_secs(),
        written.config_version().unwrap_or(0),
        missing.join("; ")
    );
    let looked = file::look(host, node, wanted.hold, false);
    let gone =
        looked.and_then(|peer| gone(&peer, round).ok_or_else(|| "corosync does not answer".to_owned()));
    let gone = gone.unwrap_or_else(|unknown| {
        why.push_str(&format!("; whether all of them are still there is not known: {unknown}"));
        Vec::new()
    });
    if !gone.is_empty() {
        let back = Round { votes: gone.iter().map(|name| (name.clone(), 0)).collect(), ..Round::default() };
        let undone = plan::with_round(written, &back)
            .and_then(|after| file::replace(host, node, written, &after, &|| None).map(|_| ()));
        why.push_str(&match undone {
            Ok(()) => format!("; {} have gone, and have no vote again", quoted(&gone)),
            Err(error) => {
                format!("; {} have gone, and their votes could not be taken back: {error}", quoted(&gone))
            }
        });
    }
    words::failure(State::Enfranchised, &wanted.cluster_name, &format!("{why}; {}", words::AGAIN))
        .with("reasons", missing)
        .after_change()
}

fn names(votes: &Votes) -> impl Iterator<Item = &String> {
    votes.iter().map(|(name, _)| name)
}

/// Those that were given votes and are not seen any more; none where that cannot be told.
fn gone(peer: &Peer, round: &Round) -> Option<Vec<String>> {
    let (conf, running) = (peer.view.conf.conf()?, peer.view.corosync.as_ref()?);
    let is_gone =
        |name: &&String| conf.node(name).is_some_and(|(nodeid, _)| !running.versions.contains_key(&nodeid));
    Some(names(&round.votes).filter(is_gone).cloned().collect())
}

/// Removes the node's directory as it was made, and nothing that somebody has put there.
fn clear(host: &dyn Host, name: &str) -> Result<(), HostError> {
    let root = format!("{NODES}/{name}");
    let root = Path::new(&root);
    let Some(entries) = tree(host, root)? else { return Ok(()) };
    if entries.iter().all(|entry| entry.is_directory) { remove(host, root, &entries) } else { Ok(()) }
}

fn said(cluster: &str, round: &Round) -> String {
    let mut parts = Vec::new();
    if !round.votes.is_empty() {
        parts.push(format!("{} have their votes in cluster '{cluster}'", quoted(names(&round.votes))));
    }
    if !round.removed.is_empty() {
        parts.push(format!("{} did not come, and are no longer listed", quoted(&round.removed)));
    }
    parts.join("; ")
}

fn report(outcome: Outcome, round: &Round, version: u64) -> Outcome {
    let absent = |(name, why): &(String, plan::Missing)| json!({"name": name, "reason": why.word(), "removed": round.removed.contains(name)});
    let absent: Vec<Value> = round.absent.iter().map(absent).collect();
    outcome
        .with("config_version", version)
        .with("enfranchised", names(&round.votes).collect::<Vec<_>>())
        .with("absent", absent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use membership::fake;

    /// What cannot be told is not taken for "nobody has gone".
    #[test]
    fn who_has_gone_is_known_or_not() {
        let round = Round { votes: vec![("pve2".to_owned(), 1)], ..Round::default() };
        let mut peer = crate::plan_tests::peer(&fake::peer(2, fake::PAIR, &[(1, 2), (2, 2)]));
        assert_eq!(gone(&peer, &round), Some(Vec::new()));
        if let Some(running) = &mut peer.view.corosync {
            running.versions.remove(&2);
        }
        assert_eq!(gone(&peer, &round), Some(vec!["pve2".to_owned()]));
        peer.view.corosync = None;
        assert_eq!(gone(&peer, &round), None);
    }
}
