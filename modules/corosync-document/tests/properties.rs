// SPDX-License-Identifier: GPL-3.0-or-later
//! What holds for every document and every edit.

#![expect(clippy::indexing_slicing, reason = "a test may panic")]

use corosync_document::{Document, Place, disagreements};
use proptest::prelude::*;

/// Lines as people write them, good and bad, in any order.
fn line() -> impl Strategy<Value = String> {
    let indent = prop_oneof![Just(""), Just("  "), Just("\t"), Just("    ")];
    let key = prop_oneof![
        Just("token"),
        Just("version"),
        Just("config_version"),
        Just("name"),
        Just("nodeid"),
        Just("ring0_addr"),
        Just("debug"),
        Just("linknumber"),
        Just("subsys"),
        Just("some_key"),
    ];
    let section = prop_oneof![
        Just("totem"),
        Just("interface"),
        Just("nodelist"),
        Just("node"),
        Just("quorum"),
        Just("logging"),
        Just("device"),
        Just("logger_subsys"),
    ];
    let value = prop_oneof![
        Just("1"),
        Just("5000"),
        Just("on"),
        Just("10.0.0.1"),
        Just("pve1"),
        Just("a b"),
        Just("x # y"),
        Just("")
    ];
    let text = prop_oneof![
        4 => (key, prop_oneof![Just(": "), Just(":"), Just(" : "), Just(":\t")], value).prop_map(|(k, c, v)| format!("{k}{c}{v}")),
        3 => (section, prop_oneof![Just(" {"), Just("{"), Just("  {"), Just(" { # x")]).prop_map(|(s, b)| format!("{s}{b}")),
        4 => Just("}".to_owned()),
        1 => Just("# a comment { : }".to_owned()),
        1 => Just(String::new()),
        1 => "[ -~]{0,12}".prop_map(|s| s),
    ];
    let ending = prop_oneof![8 => Just("\n"), 1 => Just("\r\n")];
    (indent, text, ending).prop_map(|(indent, text, ending)| format!("{indent}{text}{ending}"))
}

fn file() -> impl Strategy<Value = String> {
    (prop::collection::vec(line(), 0..30), any::<bool>()).prop_map(|(lines, cut)| {
        let text = lines.concat();
        if cut { text.trim_end_matches(['\r', '\n']).to_owned() } else { text }
    })
}

/// Files that both readers take, as a cluster has them, in several styles.
fn cluster() -> impl Strategy<Value = String> {
    let style = (
        prop_oneof![Just("  "), Just("\t"), Just("    ")],
        prop_oneof![Just("\n"), Just("\r\n")],
        any::<bool>(),
    );
    let keys = prop::sample::subsequence(
        vec!["token: 1000", "secauth: on", "link_mode: passive", "token_coefficient: 125"],
        0..4,
    );
    (style, 1..5_u8, keys.prop_shuffle(), any::<bool>()).prop_map(
        |((indent, end, cut), nodes, keys, comments)| {
            let mut lines = vec!["nodelist {".to_owned()];
            for node in 1..=nodes {
                lines.extend([format!("{indent}node {{"), format!("{indent}{indent}name: pve{node}")]);
                if comments {
                    lines.push("# the address".into());
                }
                lines.push(format!("{indent}{indent}nodeid: {node}"));
                lines.extend([format!("{indent}{indent}ring0_addr: 10.0.0.{node}"), format!("{indent}}}")]);
            }
            lines.extend(["}".into(), String::new(), "totem {".into(), format!("{indent}config_version: 7")]);
            lines.extend(keys.iter().map(|key| format!("{indent}{key}")));
            lines.extend(["}".into(), "logging {".into(), "}".into()]);
            let text = lines.join(end);
            if cut { text } else { text + end }
        },
    )
}

