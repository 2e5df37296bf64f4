// SPDX-License-Identifier: GPL-3.0-or-later
//! What stands by while the file is changed: this node's rescue, and high availability that fences nobody.

use std::collections::BTreeSet;
use std::time::Duration;

use host::Host;
use rescue::{NotArmed, Purpose, Rescue, ha};

use crate::plan::{Change, Member, Work};
use crate::settings::Wanted;

/// How long a rescue that is at work at this very moment is waited for.
const AT_WORK: Duration = Duration::from_secs(180);

/// What was put on guard, and has to be taken off again.
#[derive(Debug, Default)]
pub(crate) struct Guard {
    /// Seconds after which the rescue looks that was armed on this node by this run.
    rescue: Option<u64>,
    /// The nodes whose rescue must stand by at each write.
    armed: BTreeSet<String>,
    /// What stands by less than it could.
    pub(crate) warnings: Vec<String>,
}

impl Guard {
    /// Arms this node's rescue and disarms high availability, as far as the task wants it. `tick` keeps the lock.
    ///
    /// # Errors
    /// In words, when it cannot; then nothing stands by any more.
    pub(crate) fn raise(
        host: &dyn Host,
        wanted: &Wanted,
        work: &Work,
        tick: &dyn Fn(),
    ) -> Result<Self, String> {
        let mut guard = Self::default();
        guard.arm(host, wanted, work)?;
        if let Some(reason) = work.steps.iter().find_map(|step| guard.against_write(host, step)) {
            let left = guard.lower(host, true, tick);
            return Err([vec![reason], left].concat().join("; "));
        }
        let deadline = host.elapsed() + ha::PATIENCE;
        let made = if work.disarm {
            ha::disarm(host, deadline, tick)
        } else if wanted.ignore_ha && !work.guarded.is_empty() {
            ha::wait_until_renewed(host, &work.guarded, deadline, tick).map(|nodes| {
                guard.warnings.extend(nodes.iter().map(|node| waited_for(node)));
            })
        } else {
            Ok(())
        };
        if let Err(reason) = made {
            let left = guard.lower(host, true, tick);
            return Err([vec![reason], left].concat().join("; "));
        }
        Ok(guard)
    }

    fn arm(&mut self, host: &dyn Host, wanted: &Wanted, work: &Work) -> Result<(), String> {
        let before = work.before.config_version();
        let armed = rescue::armed(host).map_err(|error| error.to_string())?;
        if let Some(armed) = armed.filter(|armed| Some(armed.version) == before) {
            // whoever armed it on every node calls it off
            self.armed.extend(work.members.iter().map(|member| member.name.clone()));
            return if work.steps.iter().all(|step| armed.guards(&step.after)) {
                Ok(())
            } else {
                Err(format!(
                    "the rescue that is armed on this node by {} would not undo this change: arm it with the option 'intended' that this \
                     module returns in check mode, or call it off",
                    armed.owner
                ))
            };
        }
        if wanted.rescue == 0 {
            return Ok(());
        }
        let node = rescue::pending::own_name(host).unwrap_or_default();
        let purpose = Purpose {
            seconds: wanted.rescue,
            owner: format!("the module corosync_conf on '{node}'"),
            intended: work.intended().into_iter().collect(),
        };
        match rescue::arm(host, &purpose, true) {
            Ok(armed) => {
                self.rescue = Some(armed.seconds);
                self.armed.insert(armed.node);
            }
            Err(NotArmed::Unwell(reasons)) => self.warnings.push(format!(
                "this node would not come back by itself if the cluster lost quorum by the change: {}",
                reasons.join("; ")
            )),
            Err(NotArmed::AtWork) => {
                return Err("the rescue of an earlier change is at work on this node: 'journalctl -u \
                            pve-cluster-rescue.service' says what it does; run the task again when it is done"
                    .to_owned());
            }
            Err(NotArmed::Fired(reason) | NotArmed::Failed(reason)) => {
                return Err(format!("the rescue could not be armed: {reason}"));
            }
        }
        Ok(())
    }

    /// Why this step must not be written now: a rescue that should undo it does not stand by any more, or another run has armed one. None
    /// where all is as it should be. Only for a step forward: one back is wanted whoever guards it.
    pub(crate) fn against_write(&self, host: &dyn Host, step: &Change) -> Option<String> {
        match rescue::rescues(host) {
            Ok(rescues) => unguarded(&self.armed, &rescues, step),
            Err(error) => {
                Some(format!("whether the rescues of corosync.conf stand by is not known: {error}"))
            }
        }
    }

    /// Arms high availability again and calls the rescue off. Where the cluster is not as it was or as it should be (`well`
    /// false), the rescue stays, and does both later. Says what is left.
    pub(crate) fn lower(&mut self, host: &dyn Host, well: bool, tick: &dyn Fn()) -> Vec<String> {
        let mut left = Vec::new();
        if !well {
            if let Some(seconds) = self.rescue {
                left.push(format!(
                    "this node puts its file back by itself {seconds} s after the change was begun, if it is not quorate then or \
                     has lost a link; 'journalctl -u pve-cluster-rescue.service' says what it does"
                ));
            }
            if ha::left(host).is_ok_and(|who| who.is_some()) {
                left.push(format!("high availability stays disarmed meanwhile; {}", ha::REMEDY));
            }
            return left;
        }
        // also what an earlier run has left
        if let Err(reason) = ha::arm(host, host.elapsed() + ha::PATIENCE, tick) {
            left.push(format!("{reason}; {}", ha::REMEDY));
            // the rescue arms it when this run is gone
            return left;
        }
        if self.rescue.is_some() {
            match rescue::call_off(host, host.elapsed() + AT_WORK, None) {
                Ok(_) => {}
                Err(NotArmed::AtWork) => left.push("the rescue is at work on this node".to_owned()),
                Err(NotArmed::Unwell(reasons)) => left.extend(reasons),
                Err(NotArmed::Fired(reason) | NotArmed::Failed(reason)) => {
                    left.push(format!("the rescue could not be called off: {reason}"))
                }
            }
        }
        left
    }
}

/// Which rescues of the members do not guard a step as they should. A node that is off has no say: when it is back, its rescue leaves
/// what it was not armed for.
fn unguarded(armed: &BTreeSet<String>, rescues: &[Rescue], step: &Change) -> Option<String> {
    let against = |Member { name, .. }: &Member| {
        match rescues.iter().find(|rescue| rescue.node == *name) {
        Some(rescue) if rescue.guards(&step.after) => None,
        Some(rescue) if !rescue.expired => Some(format!(
            "the rescue of corosync.conf on '{name}' is armed by {} for another change: wait until that one has ended, or call the rescue off",
            rescue.owner
        )),
        _ => armed.contains(name).then(|| {
            format!(
                "the rescue of corosync.conf on '{name}' is not armed, so that node would not undo this change by itself: 'journalctl -u \
                 pve-cluster-rescue.service' there says whether it has put its file back; run the task again"
            )
        }),
    }
    };
    let reasons: Vec<String> = step.members.iter().filter_map(against).collect();
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

fn waited_for(node: &str) -> String {
    format!(
        "high availability is active on '{node}': its resource manager was waited for, because two outages one after the other would have \
         counted as one"
    )
}
