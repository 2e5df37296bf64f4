// SPDX-License-Identifier: GPL-3.0-or-later
//! From the task to the answer: look, decide, record, act, look again.

use std::time::Duration;

use ansible_module::{Context, Diff, Failure, Outcome};
use cluster_state::pmxcfs::Mount;
use host::{Command, Ending, Host, Waited, wait_until};

use crate::args::Args;
use crate::observe;
use crate::plan::{self, Plan};

const PAUSE: Duration = Duration::from_millis(250);

/// Does what the task asks.
pub(crate) fn run(args: Args, context: &Context, host: &dyn Host) -> Result<Outcome, Failure> {
    let seen = observe::seen(host).map_err(|error| failure(&args, &error.to_string()))?;
    let addresses: Vec<String> = plan::addresses(&args, &seen).into_keys().collect();
    let answering = observe::answering(host, &addresses).map_err(|why| failure(&args, &why))?;
    let plan = plan::plan(&args, &seen, &answering)
        .map_err(|reasons| failure(&args, &reasons.join("; ")).with("reasons", reasons))?;
    if plan.votes.is_some()
        && let Some(armed) = rescue::against_change(host)
    {
        return Err(failure(&args, &armed).with("reasons", [armed]));
    }
    let outcome = outcome(&args, &plan);
    let Some(votes) = plan.votes.filter(|_| !context.check_mode) else { return Ok(outcome) };

    let name = &args.cluster_name;
    let record = format!(
        "expected votes of cluster '{name}' are set from {} to {votes}, with {} of them here; taken to be off: {}",
        plan.before,
        plan.total,
        plan.missing.join(", ")
    );
    // The record comes first: what cannot be recorded is not done.
    let logger = Command::new("logger").args(["-t", "pve.cluster", "-p", "daemon.warning", "--", &record]);
    let logged = host.run(&logger).map_err(|error| failure(&args, &error.to_string()))?;
    if !logged.exited_zero() {
        return Err(failure(&args, "it could not be recorded in the journal").with_command(&logger, &logged));
    }
    let limit = Duration::from_secs(u64::try_from(args.timeout).unwrap_or(60));
    let command = Command::new("pvecm").args(["expected".to_owned(), votes.to_string()]).timeout(limit);
    let output = host.run(&command).map_err(|error| failure(&args, &error.to_string()))?;
    let waited = wait_until(
        host,
        if output.ending == Ending::Exited(0) { limit } else { host.elapsed() },
        PAUSE,
        || missing(host, &args, votes),
    );
    match waited {
        Waited::Done(()) => Ok(outcome),
        Waited::Pending((missing, changed)) => {
            let words = output.stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("nothing");
            let why = format!("pvecm ended with {} and said: {words}; now {missing}", output.rc());
            let failure = failure(&args, &why).with_command(&command, &output);
            Err(if changed { failure.after_change() } else { failure })
        }
    }
}

/// What is missing before the node counts as quorate, and whether anything has changed.
fn missing(host: &dyn Host, args: &Args, votes: u32) -> Result<(), (String, bool)> {
    let seen = observe::seen(host).map_err(|error| (error.to_string(), true))?;
    let (_, running) = plan::member(args, &seen).map_err(|reasons| (reasons.join("; "), true))?;
    let quorum = &running.quorum;
    if quorum.expected_votes != votes {
        return Err((format!("{} votes are expected, not {votes}", quorum.expected_votes), false));
    }
    if !quorum.quorate {
        return Err((format!("it is not quorate with {} of {votes} votes", quorum.total_votes), true));
    }
    if seen.mount != Mount::Writable {
        return Err(("it is quorate, but '/etc/pve' is read-only".to_owned(), true));
    }
    Ok(())
}

fn failure(args: &Args, why: &str) -> Failure {
    Failure::new(format!("cannot make what is left of cluster '{}' quorate: {why}", args.cluster_name))
}

/// The answer, in check mode and after it was done.
fn outcome(args: &Args, plan: &Plan) -> Outcome {
    let name = &args.cluster_name;
    let Some(votes) = plan.votes else {
        return Outcome::unchanged()
            .msg(format!(
                "cluster '{name}' is quorate with {} of {} votes: there is nothing to do",
                plan.total, plan.before
            ))
            .with("cluster_name", name)
            .with("expected_votes", plan.before)
            .with("expected_votes_before", plan.before)
            .with("total_votes", plan.total)
            .with("offline_nodes", &plan.missing);
    };
    let missing = format!("'{}'", plan.missing.join("', '"));
    let outcome = plan.warnings.iter().fold(Outcome::changed(), |outcome, warning| outcome.warn(warning));
    outcome
        .msg(format!("cluster '{name}' is quorate here with {} of {votes} expected votes, which were {}", plan.total, plan.before))
        .diff(Diff::of_file("expected votes", format!("{}\n", plan.before), format!("{votes}\n")))
        .with("cluster_name", name)
        .with("expected_votes", votes)
        .with("expected_votes_before", plan.before)
        .with("total_votes", plan.total)
        .with("offline_nodes", &plan.missing)
        .warn(format!(
            "EMERGENCY: cluster '{name}' now works with {} of its {} votes, because {missing} were taken to be off. That no sign of them was seen \
             is all that is known. Should one of them run after all, apart from this side, both sides write and start guests, and data \
             is lost",
            plan.total, plan.before
        ))
        .warn(format!(
            "it ends by itself: as nodes come back, corosync counts them again, until all {} votes are expected as before. Whatever does not come \
             back is to be removed from the cluster (cluster-remove-node)",
            plan.before
        ))
}
