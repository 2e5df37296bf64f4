// SPDX-License-Identifier: GPL-3.0-or-later
//! The binary itself, on whatever machine the tests run on.

use serde_json::Value;

fn answer(arguments: &str) -> (Value, bool) {
    testkit::answer_of("cluster_facts", arguments)
}

/// Each situation is right somewhere; where there is no /etc/pve, only one is.
#[test]
fn this_machine() {
    for check_mode in ["false", "true"] {
        let (answer, success) = answer(&format!("{{\"_ansible_check_mode\": {check_mode}}}"));
        assert!(success && answer.get("failed").is_none(), "{answer}");
        assert_eq!(answer["changed"], false);
        let facts = &answer["ansible_facts"]["pve_cluster"];
        let situation = facts["situation"].as_str().unwrap();
        if std::path::Path::new("/etc/pve").exists() {
            assert_ne!(situation, "not_installed");
        } else {
            assert_eq!((situation, &facts["membership"]), ("not_installed", &Value::Null));
        }
        let addresses = facts["addresses"].as_array().unwrap();
        assert!(addresses.iter().all(|address| address["address"] != "127.0.0.1"));
    }
}

#[test]
fn an_option_that_is_not_there_is_refused() {
    let (answer, success) = answer(r#"{"gathers": "all"}"#);
    assert_eq!((answer["failed"].as_bool(), success), (Some(true), false));
    assert!(answer["msg"].as_str().unwrap().starts_with("Unsupported parameters for"), "{answer}");
}
