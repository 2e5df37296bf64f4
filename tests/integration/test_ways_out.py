# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways out of a cluster: a node is removed with all that it leaves behind, or the run says why not."""

import unittest

from harness import Inventory, fresh, lab, nodes_agree, on, play, state, wait

STAYING = ["pve1", "pve2"]
GONE = "node=pve3"
PLAYBOOK = "cluster-remove-node.yml"


class Removal(unittest.TestCase):
    """One story: each test goes on where the one before ended."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        fresh(4, key=True)
        cls.three = Inventory(3)
        cls.four = Inventory(4)
        formed = play(cls.four)
        assert formed.rc == 0, formed.output
        on("pve3", "echo x > /etc/pve/nodes/pve3/notes")
        # What older releases write, and clusters made by them still have.
        on("pve3", 'for name in pve3 10.77.0.13; do sed "s/^/$name /" /etc/ssh/ssh_host_ed25519_key.pub; done >> /etc/pve/priv/known_hosts')

    def remove(self, *words, inventory=None):
        """Run the playbook for pve3."""
        return play(inventory or self.three, PLAYBOOK, "-e", GONE, *words)

    def refused(self, reason, *words):
        """The run fails for this reason and touches no node."""
        before = {node: state(node) for node in STAYING}
        run = self.remove(*words)
        self.assertNotEqual(run.rc, 0, run.output)
        self.assertIn(reason, run.output)
        for node in STAYING:
            self.assertEqual(set(before[node]) ^ set(state(node)), set(), f"{node} was touched")

    def succeeded(self, run):
        """The run ended well on every host that it needed."""
        self.assertEqual(run.rc, 0, run.output)

    def assert_gone(self, gone="pve3", staying=STAYING):
        """Nothing on the members that stay knows the node."""
        views = nodes_agree(staying)
        self.assertEqual(len({str(view) for view in views.values()}), 1, views)
        self.assertEqual(len(views["pve1"][2]), len(staying), views)
        for node in staying:
            self.assertNotIn(gone, on(node, "cat /etc/pve/corosync.conf /etc/corosync/corosync.conf /etc/pve/.members"))
            self.assertNotIn(gone, on(node, "ls /etc/pve/nodes"))
            self.assertNotIn(f"root@{gone}", on(node, "cat /etc/pve/priv/authorized_keys"))
            self.assertNotRegex(on(node, "cat /etc/pve/priv/known_hosts"), rf"{gone}|10\.77\.0\.1{gone[-1]}")
            self.assertEqual(on(node, "ls /etc/pve/priv/lock").strip(), "")
            self.assertRegex(on(node, "pvecm status"), r"(?m)^Quorate:\s+Yes")

    def test_05_a_run_that_is_killed_half_way_is_finished_by_the_next(self):
        lab("kill", "pve4")
        wait("pve1", "! corosync-quorumtool -siH | grep -q 0x00000004")
        # As soon as the cluster no longer lists the node, while the module waits for the others.
        on("pve1", "setsid sh -c 'while grep -q pve4 /etc/pve/corosync.conf; do sleep 0.05; done; "
                   "until pkill -9 -f pvecm_cluster; do sleep 0.05; done' >/dev/null 2>&1 </dev/null &")
        run = play(self.four, PLAYBOOK, "-e", "node=pve4")
        self.assertNotEqual(run.rc, 0, run.output)
        wait("pve1", "! grep -q pve4 /etc/pve/corosync.conf")
        self.assertIn("pve4", on("pve1", "ls /etc/pve/nodes"), "the run was to be killed before it cleaned")
        run = play(self.four, PLAYBOOK, "-e", "node=pve4")
        self.succeeded(run)
        self.assertEqual(run.changed()["pve1"], 1, run.output)
        self.assert_gone("pve4", [*STAYING, "pve3"])
        # Out of the inventory, its names go: what follows is about pve3 alone.
        self.succeeded(play(self.three, PLAYBOOK, "-e", "node=pve4"))

    def test_10_an_online_node_is_refused(self):
        self.refused("node 'pve3' is online: shut it down")

    def test_20_a_run_without_a_node_is_refused_and_a_stranger_is_no_change(self):
        run = play(self.three, PLAYBOOK)
        self.assertNotEqual(run.rc, 0, run.output)
        self.assertIn("cannot remove a node: which one? Name it by -e node=NAME", run.output)
        run = play(self.three, PLAYBOOK, "-e", "node=pve9")
        self.succeeded(run)
        self.assertEqual(set(run.changed().values()), {0}, run.output)

    def test_30_guests_jobs_and_rules_are_refused_all_at_once(self):
        on("pve3", "mkdir -p /etc/pve/nodes/pve3/qemu-server && echo 'cores: 1' > /etc/pve/nodes/pve3/qemu-server/100.conf")
        on("pve1", "printf 'local: 100-0\\n\\ttarget pve3\\n' > /etc/pve/replication.cfg")
        on("pve1", "mkdir -p /etc/pve/ha && printf 'node-affinity: r1\\n\\tnodes pve3\\n\\tresources vm:100\\n' > /etc/pve/ha/rules.cfg")
        lab("kill", "pve3")
        wait("pve1", "! corosync-quorumtool -siH | grep -q 0x00000003")
        self.refused(
            "cannot remove node 'pve3' from cluster 'lab': guests of it are configured (100): move what is to stay to another node, as "
            "with 'mv /etc/pve/nodes/pve3/qemu-server/100.conf /etc/pve/nodes/pve1/qemu-server/', and remove the rest; or, if the node has left "
            "with 'state: absent' and keeps them itself, use 'separated: true'; "
            "'node-affinity: r1' in '/etc/pve/ha/rules.cfg' names it: take it out there first, as with 'ha-manager rules set' or "
            "'ha-manager rules remove'; replication job '100-0' is from or to it: delete the job first with 'pvesr delete 100-0 --force'"
        )
        on("pve1", "mv /etc/pve/nodes/pve3/qemu-server/100.conf /etc/pve/nodes/pve1/qemu-server/"
                   " && rm /etc/pve/ha/rules.cfg /etc/pve/replication.cfg")

    def test_40_check_mode_shows_what_would_go(self):
        before = {node: state(node) for node in STAYING}
        run = self.remove("--check", "--diff")
        self.succeeded(run)
        self.assertRegex(run.output, r"(?m)^-pve3$")
        self.assertRegex(run.output, r"(?m)^-/etc/pve/nodes/pve3/notes$")
        for node in STAYING:
            self.assertEqual(set(before[node]) ^ set(state(node)), set(), f"{node} was touched")

    def test_50_a_node_that_is_off_is_removed(self):
        run = self.remove()
        self.succeeded(run)
        self.assertEqual({node: run.changed()[node] for node in STAYING}, {"pve1": 1, "pve2": 0}, run.output)
        self.assertIn("'pve3' is still in the inventory", run.output)
        self.assert_gone()
        self.assertEqual(on("pve1", "cat /var/backups/pve-cluster-collection/removed-pve3-*/nodes/pve3/notes"), "x\n")
        self.assertEqual(on("pve1", "stat -c %a /var/backups/pve-cluster-collection/removed-pve3-*").strip(), "700")
        self.assertIn("cores: 1", on("pve2", "cat /etc/pve/nodes/pve1/qemu-server/100.conf"))

    def test_60_a_second_run_changes_nothing(self):
        run = self.remove()
        self.succeeded(run)
        self.assertEqual({run.changed()[node] for node in STAYING}, {0}, run.output)

    def test_70_what_an_interrupted_run_left_is_cleaned(self):
        on("pve2", "mkdir -p /etc/pve/nodes/pve3/priv && echo y > /etc/pve/nodes/pve3/notes")
        # Also of one that somebody removed by hand: what still names it is for a person to decide, and nothing is left of it at the end.
        on("pve2", "mkdir -p /etc/pve/ha && printf 'node-affinity: r1\\n\\tnodes pve3\\n' > /etc/pve/ha/rules.cfg; printf 'local: 100-0\\n\\ttarget pve3\\n' > /etc/pve/replication.cfg")
        self.refused("'node-affinity: r1' in '/etc/pve/ha/rules.cfg' names it: take it out there first, as with 'ha-manager rules set' or "
                     "'ha-manager rules remove'; replication job '100-0' is from or to it: delete the job first with 'pvesr delete 100-0 --force'")
        on("pve2", "rm /etc/pve/ha/rules.cfg /etc/pve/replication.cfg")
        run = self.remove()
        self.succeeded(run)
        self.assertEqual(run.changed()["pve1"], 1, run.output)
        self.assert_gone()

    def test_80_without_it_in_the_inventory_its_names_go_too(self):
        two = Inventory(2)
        for node in STAYING:
            self.assertIn("pve3", on(node, "cat /root/.ssh/known_hosts /etc/hosts"))
        run = self.remove(inventory=two)
        self.succeeded(run)
        for node in STAYING:
            self.assertNotIn("pve3", on(node, "cat /root/.ssh/known_hosts /etc/hosts"))
        again = self.remove(inventory=two)
        self.succeeded(again)
        self.assertEqual(set(again.changed().values()), {0}, again.output)
