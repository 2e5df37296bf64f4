// SPDX-License-Identifier: GPL-3.0-or-later
//! Values as Python names and writes them, for messages and for text made of other types.

use std::fmt::Write;

use serde_json::{Number, Value};

/// Whether Python would read this number as an `int`.
pub(super) fn is_int(number: &Number) -> bool {
    !number.to_string().contains(['.', 'e', 'E'])
}

/// Python's name for the value's type.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if is_int(number) => "int",
        Value::Number(_) => "float",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

/// The value as Python's `str()` writes it.
pub(crate) fn to_str(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => repr(other),
    }
}

/// The value as Python's `repr()` writes it.
pub(super) fn repr(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(list) => format!("[{}]", list.iter().map(repr).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let pairs: Vec<String> =
                map.iter().map(|(key, value)| format!("{}: {}", quoted(key), repr(value))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
    }
}

/// A text in Python's quotes: single ones, unless only double ones save a backslash.
pub(crate) fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut quoted = String::from(quote);
    for c in text.chars() {
        match c {
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c == quote => {
                quoted.push('\\');
                quoted.push(c);
            }
            c if printable(c) => quoted.push(c),
            // Writing to a String cannot fail.
            c => {
                let code = u32::from(c);
                let _ = match code {
                    0..=0xff => write!(quoted, "\\x{code:02x}"),
                    0x100..=0xffff => write!(quoted, "\\u{code:04x}"),
                    _ => write!(quoted, "\\U{code:08x}"),
                };
            }
        }
    }
    quoted.push(quote);
    quoted
}

/// Whether Python prints the character as itself: no control, format, private or separating character. Characters that
/// are not assigned at all are taken for printable.
fn printable(c: char) -> bool {
    !(c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(u32::from(c),
            0xad | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x180e | 0x200b..=0x200f | 0x2028..=0x202e
            | 0x2060..=0x206f | 0xe000..=0xf8ff | 0xfeff | 0xfff9..=0xfffb | 0xf_0000..=0x10_ffff))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_as_python_writes_them() {
        let number = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        for (value, expected) in [
            (json!(null), "None"),
            (json!(true), "True"),
            (json!("it's"), "it's"),
            (number("12345678901234567890123"), "12345678901234567890123"),
            (number("1.0"), "1.0"),
            (number("1e+16"), "1e+16"),
            (json!([1, "a", null, false]), "[1, 'a', None, False]"),
            (json!({"a": {"b": ["it's"]}}), r#"{'a': {'b': ["it's"]}}"#),
            (json!([r#"'""#]), r#"['\'"']"#),
            (json!(["\n\t\u{1b}\u{a0}é\u{200b}\\"]), r"['\n\t\x1b\xa0é\u200b\\']"),
        ] {
            assert_eq!(to_str(&value), expected);
        }
    }
}
