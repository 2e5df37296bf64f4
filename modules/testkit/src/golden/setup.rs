// SPDX-License-Identifier: GPL-3.0-or-later
//! The machine that a golden case begins with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::files;
use crate::answer::Matcher;
use crate::machine::{Content, Machine};
use crate::recording::Recording;
use crate::{Answer, FakeHost};

/// `machine.json`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Described {
    hostname: Option<String>,
    /// Such as `eth0 10.0.0.1/24`.
    addresses: Vec<String>,
    users: Vec<DescribedUser>,
    /// Where the cluster filesystem is mounted.
    pmxcfs: Option<PathBuf>,
    /// Whether it is quorate; it is unless this says no.
    quorate: Option<bool>,
    mounts: Vec<PathBuf>,
    /// Empty directories.
    dirs: Vec<PathBuf>,
    links: BTreeMap<PathBuf, PathBuf>,
    /// Such as `0600 0:33`.
    modes: BTreeMap<PathBuf, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DescribedUser {
    name: String,
    uid: u32,
    gid: u32,
    home: String,
}

/// The machine of a case, before.
pub(super) fn machine(case: &Path) -> FakeHost {
    let path = case.join("machine.json");
    let described: Described = if path.exists() { files::json(&path) } else { Described::default() };
    let mut host = FakeHost::new();
    if let Some(name) = &described.hostname {
        host = host.with_hostname(name);
    }
    for address in &described.addresses {
        let parts = address.split_once(' ').and_then(|(name, rest)| Some((name, rest.split_once('/')?)));
        let Some((name, (address, prefix))) = parts else {
            panic!("'{address}' is not an address such as 'eth0 10.0.0.1/24'");
        };
        let prefix = prefix.parse().unwrap_or_else(|error| panic!("'{address}/{prefix}': {error}"));
        host = host.with_address(name, address, prefix);
    }
    for user in &described.users {
        host = host.with_user(&user.name, user.uid, user.gid, &user.home);
    }
    host.with(|machine| {
        if let Some(path) = &described.pmxcfs {
            machine.mount_pmxcfs(path);
        }
        described.mounts.iter().for_each(|path| machine.mount(path));
        described.dirs.iter().for_each(|path| machine.make_dir(path));
        described.links.iter().for_each(|(path, target)| machine.link(path, target));
        overlay(machine, &files::tree(&case.join("before")));
        for (path, mode) in &described.modes {
            let (mode, uid, gid) = owner(mode);
            machine.set_mode(path, mode);
            machine.set_owner(path, uid, gid);
        }
        if described.quorate == Some(false) {
            machine.set_quorate(false);
        }
        answers(machine, &case.join("answers"));
    })
}

/// Reads `0600 0:33`.
fn owner(text: &str) -> (u32, u32, u32) {
    let read = || {
        let (mode, owner) = text.split_once(' ')?;
        let (uid, gid) = owner.split_once(':')?;
        Some((u32::from_str_radix(mode, 8).ok()?, uid.parse().ok()?, gid.parse().ok()?))
    };
    read().unwrap_or_else(|| panic!("'{text}' is not a mode with an owner such as '0600 0:33'"))
}

fn overlay(machine: &mut Machine, files: &files::Tree) {
    for (name, content) in files {
        machine.write(Path::new("/").join(name), content);
    }
}

/// Scripts the recordings of a directory.
fn answers(machine: &mut Machine, directory: &Path) {
    let mut lines: Vec<(String, bool, Vec<Answer>)> = Vec::new();
    for path in files::entries(directory).into_iter().filter(|path| path.is_file()) {
        let recording = Recording::parse(&files::text(&path))
            .unwrap_or_else(|error| panic!("'{}': {error}", path.display()));
        let then = path.with_extension("then");
        let mut answer = recording.answer();
        if then.is_dir() {
            assert!(recording.changes, "'{}': only an ACTION: changes something", path.display());
            answer = answer.doing(move |machine| deed(machine, &then));
        }
        match lines.iter_mut().find(|(line, ..)| *line == recording.line) {
            Some((_, changes, answers)) => {
                *changes |= recording.changes;
                answers.push(answer);
            }
            None => lines.push((recording.line, recording.changes, vec![answer])),
        }
    }
    for (line, changes, answers) in lines {
        machine.script(Matcher::Line(line), changes, answers);
    }
}

/// What an action does: the files it writes and removes, and what commands answer afterwards.
fn deed(machine: &mut Machine, then: &Path) {
    files::text(&then.join("removed")).lines().for_each(|path| machine.remove(path));
    overlay(machine, &files::tree(&then.join("files")));
    answers(machine, &then.join("answers"));
}

/// The machine's files as a tree, without those that every machine has.
pub(super) fn files(host: &FakeHost) -> files::Tree {
    let (machine, every) = (host.machine(), Machine::default());
    let own = |(path, node): &(&PathBuf, &crate::Node)| {
        every.nodes.get(*path).is_none_or(|same| same.content != node.content)
    };
    let file = |(path, node): (&PathBuf, &crate::Node)| match &node.content {
        Content::File(bytes) => {
            let name = path.strip_prefix("/").unwrap_or(path).to_string_lossy().into_owned();
            Some((name, bytes.clone()))
        }
        _ => None,
    };
    machine.nodes.iter().filter(own).filter_map(file).collect()
}
