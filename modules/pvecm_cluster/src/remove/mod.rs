// SPDX-License-Identifier: GPL-3.0-or-later
//! Removes another node from the cluster that this node is a member of, with all that `pvecm delnode` leaves behind.

mod args;
mod backup;
mod clean;
mod commands;
mod decide;
#[cfg(test)]
mod decide_tests;
#[cfg(test)]
mod entangled_tests;
#[cfg(test)]
mod fake;
mod lists;
#[cfg(test)]
mod lists_tests;
mod look;
mod reach;
#[cfg(test)]
mod run_tests;
mod seen;
mod words;

use std::time::Duration;

use ansible_module::{Context, Diff, Failure, Outcome};
use cluster_state::pmxcfs::Mount;
use host::{Command, Ending, Host, Waited, is_there, wait_until};
use locks::{COROSYNC_CONF, Deed, Lock, NoLock, Owner};
use membership::files::{AUTHORIZED_KEYS, KNOWN_HOSTS};
use membership::keys::Stopped;
use membership::lock::{self, AGAIN as REMEDY, NotTaken, unlock};
use membership::pvecm::Pvecm;
use membership::reason::Reason;
use membership::seen::{Here, spread};
use membership::{explain, verify};

pub(crate) use self::args::Args;
use self::args::Wanted;
use self::decide::Plan;
use self::look::{directory, see};
use self::seen::Seen;

/// The pause between two looks: a look takes about 0.1 s itself.
const PAUSE: Duration = Duration::from_millis(250);
/// How often what comes back by itself, such as a key that PVE merged just then, is taken away.
const ROUNDS: usize = 3;

/// Does what the task asks.
pub(crate) fn run(
    args: &Args,
    misplaced: Vec<String>,
    context: &Context,
    host: &dyn Host,
) -> Result<Outcome, Failure> {
    let wanted = Wanted::check(args, misplaced).map_err(|reasons| refused(args, &reasons, Duration::ZERO))?;
    let deadline = Duration::from_secs(wanted.timeout);
    let (seen, plan) = settle(host, args, &wanted, deadline, context.check_mode)?;
    if plan.listed
        && let Some(armed) = rescue::against_change(host)
    {
        return Err(refused(args, &[armed], Duration::ZERO));
    }
    if context.check_mode || plan.is_empty() {
        let left = if context.check_mode || seen.here.pvecm_busy { None } else { unlock(host) };
        return Ok(left.into_iter().fold(outcome(&wanted, &plan), Outcome::warn));
    }
    let lock = lock(host, args, &seen, deadline)?;
    let done = locked(host, args, &wanted, &lock, deadline);
    let left = lock.release(host).err().map(|error| error.to_string());
    match done {
        Ok(outcome) => Ok(left.into_iter().fold(outcome, Outcome::warn)),
        Err(mut failure) => {
            failure.warnings.extend(left);
            Err(failure)
        }
    }
}

/// All of it, while no other node joins.
fn locked(
    host: &dyn Host,
    args: &Args,
    wanted: &Wanted,
    lock: &Lock,
    deadline: Duration,
) -> Result<Outcome, Failure> {
    // Once more, now that nobody else begins anything.
    let (seen, plan) = settle(host, args, wanted, deadline, false)?;
    let mut outcome = outcome(wanted, &plan);
    let mut copied = None;
    if plan.listed {
        // What PVE may refuse comes first: afterwards there would be no way back.
        refusable(host, args, wanted, (&seen, &plan), lock, &mut copied, deadline)?;
        let deleted = unlocked(host, args, deadline)
            .and_then(|()| certain(host, args, lock))
            .and_then(|()| delete(host, args, wanted, &seen, deadline));
        outcome = outcome.with("pvecm", deleted.map_err(|failure| told(failure, false, copied.as_deref()))?);
    }
    let mut rest = if plan.listed { again(host, args, wanted, true)? } else { (seen, plan.clone()) };
    for _ in 0..ROUNDS {
        if !rest.1.cleans() {
            break;
        }
        rest = clean_once(host, args, wanted, &rest, lock, &mut copied, deadline)
            .map_err(|failure| told(failure, plan.listed, copied.as_deref()))?;
    }
    if !rest.1.is_empty() {
        let why = format!("{} came back each time: {REMEDY}", what_is_left(wanted, &rest.1));
        return Err(told(failure(args, &why), true, copied.as_deref()));
    }
    Ok(match copied {
        Some(path) => outcome.with("backup", path),
        None => outcome,
    })
}

