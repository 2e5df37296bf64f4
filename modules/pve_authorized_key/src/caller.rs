// SPDX-License-Identifier: GPL-3.0-or-later
//! The session by which this task came to the machine, and the machine's time.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ansible_module::Failure;
use authorized_keys_document::Session;
use host::{Command, Host, HostError};

use crate::request::Request;

/// How many processes lie between this one and sshd at most.
const DEEPEST: usize = 32;
const PATIENCE: Duration = Duration::from_secs(20);

/// How this task came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// By ssh, from this address.
    Ssh(IpAddr),
    /// Not by ssh: no process above this one is of a login by ssh.
    Other,
    /// Nobody knows.
    Unknown,
}

/// Who asks, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) way: Way,
    /// Seconds since 1970.
    pub(crate) now: i64,
    /// By how many seconds the machine's own time is ahead of UTC.
    pub(crate) ahead: i64,
}

impl Caller {
    /// The session, as sshd judges it.
    pub(crate) fn session(&self) -> Session {
        let address = match self.way {
            Way::Ssh(address) => Some(address),
            Way::Other | Way::Unknown => None,
        };
        Session { address, now: self.now, ahead: self.ahead }
    }
}

/// Looks. The machine's own time is asked for only where an option counts in it.
pub(crate) fn look(host: &dyn Host, counts_in_time: impl FnOnce() -> bool) -> Result<Caller, Failure> {
    let now = i64::try_from(host.unix_time()).unwrap_or(i64::MAX);
    let ahead = if counts_in_time() { ahead(host)? } else { 0 };
    Ok(Caller { way: way(host), now, ahead })
}

/// Whether an option of the keys that are given, or of a file, says until when it holds.
pub(crate) fn names_a_time<'a>(request: &Request, contents: impl Iterator<Item = &'a [u8]>) -> bool {
    const NAME: &str = "expiry-time";
    let given = request.keys.iter().filter_map(|key| key.options.as_deref());
    let mut given = given.map(str::as_bytes);
    let has = |text: &[u8]| text.windows(NAME.len()).any(|part| part.eq_ignore_ascii_case(NAME.as_bytes()));
    given.any(has) || contents.into_iter().any(has)
}

fn ahead(host: &dyn Host) -> Result<i64, Failure> {
    let command = Command::new("date").arg("+%z").timeout(PATIENCE);
    let why = "cannot tell this machine's time, in which 'expiry-time' counts";
    let output = host.run(&command).map_err(|error| Failure::new(format!("{why}: {error}")))?;
    offset(output.stdout.trim()).filter(|_| output.exited_zero()).ok_or_else(|| {
        Failure::new(format!("{why}: '{}' prints no offset from UTC", command.line()))
            .with_command(&command, &output)
    })
}

/// The seconds in `+0130`.
fn offset(text: &str) -> Option<i64> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let plain = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: i64 = digits.parse().ok().filter(|_| plain)?;
    Some(sign * (number / 100 * 3600 + number % 100 * 60))
}

/// sshd names the connection in the environment of what it starts. `sudo` takes that away, so what is above it is asked too.
fn way(host: &dyn Host) -> Way {
    let mut process = PathBuf::from("/proc/self");
    for _ in 0..DEEPEST {
        let Ok(environment) = host.read(&process.join("environ")) else { return Way::Unknown };
        if let Some(connection) = variable(&environment, "SSH_CONNECTION") {
            let address = connection.split(' ').next().unwrap_or_default();
            let bare = address.split('%').next().unwrap_or_default();
            return bare.parse().map_or(Way::Unknown, |address: IpAddr| Way::Ssh(address.to_canonical()));
        }
        match parent(host, &process) {
            Ok(Some(parent)) if parent > 1 => process = Path::new("/proc").join(parent.to_string()),
            Ok(Some(_)) => return Way::Other,
            Ok(None) | Err(_) => return Way::Unknown,
        }
    }
    Way::Unknown
}

fn variable(environment: &[u8], name: &str) -> Option<String> {
    let mut entries = environment.split(|byte| *byte == 0);
    let value = entries.find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
    Some(String::from_utf8_lossy(value).into_owned())
}

fn parent(host: &dyn Host, process: &Path) -> Result<Option<u32>, HostError> {
    let status = host.read(&process.join("status"))?;
    let status = String::from_utf8_lossy(&status);
    Ok(status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok()))
}

#[cfg(test)]
mod tests {
    use testkit::FakeHost;

    use super::*;

    const SSH: &str = "HOME=/root\0SSH_CONNECTION=192.0.2.7 50000 192.0.2.1 22\0";

    #[test]
    fn the_connection_is_found_above_what_sudo_took_away() {
        let host = FakeHost::new().file("/proc/self/environ", SSH);
        assert_eq!(way(&host), Way::Ssh("192.0.2.7".parse().unwrap()));
        let host = FakeHost::new()
            .file("/proc/self/environ", "SUDO_USER=alice\0NOT_SSH_CONNECTION=1\0")
            .file("/proc/self/status", "Name:\tpve-cluster\nPid:\t70\nPPid:\t60\n")
            .file("/proc/60/environ", "SUDO_USER=alice\0")
            .file("/proc/60/status", "PPid:\t50\n")
            .file("/proc/50/environ", "SSH_CONNECTION=::ffff:192.0.2.7 1 fe80::1 22\0");
        assert_eq!(way(&host), Way::Ssh("192.0.2.7".parse().unwrap()));
        let zone = "SSH_CONNECTION=fe80::7%vmbr0 50000 fe80::1%vmbr0 22\0";
        assert_eq!(
            way(&FakeHost::new().file("/proc/self/environ", zone)),
            Way::Ssh("fe80::7".parse().unwrap())
        );
    }

    #[test]
    fn only_a_look_up_to_the_first_process_proves_another_way() {
        let host = FakeHost::new().file("/proc/self/environ", "").file("/proc/self/status", "PPid:\t1\n");
        assert_eq!(way(&host), Way::Other);
        let host = FakeHost::new().file("/proc/self/environ", "").file("/proc/self/status", "PPid:\t2\n");
        assert_eq!(way(&host), Way::Unknown, "a process that cannot be looked at");
        let host = FakeHost::new().file("/proc/self/environ", "").file("/proc/self/status", "Pid:\t1\n");
        assert_eq!(way(&host), Way::Unknown);
        assert_eq!(way(&FakeHost::new()), Way::Unknown);
        let host = FakeHost::new().file("/proc/self/environ", "SSH_CONNECTION=UNKNOWN 65535 UNKNOWN 65535\0");
        assert_eq!(way(&host), Way::Unknown);
        let circle = FakeHost::new().file("/proc/self/environ", "").file("/proc/self/status", "PPid:\t2\n");
        let circle = circle.file("/proc/2/environ", "").file("/proc/2/status", "PPid:\t2\n");
        assert_eq!(way(&circle), Way::Unknown);
    }

    #[test]
    fn offsets_as_date_prints_them() {
        for (text, expected) in [
            ("+0000", Some(0)),
            ("+0130", Some(5400)),
            ("-1200", Some(-43_200)),
            ("0130", None),
            ("+130", None),
            ("+01:30", None),
            ("", None),
            ("é0130", None),
        ] {
            assert_eq!(offset(text), expected, "{text}");
        }
    }
}
