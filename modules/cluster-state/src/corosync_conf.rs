// SPDX-License-Identifier: GPL-3.0-or-later
//! corosync.conf in the two places where a PVE node keeps it: the cluster's in pmxcfs, and the local copy from which
//! corosync starts. A third version is the one that corosync runs, which [`crate::cmap`] tells.

use std::path::Path;
use std::time::Duration;

use corosync_document::Document;
use host::{Host, Waited, wait_until};

use crate::StateError;
use crate::read::is_there;

/// The cluster's file.
pub const CLUSTER: &str = "/etc/pve/corosync.conf";
/// The copy that pmxcfs keeps for corosync.
pub const LOCAL: &str = "/etc/corosync/corosync.conf";

/// Reads the cluster's file; `None` when there is none, as on a standalone node or without pmxcfs.
///
/// While the file is being replaced, a reader on the same node may find none for a moment, so a file that ought to
/// be there, because corosync's copy is, is looked for a little longer.
///
/// # Errors
/// When it cannot be read.
pub fn cluster(host: &dyn Host) -> Result<Option<Document>, StateError> {
    let found = read(host, CLUSTER)?;
    if found.is_some()
        || !is_there(host, Path::new(crate::pmxcfs::LOCAL))?
        || !is_there(host, Path::new(LOCAL))?
    {
        return Ok(found);
    }
    let deadline = host.elapsed().saturating_add(Duration::from_millis(200));
    match wait_until(host, deadline, Duration::from_millis(20), || read(host, CLUSTER).transpose().ok_or(()))
    {
        Waited::Done(read) => read.map(Some),
        Waited::Pending(()) => Ok(None),
    }
}

/// Reads corosync's copy; `None` when there is none.
///
/// # Errors
/// When it cannot be read.
pub fn local(host: &dyn Host) -> Result<Option<Document>, StateError> {
    read(host, LOCAL)
}

fn read(host: &dyn Host, path: &str) -> Result<Option<Document>, StateError> {
    match host.read(Path::new(path)) {
        Ok(bytes) => Ok(Some(Document::parse(&bytes))),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::recording;
    use testkit::FakeHost;

    fn conf() -> String {
        recording!("3-node_quorate--cat_etc_pve_corosync.conf--pve1").stdout
    }

    #[test]
    fn a_file_that_is_being_replaced_is_looked_for_again() {
        let host = FakeHost::new()
            .pmxcfs("/etc/pve")
            .link("/etc/pve/local", "nodes/pve1")
            .file(LOCAL, conf())
            .at(Duration::from_millis(50), |machine| machine.write(CLUSTER, conf()));
        assert_eq!(cluster(&host).unwrap().unwrap().config_version(), Some(3));
        assert!(host.elapsed() < Duration::from_millis(100));
    }

    #[test]
    fn a_file_that_is_not_there_is_not_waited_for() {
        let standalone = FakeHost::new().pmxcfs("/etc/pve").link("/etc/pve/local", "nodes/pve1");
        assert!(cluster(&standalone).unwrap().is_none());
        let unmounted = FakeHost::new().dir("/etc/pve").file(LOCAL, conf());
        assert!(cluster(&unmounted).unwrap().is_none());
        assert_eq!(local(&unmounted).unwrap().unwrap().cluster_name(), Some("labcluster"));
        assert_eq!((standalone.elapsed(), unmounted.elapsed()), (Duration::ZERO, Duration::ZERO));
    }

    #[test]
    fn a_left_over_copy_is_waited_for_at_most_a_moment() {
        let host =
            FakeHost::new().pmxcfs("/etc/pve").link("/etc/pve/local", "nodes/pve1").file(LOCAL, conf());
        assert!(cluster(&host).unwrap().is_none());
        assert_eq!(host.elapsed(), Duration::from_millis(200));
    }
}
