// SPDX-License-Identifier: GPL-3.0-or-later
//! Every option of corosync.conf(5) and votequorum(5) for corosync 3.1: its name, type and range, and when it takes
//! effect.
//!
//! Both readers accept any key, so that a misspelt one does nothing without a word. What corosync 3.1.9 does with
//! each key at a reload was recorded by changing it on a running corosync: its log names the keys that it does not
//! change at run time, and its key-value store shows the others.

use crate::Document;
use crate::effect::{
    ALL_AT_ONCE, ANEW, AT_START, DEVICE, Effect, KEY, LINK_MODE, LIVE, LOGGED, PLUGIN, UDP_ONLY, UNTRIED,
    VOTEQUORUM,
};
use crate::tree::Tree;

/// What a key's value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// A whole number within these bounds.
    Number {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// A whole number within these bounds, or 0, which stands for corosync's default.
    NumberOrDefault {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// One of these words, in capitals or not.
    OneOfAnyCase(&'static [&'static str]),
    /// A code point of differentiated services: a number from 0 to 63, or its name.
    CodePoint,
    /// An IP address or a name for one.
    Address,
    /// An absolute path.
    Path,
    /// Any word.
    Text,
}

/// An option of corosync.conf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The section it stands in, with dots between the names: `totem.interface`.
    pub section: &'static str,
    /// Its name; `ringX_addr` stands for `ring0_addr` to `ring7_addr`.
    pub name: &'static str,
    /// What its value may be.
    pub kind: ValueKind,
    /// When a changed value takes effect.
    pub effect: Effect,
}

impl ValueKind {
    /// Whether it is a number.
    #[must_use]
    pub fn is_number(self) -> bool {
        matches!(self, Self::Number { .. } | Self::NumberOrDefault { .. })
    }

    /// The words that a value may be, where it is one of some.
    #[must_use]
    pub fn words(self) -> Option<&'static [&'static str]> {
        match self {
            Self::OneOf(words) | Self::OneOfAnyCase(words) => Some(words),
            _ => None,
        }
    }
}

impl Key {
    /// What is wrong with a value, in words that go behind the value; nothing when it is fine.
    #[must_use]
    pub fn objection(&self, value: &str) -> Option<String> {
        let within = |min: i64, max: i64| {
            let digits = value.strip_prefix('-').filter(|_| min < 0).unwrap_or(value);
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            let number = value.parse::<i64>().ok().filter(|_| plain);
            number.is_some_and(|number| (min..=max).contains(&number))
        };
        match self.kind {
            ValueKind::Number { min, max } => {
                (!within(min, max)).then(|| format!("must be a number from {min} to {max}"))
            }
            ValueKind::NumberOrDefault { min, max } => (!within(min, max) && !within(0, 0))
                .then(|| format!("must be a number from {min} to {max}, or 0 for the default")),
            ValueKind::OneOf(words) => {
                (!words.contains(&value)).then(|| format!("must be one of: {}", words.join(", ")))
            }
            ValueKind::OneOfAnyCase(words) => {
                let known = words.iter().any(|word| word.eq_ignore_ascii_case(value));
                (!known).then(|| format!("must be one of: {}", words.join(", ")))
            }
            ValueKind::Path => (!value.starts_with('/')).then(|| "must be an absolute path".to_owned()),
            ValueKind::CodePoint => code_point(value).is_none().then(|| {
                "must be a number from 0 to 63, or one of: cs0 to cs7, af11 to af13, af21 to af23, af31 to af33, af41 to af43, ef".to_owned()
            }),
            ValueKind::Address | ValueKind::Text => None,
        }
    }
}

/// The number of a code point of differentiated services, which may be given by its name (RFC 2474, 2597 and 3246).
#[must_use]
pub fn code_point(value: &str) -> Option<u8> {
    let digit = |byte: u8, most: u8| (byte.wrapping_sub(b'0') <= most).then(|| byte.wrapping_sub(b'0'));
    match value.as_bytes() {
        b"ef" => Some(46),
        [b'c', b's', class] => Some(digit(*class, 7)? * 8),
        [b'a', b'f', class @ b'1'..=b'4', drop @ b'1'..=b'3'] => {
            Some(digit(*class, 4)? * 8 + digit(*drop, 3)? * 2)
        }
        digits if digits.iter().all(u8::is_ascii_digit) => value.parse().ok().filter(|number| *number <= 63),
        _ => None,
    }
}

