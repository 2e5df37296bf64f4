// SPDX-License-Identifier: GPL-3.0-or-later
//! The settings that the task asks for, each checked against corosync's vocabulary.

use std::time::Duration;

use corosync_document::{Document, Effect, Key, Place, ValueKind, key, nearest};
use serde_json::{Map, Value};

use crate::args::{Args, Ha, State};
use crate::links::WantedLink;

/// The sections whose keys can be set, in the order in which they are told.
pub(crate) const SECTIONS: [&str; 3] = ["totem", "quorum", "logging"];
/// The most votes that a node is given.
pub(crate) const MOST_VOTES: u32 = 255;
/// The longest the module may wait.
const LONGEST: i64 = 3600;
/// The longest until a rescue looks: a rolling restart of many nodes may take hours.
const LATEST: i64 = 604_800;

/// One key to set or to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) section: &'static str,
    pub(crate) key: String,
    /// The value, or none to remove the key.
    pub(crate) value: Option<String>,
}

impl Setting {
    /// The key with its section, which is also its name in corosync's running values.
    pub(crate) fn path(&self) -> String {
        format!("{}.{}", self.section, self.key)
    }

    /// Whether corosync follows this change when it is restarted, node by node.
    pub(crate) fn waits_for_restart(&self) -> bool {
        key(self.section, &self.key).is_some_and(|key| matches!(key.effect, Effect::Restart(_)))
    }

    /// Why this change cannot be made while the cluster runs; none when it can.
    pub(crate) fn obstacle(&self) -> Option<String> {
        let path = self.path();
        match path.as_str() {
            "quorum.expected_votes" | "quorum.votes" if self.value.is_some() => {
                return Some(format!(
                    "'{path}' is counted from the nodelist; a fixed number is wrong as soon as a node joins or leaves"
                ));
            }
            // what no node uses any more, every node can do without
            "totem.knet_compression_model" if self.value.is_none() => return None,
            _ => {}
        }
        let effect = key(self.section, &self.key)?.effect;
        let why = effect.reason()?;
        Some(match effect {
            Effect::Unproven(_) => format!("'{path}' is not changed in a running cluster: {why}"),
            _ => format!("'{path}' does not change while corosync runs: {why}"),
        })
    }
}

/// Which parts of the file a task lists as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Given {
    pub(crate) sections: Vec<&'static str>,
    pub(crate) links: bool,
    pub(crate) nodes: bool,
    /// Keys that stay all the same, with their sections.
    pub(crate) but: Vec<&'static str>,
}

/// All that is wrong with the options of a task.
#[derive(Debug, Default)]
pub(crate) struct Wrong {
    told: Vec<String>,
    /// Something of it is wrong whatever the file has.
    firm: bool,
}

impl Wrong {
    /// What can be in no file.
    pub(crate) fn push(&mut self, reason: String) {
        self.told.push(reason);
        self.firm = true;
    }

    /// What a file can have all the same, of which nothing changes then.
    pub(crate) fn doubt(&mut self, reason: String) {
        self.told.push(reason);
    }
}

/// An option that this module would not write. As long as the file has it, with this value, nothing is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Doubt {
    pub(crate) setting: Setting,
    pub(crate) reason: String,
}

/// What the task asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Wanted {
    pub(crate) settings: Vec<Setting>,
    pub(crate) doubts: Vec<Doubt>,
    pub(crate) links: Vec<WantedLink>,
    /// Votes by the name of the node.
    pub(crate) votes: Vec<(String, u32)>,
    /// A whole file to compare with.
    pub(crate) content: Option<Document>,
    /// What of these is given, and what the file has beyond it is to go.
    pub(crate) replaced: Option<Given>,
    /// Judge the file as it would be, whatever state the cluster is in.
    pub(crate) validate_only: bool,
    /// Several links may be recreated, one after the other.
    pub(crate) several_links: bool,
    /// Nodes that may be off while the file changes.
    pub(crate) allow_offline: Vec<String>,
    /// Change the file although a node could be reset by its watchdog.
    pub(crate) ignore_ha: bool,
    /// Whether options are written too that corosync reads only when it starts.
    pub(crate) restart: bool,
    /// Whether to disarm high availability where it is active and can be.
    pub(crate) disarm_ha: bool,
    /// Seconds after which this node looks whether the change has cost the cluster; 0 for never.
    pub(crate) rescue: u64,
    /// What is not the same everywhere has been so for a while: nothing is on its way any more.
    pub(crate) persistent: bool,
    /// For each step.
    pub(crate) timeout: Duration,
}

