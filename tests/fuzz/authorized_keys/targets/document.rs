// SPDX-License-Identifier: GPL-3.0-or-later
//! Any bytes as an `authorized_keys` file, and their first line as what someone gives as a key.

#![no_main]

use authorized_keys_document::{Document, Entry, Given, given_keys};
use libfuzzer_sys::fuzz_target;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDAh7XaMsLDfQwLPxpy3Chdjgtk7AmgaAQkmU3Nm5rqa";

fuzz_target!(|bytes: &[u8]| {
    let document = Document::parse(bytes);
    assert_eq!(document.to_bytes(), bytes, "bytes in are bytes out");

    let given = given_keys(&String::from_utf8_lossy(bytes)).unwrap_or_default();
    let own = given_keys(KEY).unwrap();
    let options = own.iter().map(|key| Given { options: Some("restrict".into()), ..key.clone() });
    for key in given.iter().chain(&own).cloned().chain(options) {
        ensured(&document, &key);
        removed(&document, &key);
    }
    for entry in document.entries() {
        kept(&document, entry);
    }
});

/// What was ensured is there, stays the same when ensured again, and is read as it was meant.
fn ensured(document: &Document, key: &Given) {
    let mut after = document.clone();
    after.ensure(key);
    assert!(after.contains(&key.key) && after.satisfies(key));
    assert_eq!(Document::parse(&after.to_bytes()), after);
    let others = |document: &Document| -> Vec<Entry> {
        document.entries().filter(|entry| entry.key != key.key).cloned().collect()
    };
    assert_eq!(others(document), others(&after), "an edit moves only its own lines");
}

/// What was removed is gone, and nothing else.
fn removed(document: &Document, key: &Given) {
    let mut after = document.clone();
    after.remove(&key.key);
    assert!(!after.contains(&key.key));
    assert_eq!(Document::parse(&after.to_bytes()), after);
    if !document.contains(&key.key) {
        assert_eq!(&after, document);
        let mut back = document.clone();
        back.ensure(key);
        back.remove(&key.key);
        let mut expected = document.to_bytes();
        if !expected.is_empty() && !expected.ends_with(b"\n") {
            expected.push(b'\n');
        }
        assert_eq!(back.to_bytes(), expected, "adding and removing leaves the same bytes");
    }
}

/// What is kept alone is all that grants anything.
fn kept(document: &Document, only: &Entry) {
    let mut after = document.clone();
    after.keep_only(|entry| entry == only);
    assert!(after.contains(&only.key) && after.entries().all(|entry| entry == only));
}