/// Numbers of corosync 2 that corosync 3 still wants to be numbers, and that do nothing.
pub(crate) fn is_former_number(section: &str, name: &str) -> bool {
    const NAMES: [&str; 5] = [
        "rrp_token_expired_timeout",
        "rrp_problem_count_timeout",
        "rrp_problem_count_threshold",
        "rrp_problem_count_mcast_threshold",
        "rrp_autorecovery_check_timeout",
    ];
    section == "totem" && NAMES.contains(&name)
}

const U32: i64 = u32::MAX as i64;
const YES_NO: ValueKind = ValueKind::OneOf(&["yes", "no"]);
/// corosync.conf(5) names the first two; corosync takes all four.
const TO: ValueKind = ValueKind::OneOf(&["yes", "no", "on", "off"]);
const ON_OFF: ValueKind = ValueKind::OneOf(&["on", "off"]);
const FLAG: ValueKind = number(0, 1);
const PRIORITY: ValueKind = ValueKind::OneOfAnyCase(&[
    "alert", "crit", "debug", "emerg", "err", "error", "info", "notice", "warning",
]);
const FACILITY: ValueKind = ValueKind::OneOf(&[
    "auth", "authpriv", "cron", "daemon", "ftp", "kern", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7", "lpr", "mail", "news", "syslog", "user", "uucp",
]);
const DEBUG: ValueKind = ValueKind::OneOf(&["on", "off", "trace"]);

const fn number(min: i64, max: i64) -> ValueKind {
    ValueKind::Number { min, max }
}

const fn number_or_default(min: i64, max: i64) -> ValueKind {
    ValueKind::NumberOrDefault { min, max }
}

const fn entry(section: &'static str, name: &'static str, kind: ValueKind, effect: Effect) -> Key {
    Key { section, name, kind, effect }
}