impl Wanted {
    /// Whether the task asks for anything but a look.
    pub(crate) fn changes_something(&self) -> bool {
        self.content.is_some()
            || !self.settings.is_empty()
            || !self.doubts.is_empty()
            || !self.links.is_empty()
            || !self.votes.is_empty()
    }

    /// Checks the options; all that is wrong with them at once.
    pub(crate) fn check(args: &Args) -> Result<Self, Vec<String>> {
        let mut settings = Vec::new();
        let mut doubts = Vec::new();
        let mut wrong = Wrong::default();
        for (section, asked) in SECTIONS.into_iter().zip([&args.totem, &args.quorum, &args.logging]) {
            for (name, value) in asked.as_ref().unwrap_or(&Map::new()) {
                match (setting(section, name, value), as_written(value)) {
                    (Ok(setting), _) => settings.push(setting),
                    (Err(reason), Some(text)) => {
                        wrong.doubt(reason.clone());
                        let setting = Setting { section, key: name.clone(), value: Some(text) };
                        doubts.push(Doubt { setting, reason });
                    }
                    (Err(reason), None) => wrong.push(reason),
                }
            }
        }
        let mut links: Vec<WantedLink> = Vec::new();
        for link in args.links.iter().flatten() {
            let Some(link) = WantedLink::check(link, &mut wrong) else { continue };
            if links.iter().any(|other| other.number == link.number) {
                wrong.push(format!("link {} is given twice", link.number));
            } else {
                links.push(link);
            }
        }
        let mut votes = Vec::new();
        for (node, options) in args.nodes.as_ref().unwrap_or(&Map::new()) {
            match node_votes(options) {
                Ok(number) => votes.push((node.clone(), number)),
                Err(reason) => wrong.push(format!("node '{node}' {reason}")),
            }
        }
        let replaced = (args.state == State::Replaced).then(|| Given {
            sections: SECTIONS
                .into_iter()
                .zip([&args.totem, &args.quorum, &args.logging])
                .filter_map(|(section, asked)| asked.as_ref().map(|_| section))
                .collect(),
            links: args.links.is_some(),
            nodes: args.nodes.is_some(),
            but: Vec::new(),
        });
        let content = args.content.as_deref().map(|text| Document::parse(text.as_bytes()));
        if !(1..=LONGEST).contains(&args.timeout) {
            wrong.push(format!("'timeout' is {} s and must be from 1 to {LONGEST} s", args.timeout));
        }
        if args.rescue_after != 0 && !(10..=LATEST).contains(&args.rescue_after) {
            wrong.push(format!(
                "'rescue_after' is {} s and must be 0 or from 10 to {LATEST} s",
                args.rescue_after
            ));
        }
        let timeout = Duration::from_secs(args.timeout.unsigned_abs());
        let wanted = Self {
            settings,
            doubts,
            links,
            votes,
            content,
            replaced,
            validate_only: args.validate_only,
            several_links: args.several_links,
            allow_offline: args.allow_offline.clone().unwrap_or_default(),
            ignore_ha: args.ha == Ha::Ignore,
            restart: args.restart,
            disarm_ha: args.ha == Ha::Disarm,
            rescue: args.rescue_after.unsigned_abs(),
            persistent: false,
            timeout,
        };
        if wrong.firm { Err(wrong.told) } else { Ok(wanted) }
    }

    /// Settles the doubts by the file: what it has stays as it is. Answers with those that it has not.
    pub(crate) fn settle(&mut self, file: &Document) -> Vec<String> {
        let mut against = Vec::new();
        for Doubt { setting, reason } in std::mem::take(&mut self.doubts) {
            let place = Place::section(setting.section);
            if file.value(&place, &setting.key) == setting.value.as_deref() {
                self.settings.push(setting);
            } else {
                against.push(reason);
            }
        }
        against
    }
}

/// A single value as the file would have it, whatever its key takes; none for what is no single value.
fn as_written(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Whether two values of a key are one to corosync, which takes 05000 for 5000.
pub(crate) fn is_same(section: &str, name: &str, one: &str, other: &str) -> bool {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if digits { text.parse::<u64>().ok() } else { None }
    };
    let numbers = key(section, name).is_some_and(|key| key.kind.is_number());
    one == other || numbers && number(one).is_some_and(|one| number(other) == Some(one))
}

