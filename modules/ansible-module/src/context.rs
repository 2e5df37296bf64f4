// SPDX-License-Identifier: GPL-3.0-or-later
//! How Ansible called the module.

use serde_json::{Map, Value};

/// How Ansible called the module: what the `_ansible_*` arguments say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context {
    /// Say what would be done, do nothing.
    pub check_mode: bool,
    /// Return the difference too.
    pub diff: bool,
    /// The task hides its results.
    pub no_log: bool,
    /// 0-4, as many as `-v` were given.
    pub verbosity: u8,
    /// The module's name as the playbook wrote it, for messages.
    pub module_name: String,
    /// Whether tracebacks of errors are wanted.
    pub tracebacks: bool,
    /// Who called the module, for the machine's journal.
    pub origin: Origin,
}

/// Who called a module, as the collection's action plugin tells it (`_ansible_pve_cluster_origin`). Empty where it did not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// The same for all tasks of one run of a playbook.
    pub run: String,
    /// User and host of the controller.
    pub by: String,
    /// The task's name.
    pub task: String,
}

impl Origin {
    /// Reads what was told; anything that is not a text counts as nothing.
    fn read(told: Option<&Value>) -> Self {
        let text = |key: &str| {
            let told = told.and_then(|told| told.get(key)).and_then(Value::as_str).unwrap_or_default();
            told.chars().filter(|sign| !sign.is_control()).take(200).collect()
        };
        Self { run: text("run"), by: text("by"), task: text("task") }
    }
}

/// What Ansible wants of the answer, besides what the module is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// Repeat the arguments under `invocation`. Versions before 2.21 do not say so and always get them.
    pub(crate) invocation: bool,
    /// Take no offence at options that the module does not have.
    pub(crate) ignore_unknown: bool,
}

/// Takes every `_ansible_*` argument out of what was given; unknown ones are for another version's modules.
pub(crate) fn take(given: &mut Map<String, Value>, name: &str) -> (Context, Wishes) {
    let (internal, options): (Map<String, Value>, Map<String, Value>) =
        std::mem::take(given).into_iter().partition(|(key, _)| key.starts_with("_ansible_"));
    *given = options;
    let get = |key: &str| internal.get(&format!("_ansible_{key}"));
    let flag = |key: &str| get(key).is_some_and(is_true);
    let verbosity = get("verbosity").and_then(Value::as_u64).unwrap_or(0);
    let context = Context {
        check_mode: flag("check_mode"),
        diff: flag("diff"),
        no_log: flag("no_log"),
        verbosity: u8::try_from(verbosity).unwrap_or(u8::MAX),
        module_name: get("module_name").and_then(Value::as_str).unwrap_or(name).to_owned(),
        tracebacks: get("tracebacks_for")
            .and_then(Value::as_array)
            .is_some_and(|wanted| wanted.iter().any(|event| event == "error")),
        origin: Origin::read(get("pve_cluster_origin")),
    };
    let wishes = Wishes {
        invocation: get("inject_invocation").is_none_or(is_true),
        ignore_unknown: flag("ignore_unknown_opts"),
    };
    (context, wishes)
}

/// A boolean; as text or number where someone wrote the arguments by hand.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() == Some(1.0),
        Value::String(text) => {
            matches!(text.trim().to_lowercase().as_str(), "y" | "yes" | "on" | "1" | "true" | "t")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn taken(given: Value) -> (Map<String, Value>, Context, Wishes) {
        let Value::Object(mut given) = given else { panic!("not an object") };
        let (context, wishes) = take(&mut given, "own_name");
        (given, context, wishes)
    }

    #[test]
    fn the_arguments_of_a_current_version() {
        let (options, context, wishes) = taken(json!({
            "mode": "dump", "_ansible_check_mode": true, "_ansible_no_log": false, "_ansible_debug": false,
            "_ansible_diff": true, "_ansible_verbosity": 3, "_ansible_version": "2.21.5",
            "_ansible_module_name": "pve.cluster.x", "_ansible_tmpdir": null, "_ansible_something_new": [1],
            "_ansible_ignore_unknown_opts": false, "_ansible_tracebacks_for": ["error"],
            "_ansible_inject_invocation": false,
            "_ansible_pve_cluster_origin": {"run": "r1", "by": "anna\n@desk", "task": 7},
        }));
        assert_eq!(Value::Object(options), json!({"mode": "dump"}));
        assert_eq!(
            context,
            Context {
                check_mode: true,
                diff: true,
                no_log: false,
                verbosity: 3,
                module_name: "pve.cluster.x".into(),
                tracebacks: true,
                origin: Origin { run: "r1".into(), by: "anna@desk".into(), task: String::new() },
            }
        );
        assert_eq!(wishes, Wishes { invocation: false, ignore_unknown: false });
    }

    #[test]
    fn an_older_version_always_wants_the_invocation() {
        let (_, context, wishes) =
            taken(json!({"_ansible_no_log": "yes", "_ansible_ignore_unknown_opts": 1}));
        assert_eq!(context.origin, Origin::default());
        assert!(context.no_log && !context.tracebacks && context.module_name == "own_name");
        assert_eq!(wishes, Wishes { invocation: true, ignore_unknown: true });
        assert!(taken(json!({"_ansible_inject_invocation": true})).2.invocation);
    }
}
