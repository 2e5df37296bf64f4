// SPDX-License-Identifier: GPL-3.0-or-later
//! This crate against what corosync and PVE's parser say of each file and each probe of `tests/corpus`; see there.

#![expect(clippy::disallowed_methods, reason = "a test reads its files")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::path::PathBuf;

use corosync_document::{Document, Problem, disagreements, key, validate};
use serde_json::Value;

/// What corosync does not take for a reason that is the machine's and not the file's.
const MACHINE: [&str; 4] = [
    "Can't open logfile",
    "No valid name found for local host",
    "Cannot chdir to state directory",
    "is not found in /etc/",
];

/// Values that corosync takes and this crate objects to, each with the reason.
const STRICTER: [(&str, &[&str], &str); 9] = [
    (
        "any number above 1 is 1 to it",
        &[
            "allow_downscale",
            "auto_tie_breaker",
            "expected_votes_tracking",
            "last_man_standing",
            "two_node",
            "wait_for_all",
        ],
        "quorum",
    ),
    (
        "every word but yes is no to it",
        &["block_unlisted_ips", "clear_node_high_bit", "cancel_token_hold_on_retransmit"],
        "totem",
    ),
    ("every word but yes is no to it", &["broadcast"], "totem.interface"),
    ("every word but on is off to it", &["secauth"], "totem"),
    (
        "only knet refuses it, when the link comes up",
        &["knet_ping_interval", "knet_ping_timeout", "knet_ping_precision", "knet_pong_count", "linknumber"],
        "totem.interface",
    ),
    (
        "only knet refuses it, or cuts it off",
        &["knet_mtu", "knet_pmtud_interval", "netmtu", "ip_dscp"],
        "totem",
    ),
    ("none of these is one", &["expected_votes", "last_man_standing_window", "provider"], "quorum"),
    ("pmxcfs does not take such a version", &["config_version"], "totem"),
    ("nobody can have meant it", &["keyfile", "nodeid"], "totem"),
];

struct Case {
    name: String,
    text: Vec<u8>,
    verdicts: Value,
}

