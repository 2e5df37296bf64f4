# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of corosync.conf that nobody lives to undo: every node puts itself back, with the real corosync.

Takes the module from libexec, or from the path in the variable RESCUE.
"""

import base64
import json
import os
import subprocess
import unittest
from pathlib import Path

from corosync import FILES, LOCK, NODES
from harness import LAB, ROOT, form, fresh, lab, nodes_agree, on, wait

RESCUE = Path(os.environ.get("RESCUE", ROOT / "libexec/corosync_rescue"))
UNITS = "pve-cluster-rescue.timer pve-cluster-rescue.service"


def put(path, node, name):
    """Put a program on a node under this name."""
    packed = base64.b64encode(path.read_bytes())
    subprocess.run([LAB, "exec", node, f"mkdir -p /root/bin; base64 -d > /root/bin/{name} && chmod 755 /root/bin/{name}"], input=packed, check=True)


def rescue(node, check=True, **options):
    """Run the module on a node and return its answer."""
    printed = on(node, f"file=$(mktemp); cat > $file <<'END'\n{json.dumps(options)}\nEND\n/root/bin/corosync_rescue $file; rm -f $file", check=False)
    answer = json.loads(printed.strip().splitlines()[-1])
    if check and answer.get("failed"):
        raise AssertionError(f"{node}: {answer}")
    return answer


def write(node, edit):
    """Change the cluster's file as someone does who then dies: by this sed expression, under the next version."""
    on(node, "version=$(grep -oP 'config_version: \\K[0-9]+' /etc/pve/corosync.conf);"
       f" sed -e \"s/config_version: .*/config_version: $((version + 1))/\" -e '{edit}' /etc/pve/corosync.conf > /tmp/changed;"
       " cp /tmp/changed /etc/pve/corosync.conf.new && mv /etc/pve/corosync.conf.new /etc/pve/corosync.conf")


def journal(node):
    """What the rescue on a node has said."""
    return on(node, "journalctl -u pve-cluster-rescue.service -o cat --no-pager", check=False)


class Rescue(unittest.TestCase):
    """Three nodes, of which every test takes quorum, or tries to."""

    links = 1

    @classmethod
    def setUpClass(cls):
        fresh(3)
        for node in NODES:
            put(RESCUE, node, "corosync_rescue")
        form(NODES, "prod")

    def well(self, version=None, seconds=300):
        """All nodes are back, agree, and nothing of the rescue is left."""
        for node in NODES:
            wait(node, f"test ! -e /etc/systemd/system/pve-cluster-rescue.timer && test ! -e /var/lib/pve-cluster-collection/rescue", seconds)
        for node in NODES:
            wait(node, "corosync-cmapctl | grep -c 'status.*= joined' | grep -qx 3")
            wait(node, f"test $(corosync-cfgtool -n | grep -c ' connected ') = {2 * self.links}")
            wait(node, f"mkdir {LOCK}-{node} && rmdir {LOCK}-{node}")
        views = nodes_agree(NODES)
        self.assertEqual(len({str(view) for view in views.values()}), 1, views)
        runs = views["pve1"][0][0]
        self.assertEqual(views["pve1"][1:], ([runs] * 3, ["1", "2", "3"]))
        for node in NODES:
            found = on(node, f"grep -h config_version {FILES}; cmp {FILES} && echo same")
            self.assertEqual(found.split(), ["config_version:", runs] * 2 + ["same"], node)
            self.assertEqual(on(node, "corosync -t 2>&1 >/dev/null | grep -c ' error '; true").strip(), "0", node)
            self.assertEqual(on(node, f"systemctl list-units --all --no-legend {UNITS}; ls -d {LOCK} /run/pve-cluster-rescue 2>/dev/null; true"), "", node)
        if version is not None:
            self.assertEqual(int(runs), version)
        return int(runs)

    def arm(self, after):
        """Arm every node; the version of the copy."""
        return [rescue(node, after=after) for node in NODES][0]["config_version"]

    def test_10_armed_and_called_off(self):
        before = self.well()
        answers = [rescue(node, after=3600) for node in NODES]
        self.assertEqual([(a["changed"], a["earlier"], a["links"], a["restored_version"]) for a in answers], [(True, False, 2, before + 100)] * 3)
        self.assertIn("enabled", on("pve2", "systemctl is-enabled pve-cluster-rescue.timer"))
        again = rescue("pve1", after=3600)
        self.assertTrue(again["earlier"])
        self.assertEqual([rescue(node, state="disarmed")["changed"] for node in NODES], [True] * 3)
        self.assertEqual([rescue(node, state="disarmed")["changed"] for node in NODES], [False] * 3)
        self.well(before)

    def test_20_a_good_change_is_left(self):
        version = self.arm(20)
        write("pve1", "s/^totem {/totem {\\n  token: 4000/")
        self.well(version + 1)
        for node in NODES:
            self.assertIn("the cluster is well: the change is in use and has cost nothing", journal(node))
        self.assertIn("4000", on("pve3", "corosync-cmapctl -g totem.token"))

    def test_30_all_lose_quorum_and_come_back(self):
        version = self.arm(15)
        # votes that nobody has: every node is without quorum as soon as it reads this
        write("pve2", "s/^nodelist {/nodelist {\\n  node {\\n    name: pve9\\n    nodeid: 9\\n    quorum_votes: 20\\n    ring0_addr: 10.77.1.19\\n  }\\n/")
        wait("pve1", "corosync-quorumtool -s | grep -q 'Quorate: *No'")
        self.well(version + 100)
        self.assertIn("putting the copy back on this node: this node is not quorate", journal("pve1"))
        self.assertIn("4000", on("pve3", "corosync-cmapctl -g totem.token"))

    def test_40_addresses_that_nobody_has(self):
        version = self.arm(15)
        write("pve3", "s/10[.]77[.]1[.]1/10.77.9.1/")
        # corosync keeps the addresses that it has until it starts again
        for node in NODES:
            wait(node, "grep -q 10.77.9.1 /etc/corosync/corosync.conf")
        for node in NODES:
            on(node, "systemctl restart corosync", check=False)
        wait("pve2", "! corosync-quorumtool -s | grep -q 'Quorate: *Yes'")
        self.well(version + 100)

    def test_50_a_node_without_power_follows_when_it_is_back(self):
        version = self.arm(15)
        lab("kill", "pve3")
        write("pve1", "s/token: 4000/token: 3000/")
        for node in ("pve1", "pve2"):
            wait(node, "test ! -e /etc/systemd/system/pve-cluster-rescue.timer", 200)
            self.assertIn(str(version + 100), on(node, "corosync-cmapctl -g totem.config_version"))
        lab("start", "pve3")
        self.well(version + 100)
        self.assertIn("4000", on("pve3", "corosync-cmapctl -g totem.token"))

    def test_60_a_node_without_power_finds_a_change_that_was_made(self):
        version = self.arm(60)
        lab("kill", "pve3")
        for node in ("pve1", "pve2"):
            wait(node, "corosync-cmapctl | grep -c 'status.*= joined' | grep -qx 2")
        write("pve1", "s/token: 4000/token: 3000/")
        for node in ("pve1", "pve2"):
            wait(node, f"corosync-cmapctl -g totem.config_version | grep -q '= {version + 1}$'")
            rescue(node, state="disarmed")
        lab("start", "pve3")
        self.well(version + 1)
        self.assertIn("taking the file that the other members run", journal("pve3"))
        self.assertIn("3000", on("pve3", "corosync-cmapctl -g totem.token"))


if __name__ == "__main__":
    unittest.main()
