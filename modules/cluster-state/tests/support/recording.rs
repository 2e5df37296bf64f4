// SPDX-License-Identifier: GPL-3.0-or-later
//! Recordings of the real programs in real situations, as the tests read them.
//!
//! A fixture keeps the recording's own form: three lines that say what was run where and how it ended, then
//! standard output and standard error between marks.

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
    /// Reads a fixture.
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

/// The recording of this name, which may come in parts, among the fixtures of `cluster-state`.
macro_rules! recording {
    ($($part:expr),+) => {
        $crate::recording::Recording::parse(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../cluster-state/tests/fixtures/",
            $($part,)+
            ".txt"
        )))
    };
}
pub(crate) use recording;
