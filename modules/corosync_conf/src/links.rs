// SPDX-License-Identifier: GPL-3.0-or-later
//! The links that the task asks for, and their place in the file.

use std::collections::BTreeMap;
use std::net::IpAddr;

use corosync_document::{Document, EditError, Place, key, nearest};
use serde_json::{Map, Value};

use crate::args::LinkArgs;
use crate::settings::{Wrong, is_same, text};

pub(crate) const SECTION: &str = "totem.interface";
/// The option that `priority` sets.
pub(crate) const PRIORITY: &str = "knet_link_priority";

/// One link as it is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct WantedLink {
    pub(crate) number: u8,
    /// The link is not to be there.
    pub(crate) absent: bool,
    /// Addresses by the name of the node.
    pub(crate) addresses: BTreeMap<String, String>,
    /// Options with their values, none to remove one.
    pub(crate) options: Vec<(String, Option<String>)>,
    /// Options with their values that this module would not write, and why: the file must have them.
    pub(crate) doubts: Vec<(String, String, String)>,
    /// Its section is to say its number as corosync knows it.
    pub(crate) numbered: bool,
}

/// All that a file says of one link.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Link {
    /// Addresses by the name of the node.
    pub(crate) addresses: BTreeMap<String, String>,
    /// The options of its interface section; none without such a section.
    pub(crate) options: Option<BTreeMap<String, String>>,
}

impl WantedLink {
    /// Checks one element of the option; adds all that is wrong with it.
    pub(crate) fn check(args: &LinkArgs, wrong: &mut Wrong) -> Option<Self> {
        let Some(number) = u8::try_from(args.number).ok().filter(|number| *number < 8) else {
            wrong.push(format!("there is no link {}: links are 0 to 7", args.number));
            return None;
        };
        let absent = args.state == "absent";
        if absent && (args.addresses.is_some() || args.priority.is_some() || args.options.is_some()) {
            wrong.push(format!("link {number} is to be absent and has settings all the same"));
        }
        let mut addresses = BTreeMap::new();
        for (node, address) in args.addresses.as_ref().unwrap_or(&Map::new()) {
            match address.as_str().map(str::trim).filter(|address| !address.is_empty()) {
                Some(address) => drop(addresses.insert(node.clone(), address.to_owned())),
                None => wrong.push(format!("the address of '{node}' on link {number} is no text")),
            }
        }
        let (mut options, mut doubts, mut numbered) = (Vec::new(), Vec::new(), false);
        if let Some(priority) = args.priority {
            if (0..=255).contains(&priority) {
                options.push((PRIORITY.to_owned(), Some(priority.to_string())));
            } else {
                wrong.push(format!(
                    "the priority of link {number} is {priority} and must be a number from 0 to 255"
                ));
            }
        }
        for (name, value) in args.options.as_ref().unwrap_or(&Map::new()) {
            let own = value.as_u64() == Some(number.into()) || value.as_str() == Some(&number.to_string());
            if name == "linknumber" && own {
                numbered = true;
                continue;
            }
            match option_text(name, value) {
                Ok(value) => options.push((name.clone(), value)),
                Err(reason) => {
                    let reason = format!("link {number}: {reason}");
                    match value {
                        Value::String(value) => {
                            wrong.doubt(reason.clone());
                            doubts.push((name.clone(), value.clone(), reason));
                        }
                        Value::Number(value) => {
                            wrong.doubt(reason.clone());
                            doubts.push((name.clone(), value.to_string(), reason));
                        }
                        _ => wrong.push(reason),
                    }
                }
            }
        }
        Some(Self { number, absent, addresses, options, doubts, numbered })
    }

    /// Writes what is wanted of this link into a text.
    pub(crate) fn write(&self, document: &mut Document) -> Result<(), String> {
        let was = links(document).remove(&self.number);
        if self.absent {
            return document.remove_link(self.number).map(drop).map_err(|error| error.to_string());
        }
        let has = |name: &str| was.as_ref().and_then(|link| link.options.as_ref()?.get(name).cloned());
        if let Some((.., reason)) =
            self.doubts.iter().find(|(name, value, _)| has(name).as_ref() != Some(value))
        {
            return Err(reason.clone());
        }
        let nodes = document.nodes();
        for (node, address) in &self.addresses {
            if !nodes.iter().any(|known| known.name == *node) {
                return Err(format!("link {}: '{node}' is no node of this cluster", self.number));
            }
            let before = was.as_ref().and_then(|link| link.addresses.get(node));
            if before.is_some_and(|before| same_address(before, address)) {
                continue;
            }
            if address.parse::<IpAddr>().is_err() {
                return Err(format!(
                    "link {}: '{address}' of '{node}' is no IP address; a name would be looked up once, when corosync starts",
                    self.number
                ));
            }
            document.set_address(node, self.number, address).map_err(|error| error.to_string())?;
        }
        // a section without addresses may stay as it is
        let nothing = self.addresses.is_empty() && was.is_some();
        if !nothing && links(document).get(&self.number).is_none_or(|link| link.addresses.is_empty()) {
            return Err(format!("link {} is not in the file, and no address is given for it", self.number));
        }
        let written = self.options.iter().any(|(_, value)| value.is_some());
        // a file need not have interface sections; when one link has one, PVE wants one of each
        if written || !document.interfaces().is_empty() {
            interfaces(document).map_err(|error| error.to_string())?;
        }
        let place = Place::Interface(self.number);
        for (name, value) in &self.options {
            match value {
                Some(value) if has(name).is_some_and(|now| is_same(SECTION, name, &now, value)) => {}
                Some(value) => drop(document.set(&place, name, value).map_err(|error| error.to_string())?),
                None => drop(document.remove(&place, name)),
            }
        }
        Ok(())
    }
}