/// A failure after the first step, with where the copies are.
fn told(failure: Failure, changed: bool, copied: Option<&str>) -> Failure {
    let failure = match copied {
        Some(path) => failure.with("backup", path),
        None => failure,
    };
    if changed { failure.after_change() } else { failure }
}

fn again(host: &dyn Host, args: &Args, wanted: &Wanted, changed: bool) -> Result<(Seen, Plan), Failure> {
    let told = |why: String| told(failure(args, &format!("{why}: {REMEDY}")), changed, None);
    let seen = see(host, wanted).map_err(|error| told(error.to_string()))?;
    let plan = decide::plan(wanted, &seen).map_err(|reasons| told(texts(&reasons).join("; ")))?;
    Ok((seen, plan))
}

/// Copies what is left of the node, takes it away and looks again.
fn clean_once(
    host: &dyn Host,
    args: &Args,
    wanted: &Wanted,
    (seen, plan): &(Seen, Plan),
    lock: &Lock,
    copied: &mut Option<String>,
    deadline: Duration,
) -> Result<(Seen, Plan), Failure> {
    let left = what_is_left(wanted, plan);
    let stopped = |why: String| failure(args, &format!("{left} cannot be removed: {why}; {REMEDY}"));
    let path = backup::write(host, &wanted.node, plan).map_err(|error| stopped(error.to_string()))?;
    // The first copy is the one with everything in it.
    copied.get_or_insert(path);
    let cleaned = clean::clean(host, wanted, seen, plan, lock, deadline);
    let Err(why) = cleaned else { return again(host, args, wanted, true) };
    // What is left is what is still there now, not what was planned.
    let left = again(host, args, wanted, true).map_or(left, |(_, plan)| what_is_left(wanted, &plan));
    let why: Vec<String> = why.iter().map(Stopped::words).collect();
    Err(failure(args, &format!("{left} cannot be removed: {}; {REMEDY}", why.join("; "))).after_change())
}

/// Takes the node out of the lists of high availability, which PVE refuses for reasons of its own (a rule that contradicts another
/// one). When one of them is refused, those before it are put back, and the node stays.
fn refusable(
    host: &dyn Host,
    args: &Args,
    wanted: &Wanted,
    (seen, plan): (&Seen, &Plan),
    lock: &Lock,
    copied: &mut Option<String>,
    deadline: Duration,
) -> Result<(), Failure> {
    if plan.lists.is_empty() {
        return Ok(());
    }
    let path = backup::write(host, &wanted.node, plan).map_err(|error| failure(args, &error.to_string()))?;
    *copied = Some(path);
    let mut done = Vec::new();
    for list in &plan.lists {
        let shortened = certain(host, args, lock).and_then(|()| {
            commands::shorten(host, wanted, seen, list, deadline).map_err(|stopped| {
                failure(args, &format!("{}: the node is still in the cluster", stopped.words()))
            })
        });
        match shortened {
            Ok(changed) => done.extend(changed.then_some(list)),
            Err(failure) => {
                let kept: Vec<String> = done
                    .iter()
                    .rev()
                    .filter_map(|list| commands::lengthen(host, wanted, list, deadline).err())
                    .collect();
                let changed = !kept.is_empty();
                let mut failure = told(failure, changed, copied.as_deref());
                failure.warnings.extend(kept);
                return Err(failure);
            }
        }
    }
    Ok(())
}

