// SPDX-License-Identifier: GPL-3.0-or-later
//! Makes this node a member of its cluster, which it creates or joins, and says so only when the cluster does.

mod aftermath;
mod decide;
#[cfg(test)]
mod decide_tests;
mod net;
#[cfg(test)]
mod run_tests;
mod words;

use std::time::Duration;

use ansible_module::{Context, Diff, Failure, Outcome, Secret};
use host::{Command, Ending, Host, Waited, wait_until};
use locks::{Deed as Activity, Owner};
use membership::lock::{PAUSE, unlock};
use membership::probe::{self, Errand};
use membership::pvecm::{Pvecm, after, cause, claims_success};
use membership::seen::{Here, Joining, There, quoted};
use membership::verify::{self, Membership, Unconfirmed};
use membership::{authority, explain, observe};

use self::aftermath::Aftermath;
use self::decide::{Deed, Plan, Refusal};
use crate::declared::way::Way;
use crate::declared::{self, Args, Candidate, Forecast, State, Wanted, undeclared};
use crate::join;

/// All that was seen before anything was done.
struct Seen {
    here: Here,
    candidate: Candidate,
    there: There,
}

/// Whether nothing is wrong with the task itself.
pub(crate) fn is_valid(args: &Args) -> bool {
    Wanted::check(args).is_ok()
}

/// Creates the cluster, joins it, or confirms that this node is a member.
pub(crate) fn run(
    args: &Args,
    password: Option<&Secret>,
    mut misplaced: Vec<String>,
    context: &Context,
    host: &dyn Host,
) -> Result<Outcome, Failure> {
    let deed = if args.state == State::Joined { Deed::Join } else { Deed::Create };
    let checked = match Wanted::check(args) {
        Ok(wanted) if misplaced.is_empty() => Ok(wanted),
        Ok(_) => Err(misplaced),
        Err(wrong) => {
            misplaced.extend(wrong);
            Err(misplaced)
        }
    };
    let wanted = checked.map_err(|reasons| {
        Failure::new(sentence(deed, &args.cluster_name, &reasons.join("; "))).with("reasons", reasons)
    })?;
    let deadline = Duration::from_secs(wanted.timeout);
    let (plan, seen) = settle(host, &wanted, deadline, Errand::Look, !context.check_mode)?;
    let outcome = match &plan {
        Plan::Confirm => match confirm(host, &wanted, deadline)? {
            Standing::Confirmed(membership) => {
                if let Some(lost) = lost_authority(host, &wanted, &membership) {
                    let why = format!("this node is a member, but {lost}");
                    return Err(Failure::new(sentence(Deed::Confirm, &wanted.cluster_name, &why)));
                }
                // Nodes that wait behind a killed run of this one need not wait until its lock expires.
                let left = if context.check_mode || seen.here.pvecm_busy { None } else { unlock(host) };
                return Ok(left.into_iter().fold(confirmed(&membership), Outcome::warn));
            }
            Standing::Unfinished(membership) => finished(&membership),
        },
        Plan::Create(forecast) | Plan::Join(forecast) => planned(&plan, &wanted, &seen, forecast),
    };
    if !matches!(plan, Plan::Confirm)
        && let Some(armed) = rescue::against_change(host)
    {
        let failure = Failure::new(sentence(deed, &args.cluster_name, &armed));
        return Err(failure.with("reasons", [armed]));
    }
    if context.check_mode {
        return Ok(outcome);
    }
    let (outcome, done) = match &plan {
        Plan::Confirm => {
            let done = finish(host, &wanted, deadline)?;
            let mut done = as_declared(host, &wanted, Deed::Confirm, done)?;
            done.warnings.extend(unlock(host));
            (outcome, done)
        }
        Plan::Create(_) => (outcome, carry_out(host, &plan, &wanted, None, &seen, deadline)?),
        Plan::Join(_) => join_cluster(host, &wanted, password, deadline)?,
    };
    let mut outcome = report(outcome, &done.membership).with("pvecm", &done.pvecm);
    if let Plan::Join(_) = plan {
        outcome = outcome.msg(joins(&wanted.cluster_name, done.membership.nodeid));
    }
    if let Some(backup) = explain::backup(&done.pvecm.stdout) {
        outcome = outcome.with("backup", backup);
    }
    Ok(done.warnings.into_iter().fold(outcome, Outcome::warn))
}

