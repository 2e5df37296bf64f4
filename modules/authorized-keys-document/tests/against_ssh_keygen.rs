// SPDX-License-Identifier: GPL-3.0-or-later
//! The reader against OpenSSH's own: `ssh-keygen -l -f` lists the keys that it finds in a file.

#![expect(clippy::disallowed_methods, reason = "the oracle is a program that reads a file")]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use authorized_keys_document::{Algorithm, Document};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// Fresh keys of every type that this ssh-keygen can make, and the two security key types, whose keys are those of
/// the plain types under another name.
fn fresh_keys(dir: &Path) -> Vec<String> {
    let mut keys = Vec::new();
    for (kind, bits) in [
        ("rsa", "1024"),
        ("rsa", "3072"),
        ("ed25519", "0"),
        ("ecdsa", "256"),
        ("ecdsa", "384"),
        ("ecdsa", "521"),
    ] {
        let path = dir.join(format!("{kind}{bits}"));
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-t", kind, "-N", "", "-C", ""]).arg("-f").arg(&path).stdin(Stdio::null());
        if bits != "0" {
            command.args(["-b", bits]);
        }
        assert!(command.status().expect("ssh-keygen is needed for this test").success());
        keys.push(fs::read_to_string(path.with_extension("pub")).unwrap().trim().to_owned());
    }
    keys.push(SK_ED25519.to_owned());
    keys.push(SK_ECDSA.to_owned());
    keys
}

const SK_ED25519: &str = "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIDAh7XaMsLDfQwLPxpy3Chdjgtk7AmgaAQkmU3Nm5rqaAAAABHNzaDo=";
const SK_ECDSA: &str = "sk-ecdsa-sha2-nistp256@openssh.com AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20AAAAIbmlzdHAyNTYAAABBBB2PrraEH1Rp/mRAHjNlO3EGL2o4Op7j5icAMoSyiGlmd+tQtboFG4G+0enHw09E4UkCejAOrsjMLQHFKlgNn28AAAAEc3NoOg==";

/// Fingerprints in the order of the lines.
fn by_ssh_keygen(dir: &Path, file: &[u8]) -> Vec<String> {
    let path = dir.join("authorized_keys");
    fs::write(&path, file).unwrap();
    let output = Command::new("ssh-keygen").args(["-l", "-f"]).arg(&path).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().filter_map(|line| line.split(' ').nth(1).map(str::to_owned)).collect()
}

fn by_this_crate(file: &[u8]) -> Vec<String> {
    Document::parse(file).entries().map(|entry| entry.key.fingerprint()).collect()
}

#[test]
fn every_type_is_read_and_its_fingerprint_is_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let keys = fresh_keys(dir.path());
    let file = keys.join("\n");
    let found = by_this_crate(file.as_bytes());
    assert_eq!(found.len(), keys.len());
    assert_eq!(found, by_ssh_keygen(dir.path(), file.as_bytes()));
    let mut types: Vec<&str> =
        Document::parse(file.as_bytes()).entries().map(|e| e.key.algorithm().name()).collect();
    types.sort_unstable();
    types.dedup();
    let mut all: Vec<&str> =
        Algorithm::ALL.iter().map(|algorithm| algorithm.name()).filter(|name| *name != "ssh-dss").collect();
    all.sort_unstable();
    assert_eq!(types, all, "some type was never compared");
}

/// The word before a blob need not be the one inside it.
#[test]
fn words_of_signatures_are_read_as_their_keys() {
    let dir = tempfile::tempdir().unwrap();
    let keys = fresh_keys(dir.path());
    let blob = |line: &str| line.split(' ').nth(1).unwrap().to_owned();
    for (word, key, read) in [
        ("rsa-sha2-256", &keys[1], true),
        ("rsa-sha2-512", &keys[1], true),
        ("rsa-sha2-512", &keys[2], false),
        ("rsa-sha2-512-cert-v01@openssh.com", &keys[1], false),
        ("webauthn-sk-ecdsa-sha2-nistp256@openssh.com", &keys[7], true),
        ("webauthn-sk-ecdsa-sha2-nistp256@openssh.com", &keys[3], false),
    ] {
        let line = format!("{word} {}", blob(key));
        let theirs = by_ssh_keygen(dir.path(), line.as_bytes());
        assert_eq!(theirs.len(), usize::from(read), "{line}");
        assert_eq!(by_this_crate(line.as_bytes()), theirs, "{line}");
    }
}

#[test]
fn comments_are_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let key = fresh_keys(dir.path()).remove(2);
    for comment in ["me@home", "several words # and more", "trailing blank ", "Überraschung"] {
        let path = dir.path().join("one");
        fs::write(&path, format!("{key} {comment}\n")).unwrap();
        // run in UTF-8, or ssh-keygen prints what is not ASCII as octal numbers
        let output = Command::new("ssh-keygen")
            .env("LC_ALL", "C.UTF-8")
            .args(["-l", "-f"])
            .arg(&path)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let theirs = text.trim_end().splitn(3, ' ').nth(2).unwrap().rsplit_once(" (").unwrap().0.to_owned();
        let document = Document::parse(format!("{key} {comment}\n").as_bytes());
        let ours = document.entries().next().unwrap().comment.clone();
        assert_eq!(String::from_utf8(ours).unwrap(), theirs.trim_end());
    }
}

/// A line that may or may not hold a key: one with a part left out, changed or put in.
fn line(keys: Vec<String>) -> impl Strategy<Value = String> {
    let options = prop_oneof![
        4 => Just(String::new()),
        1 => Just("restrict ".to_owned()),
        1 => Just("cert-authority,principals=\"a b\" ".to_owned()),
        1 => Just("command=\"say \\\"# hi\\\", you\",no-pty\t".to_owned()),
        1 => Just("command=\"never closed ".to_owned()),
        1 => Just("two words ".to_owned()),
        1 => Just("# ".to_owned()),
        1 => "[ \t]{1,3}",
    ];
    let comment =
        prop_oneof![Just(String::new()), Just(" me".to_owned()), " [ -~]{0,20}", Just("\r".to_owned())];
    let damage = prop_oneof![
        4 => Just(None),
        1 => (any::<prop::sample::Index>(), "[ -~]").prop_map(Some),
    ];
    (options, prop::sample::select(keys), comment, damage).prop_map(|(options, key, comment, damage)| {
        let mut line: Vec<u8> = format!("{options}{key}{comment}").into_bytes();
        // only in type and length fields, where it decides; a point that leaves its curve is not found here
        if let Some((index, with)) = damage {
            let at = options.len() + index.index(30);
            line[at] = with.as_bytes()[0];
        }
        String::from_utf8(line).unwrap()
    })
}

#[test]
fn what_is_a_key_line_and_what_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let keys = fresh_keys(dir.path());
    // A line that ssh-keygen cannot read as a key after options it gives up on; so one line a file.
    let mut runner = TestRunner::new(Config { cases: 400, ..Config::default() });
    let (mut read, mut refused) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    runner
        .run(&line(keys), |line| {
            let theirs = by_ssh_keygen(dir.path(), line.as_bytes());
            if theirs.is_empty() {
                refused.set(refused.get() + 1)
            } else {
                read.set(read.get() + 1)
            }
            prop_assert_eq!(by_this_crate(line.as_bytes()), theirs, "{:?}", line);
            Ok(())
        })
        .unwrap();
    assert!(*read.get_mut() > 50 && *refused.get_mut() > 50, "one side was hardly tested");
}