/// Whether the lock still is this run's.
fn certain(host: &dyn Host, args: &Args, lock: &Lock) -> Result<(), Failure> {
    lock::certain(host, lock).map_err(|why| failure(args, &why))
}

/// Looks and decides. While every reason against it may pass by itself, it looks again, for a quarter of the time.
fn settle(
    host: &dyn Host,
    args: &Args,
    wanted: &Wanted,
    deadline: Duration,
    check_mode: bool,
) -> Result<(Seen, Plan), Failure> {
    let began = host.elapsed();
    let until = began + (deadline / 4).min(Duration::from_secs(30));
    let waited = wait_until(host, until, PAUSE, || {
        let seen = match see(host, wanted) {
            Ok(seen) => seen,
            Err(error) => return Ok(Err(failure(args, &error.to_string()))),
        };
        let reasons = match decide::plan(wanted, &seen) {
            Ok(plan) => return Ok(Ok((seen, plan))),
            Err(reasons) => reasons,
        };
        if ansible_module::reason::all_pass(&reasons) {
            if seen.joining.is_another() && !check_mode {
                // Asks pmxcfs to remove it if its holder has died.
                let _ = host.set_times(&locks::path(locks::MEMBERSHIP), 0);
            }
            return Err(reasons);
        }
        Ok(Err(refused(args, &texts(&reasons), Duration::ZERO)))
    });
    match waited {
        Waited::Done(decided) => decided,
        Waited::Pending(reasons) => {
            Err(refused(args, &texts(&reasons), host.elapsed().saturating_sub(began)))
        }
    }
}

/// Takes the lock that all take who change the membership, and has it renewed while pvecm is at work.
fn lock(host: &dyn Host, args: &Args, seen: &Seen, deadline: Duration) -> Result<Lock, Failure> {
    let until = host.elapsed() + (deadline / 4).min(Duration::from_secs(30));
    let left = |owner: &Owner| seen.here.view.has_left(owner);
    lock::take(host, Deed::Removal, until, deadline, left).map_err(|why| match why {
        NotTaken::Refused(reason) => refused(args, &[reason.text], Duration::ZERO),
        NotTaken::Failed(why) => failure(args, &why),
    })
}

/// `pvecm delnode`, and the wait until the cluster itself says that the node is gone.
/// Waits for the lock of corosync.conf where there is one, for half of the time that is left. pvecm waits 10 s for it and gives up, and a run that
/// was killed leaves it for 120 s; what is left of a dead run of this node is taken over at once.
fn unlocked(host: &dyn Host, args: &Args, deadline: Duration) -> Result<(), Failure> {
    let there =
        is_there(host, &locks::path(COROSYNC_CONF)).map_err(|error| failure(args, &error.to_string()))?;
    if !there {
        return Ok(());
    }
    let until = host.elapsed() + deadline.saturating_sub(host.elapsed()) / 2;
    let lock = Lock::take(host, COROSYNC_CONF, Deed::Removal, until).map_err(|why| match why {
        NoLock::Held(_) => {
            let (path, by) = (locks::path(COROSYNC_CONF), why.by());
            failure(
                args,
                &format!(
                    "'{}' is another program's all the time{by}, and expires 120 s after that has died; {REMEDY}",
                    path.display()
                ),
            )
        }
        NoLock::ReadOnly => failure(args, &format!("'/etc/pve' is read-only on this node; {REMEDY}")),
        NoLock::Host(error) => failure(args, &format!("{error}; {REMEDY}")),
    })?;
    lock.release(host).map_err(|error| failure(args, &format!("{error}; {REMEDY}")))
}

