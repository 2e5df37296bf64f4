// SPDX-License-Identifier: GPL-3.0-or-later
//! Makes this node a member of no cluster, with its guests, users and storages, and ready to join another one.

mod args;
mod clean;
mod decide;
#[cfg(test)]
mod decide_tests;
#[cfg(test)]
pub(crate) mod fake;
mod kept;
mod look;
#[cfg(test)]
mod run_tests;
mod seen;
mod separate;
mod words;

use std::path::{Path, PathBuf};
use std::time::Duration;

use ansible_module::{Context, Diff, Failure, Outcome};
use cluster_state::pmxcfs::Mount;
use host::{Host, Waited, wait_until};
use locks::{Deed, Lock, Owner};
use membership::database_copy;
use membership::leaving::{self, Record};
use membership::lock::{self, AGAIN as REMEDY, NotTaken};
use membership::reason::Reason;

pub(crate) use self::args::Args;
use self::args::Wanted;
use self::decide::Plan;
use self::kept::Kept;
use self::seen::Seen;

/// The pause between two looks at a node that is busy.
const PAUSE: Duration = Duration::from_millis(250);
/// How often what comes back by itself is taken away.
const ROUNDS: usize = 3;

/// Does what the task asks.
pub(crate) fn run(
    args: &Args,
    misplaced: Vec<String>,
    context: &Context,
    host: &dyn Host,
) -> Result<Outcome, Failure> {
    let wanted = Wanted::check(args, misplaced).map_err(|reasons| refused(args, &reasons))?;
    let deadline = host.elapsed() + Duration::from_secs(wanted.timeout);
    let (seen, plan) = settle(host, args, &wanted, deadline)?;
    // a node that is half-way out is no member any more, whatever its rescue was armed for
    if !plan.is_empty()
        && !plan.resumes
        && let Some(armed) = rescue::against_change(host)
    {
        return Err(refused(args, &[armed]));
    }
    if context.check_mode {
        return Ok(outcome(&wanted, &plan, &[]));
    }
    if plan.is_empty() {
        return Ok(without_lock(host, outcome(&wanted, &plan, &[])));
    }
    let done = if takes_lock(&wanted, &seen, &plan) {
        let lock = lock(host, args, &seen, deadline)?;
        // Once more, now that no other node leaves: those who stay are counted.
        let done = settle(host, args, &wanted, deadline)
            .and_then(|(seen, plan)| carry_out(host, args, &wanted, &seen, &plan, Some(&lock), deadline));
        if done.is_err() {
            // Half-way out there may be nothing to give it up in: it then expires, or is taken over when this node is gone.
            let _ = lock.release(host);
        }
        done
    } else {
        carry_out(host, args, &wanted, &seen, &plan, None, deadline)
    }?;
    Ok(without_lock(host, done))
}

/// Removes the copy of the lock that this node took along, of this run or of one that was killed. In the cluster the lock is over as
/// soon as this node is no member.
fn without_lock(host: &dyn Host, done: Outcome) -> Outcome {
    let left = Owner::this(host, Deed::Leave)
        .and_then(|me| locks::release_own(host, locks::MEMBERSHIP, |owner| owner.is_mine(host, &me)));
    match left {
        Ok(_) => done,
        Err(error) => done.warn(error.to_string()),
    }
}

/// Whether the others must be kept from changing the membership meanwhile: by force a whole cluster is taken apart, and a node
/// without quorum is none that the others count.
fn takes_lock(wanted: &Wanted, seen: &Seen, plan: &Plan) -> bool {
    let view = &seen.here.view;
    let counted = view.corosync.as_ref().is_some_and(|running| running.quorate);
    plan.separates
        && !plan.resumes
        && !wanted.force
        && !plan.others.is_empty()
        && counted
        && view.mount == Mount::Writable
}

/// Takes the lock that all take who change the membership.
fn lock(host: &dyn Host, args: &Args, seen: &Seen, deadline: Duration) -> Result<Lock, Failure> {
    let until = host.elapsed() + deadline.saturating_sub(host.elapsed()) / 2;
    let left = |owner: &Owner| has_left_by_now(host, seen, owner);
    lock::take(host, Deed::Leave, until, deadline, left).map_err(|why| match why {
        NotTaken::Refused(reason) => refused(args, &[reason.text]),
        NotTaken::Failed(why) => failure(args, &why),
    })
}