/// Every option that is known.
#[rustfmt::skip]
static KEYS: &[Key] = &[
    // corosync refuses at start what makes these times shorter than 30 ms (14 ms for hold); 0 stands for the default
    entry("totem", "version", number(2, 2), LOGGED),
    entry("totem", "cluster_name", ValueKind::Text, LOGGED),
    entry("totem", "config_version", number(0, i64::MAX), LIVE),
    entry("totem", "transport", ValueKind::OneOf(&["knet", "udpu", "udp"]), ALL_AT_ONCE),
    entry("totem", "ip_version", ValueKind::OneOf(&["ipv4", "ipv6", "ipv4-6", "ipv6-4"]), LOGGED),
    entry("totem", "link_mode", ValueKind::OneOf(&["passive", "active", "rr"]),
        LINK_MODE),
    entry("totem", "secauth", ON_OFF, LIVE),
    entry("totem", "crypto_model", ValueKind::OneOf(&["nss", "openssl"]), PLUGIN),
    entry("totem", "crypto_hash", ValueKind::OneOf(&["none", "md5", "sha1", "sha256", "sha384", "sha512"]), LIVE),
    entry("totem", "crypto_cipher", ValueKind::OneOf(&["none", "aes256", "aes192", "aes128"]), LIVE),
    entry("totem", "keyfile", ValueKind::Path, KEY),
    entry("totem", "key", ValueKind::Text, KEY),
    entry("totem", "clear_node_high_bit", YES_NO, AT_START),
    entry("totem", "netmtu", number_or_default(1, 65536), LOGGED),
    entry("totem", "threads", number(0, U32), LOGGED),
    entry("totem", "nodeid", number(1, U32), AT_START),
    entry("totem", "token", number_or_default(30, U32), LIVE),
    entry("totem", "token_warning", number(0, 100), LIVE),
    entry("totem", "token_coefficient", number(0, U32), LIVE),
    entry("totem", "token_retransmit", number_or_default(30, U32), LIVE),
    entry("totem", "token_retransmits_before_loss_const", number_or_default(1, U32), LIVE),
    entry("totem", "hold", number_or_default(14, U32), LIVE),
    entry("totem", "join", number_or_default(30, U32), LIVE),
    entry("totem", "send_join", number(0, U32), LIVE),
    entry("totem", "consensus", number_or_default(30, U32), LIVE),
    entry("totem", "merge", number_or_default(30, U32), LIVE),
    entry("totem", "downcheck", number_or_default(30, U32), LIVE),
    entry("totem", "fail_recv_const", number_or_default(1, U32), LIVE),
    entry("totem", "seqno_unchanged_const", number_or_default(1, U32), LIVE),
    entry("totem", "heartbeat_failures_allowed", number(0, U32), LIVE),
    entry("totem", "max_network_delay", number_or_default(30, U32), LIVE),
    entry("totem", "window_size", number_or_default(1, U32), LIVE),
    entry("totem", "max_messages", number_or_default(1, U32), LIVE),
    entry("totem", "miss_count_const", number_or_default(1, U32), LIVE),
    // knet refuses more, and says so only in its log
    entry("totem", "knet_pmtud_interval", number_or_default(1, 86400), LIVE),
    entry("totem", "knet_mtu", number(0, 65535), LIVE),
    // corosync refuses the word none, which is what having no such key means
    entry("totem", "knet_compression_model", ValueKind::OneOf(&["zlib", "lz4", "lz4hc", "lzo2", "lzma", "bzip2", "zstd"]), PLUGIN),
    entry("totem", "knet_compression_threshold", number(0, U32), LIVE),
    entry("totem", "knet_compression_level", number(i32::MIN as i64, i32::MAX as i64), LIVE),
    entry("totem", "ip_dscp", ValueKind::CodePoint, LOGGED),
    entry("totem", "block_unlisted_ips", YES_NO, LIVE),
    entry("totem", "cancel_token_hold_on_retransmit", YES_NO, LIVE),

    entry("totem.interface", "linknumber", number(0, 7), LIVE),
    entry("totem.interface", "knet_link_priority", number(0, 255), LIVE),
    // knet's clock ticks every 200 ms: it refuses a shorter timeout
    entry("totem.interface", "knet_ping_interval", number_or_default(200, U32), LIVE),
    entry("totem.interface", "knet_ping_timeout", number_or_default(200, U32), LIVE),
    entry("totem.interface", "knet_ping_precision", number(1, U32), LIVE),
    entry("totem.interface", "knet_pong_count", number(1, U32), LIVE),
    entry("totem.interface", "knet_transport", ValueKind::OneOf(&["udp", "sctp"]), ANEW),
    entry("totem.interface", "mcastport", number(0, 65535), ANEW),
    entry("totem.interface", "bindnetaddr", ValueKind::Address, UDP_ONLY),
    entry("totem.interface", "mcastaddr", ValueKind::Address, UDP_ONLY),
    entry("totem.interface", "broadcast", YES_NO, UDP_ONLY),
    entry("totem.interface", "ttl", number(0, 255), UDP_ONLY),

    entry("nodelist.node", "name", ValueKind::Text, AT_START),
    entry("nodelist.node", "nodeid", number(1, U32), AT_START),
    entry("nodelist.node", "quorum_votes", number(0, U32), LIVE),
    entry("nodelist.node", "ringX_addr", ValueKind::Address, ANEW),

    entry("quorum", "provider", ValueKind::OneOf(&["corosync_votequorum"]), LOGGED),
    entry("quorum", "expected_votes", number(1, U32), LIVE),
    entry("quorum", "votes", number(0, U32), LIVE),
    entry("quorum", "two_node", FLAG, LIVE),
    entry("quorum", "wait_for_all", FLAG, VOTEQUORUM),
    entry("quorum", "last_man_standing", FLAG, VOTEQUORUM),
    entry("quorum", "last_man_standing_window", number(1, U32), VOTEQUORUM),
    entry("quorum", "auto_tie_breaker", FLAG, VOTEQUORUM),
    entry("quorum", "auto_tie_breaker_node", ValueKind::Text, VOTEQUORUM),
    entry("quorum", "allow_downscale", FLAG, VOTEQUORUM),
    entry("quorum", "expected_votes_tracking", FLAG, VOTEQUORUM),
    entry("quorum", "leaving_timeout", number(0, U32), VOTEQUORUM),

    entry("quorum.device", "model", ValueKind::Text, DEVICE),
    entry("quorum.device", "votes", number(0, U32), DEVICE),
    entry("quorum.device", "timeout", number(1, U32), DEVICE),
    entry("quorum.device", "sync_timeout", number(1, U32), DEVICE),
    entry("quorum.device", "master_wins", FLAG, DEVICE),
    entry("quorum.device.net", "host", ValueKind::Address, DEVICE),
    entry("quorum.device.net", "port", number(1, 65535), DEVICE),
    entry("quorum.device.net", "tls", ValueKind::OneOf(&["on", "off", "required"]), DEVICE),
    entry("quorum.device.net", "algorithm", ValueKind::OneOf(&["ffsplit", "lms", "test", "2nodelms"]), DEVICE),
    entry("quorum.device.net", "tie_breaker", ValueKind::Text, DEVICE),
    entry("quorum.device.net", "connect_timeout", number(1, U32), DEVICE),
    entry("quorum.device.net", "force_ip_version", ValueKind::OneOf(&["0", "4", "6"]), DEVICE),
    entry("quorum.device.net", "keep_active_partition_tie_breaker", ON_OFF, DEVICE),
    entry("quorum.device.heuristics", "mode", ValueKind::OneOf(&["on", "off", "sync"]), DEVICE),
    entry("quorum.device.heuristics", "interval", number(1, U32), DEVICE),
    entry("quorum.device.heuristics", "timeout", number(1, U32), DEVICE),
    entry("quorum.device.heuristics", "sync_timeout", number(1, U32), DEVICE),

    entry("logging", "timestamp", ValueKind::OneOf(&["on", "off", "hires"]), LIVE),
    entry("logging", "fileline", ON_OFF, LIVE),
    entry("logging", "function_name", ON_OFF, LIVE),
    entry("logging", "blackbox", ON_OFF, LIVE),
    entry("logging", "to_stderr", TO, LIVE),
    entry("logging", "to_logfile", TO, LIVE),
    entry("logging", "to_syslog", TO, LIVE),
    entry("logging", "logfile", ValueKind::Path, LIVE),
    entry("logging", "logfile_priority", PRIORITY, LIVE),
    entry("logging", "syslog_facility", FACILITY, LIVE),
    entry("logging", "syslog_priority", PRIORITY, LIVE),
    entry("logging", "debug", DEBUG, LIVE),
    entry("logging.logger_subsys", "subsys", ValueKind::Text, LIVE),
    entry("logging.logger_subsys", "to_stderr", TO, LIVE),
    entry("logging.logger_subsys", "to_logfile", TO, LIVE),
    entry("logging.logger_subsys", "to_syslog", TO, LIVE),
    entry("logging.logger_subsys", "logfile", ValueKind::Path, LIVE),
    entry("logging.logger_subsys", "logfile_priority", PRIORITY, LIVE),
    entry("logging.logger_subsys", "syslog_facility", FACILITY, LIVE),
    entry("logging.logger_subsys", "syslog_priority", PRIORITY, LIVE),
    entry("logging.logger_subsys", "debug", DEBUG, LIVE),

    entry("logging.logging_daemon", "name", ValueKind::Text, UNTRIED),
    entry("logging.logging_daemon", "subsys", ValueKind::Text, UNTRIED),
    entry("logging.logging_daemon", "to_stderr", TO, UNTRIED),
    entry("logging.logging_daemon", "to_logfile", TO, UNTRIED),
    entry("logging.logging_daemon", "to_syslog", TO, UNTRIED),
    entry("logging.logging_daemon", "logfile", ValueKind::Path, UNTRIED),
    entry("logging.logging_daemon", "logfile_priority", PRIORITY, UNTRIED),
    entry("logging.logging_daemon", "syslog_facility", FACILITY, UNTRIED),
    entry("logging.logging_daemon", "syslog_priority", PRIORITY, UNTRIED),
    entry("logging.logging_daemon", "debug", DEBUG, UNTRIED),

    entry("pload", "count", ValueKind::Text, UNTRIED),
    entry("pload", "size", ValueKind::Text, UNTRIED),

    entry("system", "qb_ipc_type", ValueKind::OneOf(&["native", "shm", "socket"]), LOGGED),
    entry("system", "sched_rr", YES_NO, LOGGED),
    entry("system", "priority", ValueKind::Text, LOGGED),
    entry("system", "move_to_root_cgroup", ValueKind::OneOf(&["yes", "no", "auto"]), LOGGED),
    entry("system", "allow_knet_handle_fallback", YES_NO, LOGGED),
    entry("system", "state_dir", ValueKind::Path, LOGGED),

    entry("resources", "watchdog_device", ValueKind::Text, AT_START),
    entry("resources", "watchdog_timeout", number(2, 120), AT_START),

    entry("nozzle", "name", ValueKind::Text, LIVE),
    entry("nozzle", "ipaddr", ValueKind::Address, LIVE),
    entry("nozzle", "ipprefix", number(0, 128), LIVE),
    entry("nozzle", "macaddr", ValueKind::Text, LIVE),

    entry("uidgid", "uid", ValueKind::Text, LIVE),
    entry("uidgid", "gid", ValueKind::Text, LIVE),
];

