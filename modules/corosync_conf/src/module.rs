// SPDX-License-Identifier: GPL-3.0-or-later
//! From the task to the answer: look, decide, act, look again, and take back what did not work.

use std::time::Duration;

use ansible_module::{Context, Diff, Failure, Outcome};
use cluster_state::corosync_check;
use cluster_state::corosync_conf::CLUSTER;
use corosync_document::{Document, Place};
use host::{Host, Waited, wait_until};
use locks::{COROSYNC_CONF, Deed, Lock, NoLock};
use serde_json::{Value, json};

use crate::args::{Args, State};
use crate::guard::Guard;
use crate::plan::{self, Change, Member, Plan, Work};
use crate::restart_record::RestartRecord;
use crate::settings::Wanted;
use crate::{apply, backup, export, observe, releases, returned, verify};

/// How long a change by someone else may take to reach every node before that is a reason against ours.
const SETTLE: Duration = Duration::from_secs(10);
/// How long it may take to arm high availability that an earlier run has left disarmed, with the wait for the lock.
const LEFT: Duration = Duration::from_secs(270);
/// The pause between two looks at such a cluster.
const PAUSE: Duration = Duration::from_millis(250);
/// How long the lock may be held by someone else; PVE's own programs wait as long.
const LOCKED: Duration = Duration::from_secs(10);

/// Does what the task asks.
pub(crate) fn run(args: Args, context: &Context, host: &dyn Host) -> Result<Outcome, Failure> {
    let wanted = Wanted::check(&args).map_err(refused)?;
    if args.state == State::Returned {
        return returned::run(args.content.as_deref().unwrap_or_default(), &wanted, context, host);
    }
    let work = match settle(host, &wanted)? {
        Plan::Nothing(confirmed) => {
            let outcome = with_members(Outcome::unchanged(), &confirmed.members, confirmed.version);
            let outcome = outcome.with("offline", &confirmed.away).with("nodes", &confirmed.nodes);
            let outcome = outcome.with("restart_needed", &confirmed.waiting);
            let outcome = outcome.with("unconfirmed", &confirmed.unconfirmed);
            let mut outcome = outcome.with("ha_armed", confirmed.ha_left.is_some());
            if confirmed.ha_left.is_some() {
                outcome.changed = true;
                if !context.check_mode {
                    arm_what_is_left(host)?;
                }
            }
            let outcome = outcome.with("changes", json!([])).with("config", export::config(&confirmed.file));
            return Ok(confirmed.warnings.into_iter().fold(outcome, Outcome::warn));
        }
        Plan::Change(work) => work,
    };
    let mut reasons = releases::refusals(host, &work.changes, &work.own);
    for step in &work.steps {
        if let Some(reason) = corosync_check::refusal(host, &step.after.to_bytes())? {
            reasons.push(format!("corosync would not start from the changed file: {reason}"));
            break;
        }
    }
    if !reasons.is_empty() {
        return Err(refused(reasons));
    }
    if wanted.validate_only {
        let outcome = Outcome::unchanged().diff(diff(&work)).with("changes", &work.changes);
        let outcome = outcome.with("config", export::config(&work.after));
        return Ok(work.warnings.iter().fold(outcome, |outcome, warning| outcome.warn(warning)));
    }
    let copy = backup::path(host.unix_time(), work.before.config_version().unwrap_or(0));
    let outcome = planned(&work, &copy);
    if context.check_mode {
        return Ok(outcome);
    }
    let left = carry_out(host, &wanted, &work, &copy).map_err(|failure| with_nodes(host, failure))?;
    Ok(left.into_iter().fold(outcome, Outcome::warn))
}

/// Arms high availability that an earlier run has left disarmed.
fn arm_what_is_left(host: &dyn Host) -> Result<(), Failure> {
    let deadline = host.elapsed() + LEFT;
    rescue::ha::arm_what_is_left(host, deadline)
        .map(drop)
        .map_err(|reason| refused(vec![format!("{reason}; {}", rescue::ha::REMEDY)]))
}

/// A failure after a change, with how the nodes stand now, as far as this one can tell.
fn with_nodes(host: &dyn Host, failure: Failure) -> Failure {
    if !failure.changed {
        return failure;
    }
    match observe::seen(host).map(|seen| plan::nodes_now(&seen)) {
        Ok(nodes) => failure.with("nodes", nodes),
        Err(_) => failure,
    }
}

