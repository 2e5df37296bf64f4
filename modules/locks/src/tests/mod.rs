// SPDX-License-Identifier: GPL-3.0-or-later

mod certainty;
mod script;
mod taking;
mod who;

use std::time::Duration;

use host::Host;
use testkit::FakeHost;

use crate::{Deed, Lock, NoLock, Owner};

pub(crate) const NAME: &str = "file-corosync_conf";
pub(crate) const LOCK: &str = "/etc/pve/priv/lock/file-corosync_conf";
pub(crate) const BOOT: &str = "0f1e2d3c4b5a49788796a5b4c3d2e1f0";
/// When the fake clock starts.
pub(crate) const START: i64 = 1_767_225_600;
pub(crate) const EIO: i32 = 5;
pub(crate) const ENOENT: i32 = 2;
pub(crate) const EEXIST: i32 = 17;

pub(crate) fn node() -> FakeHost {
    FakeHost::new().with_hostname("pve1").pmxcfs("/etc/pve").dir("/etc/pve/priv/lock")
}

/// The directory that says that this process made the lock so long after the start.
pub(crate) fn name(pid: u32, after: i64) -> String {
    format!("{LOCK}-by-change.pve1.{pid}.{}.{BOOT}.{}", 5000 + pid, START + after)
}

pub(crate) fn owner(pid: u32) -> Owner {
    Owner::of(&format!("change.pve1.{pid}.{}.{BOOT}", 5000 + pid)).unwrap()
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn take(host: &FakeHost, patience: u64) -> Result<Lock, NoLock> {
    Lock::take(host, NAME, Deed::Change, host.elapsed() + seconds(patience))
}

/// Another process of the same node.
pub(crate) fn be(host: &FakeHost, pid: u32) {
    host.change(|machine| machine.set_process(pid));
}
