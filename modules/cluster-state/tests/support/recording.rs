// SPDX-License-Identifier: GPL-3.0-or-later
//! Recordings of the real programs in real situations, as the tests read them.
//!
//! Those that are replayed in the lab stand there, in one file a situation; the few others are fixtures of `cluster-state`. Both keep the
//! recording's own form: three lines that say what was run where and how it ended, then standard output and standard error between marks.

use std::path::Path;

use host::{Host as _, RealHost};

/// One recording.
pub(crate) struct Recording {
    /// What the program printed.
    pub(crate) stdout: String,
    /// What it printed on standard error.
    pub(crate) stderr: String,
    /// Its exit code.
    pub(crate) rc: i32,
}

impl Recording {
    /// The recording `SITUATION--COMMAND--NODE`.
    pub(crate) fn of(name: &str) -> Self {
        let read = |path: String| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
            RealHost::new().read(&path).map(|found| String::from_utf8(found).expect("text"))
        };
        let (situation, rest) = name.split_once("--").expect("a situation and a command");
        let replayed = read(format!("../../tests/lab/replay/recordings/{situation}.txt")).unwrap_or_default();
        let mark = format!("RECORDING: {rest}\n");
        let begins = |found: &&str| found.starts_with(&mark);
        match replayed.split_inclusive("===== END =====\n").find(begins) {
            Some(found) => Self::parse(found),
            None => Self::parse(&read(format!("../cluster-state/tests/fixtures/{name}.txt")).expect(name)),
        }
    }

    /// Reads a recording.
    pub(crate) fn parse(text: &str) -> Self {
        let (head, rest) = text.split_once("===== STDOUT =====\n").expect("a mark before standard output");
        let (stdout, rest) = rest.split_once("===== STDERR =====\n").expect("a mark before standard error");
        let (stderr, _) = rest.split_once("===== END =====").expect("a mark at the end");
        let (_, rc) = head.trim_end().rsplit_once("EXIT CODE: ").expect("an exit code");
        Self {
            stdout: stdout.to_owned(),
            stderr: stderr.to_owned(),
            rc: rc.parse().expect("a number as the exit code"),
        }
    }
}

/// The recording of this name, which may come in parts.
macro_rules! recording {
    ($($part:expr),+) => {
        $crate::recording::Recording::of(concat!($($part),+))
    };
}
pub(crate) use recording;
