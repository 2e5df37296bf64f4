// SPDX-License-Identifier: GPL-3.0-or-later
//! Nodes in every recorded situation, as fake hosts that answer what the real programs were recorded to answer.

use std::fmt::Write as _;

use testkit::{Answer, FakeHost};

use crate::recording::{Recording, recording};

/// A public key made for these tests.
pub(crate) const HOST_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE/wfdNKP6GpXrV4KHs3N0nJTDbp4PXO8zsM6TkPKXxv root@pve1 (made for a test)";
/// The certificate of every node of these tests.
pub(crate) const CERTIFICATE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../cluster-state/tests/fixtures/certificate-one.pem"));

/// What a node's programs and files said.
struct Recorded {
    name: &'static str,
    /// Whether pmxcfs took writes (recordings `*--touch_etc_pve_probe*`).
    writable: bool,
    /// `systemctl is-active pve-cluster corosync pvedaemon pveproxy`.
    services: Recording,
    members: Recording,
    vmlist: Recording,
    cluster_conf: Recording,
    local_conf: Recording,
    quorum: Recording,
    links: Recording,
    cmap: Recording,
}

impl Recorded {
    fn host(self) -> FakeHost {
        let authkey = self.local_conf.rc == 0;
        let mut host = FakeHost::new()
            .with_hostname(self.name)
            .with_address("lo", "127.0.0.1", 8)
            .with_address("mgmt", &self.name.replace("pve", "10.77.0.1"), 24)
            .with_address("coro", &self.name.replace("pve", "10.77.1.1"), 24)
            .with_address("mgmt", "fe80::1", 64)
            .dir("/etc/pve")
            .file("/var/lib/pve-cluster/config.db", "")
            .file("/etc/ssh/ssh_host_ed25519_key.pub", HOST_KEY)
            .file("/root/.ssh/id_rsa.pub", HOST_KEY)
            .link("/root/.ssh/authorized_keys", "/etc/pve/priv/authorized_keys")
            .file("/usr/share/perl5/PVE/Cluster/Setup.pm", "use constant JOIN_API_VERSION => 1;\n")
            .query_prefix(
                "dpkg-query ",
                "corosync 3.1.9-pve1 installed\npve-cluster 9.1.6 installed\npve-manager 9.2.11 installed\n",
            )
            .query_prefix("systemctl show ", systemctl_show(&self.services.stdout))
            .query("corosync-quorumtool -siH", answer(&self.quorum))
            .query("corosync-cfgtool -n", answer(&self.links))
            .query("corosync-cmapctl", answer(&self.cmap));
        for (path, recording) in [
            ("/etc/pve/.members", &self.members),
            ("/etc/pve/.vmlist", &self.vmlist),
            ("/etc/pve/corosync.conf", &self.cluster_conf),
            ("/etc/corosync/corosync.conf", &self.local_conf),
        ] {
            if recording.rc == 0 {
                if path.starts_with("/etc/pve/") && !host.exists("/etc/pve/local") {
                    host = host
                        .pmxcfs("/etc/pve")
                        .link("/etc/pve/local", &format!("nodes/{}", self.name))
                        .file(&format!("/etc/pve/nodes/{}/pve-ssl.pem", self.name), CERTIFICATE)
                        .file("/etc/pve/priv/authorized_keys", HOST_KEY);
                }
                host = host.file(path, &recording.stdout);
            }
        }
        if authkey {
            host = host.file_as("/etc/corosync/authkey", "never read", 0o400, 0, 0);
        }
        if host.exists("/etc/pve/local") {
            host.change(|machine| machine.set_quorate(self.writable));
        }
        host
    }
}

fn answer(recording: &Recording) -> Answer {
    Answer::exit(recording.rc, &recording.stdout, &recording.stderr)
}

/// What `systemctl show` says of services of which `systemctl is-active` said this.
fn systemctl_show(is_active: &str) -> String {
    let mut said = String::new();
    let states = is_active.lines().chain(["active"; 3]);
    let names = ["pve-cluster", "corosync", "pvedaemon", "pveproxy", "pvestatd", "pve-ha-lrm", "pve-ha-crm"];
    for (name, state) in names.iter().zip(states) {
        let (result, code) = if state == "failed" { ("exit-code", 255) } else { ("success", 0) };
        let _ = write!(
            said,
            "Result={result}\nExecMainStatus={code}\nId={name}.service\nLoadState=loaded\nActiveState={state}\n\
             UnitFileState=enabled\n\n"
        );
    }
    said + "Id=corosync-qdevice.service\nLoadState=not-found\nActiveState=inactive\nUnitFileState=\n"
}

