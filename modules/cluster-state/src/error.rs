// SPDX-License-Identifier: GPL-3.0-or-later
//! What can go wrong when the cluster is asked how it is.

use host::{Command, Ending, HostError, Output};
use thiserror::Error;

/// Why a program's output or a file's content was not understood.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParseError {
    /// A field that is always there is not.
    #[error("'{field}' is missing")]
    Missing {
        /// The field, as the program prints it.
        field: &'static str,
    },
    /// A field that is a number is not one.
    #[error("'{field}' is '{text}', which is not a number")]
    NotANumber {
        /// The field, as the program prints it.
        field: &'static str,
        /// What stands there.
        text: String,
    },
    /// A field whose value is none of those known.
    #[error("'{field}' is '{text}', which is not known")]
    Unknown {
        /// The field, as the program prints it.
        field: &'static str,
        /// What stands there.
        text: String,
    },
    /// A line that is neither of the kinds that are known.
    #[error("line {number} is '{line}'")]
    Line {
        /// Its number, from 1.
        number: usize,
        /// The line.
        line: String,
    },
    /// Not JSON, or not of the shape expected.
    #[error("{reason}")]
    Json {
        /// What the JSON reader says.
        reason: String,
    },
    /// Not a PEM certificate, an ssh key or another encoded thing.
    #[error("{reason}")]
    Encoding {
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Why a part of the cluster's state is not known.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StateError {
    /// The machine refused.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The program needs a running corosync, and there is none.
    #[error("cannot run '{program}': corosync is not running on this node")]
    CorosyncNotRunning {
        /// The program that said so.
        program: String,
    },
    /// The program did not end within its time.
    #[error("cannot run '{command}': no answer within {seconds} s")]
    TimedOut {
        /// The whole command.
        command: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The program failed.
    #[error("cannot run '{command}': exit code {rc}: {said}")]
    Failed {
        /// The whole command.
        command: String,
        /// Its exit code, 128 + n for signal n.
        rc: i32,
        /// Its last words.
        said: String,
    },
    /// The program or file said something unknown.
    #[error("cannot understand '{object}': {error}")]
    Unexpected {
        /// The command or the file.
        object: String,
        /// What is wrong with it.
        error: ParseError,
    },
}

impl StateError {
    /// A program that ended badly. Its last line on stderr, or else on stdout, is its reason.
    pub(crate) fn failed(command: &Command, output: &Output) -> Self {
        if output.ending == Ending::TimedOut {
            return Self::TimedOut { command: command.line(), seconds: command.timeout.as_secs() };
        }
        let last = |text: &str| text.lines().rev().map(str::trim).find(|l| !l.is_empty()).map(str::to_owned);
        let said = last(&output.stderr)
            .or_else(|| last(&output.stdout))
            .unwrap_or_else(|| "it printed nothing".to_owned());
        Self::Failed { command: command.line(), rc: output.rc(), said }
    }

    /// Content that was not understood.
    pub(crate) fn unexpected(object: &str) -> impl FnOnce(ParseError) -> Self {
        let object = object.to_owned();
        move |error| Self::Unexpected { object, error }
    }

    /// Whether the object does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Host(error) if error.is_not_found())
    }

    /// Whether corosync does not run here.
    #[must_use]
    pub fn is_corosync_down(&self) -> bool {
        matches!(self, Self::CorosyncNotRunning { .. })
    }
}
