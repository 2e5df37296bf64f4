// SPDX-License-Identifier: GPL-3.0-or-later
//! State `admitted`: all newcomers are listed without a vote, and each gets an envelope.

use std::path::Path;
use std::time::Duration;

use ansible_module::{Context, Diff, Failure, Outcome};
use cluster_state::corosync_check;
use cluster_state::corosync_conf::CLUSTER;
use cluster_state::leftovers::{AUTHKEY, NODES};
use corosync_document::Document;
use host::{Host, HostError, Waited, is_there, wait_until};
use membership::ready::ready;
use membership::seen::{ConfFile, Joining, Peer};
use serde_json::{Map, Value, json};

use crate::args::{State, Wanted};
use crate::material::{Letter, seal};
use crate::plan::{self, Newcomer};
use crate::{file, words};

const PAUSE: Duration = Duration::from_secs(1);
/// What `pvecm addnode` makes for a node (`captures/newcomers_without_a_vote_*`: without them its services complain until it has made
/// them itself).
const DIRECTORIES: [&str; 5] = ["", "/qemu-server", "/lxc", "/openvz", "/priv"];

/// The cluster and what is to be done in it.
struct Seen {
    peer: Peer,
    before: Document,
    newcomers: Vec<Newcomer>,
}

/// Does what the task asks.
pub(crate) fn run(wanted: &Wanted, context: &Context, host: &dyn Host) -> Result<Outcome, Failure> {
    let name = &wanted.cluster_name;
    let failed = |why: String| words::failure(State::Admitted, name, &why);
    let acts = !context.check_mode && !wanted.offers.is_empty();
    let node = file::reserved_for(host, &wanted.round()).map_err(|error| failed(error.to_string()))?;
    let done = settle(wanted, host, &node, acts).and_then(|seen| admit(wanted, context, host, &node, seen));
    if done.is_err() && acts {
        // The round does not go on.
        let _ = file::release(host, &node);
    }
    done
}

/// Looks and decides; while every reason against it may pass by itself, it looks again.
fn settle(wanted: &Wanted, host: &dyn Host, node: &str, acts: bool) -> Result<Seen, Failure> {
    let name = &wanted.cluster_name;
    let until = host.elapsed() + (wanted.timeout / 3).min(Duration::from_secs(60));
    let began = host.elapsed();
    let waited = wait_until(host, until, PAUSE, || {
        let looked = file::look(host, node, wanted.hold, acts)
            .and_then(|peer| file::read(host).map(|before| (peer, before)));
        let (peer, before) = match looked {
            Ok(looked) => looked,
            Err(why) => return Ok(Err(words::failure(State::Admitted, name, &why))),
        };
        match reasons(wanted, &peer, &before) {
            Ok(newcomers) => Ok(Ok(Seen { peer, before, newcomers })),
            Err(reasons) => {
                if acts && peer.joining == Joining::ThisNode {
                    let _ = file::release(host, node);
                }
                let texts = words::texts(&reasons);
                if ansible_module::reason::all_pass(&reasons) {
                    return Err(texts);
                }
                Ok(Err(words::refused(State::Admitted, name, &texts)))
            }
        }
    });
    match waited {
        Waited::Done(seen) => seen,
        Waited::Pending(texts) => {
            let waited = host.elapsed().saturating_sub(began);
            Err(words::refused_after(State::Admitted, name, &texts, waited))
        }
    }
}

/// Every reason not to admit them, or who is to be listed.
fn reasons(
    wanted: &Wanted,
    peer: &Peer,
    before: &Document,
) -> Result<Vec<Newcomer>, Vec<ansible_module::Reason>> {
    let mut against = ready(&wanted.cluster_name, "", &without_pending(wanted, peer));
    against.extend(plan::release(
        &format!("'{}'", peer.view.node),
        peer.tools.pve.as_deref(),
        peer.tools.join_api,
    ));
    if !wanted.offers.is_empty() {
        against.extend(plan::fixed(before));
    }
    let newcomers =
        peer.view.conf.conf().map(|conf| plan::admission(peer, conf, &wanted.offers, &wanted.inside));
    match newcomers {
        Some(Ok(newcomers)) if against.is_empty() => Ok(newcomers),
        Some(Err(more)) => {
            against.extend(more);
            Err(against)
        }
        _ => Err(against),
    }
}

