// SPDX-License-Identifier: GPL-3.0-or-later
//! The audit trail: what a module has changed on this machine, for the machine's own journal.
//!
//! One entry for each answer that says `changed`, in check mode none. It names the module, its options, the difference, and the
//! run it belongs to, as far as whoever called the module told. Secrets are out, and a task with `no_log` leaves only that it changed something.

use host::Host;
use serde_json::{Map, Value, json};

use crate::secrets::Secrets;
use crate::{Context, Diff};

/// What all entries have as `SYSLOG_IDENTIFIER`: `journalctl -t pve.cluster` lists them.
const IDENTIFIER: &str = "pve.cluster";
/// Longest value. A journal takes more, one datagram does not.
const LONGEST: usize = 48 * 1024;

/// Writes the entry of this answer, if it is one of a change. What went wrong with that, as a warning.
pub(crate) fn note(
    host: &dyn Host,
    name: &str,
    context: &Context,
    secrets: &Secrets,
    options: &Map<String, Value>,
    diff: &[Diff],
    answer: &Map<String, Value>,
) -> Option<String> {
    let entry = entry(name, context, secrets, options, diff, answer)?;
    let fields: Vec<(&str, &str)> = entry.iter().map(|(name, value)| (*name, value.as_str())).collect();
    host.journal(&fields).err().map(|error| format!("this change is not in the machine's journal: {error}"))
}

