// SPDX-License-Identifier: GPL-3.0-or-later
//! Another user's rights. In a process of its own, because rights belong to the whole process.

use host::{Host, RealHost};

#[test]
fn acting_as_a_user_creates_as_them_and_ends() {
    let host = RealHost::new();
    let nobody = host.user("nobody").unwrap().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (closed, open) = (dir.path().join("closed"), dir.path().join("open"));
    host.make_dir(&closed, 0o700).unwrap();
    host.make_dir(&open, 0o700).unwrap();
    if !nix::unistd::geteuid().is_root() {
        // without root's rights nobody else's can be taken, and nothing has changed
        assert_eq!(host.act_as(Some(&nobody)).unwrap_err().errno(), Some(1));
        host.create(&open.join("file"), b"", 0o600).unwrap();
        return;
    }
    host.set_mode(dir.path(), 0o755).unwrap();
    host.set_owner(&open, nobody.uid, nobody.gid).unwrap();
    host.act_as(Some(&nobody)).unwrap();
    let refused = host.create(&closed.join("file"), b"", 0o600);
    let created = host.create(&open.join("file"), b"", 0o600);
    host.act_as(None).unwrap();
    assert!(refused.unwrap_err().is_denied());
    created.unwrap();
    let stat = host.stat(&open.join("file")).unwrap();
    assert_eq!((stat.uid, stat.gid), (nobody.uid, nobody.gid));
    host.create(&closed.join("file"), b"", 0o600).unwrap();
}