/// The cluster without the nodes that an earlier round has listed and that are about to come: they cannot miss anything.
fn without_pending(wanted: &Wanted, peer: &Peer) -> Peer {
    let mut peer = peer.clone();
    if let ConfFile::Read(conf) = &mut peer.view.conf {
        conf.nodes
            .retain(|_, node| node.votes > 0 || !wanted.offers.iter().any(|offer| offer.node == node.name));
    }
    peer
}

fn admit(
    wanted: &Wanted,
    context: &Context,
    host: &dyn Host,
    node: &str,
    seen: Seen,
) -> Result<Outcome, Failure> {
    let name = &wanted.cluster_name;
    let failed = |why: String| words::failure(State::Admitted, name, &why);
    let Seen { peer, before, newcomers } = seen;
    let mut after = before.clone();
    let mut outcome = Outcome::unchanged().msg(format!("cluster '{name}' lists all of them already"));
    if !newcomers.is_empty() {
        after = plan::with_newcomers(&before, &newcomers)
            .map_err(|why| words::refused(State::Admitted, name, &[words::cannot_be_written(&why).text]))?;
        if let Some(why) = corosync_check::refusal(host, &after.to_bytes())? {
            let why = format!("corosync would not start from the changed file: {why}");
            return Err(words::refused(State::Admitted, name, &[why]));
        }
        let listed = membership::seen::quoted(newcomers.iter().map(|newcomer| &newcomer.name));
        outcome = Outcome::changed()
            .msg(format!("cluster '{name}' lists {listed} without a vote"))
            .diff(Diff::of_file(CLUSTER, before.to_text(), after.to_text()));
    }
    let version = after.config_version().unwrap_or(0);
    let admitted: Vec<&String> = newcomers.iter().map(|newcomer| &newcomer.name).collect();
    outcome = outcome
        .with("cluster_name", name)
        .with("config_version", version)
        .with("admitted", admitted)
        .with("member", &peer.view.node);
    if context.check_mode {
        return Ok(outcome.with("envelopes", Map::new()));
    }
    if !newcomers.is_empty() {
        directories(host, &newcomers).map_err(|error| failed(error.to_string()))?;
        let copy = file::replace(host, node, &before, &after, &|| None).map_err(failed)?;
        outcome = outcome.with("backup", copy);
        let deadline = host.elapsed() + wanted.timeout;
        file::wait_in_use(host, version, deadline).map_err(|missing| {
            let why = format!(
                "within {} s config_version {version} was not in use everywhere: {}; nobody has a vote by it, and {}",
                wanted.timeout.as_secs(),
                missing.join("; "),
                words::AGAIN
            );
            failed(why).with("reasons", missing).after_change()
        })?;
    }
    let envelopes = seal_all(wanted, host, &after)
        .map_err(|why| if outcome.changed { failed(why).after_change() } else { failed(why) })?;
    Ok(outcome.with("envelopes", envelopes))
}

fn directories(host: &dyn Host, newcomers: &[Newcomer]) -> Result<(), HostError> {
    for newcomer in newcomers {
        for directory in DIRECTORIES {
            let path = format!("{NODES}/{}{directory}", newcomer.name);
            let path = Path::new(&path);
            if !is_there(host, path)? {
                host.make_dir(path, 0o755)?;
            }
        }
    }
    Ok(())
}

/// An envelope for each that is not in the cluster yet.
fn seal_all(wanted: &Wanted, host: &dyn Host, file: &Document) -> Result<Map<String, Value>, String> {
    if wanted.offers.is_empty() {
        return Ok(Map::new());
    }
    let key = host.read(Path::new(AUTHKEY)).map_err(|error| error.to_string())?;
    let mut envelopes = Map::new();
    for offer in &wanted.offers {
        let letter = Letter {
            node: offer.node.clone(),
            id: offer.id.clone(),
            expires: offer.expires,
            cluster_name: wanted.cluster_name.clone(),
            config_version: file.config_version().unwrap_or(0),
            conf: file.to_text(),
            authkey: String::new(),
        };
        envelopes.insert(offer.node.clone(), json!(seal(host, &letter.with_key(&key), &offer.certificate)?));
    }
    Ok(envelopes)
}
