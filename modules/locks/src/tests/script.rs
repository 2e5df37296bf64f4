// SPDX-License-Identifier: GPL-3.0-or-later
//! The shell's half, on directories of this machine.

use std::path::Path;
use std::time::Duration;

use host::{Command, Ending, Host, RealHost, Waited, wait_until};
use tempfile::TempDir;

use crate::owner::{Name, Process};
use crate::shell::KEEPER;
use crate::{Holder, Owner, SCRIPT, holder_of};

const LOCK: &str = "/etc/pve/priv/lock/pvecm_cluster-join";

struct Cluster {
    directory: TempDir,
    /// Has a systemd-run and a touch that only note what they are to do: what touch asks of pmxcfs would make a lock on any other
    /// filesystem a very old one.
    programs: TempDir,
}

impl Cluster {
    fn new() -> Self {
        let (directory, programs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for name in ["systemd-run", "touch"] {
            let note = format!("#!/bin/sh\nprintf '%s\\n' \"$*\" >>\"${{0%/*}}/{name}.log\"\n");
            RealHost::new().create(&programs.path().join(name), note.as_bytes(), 0o755).unwrap();
        }
        Self { directory, programs }
    }

    fn lock(&self) -> String {
        self.directory.path().join("lock").to_str().unwrap().to_owned()
    }

    /// Runs lines of the shell after the script's.
    fn sh(&self, lines: &str) -> String {
        let script = SCRIPT.replace(LOCK, &self.lock());
        let programs = self.programs.path().display();
        let input = format!("exec 2>/dev/null\nPATH={programs}:$PATH\n{script}{lines}\n");
        let output = RealHost::new().run(&Command::new("/bin/sh").arg("-s").stdin(input)).unwrap();
        assert_eq!((output.ending, output.stderr.as_str()), (Ending::Exited(0), ""), "{lines}");
        output.stdout
    }

    fn claim(&self, owner: &str, over: &str) -> Holder {
        holder_of(&self.sh(&format!("lock_claim {owner} '{over}' ''; lock_holder")))
    }

    fn release(&self, owner: &str, over: &str) {
        self.sh(&format!("lock_release {owner} '{over}'; true"));
    }

    /// How often pmxcfs was asked to remove the lock if it has expired.
    fn asked(&self) -> usize {
        let log = host::if_there(RealHost::new().read(&self.programs.path().join("touch.log"))).unwrap();
        let text = String::from_utf8(log.unwrap_or_default()).unwrap();
        let line = format!("-c -d @0 {}", self.lock());
        text.lines().filter(|asked| **asked == line).count()
    }

    fn names(&self) -> Vec<String> {
        RealHost::new().list(self.directory.path()).unwrap()
    }
}

fn owner(node: &str, pid: u32) -> String {
    format!("join.{node}.{pid}.5.ab")
}

fn held_by(word: &str) -> Holder {
    Holder::Named(Owner::of(word).unwrap())
}

#[test]
fn it_is_taken_and_given_up() {
    let cluster = Cluster::new();
    let (first, second, other) = (owner("pve2", 1), owner("pve2", 2), owner("pve3", 1));
    assert_eq!(holder_of(&cluster.sh("lock_holder")), Holder::Nobody);
    assert_eq!(cluster.names(), Vec::<String>::new(), "a look changes nothing");
    assert_eq!(cluster.claim(&first, ""), held_by(&first));
    assert_eq!(cluster.claim(&first, ""), held_by(&first), "again");
    assert_eq!(cluster.asked(), 0);
    assert_eq!(cluster.claim(&other, ""), held_by(&first));
    assert_eq!(cluster.claim(&second, ""), held_by(&first), "another run of the same node");
    assert_eq!(cluster.asked(), 2);
    cluster.release(&other, "");
    cluster.release(&second, "");
    assert_eq!((cluster.names().len(), cluster.asked()), (2, 4), "another's is not released");
    cluster.release(&first, "");
    assert_eq!(cluster.asked(), 4);
    assert_eq!(cluster.names(), Vec::<String>::new());
    cluster.release(&first, "");
    assert_eq!(cluster.names(), Vec::<String>::new(), "there is none");
}

#[test]
fn it_is_taken_from_the_one_who_is_over_and_from_nobody_else() {
    let cluster = Cluster::new();
    let (first, second) = (owner("pve2", 1), owner("pve2", 2));
    assert_eq!(cluster.claim(&first, ""), held_by(&first));
    let name = cluster.sh("lock_holder").trim().to_owned();
    assert_eq!(cluster.claim(&second, &format!("{second}.17")), held_by(&first), "that is not who has it");
    assert_eq!(cluster.claim(&second, &name), held_by(&second));
    assert_eq!(cluster.names().len(), 2, "one lock and one name");
    assert_eq!(cluster.claim(&first, &name), held_by(&second), "an old answer");
    let name = cluster.sh("lock_holder").trim().to_owned();
    cluster.release(&first, &name);
    assert_eq!(cluster.names(), Vec::<String>::new());
}

#[test]
fn a_name_that_was_left_behind_opens_no_other_lock() {
    let cluster = Cluster::new();
    let (first, other) = (owner("pve2", 1), owner("pve3", 1));
    let real = RealHost::new();
    assert_eq!(cluster.claim(&first, ""), held_by(&first));
    real.remove_dir(Path::new(&cluster.lock())).unwrap();
    assert_eq!(holder_of(&cluster.sh("lock_holder")), Holder::Nobody);
    assert_eq!(cluster.claim(&other, ""), held_by(&other));
    assert_eq!(cluster.names().len(), 2, "the name of the first is gone");
    // a lock without a name, or with one of another time, is nobody's that is known
    let names: Vec<String> = cluster.names().into_iter().filter(|name| name != "lock").collect();
    let name = cluster.directory.path().join(&names[0]);
    real.set_times(Path::new(&cluster.lock()), 1_700_000_000).unwrap();
    assert_eq!(holder_of(&cluster.sh("lock_holder")), Holder::Unnamed);
    assert_eq!(cluster.claim(&other, ""), Holder::Unnamed);
    cluster.release(&other, "");
    assert!(host::is_there(&real, Path::new(&cluster.lock())).unwrap());
    // renewed, both have one time
    real.set_times(Path::new(&cluster.lock()), 1_800_000_000).unwrap();
    real.set_times(&name, 1_800_000_000).unwrap();
    assert_eq!(holder_of(&cluster.sh("lock_holder")), held_by(&other));
    assert_eq!(cluster.claim(&other, ""), held_by(&other));
    cluster.release(&other, "");
    assert_eq!(cluster.names(), Vec::<String>::new());
}

#[test]
fn it_is_kept_only_for_whom_it_was_taken() {
    let cluster = Cluster::new();
    let first = owner("pve2", 1);
    cluster.sh(&format!("lock_claim {first} '' 300"));
    let started = cluster.programs.path().join("systemd-run.log");
    let text = String::from_utf8(RealHost::new().read(&started).unwrap()).unwrap();
    let name = cluster.sh("lock_holder").trim().to_owned();
    assert!(
        text.starts_with(&format!(
            "--quiet --collect --unit=lock-by-{name}.service --property=RuntimeMaxSec=300 /bin/sh -c while sleep 20;"
        )),
        "{text}"
    );
    let lock = cluster.lock();
    assert!(text.ends_with(&format!("done {lock} {lock}-by-{name}\n")), "{text}");
    RealHost::new().remove_file(&started).unwrap();
    cluster.sh(&format!("lock_claim {first} '' 300"));
    cluster.sh(&format!("lock_claim {} '' 300", owner("pve3", 1)));
    assert!(!host::is_there(&RealHost::new(), &started).unwrap());
}

/// A lock with the name of its owner, both made at a time long ago.
struct Kept {
    cluster: Cluster,
    name: std::path::PathBuf,
}

const OLD: i64 = 1_700_000_000;

impl Kept {
    fn new(since: i64) -> Self {
        let cluster = Cluster::new();
        let real = RealHost::new();
        let name = Name { owner: Owner::of(&owner("pve2", 1)).unwrap(), since };
        let name = cluster.directory.path().join(format!("lock-by-{}", name.word()));
        real.make_dir(Path::new(&cluster.lock()), 0o700).unwrap();
        real.make_dir(&name, 0o700).unwrap();
        real.set_times(Path::new(&cluster.lock()), OLD).unwrap();
        Self { cluster, name }
    }