/// Looks and decides. While every reason against it may pass by itself, it looks again: for a quarter of the time, or,
/// while another join is known to be under way, for half of it. `acts` lets it take locks of dead runs away.
fn settle(
    host: &dyn Host,
    wanted: &Wanted,
    deadline: Duration,
    errand: Errand,
    acts: bool,
) -> Result<(Plan, Seen), Failure> {
    let began = host.elapsed();
    let short = began + (deadline / 4).min(Duration::from_secs(30));
    let outcome = wait_until(host, began.max(deadline / 2), PAUSE, || {
        let seen = match see(host, wanted, errand) {
            Ok(seen) => seen,
            Err(failure) => return Ok(Err(failure)),
        };
        let joining = seen.there.peer().map(|peer| &peer.joining);
        let (mine, another) = (joining == Some(&Joining::ThisNode), joining.is_some_and(Joining::is_another));
        let refusal = match decide::plan(wanted, &seen.here, &seen.candidate, &seen.there) {
            Ok(plan) => return Ok(Ok((plan, seen))),
            Err(refusal) => refusal,
        };
        // A look does not offer another node's lock for removal.
        let stale = errand == Errand::Look && another;
        // What a killed run began goes on as long as its pvecm is at work: so does its lock.
        if acts && ((mine && !seen.here.pvecm_busy) || stale) {
            release(host, wanted);
        }
        // A reservation is what was seen at its time: only this node itself changes.
        let waits = wanted.way.is_ssh() || seen.here.pvecm_busy;
        let patient = seen.here.pvecm_busy || another;
        let enough = !waits || (host.elapsed() >= short && !patient);
        if refusal.is_passing() && !enough {
            return Err(refusal);
        }
        let waited = if refusal.is_passing() { host.elapsed().saturating_sub(began) } else { Duration::ZERO };
        Ok(Err(refused(wanted, &refusal, waited)))
    });
    match outcome {
        Waited::Done(decided) => decided,
        Waited::Pending(refusal) => Err(refused(wanted, &refusal, host.elapsed().saturating_sub(began))),
    }
}

/// Locks the cluster for this node, looks once more, and joins.
fn join_cluster(
    host: &dyn Host,
    wanted: &Wanted,
    password: Option<&Secret>,
    deadline: Duration,
) -> Result<(Outcome, Done), Failure> {
    let keep = if wanted.timeout > locks::LIFE.as_secs() { wanted.timeout } else { 0 };
    let (plan, seen) = settle(host, wanted, deadline, Errand::Claim { keep }, true)?;
    let done = match &plan {
        Plan::Join(forecast) => carry_out(host, &plan, wanted, password, &seen, deadline)
            .map(|done| (planned(&plan, wanted, &seen, forecast), done)),
        // Another run was faster, here, between the two looks.
        Plan::Confirm | Plan::Create(_) => {
            let why = "another run has joined this node meanwhile: run this task again";
            Err(Failure::new(sentence(Deed::Join, &wanted.cluster_name, why)))
        }
    };
    match done {
        Ok((outcome, mut done)) => {
            done.warnings.extend(unlock(host));
            Ok((outcome, done))
        }
        Err(failure) => {
            release(host, wanted);
            Err(failure)
        }
    }
}

/// Unlocks the cluster after a join that did not come about. A reservation is released where it was made.
fn release(host: &dyn Host, wanted: &Wanted) {
    if let (Way::Ssh, Some(target), Ok(me)) =
        (&wanted.way, &wanted.cluster_node, Owner::this(host, Activity::Join))
    {
        probe::release(host, target, &me);
    }
}

fn see(host: &dyn Host, wanted: &Wanted, errand: Errand) -> Result<Seen, Failure> {
    let here = observe::here(host).map_err(|error| Failure::new(error.to_string()))?;
    let candidate = if here.view.is_standalone() {
        declared::look(host, wanted).map_err(|error| Failure::new(error.to_string()))?
    } else {
        Candidate::default()
    };
    let there = match &wanted.cluster_node {
        Some(target) if decide::asks_cluster_node(wanted, &here.view) => match &wanted.way {
            Way::Ssh => match Owner::this(host, Activity::Join) {
                Ok(me) => probe::ask(host, target, errand, &me),
                Err(error) => return Err(Failure::new(error.to_string())),
            },
            Way::Api { reservation, .. } => {
                let locks = errand != Errand::Look;
                join::there(reservation.as_deref(), &here.view.node, locks, host.unix_time())
            }
        },
        _ => There::NotAsked,
    };
    Ok(Seen { here, candidate, there })
}

