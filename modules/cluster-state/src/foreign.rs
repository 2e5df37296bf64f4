// SPDX-License-Identifier: GPL-3.0-or-later
//! Packets that corosync could not decrypt: a host that was removed and still runs with other files, or a node with another key.

use std::net::IpAddr;

use host::Host;
use serde::Serialize;

use crate::StateError;
use crate::corosync_events::journal;

/// The last such packet since this machine booted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ForeignPacket {
    /// Whose it was; none where knet could not tell.
    pub address: Option<IpAddr>,
    /// When it came, in seconds since 1970-01-01 UTC.
    pub last: u64,
}

/// What knet says of each, and before the address.
const WORDS: &str = "Unable to decrypt packet from ";

/// Asks the journal for the last one, and for no other: a host that sends them does so every second.
///
/// # Errors
/// When the journal does not answer.
pub fn query(host: &dyn Host) -> Result<Option<ForeignPacket>, StateError> {
    let pattern = format!("--grep={WORDS}");
    journal(host, &["--lines=1", &pattern]).map(|said| parse(&said))
}

/// Reads a line such as `1795197726.5 pve1 corosync[9]:   [KNET  ] rx: Unable to decrypt packet from 10.0.0.9:5405 (size 80)!`.
#[must_use]
pub fn parse(text: &str) -> Option<ForeignPacket> {
    text.lines().rev().find_map(|line| {
        let (head, said) = line.split_once("]: ")?;
        let (_, from) = said.split_once(WORDS)?;
        let last = head.split(['.', ' ']).next()?.parse().ok()?;
        let address = from.split(' ').next().and_then(|end| end.rsplit_once(':'));
        Some(ForeignPacket { address: address.and_then(|(address, _)| address.parse().ok()), last })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::{Answer, FakeHost};

    const HEAD: &str = "1795197726.5 pve1 corosync[9]:   [KNET  ] rx: Unable to decrypt packet from ";

    #[test]
    fn the_last_one_and_whose_it_was() {
        let address =
            |from: &str| parse(&format!("{HEAD}{from}\n")).unwrap().address.map(|found| found.to_string());
        assert_eq!(address("10.9.0.2:5405 (size 26)!").as_deref(), Some("10.9.0.2"));
        assert_eq!(address("fd00::2:5405 (size 80)!").as_deref(), Some("fd00::2"));
        assert_eq!(address("unknown host/port (size 80)!"), None);
        assert_eq!(address("{{ x }}:5405 (size 80)!"), None);
        let two = format!(
            "1795197700.1 pve1 corosync[9]:   [KNET  ] rx: {WORDS}10.9.0.3:5405 (size 26)!\n{HEAD}10.9.0.2:5405 (size 26)!\n"
        );
        let found = parse(&two).unwrap();
        assert_eq!((found.address, found.last), ("10.9.0.2".parse().ok(), 1_795_197_726));
        for other in [
            "",
            "-- No entries --\n",
            "1795197726.5 pve1 corosync[9]:   [KNET  ] link: host: 2 link: 0 is down\n",
            "x pve1 corosync[9]: Unable to decrypt packet from 10.9.0.2:5405\n",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn the_journal_is_asked_for_one_line() {
        let asked = "journalctl --unit=corosync.service --boot --output=short-unix --no-pager --quiet --case-sensitive=yes --lines=1 \
                     '--grep=Unable to decrypt packet from '";
        let ask = |answer: Answer| query(&FakeHost::new().query(asked, answer));
        assert_eq!(
            ask(Answer::ok(format!("{HEAD}10.9.0.2:5405 (size 26)!\n"))).unwrap().unwrap().last,
            1_795_197_726
        );
        assert_eq!(ask(Answer::exit(1, "", "")).unwrap(), None);
        assert!(ask(Answer::exit(1, "", "Compiled without pattern matching support\n")).is_err());
        assert!(ask(Answer::exit(2, "", "")).is_err());
    }
}
