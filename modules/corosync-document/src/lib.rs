// SPDX-License-Identifier: GPL-3.0-or-later
//! corosync.conf, read and edited without losing a byte.
//!
//! [`Document::parse`] takes any bytes and [`Document::to_bytes`] gives the same bytes back; an edit touches the
//! lines of what it edits and no other. Two programs read the file on a Proxmox VE node and do not agree on its
//! grammar: corosync by lines, PVE by words between blanks. A document has the structure that corosync sees.
//!
//! Facts about the two readers: recordings of both on the same files, and the behaviour of `corosync -t` 3.1.

mod document;
mod line;
mod tree;
mod view;

pub use document::Document;
pub use view::{Device, Interface, Node};