/// `cannot join cluster 'prod': ..`
fn sentence(deed: Deed, cluster_name: &str, why: &str) -> String {
    let verb = match deed {
        Deed::Create => "create cluster",
        Deed::Join => "join cluster",
        Deed::Confirm => "confirm membership of cluster",
    };
    format!("cannot {verb} '{cluster_name}': {why}")
}

fn refused(wanted: &Wanted, refusal: &Refusal, waited: Duration) -> Failure {
    let reasons: Vec<&str> = refusal.reasons.iter().map(|reason| reason.text.as_str()).collect();
    let mut why = reasons.join("; ");
    if waited >= Duration::from_secs(1) {
        why.push_str(&format!(" (for {} s)", waited.as_secs()));
    }
    Failure::new(sentence(refusal.deed, &wanted.cluster_name, &why)).with("reasons", reasons)
}

/// The answer before anything is done: check mode gives it, and a success has the same values.
fn planned(plan: &Plan, wanted: &Wanted, seen: &Seen, forecast: &Forecast) -> Outcome {
    let name = &wanted.cluster_name;
    let msg = match plan {
        Plan::Join(_) => joins(name, forecast.nodeid),
        Plan::Create(_) | Plan::Confirm => format!("cluster '{name}' is created on this node"),
    };
    let mut after = format!("cluster: {name}\nnodeid: {}\n", forecast.nodeid);
    for (number, link) in &wanted.links {
        after.push_str(&format!("link {number}: {}\n", link.address));
    }
    let diff = Diff::of_file("cluster membership", "cluster: none\n", after);
    let members: Vec<&String> = forecast.members.iter().collect();
    let mut outcome = Outcome::changed()
        .msg(msg)
        .diff(diff)
        .with("cluster_name", name)
        .with("nodeid", forecast.nodeid)
        .with("members", members)
        .with("quorate", true)
        .with("config_version", forecast.config_version);
    for warning in decide::warnings(wanted, &seen.candidate, &seen.there) {
        outcome = outcome.warn(warning);
    }
    outcome
}

fn joins(cluster_name: &str, nodeid: u32) -> String {
    format!("this node joins cluster '{cluster_name}' as nodeid {nodeid}")
}

/// Puts a confirmed membership into an answer.
fn report(outcome: Outcome, membership: &Membership) -> Outcome {
    let mut members: Vec<String> = membership.members.iter().map(|id| membership.conf.name_of(*id)).collect();
    members.sort();
    let missing: Vec<&str> = membership
        .conf
        .nodes
        .iter()
        .filter(|(id, _)| !membership.members.contains(id))
        .map(|(_, node)| node.name.as_str())
        .collect();
    let outcome = outcome
        .with("cluster_name", &membership.conf.cluster_name)
        .with("nodeid", membership.nodeid)
        .with("members", members)
        .with("quorate", true)
        .with("config_version", membership.conf.config_version);
    if missing.is_empty() { outcome } else { outcome.warn(format!("not online: {}", quoted(missing))) }
}

/// How a node that is a member by its own files stands.
enum Standing {
    /// The cluster confirms it.
    Confirmed(Membership),
    /// The cluster would, but the join was interrupted before its last steps; this is what they lead to.
    Unfinished(Membership),
}

/// A node that is a member by its own files: waits until the cluster says so too.
fn confirm(host: &dyn Host, wanted: &Wanted, deadline: Duration) -> Result<Standing, Failure> {
    let name = &wanted.cluster_name;
    // While another pvecm is at work here, it is its job to finish.
    let unfinished =
        |left: &Unconfirmed| left.is_unfinished() && !left.here.as_ref().is_some_and(|here| here.pvecm_busy);
    let left = match verify::wait(host, name, deadline, false, unfinished) {
        Ok(membership) => return Ok(Standing::Confirmed(membership)),
        Err(left) => left,
    };
    let here = left.here.as_ref().filter(|_| unfinished(&left));
    if let Some(membership) = here.and_then(|here| verify::with_certificate(name, here)) {
        return Ok(Standing::Unfinished(membership));
    }
    let why = format!("{}{}", after(host.elapsed()), left.words());
    Err(Left::see(host, wanted, left.here).failure(wanted, Deed::Confirm, &why))
}