/// The recordings of one situation on one node. Where corosync was stopped, only parts of its values were asked for;
/// the error is the same for all.
macro_rules! recorded {
    ($situation:literal on $name:literal, writable: $writable:literal, cmap: $cmap:literal) => {
        Recorded {
            name: $name,
            writable: $writable,
            services: recording!(
                $situation,
                "--systemctl_is-active_pve-cluster_corosync_pvedaemon_pveproxy--",
                $name
            ),
            members: recording!($situation, "--cat_etc_pve_.members--", $name),
            vmlist: recording!($situation, "--cat_etc_pve_.vmlist--", $name),
            cluster_conf: recording!($situation, "--cat_etc_pve_corosync.conf--", $name),
            local_conf: recording!($situation, "--cat_etc_corosync_corosync.conf--", $name),
            quorum: recording!($situation, "--corosync-quorumtool_-siH--", $name),
            links: recording!($situation, "--corosync-cfgtool_-n--", $name),
            cmap: recording!($situation, "--", $cmap, "--", $name),
        }
    };
    ($situation:literal on $name:literal) => {
        recorded!($situation on $name, writable: true, cmap: "corosync-cmapctl")
    };
}

/// A node that was never in a cluster.
pub(crate) fn standalone() -> FakeHost {
    recorded!("standalone" on "pve1", writable: true, cmap: "corosync-cmapctl_totem.").host()
}

/// A node alone in its cluster.
pub(crate) fn one_node() -> FakeHost {
    recorded!("1-node_cluster" on "pve1").host()
}

/// A node of two.
pub(crate) fn two_nodes() -> FakeHost {
    recorded!("2-node_cluster" on "pve1").host()
}

/// A node of three.
pub(crate) fn three_nodes() -> FakeHost {
    recorded!("3-node_quorate" on "pve1").host()
}

/// A node of three while the third is powered off.
pub(crate) fn one_of_three_off() -> FakeHost {
    recorded!("3-node_with_pve3_powered_off" on "pve1").host()
}

/// A node of three that the two others do not reach.
pub(crate) fn not_quorate() -> FakeHost {
    let journal = "Starting corosync.service - Corosync Cluster Engine...\n\
        [QUORUM] This node is within the primary component and will provide service.\n\
        [QUORUM] This node is within the non-primary component and will NOT provide any services.\n";
    recorded!(
        "inquorate_pve1_cut_off_from_3-node_corosync_net" on "pve1", writable: false, cmap: "corosync-cmapctl"
    )
    .host()
    .query_prefix("journalctl ", journal)
}

/// A node of three on the side that goes on while the first is cut off.
pub(crate) fn majority() -> FakeHost {
    recorded!("3-node_majority_side_while_pve1_is_cut_off" on "pve2").host()
}

/// A node of three after `systemctl stop corosync`.
pub(crate) fn corosync_stopped() -> FakeHost {
    recorded!(
        "3-node_corosync_stopped_on_pve1" on "pve1", writable: false, cmap: "corosync-cmapctl_totem."
    )
    .host()
}

/// A node of three after `systemctl stop pve-cluster`. Its values were asked for in parts.
pub(crate) fn pmxcfs_stopped() -> FakeHost {
    let mut recorded = recorded!(
        "3-node_pve-cluster_stopped_on_pve1" on "pve1", writable: false, cmap: "corosync-cmapctl_totem."
    );
    for part in [
        recording!("3-node_pve-cluster_stopped_on_pve1--corosync-cmapctl_nodelist.--pve1"),
        recording!("3-node_pve-cluster_stopped_on_pve1--corosync-cmapctl_runtime.votequorum.--pve1"),
    ] {
        recorded.cmap.stdout += &part.stdout;
    }
    recorded.host()
}

/// A node that the others removed while it was online.
pub(crate) fn removed() -> FakeHost {
    let journal = recording!(
        "removed_node_pve3_was_online_at_delnode--systemctl_status_--no-pager_-l_pve-cluster_corosync--pve3"
    );
    recorded!(
        "removed_node_pve3_was_online_at_delnode" on "pve3", writable: false, cmap: "corosync-cmapctl_totem."
    )
    .host()
    .query_prefix("journalctl ", as_cat(&journal.stdout))
}