/// Sections whose keys are not corosync's to name: programs and thresholds that the administrator chooses.
const OPEN_SECTIONS: [&str; 4] =
    ["resources.system", "resources.system.memory_used", "resources.system.load_15min", "resources.process"];

/// The option of this name in this section.
///
/// Within `quorum.device.heuristics`, every name that begins with `exec_` is one: a program to run.
#[must_use]
pub fn key(section: &str, name: &str) -> Option<&'static Key> {
    let name = if crate::view::link_of_key(name).is_some_and(|link| link <= 7) { "ringX_addr" } else { name };
    KEYS.iter().find(|key| key.section == section && key.name == name)
}

/// Every option that corosync 3.1 knows. `exec_NAME` of a QDevice's heuristics, which may be any name, is not among them.
pub fn known_keys() -> impl Iterator<Item = &'static Key> {
    KEYS.iter()
}

/// The options of a section.
pub(crate) fn keys_of(section: &str) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| key.section == section)
}

/// The path of each section, as [`key`] wants it; none for those that corosync does not know.
pub(crate) fn paths(tree: &Tree) -> Vec<Option<&'static str>> {
    let mut paths: Vec<Option<&'static str>> = Vec::new();
    for section in &tree.sections {
        let path = match section.open {
            None => Some(""),
            Some(_) => {
                let outer = paths.get(section.parent).copied().flatten();
                outer.and_then(|outer| section_in(outer, &section.name))
            }
        };
        paths.push(path);
    }
    paths
}

