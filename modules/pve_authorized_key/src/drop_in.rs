// SPDX-License-Identifier: GPL-3.0-or-later
//! Making sshd read one more file: a part of its configuration, checked before sshd sees it and taken back if it
//! does not do what it is for.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use ansible_module::Failure;
use host::{Attributes, Host, HostError, User, Waited, if_there, replace_file, wait_until};

use crate::observe::effective;
use crate::plan::DropIn;
use crate::sshd;

/// How long sshd may take to listen again after a reload.
const RELOADING: Duration = Duration::from_secs(3);

/// Writes it, has sshd check it, looks whether sshd would read the file, and has it reloaded.
pub(crate) fn put(drop_in: &DropIn, user: &User, host: &dyn Host) -> Result<(), Failure> {
    replace(&drop_in.path, &drop_in.after, host)?;
    let sound = check(host).and_then(|()| is_effective(drop_in, user, host));
    let ports = sound.map_err(|failure| take_back(drop_in, host, failure, false))?;
    reload(&ports, host).map_err(|failure| take_back(drop_in, host, failure, true))
}

/// The name that the new file has before it takes this one's place does not end in `.conf`: sshd never reads it.
fn replace(path: &Path, content: &[u8], host: &dyn Host) -> Result<(), HostError> {
    replace_file(host, path, content, Attributes::Exactly { mode: 0o644, uid: 0, gid: 0 })
}

fn check(host: &dyn Host) -> Result<(), Failure> {
    let command = sshd::check();
    let output = host.run(&command)?;
    if output.exited_zero() {
        return Ok(());
    }
    let said = output.stderr.trim();
    Err(Failure::new(format!("cannot change sshd's configuration: sshd refuses it: {said}"))
        .with_command(&command, &output))
}

/// Whether sshd would read the file now; the ports on which it listens.
fn is_effective(drop_in: &DropIn, user: &User, host: &dyn Host) -> Result<Vec<u16>, Failure> {
    let effective = effective(host, user)?;
    let read = effective.key_files;
    if read.contains(&drop_in.entry) {
        return Ok(effective.ports);
    }
    Err(Failure::new(format!(
        "cannot make sshd read '{}' for '{}': '{}' has no effect, because sshd_config does not include it or sets \
         AuthorizedKeysFile for this user before; sshd reads '{}'",
        drop_in.entry,
        user.name,
        drop_in.path.display(),
        read.join(" ")
    )))
}

/// Has sshd reload, and waits until it listens again: it closes its sockets and opens new ones.
fn reload(ports: &[u16], host: &dyn Host) -> Result<(), Failure> {
    let before = listening(ports, host)?;
    let command = sshd::reload();
    let output = host.run(&command)?;
    if !output.exited_zero() {
        let said = output.stderr.trim();
        return Err(Failure::new(format!("cannot reload sshd: '{}' failed: {said}", command.line()))
            .with_command(&command, &output));
    }
    if before.is_empty() {
        return Ok(()); // it does not run, and reads its configuration when it is started
    }
    let look = || match listening(ports, host) {
        Ok(now) if !now.is_empty() && now.is_disjoint(&before) => Ok(Ok(())),
        Ok(now) => Err(now),
        Err(error) => Ok(Err(error)),
    };
    match wait_until(host, host.elapsed() + RELOADING, Duration::from_millis(20), look) {
        Waited::Done(result) => Ok(result?),
        // the same sockets as before are systemd's, which hands each connection to a new sshd
        Waited::Pending(now) if now == before => Ok(()),
        Waited::Pending(_) => Err(Failure::new(format!(
            "cannot reload sshd: it does not listen on port {} after {} s",
            ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", "),
            RELOADING.as_secs()
        ))),
    }
}

/// The sockets that listen on these ports, by the kernel's number for them.
fn listening(ports: &[u16], host: &dyn Host) -> Result<BTreeSet<u64>, HostError> {
    let mut sockets = BTreeSet::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        // without IPv6 there is no second table
        let bytes = if_there(host.read(Path::new(table)))?.unwrap_or_default();
        sockets.extend(String::from_utf8_lossy(&bytes).lines().filter_map(|line| socket(line, ports)));
    }
    Ok(sockets)
}

/// The number of the socket in a line of the kernel's table, if it listens on one of these ports.
fn socket(line: &str, ports: &[u16]) -> Option<u64> {
    const LISTEN: &str = "0A";
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (_, port) = fields.get(1)?.rsplit_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    if *fields.get(3)? != LISTEN || !ports.contains(&port) {
        return None;
    }
    fields.get(9)?.parse().ok()
}

/// Puts back what was there, in the running sshd too if it may have seen something else, and says when that failed.
fn take_back(drop_in: &DropIn, host: &dyn Host, failure: Failure, reloaded: bool) -> Failure {
    let restored = match &drop_in.before {
        Some(before) => replace(&drop_in.path, before, host),
        None => host.remove_file(&drop_in.path),
    };
    let restored = restored.map_err(|error| error.to_string()).and_then(|()| {
        if !reloaded {
            return Ok(());
        }
        let command = sshd::reload();
        match host.run(&command).map_err(|error| error.to_string()) {
            Ok(output) if output.exited_zero() => Ok(()),
            Ok(_) => Err(format!("'{}' failed", command.line())),
            Err(error) => Err(error),
        }
    });
    match restored {
        Ok(()) => failure,
        Err(error) => {
            let msg = format!("{}; and this could not be undone: {error}", failure.msg);
            Failure { msg, ..failure }.after_change()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_of_the_kernels_table() {
        let listens = "   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 \
                       15643 1 0000000000000000 100 0 0 10 0";
        let connected = listens.replace(" 0A ", " 01 ");
        let six = "   1: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A \
                   00000000:00000000 00:00000000 00000000     0        0 15654 1 0000000000000000 100 0 0 10 0";
        assert_eq!(socket(listens, &[22]), Some(15643));
        assert_eq!(socket(six, &[2222, 22]), Some(15654));
        assert_eq!(socket(listens, &[2222]), None);
        assert_eq!(socket(&connected, &[22]), None);
        assert_eq!(socket("  sl  local_address rem_address   st", &[22]), None);
    }
}