#[derive(Debug, Clone)]
enum Edit {
    Set(Place, &'static str, &'static str),
    Remove(Place, &'static str),
    AddLink(u8),
    RemoveLink(u8),
}

fn edit() -> impl Strategy<Value = Edit> {
    let place = prop_oneof![
        Just(Place::section("totem")),
        Just(Place::section("quorum")),
        Just(Place::section("quorum.device.net")),
        Just(Place::section("logging")),
        Just(Place::Node("pve1".into())),
        Just(Place::Interface(0)),
        Just(Place::Interface(1)),
    ];
    let key =
        prop_oneof![Just("token"), Just("aaa"), Just("zzz"), Just("config_version"), Just("quorum_votes")];
    let value = prop_oneof![Just("1"), Just("5000"), Just("10.0.0.99"), Just("some-value")];
    prop_oneof![
        4 => (place.clone(), key.clone(), value).prop_map(|(p, k, v)| Edit::Set(p, k, v)),
        2 => (place, key).prop_map(|(p, k)| Edit::Remove(p, k)),
        1 => (0..8_u8).prop_map(Edit::AddLink),
        1 => (0..8_u8).prop_map(Edit::RemoveLink),
    ]
}

/// Applies an edit; answers whether it changed anything, or nothing when it was refused.
fn apply(document: &mut Document, edit: &Edit) -> Option<bool> {
    match edit {
        Edit::Set(place, key, value) => document.set(place, key, value).ok(),
        Edit::Remove(place, key) => Some(document.remove(place, key)),
        Edit::AddLink(link) => {
            let nodes = document.nodes();
            let addresses: Vec<String> =
                (1..=nodes.len()).map(|node| format!("10.{link}.1.{node}")).collect();
            let links =
                nodes.iter().zip(&addresses).map(|(node, address)| (node.name.as_str(), address.as_str()));
            document.set_link(*link, links).ok()
        }
        Edit::RemoveLink(link) => document.remove_link(*link).ok(),
    }
}

/// The lines of `one` that are also in `two`, in order, at most.
fn common(one: &[&[u8]], two: &[&[u8]]) -> usize {
    let mut row = vec![0; two.len() + 1];
    for line in one {
        let mut diagonal = 0;
        for (at, other) in two.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if line == other { diagonal + 1 } else { above.max(row[at]) };
            diagonal = above;
        }
    }
    row[two.len()]
}

fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert_eq!(Document::parse(&bytes).to_bytes(), bytes);
    }

    #[test]
    fn any_file_comes_back_and_can_be_examined(text in file()) {
        let document = Document::parse(text.as_bytes());
        prop_assert_eq!(document.to_bytes(), text.as_bytes());
        let _ = (disagreements(&document), corosync_document::validate(&document), document.links());
        let _ = (document.config_version(), document.interfaces(), document.device());
    }

    /// An edit that is refused or changes nothing leaves every byte; one that was made is there, once made it
    /// changes nothing again.
    #[test]
    fn an_edit_is_made_once(text in file(), edit in edit()) {
        let before = Document::parse(text.as_bytes());
        let mut document = before.clone();
        match apply(&mut document, &edit) {
            None | Some(false) => prop_assert_eq!(&document, &before),
            Some(true) => {
                prop_assert_ne!(document.to_bytes(), before.to_bytes());
                if let Edit::Set(place, key, value) = &edit {
                    prop_assert_eq!(document.value(place, key), Some(*value));
                }
                let once = document.clone();
                prop_assert_eq!(apply(&mut document, &edit), Some(false));
                prop_assert_eq!(&document, &once);
            }
        }
        prop_assert_eq!(&Document::parse(&document.to_bytes()), &document, "what was edited reads as it was meant");
    }

    /// In a file that both readers take, a changed key changes one line, and every other line stays.
    #[test]
    fn an_edit_moves_only_its_lines(text in cluster(), edit in edit()) {
        let before = Document::parse(text.as_bytes());
        let mut document = before.clone();
        let changed = apply(&mut document, &edit) == Some(true);
        let (old, new) = (before.to_bytes(), document.to_bytes());
        let (old, new) = (lines(&old), lines(&new));
        let kept = common(&old, &new);
        let nodes = before.nodes().len();
        let (gone, come) = (old.len() - kept, new.len() - kept);
        match &edit {
            _ if !changed => prop_assert_eq!((gone, come), (0, 0)),
            Edit::Set(place, key, _) if before.value(place, key).is_some() => prop_assert_eq!((gone, come), (1, 1)),
            // a new section may need blank lines and, at the end, the missing line feed of the last line
            Edit::Set(..) => prop_assert!(gone <= 1 && come <= 9, "-{} +{}", gone, come),
            Edit::Remove(..) => prop_assert_eq!((gone, come), (1, 0)),
            Edit::AddLink(_) => prop_assert!(gone <= nodes && come <= nodes + 3, "-{} +{}", gone, come),
            Edit::RemoveLink(_) => prop_assert!(come == 0 && gone <= nodes + 3, "-{} +{}", gone, come),
        }
    }

    /// What both readers take is still read alike after any number of edits.
    #[test]
    fn edits_stay_within_the_common_grammar(text in cluster(), edits in prop::collection::vec(edit(), 0..6)) {
        let mut document = Document::parse(text.as_bytes());
        prop_assert_eq!(disagreements(&document), vec![]);
        for edit in &edits {
            apply(&mut document, edit);
        }
        prop_assert_eq!(disagreements(&Document::parse(&document.to_bytes())), vec![]);
    }

    /// Adding what was not there and removing it again leaves the file as it was.
    #[test]
    fn a_link_added_and_removed_leaves_no_trace(text in cluster(), link in 1..8_u8) {
        let before = Document::parse(text.as_bytes());
        let mut document = before.clone();
        prop_assert_eq!(apply(&mut document, &Edit::AddLink(link)), Some(true));
        prop_assert_eq!(apply(&mut document, &Edit::RemoveLink(link)), Some(true));
        prop_assert_eq!(document.to_text(), before.to_text());
    }
}
