// SPDX-License-Identifier: GPL-3.0-or-later
//! What a node that joins by password learns from the reservation of the cluster for it.

use locks::Owner;
use membership::reason::Reason;
use membership::seen::{Joining, NoAnswer, Peer, There};
use membership::{probe, reservation};

use super::words;

/// A join by password should begin at once; the clocks of the two nodes may differ by as much.
const FRESH: u64 = 120;

/// What a joining node learns from a reservation. `locks` says that it is about to join, and not only looking.
pub(crate) fn there(text: Option<&str>, node: &str, locks: bool, now: u64) -> There {
    let Some(text) = text else { return There::NoAnswer(NoAnswer::NotReserved) };
    let mut peer = match probe::peer(text, &|owner| *owner == Owner::reservation(node)) {
        Ok(peer) => peer,
        Err(what) => return There::NoAnswer(NoAnswer::Garbled(what)),
    };
    let Some(reserved) = reservation::read(text) else {
        return There::NoAnswer(NoAnswer::Garbled("it is no reservation".to_owned()));
    };
    if reserved.joining != node {
        return There::NoAnswer(NoAnswer::ReservedForAnother(reserved.joining));
    }
    let age = now.abs_diff(reserved.made);
    if age > FRESH {
        return There::NoAnswer(NoAnswer::ReservedLongAgo { seconds: age });
    }
    if locks && peer.joining != Joining::ThisNode {
        return There::NoAnswer(NoAnswer::NotReserved);
    }
    peer.door = Some(Box::new(reserved.door));
    There::Answered(Box::new(peer))
}

/// Why this fingerprint does not lead in through this door.
pub(crate) fn reasons(peer: &Peer, fingerprint: &str) -> Vec<Reason> {
    let Some(door) = &peer.door else { return Vec::new() };
    let name = &peer.view.node;
    let mut reasons = door.reasons(name);
    if let Some(served) = door.served.as_deref().filter(|served| *served != fingerprint) {
        reasons.push(words::another_fingerprint(name, served, fingerprint));
    }
    reasons
}
