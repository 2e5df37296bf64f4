// SPDX-License-Identifier: GPL-3.0-or-later
//! The fake machine behaves as the real one does in the recordings.

use std::path::Path;
use std::time::Duration;

use host::{Command, Ending, FileKind, Host, HostError, Waited, wait_until};
use testkit::{Answer, FakeHost, Step, at_every_effect};

fn p(path: &str) -> &Path {
    Path::new(path)
}

fn errno<T>(result: Result<T, HostError>) -> Option<i32> {
    result.err().and_then(|error| error.errno())
}

#[test]
fn an_ordinary_file_lives_as_on_a_real_machine() {
    let host = FakeHost::new();
    host.create(p("/etc/x.new"), b"one", 0o600).unwrap();
    assert_eq!(errno(host.create(p("/etc/x.new"), b"two", 0o600)), Some(17));
    host.set_owner(p("/etc/x.new"), 0, 33).unwrap();
    host.rename(p("/etc/x.new"), p("/etc/x")).unwrap();
    let stat = host.stat(p("/etc/x")).unwrap();
    assert_eq!((stat.kind, stat.mode, stat.gid, stat.size), (FileKind::File, 0o600, 33, 3));
    assert_eq!(host.list(p("/etc")).unwrap(), ["x"]);
    assert_eq!(
        host.read(p("/etc/nothing")).unwrap_err().to_string(),
        "cannot read '/etc/nothing': No such file or directory (os error 2)"
    );
    host.remove_file(p("/etc/x")).unwrap();
    assert_eq!(
        host.effects(),
        [
            "create /etc/x.new 0600 (3 bytes)",
            "chown 0:33 /etc/x.new",
            "rename /etc/x.new -> /etc/x",
            "remove /etc/x"
        ]
    );
}

#[test]
fn directories_and_their_errors() {
    let host = FakeHost::new().file("/srv/a/b", "");
    assert_eq!(errno(host.make_dir(p("/srv/a"), 0o700)), Some(17));
    assert_eq!(errno(host.make_dir(p("/no/where"), 0o700)), Some(2));
    assert_eq!(errno(host.remove_dir(p("/srv/a"))), Some(39));
    assert_eq!(errno(host.remove_file(p("/srv/a"))), Some(21));
    assert_eq!(errno(host.read(p("/srv/a"))), Some(21));
    assert_eq!(errno(host.list(p("/srv/a/b"))), Some(20));
    assert_eq!(errno(host.create(p("/srv/a/b/c"), b"", 0o600)), Some(20));
    assert!(host.effects().is_empty(), "what was refused is no effect");
}

#[test]
fn links_are_followed_where_the_kernel_follows_them() {
    let host = FakeHost::new()
        .pmxcfs("/etc/pve")
        .file("/etc/pve/priv/authorized_keys", "key\n")
        .link("/root/.ssh/authorized_keys", "/etc/pve/priv/authorized_keys")
        .link("/etc/pve/local", "nodes/pve1")
        .file("/etc/pve/nodes/pve1/config", "c")
        .link("/tmp/loop", "loop");
    assert_eq!(host.read(p("/root/.ssh/authorized_keys")).unwrap(), b"key\n");
    assert_eq!(host.stat(p("/root/.ssh/authorized_keys")).unwrap().kind, FileKind::Link);
    assert_eq!(host.read(p("/etc/pve/local/config")).unwrap(), b"c");
    assert_eq!(host.read_link(p("/etc/pve/local")).unwrap(), p("nodes/pve1"));
    assert_eq!(errno(host.read(p("/tmp/loop"))), Some(40));
    // renaming over a link replaces the link, not its target
    host.create(p("/root/.ssh/new"), b"n", 0o600).unwrap();
    host.rename(p("/root/.ssh/new"), p("/root/.ssh/authorized_keys")).unwrap();
    assert_eq!(host.text("/etc/pve/priv/authorized_keys"), "key\n");
}

