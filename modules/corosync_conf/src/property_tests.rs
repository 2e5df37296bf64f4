// SPDX-License-Identifier: GPL-3.0-or-later
//! What holds for every wish and every file.

use std::collections::BTreeSet;
use std::path::PathBuf;

use corosync_document::{Document, disagreements, validate};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::args::Args;
use crate::export;
use crate::fake::{conf, two_links};
use crate::observe::Seen;
use crate::plan::{Plan, Work, plan};
use crate::plan_tests::seen;
use crate::settings::Wanted;

/// Files of a cluster of three with one link or two, as PVE writes them and as people leave them.
fn file() -> impl Strategy<Value = String> {
    let style =
        prop_oneof![Just(("  ", "\n")), Just(("\t", "\n")), Just(("  ", "\r\n")), Just(("    ", "\n")),];
    let extra =
        prop_oneof![Just(""), Just("# a comment { : }\n"), Just("  join: 60\n"), Just("  token: 1500\n\n")];
    (any::<bool>(), style, extra, any::<bool>()).prop_map(|(two, (indent, end), extra, cut)| {
        let text = if two { two_links(6) } else { conf(6) };
        let text = text.replace("  ip_version", &format!("{extra}  ip_version"));
        let text = text.replace("  ", indent).replace('\n', end);
        if cut { text.trim_end().to_owned() } else { text }
    })
}

fn options() -> impl Strategy<Value = Value> {
    let totem = prop_oneof![
        (400..20_000_u32).prop_map(|ms| ("token", json!(ms))),
        (0..900_u32).prop_map(|ms| ("token_coefficient", json!(ms))),
        (30..50_u32).prop_map(|ms| ("join", json!(format!("0{ms}")))),
        (30..900_u32).prop_map(|ms| ("merge", json!(ms))),
        Just(("block_unlisted_ips", json!(true))),
        Just(("token", Value::Null)),
        Just(("join", Value::Null)),
        Just(("crypto_hash", json!("sha512"))),
        Just(("secauth", json!(false))),
        Just(("link_mode", json!("active"))),
        Just(("tokn", json!(1))),
    ];
    let logging = prop_oneof![
        Just(("debug", json!(true))),
        Just(("debug", json!("trace"))),
        Just(("logfile", json!("/var/log/corosync.log"))),
        Just(("logfile", json!("a # b"))),
        Just(("to_syslog", Value::Null)),
    ];
    let map = |keys: Vec<(&str, Value)>| {
        keys.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>()
    };
    let network = (0..4_u8).prop_map(|net| {
        let node = |number: u8| (format!("pve{number}"), json!(format!("10.8{net}.0.1{number}")));
        Value::from((1..=3).map(node).collect::<Map<_, _>>())
    });
    let link = prop_oneof![
        (0..3_u8, 0..300_u32).prop_map(|(number, priority)| json!({"number": number, "priority": priority, "state": "present"})),
        (0..8_u8, network).prop_map(|(number, addresses)| json!({"number": number, "addresses": addresses, "state": "present"})),
        (0..2_u8).prop_map(|number| json!({"number": number, "state": "absent"})),
        (0..2_u8).prop_map(|number| json!({"number": number, "state": "present",
            "options": {"knet_ping_interval": 500, "knet_ping_timeout": 1000, "mcastport": 5500 + u32::from(number)}})),
    ];
    let votes =
        (1..4_u8, 0..3_u8).prop_map(|(node, votes)| json!({format!("pve{node}"): {"quorum_votes": votes}}));
    let some = |strategy| prop::collection::vec(strategy, 0..3);
    let parts = (
        some(totem.boxed()),
        some(logging.boxed()),
        prop::collection::vec(link, 0..3),
        prop::option::of(votes),
    );
    (parts, any::<bool>()).prop_map(move |((totem, logging, links, votes), replaced)| {
        json!({
            "totem": map(totem),
            "logging": map(logging),
            "links": if links.is_empty() { Value::Null } else { links.into() },
            "nodes": votes,
            "state": if replaced { "replaced" } else { "merged" },
            "several_links": true,
            "ha": "refuse",
            "validate_only": false,
            "timeout": 60,
        })
    })
}

