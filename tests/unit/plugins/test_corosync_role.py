# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the role calls the rescue off: only where somebody has said how the change ended."""

from __future__ import annotations

import unittest
from pathlib import Path

import yaml
from ansible.plugins.test.core import failed
from jinja2 import Environment

ROOT = Path(__file__).resolve().parents[3]


def conditions():
    """What the task that calls the rescue off depends on."""
    block = yaml.safe_load((ROOT / "roles/corosync/tasks/main.yml").read_text())[-1]
    (task,) = [task for task in block["always"] if task.get("pve.cluster.corosync_rescue") == {"state": "disarmed"}]
    return task["when"]


def called_off(**variables):
    """Whether it is called off when these variables are what the run has come to."""
    environment = Environment(autoescape=False)  # noqa: S701 - no page is made of it
    environment.tests["failed"] = failed
    environment.filters["extract"] = lambda key, container: container[key]
    known = {"corosync_due": True, "cluster_inventory_hosts": ["pve1", "pve2"], "hostvars": {"pve1": {}, "pve2": {}}, **variables}
    return all(environment.compile_expression(condition)(**known) for condition in conditions())


class CallOff(unittest.TestCase):
    """Every end of the task that changes the file."""

    def test_where_the_cluster_is_as_it_was_or_as_it_should_be(self):
        for told, change in {
            "changed": {"changed": True, "members": [{"name": "pve1"}]},
            "nothing to do": {"changed": False, "members": [{"name": "pve1"}]},
            "refused": {"failed": True, "changed": False, "reasons": ["offline"]},
            "undone": {"failed": True, "changed": True, "reasons": ["lost"], "rolled_back": True},
        }.items():
            with self.subTest(told):
                self.assertTrue(called_off(corosync_change=change))
        # it was never begun
        self.assertTrue(called_off())

    def test_not_where_nobody_knows(self):
        for told, change in {
            "stuck": {"failed": True, "changed": True, "reasons": ["lost"], "rolled_back": False},
            "the module was killed": {"failed": True, "changed": False, "msg": "MODULE FAILURE", "rc": 137},
            "the node was lost": {"unreachable": True, "changed": False, "msg": "Connection timed out"},
        }.items():
            with self.subTest(told):
                self.assertFalse(called_off(corosync_change=change))

    def test_not_where_a_node_does_not_confirm_it(self):
        good = {"changed": True, "members": [{"name": "pve1"}]}
        hosts = {"pve1": {"corosync_confirmed": {"failed": False}}, "pve2": {"corosync_confirmed": {"failed": True}}}
        self.assertFalse(called_off(corosync_change=good, hostvars=hosts))


if __name__ == "__main__":
    unittest.main()