/// The lines of the recording `standalone--filesystem_probe--pve4`.
#[test]
fn pmxcfs_keeps_its_rules() {
    let host = FakeHost::new().pmxcfs("/etc/pve").dir("/etc/pve/priv/lock");
    host.create(p("/etc/pve/probe"), b"x", 0o600).unwrap();
    let stat = host.stat(p("/etc/pve/probe")).unwrap();
    assert_eq!((stat.mode, stat.uid, stat.gid), (0o640, 0, 33));
    assert_eq!(errno(host.set_mode(p("/etc/pve/probe"), 0o600)), Some(1));
    assert_eq!(errno(host.set_mode(p("/etc/pve/probe"), 0o640)), None);
    assert_eq!(errno(host.set_owner(p("/etc/pve/probe"), 0, 0)), Some(1));
    assert_eq!(errno(host.set_owner(p("/etc/pve/probe"), 0, 33)), None);
    host.create(p("/root/outside"), b"", 0o600).unwrap();
    assert_eq!(errno(host.rename(p("/root/outside"), p("/etc/pve/inside"))), Some(18));
    let large = vec![0; 1024 * 1024 + 1];
    assert_eq!(
        host.create(p("/etc/pve/large"), &large, 0o640).unwrap_err(),
        HostError::Short { path: "/etc/pve/large".into(), wanted: 1_048_577, written: 1_046_080 }
    );
    assert!(!host.exists("/etc/pve/large"));
    host.create(p("/etc/pve/priv/key"), b"", 0o644).unwrap();
    assert_eq!(host.stat(p("/etc/pve/priv/key")).unwrap().mode, 0o600);
    assert_ne!(host.stat(p("/etc/pve")).unwrap().device, host.stat(p("/etc")).unwrap().device);
    assert_eq!(host.stat(p("/etc/pve")).unwrap().mode, 0o755);
}

/// The lines of the recording `inquorate_pve1_cut_off_from_3-node_corosync_net--filesystem_probe--pve1`.
#[test]
fn pmxcfs_without_quorum_refuses_writes_and_shows_no_write_bits() {
    let host = FakeHost::new()
        .pmxcfs("/etc/pve")
        .file("/etc/pve/datacenter.cfg", "keyboard: en-us\n")
        .link("/etc/pve/local", "nodes/pve1");
    assert_eq!(host.stat(p("/etc/pve/local")).unwrap().mode & 0o200, 0o200);
    host.change(|machine| machine.set_quorate(false));
    assert_eq!(host.stat(p("/etc/pve/local")).unwrap().mode, 0o555);
    assert_eq!(host.stat(p("/etc/pve/datacenter.cfg")).unwrap().mode, 0o440);
    assert_eq!(host.stat(p("/etc/pve")).unwrap().mode, 0o755);
    assert_eq!(errno(host.create(p("/etc/pve/new"), b"", 0o640)), Some(13));
    assert_eq!(errno(host.create(p("/etc/pve/datacenter.cfg"), b"", 0o640)), Some(13));
    assert_eq!(errno(host.make_dir(p("/etc/pve/dir"), 0o755)), Some(13));
    assert_eq!(errno(host.remove_dir(p("/etc/pve/dir"))), Some(2));
    assert_eq!(errno(host.remove_file(p("/etc/pve/datacenter.cfg"))), Some(13));
    assert_eq!(errno(host.set_mode(p("/etc/pve/datacenter.cfg"), 0o640)), None);
    assert_eq!(errno(host.set_mode(p("/etc/pve/datacenter.cfg"), 0o600)), Some(1));
    assert_eq!(host.read(p("/etc/pve/datacenter.cfg")).unwrap(), b"keyboard: en-us\n");
}

