// SPDX-License-Identifier: GPL-3.0-or-later
//! Turning a value into the type an option has, with AnsibleModule's words for what cannot be turned.

use serde_json::{Map, Number, Value};

use super::path::Environment;
use super::python::{is_int, repr, to_str, type_name};
use super::{literal, number};
use crate::spec::Kind;

/// Words for true.
pub(super) const TRUE: [&str; 6] = ["y", "yes", "on", "1", "true", "t"];
/// Words for false.
pub(super) const FALSE: [&str; 6] = ["n", "no", "off", "0", "false", "f"];

/// The value as this type, or why it cannot be.
pub(super) fn to_kind(kind: Kind, value: &Value, environment: &Environment<'_>) -> Result<Value, String> {
    match kind {
        Kind::Raw => Ok(value.clone()),
        Kind::Str => Ok(text(value).into()),
        Kind::Path => Ok(environment.expand(&text(value)).into()),
        Kind::Bool => boolean(value).map(Value::from),
        Kind::Int => int(value)
            .map(Value::from)
            .ok_or_else(|| format!("\"{}\" cannot be converted to an int", repr(value))),
        Kind::Float => float(value).map(Value::from).ok_or_else(|| refused(value, "a float")),
        Kind::List => list(value),
        Kind::Dict => dict(value).map(Value::Object),
    }
}

fn refused(value: &Value, wanted: &str) -> String {
    format!("<class '{}'> cannot be converted to {wanted}", type_name(value))
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        other => to_str(other),
    }
}

fn boolean(value: &Value) -> Result<bool, String> {
    let word = match value {
        Value::Bool(flag) => return Ok(*flag),
        Value::String(text) => text.to_lowercase().trim().to_owned(),
        // 0.0 and 1.0 equal 0 and 1
        Value::Number(number) => match number.as_f64() {
            Some(0.0) => "0".to_owned(),
            Some(1.0) => "1".to_owned(),
            _ => String::new(),
        },
        _ => return Err(refused(value, "a bool")),
    };
    match word.as_str() {
        word if TRUE.contains(&word) => Ok(true),
        word if FALSE.contains(&word) => Ok(false),
        _ => {
            let words: Vec<String> = FALSE.iter().chain(&TRUE).map(|word| format!("'{word}'")).collect();
            Err(format!(
                "The value '{}' is not a valid boolean. Valid booleans include: 0, 1, {}",
                to_str(value),
                words.join(", ")
            ))
        }
    }
}

fn int(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) if is_int(number) => Some(number.clone()),
        Value::Number(number) => number::int(&number.to_string()),
        Value::String(text) => number::int(text),
        Value::Bool(flag) => Some(i32::from(*flag).into()),
        _ => None,
    }
}

fn float(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) if is_int(number) => number.as_f64().and_then(Number::from_f64),
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => number::float(text),
        Value::Bool(flag) => Number::from_f64(f64::from(u8::from(*flag))),
        _ => None,
    }
}

fn list(value: &Value) -> Result<Value, String> {
    match value {
        Value::Array(_) => Ok(value.clone()),
        // The parts are not trimmed.
        Value::String(text) => Ok(text.split(',').collect()),
        Value::Number(_) | Value::Bool(_) => Ok(vec![Value::from(to_str(value))].into()),
        _ => Err(refused(value, "a list")),
    }
}

fn dict(value: &Value) -> Result<Map<String, Value>, String> {
    let text = match value {
        Value::Object(map) => return Ok(map.clone()),
        Value::String(text) => text,
        _ => return Err(refused(value, "a dict")),
    };
    parse_dict(text)
}

/// The mapping that a text stands for: JSON, a Python literal or `a=1, b=2`.
pub(crate) fn parse_dict(text: &str) -> Result<Map<String, Value>, String> {
    if text.starts_with('{') {
        return serde_json::from_str(text)
            .ok()
            .or_else(|| literal::dict(text))
            .ok_or_else(|| "unable to evaluate string as dictionary".to_owned());
    }
    if !text.contains('=') {
        return Err("dictionary requested, could not parse JSON or key=value".to_owned());
    }
    let pair = |field: String| {
        let (key, value) = field.split_once('=')?;
        Some((key.to_owned(), Value::from(value)))
    };
    fields(text)
        .into_iter()
        .map(pair)
        .collect::<Option<_>>()
        .ok_or_else(|| "unable to evaluate string in the \"key=value\" format as dictionary".to_owned())
}

/// Splits `a=b, c='d e'` at commas and blanks outside quotes.
fn fields(text: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quote = None;
    let mut escaped = false;
    for c in text.trim().chars() {
        let mut keep = |c| {
            if let Some(field) = fields.last_mut() {
                field.push(c);
            }
        };
        match c {
            c if escaped => {
                keep(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '\'' | '"' if quote.is_none() => quote = Some(c),
            c if quote == Some(c) => quote = None,
            ',' | ' ' if quote.is_none() => fields.push(String::new()),
            c => keep(c),
        }
    }
    fields.retain(|field| !field.is_empty());
    fields
}
