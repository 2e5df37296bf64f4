// SPDX-License-Identifier: GPL-3.0-or-later
//! What a scripted program answers, and does.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use host::{Command, Ending, Output};

use crate::Machine;

type Deed = Rc<dyn Fn(&mut Machine, &Command)>;
type Choice = Rc<dyn Fn(&Command) -> Option<Answer>>;

/// What a scripted program prints, how it ends, how long it takes and what it does to the machine.
#[derive(Clone)]
pub struct Answer {
    pub(crate) output: Output,
    pub(crate) duration: Duration,
    pub(crate) deed: Option<Deed>,
    pub(crate) missing: bool,
}

impl Answer {
    /// Exits 0 with this on stdout.
    #[must_use]
    pub fn ok(stdout: impl Into<String>) -> Self {
        Self::exit(0, stdout, "")
    }

    /// Exits with this code, stdout and stderr.
    #[must_use]
    pub fn exit(code: i32, stdout: impl Into<String>, stderr: impl Into<String>) -> Self {
        Self::ending(Ending::Exited(code), stdout, stderr)
    }

    /// Ends in this way with this stdout and stderr.
    #[must_use]
    pub fn ending(ending: Ending, stdout: impl Into<String>, stderr: impl Into<String>) -> Self {
        Self {
            output: Output { ending, stdout: stdout.into(), stderr: stderr.into() },
            duration: Duration::ZERO,
            deed: None,
            missing: false,
        }
    }

    /// The program is not installed: running it is an error.
    #[must_use]
    pub fn not_installed() -> Self {
        Self { missing: true, ..Self::ok("") }
    }

    /// Never ends by itself: it runs into the command's deadline.
    #[must_use]
    pub fn hangs() -> Self {
        Self::ok("").taking(Duration::MAX)
    }

    /// What a recording of the real program holds (`COMMAND:`, `EXIT CODE:`, `===== STDOUT =====`, ..).
    ///
    /// # Panics
    /// When the text is not a recording.
    #[must_use]
    pub fn recorded(text: &str) -> Self {
        crate::recording::Recording::parse(text).map_or_else(|error| panic!("{error}"), |r| r.answer())
    }

    /// Takes this long. When that is longer than the command's deadline, the command is killed there: it ends as
    /// [`Ending::TimedOut`], with what it printed, and without having done what [`Answer::doing`] says.
    #[must_use]
    pub fn taking(mut self, duration: Duration) -> Self {
        self.duration = duration;
        self
    }

    /// Does this to the machine at its end.
    #[must_use]
    pub fn doing(self, deed: impl Fn(&mut Machine) + 'static) -> Self {
        self.doing_with(move |machine, _| deed(machine))
    }

    /// Does this to the machine at its end, knowing the command's arguments and input.
    #[must_use]
    pub fn doing_with(mut self, deed: impl Fn(&mut Machine, &Command) + 'static) -> Self {
        self.deed = Some(Rc::new(deed));
        self
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("output", &self.output)
            .field("duration", &self.duration)
            .field("deed", &self.deed.is_some())
            .field("missing", &self.missing)
            .finish()
    }
}

impl From<&str> for Answer {
    fn from(stdout: &str) -> Self {
        Self::ok(stdout)
    }
}

impl From<String> for Answer {
    fn from(stdout: String) -> Self {
        Self::ok(stdout)
    }
}

/// The answers to one command: each is given once, the last one again and again.
pub(crate) struct Script {
    pub(crate) matcher: Matcher,
    pub(crate) changes: bool,
    pub(crate) answers: Vec<Answer>,
    pub(crate) given: usize,
}

/// Which commands a script answers.
pub(crate) enum Matcher {
    Line(String),
    Prefix(String),
    Closure(Choice),
}

impl Script {
    /// How well it fits: an exact line before the longest prefix before a closure.
    pub(crate) fn fit(&self, command: &Command) -> Option<usize> {
        let line = command.line();
        match &self.matcher {
            Matcher::Line(exact) => (*exact == line).then_some(usize::MAX),
            Matcher::Prefix(prefix) => line.starts_with(prefix.as_str()).then(|| prefix.len() + 1),
            Matcher::Closure(answer) => answer(command).is_some().then_some(0),
        }
    }

    pub(crate) fn next(&mut self, command: &Command) -> Option<Answer> {
        if let Matcher::Closure(answer) = &self.matcher {
            return answer(command);
        }
        let index = self.given.min(self.answers.len().saturating_sub(1));
        self.given += 1;
        self.answers.get(index).cloned()
    }
}
