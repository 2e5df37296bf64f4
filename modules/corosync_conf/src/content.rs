// SPDX-License-Identifier: GPL-3.0-or-later
//! A whole corosync.conf, as a template gives it, taken for what it says: wishes for all that can be set.
//!
//! What it says counts, not how: comments, blank lines and the order of keys do not. The cluster's own file stays as it
//! is but for the lines of what differs.

use corosync_document::{Document, Node, Place, disagreements, key, nearest, unknown_keys};
use serde_json::Value;

use crate::links::{PRIORITY, WantedLink, links, option_text};
use crate::settings::{Given, SECTIONS, Setting, Wanted, is_settable, setting};

/// What PVE writes into the file of every cluster: it stays when a text does not name it.
pub(crate) const PVES: [&str; 7] = [
    "totem.ip_version",
    "totem.link_mode",
    "totem.secauth",
    "totem.token_coefficient",
    "quorum.provider",
    "logging.debug",
    "logging.to_syslog",
];

/// What one of the file's readers would misread in a text, and every key that does nothing, unless the file has that already.
fn unread(content: &Document, file: &Document, wrong: &mut Vec<String>) {
    let known = disagreements(file);
    for finding in disagreements(content) {
        if !known.iter().any(|known| known.problem == finding.problem) {
            wrong.push(format!("'content', {finding}"));
        }
    }
    let known = unknown_keys(file);
    for (line, section, name) in unknown_keys(content) {
        if known.iter().any(|(_, of, known)| *of == section && *known == name) {
            continue;
        }
        let near = nearest(&section, &name);
        let hint = near.map(|near| format!(": did you mean '{near}'?")).unwrap_or_default();
        wrong.push(format!("'content', line {line}: '{name}' is no option of '{section}'{hint}"));
    }
}

/// The wishes of a text, and all that is against it.
///
/// Without a nodelist it wants nothing of addresses and votes; without interface sections too, nothing of links.
pub(crate) fn complete(content: &Document, file: &Document, wanted: &Wanted) -> (Wanted, Vec<String>) {
    let mut whole = wanted.clone();
    let mut against = Vec::new();
    if content.to_bytes() == file.to_bytes() {
        return (whole, against);
    }
    unread(content, file, &mut against);
    if !against.is_empty() {
        return (whole, against);
    }
    sections(content, file, &mut whole, &mut against);
    let listed = !content.nodes().is_empty();
    if listed {
        membership(content, file, &mut against);
        for node in content.nodes() {
            if !left_without(content, file, &node) {
                whole.votes.push((node.name, node.votes));
            }
        }
    }
    let there = links(file);
    for (number, link) in links(content) {
        let mut options = Vec::new();
        for (name, value) in link.options.iter().flatten() {
            let before = there.get(&number).and_then(|link| link.options.as_ref()?.get(name));
            if before == Some(value) {
                options.push((name.clone(), Some(value.clone())));
                continue;
            }
            let checked = if name == PRIORITY {
                key("totem.interface", name).and_then(|key| key.objection(value)).map_or_else(
                    || Ok(Some(value.clone())),
                    |objection| Err(format!("'{name}' is '{value}' and {objection}")),
                )
            } else {
                option_text(name, &Value::from(value.as_str()))
            };
            match checked {
                Ok(value) => options.push((name.clone(), value)),
                Err(reason) => against.push(format!("link {number}: {reason}")),
            }
        }
        whole.links.push(WantedLink { number, addresses: link.addresses, options, ..WantedLink::default() });
    }
    if !listed && !whole.links.is_empty() {
        // what the text does not list it cannot want to be gone
        for (number, link) in there {
            if !whole.links.iter().any(|link| link.number == number) {
                let options = link.options.into_iter().flatten().map(|(name, value)| (name, Some(value)));
                whole.links.push(WantedLink { number, options: options.collect(), ..WantedLink::default() });
            }
        }
    }
    whole.replaced = Some(Given {
        sections: SECTIONS.to_vec(),
        links: !whole.links.is_empty(),
        nodes: false,
        but: PVES.to_vec(),
    });
    (whole, against)
}

/// Whether a node has no vote in the file, and the text says nothing of its votes. One that is being admitted gets its vote when it is there,
/// and not because a text is silent.
fn left_without(content: &Document, file: &Document, node: &Node) -> bool {
    let silent = content.value(&Place::Node(node.name.clone()), "quorum_votes").is_none();
    silent && file.nodes().iter().any(|known| known.name == node.name && known.votes == 0)
}

/// The keys that can be set become wishes. The others must be as they are in the file, or not be there.
fn sections(content: &Document, file: &Document, whole: &mut Wanted, against: &mut Vec<String>) {
    for (path, name, value) in content.all_keys() {
        let listed = ["nodelist.node", "totem.interface"].contains(&path.as_str());
        let place = Place::section(&path);
        if listed
            || format!("{path}.{name}") == "totem.config_version"
            || file.value(&place, name) == Some(value)
        {
            let own = SECTIONS.into_iter().find(|section| *section == path && is_settable(section, name));
            if let Some(section) = own {
                whole.settings.push(Setting { section, key: name.to_owned(), value: Some(value.to_owned()) });
            }
            continue;
        }
        match SECTIONS.into_iter().find(|section| *section == path) {
            Some(section) => match setting(section, name, &Value::from(value)) {
                Ok(setting) => whole.settings.push(setting),
                Err(reason) => against.push(reason),
            },
            None => against.push(format!(
                "'{path}.{name}' is '{value}' in 'content' and {} in the file: this module does not change the section '{path}'",
                file.value(&place, name).map_or_else(|| "not set".to_owned(), |value| format!("'{value}'"))
            )),
        }
    }
}

/// Who belongs to the cluster is pvecm's to say.
fn membership(content: &Document, file: &Document, against: &mut Vec<String>) {
    let (wanted, there) = (content.nodes(), file.nodes());
    for node in &wanted {
        match there.iter().find(|known| known.name == node.name) {
            None => against.push(format!(
                "'content' has the node '{}', which the cluster has not: nodes join by 'pvecm add'",
                node.name
            )),
            Some(known) if node.nodeid.is_some() && node.nodeid != known.nodeid => against.push(format!(
                "'content' has nodeid {} for '{}', whose nodeid is {}",
                node.nodeid.unwrap_or(0),
                node.name,
                known.nodeid.unwrap_or(0)
            )),
            Some(_) => {}
        }
    }
    for node in there.iter().filter(|node| !wanted.iter().any(|listed| listed.name == node.name)) {
        against
            .push(format!("'content' lacks the node '{}': nodes are removed by 'pvecm delnode'", node.name));
    }
}
