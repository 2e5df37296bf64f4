// SPDX-License-Identifier: GPL-3.0-or-later
//! The values of secret options, and keeping them out of everything that is printed.

use serde_json::{Map, Value};

use crate::arguments::{parse_dict, quoted, to_str};
use crate::spec::Opt;

/// What stands for a text that is a secret.
const WHOLE: &str = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER";
/// What stands for a secret inside a text.
const PART: &str = "********";
/// A line of a secret that is shorter than this says nothing.
const LINE: usize = 8;
/// A key of a result is censored only for secrets at least this long: shorter ones are in too many words.
const KEY: usize = 4;

/// What is in every private key file: PEM's and OpenSSH's, and PuTTY's.
const PRIVATE_KEYS: [&str; 2] = ["PRIVATE KEY-----", "PuTTY-User-Key-File"];

/// Texts that must not be printed, the longest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Secrets {
    values: Vec<String>,
}

impl Secrets {
    /// Adds the values of secret options, in all their spellings, those of suboptions too.
    pub(crate) fn collect(&mut self, options: &[Opt], given: &Map<String, Value>) {
        for opt in options {
            let names = opt.aliases.iter().chain([&opt.name]);
            let values = names.filter_map(|name| given.get(*name));
            for value in values.chain(opt.default.as_ref()) {
                for text in opt.secrets_in.map(|find| find(value)).unwrap_or_default() {
                    self.add_text(&text);
                }
                if opt.no_log {
                    self.add(value);
                } else if !opt.suboptions.is_empty() {
                    self.collect_below(opt, value);
                }
            }
        }
    }

    fn collect_below(&mut self, opt: &Opt, value: &Value) {
        match value {
            Value::Object(map) => self.collect(&opt.suboptions, map),
            Value::Array(list) => list.iter().for_each(|item| self.collect_below(opt, item)),
            Value::String(text) => match parse_dict(text) {
                Ok(map) => self.collect(&opt.suboptions, &map),
                // A mapping that came as text and cannot be read: all of it is secret if a part may be.
                Err(_) if has_secret(&opt.suboptions) && text.len() >= KEY => self.add(value),
                Err(_) => {}
            },
            _ => {}
        }
    }

    /// Adds the values that hold a private key, whatever option they were given for: one that wants a public key is
    /// given a private one by mistake.
    pub(crate) fn collect_private_keys(&mut self, given: &Map<String, Value>) {
        given.values().for_each(|value| self.add_private_keys(value));
    }

    fn add_private_keys(&mut self, value: &Value) {
        match value {
            Value::String(text) if PRIVATE_KEYS.iter().any(|mark| text.contains(mark)) => self.add_text(text),
            Value::Array(list) => list.iter().for_each(|item| self.add_private_keys(item)),
            Value::Object(map) => map.values().for_each(|item| self.add_private_keys(item)),
            _ => {}
        }
    }

    /// Adds every text and number in a value.
    pub(crate) fn add(&mut self, value: &Value) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Array(list) => list.iter().for_each(|item| self.add(item)),
            Value::Object(map) => map.values().for_each(|item| self.add(item)),
            Value::Number(_) | Value::String(_) => self.add_text(&to_str(value)),
        }
    }

    /// Adds a text as it is, as it looks inside JSON, inside Python's and a shell's quotes, and line by line.
    fn add_text(&mut self, text: &str) {
        let inside =
            |quoted: &str| quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned();
        let mut spellings = Vec::new();
        for text in [text, text.trim()] {
            spellings.push(text.to_owned());
            spellings.push(inside(&Value::from(text).to_string()));
            spellings.push(inside(&quoted(text)));
            spellings.push(text.replace('\'', "'\\''"));
        }
        spellings.extend(text.lines().map(str::trim).filter(|line| line.len() >= LINE).map(str::to_owned));
        self.values.extend(spellings);
        self.values.retain(|value| !value.is_empty());
        self.values.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        self.values.dedup();
    }

    /// Censors everything in an answer but its own keys, true, false and null.
    pub(crate) fn scrub_answer(&self, answer: Map<String, Value>) -> Map<String, Value> {
        answer.into_iter().map(|(key, value)| (key, self.scrub(value))).collect()
    }

    fn scrub(&self, value: Value) -> Value {
        match value {
            Value::Null | Value::Bool(_) => value,
            Value::String(text) => self.scrub_text(&text).into(),
            Value::Number(ref number) => {
                let text = number.to_string();
                if self.values.iter().any(|secret| text.contains(secret.as_str())) {
                    WHOLE.into()
                } else {
                    value
                }
            }
            Value::Array(list) => list.into_iter().map(|item| self.scrub(item)).collect(),
            Value::Object(map) => {
                map.into_iter().map(|(key, item)| (self.scrub_key(key), self.scrub(item))).collect()
            }
        }
    }

    fn scrub_key(&self, key: String) -> String {
        let long = |secret: &&String| secret.len() >= KEY;
        self.values.iter().filter(long).fold(key, |key, secret| key.replace(secret.as_str(), PART))
    }

    /// Censors a text.
    pub(crate) fn scrub_text(&self, text: &str) -> String {
        if self.values.iter().any(|secret| secret == text) {
            return WHOLE.to_owned();
        }
        self.values.iter().fold(text.to_owned(), |text, secret| {
            if text.contains(secret.as_str()) { text.replace(secret.as_str(), PART) } else { text }
        })
    }
}

