// SPDX-License-Identifier: GPL-3.0-or-later
//! Where corosync, PVE and pmxcfs would not read the same.

use std::collections::BTreeMap;
use std::fmt;

use crate::Document;
use crate::edit::interface_link_of_pve;
use crate::line::{Kind, Line, blank, nameable};
use crate::readers::{self, pve_blank};
use crate::tree::Section;
use crate::vocabulary;

/// Sections of which PVE reads any number side by side; of any other it takes one.
const LISTS: [&str; 2] = ["node", "interface"];
/// The shortest and the longest name corosync's key-value store takes, sections included.
const SHORTEST_PATH: usize = 3;
const LONGEST_PATH: usize = 254;

/// A place that one of the programs would misread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Number of the line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What one of the programs would misread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// corosync does not start with it.
    CorosyncRefuses(&'static str),
    /// PVE's programs stop at it.
    PveRefuses(&'static str),
    /// A comment behind a value is part of the value for corosync.
    InlineComment(String),
    /// A blank within a value ends it for PVE.
    BlankInValue(String),
    /// Without a value, PVE takes the next word for it.
    NoValue(String),
    /// PVE wants a blank between key and value.
    NoBlankAfterColon(String),
    /// PVE wants no blank between a key and its colon.
    BlankBeforeColon(String),
    /// PVE wants a blank, and nothing but blanks, before the brace.
    NoBlankBeforeBrace(String),
    /// A byte that only one of the two takes for a blank.
    OddBlank,
    /// corosync merges sections of one name, PVE stops at the second.
    RepeatedSection(String),
    /// The last one counts for most keys, the first for those of a log subsystem.
    RepeatedKey(String),
    /// The same name for a key and a section.
    KeyAndSection(String),
    /// pmxcfs takes the first text that looks like a version, also in a comment or another key.
    VersionElsewhere,
    /// A section of a link that says its number as PVE of old did, which corosync 3 does not know.
    RingNumber(String),
    /// A section of a link that does not say its number.
    NoLinkNumber,
    /// corosync refuses anything but a number here, PVE takes it.
    NotANumber {
        /// The key.
        key: String,
        /// Its value.
        value: String,
    },
    /// The two find different things, for another reason than the ones above.
    Differs,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CorosyncRefuses(why) => write!(f, "corosync refuses it: {why}"),
            Self::PveRefuses(why) => write!(f, "PVE refuses it: {why}"),
            Self::InlineComment(key) => {
                write!(f, "the comment behind the value of '{key}' is part of the value for corosync")
            }
            Self::BlankInValue(key) => write!(f, "PVE reads the value of '{key}' only up to the blank in it"),
            Self::NoValue(key) => {
                write!(f, "'{key}' has no value, and PVE takes the next word of the file for it")
            }
            Self::NoBlankAfterColon(key) => {
                write!(f, "there is no blank between '{key}:' and its value, and PVE refuses that")
            }
            Self::BlankBeforeColon(key) => {
                write!(f, "there is a blank between '{key}' and its colon, and PVE refuses that")
            }
            Self::NoBlankBeforeBrace(name) => {
                write!(f, "there is no plain blank between '{name}' and '{{', and PVE misreads that")
            }
            Self::OddBlank => f.write_str("it holds a blank that only one of corosync and PVE takes for one"),
            Self::RepeatedSection(name) => {
                write!(f, "a second section '{name}' is merged by corosync, and PVE refuses it")
            }
            Self::RepeatedKey(key) => write!(f, "'{key}' is set a second time in the same section"),
            Self::KeyAndSection(name) => {
                write!(f, "'{name}' is both a key and a section, and PVE takes only one of the two")
            }
            Self::VersionElsewhere => {
                f.write_str("pmxcfs takes this text for the file's config_version, also in a comment")
            }
            Self::RingNumber(number) => write!(
                f,
                "'ringnumber: {number}' makes it link {number} for PVE, and corosync 3 takes the section for link 0: write \
                 'linknumber: {number}' in its place"
            ),
            Self::NoLinkNumber => f.write_str(
                "the interface section has no 'linknumber': corosync takes it for link 0, and PVE finds no link in it, so that \
                 no node can be added: write 'linknumber: 0' in it",
            ),
            Self::NotANumber { key, value } if key == "config_version" => {
                write!(f, "'{key}' must be a number in plain digits, not '{value}', which is read differently everywhere")
            }
            Self::NotANumber { key, value } => {
                write!(
                    f,
                    "'{key}' must be a number in plain digits, not '{value}'; corosync refuses it, PVE does not"
                )
            }
            Self::Differs => f.write_str("corosync and PVE read it differently"),
        }
    }
}

