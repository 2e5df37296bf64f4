// SPDX-License-Identifier: GPL-3.0-or-later
//! The cluster-wide lock that PVE takes before it changes corosync.conf.
//!
//! It is a directory in pmxcfs. Who makes it has it; it expires 120 s after its time was last set, and pmxcfs removes
//! an expired one for whoever asks by setting its time to the epoch.

use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

use host::{Host, HostError, Waited, wait_until};

const DIRECTORY: &str = "/etc/pve/priv/lock";
/// The lock's name is PVE's: `file-` and the file's name with `_` for what is no letter or digit.
pub(crate) const LOCK: &str = "/etc/pve/priv/lock/file-corosync_conf";
/// How often the lock's time is set while it is held.
const RENEW: Duration = Duration::from_secs(30);
/// The pause between two attempts to take it.
const PAUSE: Duration = Duration::from_millis(250);

/// The lock, held.
#[derive(Debug)]
pub(crate) struct Lock {
    renewed: Cell<Duration>,
}

impl Lock {
    /// Takes the lock, waiting for whoever has it until `deadline`.
    pub(crate) fn take(host: &dyn Host, deadline: Duration) -> Result<Self, String> {
        let path = Path::new(LOCK);
        let taken = wait_until(host, deadline, PAUSE, || match make(host, path) {
            Ok(()) => Ok(Ok(())),
            Err(error) if error.errno() == Some(17) => {
                // asks pmxcfs to remove it if it has expired; refused otherwise
                let _ = host.set_times(path, 0);
                Err(())
            }
            Err(error) => Ok(Err(error)),
        });
        match taken {
            Waited::Done(Ok(())) => Ok(Self { renewed: Cell::new(host.elapsed()) }),
            Waited::Done(Err(error)) => Err(error.to_string()),
            Waited::Pending(()) => Err(format!(
                "another program is changing the cluster: it has held the lock '{LOCK}' all the time; try again when \
                 it is done"
            )),
        }
    }

    /// Keeps the lock from expiring during a long wait.
    pub(crate) fn renew(&self, host: &dyn Host) {
        let now = host.elapsed();
        if now.saturating_sub(self.renewed.get()) >= RENEW {
            self.renewed.set(now);
            // without quorum this fails, and then nobody else can take it either
            let _ = host.set_times(Path::new(LOCK), i64::try_from(host.unix_time()).unwrap_or(i64::MAX));
        }
    }

    /// Gives the lock back; what is wrong if that fails.
    pub(crate) fn release(self, host: &dyn Host) -> Option<String> {
        match host.remove_dir(Path::new(LOCK)) {
            Ok(()) => None,
            Err(error) if error.is_not_found() => None,
            Err(error) => Some(format!("the lock '{LOCK}' stays for up to 120 s: {error}")),
        }
    }
}

fn make(host: &dyn Host, path: &Path) -> Result<(), HostError> {
    match host.make_dir(path, 0o700) {
        Err(error) if error.is_not_found() => {
            // a new pmxcfs has no directory for locks; whoever needs it first makes it
            match host.make_dir(Path::new(DIRECTORY), 0o700) {
                Ok(()) => host.make_dir(path, 0o700),
                Err(error) if error.errno() == Some(17) => host.make_dir(path, 0o700),
                Err(error) => Err(error),
            }
        }
        made => made,
    }
}
