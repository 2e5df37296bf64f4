// SPDX-License-Identifier: GPL-3.0-or-later
//! Nodes for the tests: what their files and programs say, in the form that the recordings have.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test helper reports by panicking")]

use std::fmt::Write;
use std::time::Duration;

pub use testkit::corosync_conf as conf;
use testkit::{Answer, FakeHost, Machine};

use host::Command;
use locks::Owner;

use ssh_login::Login;

use crate::probe::Errand;

/// The lock of all that changes the membership.
pub const LOCK: &str = "/etc/pve/priv/lock/pvecm_cluster-join";

/// The join of pve2 through pve1.
pub const ADD: &str = "pvecm add 10.77.0.11 --use_ssh --link0 10.77.1.12";
/// The creation of a cluster on pve2.
pub const CREATE: &str = "pvecm create prod --link0 10.77.1.12";
/// pve2's node certificate.
pub const CERTIFICATE: &str = "/etc/pve/nodes/pve2/pve-ssl.pem";
/// Its key.
pub const CERTIFICATE_KEY: &str = "/etc/pve/nodes/pve2/pve-ssl.key";

/// `corosync-cmapctl`: these members run these versions.
pub fn cmap(own: u32, versions: &[(u32, u64)]) -> String {
    let mut text = String::new();
    for (nodeid, version) in versions {
        let _ = write!(
            text,
            "runtime.members.{nodeid}.config_version (u64) = {version}\nruntime.members.{nodeid}.ip (str) = r(0) \
             ip(10.77.1.1{nodeid}) \nruntime.members.{nodeid}.join_count (u32) = 1\nruntime.members.{nodeid}.status \
             (str) = joined\n"
        );
    }
    let _ = writeln!(text, "runtime.votequorum.this_node_id (u32) = {own}");
    text
}

/// `corosync-quorumtool -siH`
pub fn quorum(own: u32, members: &[u32], expected: usize) -> String {
    let votes = members.len();
    let needed = expected / 2 + 1;
    let (quorate, flags) = if votes >= needed { ("Yes", "Quorate") } else { ("No", "") };
    let mut text = format!(
        "Quorum information\n------------------\nDate:             Fri Nov 20 18:05:21 2026\nQuorum provider:  \
         corosync_votequorum\nNodes:            {votes}\nNode ID:          0x{own:08x}\nRing ID:          1.d\nQuorate:\
         \u{20}         {quorate}\n\nVotequorum information\n----------------------\nExpected votes:   {expected}\n\
         Highest expected: {expected}\nTotal votes:      {votes}\nQuorum:           {needed}  \nFlags:            \
         {flags} \n\nMembership information\n----------------------\n    Nodeid      Votes Name\n"
    );
    for nodeid in members {
        let local = if *nodeid == own { " (local)" } else { "" };
        let _ = writeln!(text, "0x{nodeid:08x}          1 10.77.1.1{nodeid}{local}");
    }
    text
}

/// `/etc/pve/.members`
pub fn members(own: &str, version: u64, nodes: &[(u32, &str)], quorate: bool) -> String {
    if nodes.is_empty() {
        return format!("{{\n\"nodename\": \"{own}\",\n\"version\": 0\n}}\n");
    }
    let list: Vec<String> = nodes
        .iter()
        .map(|(id, name)| {
            format!("  \"{name}\": {{ \"id\": {id}, \"online\": 1, \"ip\": \"10.77.0.1{id}\"}}")
        })
        .collect();
    format!(
        "{{\n\"nodename\": \"{own}\",\n\"version\": 9,\n\"cluster\": {{ \"name\": \"prod\", \"version\": {version}, \
         \"nodes\": {}, \"quorate\": {} }},\n\"nodelist\": {{\n{}\n  }}\n}}\n",
        nodes.len(),
        u8::from(quorate),
        list.join(",\n")
    )
}

/// The same of pve2 while no other node's pmxcfs is in its group.
pub fn alone_in_pmxcfs(version: u64, nodes: &[(u32, &str)]) -> String {
    let text = members("pve2", version, nodes, true);
    let lines = text.lines().map(|line| match line.contains("\"pve2\"") {
        true => line.to_owned(),
        false => line.replace("\"online\": 1", "\"online\": 0"),
    });
    lines.map(|line| line + "\n").collect()
}

fn services(corosync: &str) -> String {
    let (result, status) = if corosync == "failed" { ("exit-code", 1) } else { ("success", 0) };
    format!(
        "Result={result}\nExecMainStatus={status}\nId=corosync.service\nLoadState=loaded\nActiveState={corosync}\n\
         UnitFileState=enabled\n"
    )
}