/// Looks and decides. While the only reason against it is a change on its way to the nodes, it looks again.
fn settle(host: &dyn Host, wanted: &Wanted) -> Result<Plan, Failure> {
    let until = host.elapsed() + SETTLE.min(wanted.timeout);
    let decided = wait_until(host, until, PAUSE, || match observe::seen(host) {
        Ok(seen) => match plan::plan(wanted, &seen) {
            Ok(plan) => Ok(Ok(plan)),
            Err(refusal) if refusal.passing => Err(refusal),
            Err(refusal) => Ok(Err(refused(refusal.reasons))),
        },
        Err(error) => Ok(Err(Failure::new(format!("cannot change '{CLUSTER}': {error}")))),
    });
    match decided {
        Waited::Done(decided) => decided,
        // what has not passed by now is no change on its way, and may be healed
        Waited::Pending(_) => {
            let firm = Wanted { persistent: true, ..wanted.clone() };
            let seen = observe::seen(host)
                .map_err(|error| Failure::new(format!("cannot change '{CLUSTER}': {error}")))?;
            plan::plan(&firm, &seen).map_err(|refusal| refused(refusal.reasons))
        }
    }
}

/// Makes the change under the lock. Answers with what was left behind, if anything.
fn carry_out(host: &dyn Host, wanted: &Wanted, work: &Work, copy: &str) -> Result<Vec<String>, Failure> {
    let lock = Lock::take(host, COROSYNC_CONF, Deed::Change, host.elapsed() + LOCKED.min(wanted.timeout))
        .map_err(|why| refused(vec![no_lock(why)]))?;
    let done = guarded(host, wanted, work, copy, &lock);
    let left = lock.release(host).err();
    let left = left.map(|error| {
        format!("the lock '{}' stays for up to 120 s: {error}", locks::path(COROSYNC_CONF).display())
    });
    match (done, left) {
        (Ok(warnings), left) => Ok(warnings.into_iter().chain(left).collect()),
        (Err(failure), None) => Err(failure),
        (Err(mut failure), Some(left)) => {
            failure.warnings.push(left);
            Err(failure)
        }
    }
}

/// Makes the change while what was put on guard stands by. Answers with what a person should know.
fn guarded(
    host: &dyn Host,
    wanted: &Wanted,
    work: &Work,
    copy: &str,
    lock: &Lock,
) -> Result<Vec<String>, Failure> {
    // the lock outlives every wait, so that nobody else can get it before it is given up
    let tick = || lock.renew(host);
    let mut guard = Guard::raise(host, wanted, work, &tick).map_err(|reason| refused(vec![reason]))?;
    let done = under_lock(host, wanted, work, copy, lock, &guard);
    let well = match &done {
        Ok(()) => true,
        Err(failure) => !failure.changed || failure.data.get("rolled_back") == Some(&Value::Bool(true)),
    };
    let left = guard.lower(host, well, &tick);
    match done {
        Ok(()) if left.is_empty() => Ok(guard.warnings),
        // the change is in use, and still the cluster is not as it was
        Ok(()) => Err(Failure::new(format!(
            "cannot end the change of '{CLUSTER}', which is in use: {}",
            left.join("; ")
        ))
        .after_change()
        .with("reasons", left)
        .with("rolled_back", false)
        .with("config_version", work.version)
        .with("backup", copy)),
        Err(mut failure) => {
            failure.warnings.extend(guard.warnings);
            failure.warnings.extend(left);
            Err(failure)
        }
    }
}

fn no_lock(why: NoLock) -> String {
    let (lock, by) = (locks::path(COROSYNC_CONF), why.by());
    match why {
        NoLock::Held(_) => format!(
            "another program is changing the cluster{by}: it has held the lock '{}' all the time; try again when it is done",
            lock.display()
        ),
        NoLock::ReadOnly => "this node is no longer quorate, so /etc/pve is read-only".to_owned(),
        NoLock::Host(error) => error.to_string(),
    }
}

fn under_lock(
    host: &dyn Host,
    wanted: &Wanted,
    work: &Work,
    copy: &str,
    lock: &Lock,
    guard: &Guard,
) -> Result<(), Failure> {
    backup::write(host, copy, &work.before.to_bytes())
        .map_err(|error| refused(vec![format!("no backup could be made: {error}")]))?;
    let record = RestartRecord::make(host, work)
        .map_err(|error| refused(vec![format!("what waits for a restart could not be noted: {error}")]))?;
    for (done, step) in work.steps.iter().enumerate() {
        let (written, missing) = match apply::write(host, step, lock, &|| guard.against_write(host, step)) {
            Ok(()) => match bring_into_use(host, wanted, step, lock) {
                Ok(()) => continue,
                Err(missing) => (done + 1, missing),
            },
            Err(reason) if done == 0 => {
                let mut failure = refused(vec![reason]).with("backup", copy);
                failure.warnings.extend(record.put_back(host));
                return Err(failure);
            }
            Err(reason) => (done, vec![reason]),
        };
        let steps = work.steps.get(..written).unwrap_or_default();
        let undone = take_back(host, wanted, steps, lock);
        let left = if undone.is_ok() { record.put_back(host) } else { None };
        let mut failure = failed(wanted, work, steps, missing, &undone, copy);
        failure.warnings.extend(left);
        return Err(failure);
    }
    Ok(())
}

