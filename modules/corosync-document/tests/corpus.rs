// SPDX-License-Identifier: GPL-3.0-or-later
//! The fuzzer's corpus, replayed.

#![expect(clippy::disallowed_methods, reason = "a test reads its files and may panic")]

#[path = "../../../tests/fuzz/corosync_document/targets/check.rs"]
mod check;

use std::path::Path;

#[test]
fn every_file_of_the_corpus_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corosync_document/corpus");
    let files: Vec<_> = std::fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 9, "the corpus is not there");
    for file in files {
        let bytes = std::fs::read(file).unwrap();
        (0..check::PLACES).for_each(|place| check::check_at(&bytes, place));
    }
}
