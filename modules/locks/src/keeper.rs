// SPDX-License-Identifier: GPL-3.0-or-later
//! A process that renews a lock while its owner waits for a program.

use std::path::Path;
use std::time::Duration;

use host::{Command, Host, last_line};

use crate::owner::Process;
use crate::path;
use crate::shell::KEEPER;

/// Starts it. It ends with the lock, with this process, and after this time.
pub(crate) fn start(host: &dyn Host, name: &str, own: &Path, time: Duration) -> Result<(), String> {
    let Process { pid, began, .. } = Process::this(host).map_err(|error| error.to_string())?;
    let unit = own.file_name().unwrap_or_default().to_string_lossy();
    let command = Command::new("systemd-run")
        .args(["--quiet", "--collect"])
        .arg(format!("--unit={unit}.service"))
        .arg(format!("--property=RuntimeMaxSec={}", time.as_secs()))
        .args(["/bin/sh", "-c", KEEPER])
        .arg(path(name).to_string_lossy())
        .arg(own.to_string_lossy())
        .args([pid.to_string(), began.to_string()]);
    let output = host.run(&command).map_err(|error| error.to_string())?;
    if output.exited_zero() {
        return Ok(());
    }
    let said = last_line(&output.stderr).unwrap_or("nothing");
    Err(format!("'systemd-run' ended with exit code {} and said: {said}", output.rc()))
}
