# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster forms again by itself when its machines start, cleanly shut down before or not."""

import json
import unittest

from harness import HEALTH_LIMITS, Inventory, fresh, lab, on, play, wait, wait_members, writable

THREE = ["pve1", "pve2", "pve3"]
SERVICES = "corosync pve-cluster pvestatd pvedaemon pveproxy"


class Boot(unittest.TestCase):
    """One story: each test goes on where the one before ended."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        fresh(3, key=True)
        cls.inventory = Inventory(3)

    def test_10_what_does_not_start_with_the_machine_is_enabled(self):
        on("pve2", "systemctl disable corosync pvestatd 2>&1")
        on("pve3", "systemctl disable pveproxy 2>&1")
        run = play(self.inventory)
        self.assertEqual(run.rc, 0, run.output)
        for node in THREE:
            self.assertEqual(on(node, f"systemctl is-enabled {SERVICES}").split(), ["enabled"] * 5, node)
        again = play(self.inventory)
        self.assertEqual((again.rc, set(again.changed().values())), (0, {0}), again.output)

    def test_20_a_masked_service_is_refused_with_the_way_out(self):
        on("pve3", "systemctl mask pvestatd 2>&1")
        run = play(self.inventory, "cluster-init.yml", "--tags", "phase6")
        on("pve3", "systemctl unmask pvestatd && systemctl enable pvestatd 2>&1")
        self.assertNotEqual(run.rc, 0)
        self.assertIn(
            "cannot enable 'pvestatd' on pve3: masked, so that the cluster would not form again after a restart of the machine. "
            "If that is not wanted, run 'systemctl unmask pvestatd' on it",
            run.output,
        )

    def test_30_all_machines_start_anew(self):
        for how in ("stop", "kill"):
            with self.subTest(how=how):
                for node in THREE:
                    lab(how, node)
                for node in THREE:
                    lab("start", node)
                for node in THREE:
                    wait_members(node, 3, 120)
                    wait(node, "test $(grep -c '\"online\": 1' /etc/pve/.members) = 3")
                    writable(node)
                    wait(node, f"systemctl is-active {SERVICES}")
                run = play(self.inventory, "cluster-health.yml", "-e", json.dumps(HEALTH_LIMITS))
                self.assertEqual(run.rc, 0, run.output)
                self.assertIn("nothing was found that is not well", run.output)