/// Whether another node that was leaving has left: it was seen as a member, or not, when this run began.
fn has_left_by_now(host: &dyn Host, seen: &Seen, owner: &Owner) -> bool {
    owner.deed == Deed::Leave
        && membership::observe::here(host)
            .map_or_else(|_| seen.here.view.has_left(owner), |here| here.view.has_left(owner))
}

/// Leaves, and removes what is left of the cluster.
fn carry_out(
    host: &dyn Host,
    args: &Args,
    wanted: &Wanted,
    seen: &Seen,
    plan: &Plan,
    lock: Option<&Lock>,
    deadline: Duration,
) -> Result<Outcome, Failure> {
    let words = |why: String| failure(args, &why);
    let before = if seen.here.view.is_mounted() {
        kept::read(host, &seen.here.view.node).map_err(|error| words(error.to_string()))?
    } else {
        Kept::new()
    };
    let backup = prepare(host, wanted, seen, plan).map_err(words)?;
    let told = |failure: Failure| failure.with("backup", backup.to_string_lossy()).after_change();
    if let Some(lock) = lock {
        lock::certain(host, lock).map_err(words)?;
    }
    if plan.separates
        && let Err(stopped) = separate::separate(host, seen, plan, &backup, deadline)
    {
        let end = if stopped.undone { "this node is in the cluster as before" } else { REMEDY };
        return Err(told(failure(args, &format!("{}; {end}", stopped.why))));
    }
    let (cleaned, guests) = clean_all(host, wanted, plan, &backup, deadline)
        .map_err(|why| told(failure(args, &format!("{why}; {REMEDY}"))))?;
    verify(host, &before, deadline).map_err(|why| told(failure(args, &why)))?;
    leaving::remove(host).map_err(|error| told(failure(args, &format!("{error}; {REMEDY}"))))?;
    // A run that takes up another one may see them only now.
    let plan = Plan { guests, ..plan.clone() };
    Ok(outcome(wanted, &plan, &cleaned).with("backup", backup.to_string_lossy()))
}

/// Makes the copies and the record. Returns where the copies are.
fn prepare(host: &dyn Host, wanted: &Wanted, seen: &Seen, plan: &Plan) -> Result<PathBuf, String> {
    let known = seen.record.as_ref().filter(|_| plan.resumes).map(|record| PathBuf::from(&record.backup));
    let backup = match known {
        Some(backup) => backup,
        None => database_copy::write(host, &format!("left-{}", wanted.cluster_name))?,
    };
    clean::copies(host, &plan.leftovers, &backup).map_err(|error| error.to_string())?;
    if plan.separates && !plan.resumes {
        let record = Record {
            cluster_name: wanted.cluster_name.clone(),
            backup: backup.to_string_lossy().into_owned(),
            nodes: plan.others.clone(),
        };
        leaving::write(host, &record).map_err(|error| error.to_string())?;
    }
    Ok(backup)
}

/// Takes away what is left now, and again what came meanwhile. Returns where something was besides what was planned, and the
/// numbers of this node's guests.
fn clean_all(
    host: &dyn Host,
    wanted: &Wanted,
    planned: &Plan,
    backup: &Path,
    deadline: Duration,
) -> Result<(Vec<String>, Vec<u32>), String> {
    let mut cleaned = Vec::new();
    for _ in 0..ROUNDS {
        let seen = look::see(host)?;
        let now = decide::afterwards(wanted, &seen, planned)?;
        if now.is_empty() {
            return Ok((cleaned, seen.own_guests()));
        }
        cleaned.extend(now.places().into_iter().filter(|place| !planned.leftovers.places().contains(place)));
        clean::copies(host, &now, backup).map_err(|error| error.to_string())?;
        clean::clean(host, &seen, &now, &planned.others, deadline)?;
    }
    Err(format!("something came back each time in {}", cleaned.join(", ")))
}

