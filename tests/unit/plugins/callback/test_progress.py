# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of tasks that take long."""

from __future__ import annotations

import unittest
from pathlib import Path
from types import SimpleNamespace

import yaml
from ansible import constants
from ansible_collections.pve.cluster.plugins.callback.progress import _NOT_WORK, Running, _of


class Progress(unittest.TestCase):
    """With times that are made up."""

    def test_a_short_task_is_not_worth_a_word(self):
        running = Running(10)
        running.start("pve1", "a", "Look", 0)
        self.assertEqual(running.lines(9.9), [])
        self.assertIsNone(running.end("pve1", "a", 9.9))
        self.assertEqual(running.lines(100), [])

    def test_a_long_one_is_told_of_until_it_ends(self):
        running = Running(10)
        running.start("pve1", "a", "Wait", 0)
        running.start("pve2", "a", "Wait", 0.1)
        running.start("pve3", "b", "Join", 8)
        self.assertEqual(running.lines(10.2), ["pve1, pve2: 10 s so far: Wait"])
        self.assertEqual(running.lines(11), [])
        self.assertEqual(running.end("pve1", "a", 14.7), "pve1: after 15 s: Wait")
        self.assertEqual(running.lines(20.2), ["pve2: 20 s so far: Wait", "pve3: 12 s so far: Join"])
        self.assertEqual(running.end("pve3", "b", 21), "pve3: after 13 s: Join")
        self.assertEqual(running.end("pve3", "c", 21), None)


class Versions(unittest.TestCase):
    """What each ansible-core hands a callback."""

    def test_a_result_of_each_version(self):
        self.assertEqual(_of(SimpleNamespace(_host="pve1", _task="Join")), ("pve1", "Join"))
        self.assertEqual(_of(SimpleNamespace(host="pve1", task="Join")), ("pve1", "Join"))
        self.assertEqual(_of(SimpleNamespace(host="pve1", task="Join", _host="older", _task="older")), ("pve1", "Join"))

    def test_what_is_no_work_is_what_this_ansible_calls_so(self):
        self.assertLessEqual({*constants._ACTION_ALL_INCLUDES, *constants._ACTION_META}, _NOT_WORK)
        for name in ("pause", "ansible.builtin.pause", "ansible.legacy.pause"):
            self.assertIn(name, _NOT_WORK)
        for name in ("debug", "pve.cluster.cluster_facts", "ansible.builtin.script"):
            self.assertNotIn(name, _NOT_WORK)


# These look, or fix what is left: they wait for nothing, or only for what a program takes.
_SHORT = {
    "Ask every node what would be done",
    "Clear what an earlier one left",
    "Clear what a setup that failed left on the nodes",
    "Clear what is left of it on the others",
    "Confirm that every node uses it",
    "Have every node judge the change",
    "Have every node confirm the change",
    "Look for it as a check run does",
    "Reserve the cluster for this node, on the member that it joins through",
}


class Names(unittest.TestCase):
    """A module cannot speak before it ends: the name of its task says what is waited for, and for how long at most."""

    def test_tasks_that_take_long(self):
        named = set()
        for file in sorted((Path(__file__).resolve().parents[4] / "roles").glob("*/tasks/*.yml")):
            for task in _tasks(yaml.safe_load(file.read_text()) or []):
                given = next((value for key, value in task.items() if key.startswith("pve.cluster.")), None)
                if not isinstance(given, dict) or "timeout" not in given:
                    continue
                named.add(task["name"])
                with self.subTest(task=task["name"], file=file.name):
                    self.assertTrue(task["name"] in _SHORT or "econds" in task["name"] and task["name"].endswith("}}"))
        self.assertGreater(len(named - _SHORT), 10)
        self.assertEqual(_SHORT - named, set())


def _tasks(tasks):
    """These tasks and those of their blocks."""
    for task in tasks:
        yield task
        for part in ("block", "rescue", "always"):
            yield from _tasks(task.get(part, []))


if __name__ == "__main__":
    unittest.main()