impl Case {
    /// Whether each corosync that was asked says so; they are of one mind on all of these.
    fn corosync(&self, what: impl Fn(i64, &str) -> bool) -> bool {
        let answers: Vec<bool> = self.verdicts["corosync"]
            .as_object()
            .unwrap()
            .values()
            .map(|answer| {
                let errors: Vec<&str> = answer["errors"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|error| error.as_str().unwrap())
                    .collect();
                what(answer["rc"].as_i64().unwrap(), &errors.join("\n"))
            })
            .collect();
        assert!(answers.len() >= 2, "{}: asked of one corosync only", self.name);
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{}: they differ", self.name);
        answers[0]
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus")
}

/// The base with a probe in it, as `ask_corosync` makes it.
fn probe_text(base: &str, section: &str, lines: &[&str]) -> String {
    if section.is_empty() {
        return format!("{base}{}\n", lines.join("\n"));
    }
    let own: Vec<&str> =
        lines.iter().filter(|line| line.contains(':')).filter_map(|line| line.split(':').next()).collect();
    let names: Vec<&str> = section.split('.').collect();
    let (mut text, mut path, mut done) = (String::new(), Vec::new(), false);
    for line in base.lines() {
        let bare = line.trim();
        if bare == "}" {
            if path == names && !done {
                lines.iter().for_each(|line| text += &format!("    {line}\n"));
                done = true;
            }
            path.pop();
        } else if bare.ends_with('{') {
            path.push(bare.split(' ').next().unwrap());
        } else if path == names && !done && own.contains(&bare.split(':').next().unwrap()) {
            continue;
        }
        text += line;
        text.push('\n');
    }
    text
}

fn cases() -> Vec<Case> {
    let read = |name: &str| std::fs::read(folder().join(name)).unwrap();
    let table: Value = serde_json::from_slice(&read("verdicts.json")).unwrap();
    let mut cases = Vec::new();
    for (name, verdicts) in table["files"].as_object().unwrap() {
        let text = read(&format!("corosync.conf/{name}"));
        cases.push(Case { name: name.clone(), text, verdicts: verdicts.clone() });
    }
    assert!(cases.len() >= 200, "the corpus is not there");
    let files = std::fs::read_dir(folder().join("corosync.conf")).unwrap().count();
    assert_eq!(cases.len(), files, "a file without verdicts, or the other way round");
    let base = String::from_utf8(read("probe.conf")).unwrap();
    for probe in table["probes"].as_array().unwrap() {
        let lines: Vec<&str> =
            probe["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        let section = probe["section"].as_str().unwrap();
        let text = probe_text(&base, section, &lines).into_bytes();
        cases.push(Case { name: format!("{section}: {}", lines.join("; ")), text, verdicts: probe.clone() });
    }
    assert!(cases.len() >= 800, "the probes are not there");
    cases
}

fn is_refusal(problem: &Problem) -> bool {
    matches!(problem, Problem::CorosyncRefuses(_) | Problem::NotANumber { .. })
}

#[test]
fn no_byte_is_lost() {
    for case in cases() {
        assert_eq!(Document::parse(&case.text).to_bytes(), case.text, "{}", case.name);
    }
}

/// What corosync cannot parse is said to be so, and nothing else.
#[test]
fn corosync_parses_what_this_crate_says_it_does() {
    let mut wrong = Vec::new();
    for case in cases() {
        let theirs = case.corosync(|_, errors| {
            errors.contains("parser error") && !MACHINE.iter().any(|cause| errors.contains(cause))
        });
        let document = Document::parse(&case.text);
        let found = disagreements(&document);
        let ours = found.iter().any(|finding| is_refusal(&finding.problem));
        // corosync takes any text for the version, and ends by a signal when that is no number
        let version = found.iter().any(
            |finding| matches!(&finding.problem, Problem::NotANumber { key, .. } if key == "config_version"),
        );
        // a value that corosync's parser knows itself is a rule's to refuse here
        let value = theirs && !validate(&document).is_empty();
        if theirs != ours && !value && !version {
            wrong.push(format!("{}: corosync {theirs}, this crate {found:?}", case.name));
        }
    }
    assert_eq!(wrong, [""; 0]);
}

/// What corosync does not start from breaks a rule, unless the machine is at fault.
#[test]
fn what_corosync_does_not_start_from_is_found() {
    let mut wrong = Vec::new();
    for case in cases() {
        let refused =
            case.corosync(|rc, errors| rc != 0 && !MACHINE.iter().any(|cause| errors.contains(cause)));
        let document = Document::parse(&case.text);
        let found = disagreements(&document).iter().any(|finding| is_refusal(&finding.problem));
        if refused && !found && validate(&document).is_empty() {
            wrong.push(format!("{}: {}", case.name, case.verdicts["corosync"]));
        }
    }
    assert_eq!(wrong, [""; 0]);
}

/// What PVE's programs die of is found.
#[test]
fn what_pve_does_not_read_is_found() {
    let mut wrong = Vec::new();
    for case in cases() {
        let found = disagreements(&Document::parse(&case.text));
        if !case.verdicts["pve"].is_null() && found.is_empty() {
            wrong.push(format!("{}: {}", case.name, case.verdicts["pve"]));
        }
    }
    assert_eq!(wrong, [""; 0]);
}

/// A value that corosync takes has no objection, unless there is a reason.
#[test]
fn what_corosync_takes_is_taken() {
    let mut wrong = Vec::new();
    for case in cases() {
        let (Some(section), Some(lines)) =
            (case.verdicts["section"].as_str(), case.verdicts["lines"].as_array())
        else {
            continue;
        };
        if lines.iter().any(|line| line.as_str().is_some_and(|line| line.ends_with('{'))) {
            continue;
        }
        let started = case.corosync(|rc, _| rc == 0);
        for line in lines.iter().filter_map(Value::as_str) {
            let Some((name, value)) = line.split_once(": ") else { continue };
            let Some(known) = key(section, name) else { continue };
            let objection = known.objection(value.trim());
            let stricter = STRICTER.iter().any(|(_, names, of)| *of == section && names.contains(&name));
            if let (true, false, Some(objection)) = (started, stricter, objection) {
                wrong.push(format!("{section}.{name}: {value}: {objection}"));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}