fn delete(
    host: &dyn Host,
    args: &Args,
    wanted: &Wanted,
    before: &Seen,
    deadline: Duration,
) -> Result<Pvecm, Failure> {
    let node = &wanted.node;
    let nodeid = before.here.view.conf.conf().and_then(|conf| conf.node(node)).map_or(0, |(id, _)| id);
    let aside = (deadline / 10).clamp(Duration::from_secs(1), Duration::from_secs(10));
    let patience = deadline.saturating_sub(host.elapsed() + aside).max(Duration::from_secs(1));
    let command = Command::new("pvecm").args(["delnode", node]).timeout(patience);
    let output = host.run(&command).map_err(|error| failure(args, &error.to_string()))?;
    let pvecm = Pvecm::of(&command, &output);
    let said = if output.ending == Ending::TimedOut {
        format!("pvecm had not ended after {} s and was stopped", patience.as_secs())
    } else {
        // That it cannot kill a node that is off is as it should be.
        let stderr: String =
            output.stderr.lines().filter(|line| !line.contains("CS_ERR_NOT_EXIST")).collect();
        format!("pvecm said: {}", explain::failure("", &stderr))
    };
    // The file is the cluster's word, and pvecm has given up on it when it still lists the node.
    // What is missing, and whether the cluster has changed all the same.
    let waited = wait_until(host, deadline, PAUSE, || match membership::observe::here(host) {
        Ok(here) if lists(&here, node) => Ok((vec![format!("the cluster still lists it ({said})")], false)),
        Ok(here) => match missing(&here, node, nodeid) {
            // A corosync that has given up is started by a person, not by waiting.
            missing if missing.is_empty() || verify::is_hopeless(&here) => Ok((missing, true)),
            missing => Err(missing),
        },
        // Files come and go while corosync.conf is renamed.
        Err(error) => Err(vec![error.to_string()]),
    });
    let (missing, changed) = match waited {
        Waited::Done(done) => done,
        Waited::Pending(missing) => (missing, true),
    };
    if missing.is_empty() {
        return Ok(pvecm);
    }
    let left = decide::plan(wanted, before).map(|plan| what_is_left(wanted, &plan)).unwrap_or_default();
    let why = if changed {
        format!(
            "the cluster no longer lists it, but after {} s {}. {left} is still there: {REMEDY}",
            host.elapsed().as_secs(),
            missing.join("; ")
        )
    } else {
        missing.join("; ")
    };
    let failure = failure(args, &why).with("pvecm", pvecm);
    Err(if changed { failure.after_change() } else { failure })
}

fn lists(here: &Here, node: &str) -> bool {
    here.view.conf.conf().is_some_and(|conf| conf.node(node).is_some())
}

/// What a cluster without the node still lacks, as this member sees it and, by their running config_version, all others.
fn missing(here: &Here, node: &str, nodeid: u32) -> Vec<String> {
    let view = &here.view;
    let mut missing = Vec::new();
    let Some(conf) = view.conf.conf() else {
        return vec!["'/etc/pve/corosync.conf' cannot be read".to_owned()];
    };
    match &view.corosync {
        None => missing.push(format!("corosync is not running on this node ({})", here.corosync_service)),
        Some(running) => {
            if running.versions.contains_key(&nodeid) {
                missing.push(format!("corosync still counts nodeid {nodeid} among its members"));
            }
            if running.versions.values().any(|version| *version != conf.config_version) {
                let (file, runs) = (conf.config_version, spread(conf, running));
                missing.push(format!("corosync runs config_version {runs} where the file has {file}"));
            }
            if !running.quorate {
                let (votes, expected) = (running.votes, running.expected_votes);
                missing.push(format!("this node is not quorate ({votes} of {expected} votes)"));
            }
        }
    }
    if view.members.as_ref().is_none_or(|members| members.nodelist.contains_key(node)) {
        missing.push("pmxcfs still knows it as a node".to_owned());
    }
    if view.mount != Mount::Writable {
        missing.push("'/etc/pve' is read-only on this node".to_owned());
    }
    missing
}

