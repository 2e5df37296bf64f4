// SPDX-License-Identifier: GPL-3.0-or-later
//! Why a task is refused.

/// A reason not to do something, in words and with its remedy. A module tells all of them at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The sentence, without a capital and a full stop.
    pub text: String,
    /// Whether it may pass by itself within moments, as during another node's join.
    pub passing: bool,
}

/// A reason that stays until somebody does something about it.
pub fn lasting(text: impl Into<String>) -> Reason {
    Reason { text: text.into(), passing: false }
}

/// A reason that may pass by itself.
pub fn passing(text: impl Into<String>) -> Reason {
    Reason { text: text.into(), passing: true }
}

/// Whether all of these may pass by themselves, so that waiting can be of use.
#[must_use]
pub fn all_pass(reasons: &[Reason]) -> bool {
    reasons.iter().all(|reason| reason.passing)
}
