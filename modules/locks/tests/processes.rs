// SPDX-License-Identifier: GPL-3.0-or-later
//! Real processes that want one lock at the same time, on a directory of this machine in place of /etc/pve.
//!
//! They all find out by themselves who of them lives, from the /proc of this machine. pmxcfs removes no lock here, so that whoever
//! gets one got it from its holder, or because that is dead.

#![expect(clippy::disallowed_methods, reason = "it starts processes and kills them")]
#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use host::{FileKind, Host, HostError, LocalAddress, Output, RealHost, Stat, User};
use locks::{COROSYNC_CONF, Deed, Lock};

const PLACE: &str = "LOCKS_TEST_PLACE";
const ROLE: &str = "LOCKS_TEST_ROLE";
const ROUNDS: usize = 25;
const PATIENCE: Duration = Duration::from_secs(120);

/// This machine with another directory in place of /etc/pve.
struct Machine {
    real: RealHost,
    pve: PathBuf,
}

impl Machine {
    fn place(&self, path: &Path) -> PathBuf {
        path.strip_prefix("/etc/pve").map_or_else(|_| path.to_owned(), |inside| self.pve.join(inside))
    }
}

impl Host for Machine {
    fn run(&self, command: &host::Command) -> Result<Output, HostError> {
        self.real.run(command)
    }
    fn read(&self, path: &Path) -> Result<Vec<u8>, HostError> {
        self.real.read(&self.place(path))
    }
    fn stat(&self, path: &Path) -> Result<Stat, HostError> {
        self.real.stat(&self.place(path))
    }
    fn list(&self, path: &Path) -> Result<Vec<String>, HostError> {
        self.real.list(&self.place(path))
    }
    fn read_link(&self, path: &Path) -> Result<PathBuf, HostError> {
        self.real.read_link(&self.place(path))
    }
    fn create(&self, path: &Path, content: &[u8], mode: u32) -> Result<(), HostError> {
        self.real.create(&self.place(path), content, mode)
    }
    fn rename(&self, from: &Path, to: &Path) -> Result<(), HostError> {
        self.real.rename(&self.place(from), &self.place(to))
    }
    fn remove_file(&self, path: &Path) -> Result<(), HostError> {
        self.real.remove_file(&self.place(path))
    }
    fn make_dir(&self, path: &Path, mode: u32) -> Result<(), HostError> {
        self.real.make_dir(&self.place(path), mode)
    }
    fn remove_dir(&self, path: &Path) -> Result<(), HostError> {
        self.real.remove_dir(&self.place(path))
    }
    fn set_mode(&self, path: &Path, mode: u32) -> Result<(), HostError> {
        self.real.set_mode(&self.place(path), mode)
    }
    fn set_owner(&self, path: &Path, uid: u32, gid: u32) -> Result<(), HostError> {
        self.real.set_owner(&self.place(path), uid, gid)
    }
    fn set_times(&self, path: &Path, unix_seconds: i64) -> Result<(), HostError> {
        if unix_seconds == 0 && self.real.stat(&self.place(path))?.kind == FileKind::Directory {
            return Err(HostError::file("touch", path, &std::io::Error::from_raw_os_error(13)));
        }
        self.real.set_times(&self.place(path), unix_seconds)
    }
    fn hostname(&self) -> Result<String, HostError> {
        Ok("pve1".to_owned())
    }
    fn addresses(&self) -> Result<Vec<LocalAddress>, HostError> {
        self.real.addresses()
    }
    fn user(&self, name: &str) -> Result<Option<User>, HostError> {
        self.real.user(name)
    }
    fn elapsed(&self) -> Duration {
        self.real.elapsed()
    }
    fn unix_time(&self) -> u64 {
        self.real.unix_time()
    }
    fn sleep(&self, pause: Duration) {
        self.real.sleep(pause);
    }
}

fn take(machine: &Machine) -> Lock {
    Lock::take(machine, COROSYNC_CONF, Deed::Change, machine.elapsed() + PATIENCE).unwrap()
}

/// Takes the lock again and again. What it does under it fails when another is at it too.
fn works(machine: &Machine) {
    let (alone, count) = (machine.pve.join("alone"), machine.pve.join("count"));
    for _ in 0..ROUNDS {
        let lock = take(machine);
        fs::create_dir(&alone).unwrap();
        let before: usize = fs::read_to_string(&count).unwrap_or_default().trim().parse().unwrap_or(0);
        machine.sleep(Duration::from_millis(2));
        lock.check(machine).unwrap();
        fs::write(&count, (before + 1).to_string()).unwrap();
        fs::remove_dir(&alone).unwrap();
        lock.release(machine).unwrap();
    }
}

/// Takes the lock and is killed with it.
fn dies(machine: &Machine) {
    let lock = take(machine);
    fs::write(machine.pve.join("held"), "").unwrap();
    loop {
        machine.sleep(Duration::from_secs(1));
        lock.check(machine).unwrap();
    }
}

fn start(role: &str, place: &Path) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.env(PLACE, place).env(ROLE, role).stdin(Stdio::null()).spawn().unwrap()
}

fn cluster() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir_all(place.path().join("priv/lock")).unwrap();
    place
}

fn left(place: &Path) -> usize {
    fs::read_dir(place.join("priv/lock")).unwrap().count()
}

fn four_processes_are_never_at_it_together() {
    let place = cluster();
    let children: Vec<Child> = (0..4).map(|_| start("works", place.path())).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success(), "another was at it too");
    }
    assert_eq!(fs::read_to_string(place.path().join("count")).unwrap(), (4 * ROUNDS).to_string());
    assert_eq!(left(place.path()), 0);
}

fn a_killed_one_holds_up_nobody_and_a_live_one_everybody() {
    let place = cluster();
    let mut first = start("dies", place.path());
    let began = Instant::now();
    while !place.path().join("held").exists() {
        assert!(began.elapsed() < PATIENCE, "it did not take the lock");
        std::thread::yield_now();
    }
    let machine = Machine { real: RealHost::new(), pve: place.path().to_owned() };
    let alive = Lock::take(&machine, COROSYNC_CONF, Deed::Change, machine.elapsed() + Duration::from_secs(1));
    assert_eq!(
        alive.unwrap_err().by(),
        format!(" (node 'pve1' changes a file of the cluster (process {}))", first.id())
    );
    // not waited for: to the kernel it is still there, but there is no life in it
    first.kill().unwrap();
    take(&machine).release(&machine).unwrap();
    first.wait().unwrap();
    assert_eq!(left(place.path()), 0);
}

fn main() {
    if let (Ok(place), Ok(role)) = (env::var(PLACE), env::var(ROLE)) {
        let machine = Machine { real: RealHost::new(), pve: place.into() };
        return match role.as_str() {
            "works" => works(&machine),
            "dies" => dies(&machine),
            other => panic!("no such role: {other}"),
        };
    }
    if env::args().any(|word| word == "--list") {
        return;
    }
    four_processes_are_never_at_it_together();
    println!("test four_processes_are_never_at_it_together ... ok");
    a_killed_one_holds_up_nobody_and_a_live_one_everybody();
    println!("test a_killed_one_holds_up_nobody_and_a_live_one_everybody ... ok");
}