    fn line(&self, process: &str) -> String {
        let keeper = KEEPER.replace("sleep 20", "sleep 0.05");
        format!("/bin/sh -c '{keeper}' '{}' '{}' {process}", self.cluster.lock(), self.name.display())
    }

    fn times(&self) -> [i64; 2] {
        let real = RealHost::new();
        [self.cluster.lock().as_str(), self.name.to_str().unwrap()]
            .map(|path| real.stat(Path::new(path)).unwrap().mtime)
    }

    /// Whether the keeper ends by itself, having renewed nothing.
    fn gives_up(&self, process: &str) -> bool {
        let command = Command::new("/bin/sh").args(["-c", &self.line(process)]);
        let output = RealHost::new().run(&command.timeout(Duration::from_secs(2))).unwrap();
        output.ending == Ending::Exited(0) && self.times()[0] == OLD
    }
}

#[test]
fn the_keeper_renews_the_lock_and_its_name() {
    let real = RealHost::new();
    let Process { pid, began, .. } = Process::this(&real).unwrap();
    for process in [String::new(), format!("{pid} {began}")] {
        let kept = Kept::new(OLD);
        real.run(&Command::new("/bin/sh").args([
            "-c",
            &format!(
                "({}) >/dev/null 2>&1 </dev/null & echo $! >{}/pid",
                kept.line(&process),
                kept.cluster.directory.path().display()
            ),
        ]))
        .unwrap();
        let renewed =
            wait_until(&real, real.elapsed() + Duration::from_secs(20), Duration::from_millis(20), || {
                match kept.times() {
                    [lock, name] if lock == name && lock > OLD => Ok(()),
                    times => Err(times),
                }
            });
        assert_eq!(renewed, Waited::Done(()));
        // with its name it ends
        real.remove_dir(&kept.name).unwrap();
        let number = real.read(&kept.cluster.directory.path().join("pid")).unwrap();
        let runs = Path::new("/proc").join(String::from_utf8(number).unwrap().trim()).join("cmdline");
        // of a process that has ended and that nobody asks for its end, there is an empty one
        let look = || match host::if_there(real.read(&runs)) {
            Ok(Some(line)) if !line.is_empty() => Err(()),
            _ => Ok(()),
        };
        let ended =
            wait_until(&real, real.elapsed() + Duration::from_secs(20), Duration::from_millis(20), look);
        assert_eq!(ended, Waited::Done(()));
    }
}

#[test]
fn the_keeper_gives_up_what_is_no_longer_its_owner_s() {
    let real = RealHost::new();
    let Process { pid, began, .. } = Process::this(&real).unwrap();
    assert!(Kept::new(OLD).gives_up("4194305 7"), "there is no such process");
    assert!(Kept::new(OLD).gives_up(&format!("{pid} {}", began + 1)), "another has its number");
    assert!(Kept::new(OLD + 1).gives_up(""), "the lock is another's");
    let without = Kept::new(OLD);
    real.remove_dir(Path::new(&without.cluster.lock())).unwrap();
    real.make_dir(Path::new(&without.cluster.lock()), 0o700).unwrap();
    real.remove_dir(&without.name).unwrap();
    let command = Command::new("/bin/sh").args(["-c", &without.line("")]).timeout(Duration::from_secs(2));
    assert_eq!(real.run(&command).unwrap().ending, Ending::Exited(0), "its name is gone");
}