/// Everything in a document that one of the programs would misread, in the order of the lines.
///
/// When there is nothing, corosync and PVE find the same sections, keys and values in it.
#[must_use]
pub fn disagreements(document: &Document) -> Vec<Finding> {
    let mut found: Vec<(usize, Problem)> = Vec::new();
    for (index, line) in document.lines.iter().enumerate() {
        if let Some(problem) = in_line(line) {
            found.push((index, problem));
        }
    }
    // what follows from a line that is refused is not told again
    let refused = found.iter().any(|(_, problem)| matches!(problem, Problem::CorosyncRefuses(_)));
    if !refused {
        unbalanced(document, &mut found);
    }
    in_sections(document, &mut found);
    in_version(document, &mut found);
    if found.is_empty()
        && let Some(finding) = between_readers(document)
    {
        found.push(finding);
    }
    found.sort_by_key(|(line, _)| *line);
    found.into_iter().map(|(line, problem)| Finding { line: line + 1, problem }).collect()
}

fn in_line(line: &Line) -> Option<Problem> {
    let odd_blank = |bytes: &[u8]| bytes.contains(&0xA0).then_some(Problem::OddBlank);
    match &line.kind {
        Kind::Odd(why) => Some(Problem::CorosyncRefuses(why)),
        Kind::Blank => odd_blank(line.content()),
        Kind::Comment => odd_blank(line.indentation()),
        Kind::Close => odd_blank(line.content()),
        Kind::Open(name) => {
            let between = line.part(&(name.end..line.bytes.len()));
            let gap = between.split(|byte| *byte == b'{').next().unwrap_or_default();
            let plain = !gap.is_empty() && gap.iter().all(|byte| pve_blank(*byte));
            odd_blank(line.content())
                .or_else(|| (!plain).then(|| Problem::NoBlankBeforeBrace(line.text(name))))
        }
        Kind::Item { key, value } => {
            let (name, bytes) = (line.text(key), line.part(value));
            let between = line.part(&(key.end..value.start));
            let after = between.strip_prefix(b":");
            if bytes.contains(&b'#') {
                Some(Problem::InlineComment(name))
            } else if bytes.iter().any(|byte| pve_blank(*byte)) {
                Some(Problem::BlankInValue(name))
            } else if line.indentation().iter().chain(between).any(|byte| *byte == 0xA0)
                || line.part(&(value.end..line.bytes.len())).contains(&0xA0)
            {
                Some(Problem::OddBlank)
            } else if after.is_none() {
                Some(Problem::BlankBeforeColon(name))
            } else if bytes.is_empty() {
                Some(Problem::NoValue(name))
            } else if after.is_some_and(<[u8]>::is_empty) {
                Some(Problem::NoBlankAfterColon(name))
            } else {
                None
            }
        }
    }
}

fn unbalanced(document: &Document, found: &mut Vec<(usize, Problem)>) {
    let refuse = |line: &usize, why| (*line, Problem::CorosyncRefuses(why));
    found.extend(document.tree.stray.iter().map(|line| refuse(line, "it closes no section")));
    let open = document.tree.sections.iter().filter(|section| section.close.is_none());
    let open = open.filter_map(|section| section.open.as_ref());
    found.extend(open.map(|line| refuse(line, "the section is not closed")));
}