/// What there still is of the node besides the nodelist, in words.
fn what_is_left(wanted: &Wanted, plan: &Plan) -> String {
    let left = cleaned(wanted, plan);
    if left.is_empty() {
        "nothing else".to_owned()
    } else {
        format!("what is left of it ({})", left.join(", "))
    }
}

/// The places in which something is to be cleaned.
fn cleaned(wanted: &Wanted, plan: &Plan) -> Vec<String> {
    let places = [
        (directory(&wanted.node).to_string_lossy().into_owned(), plan.directory.is_some()),
        (AUTHORIZED_KEYS.to_owned(), plan.authorized_keys.is_some()),
        (KNOWN_HOSTS.to_owned(), plan.known_hosts.is_some()),
    ];
    let places = places.into_iter().filter(|(_, is_there)| *is_there).map(|(place, _)| place);
    places.chain(plan.files.iter().map(|(path, _)| path.clone())).collect()
}

/// The answer, in check mode and after it was done.
fn outcome(wanted: &Wanted, plan: &Plan) -> Outcome {
    let (node, cluster) = (&wanted.node, &wanted.cluster_name);
    let (outcome, msg) = if plan.listed {
        (
            Outcome::changed(),
            format!("node '{node}' is removed from cluster '{cluster}', and nothing of it is left"),
        )
    } else if plan.cleans() {
        (Outcome::changed(), format!("what was left of node '{node}' in cluster '{cluster}' is removed"))
    } else {
        let msg = format!("node '{node}' is not in cluster '{cluster}', and nothing of it is left there");
        (Outcome::unchanged(), msg)
    };
    let mut outcome = outcome
        .msg(msg)
        .with("cluster_name", cluster)
        .with("members", &plan.members)
        .with("quorate", true)
        .with("config_version", plan.config_version)
        .with("cleaned", cleaned(wanted, plan));
    for diff in diffs(wanted, plan) {
        outcome = outcome.diff(diff);
    }
    plan.warnings.iter().fold(outcome, Outcome::warn)
}

fn diffs(wanted: &Wanted, plan: &Plan) -> Vec<Diff> {
    let mut diffs = Vec::new();
    if plan.listed {
        let lines = |keep: &dyn Fn(&&String) -> bool| -> String {
            plan.nodes.iter().filter(keep).map(|name| format!("{name}\n")).collect()
        };
        diffs.push(Diff::of_file("nodelist", lines(&|_| true), lines(&|name| **name != wanted.node)));
    }
    if let Some(entries) = &plan.directory {
        let path = directory(&wanted.node).to_string_lossy().into_owned();
        let names = entries.iter().map(|entry| format!("{path}/{}\n", entry.path));
        let before: String = std::iter::once(format!("{path}\n")).chain(names).collect();
        diffs.push(Diff::of_file(&path, before, ""));
    }
    let keys = [(AUTHORIZED_KEYS, &plan.authorized_keys), (KNOWN_HOSTS, &plan.known_hosts)];
    let keys = keys.into_iter().filter_map(|(path, edit)| Some((path, edit.as_ref()?)));
    let others = plan.files.iter().map(|(path, edit)| (path.as_str(), edit));
    for (path, edit) in keys.chain(others) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        diffs.push(Diff::of_file(path, text(&edit.before), text(&edit.after)));
    }
    diffs
}

fn texts(reasons: &[Reason]) -> Vec<String> {
    reasons.iter().map(|reason| reason.text.clone()).collect()
}

fn failure(args: &Args, why: &str) -> Failure {
    Failure::new(format!("cannot remove node '{}' from cluster '{}': {why}", args.node, args.cluster_name))
}

fn refused(args: &Args, reasons: &[String], waited: Duration) -> Failure {
    let mut why = reasons.join("; ");
    if waited >= Duration::from_secs(1) {
        why.push_str(&format!(" (for {} s)", waited.as_secs()));
    }
    failure(args, &why).with("reasons", reasons)
}
