// SPDX-License-Identifier: GPL-3.0-or-later
//! The values an option may have.

use serde_json::Value;

use super::coerce::{FALSE, TRUE};
use super::python::to_str;
use crate::spec::Opt;

/// Refuses a value that is no choice. YAML takes `yes` for a boolean: where exactly one choice can have been meant,
/// it is taken.
pub(super) fn check(opt: &Opt, value: &mut Value) -> Result<(), String> {
    if opt.choices.is_empty() {
        return Ok(());
    }
    let is_choice = |value: &Value| opt.choices.contains(&to_str(value).as_str()) && !value.is_null();
    if let Value::Array(list) = value {
        let others: Vec<String> = list.iter().filter(|item| !is_choice(item)).map(to_str).collect();
        if others.is_empty() {
            return Ok(());
        }
        return Err(format!(
            "value of {} must be one or more of: {}. Got no match for: {}",
            opt.name,
            opt.choices.join(", "),
            others.join(", ")
        ));
    }
    if is_choice(value) {
        return Ok(());
    }
    let words: &[&str] = match value.as_str() {
        Some("True") => &TRUE,
        Some("False") => &FALSE,
        _ => &[],
    };
    let mut meant = opt.choices.iter().filter(|choice| words.contains(choice));
    if let (Some(only), None) = (meant.next(), meant.next()) {
        *value = Value::from(*only);
        return Ok(());
    }
    Err(format!("value of {} must be one of: {}, got: {}", opt.name, opt.choices.join(", "), to_str(value)))
}
