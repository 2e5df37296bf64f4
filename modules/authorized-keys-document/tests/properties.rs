// SPDX-License-Identifier: GPL-3.0-or-later
//! What holds for every file.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use authorized_keys_document::{Document, Given, given_keys};
use proptest::prelude::*;

const KEYS: [&str; 3] = [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDAh7XaMsLDfQwLPxpy3Chdjgtk7AmgaAQkmU3Nm5rqa",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBwH6HJ6TRpLRNy8m5B7gTqTNsGhSOZ3Gm1QCpzHT2kD",
    "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIDAh7XaMsLDfQwLPxpy3Chdjgtk7AmgaAQkmU3Nm5rqaAAAABHNzaDo=",
];

fn options() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("restrict".to_owned()),
        Just("cert-authority".to_owned()),
        "command=\"[ a-z#,]{0,8}(\\\\\")?\",no-pty",
    ]
}

/// A line of a file: of a key, or anything.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let of_key = (options(), 0..KEYS.len(), "[ -~]{0,12}", "[ \t]{0,2}", "\r?").prop_map(
        |(options, key, comment, blanks, end)| {
            let gap = if options.is_empty() { "" } else { " " };
            format!("{blanks}{options}{gap}{blanks}{} {blanks}{comment}{end}", KEYS[key]).into_bytes()
        },
    );
    let anything = proptest::collection::vec(any::<u8>().prop_filter("ends a line", |b| *b != b'\n'), 0..40);
    prop_oneof![3 => of_key, 1 => "[ -~]{0,40}".prop_map(String::into_bytes), 1 => anything]
}

fn file() -> impl Strategy<Value = Vec<u8>> {
    (proptest::collection::vec(line(), 0..8), any::<bool>()).prop_map(|(lines, ended)| {
        let mut bytes = lines.join(&b'\n');
        if ended && !bytes.is_empty() {
            bytes.push(b'\n');
        }
        bytes
    })
}

fn given() -> impl Strategy<Value = Given> {
    (0..KEYS.len(), proptest::option::of(options()), proptest::option::of("[!-~]([ -~]{0,9}[!-~])?"))
        .prop_map(|(key, options, comment)| Given {
            key: given_keys(KEYS[key]).unwrap().remove(0).key,
            options,
            comment,
        })
}

/// The lines of a file that do not hold the key.
fn others(bytes: &[u8], given: &Given) -> Vec<Vec<u8>> {
    let holds = |line: &[u8]| Document::parse(line).contains(&given.key);
    bytes
        .split_inclusive(|byte| *byte == b'\n')
        .filter(|line| !holds(line))
        .map(|line| line.strip_suffix(b"\n").unwrap_or(line).to_vec())
        .collect()
}

proptest! {
    #[test]
    fn bytes_in_are_bytes_out(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert_eq!(Document::parse(&bytes).to_bytes(), bytes);
    }

    #[test]
    fn lines_in_are_lines_out(bytes in file()) {
        prop_assert_eq!(Document::parse(&bytes).to_bytes(), bytes);
    }

    #[test]
    fn ensured_is_there_once_and_for_all(bytes in file(), given in given()) {
        let mut document = Document::parse(&bytes);
        document.ensure(&given);
        prop_assert!(document.satisfies(&given));
        prop_assert!(document.contains(&given.key));
        let written = document.to_bytes();
        prop_assert_eq!(&Document::parse(&written), &document);
        prop_assert_eq!(others(&written, &given), others(&bytes, &given), "an edit moves only its own lines");
    }

    #[test]
    fn removed_is_gone_and_nothing_else(bytes in file(), given in given()) {
        let mut document = Document::parse(&bytes);
        document.remove(&given.key);
        prop_assert!(!document.contains(&given.key));
        prop_assert_eq!(others(&document.to_bytes(), &given), others(&bytes, &given));
    }

    #[test]
    fn adding_and_removing_leaves_the_same_bytes(bytes in file(), given in given()) {
        let mut document = Document::parse(&bytes);
        prop_assume!(!document.contains(&given.key));
        document.ensure(&given);
        document.remove(&given.key);
        let mut expected = bytes;
        if !expected.is_empty() && !expected.ends_with(b"\n") {
            expected.push(b'\n'); // the last line gets its end, or the new key would have become part of it
        }
        prop_assert_eq!(document.to_bytes(), expected);
    }

    #[test]
    fn keeping_only_some_grants_nothing_else(bytes in file(), given in given()) {
        let mut document = Document::parse(&bytes);
        document.keep_only(|entry| entry.key == given.key);
        prop_assert!(document.entries().all(|entry| entry.key == given.key));
        for line in document.to_bytes().split_inclusive(|byte| *byte == b'\n') {
            let start = line.trim_ascii_start();
            prop_assert!(
                start.is_empty() || start.starts_with(b"#") || Document::parse(line).contains(&given.key)
            );
        }
    }
}