/// Whether a key of a section can be set at all.
pub(crate) fn is_settable(section: &str, name: &str) -> bool {
    key(section, name).is_some() && reserved(&format!("{section}.{name}")).is_none()
}

/// The votes among the options of a node, which are its only one that can change.
fn node_votes(options: &Value) -> Result<u32, String> {
    let options = options.as_object().ok_or("must have options, such as 'quorum_votes: 1'")?;
    if let Some(other) = options.keys().find(|name| *name != "quorum_votes") {
        return Err(format!("has '{other}', and only 'quorum_votes' of a node can be set"));
    }
    let votes = options.get("quorum_votes").ok_or("has no 'quorum_votes'")?;
    let number = votes.as_u64().or_else(|| votes.as_str()?.trim().parse().ok());
    let number = number.and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| too_many_votes(votes))
}

/// Why a node cannot have these votes.
pub(crate) fn too_many_votes(votes: &Value) -> String {
    format!("has {votes} 'quorum_votes', which must be a number from 0 to {MOST_VOTES}")
}

pub(crate) fn setting(section: &'static str, name: &str, value: &Value) -> Result<Setting, String> {
    let path = format!("{section}.{name}");
    if let Some(reason) = reserved(&path) {
        return Err(reason);
    }
    let Some(known) = key(section, name) else { return Err(unknown(section, name)) };
    let value = match text(known, value) {
        Ok(value) => value,
        Err(reason) => return Err(format!("'{path}' {reason}")),
    };
    if let Some(reason) = value.as_deref().and_then(|value| known.objection(value)) {
        return Err(format!("'{path}' is '{}' and {reason}", value.unwrap_or_default()));
    }
    Ok(Setting { section, key: name.to_owned(), value })
}

/// Keys that this module sets itself, or that nothing may set.
fn reserved(path: &str) -> Option<String> {
    let why = match path {
        "totem.config_version" => "the module raises it by itself with every change",
        "totem.version" => "the only version of corosync's protocol is 2",
        "totem.cluster_name" => "a cluster keeps the name it was created with",
        "totem.key" => "keys do not belong into this file, which every process of www-data can read",
        "totem.nodeid" | "totem.threads" => "corosync 3 does not use it",
        "totem.interface" => "the settings of links are the option 'links'",
        "quorum.device" => {
            "a QDevice is set up by 'pvecm qdevice setup' and removed by 'pvecm qdevice remove'"
        }
        "logging.logging_daemon" => {
            "no manual page of corosync names such a section, and for corosync itself the section 'logging' says the same"
        }
        "logging.logger_subsys" => {
            "PVE's programs stop at more than one such section, so this module writes none"
        }
        _ => return None,
    };
    Some(format!("'{path}' cannot be set: {why}"))
}

fn unknown(section: &str, name: &str) -> String {
    if let Some(other) = SECTIONS.into_iter().find(|other| key(other, name).is_some()) {
        return format!("'{name}' is no option of '{section}' but of '{other}'");
    }
    if key("totem.interface", name).is_some() {
        return format!("'{name}' is no option of '{section}' but of each link in 'links'");
    }
    match nearest(section, name) {
        Some(near) => format!("'{name}' is no option of '{section}': did you mean '{near}'?"),
        None => format!("'{name}' is no option of '{section}'"),
    }
}

