# SPDX-License-Identifier: GPL-3.0-or-later
"""Two of three nodes are gone: what is left becomes quorate, when someone says that they are off, and not when they answer."""

import re
import unittest

from harness import Inventory, fresh, lab, on, play, wait

PLAYBOOK = "cluster-expected-votes.yml"
BOTH = "expected_votes_offline=pve2,pve3"


def votes(node):
    """Expected votes, total votes, and whether the node is quorate, as corosync on it has them."""
    text = on(node, "corosync-quorumtool -siH", check=False)
    numbers = [int(re.search(rf"(?m)^{name}: +(\d+)", text)[1]) for name in ("Expected votes", "Total votes")]
    return (*numbers, bool(re.search(r"(?m)^Quorate: +Yes", text)))


class ExpectedVotes(unittest.TestCase):
    """One story: each test goes on where the one before ended."""

    @classmethod
    def setUpClass(cls):
        fresh(3, key=True)
        cls.three = Inventory(3)
        formed = play(cls.three)
        assert formed.rc == 0, formed.output

    def refused(self, reason, *words):
        """The run failed for this reason, and pve1 is as it was."""
        before = votes("pve1")
        run = play(self.three, PLAYBOOK, *words)
        self.assertNotEqual(run.rc, 0, run.output)
        self.assertIn(reason, run.output)
        self.assertEqual(votes("pve1"), before)

    def test_10_a_quorate_cluster_is_left_alone(self):
        run = play(self.three, PLAYBOOK, "-e", "expected_votes_offline=pve3")
        self.assertEqual(run.rc, 0, run.output)
        self.assertIn("is quorate with 3 of 3 votes: there is nothing to do", run.output)
        self.assertEqual(votes("pve1"), (3, 3, True))

    def test_20_nodes_that_answer_are_not_off(self):
        lab("partition", "pve1", "corosync")
        wait("pve1", "! corosync-quorumtool -siH | grep -q 'Quorate: *Yes'")
        # From the controller's side pve2 and pve3 are quorate, so that nothing is to be done there.
        run = play(self.three, PLAYBOOK, "-e", BOTH)
        self.assertEqual(run.rc, 0, run.output)
        self.assertIn("there is nothing to do", run.output)
        for node in ("pve2", "pve3"):
            on(node, "systemctl stop corosync")
        self.refused("node 'pve2' is not off, it was reached by the controller (host 'pve2' answered Ansible as 'pve2', ", "-e", BOTH)
        # Not even with a word: they answer under their own names.
        self.refused("node 'pve3' is not off", "-e", BOTH, "-e", "expected_votes_known_off=pve2,pve3")

    def test_25_the_link_between_two_sites_is_cut_and_the_controller_reaches_both(self):
        on("pve1", "nft add table inet site && nft 'add chain inet site in { type filter hook input priority 0; }' && "
                   "nft 'add rule inet site in ip saddr { 10.77.0.12, 10.77.0.13 } drop'")
        self.addCleanup(lab, "heal", "pve1")
        self.addCleanup(on, "pve1", "nft delete table inet site")
        run = play(self.three, PLAYBOOK, "-e", BOTH)
        self.assertNotEqual(run.rc, 0, run.output)
        for node in ("pve2", "pve3"):
            self.assertIn(f"node '{node}' is not off, it was reached by the controller (host '{node}' answered Ansible as '{node}', '10.77.0.", run.output)
        self.assertNotIn("'pve1' (", run.output, "pve1 itself reaches nobody")
        self.assertEqual(votes("pve1"), (3, 1, False))

    def test_30_it_is_not_done_without_a_word(self):
        for node in ("pve2", "pve3"):
            lab("kill", node)
        wait("pve1", "! corosync-quorumtool -siH | grep -q 'Quorate: *Yes'")
        self.refused("it is not confirmed. Look at each of pve2, pve3")
        self.refused("'pve3' is not seen from here and not among 'offline_nodes'", "-e", "expected_votes_offline=pve2")
        self.refused("with 2 expected votes the 1 that are there are no majority", "-e", BOTH, "-e", "expected_votes_votes=2")

    def test_35_something_else_has_the_address_of_a_machine_without_power(self):
        on("pve1", "ip address add 10.77.0.13/24 dev eth0")
        self.refused("node 'pve3' is not off, it was reached by 'pve1' ('10.77.0.13' ", "-e", BOTH)
        self.refused("If this machine has no power, and something else has its address, name it in 'known_off'", "-e", BOTH)
        check = play(self.three, PLAYBOOK, "-e", BOTH, "-e", "expected_votes_known_off=pve3", "--check")
        on("pve1", "ip address del 10.77.0.13/24 dev eth0")
        self.assertEqual(check.rc, 0, check.output)
        self.assertIn("something answers at the addresses of 'pve3', which is known to be off: 'pve1' ('10.77.0.13' ", check.output)

    def test_40_what_is_left_becomes_quorate_and_says_so_aloud(self):
        check = play(self.three, PLAYBOOK, "-e", BOTH, "--check")
        self.assertEqual(check.rc, 0, check.output)
        self.assertEqual(votes("pve1"), (3, 1, False))
        run = play(self.three, PLAYBOOK, "-e", BOTH)
        self.assertEqual(run.rc, 0, run.output)
        self.assertIn("EMERGENCY: cluster 'lab' now works with 1 of its 3 votes", run.output)
        self.assertEqual(votes("pve1"), (1, 1, True))
        on("pve1", "touch /etc/pve/written && rm /etc/pve/written")
        self.assertIn("expected votes of cluster 'lab' are set from 3 to 1", on("pve1", "journalctl -t pve.cluster -o cat"))
        again = play(self.three, PLAYBOOK, "-e", BOTH)
        self.assertEqual((again.rc, again.recap["pve1"]["changed"]), (0, 0), again.output)

    def test_50_it_ends_when_the_nodes_are_back(self):
        for node in ("pve2", "pve3"):
            lab("start", node)
        for node in ("pve1", "pve2", "pve3"):
            wait(node, "corosync-quorumtool -siH | grep -q '^Total votes: *3'")
            self.assertEqual(votes(node), (3, 3, True))
