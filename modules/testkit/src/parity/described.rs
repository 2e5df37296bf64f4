// SPDX-License-Identifier: GPL-3.0-or-later
//! An option as each of the three places describes it, in one form.

use std::collections::BTreeMap;

use ansible_module::{Kind, Opt};
use serde_json::Value;

/// An option, however it was written down. What is empty or false was left out.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Described {
    facets: BTreeMap<&'static str, Value>,
    suboptions: BTreeMap<String, Described>,
    described: bool,
}

type Options = BTreeMap<String, Described>;

impl Described {
    pub(super) fn of_spec(options: &[Opt]) -> Options {
        options
            .iter()
            .map(|opt| {
                let mut this = Self { described: true, ..Self::default() };
                this.set("type", opt.kind.name());
                this.set("elements", opt.elements.map(Kind::name));
                this.set("required", opt.required);
                this.set("default", opt.default.clone());
                let number = opt.kind == Kind::Int || opt.elements == Some(Kind::Int);
                let choice = |text: &&str| match text.parse::<i64>() {
                    Ok(value) if number => Value::from(value),
                    _ => Value::from(*text),
                };
                this.set("choices", opt.choices.iter().map(choice).collect::<Vec<_>>());
                this.set("aliases", opt.aliases);
                this.set("no_log", opt.no_log);
                this.suboptions = Self::of_spec(&opt.suboptions);
                (opt.name.to_owned(), this)
            })
            .collect()
    }

    pub(super) fn of_argument_spec(options: &Value) -> Options {
        Self::of_mapping(options, "options")
    }

    pub(super) fn of_documentation(options: &Value) -> Options {
        Self::of_mapping(options, "suboptions")
    }

    fn of_mapping(options: &Value, suboptions: &str) -> Options {
        let empty = serde_json::Map::new();
        let options = options.as_object().unwrap_or(&empty);
        options
            .iter()
            .map(|(name, option)| {
                let mut this = Self { described: option.get("description").is_some(), ..Self::default() };
                let kind = option.get("type").and_then(Value::as_str).unwrap_or("str");
                this.set("type", kind);
                for facet in ["elements", "required", "aliases", "no_log"] {
                    this.set(facet, option.get(facet));
                }
                this.set("default", option.get("default").map(|value| boolean(kind, value)));
                // Choices may also be a mapping of each choice to its description.
                let choices = option.get("choices");
                this.set(
                    "choices",
                    match choices.and_then(Value::as_object) {
                        Some(described) => {
                            Some(described.keys().cloned().map(Value::from).collect::<Vec<_>>().into())
                        }
                        None => choices.cloned(),
                    },
                );
                this.suboptions = option
                    .get(suboptions)
                    .map(|inner| Self::of_mapping(inner, suboptions))
                    .unwrap_or_default();
                (name.clone(), this)
            })
            .collect()
    }

    /// Notes a facet unless it says nothing.
    fn set(&mut self, facet: &'static str, value: impl serde::Serialize) {
        let value = serde_json::to_value(value).unwrap_or_default();
        let nothing = match &value {
            Value::Null | Value::Bool(false) => true,
            Value::Array(list) => list.is_empty(),
            _ => false,
        };
        // false is a value of its own for a default
        if !nothing || (facet == "default" && value == Value::Bool(false)) {
            self.facets.insert(facet, value);
        }
    }
}

/// YAML 1.1, which Ansible reads, has more words for a boolean than the parser used here.
fn boolean(kind: &str, value: &Value) -> Value {
    match (kind, value.as_str()) {
        ("bool", Some("yes" | "on" | "true")) => true.into(),
        ("bool", Some("no" | "off" | "false")) => false.into(),
        _ => value.clone(),
    }
}

/// Adds a sentence for each difference. `complete`: the place also says what must not be logged; the others say in
/// words what an option is for.
pub(super) fn differences(
    place: &str,
    code: &Options,
    other: &Options,
    complete: bool,
    problems: &mut Vec<String>,
) {
    compare(place, "", code, other, complete, problems);
}

fn compare(
    place: &str,
    above: &str,
    code: &Options,
    other: &Options,
    complete: bool,
    problems: &mut Vec<String>,
) {
    for name in other.keys().filter(|name| !code.contains_key(*name)) {
        problems.push(format!("{place}: '{above}{name}' is no option of the code"));
    }
    for (name, ours) in code {
        let Some(theirs) = other.get(name) else {
            problems.push(format!("{place}: lacks '{above}{name}'"));
            continue;
        };
        for facet in ["type", "elements", "required", "default", "choices", "aliases", "no_log"] {
            if facet == "no_log" && !complete {
                continue;
            }
            let (ours, theirs) = (ours.facets.get(facet), theirs.facets.get(facet));
            if ours != theirs {
                let show = |value: Option<&Value>| value.map_or("nothing".to_owned(), ToString::to_string);
                problems.push(format!(
                    "{place}: '{above}{name}' has {facet} {}, the code {}",
                    show(theirs),
                    show(ours)
                ));
            }
        }
        if !complete && !theirs.described {
            problems.push(format!("{place}: '{above}{name}' has no description"));
        }
        let above = format!("{above}{name}.");
        compare(place, &above, &ours.suboptions, &theirs.suboptions, complete, problems);
    }
}