/// The whole answer of pve1 over ssh.
pub fn peer(version: u64, nodes: &[(u32, &str)], running: &[(u32, u64)]) -> String {
    let online: Vec<u32> = running.iter().map(|(id, _)| *id).collect();
    let quorate = online.len() > nodes.len() / 2;
    let mode = if quorate { "755" } else { "555" };
    format!(
        "\n@@ holder\n\n@@ node\npve1\n\n@@ local\n{mode}\n\n@@ members\n{}\n@@ corosync.conf\n{}\n@@ cmap\n{}\n@@ quorum\n{}\n@@ \
         lock\n\n@@ rsync\n/usr/bin/rsync\n\n@@ api\n1\n\n@@ version\npve-manager/9.1.6/5d1f9a0c6e2b4713 (running \
         kernel: 6.17.2-1-pve)\n\n@@ end\n",
        members("pve1", version, nodes, quorate),
        conf(version, nodes),
        cmap(1, running),
        quorum(1, &online, nodes.len()),
    )
}

/// A process that joins; the module's own has number 100.
pub fn joins(node: &str, pid: u32) -> Owner {
    let began = 5000 + pid;
    Owner::of(&format!("join.{node}.{pid}.{began}.0f1e2d3c4b5a49788796a5b4c3d2e1f0")).unwrap()
}

/// A process by which a node leaves.
pub fn leaves(node: &str) -> Owner {
    Owner::of(&format!("leave.{node}.7.8.ab")).unwrap()
}

/// The name that a lock has beside it which this owner made when the fake clock started.
pub fn name(owner: &Owner) -> String {
    format!("{LOCK}-by-{}.1767225600", owner.word())
}

/// The name beside the lock that this run took over ssh when the fake clock started.
pub fn own_name() -> String {
    name(&joins("pve2", 100))
}

/// Locks the cluster for this owner, as from the start of the fake clock.
pub fn lock(machine: &mut Machine, owner: &Owner) {
    machine.make_dir(LOCK);
    machine.set_mtime(LOCK, 1_767_225_600);
    machine.make_dir(name(owner));
}

/// The run before was killed; the next one is another process. A lock that it made and had no time to put its name to expires.
pub fn next_run(host: &FakeHost) {
    host.revive();
    host.change(|machine| {
        machine.set_process(200);
        machine.remove("/proc/100");
        machine.advance(Duration::from_secs(1));
    });
    for name in [locks::MEMBERSHIP, locks::AUTHORIZED_KEYS] {
        if locks::holder(host, name) == Ok(locks::Holder::Unnamed) {
            host.change(|machine| machine.remove(locks::path(name)));
        }
    }
}

/// Renews a lock as the process does that keeps it.
fn keeper(machine: &mut Machine, command: &Command) {
    for number in 1..30 {
        let (lock, own) = (command.args[7].clone(), command.args[8].clone());
        machine.after(Duration::from_secs(20 * number), move |machine| {
            if machine.exists(&lock) && machine.exists(&own) {
                let now = i64::try_from(machine.unix_time()).unwrap();
                machine.set_mtime(&lock, now);
                machine.set_mtime(&own, now);
            }
        });
    }
}

/// The command line that sends the cluster node on an errand.
pub fn ssh(errand: Errand) -> String {
    crate::probe::command("10.77.0.11", errand, &joins("pve2", 100), "-").line()
}

/// An answer of a cluster node that this run has locked.
pub fn claimed(peer: &str) -> String {
    format!("\n@@ claim\n{}", held_by(peer, &joins("pve2", 100)))
}

/// An answer of a cluster node that somebody has locked.
pub fn held(peer: &str) -> String {
    peer.replace("@@ holder\n", "@@ holder\nunnamed\n")
}

/// An answer of a cluster node that this owner has locked.
pub fn held_by(peer: &str, owner: &Owner) -> String {
    peer.replace("@@ holder\n", &format!("@@ holder\n{}.1767225600\n", owner.word()))
}

/// The command line by which a repair asks a member.
fn repair_look(target: &str) -> String {
    let (connect, patience) = (5, Duration::from_secs(15));
    Login { target, pinned: None, key_only: false, connect, patience }.shell(["repair-look"], "").line()
}

/// A fresh pve2: no cluster, nothing in the way. The programs that change something are not yet there.
pub fn standalone() -> FakeHost {
    FakeHost::new()
        .with_hostname("pve2")
        .with_address("lo", "127.0.0.1", 8)
        .with_address("eth0", "10.77.0.12", 24)
        .with_address("eth1", "10.77.1.12", 24)
        .pmxcfs("/etc/pve")
        .dir("/etc/pve/nodes/pve2")
        .dir("/etc/pve/priv/lock")
        .link("/etc/pve/local", "nodes/pve2")
        .file("/etc/pve/.members", members("pve2", 0, &[], true))
        .file("/etc/pve/.vmlist", "{\n\"version\": 1\n\n}\n")
        .file(CERTIFICATE, "-----BEGIN CERTIFICATE-----\n")
        .file(CERTIFICATE_KEY, "a key\n")
        .file("/root/.ssh/id_rsa", "")
        .action_prefix("systemd-run", Answer::ok("").doing_with(keeper))
        .dir("/etc/corosync")
        .query_prefix("systemctl show", services("inactive"))
        .query("systemctl is-system-running", "running\n")
        .query(&repair_look("10.77.0.11"), Answer::exit(255, "", "Host key verification failed.\n"))
        .query("rsync --version", "rsync  version 3.4.1\n")
        .query_prefix(
            "dpkg-query",
            Answer::exit(1, "", "dpkg-query: no packages found matching pve-manager\n"),
        )
        .query("pveversion", "pve-manager/9.1.6/5d1f9a0c6e2b4713 (running kernel: 6.17.2-1-pve)\n")
        .query("pvecm apiver", "1\n")
}

