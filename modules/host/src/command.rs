// SPDX-License-Identifier: GPL-3.0-or-later
//! A program to run and what came of it.

use std::fmt;
use std::time::Duration;

/// A program to run: its name, arguments, input and deadline.
///
/// It runs with `LC_ALL=C`, a fixed `PATH`, `HOME=/root` and `/` as its directory (`pvecm add` refuses to run
/// below /etc/pve), in a process group of its own, so that a lost ssh connection does not kill it half-way.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    /// Program name, searched in `/usr/sbin:/usr/bin:/sbin:/bin`.
    pub program: String,
    /// Arguments. Never a secret: every user of the machine can read them.
    pub args: Vec<String>,
    /// What the program reads on stdin; may hold a secret.
    pub stdin: Vec<u8>,
    /// How long it may run before it and everything it started is killed.
    pub timeout: Duration,
}

impl Command {
    /// A program without arguments or input, with a deadline of 30 s.
    #[must_use]
    pub fn new(program: &str) -> Self {
        Self {
            program: program.to_owned(),
            args: Vec::new(),
            stdin: Vec::new(),
            timeout: Duration::from_secs(30),
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds several arguments.
    #[must_use]
    pub fn args<I: IntoIterator<Item = S>, S: Into<String>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets what the program reads on stdin.
    #[must_use]
    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.stdin = input.into();
        self
    }

    /// Sets the deadline.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Program and arguments in one line, for messages.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = self.program.clone();
        for arg in &self.args {
            line.push(' ');
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
            if !arg.is_empty() && arg.chars().all(plain) {
                line.push_str(arg);
            } else {
                line.push('\'');
                line.push_str(&arg.replace('\'', "'\\''"));
                line.push('\'');
            }
        }
        line
    }
}

impl fmt::Debug for Command {
    /// Shows the input's length only: it may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({} bytes of input, {} s)", self.line(), self.stdin.len(), self.timeout.as_secs())
    }
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It exited with this code.
    Exited(i32),
    /// A signal ended it.
    Signaled(i32),
    /// It was still running at its deadline and was killed, with everything it had started.
    TimedOut,
}

/// What a program printed and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub ending: Ending,
    /// Standard output; bytes that are not UTF-8 are replaced by U+FFFD.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
}

impl Output {
    /// Whether it exited with 0. For PVE's programs this proves nothing.
    #[must_use]
    pub fn exited_zero(&self) -> bool {
        self.ending == Ending::Exited(0)
    }

    /// The exit code as Ansible's `rc`: 128 + n for signal n, 124 when it was killed at its deadline.
    #[must_use]
    pub fn rc(&self) -> i32 {
        match self.ending {
            Ending::Exited(code) => code,
            Ending::Signaled(signal) => 128 + signal,
            Ending::TimedOut => 124,
        }
    }

    /// The first line that says something, of standard error before standard output.
    #[must_use]
    pub fn first_words(&self) -> Option<&str> {
        first_line(&self.stderr).or_else(|| first_line(&self.stdout))
    }
}

/// The first line of what a program printed that says something, without the blanks around it.
#[must_use]
pub fn first_line(text: &str) -> Option<&str> {
    text.lines().map(str::trim).find(|line| !line.is_empty())
}

/// The last such line.
#[must_use]
pub fn last_line(text: &str) -> Option<&str> {
    text.lines().map(str::trim).rfind(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_say_something() {
        let text = "\n first \r\n\nlast\n \n";
        assert_eq!((first_line(text), last_line(text)), (Some("first"), Some("last")));
        assert_eq!((first_line("\n \n"), last_line("")), (None, None));
    }

    #[test]
    fn line_quotes_what_a_shell_would_split() {
        let command = Command::new("ssh").args(["-o", "BatchMode=yes", "a b", "it's", ""]);
        assert_eq!(command.line(), r"ssh -o BatchMode=yes 'a b' 'it'\''s' ''");
    }

    #[test]
    fn debug_hides_the_input() {
        let command = Command::new("pvecm").stdin(*b"hunter2\n");
        assert_eq!(format!("{command:?}"), "`pvecm` (8 bytes of input, 30 s)");
    }

    #[test]
    fn rc_of_each_ending() {
        let rc = |ending| Output { ending, stdout: String::new(), stderr: String::new() }.rc();
        assert_eq!((rc(Ending::Exited(3)), rc(Ending::Signaled(9)), rc(Ending::TimedOut)), (3, 137, 124));
    }
}
