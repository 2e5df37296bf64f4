// SPDX-License-Identifier: GPL-3.0-or-later
//! The reader against the answers of real sshds to each line of `tests/corpus/authorized_keys.json`; see there.

#![expect(clippy::disallowed_methods, reason = "a test reads its files")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::path::Path;

use authorized_keys_document::{Document, Obstacle, PublicKey, Session, check_options, given_keys};
use serde_json::Value;

/// The keys of the corpus, by their names.
struct Keys(Value);

impl Keys {
    fn blob(&self, name: &str) -> String {
        match name {
            "LONG" => "x".repeat(4000),
            "LONGER" => "x".repeat(20_000),
            _ => self.0[name].as_str().unwrap().to_owned(),
        }
    }

    /// The line with the keys in it.
    fn line(&self, text: &str) -> String {
        let mut parts = text.split('<');
        let mut line = parts.next().unwrap().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('>').unwrap();
            line += &self.blob(name);
            line += rest;
        }
        line
    }

    fn key(&self, name: &str) -> PublicKey {
        let word = match name {
            "RSA" | "RSA1024" => "ssh-rsa",
            "ECDSA" => "ecdsa-sha2-nistp256",
            _ => "ssh-ed25519",
        };
        given_keys(&format!("{word} {}", self.blob(name))).unwrap().remove(0).key
    }
}

/// Whether this crate says that the holder of a key gets in.
fn lets_in(keys: &Keys, line: &str, key: &str, older: bool) -> bool {
    let session = Session { address: "127.0.0.1".parse().ok(), now: 1_800_000_000, ahead: 0 };
    let document = Document::parse(line.as_bytes());
    let by = |name: &str| {
        document.entries().find(|entry| entry.key == keys.key(name) && (older || !entry.is_for_older_sshd()))
    };
    let plain = |name: &str| {
        by(name)
            .is_some_and(|entry| matches!(session.obstacle(&entry.options), None | Some(Obstacle::Command)))
    };
    if key != "CERT" {
        return plain(key);
    }
    // the certificate of the corpus is for root
    let signed = by("CA").is_some_and(|entry| {
        let options = String::from_utf8_lossy(&entry.options).into_owned();
        let other = options.contains("principals") && !options.contains("root");
        session.obstacle(&entry.options) == Some(Obstacle::Authority)
            && !session.is_past(&entry.options)
            && !other
    });
    signed || plain("ED25519")
}

#[test]
fn every_line_is_judged_as_sshd_judges_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/authorized_keys.json");
    let corpus: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let keys = Keys(corpus["keys"].clone());
    let lines = corpus["lines"].as_array().unwrap();
    assert!(lines.len() >= 120, "the corpus is not there");
    let mut versions = 0;
    let mut wrong = Vec::new();
    for case in lines {
        let name = case["case"].as_str().unwrap();
        let key = case.get("key").and_then(Value::as_str).unwrap_or("ED25519");
        let line = keys.line(case["line"].as_str().unwrap());
        let mut lets = false;
        for (version, theirs) in case["lets_in"].as_object().unwrap() {
            versions += 1;
            let ours = lets_in(&keys, &line, key, version.starts_with("9."));
            lets |= ours;
            if theirs != ours {
                wrong.push(format!("{name}: sshd {version} says {theirs}, this crate {ours}"));
            }
        }
        // what is refused as options of a line that is to be written is what sshd would not let in
        let document = Document::parse(line.as_bytes());
        let options =
            document.entries().next().map(|entry| String::from_utf8_lossy(&entry.options).into_owned());
        if let (Some(Err(error)), true) = (options.map(|text| check_options(&text)), lets) {
            wrong.push(format!("{name}: lets in, and is refused: {error}"));
        }
    }
    assert_eq!(wrong, [""; 0]);
    assert!(versions >= 2 * lines.len(), "a line was asked of one sshd only");
}
