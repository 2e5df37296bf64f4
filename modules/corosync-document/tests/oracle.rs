// SPDX-License-Identifier: GPL-3.0-or-later
//! What this crate believes of corosync, asked of the real one: `cargo test --features oracle`.
//!
//! It runs `corosync -t -c FILE`, from the search path or from the path in the variable `COROSYNC`, and fails when
//! there is none.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "the tests run the real corosync themselves, and a test may panic"
)]

use std::path::Path;
use std::process::Command;

use corosync_document::{Document, Place, Problem, disagreements, validate};
use proptest::prelude::*;

/// A cluster's file without encryption, for which corosync would want a key.
const CLUSTER: &str = "logging {\n  debug: off\n  to_syslog: no\n}\nnodelist {\n  node {\n    name: pve1\n    nodeid: 1\n    quorum_votes: 1\n    ring0_addr: 127.0.0.1\n  }\n  node {\n    name: pve2\n    nodeid: 2\n    quorum_votes: 1\n    ring0_addr: 127.0.0.2\n  }\n}\nquorum {\n  provider: corosync_votequorum\n}\ntotem {\n  cluster_name: lab\n  config_version: 3\n  interface {\n    linknumber: 0\n  }\n  ip_version: ipv4-6\n  link_mode: passive\n  version: 2\n}\n";

/// Whether corosync would start with it, and what it says.
fn corosync(text: &[u8]) -> (bool, String) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("corosync.conf");
    std::fs::write(&file, text).unwrap();
    run(&file)
}

