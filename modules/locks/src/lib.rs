// SPDX-License-Identifier: GPL-3.0-or-later
//! Every lock of the collection.
//!
//! PVE's cfs locks are directories in /etc/pve/priv/lock: who makes one has the lock, who removes it gives it up, and
//! pmxcfs makes sure that only one node's mkdir succeeds. A holder that died is dealt with like this: whoever waits
//! sets the directory's time to the epoch, which asks pmxcfs to remove it, and pmxcfs does so once nothing has
//! happened to it for 120 s.
//!
//! Beside a lock lies an empty directory that says by its name whose it is (`file-corosync_conf-by-change.pve1.4711...`):
//! a node, and one process of it. So a run that was killed holds up nobody on its own node, a run that lives is never
//! taken for a dead one, and everybody else learns for whom they wait. The name also says at which second the lock was
//! made, or has the same time as the lock: a name that was left behind is never taken for that of the next lock.
//!
//! PVE knows nothing of these names. It makes and removes its own locks, which then have none.

mod keeper;
mod lock;
mod owner;
mod shell;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use lock::{Lock, Lost, NoLock, holder, release_own};
pub use owner::{Deed, Holder, Owner, Process};
pub use shell::{SCRIPT, holder_of};

/// Where the locks are.
pub const DIRECTORY: &str = "/etc/pve/priv/lock";
/// PVE's lock of corosync.conf.
pub const COROSYNC_CONF: &str = "file-corosync_conf";
/// The name that PVE would give to the lock of authorized_keys.
pub const AUTHORIZED_KEYS: &str = "file-priv_authorized_keys";
/// PVE's lock of replication.cfg.
pub const REPLICATION: &str = "file-replication_cfg";
/// PVE's lock of what high availability has in /etc/pve/ha.
pub const HA: &str = "domain-ha";
/// Whoever joins, leaves or removes a node. PVE does not know it.
pub const MEMBERSHIP: &str = "pvecm_cluster-join";
/// The record that high availability was disarmed. PVE does not know it.
pub const HA_MARKER: &str = "pve_cluster-ha";

/// After this time without renewal pmxcfs removes a lock for whoever asks.
pub const LIFE: Duration = Duration::from_secs(120);
/// Only so long after the last renewal is a lock relied upon: half of its life is left for the write itself, and for a node
/// that counts the time a little differently.
const HOLD: Duration = Duration::from_secs(60);
/// How often the lock's time is set while it is held.
const RENEW: Duration = Duration::from_secs(20);
/// Between two looks at a lock that another holds: looking is free, it is answered from this node's memory.
const PAUSE: Duration = Duration::from_millis(50);
/// Between two requests to remove one, each of which goes to all nodes.
const REQUESTS: Duration = Duration::from_secs(1);

/// The lock's directory.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    Path::new(DIRECTORY).join(name)
}
