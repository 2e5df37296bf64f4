// SPDX-License-Identifier: GPL-3.0-or-later
//! The answer.

use std::path::Path;

use ansible_module::{Diff, Outcome};
use authorized_keys_document::Given;
use serde::Serialize;

use crate::observe::CLUSTER_FILE;
use crate::plan::{LocalChange, Plan};
use crate::request::Request;

/// A file in the answer.
#[derive(Debug, Serialize)]
struct File {
    scope: &'static str,
    path: String,
    changed: bool,
}

/// A key in the answer.
#[derive(Debug, Serialize)]
struct Key {
    #[serde(rename = "type")]
    kind: &'static str,
    fingerprint: String,
    comment: String,
}

/// The answer to what was planned, and equally to what was done.
pub(crate) fn outcome(request: &Request, plan: &Plan) -> Outcome {
    let mut files: Vec<File> = Vec::new();
    let mut diffs: Vec<Diff> = Vec::new();
    let mut add =
        |scope, path: &Path, changed| files.push(File { scope, path: path.display().to_string(), changed });
    for (scope, path) in &plan.settled {
        add(scope, path, false);
    }
    if let Some(change) = &plan.cluster {
        add("cluster", Path::new(CLUSTER_FILE), change.before != change.after);
        if change.before != change.after {
            diffs.push(Diff::of_file(CLUSTER_FILE, text(&change.before), text(&change.after)));
        }
    }
    for change in &plan.local {
        add("local", &change.path, true);
        diffs.push(local_diff(change));
    }
    if let Some(drop_in) = &plan.drop_in {
        add("sshd", &drop_in.path, true);
        let before = drop_in.before.as_deref().map(text).unwrap_or_default();
        diffs.push(Diff::of_file(&drop_in.path.display().to_string(), before, text(&drop_in.after)));
    }
    let changed: Vec<&str> =
        files.iter().filter(|file| file.changed).map(|file| file.path.as_str()).collect();
    let msg = if changed.is_empty() { String::new() } else { format!("changed '{}'", changed.join("', '")) };
    let mut outcome = if changed.is_empty() { Outcome::unchanged() } else { Outcome::changed() };
    outcome.diff = diffs;
    outcome.warnings.clone_from(&plan.warnings);
    let keys: Vec<Key> = request.keys.iter().map(key).collect();
    let mut spared: Vec<Key> = Vec::new();
    for entry in &plan.spared {
        let key = Key {
            kind: entry.key.algorithm().name(),
            fingerprint: entry.key.fingerprint(),
            comment: text(&entry.comment),
        };
        if spared.iter().all(|earlier| earlier.fingerprint != key.fingerprint) {
            spared.push(key);
        }
    }
    outcome.msg(msg).with("keys", keys).with("files", files).with("kept_node_keys", spared)
}

fn key(given: &Given) -> Key {
    Key {
        kind: given.key.algorithm().name(),
        fingerprint: given.key.fingerprint(),
        comment: given.comment.clone().unwrap_or_default(),
    }
}

/// With the mode in the heading when that changes too.
fn local_diff(change: &LocalChange) -> Diff {
    let path = change.path.display().to_string();
    let mut diff = Diff::of_file(&path, text(&change.before), text(&change.after));
    if let Some(mode) = change.mode_before.filter(|mode| *mode != change.mode) {
        diff.before_header = format!("{path} (mode {mode:04o})");
        diff.after_header = format!("{path} (mode {:04o})", change.mode);
    }
    diff
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