#[test]
fn an_unmounted_pmxcfs_is_an_empty_directory_that_takes_writes() {
    let host = FakeHost::new().pmxcfs("/etc/pve").file("/etc/pve/corosync.conf", "c");
    host.change(|machine| machine.unmount("/etc/pve"));
    assert!(host.list(p("/etc/pve")).unwrap().is_empty());
    assert_eq!(host.stat(p("/etc/pve")).unwrap().device, host.stat(p("/etc")).unwrap().device);
    host.create(p("/etc/pve/stray"), b"", 0o644).unwrap();
    assert_eq!(host.stat(p("/etc/pve/stray")).unwrap().mode, 0o644);
    host.change(|machine| machine.mount("/etc/pve"));
    assert_eq!(host.list(p("/etc/pve")).unwrap(), ["corosync.conf"]);
    assert_eq!(errno(host.set_mode(p("/etc/pve/corosync.conf"), 0o644)), Some(1));
}

#[test]
fn a_lock_is_released_once_it_has_expired() {
    let host = FakeHost::new().pmxcfs("/etc/pve").dir("/etc/pve/priv/lock/file-corosync_conf");
    let lock = p("/etc/pve/priv/lock/file-corosync_conf");
    host.sleep(Duration::from_secs(119));
    host.set_times(lock, 0).unwrap();
    assert_eq!(errno(host.make_dir(lock, 0o755)), Some(17));
    host.sleep(Duration::from_secs(1));
    host.set_times(lock, 0).unwrap();
    host.make_dir(lock, 0o755).unwrap();
}

#[test]
fn commands_are_answered_by_line_then_longest_prefix_then_closure() {
    let host = FakeHost::new()
        .query("corosync-cfgtool -s", "exact")
        .query_prefix("corosync-cfgtool", "short")
        .query_prefix("corosync-cfgtool -n", "long")
        .query_with(|command| (command.program == "hostname").then(|| Answer::exit(1, "", "no")))
        .queries("pvecm status", ["first", "second"]);
    let out = |program: &str, args: &[&str]| host.run(&Command::new(program).args(args.to_vec())).unwrap();
    assert_eq!(out("corosync-cfgtool", &["-s"]).stdout, "exact");
    assert_eq!(out("corosync-cfgtool", &["-n", "x"]).stdout, "long");
    assert_eq!(out("corosync-cfgtool", &["-x"]).stdout, "short");
    assert_eq!(out("hostname", &[]).stderr, "no");
    let status: Vec<String> = (0..3).map(|_| out("pvecm", &["status"]).stdout).collect();
    assert_eq!(status, ["first", "second", "second"]);
    assert!(host.effects().is_empty());
}

#[test]
#[should_panic(
    expected = "the module ran a program that the test has no answer for: pvecm add 10.0.0.1 --force"
)]
fn a_command_without_an_answer_is_named() {
    let _ = FakeHost::new().run(&Command::new("pvecm").args(["add", "10.0.0.1", "--force"]));
}

#[test]
fn a_program_that_is_not_installed_is_an_error() {
    let host = FakeHost::new().query("pvecm status", Answer::not_installed());
    assert_eq!(
        host.run(&Command::new("pvecm").arg("status")).unwrap_err().to_string(),
        "cannot run 'pvecm': No such file or directory (os error 2)"
    );
}

#[test]
fn commands_take_time_and_do_their_deed_at_the_end() {
    let host = FakeHost::new()
        .action(
            "pvecm create prod",
            Answer::ok("").taking(Duration::from_secs(3)).doing(|machine| {
                machine.write("/etc/pve/corosync.conf", "c");
                machine.after(Duration::from_secs(5), |machine| machine.write("/run/quorate", ""));
            }),
        )
        .action("pvecm add x", Answer::hangs().doing(|machine| machine.write("/run/never", "")));
    host.run(&Command::new("pvecm").args(["create", "prod"])).unwrap();
    assert!(host.exists("/etc/pve/corosync.conf") && !host.exists("/run/quorate"));
    let waited = wait_until(&host, Duration::from_secs(60), Duration::from_millis(250), || {
        host.read(p("/run/quorate")).map_err(|error| error.to_string())
    });
    assert_eq!(waited, Waited::Done(Vec::new()));
    assert_eq!(host.elapsed(), Duration::from_secs(8));
    let output =
        host.run(&Command::new("pvecm").args(["add", "x"]).timeout(Duration::from_secs(20))).unwrap();
    assert_eq!(output.ending, Ending::TimedOut);
    assert!(!host.exists("/run/never"));
    assert_eq!(host.elapsed(), Duration::from_secs(28));
}

