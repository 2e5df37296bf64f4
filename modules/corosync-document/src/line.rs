// SPDX-License-Identifier: GPL-3.0-or-later
//! One line, as corosync reads it.

use std::ops::Range;

/// The longest line corosync reads, without its line feed: it reads into 512 bytes.
pub(crate) const LONGEST: usize = 510;

/// What corosync takes a line for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing but blanks.
    Blank,
    /// A line whose first visible character is `#`.
    Comment,
    /// The first line of a section; the range is its name.
    Open(Range<usize>),
    /// The last line of a section.
    Close,
    /// A key and its value.
    Item {
        /// Where the key stands.
        key: Range<usize>,
        /// Where the value stands, without blanks around it; empty when there is none.
        value: Range<usize>,
    },
    /// A line that corosync refuses, and why.
    Odd(&'static str),
}

/// One line with its line ending, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) bytes: Vec<u8>,
    pub(crate) kind: Kind,
}

impl Line {
    /// A line with its line ending, if it has one.
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        let kind = classify(&bytes);
        Self { bytes, kind }
    }

    /// The bytes in this range of the line.
    pub(crate) fn part(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    /// The text in this range of the line; bytes that are not UTF-8 are replaced by U+FFFD.
    pub(crate) fn text(&self, range: &Range<usize>) -> String {
        String::from_utf8_lossy(self.part(range)).into_owned()
    }

    /// The line without its line ending.
    pub(crate) fn content(&self) -> &[u8] {
        self.part(&(0..content_end(&self.bytes)))
    }

    /// The line ending: `\n`, `\r\n`, or nothing at the end of a file.
    pub(crate) fn ending(&self) -> &[u8] {
        if !self.bytes.ends_with(b"\n") {
            return b"";
        }
        self.part(&(content_end(&self.bytes)..self.bytes.len()))
    }

    /// The blanks before the first visible character.
    pub(crate) fn indentation(&self) -> &[u8] {
        let content = self.content();
        let end = content.iter().position(|byte| !blank(*byte)).unwrap_or(content.len());
        content.get(..end).unwrap_or_default()
    }
}

/// Splits a file into lines, each with its line ending.
pub(crate) fn lines(bytes: &[u8]) -> Vec<Line> {
    bytes.split_inclusive(|byte| *byte == b'\n').map(|line| Line::new(line.to_vec())).collect()
}

/// What corosync takes for a blank; the no-break space of Latin-1 is one.
pub(crate) fn blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0xA0)
}

fn content_end(bytes: &[u8]) -> usize {
    let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    line.strip_suffix(b"\r").unwrap_or(line).len()
}

/// The range without blanks at either end, and without the bytes that `also` names at its end; the first visible
/// byte stays whatever it is.
fn trim(bytes: &[u8], mut range: Range<usize>, also: &[u8]) -> Range<usize> {
    let is = |at: usize, more: &[u8]| bytes.get(at).is_some_and(|byte| blank(*byte) || more.contains(byte));
    while range.start < range.end && is(range.start, b"") {
        range.start += 1;
    }
    while range.start + 1 < range.end && is(range.end - 1, also) {
        range.end -= 1;
    }
    range
}

fn classify(bytes: &[u8]) -> Kind {
    let content = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    if content.len() > LONGEST {
        return Kind::Odd("the line is longer than 510 bytes");
    }
    if content.contains(&0) {
        return Kind::Odd("the line holds a NUL byte");
    }
    let all = trim(bytes, 0..content_end(bytes), b"");
    let visible = bytes.get(all.clone()).unwrap_or_default();
    let find = |what: u8| visible.iter().position(|byte| *byte == what).map(|at| all.start + at);
    if visible.is_empty() {
        Kind::Blank
    } else if visible.starts_with(b"#") {
        Kind::Comment
    } else if let Some(brace) = find(b'{') {
        let name = trim(bytes, all.start..brace, b":{");
        if name.is_empty() {
            Kind::Odd("there is no section name before '{'")
        } else if !trim(bytes, brace + 1..all.end, b"").is_empty() {
            Kind::Odd("there is text after '{'")
        } else {
            Kind::Open(name)
        }
    } else if let Some(colon) = find(b':') {
        let key = trim(bytes, all.start..colon, b":{");
        if key.is_empty() {
            Kind::Odd("there is no key before ':'")
        } else if !nameable(bytes.get(key.clone()).unwrap_or_default()) {
            Kind::Odd("the key has a character that corosync has no key for")
        } else {
            Kind::Item { key, value: trim(bytes, colon + 1..all.end, b"") }
        }
    } else if visible == b"}" {
        Kind::Close
    } else if find(b'}').is_some() {
        Kind::Odd("there is text before or after '}'")
    } else {
        Kind::Odd("it is neither a section nor a key with a value")
    }
}

/// Whether corosync's key-value store takes this as part of a key.
pub(crate) fn nameable(name: &[u8]) -> bool {
    name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._-/:".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(line: &str) -> String {
        let line = Line::new(line.as_bytes().to_vec());
        match &line.kind {
            Kind::Blank => "blank".into(),
            Kind::Comment => "comment".into(),
            Kind::Open(name) => format!("open {}", line.text(name)),
            Kind::Close => "close".into(),
            Kind::Item { key, value } => format!("{}={}", line.text(key), line.text(value)),
            Kind::Odd(why) => format!("odd: {why}"),
        }
    }

    #[test]
    fn lines_as_corosync_takes_them() {
        for (line, expected) in [
            ("", "blank"),
            (" \t\r\n", "blank"),
            ("  # interface {\n", "comment"),
            ("totem {\n", "open totem"),
            ("totem{\n", "open totem"),
            ("\ttotem  :{  \r\n", "open totem"),
            ("interface { # x\n", "odd: there is text after '{'"),
            ("totem { version: 2 }\n", "odd: there is text after '{'"),
            (": {\n", "open :"),
            ("{\n", "odd: there is no section name before '{'"),
            ("two words {\n", "open two words"),
            ("}\n", "close"),
            ("  }\r\n", "close"),
            ("} # end\n", "odd: there is text before or after '}'"),
            ("version: 2\n", "version=2"),
            ("version:2", "version=2"),
            ("  version :\t2  \r\n", "version=2"),
            ("ring0_addr: fe80::1\n", "ring0_addr=fe80::1"),
            ("cluster_name: cloud # inline\n", "cluster_name=cloud # inline"),
            ("token:\n", "token="),
            ("key: }\n", "key=}"),
            (": 2\n", "odd: there is no key before ':'"),
            ("two words: 2\n", "odd: the key has a character that corosync has no key for"),
            ("version 2\n", "odd: it is neither a section nor a key with a value"),
        ] {
            assert_eq!(kind(line), expected, "{line:?}");
        }
    }

    #[test]
    fn the_longest_line_is_510_bytes() {
        let comment = |length: usize| format!("#{}\n", "x".repeat(length - 1));
        assert_eq!(kind(&comment(510)), "comment");
        assert_eq!(kind(&comment(511)), "odd: the line is longer than 510 bytes");
    }

    #[test]
    fn a_line_knows_its_parts() {
        let line = Line::new(b"\t  token: 1\r\n".to_vec());
        assert_eq!(
            (line.indentation(), line.content(), line.ending()),
            (&b"\t  "[..], &b"\t  token: 1"[..], &b"\r\n"[..])
        );
    }
}