fn section_in(outer: &str, name: &str) -> Option<&'static str> {
    let known = KEYS.iter().map(|key| key.section).chain(OPEN_SECTIONS).chain(["nodelist"]);
    known.into_iter().find(|section| match section.rsplit_once('.') {
        Some((parent, last)) => parent == outer && last == name,
        None => outer.is_empty() && *section == name,
    })
}

/// The option of this section whose name is most like this one, when one is like it.
#[must_use]
pub fn nearest(section: &str, name: &str) -> Option<&'static str> {
    let names = keys_of(section).map(|key| key.name);
    let near = names.map(|known| (distance(known, name), known)).min()?;
    // a third of the letters may be wrong, two in a short name
    (near.0 <= (name.len() / 3).max(2)).then_some(near.1)
}

/// Keys of a document that corosync does not know, each with its line (from 1), its section and its name.
///
/// corosync takes them without a word, and they do nothing.
#[must_use]
pub fn unknown_keys(document: &Document) -> Vec<(usize, String, String)> {
    let mut paths: Vec<Option<&'static str>> = Vec::new();
    let mut found = Vec::new();
    for (index, section) in document.tree.sections.iter().enumerate() {
        let outer = if index == 0 { Some("") } else { paths.get(section.parent).copied().flatten() };
        let path =
            if index == 0 { Some("") } else { outer.and_then(|outer| section_in(outer, &section.name)) };
        paths.push(path);
        let open = path.is_some_and(|path| OPEN_SECTIONS.contains(&path));
        for item in &section.items {
            let known = path.is_some_and(|path| {
                key(path, &item.key).is_some()
                    || path == "quorum.device.heuristics" && item.key.starts_with("exec_")
            });
            if !known && !open {
                let name = path.map_or_else(|| section.name.clone(), str::to_owned);
                found.push((item.line + 1, name, item.key.clone()));
            }
        }
    }
    found.sort();
    found
}

