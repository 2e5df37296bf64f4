// SPDX-License-Identifier: GPL-3.0-or-later
//! The files of `tests/corpus`: each can be read, and each that corosync starts from can be given back and changes nothing.

#![expect(clippy::disallowed_methods, reason = "a test reads its files")]

use std::path::PathBuf;

use cluster_state::StateError;
use corosync_document::Document;
use serde_json::{Value, json};

use crate::args::Args;
use crate::export;
use crate::observe::Seen;
use crate::plan::{Plan, plan};
use crate::plan_tests::seen as seen_text;
use crate::settings::Wanted;

struct Case {
    name: String,
    text: Vec<u8>,
    starts: bool,
}

fn cases() -> Vec<Case> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus");
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let table: Value = serde_json::from_slice(&read("verdicts.json")).unwrap();
    let starts = |verdicts: &Value| {
        verdicts["corosync"].as_object().unwrap().values().all(|answer| answer["rc"] == json!(0))
    };
    let mut cases = Vec::new();
    for (name, verdicts) in table["files"].as_object().unwrap() {
        let text = read(&format!("corosync.conf/{name}"));
        cases.push(Case { name: name.clone(), text, starts: starts(verdicts) });
    }
    let base = String::from_utf8(read("probe.conf")).unwrap();
    for probe in table["probes"].as_array().unwrap() {
        let lines: Vec<&str> =
            probe["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        // at the end of its section: the last of a key counts, and one that is there twice has no place to be given back to
        let section = probe["section"].as_str().unwrap().rsplit('.').next().unwrap();
        let text = match base.split_once(&format!("{section} {{\n")) {
            Some((before, rest)) if !section.is_empty() => {
                let twice = |line: &&str| {
                    !lines.iter().any(|own| own.split(':').next() == line.trim().split(':').next())
                };
                let rest: String = rest.split_inclusive('\n').filter(twice).collect();
                format!("{before}{section} {{\n{}\n{rest}", lines.join("\n"))
            }
            _ => format!("{base}{}\n", lines.join("\n")),
        };
        let name = format!("{section}: {}", lines.join("; "));
        cases.push(Case { name, text: text.into_bytes(), starts: starts(probe) });
    }
    assert!(cases.len() > 800, "the corpus is not there");
    cases
}

fn seen(text: &[u8]) -> Seen {
    let mut seen = seen_text("totem {\n  config_version: 1\n}\n");
    seen.conf = Some(Document::parse(text));
    seen.local = seen.conf.clone();
    seen.running = Err(StateError::CorosyncNotRunning { program: "corosync-cmapctl".into() });
    seen
}

fn wanted(options: &Value) -> Result<Wanted, Vec<String>> {
    let mut args = json!({"state": "merged", "ha": "refuse", "validate_only": false, "several_links": false, "timeout": 60});
    for (name, value) in options.as_object().unwrap() {
        args[name] = value.clone();
    }
    Wanted::check(&serde_json::from_value::<Args>(args).unwrap())
}

/// Why something is to be done, or cannot be; nothing when nothing is to be done.
fn to_do(wanted: Result<Wanted, Vec<String>>, seen: &Seen) -> Option<String> {
    let wanted = match wanted {
        Ok(wanted) => wanted,
        Err(reasons) => return Some(reasons.join("; ")),
    };
    match plan(&wanted, seen) {
        Ok(Plan::Nothing(_)) => None,
        Ok(Plan::Change(work)) => Some(format!("it would change {:?}", work.changes)),
        Err(refusal) => Some(refusal.reasons.join("; ")),
    }
}

#[test]
fn every_file_can_be_read() {
    let mut wrong = Vec::new();
    for case in cases() {
        if let Some(reason) = to_do(Ok(Wanted::default()), &seen(&case.text)) {
            wrong.push(format!("{}: {reason}", case.name));
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn what_is_given_back_as_options_changes_nothing() {
    let mut wrong = Vec::new();
    for case in cases().iter().filter(|case| case.starts) {
        let mut options = export::config(&Document::parse(&case.text));
        for link in options["links"].as_array_mut().unwrap() {
            link["state"] = json!("present");
        }
        for state in ["merged", "replaced"] {
            let mut options = options.clone();
            options["state"] = json!(state);
            if let Some(reason) = to_do(wanted(&options), &seen(&case.text)) {
                wrong.push(format!("{} ({state}): {reason}", case.name));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn what_is_given_back_as_a_text_changes_nothing() {
    let mut wrong = Vec::new();
    for case in cases().iter().filter(|case| case.starts) {
        let Ok(text) = String::from_utf8(case.text.clone()) else { continue };
        if let Some(reason) = to_do(wanted(&json!({"content": text})), &seen(&case.text)) {
            wrong.push(format!("{}: {reason}", case.name));
        }
    }
    assert_eq!(wrong, [""; 0]);
}