/// Waits until this node is standalone and is writable, and sees that it has what is its own.
fn verify(host: &dyn Host, before: &Kept, deadline: Duration) -> Result<(), String> {
    let waited = wait_until(host, deadline, PAUSE, || {
        let here = membership::observe::here(host).map_err(|error| error.to_string())?;
        if !here.view.is_standalone() {
            return Err(format!("'/etc/pve' of this node is not that of a standalone node; {REMEDY}"));
        }
        if here.view.mount != Mount::Writable {
            return Err(format!("'/etc/pve' is read-only; {REMEDY}"));
        }
        if here.view.corosync.is_some() {
            return Err(format!("corosync still runs on this node; {REMEDY}"));
        }
        kept::read(host, &here.view.node).map_err(|error| error.to_string())
    });
    let after = match waited {
        Waited::Done(after) => after,
        Waited::Pending(why) => return Err(why),
    };
    let lost = kept::lost(before, &after);
    if lost.is_empty() {
        return Ok(());
    }
    Err(format!(
        "this node has left, but not everything is as it was before ({}): compare it with the copy of the database",
        lost.join(", ")
    ))
}

/// Looks and decides. While every reason against it may pass by itself, it looks again, for a quarter of the time.
fn settle(
    host: &dyn Host,
    args: &Args,
    wanted: &Wanted,
    deadline: Duration,
) -> Result<(Seen, Plan), Failure> {
    let left = deadline.saturating_sub(host.elapsed());
    let short = host.elapsed() + (left / 4).min(Duration::from_secs(30));
    let waited = wait_until(host, host.elapsed() + left / 2, PAUSE, || {
        let seen = match look::see(host) {
            Ok(seen) => seen,
            Err(why) => return Ok(Err(failure(args, &why))),
        };
        match decide::plan(wanted, &seen) {
            Ok(plan) => Ok(Ok((seen, plan))),
            // Others that leave or join are waited for longer.
            Err(reasons)
                if ansible_module::reason::all_pass(&reasons)
                    && (seen.joining.is_another() || host.elapsed() < short) =>
            {
                Err(reasons)
            }
            Err(reasons) => Ok(Err(refused(args, &texts(&reasons)))),
        }
    });
    match waited {
        Waited::Done(decided) => decided,
        Waited::Pending(reasons) => Err(refused(args, &texts(&reasons))),
    }
}

/// The answer, in check mode and after it was done.
fn outcome(wanted: &Wanted, plan: &Plan, more: &[String]) -> Outcome {
    let name = &wanted.cluster_name;
    let (outcome, msg) = if plan.separates || plan.resumes {
        (Outcome::changed(), format!("this node has left cluster '{name}' and is standalone"))
    } else if plan.is_empty() {
        (Outcome::unchanged(), "this node is standalone, and nothing of a cluster is left on it".to_owned())
    } else {
        (Outcome::changed(), "what was left of a cluster on this standalone node is removed".to_owned())
    };
    let mut cleaned = plan.leftovers.places();
    cleaned.extend_from_slice(more);
    let mut outcome = outcome
        .msg(msg)
        .with("cluster_name", name)
        .with("leaves", plan.separates || plan.resumes)
        .with("guests", &plan.guests)
        .with("cleaned", &cleaned);
    if plan.separates {
        outcome = outcome.diff(Diff::of_file(
            "cluster membership",
            format!("cluster: {name}\n"),
            "cluster: none\n",
        ));
    }
    if !cleaned.is_empty() {
        let lines: String = cleaned.iter().map(|place| format!("{place}\n")).collect();
        outcome = outcome.diff(Diff::of_file("left of the cluster", lines, ""));
    }
    plan.warnings.iter().fold(outcome, Outcome::warn)
}

fn texts(reasons: &[Reason]) -> Vec<String> {
    reasons.iter().map(|reason| reason.text.clone()).collect()
}

fn failure(args: &Args, why: &str) -> Failure {
    Failure::new(format!("cannot leave cluster '{}': {why}", args.cluster_name))
}

fn refused(args: &Args, reasons: &[String]) -> Failure {
    failure(args, &reasons.join("; ")).with("reasons", reasons)
}