fn run(file: &Path) -> (bool, String) {
    let program = std::env::var("COROSYNC").unwrap_or_else(|_| "corosync".into());
    let output = Command::new(&program).arg("-t").arg("-c").arg(file).output().unwrap_or_else(|error| {
        panic!(
            "this test compares with the real corosync and cannot run '{program}': {error}; \
             install the package 'corosync', or name the program in the variable COROSYNC"
        )
    });
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

fn refusals(text: &[u8]) -> Vec<String> {
    let found = disagreements(&Document::parse(text)).into_iter();
    let refused =
        |problem: &Problem| matches!(problem, Problem::CorosyncRefuses(_) | Problem::NotANumber { .. });
    found.filter(|finding| refused(&finding.problem)).map(|finding| finding.to_string()).collect()
}

#[test]
fn the_example_is_a_good_one() {
    let (starts, said) = corosync(CLUSTER.as_bytes());
    assert!(starts, "{said}");
    assert_eq!(validate(&Document::parse(CLUSTER.as_bytes())), vec![]);
    assert_eq!(disagreements(&Document::parse(CLUSTER.as_bytes())), vec![]);
}

#[test]
fn it_starts_after_every_edit() {
    let mut document = Document::parse(CLUSTER.as_bytes());
    document.set_link(1, [("pve1", "127.0.1.1"), ("pve2", "127.0.1.2")]).unwrap();
    document.set(&Place::Interface(1), "knet_link_priority", "20").unwrap();
    document.set(&Place::section("totem"), "token", "5000").unwrap();
    document.set(&Place::section("system"), "sched_rr", "no").unwrap();
    document.set(&Place::Logger("QUORUM".into()), "debug", "on").unwrap();
    document.set_votes("pve1", 2).unwrap();
    document.set_config_version(4).unwrap();
    let (starts, said) = corosync(&document.to_bytes());
    assert!(starts, "{said}\n{}", document.to_text());
    assert_eq!(validate(&document), vec![]);
}

/// Values at and beyond the bounds of the vocabulary, as corosync judges them at its start.
#[test]
fn the_bounds_are_corosyncs() {
    for (section, key, value, starts) in [
        ("totem", "token", "150", true),
        ("totem", "token_warning", "100", true),
        ("totem", "token_warning", "101", false),
        ("totem", "token_retransmit", "29", false),
        ("totem", "hold", "14", true),
        ("totem", "hold", "13", false),
        ("totem", "join", "29", false),
        ("totem", "merge", "30", true),
        ("totem", "merge", "29", false),
        ("totem", "downcheck", "29", false),
        ("totem", "max_network_delay", "29", false),
        ("totem", "consensus", "49", false),
        ("totem", "version", "3", false),
        ("totem", "transport", "bogus", false),
        ("totem", "link_mode", "rr", true),
        ("totem", "link_mode", "bogus", false),
        ("totem", "ip_version", "ipv5", false),
        ("totem", "crypto_hash", "sha2", false),
        ("totem", "crypto_cipher", "aes256", false), // without a hash
        ("totem", "knet_compression_model", "none", false),
        ("totem", "knet_compression_model", "zlib", true),
        ("totem", "knet_compression_level", "-5", true),
        ("logging", "debug", "trace", true),
        ("logging", "debug", "maybe", false),
        ("logging", "timestamp", "hires", true),
        ("logging", "timestamp", "yes", false),
        ("logging", "fileline", "yes", false),
        ("logging", "to_syslog", "on", true),
        ("logging", "to_syslog", "1", false),
        ("logging", "syslog_facility", "local8", false),
        ("logging", "syslog_priority", "warning", true),
        ("logging", "logfile_priority", "loud", false),
        ("quorum", "two_node", "1", true),
        ("quorum", "wait_for_all", "256", false),
        ("system", "sched_rr", "maybe", false),
        ("system", "qb_ipc_type", "shm", true),
    ] {
        let mut document = Document::parse(CLUSTER.as_bytes());
        document.set(&Place::section(section), key, value).unwrap();
        let (started, said) = corosync(&document.to_bytes());
        assert_eq!(started, starts, "{section}.{key}: {value}: {said}");
        let broken = validate(&document);
        // some rules are ours: a token of 150 ms starts, and knet cannot work with it
        assert!(
            starts || !broken.is_empty(),
            "{section}.{key}: {value} is refused and breaks no rule: {said}"
        );
        if starts && value != "150" {
            assert_eq!(broken, vec![], "{section}.{key}: {value}");
        }
    }
}

fn noise() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        Just("some_key"),
        Just("a.b"),
        Just("x-y"),
        Just("two words"),
        Just("k\u{e4}se"),
        Just("#key")
    ];
    let text = prop_oneof![
        3 => (key, prop_oneof![Just(": "), Just(":"), Just(" :\t"), Just(" ")], "[ -~]{0,6}").prop_map(|(k, c, v)| format!("{k}{c}{v}")),
        2 => ("[a-z_ :]{0,6}", prop_oneof![Just(" {"), Just("{"), Just(" { # x"), Just("{ }"), Just("{{")]).prop_map(|(s, b)| format!("{s}{b}\n}}")),
        2 => prop_oneof![Just("}"), Just("{"), Just("} # x"), Just("# {"), Just(" \t"), Just(":"), Just("\u{b}# x"), Just("word"), Just("# \r")].prop_map(str::to_owned),
        1 => (505..515_usize, any::<bool>()).prop_map(|(n, comment)| if comment { format!("#{}", "x".repeat(n)) } else { format!("some_key: {}", "x".repeat(n - 10)) }),
    ];
    (text, prop_oneof![4 => Just("\n"), 1 => Just("\r\n"), 1 => Just("\r\r\n"), 1 => Just("\u{a0}\n")])
        .prop_map(|(text, end)| text + end)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// corosync's parser refuses exactly the files of which this crate says so.
    #[test]
    fn corosync_refuses_what_is_said_to_be_refused(noise in noise(), at in 0..32_usize, cut in any::<bool>()) {
        // corosync 3.1.9 stores a value without a key, later versions refuse it, and so does this crate
        prop_assume!(!noise.trim_start_matches([' ', '\t', '\u{a0}']).starts_with(':') || noise.contains('{'));
        let mut lines: Vec<&str> = CLUSTER.split_inclusive('\n').collect();
        let at = at.min(lines.len());
        lines.insert(at, &noise);
        let text = lines.concat();
        let text = if cut { text.trim_end_matches(['\r', '\n']) } else { &text };
        let (_, said) = corosync(text.as_bytes());
        let refused = said.contains("parser error");
        let expected = refusals(text.as_bytes());
        prop_assert_eq!(refused, !expected.is_empty(), "corosync: {:?}\ncrate: {:?}\n{}", said, expected, text);
    }
}
