# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role leaves the decision to call the rescue off to the filter, with everything that it needs for it."""

from __future__ import annotations

import unittest
from pathlib import Path

import yaml
from ansible_collections.pve.cluster.plugins.plugin_utils.corosync_end import corosync_end
from jinja2 import Environment

ROOT = Path(__file__).resolve().parents[3]
PROOF = {"changed": False, "members": [{"name": "pve1"}], "unconfirmed": [], "restart_needed": []}
GOOD = {"changed": True, "members": [{"name": "pve1"}]}


def tasks():
    """The block of the change: its tasks, and those that run always."""
    block = yaml.safe_load((ROOT / "roles/corosync/tasks/main.yml").read_text())[-1]
    return block["block"], block["always"]


def calling_off():
    """The task that calls it off."""
    (task,) = [task for task in tasks()[1] if task.get("pve.cluster.corosync_rescue", {}).get("state") == "disarmed"]
    return task


def called_off(**variables):
    """Whether it is called off when these variables are what the run has come to."""
    environment = Environment(autoescape=False)  # noqa: S701 - no page is made of it
    environment.filters["extract"] = lambda key, container: container[key]
    environment.filters["bool"] = bool
    environment.filters["pve.cluster.corosync_end"] = corosync_end
    task = calling_off()
    known = {
        "corosync_due": True, "corosync_allow_offline": [], "corosync_restart": True, "cluster_inventory_hosts": ["pve1", "pve2"],
        "hostvars": {"pve1": {"corosync_confirmed": PROOF}, "pve2": {"corosync_confirmed": PROOF}}, **variables,
    }
    return all(environment.compile_expression(condition)(**known) for condition in task["when"])


class CallOff(unittest.TestCase):
    """The task that calls the rescue off."""

    def test_by_proof_from_every_host(self):
        self.assertTrue(called_off(corosync_change=GOOD))
        self.assertTrue(called_off())
        self.assertFalse(called_off(corosync_change=GOOD, corosync_due=False))

    def test_not_after_a_restart_that_failed(self):
        lost = {"corosync_restarted": {"failed": True, "changed": True, "reasons": ["corosync does not run"]}}
        self.assertFalse(called_off(corosync_change=GOOD, hostvars={"pve1": {"corosync_confirmed": PROOF}, "pve2": lost}))

    def test_not_when_a_node_cannot_be_reached(self):
        lost = {"corosync_confirmed": {"unreachable": True, "changed": False}}
        self.assertFalse(called_off(corosync_change=GOOD, hostvars={"pve1": {"corosync_confirmed": PROOF}, "pve2": lost}))

    def test_a_rescue_that_fired_before_that_is_no_success(self):
        given = calling_off()["pve.cluster.corosync_rescue"]["config_version"].strip("{} ")
        environment = Environment(autoescape=False)  # noqa: S701 - no page is made of it
        version = environment.compile_expression(given, undefined_to_none=False)
        self.assertEqual(version(corosync_confirmed={**PROOF, "config_version": 5}, omit="omitted"), 5)
        # nothing was changed, so nothing was confirmed
        for variables in ({}, {"corosync_confirmed": {"skipped": True}}):
            self.assertEqual(version(**variables, omit="omitted"), "omitted")

    def test_no_sentence_of_the_module_is_searched(self):
        text = (ROOT / "roles/corosync/tasks/main.yml").read_text()
        self.assertNotIn("'search'", text)

    def test_what_the_filter_reads_is_what_the_tasks_register(self):
        registered = [task.get("register") for task in tasks()[0]]
        for name in ("corosync_change", "corosync_restarted", "corosync_confirmed"):
            self.assertIn(name, registered)


if __name__ == "__main__":
    unittest.main()
