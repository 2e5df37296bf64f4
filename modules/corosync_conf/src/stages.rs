// SPDX-License-Identifier: GPL-3.0-or-later
//! The texts on the way from the file to the wanted one. corosync takes most changes at once, and a link with other
//! addresses only when it was gone in between.

use std::collections::{BTreeMap, BTreeSet};

use corosync_document::{Document, Place};

use crate::links::{self, Link, PRIORITY, WantedLink, links};
use crate::plan::Changed;
use crate::settings::{MOST_VOTES, Setting, Wanted, is_same, is_settable, too_many_votes};

/// Comments of this form hold a link while the file does without it, so that whoever goes on after an interruption
/// knows what it was: `# link 0 is being moved: node pve1 had 10.77.1.11`.
const MARK: (&str, &str) = ("# link ", " is being moved: ");

/// Links are 0 to 7.
pub(crate) const LINKS: u8 = 8;

/// The text that is wanted, and all that is against it.
pub(crate) fn target(before: &Document, wanted: &Wanted) -> (Document, Vec<String>) {
    let mut reasons = Vec::new();
    let mut after = before.clone();
    // a link that an interrupted run was about to recreate
    if wanted.changes_something() {
        let (unmarked, interrupted) = without_marks(before);
        after = unmarked;
        let there = links(&after);
        for (number, link) in interrupted.iter().filter(|(number, _)| !there.contains_key(number)) {
            reasons.extend(link.write(&mut after, *number).err().map(|error| error.to_string()));
        }
    }
    for setting in &wanted.settings {
        match write(&mut after, setting) {
            Ok(true) if wanted.restart && setting.waits_for_restart() => {}
            Ok(true) => reasons.extend(setting.obstacle()),
            Ok(false) => {}
            Err(reason) => reasons.push(reason),
        }
    }
    for link in &wanted.links {
        reasons.extend(link.write(&mut after).err());
    }
    for (name, votes) in &wanted.votes {
        match after.nodes().into_iter().find(|node| node.name == *name) {
            None => reasons.push(format!("'{name}' is no node of this cluster")),
            Some(node) if node.votes == *votes => {}
            Some(_) if *votes > MOST_VOTES => {
                reasons.push(format!("node '{name}' {}", too_many_votes(&(*votes).into())));
            }
            Some(_) if after.device().is_some() => reasons.push(format!(
                "the votes of '{name}' are not changed beside a QDevice, whose own votes follow from the number of nodes"
            )),
            Some(_) => reasons.extend(after.set_votes(name, *votes).err().map(|error| error.to_string())),
        }
    }
    (after, reasons)
}

fn write(document: &mut Document, setting: &Setting) -> Result<bool, String> {
    let place = Place::section(setting.section);
    let now = document.value(&place, &setting.key);
    match &setting.value {
        Some(value) if now.is_some_and(|now| is_same(setting.section, &setting.key, now, value)) => Ok(false),
        Some(value) => document.set(&place, &setting.key, value).map_err(|error| error.to_string()),
        None => Ok(document.remove(&place, &setting.key)),
    }
}

/// Links that must be recreated on the way from one text to the other, and those that the other one lacks.
pub(crate) fn uprooted(before: &Document, target: &Document) -> (BTreeSet<u8>, BTreeSet<u8>) {
    let (was, will) = (links(before), links(target));
    let moved = was
        .iter()
        .filter(|(number, link)| will.get(number).is_some_and(|new| link.must_be_made_anew(new)))
        .map(|(number, _)| *number);
    let removed = was.keys().filter(|number| !will.contains_key(number)).copied();
    (gathered(moved), gathered(removed))
}

