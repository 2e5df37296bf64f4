// SPDX-License-Identifier: GPL-3.0-or-later
//! What stands by while the file is changed: this node's rescue, and high availability that fences nobody.

use std::time::Duration;

use host::Host;
use rescue::NotArmed;

use crate::plan::Work;
use crate::settings::Wanted;

/// How long high availability may take to be disarmed or armed; it takes a few rounds of some seconds on every node.
const HA: Duration = Duration::from_secs(120);
/// How long a rescue that is at work at this very moment is waited for.
const AT_WORK: Duration = Duration::from_secs(180);

/// What was put on guard, and has to be taken off again.
#[derive(Debug, Default)]
pub(crate) struct Guard {
    /// Whether this node's rescue was armed by this run.
    rescue: Option<u64>,
    /// Whether high availability was disarmed by this run.
    ha: bool,
    /// What stands by less than it could.
    pub(crate) warnings: Vec<String>,
}

impl Guard {
    /// Arms this node's rescue and disarms high availability, as far as the task wants it.
    ///
    /// # Errors
    /// In words, when it cannot; then nothing stands by any more.
    pub(crate) fn raise(host: &dyn Host, wanted: &Wanted, work: &Work) -> Result<Self, String> {
        let mut guard = Self::default();
        if wanted.rescue > 0 {
            guard.arm(host, wanted, work)?;
        }
        if work.disarm {
            guard.ha = true;
            if let Err(reason) = rescue::ha::disarm(host, host.elapsed() + HA) {
                let left = guard.lower(host, true);
                return Err([vec![reason], left].concat().join("; "));
            }
        }
        Ok(guard)
    }

    fn arm(&mut self, host: &dyn Host, wanted: &Wanted, work: &Work) -> Result<(), String> {
        let before = work.before.config_version();
        match rescue::armed(host) {
            // whoever armed it on every node calls it off
            Ok(Some(armed)) if Some(armed.version) == before => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
        match rescue::arm(host, wanted.rescue, work.disarm, true) {
            Ok(armed) => {
                self.rescue = Some(armed.seconds);
                // an earlier run has disarmed it and ended too early
                self.ha = armed.ha_armed && !work.disarm;
            }
            Err(NotArmed::Unwell(reasons)) => self.warnings.push(format!(
                "this node would not come back by itself if the change cost the quorum: {}",
                reasons.join("; ")
            )),
            Err(NotArmed::AtWork) => {
                return Err("the rescue of an earlier change is at work on this node: 'journalctl -u \
                            pve-cluster-rescue.service' tells what it does; run the task again when it is done"
                    .to_owned());
            }
            Err(NotArmed::Failed(reason)) => return Err(format!("the rescue could not be armed: {reason}")),
        }
        Ok(())
    }

    /// Arms high availability again and calls the rescue off. Where the cluster is not as it was or as it should be (`well`
    /// false), the rescue stays, and does both later. Says what is left.
    pub(crate) fn lower(&mut self, host: &dyn Host, well: bool) -> Vec<String> {
        let mut left = Vec::new();
        if !well {
            if let Some(seconds) = self.rescue {
                left.push(format!(
                    "this node puts its file back by itself {seconds} s after the change was begun, if it is not quorate then or \
                     has lost a link; 'journalctl -u pve-cluster-rescue.service' tells of it"
                ));
            }
            return left;
        }
        if self.ha
            && let Err(reason) = rescue::ha::arm(host, host.elapsed() + HA)
        {
            left.push(format!("{reason}; arm it by 'ha-manager crm-command arm-ha'"));
        }
        if self.rescue.is_some() {
            match rescue::call_off(host, host.elapsed() + AT_WORK) {
                Ok(_) => {}
                Err(NotArmed::AtWork) => left.push("the rescue is at work on this node".to_owned()),
                Err(NotArmed::Unwell(reasons)) => left.extend(reasons),
                Err(NotArmed::Failed(reason)) => {
                    left.push(format!("the rescue could not be called off: {reason}"))
                }
            }
        }
        left
    }
}
