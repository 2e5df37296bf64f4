// SPDX-License-Identifier: GPL-3.0-or-later
//! The rules between options, in the code and in the stub's call of `AnsibleModule`.

use ansible_module::{Opt, Rules, Spec};
use serde_json::{Value, json};

/// The names of all rules.
const RULES: [&str; 5] =
    ["mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by"];

pub(super) fn differences(spec: &Spec, module: &Value, argument_spec: &Value, problems: &mut Vec<String>) {
    compare("", &spec.rules(), module, problems);
    inside("", &spec.options, argument_spec, problems);
}

/// The rules among suboptions.
fn inside(above: &str, options: &[Opt], described: &Value, problems: &mut Vec<String>) {
    let none = Value::Null;
    for opt in options {
        let theirs = described.get(opt.name).unwrap_or(&none);
        let above = format!("{above}{}.", opt.name);
        compare(&above, &opt.rules, theirs, problems);
        inside(&above, &opt.suboptions, theirs.get("options").unwrap_or(&none), problems);
    }
}

fn compare(above: &str, rules: &Rules, theirs: &Value, problems: &mut Vec<String>) {
    let ours = json!({
        "mutually_exclusive": rules.mutually_exclusive,
        "required_together": rules.required_together,
        "required_one_of": rules.required_one_of,
        "required_if": rules.required_if,
        "required_by": rules.required_by,
    });
    for rule in RULES {
        let (mine, other) = (normal(rule, ours.get(rule)), normal(rule, theirs.get(rule)));
        if mine != other {
            problems.push(format!(
                "AnsibleModule(..): {above}{rule} is {}, in the code {}",
                Value::from(other),
                Value::from(mine)
            ));
        }
    }
}

/// A rule in one form: sorted, `required_by` as a list, the value of `required_if` as text.
fn normal(rule: &str, value: Option<&Value>) -> Vec<Value> {
    let list = |value: &Value| match value {
        Value::Array(list) => list.clone(),
        other => vec![other.clone()],
    };
    let mut rules: Vec<Value> = match value {
        Some(Value::Array(rules)) => rules.clone(),
        Some(Value::Object(rules)) => rules.iter().map(|(name, needs)| json!([name, list(needs)])).collect(),
        _ => Vec::new(),
    };
    // A single group may be written without the list around it.
    if rules.first().is_some_and(Value::is_string) {
        rules = vec![Value::Array(rules)];
    }
    if rule == "required_if" {
        for entry in &mut rules {
            if let Some(value) = entry.get_mut(1)
                && !value.is_string()
            {
                *value = value.to_string().into();
            }
        }
    }
    rules.sort_by_key(ToString::to_string);
    rules
}