fn has_secret(options: &[Opt]) -> bool {
    options.iter().any(|opt| opt.no_log || has_secret(&opt.suboptions))
}

/// Every text of the task's own making: the values that a task with `no_log` does not want to see in a message.
/// Values out of a list of choices, numbers and texts of one or two characters are not of its own making.
pub(crate) fn own_texts(options: &[Opt], given: &Map<String, Value>) -> Secrets {
    let mut secrets = Secrets::default();
    for opt in options {
        if let Some(value) = given.get(opt.name) {
            own(opt, value, &mut secrets);
        }
    }
    secrets
}

fn own(opt: &Opt, value: &Value, secrets: &mut Secrets) {
    match value {
        Value::String(text) if opt.choices.contains(&text.as_str()) => {}
        Value::String(text) if text.chars().count() > 2 => secrets.add_text(text),
        Value::Array(list) => list.iter().for_each(|item| own(opt, item, secrets)),
        Value::Object(map) if opt.suboptions.is_empty() => {
            map.values().for_each(|item| own(opt, item, secrets));
        }
        Value::Object(map) => {
            let inner = own_texts(&opt.suboptions, map);
            secrets.values.extend(inner.values);
            secrets.values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Kind;
    use serde_json::json;

    fn secrets(values: &[&str]) -> Secrets {
        let mut secrets = Secrets::default();
        values.iter().for_each(|value| secrets.add(&json!(value)));
        secrets
    }

    fn scrubbed(values: &[&str], answer: Value) -> Value {
        let Value::Object(answer) = answer else { panic!("an answer is an object") };
        Value::Object(secrets(values).scrub_answer(answer))
    }

    #[test]
    fn whole_values_and_parts() {
        assert_eq!(
            scrubbed(
                &["hunter2"],
                json!({
                    "msg": "wrong password hunter2!",
                    "password": "hunter2",
                    "deep": [{"a": "hunter2", "hunter2": [null, true, 7]}],
                    "hunter2": "a top key is the module's own",
                })
            ),
            json!({
                "msg": "wrong password ********!",
                "password": "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER",
                "deep": [{"a": "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER", "********": [null, true, 7]}],
                "hunter2": "a top key is the module's own",
            })
        );
    }

    #[test]
    fn a_private_key_is_a_secret_wherever_it_was_given() {
        let pem =
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----\n";
        let given =
            json!({"key": [pem], "name": "b3Bl", "deep": {"text": "PuTTY-User-Key-File-3: ssh-ed25519"}});
        let Value::Object(given) = given else { panic!("an object") };
        let mut secrets = Secrets::default();
        secrets.collect_private_keys(&given);
        assert_eq!(
            secrets.scrub(json!({"key": [pem], "name": "b3Bl", "one line": "<b3BlbnNzaC1rZXktdjEA>"})),
            json!({"key": ["VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"], "name": "b3Bl", "one line": "<********>"})
        );
        assert_eq!(secrets.scrub_text("PuTTY-User-Key-File-3: ssh-ed25519"), WHOLE);
    }

    #[test]
    fn spellings_of_a_secret() {
        let secret = "it's \"x\"\n";
        for shown in ["it's \\\"x\\\"", "it\\'s \"x\"\\n", "it'\\''s \"x\"", "it's \"x\""] {
            let text = secrets(&[secret]).scrub_text(&format!("<{shown}>"));
            assert!(!text.contains("\"x") && text.contains("********"), "{shown}: {text}");
        }
    }

    #[test]
    fn the_lines_of_a_key_are_secret_each() {
        let key = "-----BEGIN X-----\nAAAABBBBCCCC\nDDDD\n";
        assert_eq!(secrets(&[key]).scrub_text("got AAAABBBBCCCC and DDDD"), "got ******** and DDDD");
    }

    #[test]
    fn longer_secrets_go_first() {
        assert_eq!(secrets(&["abc", "abcdef"]).scrub_text("abcdef-abc."), "********-********.");
    }

    #[test]
    fn numbers_that_hold_a_secret_are_replaced() {
        let mut secrets = Secrets::default();
        secrets.add(&json!(1234));
        secrets.add(&json!(true));
        secrets.add(&json!(""));
        let Value::Object(answer) = json!({"pin": 1234, "rc": 5, "ok": true, "n": 912_345}) else { panic!() };
        assert_eq!(
            Value::Object(secrets.scrub_answer(answer)),
            json!({"pin": WHOLE, "rc": 5, "ok": true, "n": WHOLE})
        );
    }

    #[test]
    fn secrets_are_found_under_aliases_in_suboptions_and_defaults() {
        let options = [
            Opt::new("password", Kind::Str).aliases(&["pw"]).secret(),
            Opt::new("seed", Kind::Str).default("seedling").secret(),
            Opt::list("links", Kind::Dict)
                .suboptions(vec![Opt::new("key", Kind::Raw).secret(), Opt::new("name", Kind::Str)]),
        ];
        let Value::Object(given) = json!({"pw": "one1", "links": [{"key": {"a": ["two2"]}, "name": "open"}, "key=three3", "{key four4"]})
        else {
            panic!()
        };
        let mut secrets = Secrets::default();
        secrets.collect(&options, &given);
        assert_eq!(
            secrets.scrub_text("one1 two2 open three3 {key four4 seedling"),
            "******** ******** open ******** ******** ********"
        );
    }

    #[test]
    fn parts_of_an_open_value_are_secrets() {
        fn after_a_colon(value: &Value) -> Vec<String> {
            let text = value.as_str().unwrap_or_default();
            text.split_once(':').map(|(_, secret)| secret.to_owned()).into_iter().collect()
        }
        let options = [
            Opt::new("content", Kind::Str).aliases(&["text"]).secrets_in(after_a_colon),
            Opt::new("links", Kind::Dict)
                .suboptions(vec![Opt::new("note", Kind::Str).secrets_in(after_a_colon)]),
        ];
        let Value::Object(given) =
            json!({"content": "a:one1", "text": "b:two2", "links": {"note": "c:three3"}})
        else {
            panic!()
        };
        let mut secrets = Secrets::default();
        secrets.collect(&options, &given);
        assert_eq!(
            secrets.scrub(json!({"content": "a:one1", "msg": "two2 in b", "c": "three3"})),
            json!({"content": "a:********", "msg": "******** in b", "c": WHOLE})
        );
    }

    #[test]
    fn own_texts_leave_the_modules_words() {
        let options = [
            Opt::new("state", Kind::Str).choices(&["present"]),
            Opt::new("mode", Kind::Str).choices(&["active"]),
            Opt::new("name", Kind::Str),
            Opt::new("id", Kind::Str),
            Opt::list("links", Kind::Dict).suboptions(vec![Opt::new("address", Kind::Str)]),
        ];
        let Value::Object(given) = json!({"state": "present", "mode": "mine", "name": "prod", "id": "7", "links": [{"address": "10.0.0.1"}]})
        else {
            panic!()
        };
        assert_eq!(
            own_texts(&options, &given).scrub_text("cannot have 'prod' present and mine with 7 on 10.0.0.1"),
            "cannot have '********' present and ******** with 7 on ********"
        );
    }
}