/// The value as the file has it; none to remove the key.
///
/// YAML makes a truth value of `yes` and `on` and a number of digits, so what is meant depends on the key.
pub(crate) fn text(known: &Key, value: &Value) -> Result<Option<String>, String> {
    let text = match (value, known.kind) {
        (Value::Null, _) => return Ok(None),
        (Value::Bool(truth), kind) if kind.words().is_some() => {
            let words = kind.words().unwrap_or_default();
            let names = if *truth { ["yes", "on"] } else { ["no", "off"] };
            let found = words.iter().find(|word| names.contains(word));
            (*found.ok_or_else(|| format!("is {truth} and must be one of: {}", words.join(", ")))?).to_owned()
        }
        (Value::Bool(truth), ValueKind::Number { min: 0, max: 1 }) => u8::from(*truth).to_string(),
        (Value::Bool(truth), _) => return Err(format!("is {truth}, which is no value for it")),
        (Value::Number(number), _) => number.to_string(),
        // a blank beyond ASCII is part of a value to both of the file's readers
        (Value::String(text), _) => text.trim_ascii().to_owned(),
        (Value::Array(_) | Value::Object(_), _) => return Err("must be a single value".to_owned()),
    };
    // corosync takes 05000 for 5000 and tells it so afterwards
    let digits = text.trim_start_matches('0');
    if known.kind.is_number() && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(Some(if digits.is_empty() { "0".to_owned() } else { digits.to_owned() }));
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(
        totem: Value,
        quorum: Value,
        logging: Value,
    ) -> Result<Vec<(String, Option<String>)>, Vec<String>> {
        let args = serde_json::from_value(json!({
            "totem": totem, "quorum": quorum, "logging": logging, "state": "merged", "ha": "refuse", "validate_only": false, "several_links": false, "timeout": 60
        }));
        let wanted = Wanted::check(&args.unwrap())?;
        if !wanted.doubts.is_empty() {
            return Err(wanted.doubts.into_iter().map(|doubt| doubt.reason).collect());
        }
        Ok(wanted.settings.into_iter().map(|setting| (setting.path(), setting.value)).collect())
    }

    #[test]
    fn values_become_what_the_file_has() {
        let found = check(
            json!({"token": 5000, "join": "0060", "block_unlisted_ips": true, "merge": null, "send_join": "0"}),
            json!({"two_node": true}),
            json!({"debug": true, "to_syslog": false, "timestamp": "hires", "logfile": "/var/log/c.log"}),
        );
        let expected = [
            ("totem.token", Some("5000")),
            ("totem.join", Some("60")),
            ("totem.block_unlisted_ips", Some("yes")),
            ("totem.merge", None),
            ("totem.send_join", Some("0")),
            ("quorum.two_node", Some("1")),
            ("logging.debug", Some("on")),
            ("logging.to_syslog", Some("no")),
            ("logging.timestamp", Some("hires")),
            ("logging.logfile", Some("/var/log/c.log")),
        ];
        let expected = expected.map(|(path, value)| (path.to_owned(), value.map(str::to_owned)));
        assert_eq!(found.unwrap(), expected);
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let found = check(
            json!({"tokn": 1, "token": 20, "to_syslog": "yes", "knet_link_priority": 1, "config_version": 9, "hold": "x", "join": 1.5}),
            json!({"provider": [1], "device": {"model": "net"}}),
            json!({"debug": "maybe", "logging_daemon": {"name": "corosync"}, "nonsense_of_mine": 1, "syslog_priority": true}),
        );
        assert_eq!(
            found.unwrap_err(),
            [
                "'tokn' is no option of 'totem': did you mean 'token'?",
                "'totem.token' is '20' and must be a number from 30 to 4294967295, or 0 for the default",
                "'to_syslog' is no option of 'totem' but of 'logging'",
                "'knet_link_priority' is no option of 'totem' but of each link in 'links'",
                "'totem.config_version' cannot be set: the module raises it by itself with every change",
                "'totem.hold' is 'x' and must be a number from 14 to 4294967295, or 0 for the default",
                "'totem.join' is '1.5' and must be a number from 30 to 4294967295, or 0 for the default",
                "'quorum.provider' must be a single value",
                "'quorum.device' cannot be set: a QDevice is set up by 'pvecm qdevice setup' and removed by 'pvecm qdevice remove'",
                "'logging.debug' is 'maybe' and must be one of: on, off, trace",
                "'logging.logging_daemon' cannot be set: no manual page of corosync names such a section, and for corosync itself the section \
                 'logging' says the same",
                "'nonsense_of_mine' is no option of 'logging'",
                "'logging.syslog_priority' is true and must be one of: alert, crit, debug, emerg, err, error, info, notice, warning",
            ]
        );
    }

    #[test]
    fn a_timeout_has_bounds() {
        for timeout in [0, -1, 3601] {
            let args =
                serde_json::from_value(json!({"totem": {}, "state": "merged", "ha": "refuse", "validate_only": false, "several_links": false, "timeout": timeout}))
                    .unwrap();
            assert_eq!(
                Wanted::check(&args).unwrap_err(),
                [format!("'timeout' is {timeout} s and must be from 1 to 3600 s")]
            );
        }
    }

    #[test]
    fn what_does_not_change_live_has_a_reason() {
        let obstacle = |section, key: &str, value: Option<&str>| {
            Setting { section, key: key.to_owned(), value: value.map(str::to_owned) }.obstacle()
        };
        assert_eq!(obstacle("totem", "token", Some("5000")), None);
        assert_eq!(
            obstacle("totem", "transport", Some("udpu")).unwrap(),
            "'totem.transport' does not change while corosync runs: corosync logs that it cannot be changed at run-time"
        );
        assert_eq!(
            obstacle("quorum", "wait_for_all", None).unwrap(),
            "'quorum.wait_for_all' does not change while corosync runs: votequorum(5) says that it is only read when corosync starts"
        );
        assert_eq!(
            obstacle("totem", "keyfile", Some("/etc/corosync/other")).unwrap(),
            "'totem.keyfile' is not changed in a running cluster: a node that has not the same key can no longer be heard, \
             and nothing tells so beforehand"
        );
        assert_eq!(
            obstacle("quorum", "expected_votes", Some("3")).unwrap(),
            "'quorum.expected_votes' is counted from the nodelist; a fixed number is wrong as soon as a node joins or leaves"
        );
        assert_eq!(obstacle("quorum", "expected_votes", None), None);
        assert_eq!(
            obstacle("totem", "knet_compression_model", Some("zlib")).unwrap(),
            "'totem.knet_compression_model' is not changed in a running cluster: a node that lacks the plug-in for it can \
             no longer be heard, and nothing tells so beforehand"
        );
        assert_eq!(obstacle("totem", "knet_compression_model", None), None);
    }

    /// The controller judges what an inventory wants before it asks a node, and has no corosync to ask: it has this table.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test reads its files")]
    fn the_controller_has_the_same_table() {
        use std::fmt::Write as _;
        let quoted =
            |words: &[&str]| words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
        let mut table = String::from(concat!(
            "# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)\n",
            "# SPDX-License-Identifier: GPL-3.0-or-later\n",
            "\"\"\"The options that corosync_conf can set, as the module knows them.\n\n",
            "Written by a test of the module, `UPDATE_GOLDEN=1 cargo test -p corosync_conf the_controller`, which fails where it is not the same.\n\"\"\"\n\n",
            "from __future__ import annotations\n\n",
            "# By section and name: a number from .. to .. (and 0), one of these words (in capitals or not), or what its kind says.\n",
            "OPTIONS = {\n",
        ));
        for known in corosync_document::known_keys() {
            if ![&SECTIONS[..], &["totem.interface"]].concat().contains(&known.section)
                || reserved(&format!("{}.{}", known.section, known.name)).is_some()
            {
                continue;
            }
            let kind = match known.kind {
                ValueKind::Number { min, max } => format!("\"number\", {min}, {max}, False"),
                ValueKind::NumberOrDefault { min, max } => format!("\"number\", {min}, {max}, True"),
                ValueKind::OneOf(words) => format!("\"words\", ({},), False", quoted(words)),
                ValueKind::OneOfAnyCase(words) => format!("\"words\", ({},), True", quoted(words)),
                ValueKind::CodePoint => "\"code point\",".to_owned(),
                ValueKind::Path => "\"path\",".to_owned(),
                ValueKind::Address | ValueKind::Text => "\"text\",".to_owned(),
            };
            writeln!(table, "    (\"{}\", \"{}\"): ({kind}),", known.section, known.name).unwrap();
        }
        table.push_str("}\n\n# What is set by no task, and why.\nRESERVED = {\n");
        let known = corosync_document::known_keys().map(|known| format!("{}.{}", known.section, known.name));
        let sections =
            ["totem.interface", "quorum.device", "logging.logging_daemon", "logging.logger_subsys"];
        for path in known.chain(sections.map(str::to_owned)) {
            if let Some(reason) = reserved(&path) {
                writeln!(table, "    \"{path}\": \"{reason}\",").unwrap();
            }
        }
        table.push_str("}\n");
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins/plugin_utils/corosync_options.py");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(file, &table).unwrap();
        }
        assert_eq!(std::fs::read_to_string(file).unwrap(), table);
    }
}