fn confirmed(membership: &Membership) -> Outcome {
    let msg =
        format!("this node is nodeid {} of cluster '{}'", membership.nodeid, membership.conf.cluster_name);
    report(Outcome::unchanged().msg(msg), membership)
}

fn finished(membership: &Membership) -> Outcome {
    let (nodeid, name) = (membership.nodeid, &membership.conf.cluster_name);
    let msg = format!("the interrupted join of this node to cluster '{name}' as nodeid {nodeid} is finished");
    let diff = Diff::of_file("node certificate", "none\n", "made\n");
    report(Outcome::changed().msg(msg).diff(diff), membership)
}

/// Makes up for the last steps of an interrupted join, with the command that pvecm has for them: the node's files and
/// certificate, its ssh key among the cluster's; then the two services that serve the certificate.
fn finish(host: &dyn Host, wanted: &Wanted, deadline: Duration) -> Result<Done, Failure> {
    let name = &wanted.cluster_name;
    let patience = deadline.saturating_sub(host.elapsed()).max(Duration::from_secs(1));
    let here = observe::here(host)
        .map_err(|error| Failure::new(sentence(Deed::Confirm, name, &error.to_string())))?;
    let mut command = Command::new("pvecm").arg("updatecerts").timeout(patience);
    if here.certificate && !here.certificate_key {
        // By itself pvecm would make a new key beside the certificate of the lost one.
        command = command.arg("--force");
    }
    let output = host
        .run(&command)
        .map_err(|error| Failure::new(sentence(Deed::Confirm, name, &error.to_string())))?;
    let restart = Command::new("systemctl").args(["restart", "pveproxy", "pvedaemon"]);
    let restarted = host.run(&restart).is_ok_and(|output| output.exited_zero());
    let pvecm = Pvecm::of(&command, &output);
    match verify::wait(host, name, deadline, true, Unconfirmed::is_unfinished) {
        Ok(membership) => {
            let warning = "pveproxy and pvedaemon could not be restarted".to_owned();
            Ok(Done { membership, pvecm, warnings: if restarted { Vec::new() } else { vec![warning] } })
        }
        Err(left) => {
            let why = format!(
                "{} after '{}', which said: {}",
                left.words(),
                command.line(),
                explain::failure(&output.stdout, &output.stderr)
            );
            let failure = Left::see(host, wanted, left.here).failure(wanted, Deed::Confirm, &why);
            Err(failure.with("pvecm", pvecm).after_change())
        }
    }
}

/// A plan that was carried out and confirmed.
struct Done {
    membership: Membership,
    pvecm: Pvecm,
    warnings: Vec<String>,
}

/// Runs pvecm and waits until the cluster confirms what it did.
fn carry_out(
    host: &dyn Host,
    plan: &Plan,
    wanted: &Wanted,
    password: Option<&Secret>,
    seen: &Seen,
    deadline: Duration,
) -> Result<Done, Failure> {
    let deed = if matches!(plan, Plan::Join(_)) { Deed::Join } else { Deed::Create };
    // What is left after pvecm was stopped is for seeing what it left behind.
    let aside = (deadline / 10).clamp(Duration::from_secs(1), Duration::from_secs(10));
    let patience = deadline.saturating_sub(host.elapsed() + aside).max(Duration::from_secs(1));
    let mut command = decide::command(plan, wanted, patience);
    if let (Way::Api { .. }, Some(password)) = (&wanted.way, password) {
        command = command.stdin(format!("{}\n", password.reveal()));
    }
    let output = host
        .run(&command)
        .map_err(|error| Failure::new(sentence(deed, &wanted.cluster_name, &error.to_string())))?;
    let pvecm = Pvecm::of(&command, &output);
    let claims = claims_success(deed == Deed::Join, &output);
    // What pvecm says is not what counts; but once it has given up there is nothing to wait for.
    let until = if claims { deadline } else { Duration::ZERO };
    let unconfirmed =
        match verify::wait(host, &wanted.cluster_name, until, true, |left| claims && left.is_unfinished()) {
            Ok(membership) if output.ending != Ending::TimedOut => {
                return as_declared(host, wanted, deed, Done { membership, pvecm, warnings: Vec::new() });
            }
            Ok(_) => Unconfirmed { missing: Vec::new(), here: None },
            // Its pmxcfs met another only when pvecm had made all, and took what that one had.
            Err(unconfirmed) if claims && unconfirmed.is_unfinished() => {
                return finish(host, wanted, deadline).and_then(|done| as_declared(host, wanted, deed, done));
            }
            Err(unconfirmed) => unconfirmed,
        };
    let why = cause(&output, patience, claims.then(|| (host.elapsed(), unconfirmed.words())));
    let left = Left::see(host, wanted, unconfirmed.here);
    let changed = explain::progress(&output.stdout).is_some() || left.changed_since(seen);
    let failure = left.failure(wanted, deed, &why).with("pvecm", &pvecm);
    let failure = match explain::backup(&pvecm.stdout) {
        Some(backup) => failure.with("backup", backup),
        None => failure,
    };
    Err(if changed { failure.after_change() } else { failure })
}

