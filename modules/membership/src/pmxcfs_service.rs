// SPDX-License-Identifier: GPL-3.0-or-later
//! Stopping and starting pmxcfs, by its service and in local mode. Each step may be repeated, and looks before it acts.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cluster_state::pmxcfs::{self, MOUNT_POINT, Mount};
use host::{Command, FileKind, Host, HostError, Output, Waited, if_there, is_there, last_line, wait_until};

const PAUSE: Duration = Duration::from_millis(100);
/// What systemd may take to stop or start a service: it kills pmxcfs itself after 10 s.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `systemctl VERB UNITS`.
///
/// # Errors
/// In words, when it does not exit 0.
pub fn systemctl(host: &dyn Host, verb: &str, units: &[&str]) -> Result<(), String> {
    let command = Command::new("systemctl").arg(verb).args(units.iter().copied()).timeout(PATIENCE);
    exits_zero(&command, &host.run(&command).map_err(|error| error.to_string())?)
}

/// What a program said when it did not exit 0.
pub fn exits_zero(command: &Command, output: &Output) -> Result<(), String> {
    if output.exited_zero() {
        return Ok(());
    }
    let last = last_line(&output.stderr).unwrap_or("no message");
    Err(format!("'{}' ended with exit code {}: {last}", command.line(), output.rc()))
}

/// Stops pmxcfs, whoever started it and however it is, and corosync: /etc/pve is an ordinary directory afterwards.
///
/// # Errors
/// In words, when it does not stop by the deadline.
pub fn stop(host: &dyn Host, qdevice: bool, deadline: Duration) -> Result<(), String> {
    if qdevice {
        systemctl(host, "stop", &["corosync-qdevice"])?;
    }
    systemctl(host, "stop", &["pve-cluster", "corosync"])?;
    unmount(host, deadline)
}

/// Ends a pmxcfs that no service runs, as `pmxcfs -l` starts it, and takes away the mount of one that died.
///
/// # Errors
/// In words, when /etc/pve is still mounted at the deadline.
pub fn unmount(host: &dyn Host, deadline: Duration) -> Result<(), String> {
    let mut told = false;
    let waited = wait_until(host, deadline, PAUSE, || {
        let mount = pmxcfs::query(host).map_err(|error| error.to_string())?.mount;
        let command = match mount {
            Mount::NoDirectory | Mount::NotMounted => return Ok(Ok(())),
            Mount::Dead { .. } => Command::new("umount").args(["--lazy", MOUNT_POINT]),
            // Only in this system's own process namespace: containers may run a pmxcfs of their own.
            _ if !told => Command::new("pkill").args(["--ns", "1", "--nslist", "pid", "--exact", "pmxcfs"]),
            _ => return Err(format!("'{MOUNT_POINT}' is still mounted")),
        };
        told = true;
        // That there was none to end is as good: it is asked for what it leads to.
        match host.run(&command) {
            Ok(_) => Err(format!("'{MOUNT_POINT}' is still mounted")),
            Err(error) => Ok(Err(error.to_string())),
        }
    });
    match waited {
        Waited::Done(ended) => ended,
        Waited::Pending(why) => Err(why),
    }
}

/// Starts `pmxcfs -l`, which leaves the cluster alone and is writable without quorum, and waits until it does.
///
/// # Errors
/// In words, when it does not by the deadline.
pub fn start_local(host: &dyn Host, deadline: Duration) -> Result<(), String> {
    let command = Command::new("pmxcfs").arg("-l").timeout(PATIENCE);
    exits_zero(&command, &host.run(&command).map_err(|error| error.to_string())?)?;
    wait_writable(host, deadline)
}

/// Starts the service and waits until /etc/pve is mounted.
///
/// # Errors
/// In words, when it is not by the deadline.
pub fn start(host: &dyn Host, deadline: Duration) -> Result<(), String> {
    // Failed starts of before would count against this one.
    systemctl(host, "reset-failed", &["pve-cluster", "corosync"])?;
    systemctl(host, "start", &["pve-cluster"])?;
    wait_for(host, deadline, |mount| matches!(mount, Mount::ReadOnly | Mount::Writable), "is not mounted")
}

