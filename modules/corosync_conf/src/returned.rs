// SPDX-License-Identifier: GPL-3.0-or-later
//! A node that comes back after the cluster's file has changed, or whose own copy was broken.
//!
//! corosync ends as soon as it meets members that run a higher config_version than its own file has, and without corosync
//! pmxcfs never gets the new file. Only another node has it, so the task brings it.

use std::path::Path;
use std::time::Duration;

use ansible_module::{Context, Diff, Failure, Outcome};
use cluster_state::corosync_conf::{CLUSTER, LOCAL};
use cluster_state::pmxcfs::Mount;
use cluster_state::{cmap, corosync_check, corosync_conf, pmxcfs};
use corosync_document::{Document, disagreements};
use host::{Attributes, Command, Host, Waited, replace_file, wait_until};
use serde_json::json;

use crate::backup;
use crate::module::shown;
use crate::settings::Wanted;

/// How long systemd may take to answer.
const SERVICE: Duration = Duration::from_secs(90);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// What is known of the node.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) quorate: bool,
    /// /etc/pve is there.
    pub(crate) mounted: bool,
    /// The cluster's file as this node's pmxcfs has it.
    pub(crate) cluster: Option<Document>,
    /// The copy that corosync starts from.
    pub(crate) local: Option<Document>,
    /// The version that corosync runs; none when it does not run.
    pub(crate) runs: Option<u64>,
}

/// What is to be done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cure {
    pub(crate) write: bool,
    pub(crate) restart: bool,
}

/// Brings this node back with the file that the others have.
pub(crate) fn run(
    content: &str,
    wanted: &Wanted,
    context: &Context,
    host: &dyn Host,
) -> Result<Outcome, Failure> {
    let failed = |reasons: Vec<String>| {
        Failure::new(format!("cannot bring this node back: {}", reasons.join("; "))).with("reasons", reasons)
    };
    let node = look(host)?;
    let text = Document::parse(content.as_bytes());
    let cure = decide(&text, &node).map_err(failed)?;
    let version = text.config_version().unwrap_or(0);
    let nothing = Outcome::unchanged().with("config_version", version);
    let Some(cure) = cure else { return Ok(nothing) };
    if let Some(reason) = corosync_check::refusal(host, &text.to_bytes())? {
        return Err(failed(vec![format!("corosync would not start from 'content': {reason}")]));
    }
    let old = node.local.as_ref();
    let copy = backup::path(host.unix_time(), old.and_then(Document::config_version).unwrap_or(0));
    let mut outcome = Outcome::changed()
        .with("config_version", version)
        .with("restarted", cure.restart)
        .diff(Diff::of_file(LOCAL, old.map(shown).unwrap_or_default(), shown(&text)));
    if cure.write && old.is_some() {
        outcome = outcome.with("backup", &copy);
    }
    if context.check_mode {
        return Ok(outcome);
    }
    if cure.write {
        if let Some(old) = old {
            backup::write(host, &copy, &old.to_bytes())?;
        }
        let attributes = Attributes::Exactly { mode: 0o644, uid: 0, gid: 0 };
        replace_file(host, Path::new(LOCAL), &text.to_bytes(), attributes)?;
    }
    if cure.restart {
        restart(host).map_err(|reason| failed(vec![reason]).after_change())?;
    }
    await_cluster(host, version, wanted.timeout).map_err(|missing| {
        let reason = format!("after {} s {}", wanted.timeout.as_secs(), missing.join("; "));
        failed(vec![reason]).after_change().with("config_version", json!(version))
    })?;
    Ok(outcome)
}

