// SPDX-License-Identifier: GPL-3.0-or-later
//! What a task declares of this node, which creates a cluster or joins one: checked, and compared with what is.

mod args;
mod decide;
mod look;
pub(crate) mod way;
pub(crate) mod words;

#[cfg(test)]
pub(crate) use self::args::tests;
pub(crate) use self::args::{Args, GivenLink, State, Wanted};
pub(crate) use self::decide::{Forecast, options, priorities, set, undeclared};
pub(crate) use self::look::{Candidate, look};
