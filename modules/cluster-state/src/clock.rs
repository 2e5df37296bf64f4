// SPDX-License-Identifier: GPL-3.0-or-later
//! `timedatectl show`: whether this machine's clock is kept right.

use host::Host;
use serde::Serialize;

use crate::read::program;
use crate::{ParseError, StateError};

/// What systemd knows of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Clock {
    /// Whether a program has brought it in step with a source of time, and still does.
    pub synchronised: bool,
    /// Whether a service is enabled that does so.
    pub service_enabled: bool,
}

/// Asks systemd.
///
/// # Errors
/// When systemd does not answer.
pub fn query(host: &dyn Host) -> Result<Clock, StateError> {
    let command = program("timedatectl", &["show"]);
    let output = host.run(&command)?;
    if !output.exited_zero() {
        return Err(StateError::failed(&command, &output));
    }
    parse(&output.stdout).map_err(StateError::unexpected(&command.line()))
}

/// Reads lines `Key=value`.
///
/// # Errors
/// When one of the two keys is missing.
pub fn parse(text: &str) -> Result<Clock, ParseError> {
    let is_yes = |name: &'static str| {
        let value = text.lines().find_map(|line| line.split_once('=').filter(|(key, _)| *key == name));
        value.map(|(_, value)| value == "yes").ok_or(ParseError::Missing { field: name })
    };
    Ok(Clock { synchronised: is_yes("NTPSynchronized")?, service_enabled: is_yes("NTP")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_systemd_prints_it() {
        let text = "Timezone=Etc/UTC\nLocalRTC=no\nCanNTP=yes\nNTP=yes\nNTPSynchronized=no\n\
            TimeUSec=Fri 2026-11-20 20:50:00 UTC\n";
        assert_eq!(parse(text).unwrap(), Clock { synchronised: false, service_enabled: true });
        assert_eq!(parse("NTP=no\n").unwrap_err().to_string(), "'NTPSynchronized' is missing");
    }
}
