// SPDX-License-Identifier: GPL-3.0-or-later
//! A reservation as text: what the cluster node saw behind the lock, and for whom.
//!
//! It goes from one task to another through the controller. It holds no secret, and nobody needs to trust it: a wrong
//! one leads to a refusal or to a pvecm that finds another certificate.

use ssh_login::part;

use crate::seen::Door;

/// What a reservation says besides how the cluster is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// The node that is to join.
    pub joining: String,
    /// When it was made, by the clock of the cluster node: seconds since 1970-01-01 UTC.
    pub made: u64,
    /// What a join by password meets.
    pub door: Door,
}

const END: &str = "\n@@ end";

/// Adds a reservation to the answer of the script.
pub fn write(answer: &str, reservation: &Reservation) -> String {
    let Reservation { joining, made, door } = reservation;
    let or_none = |text: &Option<String>| text.clone().unwrap_or_default();
    let added = format!(
        "\n@@ reserved\n{joining}\n\n@@ made\n{made}\n\n@@ served\n{}\n\n@@ next\n{}\n\n@@ factor\n{}\n",
        or_none(&door.served),
        or_none(&door.next),
        if door.factor { "yes" } else { "" }
    );
    match answer.rsplit_once(END) {
        Some((before, after)) => format!("{before}{added}{END}{after}"),
        None => format!("{answer}{added}"),
    }
}

/// Finds it again; none in the answer to a mere look.
pub fn read(text: &str) -> Option<Reservation> {
    let word =
        |name: &str| part(text, name).map(|part| part.trim().to_owned()).filter(|word| !word.is_empty());
    Some(Reservation {
        joining: word("reserved")?,
        made: word("made")?.parse().ok()?,
        door: Door {
            served: word("served"),
            next: word("next"),
            factor: word("factor").is_some(),
            starting: false,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for door in [
            Door::default(),
            Door { served: Some("AA:BB".into()), next: Some("CC".into()), factor: true, starting: false },
        ] {
            let reservation = Reservation { joining: "pve2".into(), made: 1_795_197_802, door };
            let text = write("\n@@ node\npve1\n\n@@ end\n", &reservation);
            assert_eq!(read(&text), Some(reservation));
            assert_eq!(part(&text, "node").map(str::trim), Some("pve1"));
            assert!(text.ends_with("\n@@ end\n"), "{text}");
        }
        assert_eq!(read("\n@@ node\npve1\n\n@@ end\n"), None);
    }
}
