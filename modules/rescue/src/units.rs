// SPDX-License-Identifier: GPL-3.0-or-later
//! Where things are, and the units of systemd's.
//!
//! The units are files and not transient ones, because a node that loses power while the rescue is armed must find it
//! armed when it is back.

/// Where the copy, the record and the program are: on the node's own disk, for root alone.
pub const DIRECTORY: &str = "/var/lib/pve-cluster-collection/rescue";
/// What corosync ran when the rescue was armed.
pub(crate) const COPY: &str = "/var/lib/pve-cluster-collection/rescue/corosync.conf";
/// What else is to be known of that time.
pub(crate) const RECORD: &str = "/var/lib/pve-cluster-collection/rescue/record";
/// What the timer starts. A binary of many modules knows by this name which one it is.
pub(crate) const PROGRAM: &str = "/var/lib/pve-cluster-collection/rescue/corosync_rescue";
/// Gone after a boot, so that one can be told.
pub(crate) const THIS_BOOT: &str = "/run/pve-cluster-rescue";

/// The timer's name.
pub const TIMER: &str = "pve-cluster-rescue.timer";
/// The service's name.
pub(crate) const SERVICE: &str = "pve-cluster-rescue.service";
pub(crate) const TIMER_FILE: &str = "/etc/systemd/system/pve-cluster-rescue.timer";
pub(crate) const SERVICE_FILE: &str = "/etc/systemd/system/pve-cluster-rescue.service";

/// The timer's file. After a boot the time begins again, so that corosync has it for its start. A rescue that was killed, or could not come to
/// its end yet, is started again a minute later.
pub(crate) fn timer(seconds: u64) -> String {
    format!(
        "[Unit]\nDescription=Undo a change of corosync.conf that nobody calls off\n\n[Timer]\nOnActiveSec={seconds}s\nOnUnitInactiveSec=60s\n\
         AccuracySec=500ms\n\n[Install]\nWantedBy=timers.target\n"
    )
}

/// The service's file. It may wait for other nodes, so it has no limit of its own.
pub(crate) fn service(word: &str) -> String {
    format!(
        "[Unit]\nDescription=Put corosync.conf back when a change did harm\n\n[Service]\nType=oneshot\n\
         ExecStart={PROGRAM} {word}\nTimeoutStartSec=infinity\n"
    )
}
