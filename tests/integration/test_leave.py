# SPDX-License-Identifier: GPL-3.0-or-later
"""A node leaves its cluster and stays usable: its guests, users and keys are there, and it can join another cluster."""

import unittest

from authorized_keys import logs_in
from harness import form, fresh, lab, on, state, wait, writable
from pvecm_module import done, install, kill_when, task

NODES = ["pve1", "pve2", "pve3"]


class Leaving(unittest.TestCase):
    """One story: each test goes on where the one before ended."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        fresh(3, key=True)
        install(NODES)
        form(NODES)
        for node in NODES:
            number = node[-1]
            on(node, f"mkdir -p /etc/pve/nodes/{node}/qemu-server /etc/pve/nodes/{node}/lxc; echo 'cores: {number}' > /etc/pve/nodes/{node}/qemu-server/10{number}.conf")
        on("pve3", "echo 'arch: amd64' > /etc/pve/nodes/pve3/lxc/113.conf; echo 'user:maria@pve:1:0::::::' >> /etc/pve/user.cfg; "
                   "printf 'nfs: nas\\n\\tserver 10.0.0.9\\n\\texport /x\\n' >> /etc/pve/storage.cfg; mkdir -p /etc/corosync/qdevice/net; "
                   "touch /etc/corosync/qdevice/net/nssdb")
        for node in NODES:
            on(node, "key=$(head -n 1 /etc/pve/priv/authorized_keys); umask 077; cat /etc/pve/priv/authorized_keys > /root/.ssh/authorized_keys2")

    def assert_standalone(self, node, guests):
        """Nothing of the cluster is left on a node, and what is its own is there."""
        writable(node)
        self.assertEqual(on(node, "ls /etc/pve/nodes").split(), [node])
        self.assertEqual(on(node, "ls /etc/corosync; ls /var/lib/corosync").split(), ["uidgid.d"])
        self.assertEqual(on(node, "systemctl is-active corosync pve-cluster", check=False).split(), ["inactive", "active"])
        self.assertEqual(on(node, "test ! -e /etc/pve/corosync.conf && echo gone").strip(), "gone")
        for others in set(NODES) - {node}:
            self.assertNotIn(f"root@{others}", on(node, "cat /etc/pve/priv/authorized_keys"))
        self.assertEqual(on(node, "readlink /root/.ssh/authorized_keys").strip(), "/etc/pve/priv/authorized_keys")
        self.assertEqual(on(node, f"cd /etc/pve/nodes/{node} && ls qemu-server/* lxc/* 2>/dev/null", check=False).split(), guests)
        self.assertIn("maria@pve", on(node, "cat /etc/pve/user.cfg"))
        self.assertIn("nfs: nas", on(node, "cat /etc/pve/storage.cfg"))
        self.assertEqual(on(node, "ls /var/backups/pve-cluster-collection/leaving.json 2>&1", check=False).count("cannot access"), 1)

    def leave(self, node, **options):
        return task(node, state="absent", **options)

    def test_10_what_stands_against_it_is_told_and_nothing_is_touched(self):
        on("pve3", "mkdir -p /etc/pve/ha && printf 'vm: 103\\n\\tstate ignored\\n' > /etc/pve/ha/resources.cfg")
        before = state("pve3")
        answer = self.leave("pve3")
        self.assertEqual(
            answer["msg"],
            "cannot leave cluster 'lab': high availability keeps guests of this node running (vm:103): remove them there first with "
            "'ha-manager remove SID'",
        )
        self.assertEqual(self.leave("pve3", cluster_name="la")["msg"], "cannot leave cluster 'la': this node is a member of cluster 'lab'")
        self.assertEqual(set(before) ^ set(state("pve3")), set())
        on("pve3", "rm /etc/pve/ha/resources.cfg")

    def test_20_check_mode_touches_nothing(self):
        before = state("pve3")
        answer = done(self, self.leave("pve3", _ansible_check_mode=True), changed=True)
        self.assertIn("/etc/pve/nodes/pve1", answer["cleaned"])
        self.assertEqual(set(before) ^ set(state("pve3")), set())

    def test_30_a_run_that_is_killed_is_finished_by_the_next(self):
        spots = [
            "! test -e /etc/pve/local",
            "test -e /run/pve-cluster.pid && test -e /etc/pve/local && ! systemctl -q is-active pve-cluster",
            "! test -e /etc/corosync/corosync.conf",
        ]
        for spot in spots:
            answer = task("pve3", prelude=kill_when(spot), state="absent")
            self.assertIsNone(answer, f"it was to be killed when {spot}: {answer}")
            self.assertIn("leaving.json", on("pve3", "ls /var/backups/pve-cluster-collection"))
        answer = done(self, self.leave("pve3"), changed=True)
        self.assertEqual(answer["guests"], [103, 113])
        self.assert_standalone("pve3", ["lxc/113.conf", "qemu-server/103.conf"])
        backup = answer["backup"]
        self.assertEqual(on("pve3", f"cat {backup}/nodes/pve1/qemu-server/101.conf").strip(), "cores: 1")
        self.assertEqual(on("pve3", f"sqlite3 {backup}/config.db \"select count(*) from tree where name = 'corosync.conf'\"").strip(), "1")
        self.assertEqual(on("pve3", f"stat -c %a {backup} {backup}/config.db").split(), ["700", "600"])
        self.assertTrue(logs_in("pve3", lab("run", "--", "sh", "-c", "echo $PVE_LAB_KEY").strip()))

    def test_40_a_second_run_changes_nothing(self):
        before = state("pve3")
        answer = done(self, self.leave("pve3"), changed=False)
        self.assertEqual(answer["msg"], "this node is standalone, and nothing of a cluster is left on it")
        self.assertEqual(set(before) ^ set(state("pve3")), set())

    def test_45_its_lock_is_in_nobodys_way(self):
        wait("pve1", "! corosync-quorumtool -siH | grep -q 0x00000003")
        self.assertIn("-by-leave.pve3.", on("pve2", "ls /etc/pve/priv/lock"))
        answer = task("pve1", state="reserved", node="pve4", timeout=4)
        self.assertEqual(answer["reasons"], ["node 'pve3' of the cluster is not online and would miss the new corosync.conf: start or remove it first"])
        self.assertEqual(on("pve2", "ls /etc/pve/priv/lock").strip(), "", "whoever takes it over removes it")

    def test_50_the_cluster_forgets_it_when_told_that_it_keeps_its_guests(self):
        wait("pve1", "! corosync-quorumtool -siH | grep -q 0x00000003")
        answer = task("pve1", state="removed", node="pve3")
        self.assertIn("guests of it are configured (113, 103)", answer["msg"])
        # it runs: that it is standalone is believed when a member can see it there, by the host keys that the cluster has pinned under its name
        pinned = "/etc/pve/nodes/pve3/ssh_known_hosts"
        on("pve1", f"cat {pinned} > /root/pinned && rm {pinned}")
        answer = task("pve1", state="removed", node="pve3", separated=True)
        self.assertIn("node 'pve3' shows signs of life (its sshd says 'Host key verification failed.', ", answer["msg"])
        on("pve1", f"cat /root/pinned > {pinned}")
        answer = done(self, task("pve1", state="removed", node="pve3", separated=True), changed=True)
        self.assertNotIn("pve3", on("pve2", "ls /etc/pve/nodes; cat /etc/pve/corosync.conf /etc/pve/priv/authorized_keys"))
        self.assertEqual(on("pve1", "cat /etc/pve/nodes/pve1/qemu-server/101.conf").strip(), "cores: 1")

    def test_60_a_node_that_the_other_needs_leaves_only_by_force(self):
        answer = self.leave("pve2")
        self.assertIn("the others ('pve1') would not be quorate without it (1 of the 2 votes needed)", answer["msg"])
        answer = done(self, self.leave("pve2", force=True), changed=True)
        self.assertTrue(any("done by 'force: true'" in warning for warning in answer["warnings"]), answer)
        self.assert_standalone("pve2", ["qemu-server/102.conf"])

    def test_70_they_make_another_cluster(self):
        on("pve3", "rm /etc/pve/nodes/pve3/*/*.conf")
        done(self, task("pve2", state="present", cluster_name="second", links=[{"address": "10.77.1.12"}]), changed=True)
        writable("pve2")
        on("pve3", "ssh-keyscan -t ed25519 10.77.0.12 >> /root/.ssh/known_hosts 2>/dev/null")
        on("pve2", f"cat >> /etc/pve/priv/authorized_keys <<'END'\n{on('pve3', 'cat /root/.ssh/id_rsa.pub')}END")
        answer = task("pve3", state="joined", cluster_name="second", cluster_node="10.77.0.12", links=[{"address": "10.77.1.13"}])
        done(self, answer, changed=True)
        self.assertEqual(answer["members"], ["pve2", "pve3"])
        self.assertIn("cores: 2", on("pve3", "cat /etc/pve/nodes/pve2/qemu-server/102.conf"))

    def test_80_the_last_one_leaves_too(self):
        wait("pve1", "! corosync-quorumtool -siH | grep -q 0x00000002")
        done(self, self.leave("pve1"), changed=True)
        self.assert_standalone("pve1", ["qemu-server/101.conf"])


if __name__ == "__main__":
    unittest.main()
