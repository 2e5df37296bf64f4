// SPDX-License-Identifier: GPL-3.0-or-later
//! Python literals: what templates of older Ansible versions leave where a mapping was meant.

use serde_json::{Map, Value};

use super::number;
use super::python::to_str;

/// Deeper nesting than this is refused, as in JSON.
const DEPTH: usize = 100;

/// A dict written in Python. None when it is not one, or holds what JSON cannot.
pub(super) fn dict(text: &str) -> Option<Map<String, Value>> {
    let mut parser = Parser { rest: text };
    let value = parser.value(0)?;
    parser.blanks();
    match value {
        Value::Object(map) if parser.rest.is_empty() => Some(map),
        _ => None,
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{c}']);
    }

    /// Takes this text, after blanks, if it comes next.
    fn take(&mut self, token: &str) -> bool {
        self.blanks();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > DEPTH {
            return None;
        }
        self.blanks();
        match self.rest.chars().next()? {
            '{' => self.mapping(depth),
            '[' => self.sequence("[", "]", depth),
            '(' => self.tuple(depth),
            '\'' | '"' => self.text(),
            c if c.is_ascii_digit() || "+-.".contains(c) => self.number(),
            _ => self.word(),
        }
    }

    fn mapping(&mut self, depth: usize) -> Option<Value> {
        let mut map = Map::new();
        if !self.take("{") {
            return None;
        }
        while !self.take("}") {
            let key = self.value(depth + 1)?;
            if !self.take(":") || key.is_array() || key.is_object() {
                return None;
            }
            map.insert(to_str(&key), self.value(depth + 1)?);
            if !self.take(",") {
                return self.take("}").then_some(Value::Object(map));
            }
        }
        Some(Value::Object(map))
    }

    fn sequence(&mut self, open: &str, close: &str, depth: usize) -> Option<Value> {
        let mut list = Vec::new();
        if !self.take(open) {
            return None;
        }
        while !self.take(close) {
            list.push(self.value(depth + 1)?);
            if !self.take(",") {
                return self.take(close).then_some(Value::Array(list));
            }
        }
        Some(Value::Array(list))
    }

    /// A tuple, or a value in brackets.
    fn tuple(&mut self, depth: usize) -> Option<Value> {
        let start = self.rest;
        let list = self.sequence("(", ")", depth)?;
        let taken = start.get(..start.len() - self.rest.len())?;
        let bracketed = taken.strip_suffix(')')?.trim_end();
        match list {
            Value::Array(mut one) if one.len() == 1 && !bracketed.ends_with(',') => one.pop(),
            list => Some(list),
        }
    }

    fn word(&mut self) -> Option<Value> {
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        match word {
            "None" => Some(Value::Null),
            "True" => Some(true.into()),
            "False" => Some(false.into()),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Value> {
        let sign = self.rest.find(|c| !"+-".contains(c)).unwrap_or(self.rest.len());
        let end = self.rest.get(sign..)?.find(|c: char| !(c.is_ascii_alphanumeric() || "._+-".contains(c)));
        let (token, rest) = self.rest.split_at_checked(end.map_or(self.rest.len(), |end| sign + end))?;
        self.rest = rest;
        if token.contains(['.', 'e', 'E']) {
            return number::float(token).map(Value::Number);
        }
        // Python refuses leading zeros, and so does JSON.
        serde_json::from_str(token.trim_start_matches('+')).ok().filter(Value::is_number)
    }

    /// One or more texts in quotes, which Python joins.
    fn text(&mut self) -> Option<Value> {
        let mut text = String::new();
        loop {
            let quote = match self.rest.chars().next() {
                Some(c @ ('\'' | '"')) => c,
                _ => return Some(text.into()),
            };
            let triple = quote.to_string().repeat(3);
            let close = if self.rest.starts_with(&triple) { triple } else { quote.to_string() };
            self.rest = self.rest.strip_prefix(&close)?;
            while !self.rest.starts_with(&close) {
                self.character(close.len() == 1, &mut text)?;
            }
            self.rest = self.rest.strip_prefix(&close)?;
            self.blanks();
        }
    }

    /// One character inside quotes, or what its escape stands for.
    fn character(&mut self, one_line: bool, text: &mut String) -> Option<()> {
        let c = self.next()?;
        if c == '\n' && one_line {
            return None;
        }
        if c != '\\' {
            text.push(c);
            return Some(());
        }
        let escape = self.next()?;
        let plain = match escape {
            '\n' => return Some(()),
            '\\' | '\'' | '"' => escape,
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            'x' => self.code(2)?,
            'u' => self.code(4)?,
            'U' => self.code(8)?,
            '0'..='7' => {
                let more = self.rest.bytes().take(2).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
                let (digits, rest) = self.rest.split_at_checked(more)?;
                let code = u32::from_str_radix(&format!("{escape}{digits}"), 8).ok()?;
                self.rest = rest;
                char::from_u32(code)?
            }
            // An escape that Python does not know is no escape.
            other => {
                text.push('\\');
                other
            }
        };
        text.push(plain);
        Some(())
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = self.rest.get(c.len_utf8()..)?;
        Some(c)
    }

    fn code(&mut self, digits: usize) -> Option<char> {
        let (code, rest) = self.rest.split_at_checked(digits)?;
        self.rest = rest;
        if !code.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        char::from_u32(u32::from_str_radix(code, 16).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn dicts_as_python_writes_them() {
        for (text, expected) in [
            ("{}", json!({})),
            ("{ 'a' : 1 , }", json!({"a": 1})),
            (r#"{'a': 'it\'s', "b": "x" 'y'}"#, json!({"a": "it's", "b": "xy"})),
            ("{'a': [1, -2, (3,), (4), ()], 'b': None}", json!({"a": [1, -2, [3], 4, []], "b": null})),
            ("{1: True, False: False}", json!({"1": true, "False": false})),
            (r"{'a': '\x41\u00e9\101\q\n'}", json!({"a": "A\u{e9}A\\q\n"})),
            ("{'a': '''x\ny'''}", json!({"a": "x\ny"})),
            ("{'a': {'b': {}}}\n", json!({"a": {"b": {}}})),
        ] {
            assert_eq!(dict(text).map(Value::Object), Some(expected), "{text}");
        }
        assert_eq!(dict("{'a': 1.5}").unwrap()["a"].as_f64(), Some(1.5));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "{",
            "{'a'}",
            "{'a': }",
            "{'a': 1",
            "{'a': 1} x",
            "{'a' 1}",
            "{'a': open}",
            "{'a': 1,, }",
            "[1]",
            "{'a': 01}",
            "{[1]: 2}",
            "{'a': 'x\ny'}",
            r"{'a': '\xg0'}",
            "{'a': 1 + 2}",
            "{'a': '",
            "{1, 2}",
        ] {
            assert_eq!(dict(text), None, "{text}");
        }
        assert_eq!(dict(&"{'a':".repeat(5000)), None);
    }
}