/// The fields of an entry; none where nothing was changed.
fn entry(
    name: &str,
    context: &Context,
    secrets: &Secrets,
    options: &Map<String, Value>,
    diff: &[Diff],
    answer: &Map<String, Value>,
) -> Option<Vec<(&'static str, String)>> {
    let flag = |key: &str| answer.get(key).and_then(Value::as_bool) == Some(true);
    if context.check_mode || !flag("changed") {
        return None;
    }
    let failed = flag("failed");
    let said = answer.get("msg").and_then(Value::as_str).filter(|_| !context.no_log).unwrap_or_default();
    let how = if failed { "failed after a change" } else { "changed" };
    let message = if said.is_empty() { format!("{name}: {how}") } else { format!("{name}: {how}: {said}") };
    let mut fields = vec![
        ("MESSAGE", message),
        ("SYSLOG_IDENTIFIER", IDENTIFIER.to_owned()),
        // 4 is a warning, 5 what is normal and of importance
        ("PRIORITY", if failed { "4" } else { "5" }.to_owned()),
        ("PVE_CLUSTER_MODULE", name.to_owned()),
        ("PVE_CLUSTER_RESULT", if failed { "failed" } else { "changed" }.to_owned()),
    ];
    for (field, value) in [
        ("PVE_CLUSTER_RUN", &context.origin.run),
        ("PVE_CLUSTER_BY", &context.origin.by),
        ("PVE_CLUSTER_TASK", &context.origin.task),
    ] {
        if !value.is_empty() {
            fields.push((field, value.clone()));
        }
    }
    if !context.no_log {
        let texts = Map::from_iter([
            ("options".to_owned(), Value::Object(options.clone())),
            ("diff".to_owned(), json!(diff)),
        ]);
        let texts = secrets.scrub_answer(texts);
        for (field, key) in [("PVE_CLUSTER_OPTIONS", "options"), ("PVE_CLUSTER_DIFF", "diff")] {
            if let Some(value) = texts.get(key).filter(|value| **value != json!([])) {
                fields.push((field, value.to_string()));
            }
        }
    }
    for (_, value) in &mut fields {
        *value = secrets.scrub_text(value);
        if value.len() > LONGEST {
            *value = format!("left out: {} bytes", value.len());
        }
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Origin;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else { panic!("not an object") };
        map
    }

    fn entry_of(context: &Context, answer: Value) -> Option<Vec<(&'static str, String)>> {
        let mut secrets = Secrets::default();
        secrets.add(&json!("hunter2"));
        let options = object(json!({"state": "joined", "password": "hunter2"}));
        let diff = [Diff::of_file("/etc/x", "key hunter2\n", "b\n")];
        entry("pvecm_cluster", context, &secrets, &options, &diff, &object(answer))
    }

    #[test]
    fn a_change_is_told_whole_and_without_secrets() {
        let context = Context {
            origin: Origin { run: "r1".into(), by: "anna@desk".into(), task: "Join hunter2".into() },
            ..Context::default()
        };
        let found = entry_of(&context, json!({"changed": true, "msg": "joined with hunter2"})).unwrap();
        let texts: Vec<(&str, &str)> = found.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(
            texts,
            [
                ("MESSAGE", "pvecm_cluster: changed: joined with ********"),
                ("SYSLOG_IDENTIFIER", "pve.cluster"),
                ("PRIORITY", "5"),
                ("PVE_CLUSTER_MODULE", "pvecm_cluster"),
                ("PVE_CLUSTER_RESULT", "changed"),
                ("PVE_CLUSTER_RUN", "r1"),
                ("PVE_CLUSTER_BY", "anna@desk"),
                ("PVE_CLUSTER_TASK", "Join ********"),
                (
                    "PVE_CLUSTER_OPTIONS",
                    "{\"state\":\"joined\",\"password\":\"VALUE_SPECIFIED_IN_NO_LOG_PARAMETER\"}"
                ),
                (
                    "PVE_CLUSTER_DIFF",
                    "[{\"before_header\":\"/etc/x\",\"after_header\":\"/etc/x\",\"before\":\"key ********\\n\",\"after\":\"b\\n\"}]"
                ),
            ]
        );
    }

    #[test]
    fn a_failure_after_a_change_is_a_warning() {
        let found = entry_of(&Context::default(), json!({"changed": true, "failed": true})).unwrap();
        assert_eq!(found.first(), Some(&("MESSAGE", "pvecm_cluster: failed after a change".to_owned())));
        assert!(
            found.contains(&("PRIORITY", "4".to_owned()))
                && found.contains(&("PVE_CLUSTER_RESULT", "failed".to_owned()))
        );
        assert!(
            !found
                .iter()
                .any(|(name, _)| ["PVE_CLUSTER_RUN", "PVE_CLUSTER_BY", "PVE_CLUSTER_TASK"].contains(name))
        );
    }

    #[test]
    fn no_change_and_check_mode_leave_nothing() {
        assert_eq!(entry_of(&Context::default(), json!({"changed": false, "failed": true})), None);
        assert_eq!(entry_of(&Context::default(), json!({"msg": "x"})), None);
        let check = Context { check_mode: true, ..Context::default() };
        assert_eq!(entry_of(&check, json!({"changed": true})), None);
    }

    #[test]
    fn a_task_that_hides_its_results_hides_them_here() {
        let context = Context { no_log: true, ..Context::default() };
        let found = entry_of(&context, json!({"changed": true, "msg": "told"})).unwrap();
        assert_eq!(found.first(), Some(&("MESSAGE", "pvecm_cluster: changed".to_owned())));
        assert!(!found.iter().any(|(name, _)| ["PVE_CLUSTER_OPTIONS", "PVE_CLUSTER_DIFF"].contains(name)));
    }

    #[test]
    fn what_is_too_long_says_how_long() {
        let long = "x".repeat(LONGEST + 1);
        let found = entry_of(&Context::default(), json!({"changed": true, "msg": long})).unwrap();
        assert_eq!(found.first().map(|(_, value)| value.as_str()), Some("left out: 49177 bytes"));
        let fits = "x".repeat(LONGEST - "pvecm_cluster: changed: ".len());
        let found = entry_of(&Context::default(), json!({"changed": true, "msg": fits})).unwrap();
        assert_eq!(found.first().map(|(_, value)| value.len()), Some(LONGEST));
    }
}