/// The same after its corosync was started again, which runs alone. Its values were not recorded: these are the ones
/// that count, as a node alone has them.
pub(crate) fn removed_and_restarted() -> FakeHost {
    let status =
        recording!("removed_node_pve3_was_online_at_delnode--restart_of_corosync_on_the_removed_node--pve3")
            .stdout;
    let (status, _) = status.rsplit_once("\n\nMembership information").expect("two tables were recorded");
    let journal = recording!(
        "removed_node_pve3_was_online_at_delnode--systemctl_status_--no-pager_-l_pve-cluster_corosync--pve3"
    );
    let journal = as_cat(&journal.stdout)
        + "Starting corosync.service - Corosync Cluster Engine...\n[QUORUM] Members[1]: 3\n";
    let mut recorded = recorded!(
        "removed_node_pve3_was_online_at_delnode" on "pve3", writable: false, cmap: "corosync-cmapctl_totem."
    );
    recorded.services.stdout = recorded.services.stdout.replace("failed", "active");
    recorded.quorum = Recording { stdout: status.to_owned(), stderr: String::new(), rc: 2 };
    recorded.links =
        Recording { stdout: "Local node ID 3, transport knet\n".to_owned(), stderr: String::new(), rc: 0 };
    recorded.cmap = Recording {
        stdout: "runtime.members.3.config_version (u64) = 16\n\
            runtime.members.3.ip (str) = r(0) ip(10.77.1.13) \n\
            runtime.members.3.status (str) = joined\n\
            runtime.votequorum.this_node_id (u32) = 3\n\
            totem.config_version (u64) = 16\n"
            .to_owned(),
        stderr: String::new(),
        rc: 0,
    };
    recorded.host().query_prefix("journalctl ", journal)
}

/// A node whose join ran into another node's: it never met the cluster with the file it was given.
pub(crate) fn stranded() -> FakeHost {
    let journal = recording!(
        "parallel_API_joins_of_pve3_and_pve4_into_a_2-node_cluster_second_run--state_and_corosync_journal--pve3"
    );
    let mut recorded = recorded!(
        "removed_node_pve3_was_online_at_delnode" on "pve3", writable: false, cmap: "corosync-cmapctl_totem."
    );
    // its own recordings of these two were made with other commands; this is what they hold
    recorded.members.stdout = "{\n\"nodename\": \"pve3\",\n\"version\": 0\n}\n".to_owned();
    for conf in [&mut recorded.cluster_conf, &mut recorded.local_conf] {
        conf.stdout = conf.stdout.replace("config_version: 16", "config_version: 3");
    }
    recorded.host().query_prefix("journalctl ", as_cat(&journal.stdout))
}

/// A node that was let in without a vote, with two others, and is a member (recordings `newcomers_without_a_vote_middle_state--*--pve3`;
/// the link table was not recorded, and is that of links which are up).
pub(crate) fn admitted() -> FakeHost {
    let mut recorded = recorded!("3-node_quorate" on "pve1");
    recorded.name = "pve3";
    recorded.members = recording!("newcomers_without_a_vote_middle_state--cat_etc_pve_.members--pve3");
    let conf = || recording!("newcomers_without_a_vote_middle_state--cat_etc_pve_corosync.conf--pve3");
    (recorded.cluster_conf, recorded.local_conf) = (conf(), conf());
    recorded.quorum = recording!("newcomers_without_a_vote_middle_state--pvecm_status--pve3");
    recorded.links.stdout = "Local node ID 3, transport knet\n".to_owned();
    for id in [1, 2, 4] {
        let _ = write!(
            recorded.links.stdout,
            "nodeid: {id} reachable\n   LINK: 0 udp (10.87.1.13->10.87.1.1{id}) enabled connected mtu: 1397\n\n"
        );
    }
    recorded.cmap =
        recording!("newcomers_without_a_vote_middle_state--corosync-cmapctl_runtime.members.--pve3");
    recorded.cmap.stdout +=
        &recording!("newcomers_without_a_vote_middle_state--corosync-cmapctl_runtime.votequorum.--pve3")
            .stdout;
    recorded.cmap.stdout += "totem.config_version (u64) = 2\n";
    recorded.host()
}

