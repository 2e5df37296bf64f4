// SPDX-License-Identifier: GPL-3.0-or-later
//! Every recording of `pvecm create`, `add`, `addnode` and `delnode` that the repository has, and what is said of it.
//!
//! The words are in `recorded-words.txt`, one line a recording. A recording without a line fails, and so does a line
//! without a recording.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use host::{Ending, Host, Output, RealHost};

use crate::explain;
use crate::pvecm::{cause, claims_success};

const WORDS: &str = include_str!("recorded-words.txt");

/// One recording.
struct Recording {
    command: String,
    output: Output,
}

/// The recordings of these commands, by `situation/name`.
fn recordings() -> BTreeMap<String, Recording> {
    let host = RealHost::new();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/lab/replay/recordings")
        .canonicalize()
        .unwrap();
    let mut found = BTreeMap::new();
    for file in host.list(&directory).unwrap() {
        let text = String::from_utf8(host.read(&directory.join(&file)).unwrap()).unwrap();
        let situation = file.strip_suffix(".txt").unwrap();
        for part in text.split("RECORDING: ").skip(1) {
            let (name, rest) = part.split_once('\n').unwrap();
            let (head, rest) = rest.split_once("===== STDOUT =====\n").unwrap();
            let (stdout, rest) = rest.split_once("===== STDERR =====\n").unwrap();
            let (stderr, _) = rest.split_once("===== END =====").unwrap();
            let command = head.lines().find_map(|line| line.strip_prefix("COMMAND: ")).unwrap().to_owned();
            let words: Vec<&str> = command.split_whitespace().collect();
            let is_one = |pair: &[&str]| {
                pair.first() == Some(&"pvecm")
                    && pair.get(1).is_some_and(|word| ["create", "add", "addnode", "delnode"].contains(word))
            };
            if !words.windows(2).any(is_one) {
                continue;
            }
            let code = head.split("EXIT CODE: ").nth(1).unwrap().lines().next().unwrap();
            let ended = |code: i32| if code == 124 { Ending::TimedOut } else { Ending::Exited(code) };
            // A recording of `timeout` has the code of pvecm in its last line.
            let inner = stdout.lines().last().and_then(|line| line.split_once("killed by timeout"));
            let ending = match (code.parse(), inner) {
                (Ok(_), Some((_, rest))) => ended(rest.rsplit(' ').next().unwrap().parse().unwrap()),
                (Ok(code), None) => ended(code),
                (Err(_), _) => Ending::TimedOut,
            };
            let output = Output { ending, stdout: stdout.to_owned(), stderr: stderr.to_owned() };
            found.insert(format!("{situation}/{name}"), Recording { command, output });
        }
    }
    found
}

/// What the module says of it; `done` when pvecm says that it did its work.
fn said(recording: &Recording) -> String {
    let Recording { command, output } = recording;
    let patience = Duration::from_secs(60);
    let does = |verb: &str| command.contains(&format!("pvecm {verb}"));
    if does("delnode") || does("addnode") {
        // What these say on success goes to stdout, and that a node that is off cannot be killed is no failure.
        let quiet = output.stderr.lines().all(|line| line.contains("CS_ERR_NOT_EXIST"));
        return if quiet && output.exited_zero() {
            "done".to_owned()
        } else {
            explain::failure("", &output.stderr)
        };
    }
    if claims_success(does("add"), output) { "done".to_owned() } else { cause(output, patience, None) }
}

#[test]
fn every_recording_has_its_words() {
    let mut expected: BTreeMap<&str, &str> = BTreeMap::new();
    for line in WORDS.lines().filter(|line| !line.starts_with('#')) {
        let (name, words) = line.split_once('\t').unwrap();
        assert!(expected.insert(name, words).is_none(), "{name} has two lines");
    }
    let found = recordings();
    for (name, recording) in &found {
        assert_eq!(Some(said(recording).as_str()), expected.remove(name.as_str()), "{name}");
    }
    assert_eq!(expected, BTreeMap::new(), "lines without a recording");
    assert_eq!(found.len(), 89, "a recording that is no longer found is not tested");
}

/// pvecm's own last words say less than what is made of them, or they are unknown.
#[test]
fn no_failure_is_only_passed_on() {
    for (name, recording) in recordings() {
        let words = said(&recording);
        let last = recording.output.stderr.lines().last().unwrap_or_default();
        let passed_on = words.ends_with(last) && !last.is_empty() && words != "done";
        assert!(!passed_on || recording.output.ending == Ending::TimedOut, "{name}: {words}");
    }
}
