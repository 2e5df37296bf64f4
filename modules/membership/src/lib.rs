// SPDX-License-Identifier: GPL-3.0-or-later
//! What creating a cluster, joining one, leaving it, removing a node from it and repairing one have in common.

pub mod authority;
pub mod check;
pub mod database_copy;
pub mod door;
pub mod explain;
#[cfg(test)]
mod explain_recorded;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
pub mod files;
pub mod keys;
pub mod leaving;
pub mod lock;
pub mod observe;
pub mod pmxcfs_service;
pub mod probe;
pub mod pvecm;
pub mod ready;
pub mod reason;
pub mod references;
pub mod reservation;
pub mod seen;
pub mod verify;
