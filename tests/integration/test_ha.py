# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for high availability keeps the times and the order that were recorded of the real one (FACTS, O30 to O34)."""

import json
import re
import time
import unittest

from harness import form, fresh, lab, on, wait

NODES = ("pve1", "pve2", "pve3")
# What the nodes of one busy machine take more than those of the recording did.
LATE = 15


def fencing(node="pve1"):
    """The armed state that the API tells."""
    entries = json.loads(on(node, "pvesh get /cluster/ha/status/current --output-format json"))
    return next(entry["armed-state"] for entry in entries if entry["type"] == "fencing")


def lrm(node, seen_from="pve1"):
    return json.loads(on(seen_from, f"cat /etc/pve/nodes/{node}/lrm_status"))


def until(holds, seconds):
    """Wait until something holds; how long that took."""
    begun = time.monotonic()
    while not holds():
        if time.monotonic() - begun > seconds:
            raise AssertionError(f"not true after {seconds} s")
        time.sleep(0.5)
    return time.monotonic() - begun


def master(node="pve1"):
    return json.loads(on(node, "cat /etc/pve/ha/manager_status"))["master_node"]


class Ha(unittest.TestCase):
    """One cluster of three, with a guest that runs on pve3."""

    @classmethod
    def setUpClass(cls):
        fresh(3)
        form(NODES)
        on("pve1", "echo > /etc/pve/nodes/pve3/qemu-server/101.conf")

    @classmethod
    def active(cls):
        wait("pve1", """grep -q '"state":"active"' /etc/pve/nodes/pve3/lrm_status""", 240)

    def test_10_nothing_to_keep_running(self):
        self.assertEqual(fencing(), "standby")
        self.assertEqual(on("pve1", "ha-manager status"), "quorum OK\nfencing standby (CRM watchdog standby)\n")
        self.assertEqual(lrm("pve2")["state"], "wait_for_agent_lock")
        self.assertEqual(on("pve1", "ha-manager groupconfig 2>&1; echo $?", check=False),
                         "cannot index groups: ha groups have been migrated to rules\n2\n")

    def test_20_the_first_resource(self):
        on("pve1", "ha-manager add vm:101 --state started")
        until(lambda: fencing() == "armed", 15 + LATE)
        self.active()
        first = lrm("pve3")["timestamp"]
        took = until(lambda: lrm("pve3")["timestamp"] != first, 10 + LATE)
        self.assertGreater(took, 2)
        self.assertEqual(on("pve2", "ls -d /run/watchdog-mux.active", check=False).strip(), "/run/watchdog-mux.active" if master() == "pve2" else "")

    def test_30_disarmed_and_armed_again(self):
        on("pve1", "ha-manager crm-command disarm-ha freeze")
        until(lambda: fencing() == "disarming", 12 + LATE)
        self.assertGreater(until(lambda: fencing() == "disarmed", 12 + LATE), 4)
        for node in NODES:
            self.assertEqual([lrm(node)[name] for name in ("mode", "state")], ["disarm", "wait_for_agent_lock"])
            self.assertEqual(on(node, "ls -d /run/watchdog-mux.active", check=False), "")
        on("pve1", "ha-manager crm-command arm-ha")
        until(lambda: fencing() == "armed", 12 + LATE)
        self.assertGreater(until(lambda: lrm("pve3")["state"] == "active", 20 + LATE), 4)

    def test_40_maintenance(self):
        on("pve1", "ha-manager crm-command node-maintenance enable pve3")
        wait("pve1", "ls /etc/pve/nodes/pve[12]/qemu-server/101.conf", 60 + LATE)
        until(lambda: lrm("pve3")["mode"] == "maintenance", LATE)
        wait("pve3", "! ls -d /run/watchdog-mux.active || ha-manager status | grep -q '^master pve3'", 30 + LATE)
        on("pve1", "ha-manager crm-command node-maintenance disable pve3")
        wait("pve1", "ls /etc/pve/nodes/pve3/qemu-server/101.conf", 60 + LATE)
        self.active()

    def test_50_without_quorum_programs_say_so_and_the_node_is_reset(self):
        # As in the recording: a master that is cut off is followed only when its lock is stale, two minutes after.
        on("pve3", "systemctl stop pve-ha-crm")
        until(lambda: master() != "pve3", 10 + LATE)
        on("pve3", "systemctl start pve-ha-crm")
        lab("partition", "pve3", "corosync")
        wait("pve3", "corosync-quorumtool -s | grep -q 'Quorate: *No'")
        until(lambda: "Permission denied" in on("pve3", "touch /etc/pve/probe 2>&1", check=False), 20)
        last = lrm("pve3", "pve3")["timestamp"]
        self.assertEqual(on("pve3", "ha-manager status > /dev/null; echo $?"), "0\n")
        said = on("pve3", "ha-manager add vm:101 2>&1; echo $?; ha-manager crm-command disarm-ha freeze 2>&1; echo $?")
        waited = "trying to acquire cfs lock 'domain-ha' ...\n" * 9
        self.assertEqual(said, f"cluster not ready - no quorum?\n255\n{waited}cfs-lock 'domain-ha' error: no quorum!\n13\n")
        wait("pve1", "grep -q '\"pve3\":\"unknown\"' /etc/pve/ha/manager_status", 20 + LATE)
        boot = "cat /proc/sys/kernel/random/boot_id"
        first = on("pve3", boot)
        until(lambda: on("pve3", boot, check=False) not in (first, ""), 120)
        # what the lab's firmware takes, in which a node that is reset is off
        reset = int(on("pve3", "stat -c %Y /proc/1")) - 12
        self.assertTrue(65 < reset - last < 80 + LATE, reset - last)
        # its lock has to go stale before anybody takes what it ran
        took = until(lambda: re.search(r"pve[12]/", on("pve1", "ls /etc/pve/nodes/*/qemu-server/101.conf")), 120 + LATE)
        self.assertTrue(100 < time.time() - last < 170 + LATE, (took, time.time() - last))
        lab("heal", "pve3")
        wait("pve3", "corosync-quorumtool -s | grep -q 'Quorate: *Yes'", 60)


if __name__ == "__main__":
    unittest.main()
