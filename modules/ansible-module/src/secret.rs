// SPDX-License-Identifier: GPL-3.0-or-later
//! A value that must not be printed.

use serde::Deserialize;

/// A value that must not be printed: it has neither `Debug` nor `Display`, nor can it be serialized.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The value itself, for the one place that hands it on.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}