/// A confirmed membership is a success only with the links, nodeid and votes that were declared, and with the authority that the
/// other members' certificates are of.
fn as_declared(host: &dyn Host, wanted: &Wanted, deed: Deed, done: Done) -> Result<Done, Failure> {
    let Membership { conf, nodeid, .. } = &done.membership;
    let reasons = undeclared(wanted, conf, *nodeid);
    let reasons: Vec<&str> = reasons.iter().map(|reason| reason.text.as_str()).collect();
    let why = match lost_authority(host, wanted, &done.membership) {
        _ if !reasons.is_empty() => {
            format!("this node is a member now, but not as declared: {}", reasons.join("; "))
        }
        Some(lost) => format!("this node is a member now, but {lost}"),
        None => return Ok(done),
    };
    Err(Failure::new(sentence(deed, &wanted.cluster_name, &why)).with("pvecm", &done.pvecm).after_change())
}

/// What to say when the join of this node has cost the cluster its authority.
fn lost_authority(host: &dyn Host, wanted: &Wanted, membership: &Membership) -> Option<String> {
    let Membership { conf, nodeid, .. } = membership;
    let joined = wanted.state == State::Joined;
    joined.then(|| authority::lost(host, conf, &conf.name_of(*nodeid))).flatten()
}

/// What a failure left behind.
struct Left {
    here: Result<Here, String>,
    there: There,
}

impl Left {
    /// Looks at this node, unless it was just looked at, and at the cluster.
    fn see(host: &dyn Host, wanted: &Wanted, here: Option<Here>) -> Self {
        let here = match here {
            Some(here) => Ok(here),
            None => observe::here(host).map_err(|error| error.to_string()),
        };
        let me = Owner::this(host, Activity::Join).ok();
        let there = match (&wanted.cluster_node, &wanted.way, me) {
            (Some(target), Way::Ssh, Some(me)) => probe::ask(host, target, Errand::Look, &me),
            // Root on this node cannot look at a cluster that it did not join; its reservation tells how it was.
            _ => There::NotAsked,
        };
        Self { here, there }
    }

    /// Whether this node or the cluster is no longer as it was before.
    fn changed_since(&self, seen: &Seen) -> bool {
        let name = &seen.here.view.node;
        let listed = aftermath::lists(&self.there, name) && !aftermath::lists(&seen.there, name);
        listed || !self.here.as_ref().is_ok_and(|here| here.view.is_standalone())
    }

    fn failure(&self, wanted: &Wanted, deed: Deed, why: &str) -> Failure {
        let after = match &self.here {
            Ok(here) => aftermath::aftermath(wanted, here, &self.there),
            Err(error) => Aftermath {
                node_state: format!("unknown ({error})"),
                cluster_state: None,
                remedy: "run this task again".to_owned(),
            },
        };
        let mut text = format!("{why}. This node: {}.", after.node_state);
        if let Some(cluster) = &after.cluster_state {
            text.push_str(&format!(" The cluster: {cluster}."));
        }
        text.push_str(&format!(" What to do: {}", after.remedy));
        let failure = Failure::new(sentence(deed, &wanted.cluster_name, &text))
            .with("node_state", after.node_state)
            .with("remedy", after.remedy);
        match after.cluster_state {
            Some(cluster) => failure.with("cluster_state", cluster),
            None => failure,
        }
    }
}