/// Whether anything is to be done; none when the node is as it should be.
pub(crate) fn decide(text: &Document, node: &Node) -> Result<Option<Cure>, Vec<String>> {
    let mut reasons: Vec<String> =
        disagreements(text).iter().map(|finding| format!("'content', {finding}")).collect();
    let version = text.config_version().unwrap_or(0);
    if version == 0 {
        reasons.push("'content' has no 'config_version' that is a number above 0".to_owned());
    }
    if !text.nodes().iter().any(|known| known.name == node.name) {
        reasons.push(format!(
            "'content' does not list this node, '{}': it is no member of that cluster",
            node.name
        ));
    }
    if !node.mounted {
        reasons.push("/etc/pve is not mounted: start the service 'pve-cluster' on this node".to_owned());
    }
    // the cluster's own file is there without quorum too, and its name never changes
    let own = node.cluster.as_ref().or(node.local.as_ref());
    match own {
        None => reasons.push("this node is standalone: it belongs to no cluster".to_owned()),
        Some(own) if own.cluster_name() != text.cluster_name() => reasons.push(format!(
            "this node belongs to cluster '{}', and 'content' is of '{}'",
            own.cluster_name().unwrap_or_default(),
            text.cluster_name().unwrap_or_default()
        )),
        Some(_) => {}
    }
    if !reasons.is_empty() {
        return Err(reasons);
    }
    let same =
        |document: &Option<Document>| document.as_ref().is_some_and(|it| it.to_bytes() == text.to_bytes());
    if node.quorate {
        if !same(&node.cluster) {
            return Err(vec![format!(
                "this node is quorate, and its '{CLUSTER}' is another text than 'content'"
            )]);
        }
        return Ok((!same(&node.local)).then_some(Cure { write: true, restart: false }));
    }
    if same(&node.local) && node.runs == Some(version) {
        return Err(vec![
            "it runs the current file and is not quorate all the same: see to its links to the others"
                .to_owned(),
        ]);
    }
    for (path, document) in [(CLUSTER, &node.cluster), (LOCAL, &node.local)] {
        let has = document.as_ref().and_then(Document::config_version).unwrap_or(0);
        if has > version {
            reasons.push(format!(
                "'{path}' on this node has config_version {has}, above the {version} of 'content': take the file from a \
                 quorate member"
            ));
        }
    }
    if reasons.is_empty() {
        Ok(Some(Cure { write: !same(&node.local), restart: true }))
    } else {
        Err(reasons)
    }
}

fn look(host: &dyn Host) -> Result<Node, Failure> {
    let mount = pmxcfs::query(host).map_err(|error| Failure::new(error.to_string()))?.mount;
    let mounted = matches!(mount, Mount::ReadOnly | Mount::Writable);
    let failure = |error: cluster_state::StateError| Failure::new(error.to_string());
    let hostname = host.hostname()?;
    Ok(Node {
        name: hostname.split('.').next().unwrap_or_default().to_owned(),
        quorate: mount == Mount::Writable,
        mounted,
        cluster: if mounted { corosync_conf::cluster(host).map_err(failure)? } else { None },
        local: corosync_conf::local(host).map_err(failure)?,
        runs: cmap::query(host).ok().and_then(|running| running.config_version()),
    })
}

fn restart(host: &dyn Host) -> Result<(), String> {
    for words in [["reset-failed", "corosync.service"], ["restart", "corosync.service"]] {
        let command = Command::new("systemctl").args(words).timeout(SERVICE);
        let output = host.run(&command).map_err(|error| error.to_string())?;
        // what has not failed has nothing to reset
        if !output.exited_zero() && words.first() == Some(&"restart") {
            let said = output.first_words().unwrap_or("nothing");
            return Err(format!("'{}' says: {said}", command.line()));
        }
    }
    Ok(())
}

/// Waits until this node is quorate, runs this version or a later one and has one text in both places.
fn await_cluster(host: &dyn Host, version: u64, timeout: Duration) -> Result<(), Vec<String>> {
    let waited = wait_until(host, host.elapsed() + timeout, PAUSE, || {
        let mut missing = Vec::new();
        match look(host) {
            Ok(node) => {
                if !node.quorate {
                    missing.push("this node is not quorate".to_owned());
                }
                match node.runs {
                    None => missing.push("corosync does not run on this node".to_owned()),
                    Some(runs) if runs < version => {
                        missing
                            .push(format!("corosync on this node runs config_version {runs}, not {version}"));
                    }
                    Some(_) => {}
                }
                if node.local.map(|it| it.to_bytes()) != node.cluster.map(|it| it.to_bytes()) {
                    missing.push(format!("'{LOCAL}' and '{CLUSTER}' differ on this node"));
                }
            }
            Err(failure) => missing.push(failure.msg),
        }
        if missing.is_empty() { Ok(()) } else { Err(missing) }
    });
    match waited {
        Waited::Done(()) => Ok(()),
        Waited::Pending(missing) => Err(missing),
    }
}
