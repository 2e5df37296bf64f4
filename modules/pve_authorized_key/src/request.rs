// SPDX-License-Identifier: GPL-3.0-or-later
//! What is asked, understood: the keys read, the defaults that depend on other options filled in.

use std::path::PathBuf;
use std::time::Duration;

use authorized_keys_document::{Given, check_options, given_keys};
use serde_json::Value;

use crate::args::{Args, Scope, State};

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) keys: Vec<Given>,
    pub(crate) state: State,
    pub(crate) exclusive: bool,
    pub(crate) allow_lockout: bool,
    pub(crate) user: String,
    pub(crate) scope: Scope,
    pub(crate) timeout: Duration,
}

/// Reads the options; `files` are the contents of the files that `key_file` names. An error never holds the text of
/// a key: it may be a private one, given by mistake.
pub(crate) fn request(args: &Args, files: &[(PathBuf, Vec<u8>)]) -> Result<Request, String> {
    let mut keys = Vec::new();
    for (source, text) in texts(args.key.as_ref(), files)? {
        keys.extend(given_keys(&text).map_err(|error| format!("cannot use {source}: {error}"))?);
    }
    if keys.is_empty() {
        let option = if args.key.is_some() { "key" } else { "key_file" };
        return Err(format!("cannot use '{option}': it holds no key"));
    }
    if let Some(options) = &args.key_options {
        check_options(options).map_err(|error| format!("cannot use 'key_options': {error}"))?;
        if keys.iter().any(|key| key.options.is_some()) {
            return Err("cannot use 'key_options': a key has options of its own already; give them in one \
                        place"
                .to_owned());
        }
    }
    if args.comment.as_deref().is_some_and(|comment| comment.chars().any(char::is_control)) {
        return Err("cannot use 'comment': it must be one line without control characters".to_owned());
    }
    for key in &mut keys {
        key.options = args.key_options.clone().or(key.options.take());
        key.comment = args.comment.clone().or(key.comment.take());
    }
    let keys = once_each(keys)?;
    if args.exclusive && args.state == State::Absent {
        return Err("cannot use 'exclusive' with state 'absent': it means that the given keys are the only \
                    ones present"
            .to_owned());
    }
    let timeout = u64::try_from(args.timeout).ok().filter(|seconds| *seconds > 0);
    let timeout =
        timeout.ok_or_else(|| format!("cannot use timeout {}: it must be at least 1 s", args.timeout))?;
    let root = args.user == "root";
    let scope = args.scope.unwrap_or(if root { Scope::Both } else { Scope::Local });
    if scope.has_cluster() && !root {
        return Err(format!(
            "cannot use scope '{}' for user '{}': the cluster's file holds root's keys only; use scope 'local'",
            if scope == Scope::Both { "both" } else { "cluster" },
            args.user
        ));
    }
    Ok(Request {
        keys,
        state: args.state,
        exclusive: args.exclusive,
        allow_lockout: args.allow_lockout,
        user: args.user.clone(),
        scope,
        timeout: Duration::from_secs(timeout),
    })
}

/// The texts that hold keys, each with what to call it.
fn texts(key: Option<&Value>, files: &[(PathBuf, Vec<u8>)]) -> Result<Vec<(String, String)>, String> {
    let not_text = || "cannot use 'key': it must be a string or a list of strings".to_owned();
    match key {
        Some(Value::String(text)) => Ok(vec![("'key'".to_owned(), text.clone())]),
        Some(Value::Array(items)) => items
            .iter()
            .zip(1..)
            .map(|(item, number)| {
                let text = item.as_str().ok_or_else(not_text)?.to_owned();
                let source =
                    if items.len() == 1 { "'key'".to_owned() } else { format!("item {number} of 'key'") };
                Ok((source, text))
            })
            .collect(),
        Some(_) => Err(not_text()),
        None => Ok(files
            .iter()
            .map(|(path, content)| {
                (format!("'{}'", path.display()), String::from_utf8_lossy(content).into_owned())
            })
            .collect()),
    }
}

/// Each key once: of one that was given twice, the last comment. Options must agree.
fn once_each(keys: Vec<Given>) -> Result<Vec<Given>, String> {
    let mut once: Vec<Given> = Vec::new();
    for key in keys {
        match once.iter_mut().find(|earlier| earlier.key == key.key) {
            Some(earlier) if earlier.options != key.options => {
                return Err(format!(
                    "cannot use 'key': {} is given twice with different options",
                    key.key.fingerprint()
                ));
            }
            Some(earlier) => earlier.comment = key.comment.or(earlier.comment.take()),
            None => once.push(key),
        }
    }
    Ok(once)
}
