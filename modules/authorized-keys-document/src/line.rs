// SPDX-License-Identifier: GPL-3.0-or-later
//! One line of the file.

use crate::key::{Read, blanks};
use crate::{KeyError, PublicKey, options};

/// What a line says about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The options before the key, as written; empty when there are none.
    pub options: Vec<u8>,
    /// The key.
    pub key: PublicKey,
    /// The comment after it, without blanks around it; empty when there is none.
    pub comment: Vec<u8>,
    /// Type and key as the line spells them.
    pub(crate) spelling: Vec<u8>,
    /// Whether the blob names its type as only older sshds take it.
    pub(crate) named_short: bool,
}

impl Entry {
    /// Reads a line without its end, as sshd does: a key at once, or options and then a key.
    pub(crate) fn read(line: &[u8]) -> Result<Self, KeyError> {
        // to sshd, which is written in C, a line ends at a NUL
        let line = line.split(|byte| *byte == 0).next().unwrap_or_default();
        let line = line.get(blanks(line)..).unwrap_or_default();
        if let Ok(read) = PublicKey::read(line) {
            return Ok(Self::new(b"", read, line));
        }
        let end = options::length(line);
        let after = line.get(end..).unwrap_or_default();
        let after = after.get(blanks(after)..).unwrap_or_default();
        match PublicKey::read(after) {
            Ok(read) => Ok(Self::new(line.get(..end).unwrap_or_default(), read, after)),
            // of the two readings the one that found the name of a type knows why
            Err(KeyError::NoType) => Err(PublicKey::read(line).err().unwrap_or(KeyError::NoType)),
            Err(error) => Err(error),
        }
    }

    fn new(options: &[u8], read: Read, from_key: &[u8]) -> Self {
        let Read { key, length, named_short } = read;
        Self {
            options: options.to_vec(),
            key,
            named_short,
            comment: from_key.get(length..).unwrap_or_default().trim_ascii().to_vec(),
            spelling: from_key.get(..length).unwrap_or_default().trim_ascii().to_vec(),
        }
    }

    /// Whether the key signs other keys instead of logging in itself.
    #[must_use]
    pub fn is_certificate_authority(&self) -> bool {
        options::is_certificate_authority(&self.options)
    }

    /// Whether only an sshd older than OpenSSH 10 takes the key as the line spells it: the blob has a short name for its type.
    #[must_use]
    pub fn is_for_older_sshd(&self) -> bool {
        self.named_short
    }

    /// The line without its end.
    pub(crate) fn to_line(&self) -> Vec<u8> {
        let parts = [&self.options, &self.spelling, &self.comment];
        parts.into_iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(&b' ')
    }
}

/// A line as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its bytes, with its end if it has one.
    pub(crate) raw: Vec<u8>,
    /// What it says, when it holds a key.
    pub(crate) entry: Option<Entry>,
}

impl Line {
    pub(crate) fn read(raw: &[u8]) -> Self {
        let text = raw.strip_suffix(b"\n").unwrap_or(raw);
        let first = text.get(blanks(text));
        let entry = if first == Some(&b'#') { None } else { Entry::read(text).ok() };
        Self { raw: raw.to_vec(), entry }
    }

    pub(crate) fn of(entry: Entry) -> Self {
        let mut raw = entry.to_line();
        raw.push(b'\n');
        Self { raw, entry: Some(entry) }
    }

    /// Whether it says nothing: a comment or blank.
    pub(crate) fn is_silent(&self) -> bool {
        self.entry.is_none() && matches!(self.raw.trim_ascii_start().first(), None | Some(b'#'))
    }

    /// The bytes that end it: `\n`, `\r\n`, or nothing at the end of a file.
    pub(crate) fn ending(&self) -> &'static [u8] {
        if self.raw.ends_with(b"\r\n") {
            b"\r\n"
        } else if self.raw.ends_with(b"\n") {
            b"\n"
        } else {
            b""
        }
    }

    /// Says this instead, if it does not already; its ending stays.
    pub(crate) fn say(&mut self, entry: Entry) {
        if self.entry.as_ref() == Some(&entry) {
            return;
        }
        let ending = self.ending();
        self.raw = entry.to_line();
        self.raw.extend_from_slice(ending);
        self.entry = Some(entry);
    }
}
