// SPDX-License-Identifier: GPL-3.0-or-later
//! Disarming and arming high availability, proved by its own state and never by an exit code.

use std::time::Duration;

use cluster_state::ha_arming::{self, Arming};
use host::{Command, Host, Waited, wait_until};

/// The pause between two looks; each takes a third of a second of a processor.
const PAUSE: Duration = Duration::from_secs(1);

/// Has every watchdog of the cluster released. Guests stay as they are, and what is asked of them waits.
///
/// # Errors
/// In words, when it is not so by the deadline.
pub fn disarm(host: &dyn Host, deadline: Duration) -> Result<(), String> {
    tell(host, &["crm-command", "disarm-ha", "freeze"])?;
    until(host, deadline, "disarmed", |state| *state == Arming::Disarmed)
}

/// Arms it again if it is disarmed; says whether it was.
///
/// # Errors
/// In words, when it is still disarmed at the deadline.
pub fn arm(host: &dyn Host, deadline: Duration) -> Result<bool, String> {
    match ha_arming::query(host).map_err(|error| error.to_string())? {
        Some(Arming::Disarmed | Arming::Disarming) => {}
        _ => return Ok(false),
    }
    tell(host, &["crm-command", "arm-ha"])?;
    // with nothing left to keep running it is on standby
    until(host, deadline, "armed", |state| matches!(state, Arming::Armed | Arming::Standby))?;
    Ok(true)
}

fn tell(host: &dyn Host, words: &[&str]) -> Result<(), String> {
    let command = Command::new("ha-manager").args(words.iter().copied());
    let output = host.run(&command).map_err(|error| error.to_string())?;
    if output.exited_zero() {
        return Ok(());
    }
    Err(format!("'{}' says: {}", command.line(), output.first_words().unwrap_or("nothing")))
}

fn until(host: &dyn Host, deadline: Duration, wanted: &str, is: fn(&Arming) -> bool) -> Result<(), String> {
    let waited = wait_until(host, deadline, PAUSE, || match ha_arming::query(host) {
        Ok(Some(state)) if is(&state) => Ok(()),
        Ok(Some(state)) => Err(format!("it is {}", name(&state))),
        Ok(None) => Err("this Proxmox VE does not tell".to_owned()),
        Err(error) => Err(error.to_string()),
    });
    match waited {
        Waited::Done(()) => Ok(()),
        Waited::Pending(reason) => Err(format!("high availability is not {wanted}: {reason}")),
    }
}

/// The manager's word for a state.
#[must_use]
pub fn name(state: &Arming) -> &str {
    match state {
        Arming::Armed => "armed",
        Arming::Standby => "on standby",
        Arming::Disarming => "disarming",
        Arming::Disarmed => "disarmed",
        Arming::Other(word) => word,
    }
}
