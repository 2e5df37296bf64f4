// SPDX-License-Identifier: GPL-3.0-or-later
//! Running real programs: deadlines, daemons, large outputs. In a binary of its own, because what a program leaves
//! behind becomes a child of this whole process.

#![expect(clippy::disallowed_methods, reason = "the tests look at the processes of this machine")]
#![expect(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use host::{Command, Ending, Host, Output, RealHost};

/// One at a time: a deadline ends everything that was started meanwhile.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn sh(script: &str, timeout: Duration) -> Output {
    RealHost::new().run(&Command::new("sh").args(["-c", script]).timeout(timeout)).unwrap()
}

const LONG: Duration = Duration::from_secs(30);

/// Whether a process runs (a zombie does not).
fn runs(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn at_the_deadline_everything_is_ended_whatever_its_session() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name);
    // One that obeys, one that does not listen, one in a session of its own whose parent is gone.
    let script = format!(
        "echo begun; echo $$ >{0}/own; \
         sh -c 'trap \"\" TERM; echo $$ >{0}/deaf; while :; do sleep 0.1; done' & \
         setsid sh -c 'echo $$ >{0}/parent; (trap \"\" TERM; sh -c \"echo \\$PPID\" >{0}/orphan; \
             while :; do sleep 0.1; done) & sleep 0.3' & \
         sleep 60",
        dir.path().display()
    );
    let started = Instant::now();
    let output = sh(&script, Duration::from_secs(1));
    assert_eq!(output.ending, Ending::TimedOut);
    assert_eq!(output.stdout, "begun\n", "what was printed before the deadline comes back");
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    for name in ["own", "deaf", "orphan"] {
        let pid = read(&file(name));
        assert!(!pid.is_empty(), "{name} never began");
        assert!(!runs(&pid), "{name} ({pid}) still runs");
    }
}

#[test]
fn a_daemon_that_keeps_the_pipe_open_neither_hangs_nor_dies() {
    let _alone = alone();
    let started = Instant::now();
    let output = sh("setsid sleep 20 & echo $!", LONG);
    assert_eq!(output.ending, Ending::Exited(0));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    let daemon = output.stdout;
    assert!(runs(&daemon));

    // Nor is it any business of the next program's deadline.
    assert_eq!(sh("sleep 20", Duration::from_millis(300)).ending, Ending::TimedOut);
    assert!(runs(&daemon));
    assert_eq!(sh(&format!("kill {daemon}"), LONG).ending, Ending::Exited(0));
}

#[test]
fn a_daemon_that_goes_on_writing_does_not_hang_it() {
    let _alone = alone();
    let started = Instant::now();
    let output = sh("(while sleep 0.1; do echo more; done) & echo $!", LONG);
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    let daemon = output.stdout.lines().next().unwrap().to_owned();
    sh(&format!("kill {daemon}"), LONG);
}

#[test]
fn large_input_and_output_on_both_streams() {
    let _alone = alone();
    let input = "0123456789abcdef\n".repeat(200_000);
    let command = Command::new("sh").args(["-c", "tee /dev/stderr"]).stdin(input.clone()).timeout(LONG);
    let output = RealHost::new().run(&command).unwrap();
    assert!(output.exited_zero());
    assert!(
        output.stdout == input && output.stderr == input,
        "{} {}",
        output.stdout.len(),
        output.stderr.len()
    );
}

#[test]
fn input_that_is_not_read_is_no_failure() {
    let _alone = alone();
    let command = Command::new("true").stdin(vec![b'x'; 1 << 20]).timeout(LONG);
    assert_eq!(RealHost::new().run(&command).unwrap().ending, Ending::Exited(0));
}

#[test]
fn a_program_that_closes_its_output_is_waited_for() {
    let _alone = alone();
    let output = sh("exec >&- 2>&-; sleep 0.3; exit 7", LONG);
    assert_eq!((output.ending, output.stdout.as_str()), (Ending::Exited(7), ""));
}

#[test]
fn programs_inherit_a_usual_umask_and_no_signal_is_blocked() {
    let _alone = alone();
    assert_eq!(sh("umask; grep SigBlk /proc/self/status", LONG).stdout, "0022\nSigBlk:\t0000000000000000\n");
}
