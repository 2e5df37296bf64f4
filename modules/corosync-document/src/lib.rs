// SPDX-License-Identifier: GPL-3.0-or-later
//! corosync.conf, read and edited without losing a byte.
//!
//! [`Document::parse`] takes any bytes and [`Document::to_bytes`] gives the same bytes back; an edit touches the
//! lines of what it edits and no other. Two programs read the file on a Proxmox VE node and do not agree on its
//! grammar: corosync by lines, PVE by words between blanks. A document has the structure that corosync sees, and
//! [`disagreements`] lists every place that one of the two would read otherwise, so that a caller can refuse to
//! build on it. What an edit writes is read alike by both.
//!
//! Facts about the two readers: recordings of both on the same files, and the behaviour of `corosync -t` 3.1.

mod document;
mod edit;
mod effect;
mod findings;
mod line;
mod place;
mod readers;
mod release;
mod rules;
mod tree;
mod view;
mod vocabulary;

pub use document::Document;
pub use edit::EditError;
pub use effect::{Effect, effect_of};
pub use findings::{Finding, Problem, disagreements};
pub use place::Place;
pub use release::{Release, later_options, newer_options, since};
pub use rules::{Violation, validate};
pub use view::{Device, Interface, Node};
pub use vocabulary::{Key, ValueKind, code_point, key, known_keys, nearest, unknown_keys};
