// SPDX-License-Identifier: GPL-3.0-or-later
//! The examples in a module's documentation.

use ansible_module::{Opt, Spec};
use serde_json::{Map, Value};

/// Adds a sentence for each option in an example that the module does not have, each required one that an example
/// lacks, and for examples that never show the module.
pub(super) fn unknown_options(spec: &Spec, examples: &Value, problems: &mut Vec<String>) {
    let full_name = format!("pve.cluster.{}", spec.name);
    let mut shown = Vec::new();
    find(examples, &full_name, &mut shown);
    if shown.is_empty() {
        problems.push(format!("EXAMPLES: no task calls '{full_name}'"));
    }
    for args in shown {
        match args {
            Value::Object(args) => check("", &spec.options, args, problems),
            Value::Null => check("", &spec.options, &Map::new(), problems),
            _ => problems.push(format!("EXAMPLES: the arguments {args} are no mapping")),
        }
    }
}

/// Every value of this key, however deep in tasks and blocks.
fn find<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Array(list) => list.iter().for_each(|item| find(item, key, found)),
        Value::Object(map) => {
            for (name, item) in map {
                if name == key {
                    found.push(item);
                } else {
                    find(item, key, found);
                }
            }
        }
        _ => {}
    }
}

fn check(above: &str, options: &[Opt], args: &Map<String, Value>, problems: &mut Vec<String>) {
    let known = |opt: &Opt, name: &str| opt.name == name || opt.aliases.contains(&name);
    for (name, value) in args {
        let Some(opt) = options.iter().find(|opt| known(opt, name)) else {
            problems.push(format!("EXAMPLES: '{above}{name}' is no option of the code"));
            continue;
        };
        let inner = format!("{above}{name}.");
        let given = match value {
            Value::Array(list) => list.iter().collect(),
            other => vec![other],
        };
        if !opt.suboptions.is_empty() {
            for map in given.into_iter().filter_map(Value::as_object) {
                check(&inner, &opt.suboptions, map, problems);
            }
        }
        if let Some(value) = value.as_str()
            && !opt.choices.is_empty()
            && !value.contains("{{")
            && !opt.choices.contains(&value)
        {
            problems.push(format!("EXAMPLES: '{above}{name}' cannot be '{value}'"));
        }
    }
    for opt in options.iter().filter(|opt| opt.required) {
        if !args.keys().any(|name| known(opt, name)) {
            problems.push(format!("EXAMPLES: '{above}{}' is required and missing", opt.name));
        }
    }
}
