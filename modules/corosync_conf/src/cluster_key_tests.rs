// SPDX-License-Identifier: GPL-3.0-or-later
//! A key that was given is in nothing that the module says.

use ansible_module::answer;
use serde_json::{Value, json};
use testkit::FakeHost;

use crate::cluster_key::keys_in;
use crate::fake::{Trouble, conf, node};
use crate::{args, module};

const KEY: &str = "c2VjcmV0LW9mLXRoZS1jbHVzdGVy";

fn run(host: &FakeHost, mut asked: Value) -> Value {
    asked["_ansible_diff"] = true.into();
    asked["rescue_after"] = 0.into();
    asked["timeout"] = 5.into();
    answer(&args::spec(), asked.to_string().as_bytes(), host, module::run)
}

fn with_key(line: &str) -> String {
    conf(6).replace("  config_version: 6\n", &format!("{line}\n  config_version: 6\n"))
}

#[test]
fn a_key_that_was_given_is_shown_nowhere() {
    for line in [
        format!("  key: {KEY}"),
        format!("key:{KEY}"),
        format!("  key: {KEY}\r"),
        format!("  key {KEY}"),
        format!("  Key = '{KEY}'"),
        format!("  keyy: 1\n  key: {KEY}\n  key: {KEY}x"),
        format!("  tokn: 5000\n\tkey:\t{KEY} "),
        format!("  interface {{\n    linknumber: 0\n    key: {KEY}\n  }}"),
        format!("  interface {{ key: {KEY} }}"),
        format!("}}\nnonsense {{\n  key: {KEY}"),
    ] {
        let content = with_key(&line);
        for asked in [
            json!({"content": content}),
            json!({"content": content, "validate_only": true}),
            json!({"content": content, "_ansible_check_mode": true}),
            json!({"content": content, "_ansible_verbosity": 3}),
            json!({"content": [content]}),
            json!({"content": {"totem": {"key": KEY}}}),
            json!({"state": "returned", "content": content}),
            json!({"totem": {"key": KEY, "token": 5000}}),
            json!({"totem": format!("key={KEY} token=5000")}),
            json!({"totem": format!("{{key: {KEY}")}),
            json!({"content": content, "totem": {"key": KEY}}),
            json!({"content": content, "no_such_option": 1}),
        ] {
            let said = run(&node(&conf(6), Trouble::default()), asked.clone());
            assert!(!said.to_string().contains(KEY), "{asked}\n{said}");
            assert!(
                said["invocation"].to_string().contains("****")
                    || said["invocation"].to_string().contains("NO_LOG"),
                "{said}"
            );
        }
    }
}

#[test]
fn a_cluster_that_has_one_shows_it_neither() {
    let file = with_key(&format!("  key: {KEY}"));
    let host = node(&file, Trouble::default());
    let changed = run(
        &host,
        json!({"content": file.replace("  config_version: 6\n", "  config_version: 6\n  token: 5000\n")}),
    );
    assert_eq!(changed["changed"], true, "{changed}");
    assert!(changed["diff"].to_string().contains("key: ********"), "{changed}");
    assert!(!changed.to_string().contains(KEY), "{changed}");
    for asked in [
        json!({"totem": {"token": 6000}}),
        json!({"content": conf(6)}),
        json!({"state": "replaced", "totem": {}}),
    ] {
        let said = run(&node(&file, Trouble::default()), asked.clone());
        assert!(!said.to_string().contains(KEY), "{asked}\n{said}");
    }
    // two of them, which the readers of the file take differently
    let said = run(
        &node(&with_key(&format!("  key: {KEY}\n  key: {KEY}2")), Trouble::default()),
        json!({"totem": {"token": 6000}}),
    );
    assert!(!said.to_string().contains(KEY), "{said}");
}

#[test]
fn only_keys_are_hidden() {
    let content = with_key(&format!("  keyfile: /etc/corosync/authkey\n  # the monkey: 12345\n  key: {KEY}"));
    let said = run(&node(&conf(6), Trouble::default()), json!({"content": content}));
    let shown = said["invocation"]["module_args"]["content"].as_str().unwrap();
    assert_eq!(shown, content.replace(KEY, "********"));
    let plain = run(&node(&conf(6), Trouble::default()), json!({"content": conf(6), "totem": null}));
    assert_eq!(plain["invocation"]["module_args"]["content"], conf(6));
}

#[test]
fn every_way_to_write_one() {
    for (given, found) in [
        (json!("key: abcd"), vec!["abcd", "abcd"]),
        (json!(" key: abc "), vec!["key: abc", "key: abc"]),
        (json!("key:"), vec![]),
        (json!("key"), vec![]),
        (json!("crypto_key: abcd"), vec![]),
        (json!("key_x: abcd"), vec![]),
        (json!("pre-key: abcd"), vec![]),
        (json!("keys: abcd"), vec![]),
        (json!("{'totem': {'key': 'abcd', 'x': 1}}"), vec!["abcd', 'x': 1}}", "abcd"]),
        (json!("key: abcd # mine"), vec!["abcd # mine", "abcd"]),
        (
            json!({"key": "abc", "deep": [{"KEY": 12345}, {"key": {"key": "wxyz"}}], "keys": "x"}),
            vec!["12345", "abc", "wxyz"],
        ),
        (json!({"key": null, "other": true}), vec![]),
    ] {
        let mut seen = keys_in(&given);
        if given.is_object() {
            // in whatever order a mapping has
            seen.sort();
        }
        assert_eq!(seen, found, "{given}");
    }
}
