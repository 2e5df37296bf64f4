// SPDX-License-Identifier: GPL-3.0-or-later
//! From the bytes of the arguments file to a JSON object.

use serde_json::{Map, Value};

/// The object that these bytes hold, or why there is none.
pub(crate) fn parse(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    let text = String::from_utf8_lossy(bytes);
    let parsed = serde_json::from_str(&text).or_else(|error| {
        // A file name that is not UTF-8 arrives as half a surrogate pair.
        serde_json::from_str(&without_lone_surrogates(&text)).map_err(|_| error)
    });
    match parsed {
        Ok(Value::Object(map)) => Ok(map),
        Ok(other) => {
            let kind = match other {
                Value::Array(_) => "a list",
                Value::String(_) => "a string",
                Value::Null => "null",
                _ => "a number or boolean",
            };
            Err(format!("{kind} instead of a JSON object"))
        }
        Err(error) => Err(format!("not JSON: {error}")),
    }
}

/// The JSON text with U+FFFD in place of every `\uD8xx` that has no other half.
fn without_lone_surrogates(text: &str) -> String {
    let unit = |text: &str| {
        let digits = text.strip_prefix("\\u")?.get(..4)?;
        u32::from_str_radix(digits, 16).ok()
    };
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        clean.push_str(before);
        let low = |text: &str| unit(text).is_some_and(|unit| (0xdc00..0xe000).contains(&unit));
        let (replacement, length) = match unit(escape) {
            Some(0xd800..0xdc00) if escape.get(6..).is_some_and(low) => (None, 12),
            Some(0xd800..0xe000) => (Some("\\ufffd"), 6),
            Some(_) => (None, 6),
            None => {
                (None, 1 + escape.get(1..).and_then(|after| after.chars().next()).map_or(0, char::len_utf8))
            }
        };
        let (taken, after) = escape.split_at_checked(length).unwrap_or((escape, ""));
        clean.push_str(replacement.unwrap_or(taken));
        rest = after;
    }
    clean + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_no_object_is_told() {
        for (bytes, expected) in [
            (&b""[..], "not JSON: EOF while parsing a value at line 1 column 0"),
            (b"{\"a\": }", "not JSON: expected value at line 1 column 7"),
            (b"[1]", "a list instead of a JSON object"),
            (b"null", "null instead of a JSON object"),
            (b"\"x\"", "a string instead of a JSON object"),
            (b"3", "a number or boolean instead of a JSON object"),
            (b"{} x", "not JSON: trailing characters at line 1 column 4"),
        ] {
            assert_eq!(parse(bytes), Err(expected.to_owned()));
        }
    }

    #[test]
    fn numbers_keep_every_digit_and_later_keys_win() {
        let text = r#"{"a": 1, "a": 123456789012345678901234567890, "b": 1.10}"#;
        assert_eq!(
            Value::Object(parse(text.as_bytes()).unwrap()).to_string(),
            r#"{"a":123456789012345678901234567890,"b":1.10}"#
        );
    }

    #[test]
    fn half_a_surrogate_pair_is_replaced() {
        let text = r#"{"a": "x\udce9y", "b": "\\udce9", "c": "\ud83d\ude00\ud83d", "d": "\u00e9\"\ud83d\n"}"#;
        assert_eq!(
            Value::Object(parse(text.as_bytes()).unwrap()),
            json!({"a": "x\u{fffd}y", "b": "\\udce9", "c": "\u{1f600}\u{fffd}", "d": "é\"\u{fffd}\n"})
        );
    }
}
