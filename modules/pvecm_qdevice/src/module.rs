// SPDX-License-Identifier: GPL-3.0-or-later
//! From the task to the answer: look, decide, act, look again, undo.

use std::time::Duration;

use ansible_module::{Context, Diff, Failure, Outcome};
use host::{Host, Waited, wait_until};

use crate::apply::{self, Pvecm};
use crate::args::{Args, Goal, Offline, State, Wanted};
use crate::plan::{self, After, Deed, Plan};
use crate::reason::Reason;
use crate::seen::Seen;
use crate::{observe, qnetd, verify};

/// The pause between two looks: a look takes about 0.2 s itself.
const PAUSE: Duration = Duration::from_millis(250);
/// How long a cluster may take to confirm what a pvecm that failed has done all the same.
const GRACE: Duration = Duration::from_secs(15);
/// What an undoing may take.
const UNDOING: Duration = Duration::from_secs(60);

/// A run: what is asked for, where, and until when.
struct Run<'a> {
    host: &'a dyn Host,
    wanted: Wanted,
    deadline: Duration,
}

/// Does what the task asks.
pub(crate) fn run(args: Args, context: &Context, host: &dyn Host) -> Result<Outcome, Failure> {
    let wanted = match Wanted::check(&args) {
        Ok(wanted) => wanted,
        Err(reasons) => {
            let failure = Failure::new(sentence(args.state, &args.cluster_name, &reasons.join("; ")));
            return Err(failure.with("reasons", reasons));
        }
    };
    let deadline = Duration::from_secs(wanted.timeout);
    let run = Run { host, wanted, deadline };
    let (seen, plan) = run.settle(context.check_mode)?;
    if plan.deed != Deed::Nothing
        && let Some(armed) = rescue::against_change(host)
    {
        return Err(run.refused(&[ansible_module::reason::lasting(armed)], Duration::ZERO));
    }
    let outcome = run.outcome(&seen, &plan);
    if plan.deed == Deed::Nothing {
        run.confirm(&plan.after)?;
    }
    if context.check_mode || plan.deed == Deed::Nothing {
        return Ok(outcome);
    }
    Ok(match run.carry_out(&seen, &plan)? {
        Some(pvecm) => outcome.with("pvecm", pvecm),
        None => outcome,
    })
}

/// `cannot set up the QDevice of cluster 'prod': ..`
fn sentence(state: State, cluster_name: &str, why: &str) -> String {
    let verb = if state == State::Present { "set up" } else { "remove" };
    format!("cannot {verb} the QDevice of cluster '{cluster_name}': {why}")
}

