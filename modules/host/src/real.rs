// SPDX-License-Identifier: GPL-3.0-or-later
//! The machine itself.

#![expect(clippy::disallowed_methods, reason = "this is the edge that the ban protects")]

use std::fs;
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{Mode, UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;

use crate::{Command, FileKind, Host, HostError, LocalAddress, Output, Stat, User, journal, process, rights};

/// The machine this module runs on.
#[derive(Debug)]
pub struct RealHost {
    started: Instant,
}

impl RealHost {
    /// The machine, with its clock started now.
    ///
    /// Sets the umask of this process to 022, which programs inherit: what `pvecm` writes must not depend on the
    /// login profile of the user that Ansible came as.
    #[must_use]
    pub fn new() -> Self {
        let _ = nix::sys::stat::umask(Mode::S_IWGRP | Mode::S_IWOTH);
        Self { started: Instant::now() }
    }
}

impl Default for RealHost {
    fn default() -> Self {
        Self::new()
    }
}

fn failed(operation: &'static str, path: &Path) -> impl Fn(io::Error) -> HostError {
    move |error| HostError::file(operation, path, &error)
}

fn system(operation: &'static str, errno: nix::errno::Errno) -> HostError {
    let error = io::Error::from(errno);
    HostError::System { operation, kind: error.kind(), errno: error.raw_os_error() }
}

impl Host for RealHost {
    fn run(&self, command: &Command) -> Result<Output, HostError> {
        process::run(command)
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, HostError> {
        fs::read(path).map_err(failed("read", path))
    }

    fn stat(&self, path: &Path) -> Result<Stat, HostError> {
        let meta = fs::symlink_metadata(path).map_err(failed("examine", path))?;
        let kind = if meta.is_symlink() {
            FileKind::Link
        } else if meta.is_dir() {
            FileKind::Directory
        } else if meta.is_file() {
            FileKind::File
        } else {
            FileKind::Other
        };
        Ok(Stat {
            kind,
            mode: meta.mode() & 0o7777,
            uid: meta.uid(),
            gid: meta.gid(),
            size: meta.size(),
            mtime: meta.mtime(),
            device: meta.dev(),
        })
    }

    fn list(&self, path: &Path) -> Result<Vec<String>, HostError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path).map_err(failed("list", path))? {
            let entry = entry.map_err(failed("list", path))?;
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    fn read_link(&self, path: &Path) -> Result<PathBuf, HostError> {
        fs::read_link(path).map_err(failed("read the link", path))
    }

    fn create(&self, path: &Path, content: &[u8], mode: u32) -> Result<(), HostError> {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path)
            .map_err(failed("create", path))?;
        // The umask may have taken bits away. pmxcfs has modes of its own and refuses others.
        match file.set_permissions(fs::Permissions::from_mode(mode)) {
            Err(error) if error.kind() != io::ErrorKind::PermissionDenied => {
                let _ = fs::remove_file(path);
                return Err(HostError::file("change the mode of", path, &error));
            }
            _ => {}
        }
        let written = file.write_all(content).and_then(|()| file.sync_all()).and_then(|()| file.metadata());
        drop(file);
        let problem = match written {
            Err(error) => HostError::file("write", path, &error),
            Ok(meta) if meta.len() != content.len() as u64 => {
                HostError::Short { path: path.to_owned(), wanted: content.len() as u64, written: meta.len() }
            }
            Ok(_) => return Ok(()),
        };
        // What was begun must not be mistaken for a whole file later; the first error is the one to tell.
        let _ = fs::remove_file(path);
        Err(problem)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), HostError> {
        fs::rename(from, to).map_err(failed("replace", to))
    }

    fn remove_file(&self, path: &Path) -> Result<(), HostError> {
        fs::remove_file(path).map_err(failed("remove", path))
    }

    fn make_dir(&self, path: &Path, mode: u32) -> Result<(), HostError> {
        fs::DirBuilder::new().mode(mode).create(path).map_err(failed("make the directory", path))
    }

    fn remove_dir(&self, path: &Path) -> Result<(), HostError> {
        fs::remove_dir(path).map_err(failed("remove the directory", path))
    }

    fn set_mode(&self, path: &Path, mode: u32) -> Result<(), HostError> {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
            .map_err(failed("change the mode of", path))
    }

    fn set_owner(&self, path: &Path, uid: u32, gid: u32) -> Result<(), HostError> {
        std::os::unix::fs::lchown(path, Some(uid), Some(gid)).map_err(failed("change the owner of", path))
    }

    fn set_times(&self, path: &Path, unix_seconds: i64) -> Result<(), HostError> {
        let time = TimeSpec::new(unix_seconds, 0);
        utimensat(AT_FDCWD, path, &time, &time, UtimensatFlags::NoFollowSymlink)
            .map_err(|errno| HostError::file("set the time of", path, &io::Error::from(errno)))
    }

    fn hostname(&self) -> Result<String, HostError> {
        let name = nix::unistd::gethostname().map_err(|errno| system("read the host name", errno))?;
        let name = name.to_string_lossy();
        Ok(name.split('.').next().unwrap_or_default().to_owned())
    }

    fn addresses(&self) -> Result<Vec<LocalAddress>, HostError> {
        let interfaces = nix::ifaddrs::getifaddrs()
            .map_err(|errno| system("read the addresses of this machine", errno))?;
        let mut found = Vec::new();
        for interface in interfaces {
            let address = interface.address.as_ref().and_then(ip_of);
            let mask = interface.netmask.as_ref().and_then(ip_of);
            if let Some(address) = address {
                found.push(LocalAddress {
                    interface: interface.interface_name,
                    address,
                    prefix: mask.map_or(0, ones),
                });
            }
        }
        Ok(found)
    }

    fn user(&self, name: &str) -> Result<Option<User>, HostError> {
        let found = nix::unistd::User::from_name(name).map_err(|errno| system("look up a user", errno))?;
        Ok(found.map(|user| User {
            name: user.name,
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            home: user.dir,
        }))
    }

    fn act_as(&self, user: Option<&User>) -> Result<(), HostError> {
        rights::take(user).map_err(|errno| system("act as another user", errno))
    }

    fn journal(&self, fields: &[(&str, &str)]) -> Result<(), HostError> {
        journal::send(fields)
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn unix_time(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }

    fn sleep(&self, pause: Duration) {
        std::thread::sleep(pause);
    }
}

fn ip_of(address: &nix::sys::socket::SockaddrStorage) -> Option<IpAddr> {
    if let Some(four) = address.as_sockaddr_in() {
        return Some(IpAddr::V4(four.ip()));
    }
    address.as_sockaddr_in6().map(|six| IpAddr::V6(six.ip()))
}

fn ones(mask: IpAddr) -> u8 {
    let ones = match mask {
        IpAddr::V4(four) => four.to_bits().count_ones(),
        IpAddr::V6(six) => six.to_bits().count_ones(),
    };
    u8::try_from(ones).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn create_refuses_an_existing_name_and_keeps_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let host = RealHost::new();
        host.create(&path, b"one", 0o600).unwrap();
        assert_eq!(host.create(&path, b"two", 0o600).unwrap_err().errno(), Some(17));
        assert_eq!(host.read(&path).unwrap(), b"one");
        assert_eq!(host.stat(&path).unwrap().mode, 0o600);
    }

    #[test]
    fn an_existing_device_is_never_opened() {
        let host = RealHost::new();
        let error = host.create(Path::new("/dev/full"), b"x", 0o600).unwrap_err();
        assert_eq!(error.errno(), Some(17));
    }

    #[test]
    fn a_file_gets_exactly_its_mode() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let host = RealHost::new();
        host.create(&path, b"", 0o666).unwrap();
        assert_eq!(host.stat(&path).unwrap().mode, 0o666, "whatever the umask");
    }

    #[test]
    fn the_host_name_has_no_domain() {
        let name = RealHost::new().hostname().unwrap();
        assert!(!name.is_empty() && !name.contains('.'), "{name}");
    }

    #[test]
    fn times_and_modes_are_set() {
        let dir = tempfile::tempdir().unwrap();
        let host = RealHost::new();
        host.set_times(dir.path(), 0).unwrap();
        host.set_mode(dir.path(), 0o750).unwrap();
        let stat = host.stat(dir.path()).unwrap();
        assert_eq!((stat.mtime, stat.mode), (0, 0o750));
    }

    #[test]
    fn stat_does_not_follow_links() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        let host = RealHost::new();
        assert_eq!(host.stat(&link).unwrap().kind, FileKind::Link);
        assert_eq!(host.read_link(&link).unwrap(), Path::new("nowhere"));
        assert!(host.read(&link).unwrap_err().is_not_found());
    }

    #[test]
    fn list_is_sorted() {
        let dir = tempfile::tempdir().unwrap();
        let host = RealHost::new();
        host.make_dir(&dir.path().join("b"), 0o700).unwrap();
        host.create(&dir.path().join("a"), b"", 0o600).unwrap();
        assert_eq!(host.list(dir.path()).unwrap(), ["a", "b"]);
    }

    #[test]
    fn loopback_is_among_the_addresses() {
        let all = RealHost::new().addresses().unwrap();
        let loopback = all.iter().find(|a| a.address.to_string() == "127.0.0.1").unwrap();
        assert_eq!(loopback.prefix, 8);
    }

    #[test]
    fn root_is_a_user_and_nobody_else_is_made_up() {
        let host = RealHost::new();
        assert_eq!(host.user("root").unwrap().unwrap().uid, 0);
        assert_eq!(host.user("no-such-user-here").unwrap(), None);
    }
}
