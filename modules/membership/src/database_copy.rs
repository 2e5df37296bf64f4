// SPDX-License-Identifier: GPL-3.0-or-later
//! Copies of pmxcfs's database and of single files, made before anything replaces or changes them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cluster_state::pmxcfs::DATABASE;
use host::{Command, Host, HostError, is_there};

use crate::files::{COPIES, remove, tree};
use crate::leaving;
use crate::pmxcfs_service::exits_zero;

const PATIENCE: Duration = Duration::from_secs(60);

/// Makes a directory `NAME-TIME` for copies and puts config.db into it, complete and checked. Returns the directory.
///
/// sqlite3, which pve-cluster depends on, reads it as one transaction: pmxcfs may run on, and what is in its write-ahead log
/// is in the copy too.
///
/// # Errors
/// In words: then nothing may be changed.
pub fn write(host: &dyn Host, name: &str) -> Result<PathBuf, String> {
    let root = directory(host, name).map_err(|error| error.to_string())?;
    let copy = root.join("config.db");
    let backup =
        Command::new("sqlite3").args([DATABASE, &format!(".backup '{}'", copy.display())]).timeout(PATIENCE);
    run(host, &backup)?;
    let check =
        Command::new("sqlite3").args([&*copy.to_string_lossy(), "PRAGMA quick_check"]).timeout(PATIENCE);
    let said = run(host, &check)?;
    if said.trim() != "ok" {
        return Err(format!("the copy '{}' of '{DATABASE}' is damaged: {}", copy.display(), said.trim()));
    }
    host.set_mode(&copy, 0o600).map_err(|error| error.to_string())?;
    // An older one that cannot be removed is no reason to stop: the next run tries again.
    let _ = rotate(host, &root);
    Ok(root)
}

/// How many copies of the database are kept, the newest among them. It holds every secret of the cluster.
const KEPT: usize = 3;

/// Removes the older of this module's directories that have a copy of the database in them; never that of a node that is half-way
/// out of its cluster, and nothing else.
fn rotate(host: &dyn Host, newest: &Path) -> Result<(), HostError> {
    let leaving = absence_backup(host);
    let mut found: Vec<((u64, u64), PathBuf)> = Vec::new();
    for name in host.list(Path::new(COPIES))? {
        let path = Path::new(COPIES).join(&name);
        if let Some(made) = made(&name)
            && is_there(host, &path.join("config.db"))?
        {
            found.push((made, path));
        }
    }
    found.sort();
    let older = found.len().saturating_sub(KEPT);
    for (_, path) in found.into_iter().take(older) {
        if path != newest && Some(&path) != leaving.as_ref() {
            let entries = tree(host, &path)?.unwrap_or_default();
            remove(host, &path, &entries)?;
        }
    }
    Ok(())
}

/// When a directory of this module's was made, by its name: `NAME-TIME`, or `NAME-TIME-2` for the second in one second.
fn made(name: &str) -> Option<(u64, u64)> {
    let (before, last) = name.rsplit_once('-')?;
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    if last.len() >= 10 {
        return Some((number(last)?, 1));
    }
    let (_, time) = before.rsplit_once('-')?;
    if time.len() < 10 { None } else { Some((number(time)?, number(last)?)) }
}

/// The copies of a run that left its cluster half-way, where there is one. A record that cannot be read is one of a person's.
fn absence_backup(host: &dyn Host) -> Option<PathBuf> {
    leaving::read(host).ok().flatten().map(|record| PathBuf::from(record.backup))
}

fn run(host: &dyn Host, command: &Command) -> Result<String, String> {
    let output = host.run(command).map_err(|error| error.to_string())?;
    exits_zero(command, &output)?;
    Ok(output.stdout)
}

/// A new directory of this name and time below [`COPIES`].
pub fn directory(host: &dyn Host, name: &str) -> Result<PathBuf, HostError> {
    for (path, mode) in [("/var/backups", 0o755), (COPIES, 0o700)] {
        if !is_there(host, Path::new(path))? {
            host.make_dir(Path::new(path), mode)?;
        }
    }
    let name = format!("{COPIES}/{name}-{}", host.unix_time());
    let mut path = PathBuf::from(&name);
    let mut number = 1;
    // A run that was interrupted within the same second has the first.
    while is_there(host, &path)? {
        number += 1;
        path = PathBuf::from(format!("{name}-{number}"));
    }
    host.make_dir(&path, 0o700)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::FakeHost;

    #[test]
    fn the_newest_three_copies_of_the_database_are_kept_and_nothing_else_is_touched() {
        let at = |name: &str| format!("{COPIES}/{name}");
        let with = |host: FakeHost, name: &str| {
            host.file(&at(&format!("{name}/sub/x")), "x").file(&at(&format!("{name}/config.db")), "db")
        };
        let mut host = FakeHost::new();
        for name in [
            "left-prod-1767000001",
            "stranded-1767000003",
            "left-prod-1767000002",
            "left-a-1767000002-2",
            "left-b-1767000009",
        ] {
            host = with(host, name);
        }
        let host = with(with(host, "of-a-person"), "mine-2026-01-01");
        let host = host.dir(&at("removed-pve3-1700000000")).file(&at("corosync.conf-1767225600-v6"), "x");
        rotate(&host, Path::new(&at("left-b-1767000009"))).unwrap();
        let left = host.list(Path::new(COPIES)).unwrap();
        assert_eq!(
            left,
            [
                "corosync.conf-1767225600-v6",
                "left-a-1767000002-2",
                "left-b-1767000009",
                "mine-2026-01-01",
                "of-a-person",
                "removed-pve3-1700000000",
                "stranded-1767000003",
            ]
        );
    }

    #[test]
    fn the_copies_of_a_node_that_is_half_way_out_stay() {
        let old = format!("{COPIES}/left-prod-1700000001");
        let record = format!("{{\"cluster_name\": \"prod\", \"backup\": \"{old}\", \"nodes\": []}}");
        let mut host = FakeHost::new().file(&format!("{COPIES}/leaving.json"), record);
        for time in 1..=5 {
            host = host.file(&format!("{COPIES}/left-prod-170000000{time}/config.db"), "db");
        }
        rotate(&host, Path::new("/x")).unwrap();
        let left: Vec<bool> =
            (1..=5).map(|time| host.exists(&format!("{COPIES}/left-prod-170000000{time}"))).collect();
        assert_eq!(left, [true, false, true, true, true]);
    }

    #[test]
    fn names_of_this_module() {
        for (name, time) in [
            ("left-prod-1767000001", Some((1_767_000_001, 1))),
            ("left-prod-1767000001-12", Some((1_767_000_001, 12))),
            ("left-prod-1767000001-x", None),
            ("left-176700000x", None),
            ("left-2026-01-01", None),
            ("left", None),
            ("1767000001", None),
        ] {
            assert_eq!(made(name), time, "{name}");
        }
    }
}
