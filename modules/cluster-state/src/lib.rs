// SPDX-License-Identifier: GPL-3.0-or-later
//! What a node and its cluster are like now, as the cluster's own programs and files tell it.
//!
//! One file a program or file: a pure `parse` beside a `query` that asks the machine. `pvecm` and `pvesh` take
//! 0.25-0.4 s a call and exit 0 on failure; corosync's own tools and the files of pmxcfs take 0.02 s and hold the
//! same facts, so only those are asked.

mod error;
mod read;

#[cfg(test)]
#[path = "../tests/support/recording.rs"]
mod recording;
#[cfg(test)]
#[path = "../tests/support/situations.rs"]
mod situations;

pub mod certificates;
pub mod cfgtool;
pub mod clock;
pub mod cmap;
pub mod corosync_check;
pub mod corosync_conf;
pub mod corosync_events;
pub mod fencing;
pub mod foreign;
pub mod ha;
pub mod journal;
pub mod knet;
pub mod leftovers;
pub mod members;
pub mod pmxcfs;
pub mod pvecm;
pub mod qdevice;
pub mod quorumtool;
pub mod services;
pub mod situation;
pub mod ssh;
pub mod tfa;
pub mod validity;
pub mod versions;
pub mod vmlist;

pub use error::{ParseError, StateError};
pub use read::PATIENCE;