impl Link {
    /// Whether corosync takes the change from this to that only when the link is removed in between.
    pub(crate) fn must_be_made_anew(&self, other: &Self) -> bool {
        // corosync's vocabulary says which options are fixed on a link that is up, just as addresses are
        let fixed = |link: &Self| -> BTreeMap<String, String> {
            let mut options = link.options.clone().unwrap_or_default();
            options.retain(|name, _| key(SECTION, name).is_some_and(|key| key.effect.is_anew()));
            options
        };
        let moved = |(node, address): (&String, &String)| {
            other.addresses.get(node).is_some_and(|new| !same_address(address, new))
        };
        self.addresses.iter().any(moved) || fixed(self) != fixed(other)
    }

    /// Gives a link in a text these addresses and options and no others.
    pub(crate) fn write(&self, document: &mut Document, number: u8) -> Result<(), EditError> {
        for (node, address) in &self.addresses {
            document.set_address(node, number, address)?;
        }
        let place = Place::Interface(number);
        let Some(options) = &self.options else { return document.remove_section(&place).map(drop) };
        interface(document, number)?;
        let now = links(document).remove(&number).and_then(|link| link.options).unwrap_or_default();
        for name in now.keys().filter(|name| !options.contains_key(*name)) {
            document.remove(&place, name);
        }
        for (name, value) in options {
            document.set(&place, name, value)?;
        }
        Ok(())
    }
}

/// The links of a file, by number.
pub(crate) fn links(document: &Document) -> BTreeMap<u8, Link> {
    let mut links: BTreeMap<u8, Link> = BTreeMap::new();
    for node in document.nodes() {
        for (number, address) in node.addresses {
            links.entry(number).or_default().addresses.insert(node.name.clone(), address);
        }
    }
    for interface in document.interfaces() {
        let mut options = interface.keys;
        options.retain(|name, _| !["linknumber", "ringnumber"].contains(&name.as_str()));
        links.entry(interface.link).or_default().options = Some(options);
    }
    links
}

/// Whether two texts are one address: IPv6 has several spellings.
pub(crate) fn same_address(one: &str, two: &str) -> bool {
    one == two || one.parse::<IpAddr>().is_ok_and(|one| two.parse() == Ok(one))
}

/// Gives every link its interface section.
fn interfaces(document: &mut Document) -> Result<(), EditError> {
    for (number, link) in links(document) {
        if !link.addresses.is_empty() {
            interface(document, number)?;
        }
    }
    Ok(())
}

fn interface(document: &mut Document, number: u8) -> Result<(), EditError> {
    if document.interfaces().iter().any(|interface| interface.link == number) {
        return Ok(());
    }
    document.set(&Place::Interface(number), "linknumber", &number.to_string()).map(drop)
}

/// Whether an option of a link can be set among its `options`.
pub(crate) fn is_settable(name: &str) -> bool {
    let known = key(SECTION, name).filter(|_| !["linknumber", PRIORITY].contains(&name));
    known.is_some_and(|key| key.effect.is_live() || key.effect.is_anew())
}

/// The value of an option of a link as the file has it; none to remove it.
pub(crate) fn option_text(name: &str, value: &Value) -> Result<Option<String>, String> {
    if name == PRIORITY {
        return Err(format!("'{name}' is set by 'priority'"));
    }
    if name == "linknumber" {
        return Err(format!("'{name}' is the 'number' of the link"));
    }
    let Some(known) = key(SECTION, name) else {
        return Err(match nearest(SECTION, name) {
            Some(near) => format!("'{name}' is no option of a link: did you mean '{near}'?"),
            None => format!("'{name}' is no option of a link"),
        });
    };
    if let (Some(why), false) = (known.effect.reason(), known.effect.is_anew()) {
        return Err(format!("'{name}' does not change while corosync runs: {why}"));
    }
    let value = text(known, value).map_err(|reason| format!("'{name}' {reason}"))?;
    match value.as_deref().and_then(|value| known.objection(value)) {
        Some(reason) => Err(format!("'{name}' is '{}' and {reason}", value.unwrap_or_default())),
        None => Ok(value),
    }
}
