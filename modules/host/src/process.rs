// SPDX-License-Identifier: GPL-3.0-or-later
//! Running a program to its end or its deadline, and ending everything it started.

#![expect(clippy::disallowed_methods, reason = "this is the edge that the ban protects")]

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::{Command, Ending, HostError, Output};

/// After a program has ended, how long its output may stay open without a byte: a daemon it started may have kept the
/// pipe.
const DRAIN: Duration = Duration::from_millis(500);
/// The same for a daemon that goes on writing.
const DRAIN_AT_MOST: Duration = Duration::from_secs(5);
/// How long what was asked to stop (SIGTERM) may take before it is killed.
const GRACE: Duration = Duration::from_secs(2);

/// Runs the program as [`crate::Host::run`] promises.
pub(crate) fn run(command: &Command) -> Result<Output, HostError> {
    // `pvecm` works in a child with a session of its own. As the subreaper, this process becomes the parent of
    // whatever such a child leaves behind, and so can find and end it at the deadline.
    let _ = nix::sys::prctl::set_child_subreaper(true);
    let before = descendants(&[]);
    let mut child = std::process::Command::new(&command.program)
        .args(&command.args)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C")
        .env("HOME", "/root")
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| HostError::Program {
            program: command.program.clone(),
            kind: error.kind(),
            errno: error.raw_os_error(),
        })?;

    if let Some(mut stdin) = child.stdin.take() {
        let input = command.stdin.clone();
        // A program that does not read its input is no failure; EPIPE says just that.
        thread::spawn(move || stdin.write_all(&input));
    }
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());

    let (ended, end) = mpsc::channel();
    thread::spawn(move || ended.send(child.wait()));
    let ending = match end.recv_timeout(command.timeout) {
        Ok(status) => status.map_or(Ending::Exited(255), ending_of),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
            stop(&before);
            Ending::TimedOut
        }
    };
    let until = Instant::now() + DRAIN_AT_MOST;
    Ok(Output { ending, stdout: stdout.text(until), stderr: stderr.text(until) })
}

fn ending_of(status: ExitStatus) -> Ending {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ending::Exited(code),
        (None, Some(signal)) => Ending::Signaled(signal),
        (None, None) => Ending::Exited(255),
    }
}

/// A stream being read by a thread of its own.
struct Stream {
    bytes: Arc<Mutex<Vec<u8>>>,
    closed: mpsc::Receiver<()>,
}

fn collect(stream: Option<impl Read + Send + 'static>) -> Stream {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let (closing, closed) = mpsc::channel();
    if let Some(mut stream) = stream {
        let bytes = Arc::clone(&bytes);
        thread::spawn(move || {
            let mut part = [0_u8; 8192];
            loop {
                match stream.read(&mut part) {
                    Ok(0) => break,
                    Ok(n) => bytes
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .extend_from_slice(part.get(..n).unwrap_or_default()),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
            let _ = closing.send(());
        });
    }
    Stream { bytes, closed }
}

impl Stream {
    /// What has come by the time the stream closed, or nothing more came, or by `until`.
    fn text(&self, until: Instant) -> String {
        let mut seen = self.len();
        loop {
            let pause = DRAIN.min(until.saturating_duration_since(Instant::now()));
            let closed = self.closed.recv_timeout(pause) != Err(RecvTimeoutError::Timeout);
            let now = self.len();
            if closed || now == seen || Instant::now() >= until {
                break;
            }
            seen = now;
        }
        String::from_utf8_lossy(&self.bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    fn len(&self) -> usize {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// Ends every descendant that was not there before, nor is below one that was: asks first, kills after [`GRACE`].
fn stop(before: &[Pid]) {
    let asked = Instant::now();
    let mut signal = Signal::SIGTERM;
    let mut told = Vec::new();
    loop {
        reap();
        let left = descendants(before);
        if left.is_empty() {
            return;
        }
        if signal == Signal::SIGTERM && asked.elapsed() > GRACE {
            signal = Signal::SIGKILL;
        }
        for pid in &left {
            if signal == Signal::SIGKILL || !told.contains(pid) {
                told.push(*pid);
                // It may have ended by itself since the list was made.
                let _ = kill(*pid, signal);
            }
        }
        if asked.elapsed() > GRACE * 2 {
            return; // in an uninterruptible system call: nothing more can be done from here
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Collects the exit status of orphans that were handed to this process.
fn reap() {
    while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        if status == WaitStatus::StillAlive {
            break;
        }
    }
}

/// All running processes below this one, whatever their session; without zombies, and without `others` and what is
/// below them: a daemon that an earlier program left behind is none of this one's business.
fn descendants(others: &[Pid]) -> Vec<Pid> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        // pid (name) state ppid ..; the name may hold anything, so read from the last parenthesis on
        let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let (state, parent) = (fields.next(), fields.next().and_then(|field| field.parse::<i32>().ok()));
        if let (Some(state), Some(parent)) = (state, parent)
            && state != "Z"
        {
            parents.push((pid, parent));
        }
    }
    let mut found = vec![Pid::this().as_raw()];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        let other = |pid: &i32| others.contains(&Pid::from_raw(*pid));
        found.extend(
            parents.iter().filter(|(_, p)| *p == parent).map(|(pid, _)| *pid).filter(|pid| !other(pid)),
        );
        next += 1;
    }
    found.into_iter().skip(1).map(Pid::from_raw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        Command::new("sh").args(["-c", script]).timeout(Duration::from_secs(10))
    }

    #[test]
    fn streams_and_exit_code_come_back() {
        let output = run(&sh("cat; echo err >&2; exit 3").stdin(*b"in")).unwrap();
        assert_eq!(output, Output { ending: Ending::Exited(3), stdout: "in".into(), stderr: "err\n".into() });
    }

    #[test]
    fn a_signal_is_told_apart() {
        assert_eq!(run(&sh("kill -9 $$")).unwrap().ending, Ending::Signaled(9));
    }

    #[test]
    fn a_missing_program_is_an_error() {
        let error = run(&Command::new("no-such-program-here")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot run 'no-such-program-here': No such file or directory (os error 2)"
        );
    }

    #[test]
    fn the_locale_is_fixed_and_the_environment_empty() {
        let output = run(&Command::new("env")).unwrap();
        let mut lines: Vec<&str> = output.stdout.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["HOME=/root", "LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced() {
        assert_eq!(run(&sh(r"printf 'a\377b'")).unwrap().stdout, "a\u{fffd}b");
    }
}
