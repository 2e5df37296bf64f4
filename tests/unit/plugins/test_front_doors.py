# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""make and mise offer the same, and every playbook has its target."""

from __future__ import annotations

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
MAKE = (ROOT / "Makefile").read_text()
MISE = (ROOT / "mise.toml").read_text()


def targets():
    """What make offers: target -> its commands."""
    return dict(re.findall(r"(?m)^([a-z-]+):.*##.*\n((?:\t.*\n)+)", MAKE))


class FrontDoors(unittest.TestCase):
    """Nothing of the cluster is reachable in one way alone."""

    def test_every_task_of_mise_is_a_target_of_make(self):
        for name, command in re.findall(r'(?m)^\[tasks\."?([a-z:-]+)"?\]\ndescription = ".+"\nrun = "(.+)"$', MISE):
            with self.subTest(task=name):
                target = name.replace(":", "-")
                self.assertEqual(command.split()[:2], ["make", target])
                self.assertIn(target, targets())

    def test_every_target_of_a_cluster_is_a_task_of_mise(self):
        offered = {name.replace(":", "-") for name in re.findall(r'(?m)^\[tasks\."?([a-z:-]+)"?\]$', MISE)}
        wanted = {target for target in targets() if target.startswith("cluster-")}
        self.assertGreaterEqual(wanted, {"cluster-status", "cluster-nodes", "cluster-health", "cluster-preflight", "cluster-report"})
        self.assertEqual(wanted - offered, set())

    def test_every_playbook_has_a_target(self):
        commands = "".join(targets().values())
        playbooks = {path.name for path in (ROOT / "playbooks").glob("cluster-*.yml")}
        # a key is replaced with the name of the new one; health has a front door of its own
        self.assertEqual({name for name in playbooks if name not in commands} - {"cluster-rotate-key.yml", "cluster-health.yml"}, set())


if __name__ == "__main__":
    unittest.main()
