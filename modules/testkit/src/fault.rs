// SPDX-License-Identifier: GPL-3.0-or-later
//! Faults: a step that fails although the machine would have let it pass.

use std::io;
use std::rc::Rc;

use host::HostError;

use crate::{Answer, FakeHost, Step};

/// What goes wrong.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The step fails with this errno, in the words the real host would use; a program cannot be started.
    Errno(i32),
    /// The step fails with exactly this.
    Error(HostError),
    /// A program answers this instead of what was scripted, and does not do its deed. Only for programs; another
    /// step fails with EIO.
    Answer(Answer),
}

impl From<i32> for Fault {
    fn from(errno: i32) -> Self {
        Self::Errno(errno)
    }
}

impl From<HostError> for Fault {
    fn from(error: HostError) -> Self {
        Self::Error(error)
    }
}

impl From<Answer> for Fault {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

/// When a fault strikes.
#[derive(Clone)]
pub(crate) enum When {
    /// At the effect with this number, counted from 0.
    Effect(usize),
    /// At this effect and all later ones.
    From(usize),
    /// At every step of which this is true.
    Is(Rc<dyn Fn(&Step) -> bool>),
    /// At the first step of which this is true.
    First(Rc<dyn Fn(&Step) -> bool>),
}

/// A fault waiting for its step.
pub(crate) struct Armed {
    pub(crate) when: When,
    pub(crate) fault: Fault,
    pub(crate) struck: usize,
}

impl Armed {
    /// Whether it strikes at this step; `effect` is the number of the effect, if it is one.
    pub(crate) fn strikes(&mut self, step: &Step, effect: Option<usize>) -> bool {
        let strikes = match &self.when {
            When::Effect(n) => effect == Some(*n),
            When::From(n) => effect.is_some_and(|effect| effect >= *n),
            When::Is(is) => is(step),
            When::First(is) => self.struck == 0 && is(step),
        };
        self.struck += usize::from(strikes);
        strikes
    }
}

/// The error that the real host gives for this step and errno.
pub(crate) fn error_of(step: &Step, errno: i32) -> HostError {
    let error = io::Error::from_raw_os_error(errno);
    let (operation, path) = match step {
        Step::Read(path) => ("read", path),
        Step::Stat(path) => ("examine", path),
        Step::List(path) => ("list", path),
        Step::ReadLink(path) => ("read the link", path),
        Step::Create { path, .. } => ("create", path),
        Step::Rename { to, .. } => ("replace", to),
        Step::RemoveFile(path) => ("remove", path),
        Step::MakeDir(path, _) => ("make the directory", path),
        Step::RemoveDir(path) => ("remove the directory", path),
        Step::SetMode(path, _) => ("change the mode of", path),
        Step::SetOwner(path, _, _) => ("change the owner of", path),
        Step::SetTimes(path, _) => ("set the time of", path),
        Step::Query(line) | Step::Action(line) => {
            return HostError::Program {
                program: line.split(' ').next().unwrap_or_default().to_owned(),
                kind: error.kind(),
                errno: error.raw_os_error(),
            };
        }
        Step::Sleep(_) => {
            return HostError::System { operation: "wait", kind: error.kind(), errno: error.raw_os_error() };
        }
    };
    HostError::file(operation, path, &error)
}

/// Calls `check` with a machine from `build` whose first effect fails with `fault`, then with one whose second
/// effect fails, and so on until no effect is left to fail. `check` runs the module and asserts; it is told the
/// number of the effect.
///
/// # Panics
/// When the very first run had no effect at all: then nothing was tested.
pub fn at_every_effect(
    build: impl Fn() -> FakeHost,
    fault: impl Into<Fault>,
    mut check: impl FnMut(&FakeHost, usize),
) {
    let fault = fault.into();
    for number in 0.. {
        let host = build().fail_at(number, fault.clone());
        check(&host, number);
        if !host.faulted() {
            assert!(number > 0, "the module had no effect, so no fault was tested");
            return;
        }
        assert!(number < 10_000, "the module does not end");
    }
}
