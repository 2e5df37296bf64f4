# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of corosync.conf share: the module called on a node, what runs there, and a cluster that is whole.

Takes the module from libexec, or from the path in the variable MODULE.
"""

import json
import os
import re
import unittest
from pathlib import Path

from harness import ROOT, form, fresh, install, nodes_agree, on

NODES = ["pve1", "pve2", "pve3"]
MODULE = Path(os.environ.get("MODULE", ROOT / "libexec/corosync_conf"))
FILES = "/etc/pve/corosync.conf /etc/corosync/corosync.conf"
LOCK = "/etc/pve/priv/lock/file-corosync_conf"


def task(node, check=True, prelude="", **options):
    """Run the module on a node and return its answer."""
    arguments = json.dumps({"_ansible_diff": True, **options})
    printed = on(node, f"{prelude} file=$(mktemp); cat > $file <<'END'\n{arguments}\nEND\n/root/module corosync_conf $file; rm -f $file", check=False)
    answer = json.loads(printed.strip().splitlines()[-1])
    if check and answer.get("failed"):
        raise AssertionError(answer["msg"])
    return answer


def running(node, key):
    """A value of the corosync that runs on a node; none when it has no such key."""
    found = re.search(r" = (.*)$", on(node, f"corosync-cmapctl {key} 2>/dev/null | grep '^{key} '", check=False))
    return found and found[1].strip()


def addresses(network):
    """Addresses of all nodes in a network."""
    return {node: f"{network}.{10 + number}" for number, node in enumerate(NODES, 1)}


def paths(node):
    """Which link runs between which addresses, as corosync on a node has it."""
    return sorted(re.findall(r"LINK: (\d) \w+ \((\S+)->(\S+)\) enabled connected", on(node, "corosync-cfgtool -n")))


class Story(unittest.TestCase):
    """Each test goes on where the one before ended, and ends with a cluster that is whole."""

    maxDiff = None
    nodes = NODES
    links = 1

    @classmethod
    def setUpClass(cls):
        fresh(len(cls.nodes))
        install(MODULE, cls.nodes)
        form(cls.nodes, "prod")

    def tearDown(self):
        self.whole()

    def whole(self):
        """One version in all three places of every node, all links connected, quorate, nothing left behind."""
        views = nodes_agree(self.nodes)
        self.assertEqual({node: views[self.nodes[0]] for node in self.nodes}, views)
        (version,), members, joined = views[self.nodes[0]]
        self.assertEqual((members, joined), ([version] * len(self.nodes), [name[-1] for name in self.nodes]))
        for node in self.nodes:
            found = on(node, f"grep -h config_version {FILES}; cmp {FILES} && echo same")
            self.assertEqual(found.split(), ["config_version:", version] * 2 + ["same"], node)
            self.assertRegex(on(node, "corosync-quorumtool -s", check=False), r"(?m)^Quorate:\s+Yes", node)
            self.assertEqual(on(node, "corosync-cfgtool -n").count(" connected "), (len(self.nodes) - 1) * self.links, node)
            self.assertEqual(on(node, "corosync -t 2>&1 >/dev/null | grep -c ' error '; true").strip(), "0", node)
        self.assertEqual(on("pve1", f"ls /etc/pve | grep '[.]new$'; ls -d {LOCK} 2>/dev/null; true"), "")
