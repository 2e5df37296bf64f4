# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways out of a cluster: a node is removed with all that it leaves behind, or the run says why not."""

import unittest

from harness import Inventory, fresh, lab, nodes_agree, on, play, state, wait

RULES = "/etc/pve/ha/rules.cfg"
JOBS = "/etc/pve/replication.cfg"
OTHER_RULE = "resource-affinity: r2\n\taffinity negative\n\tresources vm:100,vm:101"
RULE = "node-affinity: r1\n\tnodes pve1:2,pve2,pve3:1\n\tresources vm:100\n\tstrict 1"
ALONE = "node-affinity: r3\n\tnodes pve3\n\tresources vm:101"
JOB = "local: 100-0\n\ttarget pve3\n\trate 10"
OTHER_JOB = "local: 100-1\n\ttarget pve2\n\tsource pve3"
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

    def entangle(self, node, *rules):
        """Write these rules and both jobs."""
        on(node, f"mkdir -p /etc/pve/ha && cat > {RULES} <<'END'\n" + "\n\n".join(rules) + "\n\nEND\n"
                 f"cat > {JOBS} <<'END'\n{JOB}\n\n{OTHER_JOB}\n\nEND")

    def assert_disentangled(self):
        """The rule has the other nodes with what they had, and only the job that another node can do is there."""
        for node in STAYING:
            self.assertEqual(on(node, f"cat {RULES}").strip(), f"{RULE}\n\n{OTHER_RULE}".replace(",pve3:1", ""))
            self.assertEqual(on(node, f"cat {JOBS}").strip(), OTHER_JOB)

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

    def test_30_guests_and_rules_of_it_alone_are_refused_all_at_once(self):
        on("pve3", "mkdir -p /etc/pve/nodes/pve3/qemu-server && echo 'cores: 1' > /etc/pve/nodes/pve3/qemu-server/100.conf")
        self.entangle("pve1", RULE, OTHER_RULE, ALONE)
        lab("kill", "pve3")
        wait("pve1", "! corosync-quorumtool -siH | grep -q 0x00000003")
        self.refused(
            "cannot remove node 'pve3' from cluster 'lab': guests of it are configured (100): move what is to stay to another node, as "
            "with 'mv /etc/pve/nodes/pve3/qemu-server/100.conf /etc/pve/nodes/pve1/qemu-server/', and remove the rest; or, if the node has left "
            "with 'state: absent' and keeps them itself, use 'separated: true'; "
            "'node-affinity: r3' in '/etc/pve/ha/rules.cfg' names it and no other node of the cluster: give it another one with "
            "'ha-manager rules set node-affinity r3 --nodes NODE', or remove it with 'ha-manager rules remove r3'"
        )
        on("pve1", "mv /etc/pve/nodes/pve3/qemu-server/100.conf /etc/pve/nodes/pve1/qemu-server/")
        # As the refusal says.
        on("pve1", "ha-manager rules set node-affinity r3 --nodes pve2")
        self.assertIn("nodes pve2\n\tresources vm:101", on("pve2", f"cat {RULES}"))
        self.entangle("pve1", RULE, OTHER_RULE)

    def test_40_check_mode_shows_what_would_go(self):
        before = {node: state(node) for node in STAYING}
        run = self.remove("--check", "--diff")
        self.succeeded(run)
        self.assertRegex(run.output, r"(?m)^-pve3$")
        self.assertRegex(run.output, r"(?m)^-/etc/pve/nodes/pve3/notes$")
        self.assertRegex(run.output, r"(?m)^-\tnodes pve1:2,pve2,pve3:1\n\+\tnodes pve1:2,pve2$")
        self.assertRegex(run.output, r"(?m)^-local: 100-0$")
        for node in STAYING:
            self.assertEqual(set(before[node]) ^ set(state(node)), set(), f"{node} was touched")

    def test_50_a_node_that_is_off_is_removed(self):
        run = self.remove()
        self.succeeded(run)
        self.assertEqual({node: run.changed()[node] for node in STAYING}, {"pve1": 1, "pve2": 0}, run.output)
        self.assertIn("'pve3' is still in the inventory", run.output)
        self.assert_gone()
        self.assert_disentangled()
        # Copied before each step that takes something away: the first copy has everything.
        copies = on("pve1", "ls -d /var/backups/pve-cluster-collection/removed-pve3-*").split()
        self.assertEqual(on("pve1", f"cat {copies[0]}/nodes/pve3/notes"), "x\n")
        self.assertEqual(on("pve1", f"cat {copies[0]}/ha/rules.cfg").strip(), f"{RULE}\n\n{OTHER_RULE}")
        self.assertEqual(on("pve1", f"cat {copies[0]}/replication.cfg").strip(), f"{JOB}\n\n{OTHER_JOB}")
        self.assertEqual(set(on("pve1", f"stat -c %a {' '.join(copies)}").split()), {"700"})
        self.assertIn("cores: 1", on("pve2", "cat /etc/pve/nodes/pve1/qemu-server/100.conf"))

    def test_60_a_second_run_changes_nothing(self):
        run = self.remove()
        self.succeeded(run)
        self.assertEqual({run.changed()[node] for node in STAYING}, {0}, run.output)

    def test_70_what_an_interrupted_run_left_is_cleaned(self):
        on("pve2", "mkdir -p /etc/pve/nodes/pve3/priv && echo y > /etc/pve/nodes/pve3/notes")
        # Also of one that somebody removed by hand: a rule of it alone is for a person to decide.
        self.entangle("pve2", RULE, OTHER_RULE, ALONE)
        self.refused("'node-affinity: r3' in '/etc/pve/ha/rules.cfg' names it and no other node of the cluster: give it another one with "
                     "'ha-manager rules set node-affinity r3 --nodes NODE', or remove it with 'ha-manager rules remove r3'")
        self.entangle("pve2", RULE, OTHER_RULE)
        run = self.remove()
        self.succeeded(run)
        self.assertEqual(run.changed()["pve1"], 1, run.output)
        self.assert_gone()
        self.assert_disentangled()

    def test_75_a_rule_and_a_job_alone_are_cleaned_once_their_commands_can(self):
        self.entangle("pve2", RULE, OTHER_RULE)
        # A node whose replication cannot be configured: the rule is done, the job is told, and the next run does it.
        on("pve1", "mv /usr/bin/pvesr /usr/bin/pvesr.away")
        run = self.remove()
        self.assertNotEqual(run.rc, 0, run.output)
        self.assertIn("cannot remove node 'pve3' from cluster 'lab': what is left of it (/etc/pve/replication.cfg) cannot be "
                      "removed: cannot run 'pvesr': No such file or directory (os error 2), and '/etc/pve/replication.cfg' still has job '100-0'; "
                      "run this task again, which goes on where this one stopped", run.output)
        on("pve1", "mv /usr/bin/pvesr.away /usr/bin/pvesr")
        run = self.remove()
        self.succeeded(run)
        self.assertEqual(run.changed()["pve1"], 1, run.output)
        self.assert_disentangled()
        again = self.remove()
        self.succeeded(again)
        self.assertEqual({again.changed()[node] for node in STAYING}, {0}, again.output)

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