#[test]
fn planned_changes_happen_in_the_order_of_their_times() {
    let host = FakeHost::new()
        .at(Duration::from_secs(2), |machine| machine.write("/run/order", "second"))
        .at(Duration::from_secs(1), |machine| machine.write("/run/order", "first"));
    host.sleep(Duration::from_secs(1));
    assert_eq!(host.text("/run/order"), "first");
    host.sleep(Duration::from_secs(5));
    assert_eq!(host.text("/run/order"), "second");
    assert_eq!(Host::unix_time(&host), 1_767_225_606);
}

/// Three effects, and an error as soon as one fails.
fn three(host: &dyn Host) -> Result<(), HostError> {
    host.create(p("/etc/a"), b"", 0o600)?;
    let _ = host.stat(p("/etc/a"))?;
    host.set_mode(p("/etc/a"), 0o640)?;
    host.rename(p("/etc/a"), p("/etc/b"))
}

#[test]
fn a_fault_is_tried_at_every_effect() {
    let mut seen = Vec::new();
    at_every_effect(FakeHost::new, 5, |host, number| {
        let result = three(host).map_err(|error| error.to_string());
        assert_eq!(host.effects().len(), if result.is_ok() { 3 } else { number });
        seen.push(result);
    });
    assert_eq!(
        seen,
        [
            Err("cannot create '/etc/a': Input/output error (os error 5)".to_owned()),
            Err("cannot change the mode of '/etc/a': Input/output error (os error 5)".to_owned()),
            Err("cannot replace '/etc/b': Input/output error (os error 5)".to_owned()),
            Ok(()),
        ]
    );
}

#[test]
fn faults_by_kind_of_step_and_death() {
    let host = FakeHost::new().fail_when(|step| matches!(step, Step::Stat(_)), 13);
    assert!(three(&host).unwrap_err().is_denied());
    let host = FakeHost::new()
        .action("pvecm create x", Answer::ok("").doing(|machine| machine.write("/run/done", "")))
        .fail_first(|step| matches!(step, Step::Action(_)), Answer::exit(255, "", "no"));
    let create = Command::new("pvecm").args(["create", "x"]);
    assert_eq!(host.run(&create).unwrap().rc(), 255);
    assert!(!host.exists("/run/done"));
    assert_eq!(host.run(&create).unwrap().rc(), 0);
    assert!(host.exists("/run/done"));

    let host = FakeHost::new().dies_at(1);
    assert!(three(&host).is_err() && host.remove_file(p("/etc/a")).is_err());
    assert!(host.faulted());
    host.revive();
    assert!(host.remove_file(p("/etc/a")).is_ok());
    assert_eq!(host.effects(), ["remove /etc/a"]);
}

#[test]
#[should_panic(expected = "the module does not end: 100000 steps, the last of them sleep 250 ms, stat /")]
fn an_endless_wait_is_found() {
    let host = FakeHost::new();
    let look = || -> Result<(), ()> {
        let _ = host.stat(p("/"));
        Err(())
    };
    wait_until(&host, Duration::MAX, Duration::from_millis(250), look);
}

#[test]
fn what_is_created_as_another_user_is_theirs() {
    let host = FakeHost::new().with_user("www", 33, 34, "/var/www");
    let user = host.user("www").unwrap();
    host.act_as(user.as_ref()).unwrap();
    host.create(p("/tmp/theirs"), b"", 0o600).unwrap();
    host.act_as(None).unwrap();
    host.create(p("/tmp/ours"), b"", 0o600).unwrap();
    let owner = |path| host.stat(p(path)).map(|stat| (stat.uid, stat.gid)).unwrap();
    assert_eq!((owner("/tmp/theirs"), owner("/tmp/ours")), ((33, 34), (0, 0)));
}
