// SPDX-License-Identifier: GPL-3.0-or-later
//! The vocabulary against the names in corosync's manual pages.

#![expect(clippy::panic, reason = "a test may panic")]

use std::collections::BTreeSet;

use corosync_document::{Document, Effect, key, known_keys, later_options, nearest, unknown_keys};

/// The stored list: the page, the section, the name.
fn listed() -> Vec<(&'static str, &'static str, &'static str)> {
    let lines = include_str!("options.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let words = lines.map(|line| line.split(' ').collect::<Vec<_>>());
    words
        .map(|words| match words.as_slice() {
            [page, section, name] => (*page, *section, *name),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn every_option_of_the_manual_pages_is_known_and_no_other() {
    let listed: BTreeSet<_> = listed().into_iter().map(|(_, section, name)| (section, name)).collect();
    let known: BTreeSet<_> = known_keys().map(|key| (key.section, key.name)).collect();
    let open = BTreeSet::from([("quorum.device.heuristics", "exec_NAME")]);
    assert_eq!(listed.difference(&known).copied().collect::<BTreeSet<_>>(), open);
    assert_eq!(known.difference(&listed).collect::<Vec<_>>(), Vec::<&(&str, &str)>::new());
}

#[test]
fn each_is_found_by_its_name_and_by_one_that_is_almost_it() {
    for (_, section, name) in listed() {
        let name = name.replace('X', "7");
        let text: String = section.split('.').map(|part| format!("{part} {{\n")).collect();
        let end = "}\n".repeat(section.split('.').count());
        let unknown =
            |name: &str| unknown_keys(&Document::parse(format!("{text}{name}: 1\n{end}").as_bytes()));
        assert_eq!(unknown(&name), [], "{section}.{name}");
        if name == "exec_NAME" {
            continue;
        }
        assert!(key(section, &name).is_some(), "{section}.{name}");
        let misspelt = format!("{name}s");
        assert_eq!(unknown(&misspelt).len(), 1, "{section}.{misspelt}");
        if !name.starts_with("ring") {
            assert_eq!(nearest(section, &misspelt), Some(name.as_str()), "{section}.{misspelt}");
        }
    }
}

/// The name that the table in docs/BEHAVIOUR.md has for it.
fn row(effect: Effect) -> &'static str {
    match effect {
        Effect::Live => "live",
        Effect::Anew(_) => "with the link recreated",
        Effect::Restart(_) => "with a restart, node by node",
        Effect::AllAtOnce(_) => "with a restart of all at once",
        Effect::Device(_) => "with a restart of corosync-qdevice",
        Effect::Unproven(_) => "not known",
    }
}

#[test]
fn the_table_in_the_documentation_is_that_of_the_code() {
    let text = include_str!("../../../docs/BEHAVIOUR.md");
    let (_, table) = text.split_once("| Takes effect | Keys | Source |\n|---|---|---|\n").unwrap_or_default();
    let lines = table.lines().take_while(|line| line.starts_with('|'));
    let mut written: BTreeSet<(String, String)> = BTreeSet::new();
    for line in lines {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let (effect, keys) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        for (section, names) in keys.split("; ").filter_map(|part| part.split_once(": ")) {
            let names = names.split(", ").map(|name| format!("{}.{name}", section.trim_matches('`')));
            written.extend(names.map(|name| (name.replace('`', ""), effect.to_owned())));
        }
    }
    let known: BTreeSet<_> = known_keys()
        .map(|key| (format!("{}.{}", key.section, key.name), row(key.effect).to_owned()))
        .collect();
    let missing: Vec<_> = known.difference(&written).collect();
    let wrong: Vec<_> = written.difference(&known).collect();
    assert_eq!((missing, wrong), (Vec::new(), Vec::new()));
}

#[test]
fn the_releases_in_the_documentation_are_those_of_the_code() {
    let text = include_str!("../../../docs/BEHAVIOUR.md");
    let (_, table) = text.split_once("| corosync | Options |\n|---|---|\n").unwrap_or_default();
    let mut written: BTreeSet<(String, String)> = BTreeSet::new();
    for line in table.lines().take_while(|line| line.starts_with('|')) {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let (release, options) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        written.extend(options.split(", ").map(|option| (option.replace('`', ""), release.to_owned())));
    }
    let known: BTreeSet<_> =
        later_options().map(|(option, release)| (option.to_owned(), release.to_string())).collect();
    assert_eq!(written, known);
}