/// Waits until /etc/pve is writable.
///
/// # Errors
/// In words, when it does not by the deadline.
pub fn wait_writable(host: &dyn Host, deadline: Duration) -> Result<(), String> {
    wait_for(host, deadline, |mount| *mount == Mount::Writable, "is read-only")
}

fn wait_for(
    host: &dyn Host,
    deadline: Duration,
    is: impl Fn(&Mount) -> bool,
    lacks: &str,
) -> Result<(), String> {
    let waited = wait_until(host, deadline, PAUSE, || match pmxcfs::query(host) {
        Ok(found) if is(&found.mount) => Ok(()),
        Ok(_) => Err(format!("'{MOUNT_POINT}' {lacks} after {} s", host.elapsed().as_secs())),
        Err(error) => Err(error.to_string()),
    });
    match waited {
        Waited::Done(()) => Ok(()),
        Waited::Pending(why) => Err(why),
    }
}

/// What lies in the bare directory /etc/pve while nothing is mounted there: pmxcfs does not start on top of it
/// (`captures/3-node_pve-cluster_stopped_on_pve1--start_pve-cluster_with_a_stray_file_in_the_bare_etc_pve_directory--pve1`).
pub fn strays(host: &dyn Host) -> Result<Vec<String>, HostError> {
    let mounted = host::is_mount_point(host, Path::new(MOUNT_POINT))?;
    if mounted {
        Ok(Vec::new())
    } else {
        Ok(if_there(host.list(Path::new(MOUNT_POINT)))?.unwrap_or_default())
    }
}

/// Moves what lies in the bare directory into `aside`, which is made. Nothing is overwritten there.
pub fn set_strays_aside(host: &dyn Host, aside: &Path) -> Result<(), HostError> {
    for name in strays(host)? {
        move_into(host, &Path::new(MOUNT_POINT).join(&name), &aside.join(&name))?;
    }
    Ok(())
}

/// Moves a file or a whole directory to another filesystem: copied first, removed then. A link is only removed.
fn move_into(host: &dyn Host, from: &Path, to: &Path) -> Result<(), HostError> {
    let Some(stat) = if_there(host.stat(from))? else { return Ok(()) };
    match stat.kind {
        FileKind::Directory => {
            for name in host.list(from)? {
                move_into(host, &from.join(&name), &to.join(&name))?;
            }
            host.remove_dir(from)
        }
        FileKind::File => {
            // One of that name may be there from a run that was interrupted, with another content.
            let content = host.read(from)?;
            let mut place = to.to_owned();
            let mut number = 1;
            while let Some(there) = if_there(host.read(&place))? {
                if there == content {
                    return host.remove_file(from);
                }
                number += 1;
                place = PathBuf::from(format!("{}.{number}", to.display()));
            }
            make_dirs(host, place.parent().unwrap_or(&place))?;
            host.create(&place, &content, 0o600)?;
            host.remove_file(from)
        }
        FileKind::Link | FileKind::Other => host.remove_file(from),
    }
}

/// Copies a file, for root alone, and makes the directories above the copy. A copy that is there already stays: the first
/// has everything in it.
pub fn copy(host: &dyn Host, from: &Path, to: &Path) -> Result<(), HostError> {
    let Some(content) = if_there(host.read(from))? else { return Ok(()) };
    if is_there(host, to)? {
        return Ok(());
    }
    make_dirs(host, to.parent().unwrap_or(to))?;
    host.create(to, &content, 0o600)
}

/// Makes a directory and those above it, all for root alone.
pub fn make_dirs(host: &dyn Host, path: &Path) -> Result<(), HostError> {
    let mut missing: Vec<PathBuf> = Vec::new();
    let mut at = path;
    while !is_there(host, at)? {
        missing.push(at.to_owned());
        let Some(above) = at.parent() else { break };
        at = above;
    }
    for directory in missing.iter().rev() {
        host.make_dir(directory, 0o700)?;
    }
    Ok(())
}
