// SPDX-License-Identifier: GPL-3.0-or-later
//! Lines that would let nobody in, or no longer the one who has them written.
//!
//! Which key this session logged in with is not known. So a line of any key that would let the session in is taken for
//! the one that did, and what takes its place must be seen to let it in too.

use std::path::Path;

use authorized_keys_document::{Document, Obstacle, PublicKey, matches_only_names};

use crate::args::State;
use crate::caller::Way;
use crate::observe::{CLUSTER_FILE, Observed};
use crate::plan::Plan;
use crate::request::Request;

const REMEDY: &str = "set 'allow_lockout' if that is meant";

/// What the given options say that lets nobody in, ever.
pub(crate) fn given(request: &Request, seen: &Observed) -> Vec<String> {
    if request.state == State::Absent || request.allow_lockout {
        return Vec::new();
    }
    let mut refusals = Vec::new();
    for key in &request.keys {
        let options = key.options.as_deref().unwrap_or_default().as_bytes();
        let refuse =
            |why: &str| format!("cannot write the line of {}: {why}; {REMEDY}", key.key.fingerprint());
        if seen.caller.session().is_past(options) {
            refusals.push(refuse("its 'expiry-time' is past, so it would let nobody in"));
        }
        let names =
            seen.sshd.as_ref().is_some_and(|sshd| !sshd.looks_names_up) && matches_only_names(options);
        if names {
            refusals.push(refuse(
                "its 'from' has names of hosts only, and sshd on this node looks no names up (UseDNS no), so it would \
                 let nobody in",
            ));
        }
    }
    refusals
}

/// Where a line that would let this session in gives way to none that would.
pub(crate) fn replaced(request: &Request, seen: &Observed, plan: &Plan) -> Vec<String> {
    if request.state == State::Absent || request.allow_lockout || seen.caller.way == Way::Other {
        return Vec::new();
    }
    let cluster = plan.cluster.iter().map(|change| (Path::new(CLUSTER_FILE), &change.before, &change.after));
    let locals = plan.local.iter().map(|change| (change.path.as_path(), &change.before, &change.after));
    let mut refusals = Vec::new();
    for (path, before, after) in cluster.chain(locals) {
        let (before, after) = (Document::parse(before), Document::parse(after));
        for key in &request.keys {
            // what is past or names hosts only is told already
            if opens(&before, &key.key, seen)
                && !opens(&after, &key.key, seen)
                && let Some(why) = keeps_out(&after, &key.key, seen)
            {
                refusals.push(format!(
                    "cannot change the line of {} in '{}': the one there can be the one by which this task came, and the \
                     new one {why}; {REMEDY}",
                    key.key.fingerprint(),
                    path.display()
                ));
            }
        }
    }
    refusals
}

/// Whether a line of the key lets this session in. Where it comes from is not known of every one: a line without `from`
/// lets it in all the same.
fn opens(document: &Document, key: &PublicKey, seen: &Observed) -> bool {
    let session = seen.caller.session();
    document.entries().any(|entry| entry.key == *key && session.obstacle(&entry.options).is_none())
}

fn keeps_out(document: &Document, key: &PublicKey, seen: &Observed) -> Option<String> {
    let session = seen.caller.session();
    let obstacle = document
        .entries()
        .filter(|entry| entry.key == *key && !entry.is_certificate_authority())
        .find_map(|entry| session.obstacle(&entry.options))?;
    match (obstacle, session.address) {
        (Obstacle::From, Some(address)) => Some(format!("does not let in '{address}', where it comes from")),
        (Obstacle::From, None) => {
            Some("lets in some addresses only, and it is not known from which one this task comes".to_owned())
        }
        (Obstacle::Command, _) => Some("runs its own command instead of what Ansible asks for".to_owned()),
        (Obstacle::Ignored(_) | Obstacle::Expired | Obstacle::Authority, _) => None,
    }
}