/// The texts from one to the other, in order; without their versions.
///
/// First comes all that corosync takes at once, new links too, because they may have to carry what follows.
pub(crate) fn stages(
    before: &Document,
    target: &Document,
    anew: &BTreeSet<u8>,
    wanted: &Wanted,
) -> Result<Vec<Document>, String> {
    let (mut moved, removed) = uprooted(before, target);
    let there = target.links();
    moved.extend(anew.iter().copied().filter(|number| there.contains(number)));
    let mut kept = links(before);
    kept.retain(|number, _| moved.contains(number) || removed.contains(number));
    let mut stages = Vec::new();
    // Not collected: that would sort first, by code of its own.
    let mut again = BTreeMap::new();
    again.extend(anew.iter().filter_map(|number| Some((*number, kept.remove(number)?))));
    let anew = again;
    let first = with_links(target, &kept)?;
    if !anew.is_empty() {
        // corosync refuses the whole of a text in which the addresses of a link that it runs are others
        let mut without = first.clone();
        for (number, link) in &anew {
            without.remove_link(*number).map_err(|error| error.to_string())?;
            without = marked(&without, *number, link);
        }
        stages.push(without);
        stages.push(first);
    } else if !changes(before, &first, wanted).is_empty() {
        stages.push(first);
    }
    for number in moved.into_iter().filter(|number| !anew.contains_key(number)) {
        let Some(link) = kept.remove(&number) else { continue };
        let whole = with_links(target, &kept)?;
        let mut without = whole.clone();
        without.remove_link(number).map_err(|error| error.to_string())?;
        stages.push(marked(&without, number, &link));
        stages.push(whole);
    }
    if !removed.is_empty() {
        stages.push(target.clone());
    }
    Ok(stages)
}

/// A text in which these links are as given.
fn with_links(text: &Document, kept: &BTreeMap<u8, Link>) -> Result<Document, String> {
    let mut with = text.clone();
    let sections = !text.interfaces().is_empty();
    for (number, link) in kept {
        let mut link = link.clone();
        if sections {
            link.options.get_or_insert_default();
        }
        link.write(&mut with, *number).map_err(|error| error.to_string())?;
    }
    Ok(with)
}

/// What differs between two texts, of all that this module changes.
pub(crate) fn changes(before: &Document, after: &Document, wanted: &Wanted) -> Vec<Changed> {
    let mut found = Vec::new();
    let mut compare = |key: String, before: Option<&str>, after: Option<&str>| {
        if before != after {
            found.push(Changed { key, before: before.map(str::to_owned), after: after.map(str::to_owned) });
        }
    };
    for setting in &wanted.settings {
        let place = Place::section(setting.section);
        compare(setting.path(), before.value(&place, &setting.key), after.value(&place, &setting.key));
    }
    let (was, will) = (links(before), links(after));
    let none = Link::default();
    for number in gathered(was.keys().chain(will.keys()).copied()) {
        let (was, will) = (was.get(&number).unwrap_or(&none), will.get(&number).unwrap_or(&none));
        for node in gathered(was.addresses.keys().chain(will.addresses.keys()).cloned()) {
            let address = |link: &'_ Link| link.addresses.get(&node).cloned();
            let key = format!("{}.ring{number}_addr", Place::Node(node.clone()));
            compare(key, address(was).as_deref(), address(will).as_deref());
        }
        let numbered =
            |document: &Document| document.value(&Place::Interface(number), "linknumber").map(str::to_owned);
        // a section that is new says its number, which tells nothing of its own
        let same_sections = before.interfaces().len() == after.interfaces().len();
        if let (None, Some(linknumber), true) = (numbered(before), numbered(after), same_sections) {
            compare(format!("{}.linknumber", Place::Interface(number)), None, Some(&linknumber));
        }
        let options = |link: &Link| link.options.clone().unwrap_or_default();
        let (was, will) = (options(was), options(will));
        for name in gathered(was.keys().chain(will.keys()).cloned()) {
            let key = format!("{}.{name}", Place::Interface(number));
            compare(key, was.get(&name).map(String::as_str), will.get(&name).map(String::as_str));
        }
    }
    for (was, will) in before.nodes().into_iter().zip(after.nodes()) {
        let key = format!("{}.quorum_votes", Place::Node(was.name));
        compare(key, Some(&was.votes.to_string()), Some(&will.votes.to_string()));
    }
    found
}

