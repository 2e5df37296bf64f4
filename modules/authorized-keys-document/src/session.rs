// SPDX-License-Identifier: GPL-3.0-or-later
//! Whether a line lets a session in.

use std::net::IpAddr;

use crate::expiry::Expiry;
use crate::{OptionError, from, options};

/// A session: where it comes from, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// Where it comes from; none when that is not known.
    pub address: Option<IpAddr>,
    /// Seconds since 1970.
    pub now: i64,
    /// By how many seconds the machine's own time is ahead of UTC.
    pub ahead: i64,
}

/// Why a line does not let a session in that runs commands of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// sshd ignores the line.
    Ignored(OptionError),
    /// Its time is over.
    Expired,
    /// It does not take the session's address, or nobody knows that.
    From,
    /// It runs a command of its own instead.
    Command,
    /// It is for certificates.
    Authority,
}

impl Session {
    /// Whether the time of a line with these options is over.
    #[must_use]
    pub fn is_past(&self, options: &[u8]) -> bool {
        let over =
            |value: &Vec<u8>| Expiry::read(value).is_some_and(|expiry| expiry.unix(self.ahead) < self.now);
        options::values(options, "expiry-time").iter().any(over)
    }

    /// What keeps the session out of a line with these options; nothing when sshd lets it in.
    #[must_use]
    pub fn obstacle(&self, options: &[u8]) -> Option<Obstacle> {
        let text = String::from_utf8_lossy(options);
        if let Err(error) = options::check(&text) {
            return Some(Obstacle::Ignored(error));
        }
        if options::is_certificate_authority(options) {
            return Some(Obstacle::Authority);
        }
        if self.is_past(options) {
            return Some(Obstacle::Expired);
        }
        let admitted = |value: &Vec<u8>| self.address.is_some_and(|address| from::admits(value, address));
        if !options::values(options, "from").iter().all(admitted) {
            return Some(Obstacle::From);
        }
        (!options::values(options, "command").is_empty()).then_some(Obstacle::Command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_a_session_out() {
        let session = Session { address: "10.0.0.7".parse().ok(), now: 1_924_905_600, ahead: 0 };
        let nowhere = Session { address: None, ..session };
        for (options, expected) in [
            ("", None),
            ("restrict,no-pty", None),
            ("from=\"10.0.0.0/24\"", None),
            ("from=\"10.0.1.0/24\"", Some(Obstacle::From)),
            ("expiry-time=\"20301231Z\"", None),
            ("expiry-time=\"20301230235959\"", Some(Obstacle::Expired)),
            ("expiry-time=\"20400101\",expiry-time=\"20201231\"", Some(Obstacle::Expired)),
            ("command=\"true\"", Some(Obstacle::Command)),
            ("cert-authority", Some(Obstacle::Authority)),
            ("pyt", Some(Obstacle::Ignored(OptionError::Unknown(1)))),
        ] {
            assert_eq!(session.obstacle(options.as_bytes()), expected, "{options}");
        }
        assert_eq!(nowhere.obstacle(b"from=\"*\""), Some(Obstacle::From));
        assert_eq!(nowhere.obstacle(b"restrict"), None);
    }
}
