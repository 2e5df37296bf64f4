// SPDX-License-Identifier: GPL-3.0-or-later
//! The two programs that read the file, as far as they decide what stands in it.
//!
//! Both are modelled as a stream of what they find: sections that begin and end, keys with values. corosync reads
//! line by line. PVE drops everything from a `#` to the end of its line, then splits the rest at blanks: a word
//! before `{` is a section, a word that ends in `:` is a key and the next word its value.

use crate::line::{Kind, Line};

/// What a reader finds, and on which line (counted from 0).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Open(usize, Vec<u8>),
    Item(usize, Vec<u8>, Vec<u8>),
    Close(usize),
}

impl Event {
    pub(crate) fn line(&self) -> usize {
        match self {
            Self::Open(line, _) | Self::Item(line, ..) | Self::Close(line) => *line,
        }
    }
}

/// Where a reader gives up, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) line: usize,
    pub(crate) why: &'static str,
}

/// What corosync finds.
pub(crate) fn corosync(lines: &[Line]) -> Result<Vec<Event>, Refusal> {
    let mut events = Vec::new();
    let mut open = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        match &line.kind {
            Kind::Blank | Kind::Comment => {}
            Kind::Open(name) => {
                open.push(index);
                events.push(Event::Open(index, line.part(name).to_vec()));
            }
            Kind::Close if open.pop().is_none() => {
                return Err(Refusal { line: index, why: "it closes no section" });
            }
            Kind::Close => events.push(Event::Close(index)),
            Kind::Item { key, value } => {
                events.push(Event::Item(index, line.part(key).to_vec(), line.part(value).to_vec()));
            }
            Kind::Odd(why) => return Err(Refusal { line: index, why }),
        }
    }
    match open.last() {
        Some(line) => Err(Refusal { line: *line, why: "the section is not closed" }),
        None => Ok(events),
    }
}

/// What PVE finds.
pub(crate) fn pve(lines: &[Line]) -> Result<Vec<Event>, Refusal> {
    let words = lines.iter().enumerate().flat_map(|(index, line)| {
        let text = line.bytes.split(|byte| *byte == b'#').next().unwrap_or_default();
        text.split(|byte| pve_blank(*byte)).filter(|word| !word.is_empty()).map(move |word| (index, word))
    });
    let mut words = words.peekable();
    let mut events = Vec::new();
    let mut depth = 0_usize;
    while let Some((index, word)) = words.next() {
        if words.next_if(|(_, next)| *next == b"{").is_some() {
            depth += 1;
            events.push(Event::Open(index, word.to_vec()));
        } else if word == b"}" {
            if depth == 0 {
                return Err(Refusal { line: index, why: "it closes no section" });
            }
            depth -= 1;
            events.push(Event::Close(index));
        } else {
            let Some(key) = word.strip_suffix(b":") else {
                return Err(Refusal {
                    line: index,
                    why: "there is a word without ':' where a key should be",
                });
            };
            let Some((_, value)) = words.next() else {
                return Err(Refusal { line: index, why: "there is no value" });
            };
            events.push(Event::Item(index, key.to_vec(), value.to_vec()));
        }
    }
    Ok(events)
}

/// What PVE takes for a blank: Perl's class of them, without the no-break space.
pub(crate) fn pve_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}