/// A set of these. Not collected: that would sort first, by code of its own for every type.
fn gathered<T: Ord>(items: impl Iterator<Item = T>) -> BTreeSet<T> {
    let mut set = BTreeSet::new();
    set.extend(items);
    set
}

/// The wishes, with the removal of all that is not among them where a part of the file is listed as a whole.
pub(crate) fn complete(before: &Document, wanted: &Wanted) -> Wanted {
    let mut whole = wanted.clone();
    let Some(given) = &wanted.replaced else { return whole };
    for section in &given.sections {
        for (name, _) in before.keys(&Place::section(section)) {
            let named = wanted.settings.iter().any(|known| known.section == *section && known.key == name);
            let kept = given.but.contains(&format!("{section}.{name}").as_str());
            if !named && !kept && is_settable(section, name) {
                whole.settings.push(Setting { section, key: name.to_owned(), value: None });
            }
        }
    }
    if given.links {
        let there = links(before);
        for link in &mut whole.links {
            let options = there.get(&link.number).and_then(|was| was.options.as_ref());
            for name in options.into_iter().flat_map(|options| options.keys()) {
                let doubted = link.doubts.iter().any(|(known, ..)| known == name);
                let named = doubted || link.options.iter().any(|(known, _)| known == name);
                if !link.absent && !named && (name == PRIORITY || links::is_settable(name)) {
                    link.options.push((name.clone(), None));
                }
            }
        }
        // a section that names a link beyond the last one cannot be listed, so it does not count as left out
        for number in there.into_keys().filter(|number| *number < LINKS) {
            if !wanted.links.iter().any(|link| link.number == number) {
                whole.links.push(WantedLink { number, absent: true, ..WantedLink::default() });
            }
        }
    }
    if given.nodes {
        for node in before.nodes() {
            // a node without a vote is one that is being admitted, and gets it when it is there
            if node.votes > 0 && !wanted.votes.iter().any(|(name, _)| *name == node.name) {
                whole.votes.push((node.name, 1));
            }
        }
    }
    whole
}

fn marked(document: &Document, number: u8, link: &Link) -> Document {
    let (before, behind) = MARK;
    let addresses = link.addresses.iter().map(|(node, address)| format!("node {node} had {address}"));
    let options = link.options.iter().flatten().map(|(name, value)| format!("option {name} had {value}"));
    let marks = addresses.chain(options).map(|mark| format!("{before}{number}{behind}{mark}\n"));
    Document::parse(&[marks.collect::<String>().into_bytes(), document.to_bytes()].concat())
}

/// A text without its marks, and the links that they tell of.
fn without_marks(document: &Document) -> (Document, BTreeMap<u8, Link>) {
    let mut links: BTreeMap<u8, Link> = BTreeMap::new();
    let mut rest = Vec::new();
    for line in document.to_bytes().split_inclusive(|byte| *byte == b'\n') {
        let text = String::from_utf8_lossy(line);
        let mark = text.strip_prefix(MARK.0).and_then(|text| text.split_once(MARK.1));
        let Some((number, mark)) = mark.and_then(|(number, mark)| Some((number.parse().ok()?, mark))) else {
            rest.extend_from_slice(line);
            continue;
        };
        let words: Vec<&str> = mark.split_whitespace().collect();
        let link = links.entry(number).or_default();
        match words.as_slice() {
            ["node", node, "had", address] => {
                drop(link.addresses.insert((*node).to_owned(), (*address).to_owned()));
            }
            ["option", name, "had", value] => {
                let options = link.options.get_or_insert_default();
                options.insert((*name).to_owned(), (*value).to_owned());
            }
            _ => {}
        }
    }
    let document = Document::parse(&rest);
    if !document.interfaces().is_empty() {
        for link in links.values_mut() {
            link.options.get_or_insert_default();
        }
    }
    (document, links)
}