/// Makes the fake pve2 a member: what pvecm and the services leave behind.
pub fn become_member(machine: &mut Machine, version: u64, nodes: &[(u32, &str)], running: &[(u32, u64)]) {
    let own = nodes.iter().find(|(_, name)| *name == "pve2").map_or(0, |(id, _)| *id);
    let online: Vec<u32> = running.iter().map(|(id, _)| *id).collect();
    let quorate = online.len() > nodes.len() / 2;
    machine.set_quorate(quorate);
    machine.write("/etc/corosync/authkey", "key");
    machine.write("/etc/corosync/corosync.conf", conf(version, nodes));
    machine.write("/etc/pve/corosync.conf", conf(version, nodes));
    machine.write("/etc/pve/.members", members("pve2", version, nodes, quorate));
    if running.is_empty() {
        set_services(machine, "failed");
        return;
    }
    set_services(machine, "active");
    machine.query("corosync-cmapctl", cmap(own, running));
    let code = if quorate { 0 } else { 2 };
    machine.query("corosync-quorumtool -siH", Answer::exit(code, quorum(own, &online, nodes.len()), ""));
}

/// What systemd says of corosync from now on.
pub fn set_services(machine: &mut Machine, corosync: &str) {
    let asked = services_line();
    machine.query(&asked, services(corosync));
}

/// The command line that asks systemd.
pub fn services_line() -> String {
    let units: Vec<String> =
        cluster_state::services::UNITS.iter().map(|unit| format!("{unit}.service")).collect();
    format!(
        "systemctl show --property=Id,LoadState,ActiveState,UnitFileState,Result,ExecMainStatus {}",
        units.join(" ")
    )
}

/// A pve2 that belongs to `prod` with pve1.
pub fn member() -> FakeHost {
    standalone().with(|machine| become_member(machine, 2, PAIR, &[(1, 2), (2, 2)]))
}

/// The nodes before and after pve2 joins.
pub const ALONE: &[(u32, &str)] = &[(1, "pve1")];
/// The nodes after pve2 has joined.
pub const PAIR: &[(u32, &str)] = &[(1, "pve1"), (2, "pve2")];

/// `captures/join_from_fresh_node_into_1-node_cluster--pvecm_add_use_ssh_success--pve2`
pub const JOINED: &str = "copy corosync auth key\nstopping pve-cluster service\nbackup old database to \
    '/var/lib/pve-cluster/backup/config-1795197802.sql.gz'\nwaiting for quorum...OK\n(re)generate node files\ngenerate \
    new node certificate\nmerge authorized SSH keys\ngenerated new node certificate, restart pveproxy and pvedaemon \
    services\nsuccessfully added node 'pve2' to cluster.\n";

/// `captures/parallel_API_joins_..--the_stranded_node_pve3--pve3`, and the like: a join that never reaches quorum.
pub const WAITING: &str = "copy corosync auth key\nstopping pve-cluster service\nbackup old database to \
    '/var/lib/pve-cluster/backup/config-1795197802.sql.gz'\nwaiting for quorum...";

/// `captures/create_on_fresh_node--pvecm_create_labcluster_--link0_10.77.1.11--pve1`
pub const CREATED: &str = "Corosync Cluster Engine Authentication key generator.\nGathering 2048 bits for key \
    from /dev/urandom.\nWriting corosync key to /etc/corosync/authkey.\nWriting corosync config to \
    /etc/pve/corosync.conf\nRestart corosync and cluster filesystem\n";

/// A pve2 whose join through pve1 works, as recorded: 14 s.
pub fn joinable() -> FakeHost {
    let before = peer(1, ALONE, &[(1, 1)]);
    standalone()
        .query(&ssh(Errand::Look), before.clone())
        .action(&ssh(Errand::Claim { keep: 0 }), claimed(&before))
        .action(&ssh(Errand::Release), "")
        .action(
            ADD,
            Answer::ok(JOINED).taking(Duration::from_secs(14)).doing(|machine| {
                become_member(machine, 2, PAIR, &[(1, 2), (2, 2)]);
                lock(machine, &joins("pve2", 100));
            }),
        )
}

/// A pve2 on which `pvecm create` works, as recorded: back after 2.4 s, read-only for 5 s more.
pub fn creatable() -> FakeHost {
    standalone().action(
        CREATE,
        Answer::ok(CREATED).taking(Duration::from_millis(2350)).doing(|machine| {
            let own = &[(1, "pve2")];
            become_member(machine, 1, own, &[(1, 1)]);
            machine.set_quorate(false);
            machine.after(Duration::from_millis(5100), |machine| machine.set_quorate(true));
        }),
    )
}