/// How many letters must be changed, added or left out to make one word of the other, two swapped ones counting once.
fn distance(one: &str, two: &str) -> usize {
    let (one, two): (Vec<u8>, Vec<u8>) = (one.bytes().collect(), two.bytes().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=two.len()).collect();
    for (i, letter) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, other) in two.iter().enumerate() {
            let at = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX / 2);
            let mut best = at(&last, j) + usize::from(letter != other);
            best = best.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && one.get(i - 1) == Some(other) && two.get(j - 1) == Some(letter);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found() {
        for (section, name, expected) in [
            ("totem", "tokn", Some("token")),
            ("totem", "tokne", Some("token")),
            ("totem", "token_coeficient", Some("token_coefficient")),
            ("totem", "linkmode", Some("link_mode")),
            ("logging", "to_sylsog", Some("to_syslog")),
            ("quorum", "expectedvotes", Some("expected_votes")),
            ("totem", "something_else_entirely", None),
            ("nosuchsection", "token", None),
        ] {
            assert_eq!(nearest(section, name), expected, "{name}");
        }
    }

    #[test]
    fn every_key_is_listed_once_and_finds_itself() {
        for (index, entry) in KEYS.iter().enumerate() {
            assert!(
                !KEYS[..index].iter().any(|k| (k.section, k.name) == (entry.section, entry.name)),
                "{entry:?}"
            );
            let name = entry.name.replace('X', "0");
            assert_eq!(key(entry.section, &name), Some(entry));
        }
        assert_eq!(key("nodelist.node", "ring8_addr"), None);
    }

    #[test]
    fn objections_name_what_a_value_must_be() {
        let objection = |section, name, value| key(section, name).unwrap().objection(value);
        assert_eq!(objection("totem", "token", "5000"), None);
        assert_eq!(objection("totem", "knet_compression_level", "-5"), None);
        let token = Some("must be a number from 30 to 4294967295, or 0 for the default".to_owned());
        for (value, expected) in
            [("20", &token), ("+50", &token), ("1", &token), ("0", &None), ("00", &None), ("30", &None)]
        {
            assert_eq!(&objection("totem", "token", value), expected, "{value}");
        }
        assert_eq!(objection("logging", "syslog_priority", "INFO"), None);
        assert!(objection("logging", "syslog_priority", "warn").is_some());
        assert!(objection("logging", "syslog_facility", "DAEMON").is_some());
        assert_eq!(
            objection("totem", "send_join", "-0"),
            Some("must be a number from 0 to 4294967295".into())
        );
        assert_eq!(objection("logging", "debug", "maybe"), Some("must be one of: on, off, trace".into()));
        assert_eq!(objection("logging", "logfile", "log"), Some("must be an absolute path".into()));
    }

    #[test]
    fn a_code_point_is_a_number_or_a_name() {
        for (value, expected) in [
            ("0", Some(0)),
            ("63", Some(63)),
            ("64", None),
            ("256", None),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("cs0", Some(0)),
            ("cs7", Some(56)),
            ("cs8", None),
            ("cs/", None),
            ("af11", Some(10)),
            ("af43", Some(38)),
            ("af44", None),
            ("af10", None),
            ("af53", None),
            ("af01", None),
            ("ef", Some(46)),
            ("EF", None),
            ("x", None),
        ] {
            assert_eq!(code_point(value), expected, "{value}");
        }
        let objection = |value| key("totem", "ip_dscp").unwrap().objection(value);
        assert_eq!(objection("ef"), None);
        assert_eq!(
            objection("64").as_deref(),
            Some(
                "must be a number from 0 to 63, or one of: cs0 to cs7, af11 to af13, af21 to af23, af31 to af33, af41 to af43, ef"
            )
        );
    }

    #[test]
    fn unknown_keys_are_found_where_corosync_has_names() {
        let text = b"totem {\n tokn: 1\n interface {\n  linknumber: 0\n  knet_link_prio: 1\n }\n}\nquorum {\n device {\n  heuristics {\n   exec_ping: /bin/x\n  }\n }\n}\nresources {\n system {\n  memory_used {\n   recovery: shutdown\n  }\n }\n}\nmine {\n own: 1\n}\n";
        let found = unknown_keys(&Document::parse(text));
        let found: Vec<_> =
            found.iter().map(|(line, section, key)| (*line, section.as_str(), key.as_str())).collect();
        assert_eq!(
            found,
            [(2, "totem", "tokn"), (5, "totem.interface", "knet_link_prio"), (23, "mine", "own")]
        );
    }
}
