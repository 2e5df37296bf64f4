// SPDX-License-Identifier: GPL-3.0-or-later
//! Puts corosync.conf back when a change of it has cost the cluster and nobody is left to undo it.
//!
//! Without quorum /etc/pve is read-only, so a lost cluster cannot be repaired from one node. Before a change each node
//! is given a copy of what it runs, the program that puts it back, and a timer of systemd's that starts it
//! ([`arm`]). When all went well the timer is called off ([`call_off`]). When nobody does that, the program looks first
//! ([`fire`]): a cluster that is well is left as it is.
//!
//! The copy goes back under a version that was agreed on when it was made, the same on every node and above all that the
//! change may use: corosync refuses members of another version, and pmxcfs pushes no file over a newer one. So nodes
//! need not hear of each other to come back as one cluster, and one that was off during all this finds it again by the
//! same rule.

mod arm;
#[cfg(test)]
mod arm_tests;
mod cluster_file;
#[cfg(test)]
mod cluster_file_tests;
mod decide;
#[cfg(test)]
mod decide_tests;
mod fire;
#[cfg(test)]
mod fire_tests;
pub mod ha;
#[cfg(test)]
mod ha_tests;
#[cfg(test)]
mod journal_tests;
mod look;
#[cfg(test)]
mod look_tests;
#[cfg(test)]
mod model;
mod note;
pub mod pending;
mod proof;
mod record;
mod restart;
#[cfg(test)]
mod restart_tests;
mod units;

pub use arm::{Armed, NotArmed, Purpose, READY, arm, armed, call_off, drop_it, still_confirmed};
pub use fire::{Came, WORD, fire};
pub use note::{NOTES, Rescue, against_change, against_change_there, rescues};
pub use record::{digest, is_digest};
pub use restart::{Restarted, against_restart, restart};
pub use units::{DIRECTORY, TIMER};
