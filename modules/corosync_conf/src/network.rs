// SPDX-License-Identifier: GPL-3.0-or-later
//! Where the addresses of links are: on the node, and each link in a network of its own.
//!
//! One node knows its own addresses and how large their networks are; the other nodes' addresses are taken to be in
//! networks of the same size.

use std::net::IpAddr;

use corosync_document::Document;

use crate::links::{Link, links, same_address};
use crate::observe::Seen;
use crate::plan::Member;

/// What is against the addresses that are new.
pub(crate) fn reasons(before: &Document, after: &Document, seen: &Seen, members: &[Member]) -> Vec<String> {
    let (was, will) = (links(before), links(after));
    let changed = |number: &u8| {
        was.get(number).map(|link| &link.addresses) != will.get(number).map(|link| &link.addresses)
    };
    let mut reasons = Vec::new();
    let own = members.iter().find(|member| Some(member.nodeid) == seen.nodeid);
    let mut prefixes: Vec<(u8, u8)> = Vec::new();
    if let Some(own) = own {
        for (number, link) in &will {
            let Some(address) = link.addresses.get(&own.name) else { continue };
            let local = seen.addresses.iter().find(|local| same_address(&local.address.to_string(), address));
            let before = was.get(number).and_then(|link| link.addresses.get(&own.name));
            match local {
                Some(local) => prefixes.push((*number, local.prefix)),
                None if before == Some(address) => {}
                None => reasons.push(format!(
                    "'{address}' for link {number} is no address of this node, '{}'",
                    own.name
                )),
            }
        }
    }
    for (number, link) in &will {
        for (other_number, other) in will.range(number.saturating_add(1)..) {
            if !changed(number) && !changed(other_number) {
                continue;
            }
            let sizes = prefixes.iter().filter(|(link, _)| [number, other_number].contains(&link));
            let Some(prefix) = sizes.map(|(_, prefix)| *prefix).min() else { continue };
            let together = shared(link, other, prefix);
            if !together.is_empty() {
                reasons.push(format!(
                    "the addresses of links {number} and {other_number} are in one network on {}: both would fail together",
                    together.join(", ")
                ));
            }
        }
    }
    reasons
}

/// The nodes whose addresses on two links are in one network of this size.
fn shared(one: &Link, other: &Link, prefix: u8) -> Vec<String> {
    let both =
        one.addresses.iter().filter_map(|(node, address)| Some((node, address, other.addresses.get(node)?)));
    both.filter(|(_, one, other)| {
        let bits = |text: &str| match text.parse().ok()? {
            IpAddr::V4(address) => Some((32, u128::from(u32::from(address)))),
            IpAddr::V6(address) => Some((128, u128::from(address))),
        };
        let (Some((width, one)), Some((other_width, other))) = (bits(one), bits(other)) else { return false };
        let host_bits = width - u32::from(prefix).min(width);
        width == other_width && one.checked_shr(host_bits) == other.checked_shr(host_bits)
    })
    .map(|(node, ..)| format!("'{node}'"))
    .collect()
}
