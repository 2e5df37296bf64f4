// SPDX-License-Identifier: GPL-3.0-or-later
//! What a change does to a text.

use serde::Serialize;

/// A text before and after, as `--diff` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// What the text is, usually its path.
    pub before_header: String,
    /// What the text is afterwards.
    pub after_header: String,
    /// The text before.
    pub before: String,
    /// The text after.
    pub after: String,
}

impl Diff {
    /// The text of a file before and after.
    #[must_use]
    pub fn of_file(path: &str, before: impl Into<String>, after: impl Into<String>) -> Self {
        Self {
            before_header: path.to_owned(),
            after_header: path.to_owned(),
            before: before.into(),
            after: after.into(),
        }
    }
}
