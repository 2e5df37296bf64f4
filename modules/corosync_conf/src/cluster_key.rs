// SPDX-License-Identifier: GPL-3.0-or-later
//! The cluster's key, where somebody gives it for a corosync.conf (`totem.key`): it is refused, and shown nowhere.

use serde_json::Value;

const NAME: &str = "key";
/// A shorter one is in too many words: its line is hidden, not it.
const SHORT: usize = 4;

/// Every text that may be a key in what was given for the file, however it is written: it may be misspelt, or no corosync.conf.
pub(crate) fn keys_in(given: &Value) -> Vec<String> {
    match given {
        Value::String(text) => text.lines().flat_map(in_line).collect(),
        Value::Array(list) => list.iter().flat_map(keys_in).collect(),
        Value::Object(map) => map.iter().flat_map(|(name, value)| below(name, value)).collect(),
        _ => Vec::new(),
    }
}

fn below(name: &str, value: &Value) -> Vec<String> {
    match value {
        Value::String(text) if name.trim().eq_ignore_ascii_case(NAME) => vec![text.clone()],
        Value::Number(number) if name.trim().eq_ignore_ascii_case(NAME) => vec![number.to_string()],
        _ => keys_in(value),
    }
}

/// What stands behind the word in a line, with and without what may enclose it.
fn in_line(line: &str) -> Vec<String> {
    let lower = line.to_ascii_lowercase();
    let mut found = Vec::new();
    for (at, word) in lower.match_indices(NAME) {
        let (before, behind) = (line.get(..at), line.get(at + word.len()..));
        let (Some(before), Some(behind)) = (before, behind) else { continue };
        let apart = |sign: char| !(sign.is_alphanumeric() || sign == '_' || sign == '-');
        if !before.chars().next_back().is_none_or(apart) || !behind.chars().next().is_some_and(apart) {
            continue;
        }
        let value = behind.trim_start_matches(|sign: char| sign.is_whitespace() || ":='\"".contains(sign));
        for text in
            [value.trim_end(), value.split(['\'', '"', '}', '#']).next().unwrap_or_default().trim_end()]
        {
            match text.len() {
                0 => {}
                length if length < SHORT => found.push(line.trim().to_owned()),
                _ => found.push(text.to_owned()),
            }
        }
    }
    found
}