/// Tells what did not come true, and what became of what was begun.
fn failed(
    wanted: &Wanted,
    work: &Work,
    steps: &[Change],
    missing: Vec<String>,
    undone: &Result<u64, Stuck>,
    copy: &str,
) -> Failure {
    let seconds = wanted.timeout.as_secs();
    let reason = format!("within {seconds} s the change was not in use everywhere: {}", missing.join("; "));
    let written = steps.last().map_or(0, |step| step.version);
    let (msg, rolled_back, version) = match undone {
        Ok(version) => {
            let msg = format!(
                "{reason}; the change was undone: all nodes run the old settings again, under config_version {version}"
            );
            (msg, true, *version)
        }
        Err(Stuck { left, version }) => {
            let msg = format!(
                "{reason}; and it could not be undone: {left}; the old file is '{copy}' on this node: give it a \
                 config_version above {} before it is put back",
                written.max(*version)
            );
            (msg, false, written.max(*version))
        }
    };
    let remedy = if work.behind.is_empty() {
        String::new()
    } else {
        format!(
            "; '{}' was behind already: see that the service 'pve-cluster' runs there, which copies the file, and that its \
             disk is not full, and run the task again",
            work.behind.join("', '")
        )
    };
    Failure::new(format!("cannot change '{CLUSTER}': {msg}{remedy}"))
        .after_change()
        .with("reasons", missing)
        .with("rolled_back", rolled_back)
        .with("config_version", version)
        .with("backup", copy)
}

/// Waits until every node runs the change. Answers with what is missing when the time is over.
fn bring_into_use(host: &dyn Host, wanted: &Wanted, change: &Change, lock: &Lock) -> Result<(), Vec<String>> {
    let deadline = host.elapsed() + wanted.timeout;
    verify::verify(host, change, lock, deadline)?;
    if !plan::retimes_links(change) {
        return Ok(());
    }
    apply::reload(host).map_err(|reason| vec![reason])?;
    verify::verify(host, change, lock, deadline)
}

/// An undoing that came to a halt.
struct Stuck {
    left: String,
    /// The highest version that may have been written.
    version: u64,
}

/// Takes the steps back, the last one first, each verified like a step forward: a link that was recreated has to be
/// removed before it can have its old addresses.
fn take_back(host: &dyn Host, wanted: &Wanted, steps: &[Change], lock: &Lock) -> Result<u64, Stuck> {
    let Some(last) = steps.last() else { return Ok(0) };
    let mut now = last.after.clone();
    let mut version = last.version;
    for step in steps.iter().rev() {
        let back = plan::reversed(step, &now)
            .ok_or_else(|| Stuck { left: "its config_version cannot be raised".to_owned(), version })?;
        version = back.version;
        apply::write(host, &back, lock, &|| None).map_err(|left| Stuck { left, version })?;
        bring_into_use(host, wanted, &back, lock).map_err(|missing| Stuck {
            left: format!("the old text is back in place, but {}", missing.join("; ")),
            version,
        })?;
        now = back.after;
    }
    Ok(version)
}

fn refused(reasons: Vec<String>) -> Failure {
    Failure::new(format!("cannot change '{CLUSTER}': {}", reasons.join("; "))).with("reasons", reasons)
}

fn diff(work: &Work) -> Diff {
    Diff::of_file(CLUSTER, shown(&work.before), shown(&work.after))
}

fn planned(work: &Work, copy: &str) -> Outcome {
    let outcome = with_members(Outcome::changed(), &work.members, work.version)
        .diff(diff(work))
        .with("config", export::config(&work.after))
        .with("changes", &work.changes)
        .with("offline", &work.away)
        .with("healed", &work.healed)
        .with("nodes", &work.nodes)
        .with("restart_needed", &work.waiting)
        .with("ha_disarmed", work.disarm)
        .with("intended", work.intended())
        .with("steps", work.steps.len())
        .with("backup", copy);
    work.warnings.iter().fold(outcome, |outcome, warning| outcome.warn(warning))
}

fn with_members(outcome: Outcome, members: &[Member], version: u64) -> Outcome {
    let member =
        |member: &Member| json!({"name": member.name, "nodeid": member.nodeid, "config_version": version});
    let members: Vec<Value> = members.iter().map(member).collect();
    outcome.with("config_version", version).with("members", members)
}

/// The text for people: without the key that an old file may hold.
pub(crate) fn shown(document: &Document) -> String {
    let totem = Place::section("totem");
    let mut shown = document.clone();
    if shown.value(&totem, "key").is_some() && shown.set(&totem, "key", "********").is_err() {
        shown.remove(&totem, "key");
    }
    shown.to_text()
}