fn wanted(options: &Value) -> Result<Wanted, Vec<String>> {
    Wanted::check(&serde_json::from_value::<Args>(options.clone()).unwrap())
}

/// A cluster with this file, in which every link that it has connects.
fn cluster(text: &str) -> Seen {
    let links = Document::parse(text.as_bytes()).links();
    let connected: BTreeSet<(u32, u8)> = links.into_iter().flat_map(|link| [(2, link), (3, link)]).collect();
    Seen { connected, ..seen(text) }
}

fn planned(options: &Value, text: &str) -> Option<Box<Work>> {
    match plan(&wanted(options).ok()?, &cluster(text)) {
        Ok(Plan::Change(work)) => Some(work),
        Ok(Plan::Nothing(_)) | Err(_) => None,
    }
}

/// Whether these options change nothing of this file.
fn is_done(options: &Value, text: &Document) -> Result<(), String> {
    match plan(&wanted(options).map_err(|reasons| reasons.join("; "))?, &cluster(&text.to_text())) {
        Ok(Plan::Nothing(_)) => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

fn alone(mut options: Value, rest: &Value) -> Value {
    for key in ["ha", "validate_only", "several_links", "timeout"] {
        options[key] = rest[key].clone();
    }
    for link in options["links"].as_array_mut().into_iter().flatten() {
        link["state"] = "present".into();
    }
    options
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every text on the way is read alike by both readers, breaks no rule and has the next version; after the last
    /// nothing is left to do, and what is read from it, as options or as a whole, changes nothing.
    #[test]
    fn a_plan_that_was_carried_out_is_empty(text in file(), options in options()) {
        if let Some(work) = planned(&options, &text) {
            for (number, step) in (7..).zip(&work.steps) {
                prop_assert_eq!(disagreements(&step.after), vec![]);
                prop_assert_eq!(validate(&step.after), vec![]);
                prop_assert_eq!(step.after.config_version(), Some(number));
                prop_assert_eq!(&Document::parse(&step.after.to_bytes()), &step.after);
            }
            prop_assert_eq!(is_done(&options, &work.after), Ok(()));
            for state in ["merged", "replaced"] {
                let mut read = export::config(&work.after);
                read["state"] = state.into();
                prop_assert_eq!(is_done(&alone(read, &options), &work.after), Ok(()));
            }
            let whole = json!({"content": work.after.to_text(), "state": "merged"});
            prop_assert_eq!(is_done(&alone(whole, &options), &work.after), Ok(()));
            for line in text.lines().filter(|line| line.trim_start().starts_with('#')) {
                prop_assert!(work.after.to_text().contains(line), "a comment is lost");
            }
        }
    }
}

/// The texts that plans lead to, written into the folder named by the variable RESULTS, for `tools/oracle`, which asks
/// the real corosync whether it would start from them. Without the variable they are only counted.
#[test]
#[expect(clippy::disallowed_methods, reason = "the results are for another program")]
fn results_for_the_oracle() {
    let folder = std::env::var_os("RESULTS").map(PathBuf::from);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut texts = BTreeSet::new();
    while texts.len() < 120 {
        let tree = (file(), options()).new_tree(&mut runner).unwrap();
        let (text, options) = proptest::strategy::ValueTree::current(&tree);
        for step in planned(&options, &text).iter().flat_map(|work| &work.steps) {
            texts.insert(step.after.to_bytes());
        }
    }
    for (number, text) in texts.iter().enumerate() {
        if let Some(folder) = &folder {
            std::fs::write(folder.join(format!("{number}.conf")), text).unwrap();
        }
    }
}
