// SPDX-License-Identifier: GPL-3.0-or-later
//! The files of a golden case.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Files by their path below a root, without the leading slash.
pub(super) type Tree = BTreeMap<String, Vec<u8>>;

fn fail(path: &Path, verb: &str, error: &dyn std::fmt::Display) -> ! {
    panic!("cannot {verb} '{}': {error}", path.display())
}

/// What is in a directory, sorted; nothing when there is none.
pub(super) fn entries(path: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    entries
}

pub(super) fn directories(path: &Path) -> Vec<PathBuf> {
    entries(path).into_iter().filter(|entry| entry.is_dir()).collect()
}

/// A text; empty when the file is missing.
pub(super) fn text(path: &Path) -> String {
    if !path.exists() {
        return String::new();
    }
    fs::read_to_string(path).unwrap_or_else(|error| fail(path, "read", &error))
}

pub(super) fn json<T: DeserializeOwned>(path: &Path) -> T {
    let text = fs::read_to_string(path).unwrap_or_else(|error| fail(path, "read", &error));
    serde_json::from_str(&text).unwrap_or_else(|error| fail(path, "read", &error))
}

pub(super) fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).map_or_else(|error| panic!("{error}"), |text| text + "\n")
}

/// All files below a directory; none when there is none.
pub(super) fn tree(root: &Path) -> Tree {
    let mut found = Tree::new();
    let mut todo = vec![root.to_owned()];
    while let Some(directory) = todo.pop() {
        for entry in entries(&directory) {
            if entry.is_dir() {
                todo.push(entry);
                continue;
            }
            let name = entry.strip_prefix(root).unwrap_or(&entry).to_string_lossy().into_owned();
            let content = fs::read(&entry).unwrap_or_else(|error| fail(&entry, "read", &error));
            found.insert(name, content);
        }
    }
    found
}

pub(super) fn write(path: &Path, content: &[u8]) {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).unwrap_or_else(|error| fail(parent, "make", &error));
    fs::write(path, content).unwrap_or_else(|error| fail(path, "write", &error));
}

/// Writes a text; an empty one is no file.
pub(super) fn write_or_remove(path: &Path, text: &str) {
    if !text.is_empty() {
        write(path, text.as_bytes());
    } else if path.exists() {
        fs::remove_file(path).unwrap_or_else(|error| fail(path, "remove", &error));
    }
}

/// Makes a directory hold exactly these files.
pub(super) fn replace_tree(root: &Path, files: &Tree) {
    if root.exists() {
        fs::remove_dir_all(root).unwrap_or_else(|error| fail(root, "remove", &error));
    }
    for (name, content) in files {
        write(&root.join(name), content);
    }
}
