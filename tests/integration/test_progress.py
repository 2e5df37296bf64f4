# SPDX-License-Identifier: GPL-3.0-or-later
"""While a run works, it says for each node what is waited for, for how long already and for how long at most."""

import json
import os
import re
import subprocess
import unittest
from unittest import mock

from harness import HEALTH_LIMITS, LAB, ROOT, Inventory, fresh, play

THREE = ["pve1", "pve2", "pve3"]


class Progress(unittest.TestCase):
    """One story."""

    maxDiff = None

    def test_10_a_formation(self):
        fresh(3, key=True)
        with mock.patch.dict(os.environ, PVE_CLUSTER_PROGRESS_INTERVAL="1"):
            run = play(Inventory(3))
        self.assertEqual(run.rc, 0, run.output)
        # nodes -> task -> the seconds that were told while it ran
        told, ended = {}, {}
        for nodes, seconds, task in re.findall(r"(?m)^  \.\. (.+?): (\d+) s so far: (?:\w+ : )?(.+)$", run.output):
            told.setdefault(nodes, {}).setdefault(task, []).append(int(seconds))
        for node, seconds, task in re.findall(r"(?m)^  \.\. (\S+): after (\d+) s: (?:\w+ : )?(.+)$", run.output):
            ended[node, task] = int(seconds)
        create = "Create the cluster, or confirm it, and wait until /etc/pve is writable, seconds at most: 120"
        join = "Join, finish a join, or confirm it, and wait until all members run one configuration, seconds at most: 120"
        for node, task in (("pve1", create), ("pve2", join), ("pve3", join)):
            with self.subTest(node=node):
                # about one a second, for as long as it took
                seconds = told[node][task]
                self.assertEqual(seconds, sorted(set(seconds)))
                self.assertGreaterEqual(len(seconds), 2)
                self.assertGreaterEqual(ended[node, task], seconds[-1])
        # what all nodes wait for together is told of all of them
        measure = "Measure every pair of nodes on every link, all at once. Seconds to wait for a node that is silent: 8"
        nodes = {name for names, tasks in told.items() if measure in tasks for name in names.split(", ")}
        self.assertEqual(nodes, set(THREE), run.output)

    def test_20_what_other_programs_read_is_as_without_it(self):
        environment = {**os.environ, "PVE_CLUSTER_PROGRESS_INTERVAL": "0.2", "ANSIBLE_NOCOLOR": "1"}
        inventory = Inventory(3)
        done = subprocess.run(
            [LAB, "run", "--", ROOT / ".venv/bin/ansible-playbook", "-i", inventory.folder, ROOT / "playbooks/cluster-health.yml",
             "-e", json.dumps(HEALTH_LIMITS)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, cwd=ROOT, env=environment, check=False,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertNotIn("s so far", done.stdout)
        self.assertRegex(done.stderr, r"(?m)^  \.\. pve1.*: \d+ s so far: cluster_health : Ask every node for its view$")