fn in_sections(document: &Document, found: &mut Vec<(usize, Problem)>) {
    let mut lengths: Vec<usize> = Vec::new();
    let mut named: Vec<bool> = Vec::new();
    let paths = vocabulary::paths(&document.tree);
    for (section, path) in document.tree.sections.iter().zip(paths) {
        let length = match section.open {
            None => 0,
            Some(_) => lengths.get(section.parent).copied().unwrap_or(0) + section.name.len() + 1,
        };
        lengths.push(length);
        let outer = section.open.is_none() || named.get(section.parent).copied().unwrap_or(false);
        named.push(outer && nameable(section.name.as_bytes()));
        if let Some(open) = section.open
            && length > LONGEST_PATH
        {
            found.push((open, Problem::CorosyncRefuses("the names of the sections are too long together")));
        }
        in_section(document, section, found);
        if let (Some("totem.interface"), Some(open)) = (path, section.open) {
            match (section.value("linknumber"), interface_link_of_pve(section)) {
                (None, None) => found.push((open, Problem::NoLinkNumber)),
                (None, Some(ring)) if ring != "0" => {
                    let line = section.items.iter().rev().find(|item| item.key == "ringnumber");
                    let line = line.map_or(open, |item| item.line);
                    found.push((line, Problem::RingNumber(ring.to_owned())));
                }
                _ => {}
            }
        }
        for item in &section.items {
            if named.last() == Some(&false) {
                let why = "the name of its section has a character that corosync has no key for";
                found.push((item.line, Problem::CorosyncRefuses(why)));
            }
            let total = length + item.key.len();
            if !(SHORTEST_PATH..=LONGEST_PATH).contains(&total) {
                let why = "the key with the names of its sections is not 3 to 254 bytes long";
                found.push((item.line, Problem::CorosyncRefuses(why)));
            }
            let known = path.and_then(|path| vocabulary::key(path, &item.key));
            let number = known.is_some_and(|known| known.kind.is_number())
                || path.is_some_and(|path| vocabulary::is_former_number(path, &item.key));
            if number && !is_number(&item.value) {
                let (key, value) = (item.key.clone(), item.value.clone());
                found.push((item.line, Problem::NotANumber { key, value }));
            }
        }
    }
}

fn in_section(document: &Document, section: &Section, found: &mut Vec<(usize, Problem)>) {
    let mut keys = BTreeMap::new();
    for item in &section.items {
        if keys.insert(item.key.as_str(), item.line).is_some() {
            found.push((item.line, Problem::RepeatedKey(item.key.clone())));
        }
    }
    let mut names = BTreeMap::new();
    for child in section.children.iter().filter_map(|child| document.tree.sections.get(*child)) {
        let Some(open) = child.open else { continue };
        let first = names.insert(child.name.as_str(), open).is_none();
        if keys.contains_key(child.name.as_str()) {
            found.push((open, Problem::KeyAndSection(child.name.clone())));
        } else if !first && !LISTS.contains(&child.name.as_str()) {
            found.push((open, Problem::RepeatedSection(child.name.clone())));
        }
    }
}

/// pmxcfs takes the first text of the form `config_version: 1`, wherever it stands.
fn in_version(document: &Document, found: &mut Vec<(usize, Problem)>) {
    const NAME: &[u8] = b"config_version";
    let own = document.tree.at(&["totem"]).into_iter().filter_map(|index| document.tree.sections.get(index));
    let own: Vec<usize> = own
        .flat_map(|section| section.items.iter())
        .filter(|item| item.key.as_bytes() == NAME)
        .map(|item| item.line)
        .collect();
    for (index, line) in document.lines.iter().enumerate() {
        let named = (0..line.bytes.len()).any(|at| {
            let rest = line.bytes.get(at..).and_then(|rest| rest.strip_prefix(NAME)).unwrap_or_default();
            rest.iter().find(|byte| !pve_blank(**byte) && !blank(**byte)) == Some(&b':')
        });
        if named && !own.contains(&index) {
            found.push((index, Problem::VersionElsewhere));
        }
    }
}

/// The first place where the two readers differ, whatever the reason.
fn between_readers(document: &Document) -> Option<(usize, Problem)> {
    let ours = match readers::corosync(&document.lines) {
        Ok(events) => events,
        Err(refusal) => return Some((refusal.line, Problem::CorosyncRefuses(refusal.why))),
    };
    let theirs = match readers::pve(&document.lines) {
        Ok(events) => events,
        Err(refusal) => return Some((refusal.line, Problem::PveRefuses(refusal.why))),
    };
    let longest = ours.len().max(theirs.len());
    (0..longest).find(|at| ours.get(*at) != theirs.get(*at)).map(|at| {
        let line = ours.get(at).or_else(|| theirs.get(at)).map_or(0, readers::Event::line);
        (line, Problem::Differs)
    })
}