/// Another one of them, while its corosync network is cut. Its own version was not recorded: it had the file of the others.
pub(crate) fn admitted_and_cut_off() -> FakeHost {
    let mut recorded = recorded!("3-node_quorate" on "pve1");
    recorded.name = "pve4";
    recorded.writable = false;
    recorded.members =
        recording!("newcomers_without_a_vote_pve4_partitioned_away--cat_etc_pve_.members--pve4");
    let conf = || {
        let mut conf = recording!("newcomers_without_a_vote_middle_state--cat_etc_pve_corosync.conf--pve3");
        conf.stdout = conf.stdout.replace("config_version: 2", "config_version: 4");
        conf
    };
    (recorded.cluster_conf, recorded.local_conf) = (conf(), conf());
    recorded.quorum = recording!("newcomers_without_a_vote_pve4_partitioned_away--pvecm_status--pve4");
    recorded.links.stdout = "Local node ID 4, transport knet\n".to_owned();
    recorded.cmap.stdout =
        "runtime.members.4.config_version (u64) = 4\nruntime.members.4.status (str) = joined\n\
        runtime.votequorum.this_node_id (u32) = 4\ntotem.config_version (u64) = 4\n"
            .to_owned();
    recorded.host().query_prefix("journalctl ", "")
}

/// A third one, which lost its power as it started, while the cluster's file went on.
pub(crate) fn admitted_and_stranded() -> FakeHost {
    let journal = recording!(
        "newcomers_without_a_vote_pve3_died_during_its_start_corosync.conf_moved_on_to_version_3_pve3_on_again--\
         journalctl_-b_--no-pager_-u_corosync_-o_short-precise_tail_-n_25--pve3"
    );
    let mut recorded = recorded!(
        "removed_node_pve3_was_online_at_delnode" on "pve3", writable: false, cmap: "corosync-cmapctl_totem."
    );
    recorded.members.stdout = "{\n\"nodename\": \"pve3\",\n\"version\": 0\n}\n".to_owned();
    let conf = || recording!("newcomers_without_a_vote_middle_state--cat_etc_pve_corosync.conf--pve3");
    (recorded.cluster_conf, recorded.local_conf) = (conf(), conf());
    recorded.host().query_prefix("journalctl ", as_cat(&journal.stdout))
}

/// A node of three with two links.
pub(crate) fn two_links() -> FakeHost {
    recorded!("two_links_3-node_quorate" on "pve1").host()
}

/// The same while link 0 of the third node is cut, which changes no membership.
pub(crate) fn one_link_cut() -> FakeHost {
    let mut recorded = recorded!("two_links_3-node_quorate" on "pve1");
    recorded.links = recording!("two_links_link_0_of_pve3_cut--corosync-cfgtool_-n--pve1");
    recorded.members = recording!("two_links_link_0_of_pve3_cut--cat_etc_pve_.members--pve1");
    recorded.host()
}

/// A standalone node with the files of an earlier cluster
/// (recording `stale_etc_corosync_files_on_a_standalone_node--*`).
pub(crate) fn left_overs() -> FakeHost {
    let mut recorded = recorded!("standalone" on "pve1", writable: true, cmap: "corosync-cmapctl_totem.");
    recorded.local_conf = recording!("1-node_cluster--cat_etc_corosync_corosync.conf--pve1");
    recorded.host().file("/var/lib/corosync/ringid_1", "")
}

/// A Debian machine without Proxmox VE, and without systemd's bus as in a container.
pub(crate) fn plain_debian() -> FakeHost {
    FakeHost::new()
        .with_hostname("debian")
        .query_prefix("systemctl ", Answer::exit(1, "", "Failed to connect to bus: Host is down\n"))
        .query_prefix(
            "dpkg-query ",
            Answer::exit(1, "", "dpkg-query: no packages found matching pve-manager\n"),
        )
        .query("pveversion", Answer::not_installed())
        .query_prefix("corosync-", Answer::not_installed())
}

/// The lines of corosync's unit as `journalctl --output=cat` prints them: without date, host and process.
pub(crate) fn as_cat(text: &str) -> String {
    let said = |line: &str| {
        let (who, said) = line.split_once("]: ")?;
        let unit = who.contains(" corosync[") || who.contains(" systemd[");
        unit.then(|| format!("{said}\n"))
    };
    text.lines().filter_map(said).collect()
}
