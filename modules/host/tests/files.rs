// SPDX-License-Identifier: GPL-3.0-or-later
//! The helpers for files, on the fake machine with its faults.

use std::path::Path;

use host::{Attributes, FileKind, Host, if_there, is_mount_point, is_there, read_text, replace_file};
use testkit::{FakeHost, Step, at_every_effect};

fn p(path: &str) -> &Path {
    Path::new(path)
}

#[test]
fn missing_files_are_told_apart_from_errors() {
    let host = FakeHost::new()
        .file("/etc/x", "x")
        .link("/etc/dead", "nowhere")
        .fail_when(|step| matches!(step, Step::Stat(path) if path == p("/etc/secret")), 13);
    assert!(is_there(&host, p("/etc/x")).unwrap());
    assert!(is_there(&host, p("/etc/dead")).unwrap());
    assert!(!is_there(&host, p("/etc/y")).unwrap());
    assert!(!is_there(&host, p("/etc/x/y")).unwrap());
    assert!(is_there(&host, p("/etc/secret")).unwrap_err().is_denied());
    assert_eq!(if_there(host.read(p("/etc/x"))).unwrap(), Some(b"x".to_vec()));
    assert_eq!(if_there(host.read(p("/etc/dead"))).unwrap(), None);
    assert_eq!(if_there(host.list(p("/no/where"))).unwrap(), None);
}

#[test]
fn text_is_utf8() {
    let host = FakeHost::new().file("/etc/x", "é").file("/etc/y", b"\xff");
    assert_eq!(read_text(&host, p("/etc/x")).unwrap(), "é");
    assert_eq!(read_text(&host, p("/etc/y")).unwrap_err().to_string(), "cannot read '/etc/y': invalid data");
}

#[test]
fn a_mount_point_is_on_another_filesystem_than_its_parent() {
    let host = FakeHost::new().pmxcfs("/etc/pve").dir("/etc/pve/priv");
    assert!(is_mount_point(&host, p("/etc/pve")).unwrap());
    assert!(is_mount_point(&host, p("/")).unwrap());
    assert!(!is_mount_point(&host, p("/etc/pve/priv")).unwrap());
    assert!(!is_mount_point(&host, p("/mnt")).unwrap());
    host.change(|machine| machine.unmount("/etc/pve"));
    assert!(!is_mount_point(&host, p("/etc/pve")).unwrap());
}

#[test]
fn a_file_is_replaced_as_a_whole() {
    let host = FakeHost::new().file_as("/etc/x", "old", 0o640, 0, 33).file("/etc/.x.new", "left by a crash");
    let keep = Attributes::from(&host.stat(p("/etc/x")).unwrap());
    replace_file(&host, p("/etc/x"), b"new", keep).unwrap();
    assert_eq!(host.text("/etc/x"), "new");
    assert_eq!(Attributes::from(&host.stat(p("/etc/x")).unwrap()), keep);
    assert_eq!(
        host.effects(),
        [
            "remove /etc/.x.new",
            "create /etc/.x.new 0600 (3 bytes)",
            "chown 0:33 /etc/.x.new",
            "chmod 0640 /etc/.x.new",
            "rename /etc/.x.new -> /etc/x",
        ]
    );
}

#[test]
fn pmxcfs_gives_its_own_attributes() {
    let host = FakeHost::new().pmxcfs("/etc/pve").file("/etc/pve/datacenter.cfg", "old");
    replace_file(&host, p("/etc/pve/datacenter.cfg"), b"new", Attributes::OfFilesystem).unwrap();
    let own = Attributes::from(&host.stat(p("/etc/pve/datacenter.cfg")).unwrap());
    replace_file(&host, p("/etc/pve/datacenter.cfg"), b"newer", own).unwrap();
    assert_eq!(host.text("/etc/pve/datacenter.cfg"), "newer");
    let root = Attributes::Exactly { mode: 0o600, uid: 0, gid: 0 };
    let error = replace_file(&host, p("/etc/pve/datacenter.cfg"), b"x", root).unwrap_err();
    assert_eq!(error.errno(), Some(1));
    assert_eq!(host.text("/etc/pve/datacenter.cfg"), "newer");
}

#[test]
fn a_link_is_replaced_not_followed() {
    let host = FakeHost::new().file("/etc/target", "t").link("/etc/x", "target");
    replace_file(&host, p("/etc/x"), b"new", Attributes::OfFilesystem).unwrap();
    assert_eq!(host.stat(p("/etc/x")).unwrap().kind, FileKind::File);
    assert_eq!(host.text("/etc/target"), "t");
}

#[test]
fn whatever_fails_the_file_is_whole_and_nothing_is_left_beside_it() {
    let build = || FakeHost::new().file("/etc/x", "old");
    let attributes = Attributes::Exactly { mode: 0o640, uid: 0, gid: 33 };
    at_every_effect(build, 5, |host, _| {
        let done = replace_file(host, p("/etc/x"), b"new", attributes);
        assert_eq!(host.text("/etc/x"), if done.is_ok() { "new" } else { "old" });
        assert!(!host.exists("/etc/.x.new"));
    });
    // Killed at any point, the next call repairs it.
    for effect in 0..4 {
        let host = build().dies_at(effect);
        replace_file(&host, p("/etc/x"), b"new", attributes).unwrap_err();
        assert_eq!(host.text("/etc/x"), "old");
        host.revive();
        replace_file(&host, p("/etc/x"), b"new", attributes).unwrap();
        assert_eq!(host.text("/etc/x"), "new");
        assert!(!host.exists("/etc/.x.new"));
    }
}
