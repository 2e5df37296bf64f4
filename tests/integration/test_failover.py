# SPDX-License-Identifier: GPL-3.0-or-later
"""The failover test on real nodes: what it cuts, that it says the truth, and that nothing stays cut whatever becomes of the controller."""

import json
import os
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import HEALTH_LIMITS, LAB, PLAYBOOKS, ROOT, fresh, on, play, two_links, untouched, wait, wait_members

THREE = ["pve1", "pve2", "pve3"]


class Failover(unittest.TestCase):
    """One story: each test goes on where the one before ended."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        fresh(3, key=True)
        cls.inventory = two_links(3)
        cls.folder = Path(tempfile.mkdtemp(prefix="failover-"))
        run = play(cls.inventory)
        assert run.rc == 0, run.output

    def failover(self, words=(), **variables):
        """A run, and the results in its report."""
        given = {**HEALTH_LIMITS, "cluster_report_dir": str(self.folder), **variables}
        run = play(self.inventory, "cluster-failover-test.yml", "-e", json.dumps(given), *words)
        file = self.folder / "lab.json"
        return run, json.loads(file.read_text()).get("failover", []) if file.exists() else []

    def whole(self):
        """All nodes see three members, and nothing is cut or armed."""
        for name in THREE:
            self.assertIn("Nodes:            3", on(name, "corosync-quorumtool -s"))
            self.assertEqual(on(name, "nft list tables").strip(), "", f"{name} is cut")
            self.assertIn("0 timers", on(name, "systemctl list-timers --no-pager 'pve-cluster-failover*'"))

    def test_10_it_asks_and_refuses(self):
        run, results = self.failover()
        self.assertNotEqual(run.rc, 0)
        self.assertIn("it is not confirmed", run.output)
        on("pve2", "echo x > /etc/pve/qemu-server/100.conf")
        run, results = self.failover(failover_test_confirmed="lab")
        on("pve2", "rm /etc/pve/qemu-server/100.conf")
        self.assertNotEqual(run.rc, 0)
        self.assertIn("it has guests (100); failover_test_allow_guests allows that", run.output)
        self.assertEqual(results, [])
        on("pve3", "mkdir -p /etc/pve/ha; printf 'vm: 100\\n\\tstate ignored\\n' > /etc/pve/ha/resources.cfg")
        run, results = self.failover(failover_test_confirmed="lab")
        self.assertNotEqual(run.rc, 0)
        self.assertIn("it has HA resources (vm:100), whose nodes reset themselves without quorum; failover_test_allow_guests allows that", run.output)
        self.assertEqual(results, [])
        # told so, it goes on; a check run cuts nothing
        with untouched(self, THREE):
            run, results = self.failover(failover_test_confirmed="lab", failover_test_allow_guests=True, words=["--check"])
        self.assertEqual((run.rc, results, set(run.changed().values())), (0, [], {0}), run.output)
        on("pve3", "rm /etc/pve/ha/resources.cfg")
        self.whole()

    def test_20_links_and_a_node_are_cut_and_mended(self):
        run, results = self.failover(failover_test_confirmed="lab", failover_test_nodes=["pve2"])
        self.assertEqual(run.rc, 0, run.output)
        self.assertEqual(
            [(one["what"], one["seen"], one["passed"]) for one in results],
            [(what, "as expected", True) for what in (
                "link 0 of pve2", "link 1 of pve2", "the corosync network of pve2", "corosync of pve2")],
        )
        self.assertEqual(results[2]["expected"], "pve2 is out, the others keep quorum")
        for one in results:
            self.assertTrue(0 < one["detected_s"] < 30 and 0 <= one["healed_s"] < 40, one)
        page = (self.folder / "lab.html").read_text()
        self.assertIn("Failover test", page)
        self.assertIn("the corosync network of pve2", page)
        self.whole()

    def test_25_a_machine_is_reset_and_comes_back_by_itself(self):
        on("pve2", "systemctl disable corosync 2>&1")
        run, _results = self.failover(failover_test_confirmed="lab", failover_test_kinds=["power"], failover_test_nodes=["pve2"])
        self.assertNotEqual(run.rc, 0)
        self.assertIn("corosync of pve2 is disabled and would not start after a reset", run.output)
        on("pve2", "systemctl enable corosync 2>&1")
        before = on("pve2", "cat /proc/sys/kernel/random/boot_id")
        run, results = self.failover(failover_test_confirmed="lab", failover_test_kinds=["power"], failover_test_nodes=["pve2"])
        self.assertEqual(run.rc, 0, run.output)
        self.assertEqual(
            [(one["what"], one["expected"], one["seen"], one["passed"]) for one in results],
            [("the power of pve2", "pve2 is out, the others keep quorum", "as expected", True)],
        )
        self.assertTrue(0 < results[0]["detected_s"] < 30 and 5 < results[0]["healed_s"] < 300, results)
        self.assertNotEqual(on("pve2", "cat /proc/sys/kernel/random/boot_id"), before, "it was not reset")
        self.whole()

    def test_27_a_machine_that_is_still_starting_is_waited_for(self):
        on("pve2", "mkdir -p /etc/systemd/system/pveproxy.service.d; printf '[Service]\\nExecStartPre=/bin/sleep 25\\n' "
                   "> /etc/systemd/system/pveproxy.service.d/slow.conf; systemctl daemon-reload")
        run, results = self.failover(failover_test_confirmed="lab", failover_test_kinds=["power"], failover_test_nodes=["pve2"])
        on("pve2", "rm -r /etc/systemd/system/pveproxy.service.d; systemctl daemon-reload")
        self.assertEqual(run.rc, 0, run.output)
        self.assertEqual([one["passed"] for one in results], [True], results)
        self.whole()

    def test_28_nothing_more_is_cut_while_a_node_is_away(self):
        boots = {node: on(node, "cat /proc/sys/kernel/random/boot_id") for node in THREE}
        # corosync runs, and will not start again
        on("pve1", "mkdir -p /etc/systemd/system/corosync.service.d; printf '[Unit]\\nConditionPathExists=/nowhere\\n' "
                   "> /etc/systemd/system/corosync.service.d/away.conf; systemctl daemon-reload")
        self.addCleanup(self.back_again, "pve1")
        run, results = self.failover(failover_test_confirmed="lab", failover_test_kinds=["corosync", "power"], failover_test_patience=15)
        self.assertNotEqual(run.rc, 0)
        # what it could not undo the timer tries again
        self.assertIn("it stopped after the cut of corosync of pve1, because not all nodes are back: pve1: ", run.output)
        self.assertIn("corosync sees 0 of 3 members", run.output)
        self.assertEqual([(one["what"], one["passed"]) for one in results], [("corosync of pve1", False)])
        for node in ("pve2", "pve3"):
            self.assertIn("Nodes:            2", on(node, "corosync-quorumtool -s"))
        self.assertEqual({node: on(node, "cat /proc/sys/kernel/random/boot_id") for node in THREE}, boots)
        # A cluster that is not whole is not cut at all; the timer on the node tries to undo until it ends.
        again, _results = self.failover(failover_test_confirmed="lab", failover_test_kinds=["network"], failover_test_patience=15)
        self.assertNotEqual(again.rc, 0)

    def back_again(self, node):
        """Lets corosync start on a node, as before."""
        on(node, "rm -r /etc/systemd/system/corosync.service.d; systemctl daemon-reload; systemctl start corosync")
        for name in THREE:
            wait_members(name, 3)
        wait(node, "systemctl list-timers --no-pager 'pve-cluster-failover*' | grep -q '0 timers'")
        self.whole()

    def test_29_times_that_outlast_a_watchdog_are_refused(self):
        for given in ({"failover_test_limit": 60}, {"failover_test_patience": 45}, {"failover_test_patience": 0}):
            run, _results = self.failover(failover_test_confirmed="lab", **given)
            self.assertNotEqual(run.rc, 0)
            self.assertIn("the limit must be below 60 s, after which a watchdog resets a node, and the patience below the limit", run.output)

    def test_30_a_cut_ends_by_itself_when_the_controller_is_gone(self):
        given = {
            **HEALTH_LIMITS, "cluster_report_dir": str(self.folder), "failover_test_confirmed": "lab", "failover_test_kinds": ["network"],
            "failover_test_nodes": ["pve3"], "failover_test_limit": 20, "failover_test_patience": 15,
        }
        controller = subprocess.Popen(
            [LAB, "run", "--", ROOT / ".venv/bin/ansible-playbook", "-i", self.inventory.folder, PLAYBOOKS / "cluster-failover-test.yml",
             "-e", json.dumps(given)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT, start_new_session=True,
        )
        try:
            wait("pve3", "nft list tables | grep -q pve_cluster_failover", 120)
        finally:
            os.killpg(controller.pid, signal.SIGKILL)
            controller.wait()
        # nobody repairs it but the node itself
        self.assertIn("1 timers", on("pve3", "systemctl list-timers --no-pager 'pve-cluster-failover*'"))
        wait_members("pve3", 1)
        wait("pve3", "! nft list tables | grep -q pve_cluster_failover", 60)
        for name in THREE:
            wait_members(name, 3)
        self.whole()

    def test_40_each_kind_of_cut_is_undone_by_the_node(self):
        script = (ROOT / "roles/failover_test/files/failover").read_text()
        on("pve3", f"cat > /root/failover <<'SCRIPT'\n{script}SCRIPT")
        for words, sign in (("link 8 10.77.1.13", "nft list tables | grep -q pve_cluster_failover"), ("corosync 8", "! systemctl is-active -q corosync")):
            with self.subTest(words=words):
                kind, seconds, *address = words.split()
                on("pve3", f"sh /root/failover cut {kind} {seconds} {' '.join(address)}")
                wait("pve3", sign)
                wait("pve3", "! nft list tables | grep -q pve_cluster_failover && systemctl is-active -q corosync", 60)
                for name in THREE:
                    wait_members(name, 3)
        on("pve3", "rm /root/failover")
        self.whole()
