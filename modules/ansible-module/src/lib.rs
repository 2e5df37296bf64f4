// SPDX-License-Identifier: GPL-3.0-or-later
//! What every module shares with Ansible: arguments in, one JSON answer out.
//!
//! A module is a [`Spec`] (its options, as its documentation lists them), a typed struct that the checked
//! arguments are read into, and a function from both to an [`Outcome`] or a [`Failure`]. [`main`] does the rest:
//! it reads the arguments file, coerces and refuses in Ansible's own wording, and prints exactly one JSON object,
//! whatever happens.
//!
//! What the struct may rely on: every option has the type of its [`Kind`], a default where the spec has one, and is
//! absent (never null) when it was not given and has none; aliases have been resolved.

mod answer;
mod arguments;
mod context;
mod diff;
mod edge;
mod input;
mod journal;
pub mod reason;
mod respond;
mod secret;
mod secrets;
mod spec;

pub use answer::{Deprecation, Failure, Outcome};
pub use context::{Context, Origin};
pub use diff::Diff;
pub use edge::{command_line, main, refuse};
pub use reason::Reason;
pub use respond::answer;
pub use secret::Secret;
pub use spec::{Kind, Opt, Rules, Spec};
