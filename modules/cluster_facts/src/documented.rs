// SPDX-License-Identifier: GPL-3.0-or-later
//! The facts against the RETURN section of the module's documentation: the same names, both ways.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::golden::{facts, facts as facts_of};
use crate::health_tests::with_health;
use crate::situations as nodes;

const STUB: &str = include_str!("../../../plugins/modules/cluster_facts.py");

/// The documented names, each with those above it: the keys without a value of their own on the line, but for those
/// that describe a name.
fn documented() -> BTreeSet<String> {
    let text = STUB.split("RETURN = r\"\"\"").nth(1).and_then(|rest| rest.split("\"\"\"").next()).unwrap();
    let mut above: Vec<(usize, &str)> = Vec::new();
    let mut found = BTreeSet::new();
    for line in text.lines() {
        let Some(key) = line.trim_start().strip_suffix(':') else { continue };
        let indent = line.len() - line.trim_start().len();
        if ["contains", "description"].contains(&key)
            || !key.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c == '2')
        {
            continue;
        }
        above.retain(|(column, _)| *column < indent);
        above.push((indent, key));
        found.insert(above.iter().map(|(_, key)| *key).collect::<Vec<_>>().join("."));
    }
    found
}

/// The names in the answer, lists taken as their elements. Below a name that is documented without names below it, the
/// names are those of nodes, links or services.
fn answered(value: &Value, path: &str, documented: &BTreeSet<String>, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(all) => all.iter().for_each(|one| answered(one, path, documented, found)),
        Value::Object(all) => {
            let inside = format!("{path}.");
            if !documented.iter().any(|name| name.starts_with(&inside)) {
                return;
            }
            for (name, value) in all {
                let path = format!("{inside}{name}");
                answered(value, &path, documented, found);
                found.insert(path);
            }
        }
        _ => {}
    }
}

#[test]
fn every_fact_is_documented_and_every_documented_fact_is_there() {
    let documented = documented();
    let vmlist = r#"{"version": 2, "ids": {"100": {"node": "pve1", "type": "qemu", "version": 1}}}"#;
    let host = with_health(nodes::two_links()).file("/etc/pve/.vmlist", vmlist);
    let note = "until 4102444800\nowner a role\nend\n";
    let host = host.file("/etc/pve/nodes/pve2/pve-cluster-rescue", note);
    let conf = host.text("/etc/pve/corosync.conf").replace("totem {", "totem {\n  ip_dscp: ef");
    let host = host.file("/etc/pve/corosync.conf", conf);
    let facts = facts(&host, &serde_json::json!({"gather": ["health"]}));
    let mut found = BTreeSet::from(["ansible_facts".to_owned(), "ansible_facts.pve_cluster".to_owned()]);
    answered(&facts, "ansible_facts.pve_cluster", &documented, &mut found);
    // one whose host name was changed says so
    let renamed = nodes::two_links();
    let members =
        renamed.text("/etc/pve/.members").replace("\"nodename\": \"pve1\"", "\"nodename\": \"pve9\"");
    let renamed = facts_of(&renamed.file("/etc/pve/.members", members), &serde_json::json!({}));
    assert_eq!(
        (&renamed["situation"], &renamed["listed_as"]),
        (&serde_json::json!("renamed"), &serde_json::json!("pve1"))
    );
    assert_eq!(
        (&renamed["nodeid"], &renamed["links"][0]["address"]),
        (&facts["nodeid"], &facts["links"][0]["address"])
    );
    answered(&renamed, "ansible_facts.pve_cluster", &documented, &mut found);
    // one without a vote says so, and no other
    let admitted = facts_of(&nodes::admitted(), &serde_json::json!({}));
    assert_eq!((&admitted["admitted"], facts.get("admitted")), (&serde_json::json!(true), None));
    answered(&admitted, "ansible_facts.pve_cluster", &documented, &mut found);
    assert_eq!(found.difference(&documented).collect::<Vec<_>>(), Vec::<&String>::new(), "not documented");
    assert_eq!(documented.difference(&found).collect::<Vec<_>>(), Vec::<&String>::new(), "not there");
    assert!(found.len() > 60, "{found:?}");
}