impl Run<'_> {
    fn failure(&self, why: &str) -> Failure {
        let state = match self.wanted.goal {
            Goal::Present { .. } => State::Present,
            Goal::Absent { .. } => State::Absent,
        };
        Failure::new(sentence(state, &self.wanted.cluster_name, why))
    }

    fn refused(&self, reasons: &[Reason], waited: Duration) -> Failure {
        let texts: Vec<&str> = reasons.iter().map(|reason| reason.text.as_str()).collect();
        let waited = if waited < Duration::from_secs(1) {
            String::new()
        } else {
            format!(" (for {} s)", waited.as_secs())
        };
        self.failure(&format!("{}{waited}", texts.join("; "))).with("reasons", texts)
    }

    fn see(&self) -> Result<Seen, Failure> {
        observe::seen(self.host).map_err(|error| self.failure(&error.to_string()))
    }

    /// Looks and decides. While every reason against it may pass by itself, it looks again: for a quarter of the time, or,
    /// while someone else is known to be at work, for three quarters.
    fn settle(&self, check_mode: bool) -> Result<(Seen, Plan), Failure> {
        let began = self.host.elapsed();
        let short = began + (self.deadline / 4).min(Duration::from_secs(30));
        let waited = wait_until(self.host, began.max(self.deadline * 3 / 4), PAUSE, || {
            let (seen, decided) = match self.decide() {
                Ok(found) => found,
                Err(failure) => return Ok(Err(failure)),
            };
            let reasons = match decided {
                Ok(plan) => return Ok(Ok((seen, plan))),
                Err(reasons) => reasons,
            };
            if !ansible_module::reason::all_pass(&reasons) {
                return Ok(Err(self.refused(&reasons, Duration::ZERO)));
            }
            for name in seen.locks.iter().filter(|_| !check_mode) {
                // Asks pmxcfs to remove it if its holder has died.
                let _ = self.host.set_times(&locks::path(name), 0);
            }
            let others = seen.busy || !seen.locks.is_empty();
            if others || self.host.elapsed() < short {
                return Err(reasons);
            }
            Ok(Err(self.refused(&reasons, self.host.elapsed().saturating_sub(began))))
        });
        match waited {
            Waited::Done(decided) => decided,
            Waited::Pending(reasons) => {
                Err(self.refused(&reasons, self.host.elapsed().saturating_sub(began)))
            }
        }
    }

    fn decide(&self) -> Result<(Seen, Result<Plan, Vec<Reason>>), Failure> {
        let seen = self.see()?;
        let qnetd = match plan::asks_qnetd(&self.wanted, &seen) {
            Some(address) => {
                let looked = qnetd::look(self.host, address, &self.wanted.cluster_name);
                Some(looked.map_err(|error| self.failure(&error.to_string()))?)
            }
            None => None,
        };
        let decided = plan::plan(&self.wanted, &seen, qnetd.as_ref());
        Ok((seen, decided))
    }

    /// Waits until the cluster confirms it; what is missing at `until`.
    fn wait(&self, wanted: &Wanted, after: &After, until: Duration) -> Result<(), Vec<String>> {
        let waited = wait_until(self.host, until, PAUSE, || match observe::seen(self.host) {
            Ok(seen) => match verify::missing(wanted, after, &seen) {
                missing if missing.is_empty() => Ok(()),
                missing => Err(missing),
            },
            // Files come and go while corosync.conf is renamed, and so does a daemon's socket.
            Err(error) => Err(vec![error.to_string()]),
        });
        match waited {
            Waited::Done(()) => Ok(()),
            Waited::Pending(missing) => Err(missing),
        }
    }

    /// A QDevice that is in the cluster's file already, or none: does the cluster say so too?
    fn confirm(&self, after: &After) -> Result<(), Failure> {
        let until = self.host.elapsed() + (self.deadline / 4).min(Duration::from_secs(30));
        self.wait(&self.wanted, after, until).map_err(|missing| {
            let (seconds, missing) = (self.host.elapsed().as_secs(), missing.join("; "));
            let what = match &self.wanted.goal {
                Goal::Present { .. } => format!(
                    "it is in corosync.conf, but after {seconds} s {missing}. What to do: see to it that the QNetd host runs and \
                     answers on TCP 5403; if it was reinstalled, set the QDevice up again with 'cluster_qdevice_renew: true' \
                     (playbooks/cluster-qdevice.yml), or with state 'absent' and then 'present'"
                ),
                Goal::Absent { .. } => format!("it is out of corosync.conf, but after {seconds} s {missing}"),
            };
            self.failure(&what)
        })
    }

    fn carry_out(&self, seen: &Seen, plan: &Plan) -> Result<Option<Pvecm>, Failure> {
        match plan.deed {
            Deed::Nothing => Ok(None),
            Deed::SetUp { clear } => self.set_up(seen, plan, clear).map(Some),
            Deed::Start => {
                apply::start(self.host, &seen.own).map_err(|why| self.failure(&why).after_change())?;
                let waited = self.wait(&self.wanted, &plan.after, self.deadline);
                waited.map(|()| None).map_err(|missing| {
                    let why = format!("its daemon on this node was started, but {}", missing.join("; "));
                    self.failure(&why).after_change()
                })
            }
            Deed::Remove | Deed::TakeOut | Deed::Clear => self.remove(seen, plan),
        }
    }

    /// `pvecm qdevice setup`; when the cluster does not confirm it, it is taken out again.
    fn set_up(&self, seen: &Seen, plan: &Plan, clear: bool) -> Result<Pvecm, Failure> {
        if clear {
            let cleared = apply::clear(self.host, &seen.own);
            cleared.map_err(|why| {
                self.failure(&format!("what is left of another one here stays: {why}")).after_change()
            })?;
        }
        let left = self.deadline.saturating_sub(self.host.elapsed());
        let patience = (left * 3 / 4).max(Duration::from_secs(1));
        let pvecm = Pvecm::run(self.host, apply::setup(&self.wanted), patience)
            .map_err(|error| self.failure(&error.to_string()))?;
        let until =
            if pvecm.rc == 0 { self.deadline } else { self.deadline.min(self.host.elapsed() + GRACE) };
        let there =
            |seen: &Seen| plan::member(&self.wanted, seen).is_ok_and(|(conf, _)| conf.device.is_some());
        let written = observe::seen(self.host).is_ok_and(|seen| there(&seen));
        let missing = if written {
            match self.wait(&self.wanted, &plan.after, until) {
                Ok(()) => return Ok(pvecm),
                Err(missing) => format!("; after {} s {}", self.host.elapsed().as_secs(), missing.join("; ")),
            }
        } else {
            String::new()
        };
        let why = format!("pvecm ended with {} and said: {}{missing}", pvecm.rc, pvecm.words());
        let failure = match self.undo(seen) {
            Ok(()) => self.failure(&format!(
                "{why}. It was taken out again. On the other nodes, this module with state 'absent' clears what is left"
            )),
            Err(left) => {
                let text = format!(
                    "{why}. It could not be taken out again: {left}. What to do: run this module with state 'absent' on every \
                     node"
                );
                self.failure(&text).after_change()
            }
        };
        Err(failure.with("pvecm", pvecm))
    }

    /// Back to a cluster without a QDevice; what is not so afterwards.
    fn undo(&self, before: &Seen) -> Result<(), String> {
        let wanted = Wanted { goal: Goal::Absent { offline: Offline::Refuse }, ..self.wanted.clone() };
        let (conf, _) =
            plan::member(&wanted, before).map_err(|_| "this node is no member any more".to_owned())?;
        let after = After { version: conf.version, expected_votes: conf.votes(), device: None };
        let until = self.host.elapsed() + UNDOING;
        let seen = observe::seen(self.host).map_err(|error| error.to_string())?;
        let device = plan::member(&wanted, &seen).is_ok_and(|(conf, _)| conf.device.is_some());
        let mut said = String::new();
        if device {
            let pvecm =
                Pvecm::run(self.host, apply::remove(), UNDOING / 2).map_err(|error| error.to_string())?;
            said = format!(" (pvecm said: {})", pvecm.words());
        }
        let seen = observe::seen(self.host).map_err(|error| error.to_string())?;
        apply::clear(self.host, &seen.own)?;
        self.wait(&wanted, &after, until).map_err(|missing| format!("{}{said}", missing.join("; ")))
    }

    /// Takes the QDevice out of the cluster, if it has one, and what is left of it off this node.
    fn remove(&self, seen: &Seen, plan: &Plan) -> Result<Option<Pvecm>, Failure> {
        let mut pvecm = None;
        if plan.deed == Deed::Remove {
            let left = self.deadline.saturating_sub(self.host.elapsed());
            let ran = Pvecm::run(self.host, apply::remove(), (left * 3 / 4).max(Duration::from_secs(1)));
            pvecm = Some(ran.map_err(|error| self.failure(&error.to_string()))?);
        } else if let (Deed::TakeOut, Some(document)) = (&plan.deed, &seen.conf) {
            apply::take_out(self.host, document, self.deadline).map_err(|why| self.failure(&why))?;
        }
        let told = |failure: Failure| match &pvecm {
            Some(pvecm) => failure.with("pvecm", pvecm),
            None => failure,
        };
        let said = pvecm
            .as_ref()
            .map(|pvecm| format!(" (pvecm ended with {} and said: {})", pvecm.rc, pvecm.words()));
        let said = said.unwrap_or_default();
        let now = self.see().map_err(|failure| told(failure.after_change()))?;
        if plan::member(&self.wanted, &now).is_ok_and(|(conf, _)| conf.device.is_some()) {
            let why = format!("'/etc/pve/corosync.conf' still has it{said}");
            return Err(told(self.failure(&why)));
        }
        let cleared = apply::clear(self.host, &now.own);
        let cleared = cleared.map_err(|why| vec![why]);
        match cleared.and_then(|()| self.wait(&self.wanted, &plan.after, self.deadline)) {
            Ok(()) => Ok(pvecm),
            Err(missing) => {
                let why = format!(
                    "it is out of corosync.conf, but after {} s {}{said}. What to do: run this task again, on every node",
                    self.host.elapsed().as_secs(),
                    missing.join("; ")
                );
                Err(told(self.failure(&why).after_change()))
            }
        }
    }

    /// The answer, in check mode and after it was done.
    fn outcome(&self, seen: &Seen, plan: &Plan) -> Outcome {
        let (name, after) = (&self.wanted.cluster_name, &plan.after);
        let expected = after.expected_votes;
        let now = match (&self.wanted.goal, after.device) {
            (Goal::Present { address, .. }, Some(terms)) => {
                format!("QDevice '{address}' ({}, {} of {expected} votes)", terms.algorithm, terms.votes)
            }
            _ => format!("no QDevice ({expected} votes)"),
        };
        let msg = match plan.deed {
            Deed::Start => format!("this node uses the QDevice of cluster '{name}'"),
            Deed::Clear => format!("what was left of a QDevice of cluster '{name}' on this node is removed"),
            _ => format!("cluster '{name}' has {now}"),
        };
        let outcome = if plan.deed == Deed::Nothing { Outcome::unchanged() } else { Outcome::changed() };
        let mut outcome = outcome
            .msg(msg)
            .with("cluster_name", name)
            .with("algorithm", after.device.map(|terms| terms.algorithm))
            .with("votes", after.device.map(|terms| terms.votes))
            .with("expected_votes", expected)
            .with("config_version", after.version);
        if let Goal::Present { address, .. } = &self.wanted.goal {
            outcome = outcome.with("address", address);
        }
        let before = plan::member(&self.wanted, seen).ok().and_then(|(conf, _)| conf.device);
        let before = before.map_or("none".to_owned(), |device| {
            format!("'{}' ({})", device.host.unwrap_or(device.model), device.algorithm.unwrap_or_default())
        });
        if matches!(plan.deed, Deed::SetUp { .. } | Deed::Remove | Deed::TakeOut) {
            outcome = outcome.diff(Diff::of_file("QDevice", format!("{before}\n"), format!("{now}\n")));
        }
        plan.warnings.iter().fold(outcome, Outcome::warn)
    }
}
