// SPDX-License-Identifier: GPL-3.0-or-later
//! The rules between options. An option counts as given when it is there, be it null.

use serde_json::{Map, Value};

use super::python::to_str;
use crate::spec::Opt;

type Given = Map<String, Value>;
type Groups = &'static [&'static [&'static str]];

fn missing<'a>(names: &[&'a str], given: &Given) -> Vec<&'a str> {
    names.iter().copied().filter(|name| !given.contains_key(*name)).collect()
}

pub(super) fn required(options: &[Opt], given: &Given) -> Result<(), String> {
    let names: Vec<&str> = options.iter().filter(|opt| opt.required).map(|opt| opt.name).collect();
    let mut missing = missing(&names, given);
    missing.sort_unstable();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("missing required arguments: {}", missing.join(", ")))
}

pub(super) fn mutually_exclusive(groups: Groups, given: &Given) -> Result<(), String> {
    let violated: Vec<String> = groups
        .iter()
        .filter(|group| group.len() > missing(group, given).len() + 1)
        .map(|group| group.join("|"))
        .collect();
    if violated.is_empty() {
        return Ok(());
    }
    Err(format!("parameters are mutually exclusive: {}", violated.join(", ")))
}

pub(super) fn required_together(groups: Groups, given: &Given) -> Result<(), String> {
    for group in groups {
        let missing = missing(group, given).len();
        if missing > 0 && missing < group.len() {
            return Err(format!("parameters are required together: {}", group.join(", ")));
        }
    }
    Ok(())
}

pub(super) fn required_one_of(groups: Groups, given: &Given) -> Result<(), String> {
    match groups.iter().find(|group| missing(group, given).len() == group.len()) {
        Some(group) => Err(format!("one of the following is required: {}", group.join(", "))),
        None => Ok(()),
    }
}

pub(super) fn required_if(
    rules: &[(&str, &str, &'static [&'static str])],
    given: &Given,
) -> Result<(), String> {
    for (name, value, needed) in rules {
        let holds = given.get(*name).is_some_and(|given| match given {
            // The rule says `true` where Python says `True`.
            Value::Bool(flag) => flag.to_string() == *value,
            Value::Null => false,
            other => to_str(other) == *value,
        });
        let missing = missing(needed, given);
        if holds && !missing.is_empty() {
            let value = match given.get(*name) {
                Some(flag @ Value::Bool(_)) => to_str(flag),
                _ => (*value).to_owned(),
            };
            return Err(format!(
                "{name} is {value} but all of the following are missing: {}",
                missing.join(", ")
            ));
        }
    }
    Ok(())
}

pub(super) fn required_by(rules: &[(&str, &'static [&'static str])], given: &Given) -> Result<(), String> {
    let null = |name: &str| given.get(name).is_none_or(Value::is_null);
    for (name, needed) in rules.iter().filter(|(name, _)| !null(name)) {
        let missing: Vec<&str> = needed.iter().copied().filter(|needed| null(needed)).collect();
        if !missing.is_empty() {
            return Err(format!("missing parameter(s) required by '{name}': {}", missing.join(", ")));
        }
    }
    Ok(())
}