/// A number as both readers take it: digits, with a minus where the key allows one.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A whole file around some lines of `totem`.
    fn findings(text: &str) -> Vec<String> {
        disagreements(&Document::parse(text.as_bytes())).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_the_two_readers_were_recorded_to_read_differently() {
        for (text, expected) in [
            (
                "totem {\n  cluster_name: cloud # inline\n}\n",
                "line 2: the comment behind the value of 'cluster_name' is part of the value for corosync",
            ),
            ("totem {\n  interface { # x\n  }\n}\n", "line 2: corosync refuses it: there is text after '{'"),
            ("totem { version: 2 }\n", "line 1: corosync refuses it: there is text after '{'"),
            (
                "nodelist {\n  node {\n    nodeid: one\n  }\n}\n",
                "line 3: 'nodeid' must be a number in plain digits, not 'one'; corosync refuses it, PVE does not",
            ),
            ("totem {\n  version: 2\n", "line 1: corosync refuses it: the section is not closed"),
            ("}\n", "line 1: corosync refuses it: it closes no section"),
            (
                "logging {\n  logfile: /var/log/a b\n}\n",
                "line 2: PVE reads the value of 'logfile' only up to the blank in it",
            ),
            ("totem{\n}\n", "line 1: there is no plain blank between 'totem' and '{', and PVE misreads that"),
            (
                "totem: {\n}\n",
                "line 1: there is no plain blank between 'totem' and '{', and PVE misreads that",
            ),
            (
                "totem {\n  version : 2\n}\n",
                "line 2: there is a blank between 'version' and its colon, and PVE refuses that",
            ),
            (
                "totem {\n  version:2\n}\n",
                "line 2: there is no blank between 'version:' and its value, and PVE refuses that",
            ),
            (
                "totem {\n  key:\n}\n",
                "line 2: 'key' has no value, and PVE takes the next word of the file for it",
            ),
            (
                "logging {\n  logger_subsys {\n    subsys: A\n  }\n  logger_subsys {\n    subsys: B\n  }\n}\n",
                "line 5: a second section 'logger_subsys' is merged by corosync, and PVE refuses it",
            ),
            (
                "totem {\n}\ntotem {\n}\n",
                "line 3: a second section 'totem' is merged by corosync, and PVE refuses it",
            ),
            ("totem {\n  key: 1\n  key: 2\n}\n", "line 3: 'key' is set a second time in the same section"),
            (
                "totem {\n  interface: 1\n  interface {\n    linknumber: 0\n  }\n}\n",
                "line 3: 'interface' is both a key and a section, and PVE takes only one of the two",
            ),
            (
                "# config_version: 9\ntotem {\n  config_version: 3\n}\n",
                "line 1: pmxcfs takes this text for the file's config_version, also in a comment",
            ),
            (
                "totem {\n  config_version: 3\n  # config_version : 2\n}\n",
                "line 3: pmxcfs takes this text for the file's config_version, also in a comment",
            ),
            (
                "totem {\n  my_config_version: 3\n}\n",
                "line 2: pmxcfs takes this text for the file's config_version, also in a comment",
            ),
            (
                "totem {\n  token: +5\n}\n",
                "line 2: 'token' must be a number in plain digits, not '+5'; corosync refuses it, PVE does not",
            ),
            ("totem {\n  key: a\rb\n}\n", "line 2: PVE reads the value of 'key' only up to the blank in it"),
            (
                "ab: 1\n",
                "line 1: corosync refuses it: the key with the names of its sections is not 3 to 254 bytes long",
            ),
            ("two words {\n}\n", "line 1: PVE refuses it: there is a word without ':' where a key should be"),
            (
                "two words {\n  key: 1\n}\n",
                "line 2: corosync refuses it: the name of its section has a character that corosync has no key for",
            ),
            ("version 2\n", "line 1: corosync refuses it: it is neither a section nor a key with a value"),
            (
                "totem {\n  interface {\n    bindnetaddr: 10.0.0.1\n    ringnumber: 1\n  }\n}\n",
                "line 4: 'ringnumber: 1' makes it link 1 for PVE, and corosync 3 takes the section for link 0: write 'linknumber: 1' in \
                 its place",
            ),
            (
                "totem {\n  interface {\n  }\n}\n",
                "line 2: the interface section has no 'linknumber': corosync takes it for link 0, and PVE finds no link in it, so that \
                 no node can be added: write 'linknumber: 0' in it",
            ),
            (
                "totem {\n  rrp_problem_count_timeout: long\n}\n",
                "line 2: 'rrp_problem_count_timeout' must be a number in plain digits, not 'long'; corosync refuses it, PVE does not",
            ),
            (
                "totem {\n  config_version: 0x5\n}\n",
                "line 2: 'config_version' must be a number in plain digits, not '0x5', which is read differently everywhere",
            ),
        ] {
            assert_eq!(findings(text), [expected], "{text}");
        }
    }

    #[test]
    fn a_blank_that_one_reader_does_not_know() {
        for bytes in [
            &b"\xA0\n"[..],
            b"\xA0# x\n",
            b"totem {\xA0\n}\n",
            b"totem {\n \xA0version: 2\n}\n",
            b"totem {\nversion:\xA02\n}\n",
        ] {
            let found = disagreements(&Document::parse(bytes));
            assert_eq!(
                found.iter().map(|finding| &finding.problem).collect::<Vec<_>>(),
                [&Problem::OddBlank],
                "{bytes:?}"
            );
        }
    }

    /// What follows from a line that is refused is not told again; what has a cause of its own is.
    #[test]
    fn all_are_told_in_the_order_of_the_lines() {
        for (text, expected) in [
            (
                "}\ntotem {\n  cluster_name: cloud # inline\n",
                &[
                    "line 1: corosync refuses it: it closes no section",
                    "line 2: corosync refuses it: the section is not closed",
                    "line 3: the comment behind the value of 'cluster_name' is part of the value for corosync",
                ][..],
            ),
            (
                "totem {\n  version\n",
                &["line 2: corosync refuses it: it is neither a section nor a key with a value"],
            ),
        ] {
            assert_eq!(findings(text), expected, "{text}");
        }
    }

    /// From 3 to 254 bytes, with the names of the sections.
    #[test]
    fn the_length_of_a_name_has_bounds() {
        let key = "the key with the names of its sections is not 3 to 254 bytes long";
        let names = "the names of the sections are too long together";
        let [longest, longer, long] = [253, 254, 300].map(|length| "s".repeat(length));
        for (text, line, why) in [
            ("abc: 1\n".to_owned(), 0, ""),
            ("a {\n  b: 1\n}\n".to_owned(), 0, ""),
            ("ab {\n  cd {\n    e: 1\n  }\n}\n".to_owned(), 0, ""),
            (format!("{longest} {{\n}}\n"), 0, ""),
            (format!("{longer} {{\n}}\n"), 1, names),
            (format!("{long} {{\n}}\n"), 1, names),
            (format!("a {{\n  {} {{\n  }}\n}}\n", &longest[..251]), 0, ""),
            (format!("a {{\n  {} {{\n  }}\n}}\n", &longest[..252]), 2, names),
            (format!("a {{\n  {}: 1\n}}\n", &longest[..252]), 0, ""),
            (format!("a {{\n  {longest}: 1\n}}\n"), 2, key),
            (format!("a {{\n  a {{\n    {}: 1\n  }}\n}}\n", &longest[..251]), 3, key),
        ] {
            let expected: Vec<String> =
                (line > 0).then(|| format!("line {line}: corosync refuses it: {why}")).into_iter().collect();
            assert_eq!(findings(&text), expected, "{text}");
        }
    }

    #[test]
    fn a_version_elsewhere_may_stand_before_any_blank() {
        for blank in [&b" "[..], b"\t", b"\x0B", b"\xA0", b" \xA0\t"] {
            let bytes = [b"# config_version", blank, b": 9\n"].concat();
            let found = disagreements(&Document::parse(&bytes));
            assert_eq!(found, [Finding { line: 1, problem: Problem::VersionElsewhere }], "{blank:?}");
        }
        assert_eq!(findings("# config_version is 9: or so\n"), [""; 0]);
    }

    #[test]
    fn a_file_of_pve_has_none() {
        assert_eq!(
            findings(
                "\n# a comment { } :\nnodelist {\n  node {\n    name: a\n  }\n  node {\n    name: b\n  }\n}\n\ntotem {\r\n\tconfig_version:\t3\r\n  interface {\n    ringnumber: 0\n  }\n  interface {\n    linknumber: 1\n    ringnumber: 2\n  }\n}"
            ),
            [""; 0]
        );
    }
}
