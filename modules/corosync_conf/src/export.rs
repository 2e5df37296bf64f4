// SPDX-License-Identifier: GPL-3.0-or-later
//! The file as the module's own options.

use corosync_document::{Document, Place, key};
use serde_json::{Map, Value, json};

use crate::links::{self, PRIORITY, links};
use crate::settings::{SECTIONS, is_settable};
use crate::stages::LINKS;

/// Options that, given to the module, change nothing.
pub(crate) fn config(document: &Document) -> Value {
    let mut config = Map::new();
    for section in SECTIONS {
        let keys = document.keys(&Place::section(section));
        let keys = keys.into_iter().filter(|(name, _)| is_settable(section, name));
        let options: Map<String, Value> =
            keys.map(|(name, value)| (name.to_owned(), typed(section, name, value))).collect();
        config.insert(section.to_owned(), options.into());
    }
    let mut list = Vec::new();
    // a section may name a link that cannot be
    for (number, link) in links(document).into_iter().filter(|(number, _)| *number < LINKS) {
        let mut entry = Map::new();
        entry.insert("number".to_owned(), number.into());
        entry.insert("addresses".to_owned(), json!(link.addresses));
        let mut rest = Map::new();
        for (name, value) in link.options.iter().flatten() {
            if name == PRIORITY {
                entry.insert("priority".to_owned(), typed(links::SECTION, name, value));
            } else if links::is_settable(name) {
                rest.insert(name.clone(), typed(links::SECTION, name, value));
            }
        }
        if !rest.is_empty() {
            entry.insert("options".to_owned(), rest.into());
        }
        list.push(Value::from(entry));
    }
    config.insert("links".to_owned(), list.into());
    // A node without a vote is being admitted: given back later, a 0 would take the vote that it has then.
    let voting = document.nodes().into_iter().filter(|node| node.votes > 0);
    let nodes: Map<String, Value> =
        voting.map(|node| (node.name, json!({"quorum_votes": node.votes}))).collect();
    config.insert("nodes".to_owned(), nodes.into());
    config.into()
}

/// A number where the option is one.
fn typed(section: &str, name: &str, value: &str) -> Value {
    let number = key(section, name).is_some_and(|key| key.kind.is_number());
    match value.parse::<i64>() {
        Ok(value) if number => value.into(),
        _ => value.into(),
    }
}
