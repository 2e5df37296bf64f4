# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster is taken apart and put together again, and nothing that belongs to a person is lost on the way."""

import unittest

from authorized_keys import logs_in
from harness import Inventory, fresh, lab, nodes_agree, on, play, state

NODES = ["pve1", "pve2", "pve3"]
PLAYBOOK = "cluster-destroy.yml"
CONFIRM = ("-e", "confirm=destroy")


class Destruction(unittest.TestCase):
    """One story: each test goes on where the one before ended."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        fresh(3, key=True)
        cls.inventory = Inventory(3)
        formed = play(cls.inventory)
        assert formed.rc == 0, formed.output
        on("pve1", "mkdir -p /etc/pve/nodes/pve1/qemu-server && echo 'cores: 1' > /etc/pve/nodes/pve1/qemu-server/101.conf")
        on("pve2", "mkdir -p /etc/pve/nodes/pve2/lxc && echo 'arch: amd64' > /etc/pve/nodes/pve2/lxc/102.conf; echo 'user:maria@pve:1:0::::::' >> /etc/pve/user.cfg")
        cls.key = lab("run", "--", "sh", "-c", "echo $PVE_LAB_KEY").strip()

    def untouched(self, reason, *words, playbook=PLAYBOOK):
        """The run fails for this reason and touches no node."""
        before = {node: state(node) for node in NODES}
        run = play(self.inventory, playbook, *words)
        self.assertNotEqual(run.rc, 0, run.output)
        self.assertIn(reason, " ".join(run.output.split()))
        for node in NODES:
            self.assertEqual(set(before[node]) ^ set(state(node)), set(), f"{node} was touched")

    def assert_apart(self):
        """Every node is standalone, lets the controller in, and has what is its own."""
        for node in NODES:
            self.assertEqual(on(node, "ls /etc/pve/nodes; ls /etc/corosync").split(), [node, "uidgid.d"])
            self.assertIn("maria@pve", on(node, "cat /etc/pve/user.cfg"))
            self.assertEqual(on(node, "systemctl is-active corosync", check=False).strip(), "inactive")
            self.assertTrue(logs_in(node, self.key), node)
        self.assertIn("cores: 1", on("pve1", "cat /etc/pve/nodes/pve1/qemu-server/101.conf"))

    def test_10_without_the_word_nothing_happens(self):
        self.untouched("it was not confirmed; type destroy, or give -e confirm=destroy")
        self.untouched("it was not confirmed", "-e", "confirm=yes")

    def test_20_all_refusals_are_told_before_anything_is_touched(self):
        on("pve1", "mkdir -p /etc/pve/ha && printf 'vm: 101\\n\\tstate ignored\\n\\nct: 102\\n\\tstate ignored\\n' > /etc/pve/ha/resources.cfg")
        self.untouched("high availability keeps guests of this node running (ct:102)", *CONFIRM)
        on("pve1", "rm /etc/pve/ha/resources.cfg")
        two = Inventory(2)
        run = play(two, PLAYBOOK, *CONFIRM)
        self.assertNotEqual(run.rc, 0)
        self.assertIn("it has nodes that are not in the inventory (pve3)", " ".join(run.output.split()))

    def test_30_check_mode_touches_nothing(self):
        before = {node: state(node) for node in NODES}
        run = play(self.inventory, PLAYBOOK, "--check", "--diff")
        self.assertEqual(run.rc, 0, run.output)
        self.assertEqual(set(run.changed().values()), {1}, run.output)
        for node in NODES:
            self.assertEqual(set(before[node]) ^ set(state(node)), set(), f"{node} was touched")

    def test_40_a_run_in_which_a_node_is_killed_is_finished_by_the_next(self):
        on("pve2", "setsid sh -c 'until ! test -e /etc/pve/local; do sleep 0.02; done; pkill -9 -f [p]vecm_cluster' >/dev/null 2>&1 </dev/null &")
        run = play(self.inventory, PLAYBOOK, *CONFIRM)
        self.assertNotEqual(run.rc, 0, run.output)
        run = play(self.inventory, PLAYBOOK, *CONFIRM)
        self.assertEqual(run.rc, 0, run.output)
        self.assert_apart()
        self.assertIn("arch: amd64", on("pve2", "cat /etc/pve/nodes/pve2/lxc/102.conf"))
        self.assertIn("config.db", on("pve2", "ls /var/backups/pve-cluster-collection/left-lab-*"))

    def test_50_a_second_run_changes_and_asks_nothing(self):
        run = play(self.inventory, PLAYBOOK)
        self.assertEqual(run.rc, 0, run.output)
        self.assertEqual(set(run.changed().values()), {0}, run.output)

    def test_60_the_same_nodes_form_a_cluster_again(self):
        on("pve2", "rm /etc/pve/nodes/pve2/lxc/102.conf")
        run = play(self.inventory)
        self.assertEqual(run.rc, 0, run.output)
        views = nodes_agree(NODES)
        self.assertEqual((len({str(view) for view in views.values()}), len(views["pve1"][2])), (1, 3), views)

    def test_70_recreation_asks_too_and_refuses_what_a_join_would_drop(self):
        recreate = ("-e", "force_cluster_recreation=true")
        self.untouched("it was not confirmed", *recreate, playbook="cluster-init.yml")
        on("pve3", "mkdir -p /etc/pve/nodes/pve3/qemu-server && touch /etc/pve/nodes/pve3/qemu-server/103.conf")
        self.untouched("pve3 would have to join with guests", *recreate, *CONFIRM, playbook="cluster-init.yml")
        on("pve3", "rm /etc/pve/nodes/pve3/qemu-server/103.conf")

    def test_80_recreation_makes_a_new_cluster_with_all_that_there_was(self):
        old = on("pve1", "sha256sum < /etc/corosync/authkey")
        run = play(self.inventory, "cluster-init.yml", "-e", "force_cluster_recreation=true", *CONFIRM)
        self.assertEqual(run.rc, 0, run.output)
        views = nodes_agree(NODES)
        self.assertEqual((len({str(view) for view in views.values()}), len(views["pve1"][2])), (1, 3), views)
        self.assertNotEqual(old, on("pve1", "sha256sum < /etc/corosync/authkey"))
        self.assertIn("cores: 1", on("pve3", "cat /etc/pve/nodes/pve1/qemu-server/101.conf"))
        self.assertIn("maria@pve", on("pve3", "cat /etc/pve/user.cfg"))
        run = play(self.inventory)
        self.assertEqual((run.rc, set(run.changed().values())), (0, {0}), run.output)


if __name__ == "__main__":
    unittest.main()
