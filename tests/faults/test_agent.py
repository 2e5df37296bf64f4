# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent in a node takes for what: a fault at a moment that it does not see is none."""

import importlib.util
import re
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

# pylint: disable=wrong-import-position
from faultmatrix import agent  # noqa: E402

COMMAND = HERE.parents[1] / "plugins/plugin_utils/resident_command.py"


def resident_command():
    """The collection's own file that says how a module is run."""
    spec = importlib.util.spec_from_file_location("resident_command", COMMAND)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Module(unittest.TestCase):
    """A module of the collection at work."""

    def test_it_is_what_the_collection_runs(self):
        command = resident_command().run("pve-cluster-" + "0" * 64, "pvecm_cluster")
        words = re.search(r"exec (/\S+ \S+ \S+);", command)[1].split()
        self.assertEqual(words[1], "pvecm_cluster")
        self.assertTrue(agent.is_module(words))
        self.assertFalse(agent.is_module(["/bin/sh", "-c", command]))

    def test_nothing_else_is_one(self):
        for words in (["/proc/self/fd/3"], ["cat", "pvecm_cluster", "/dev/stdin"], ["/proc/self/fd/3", "pvecm_cluster", "/tmp/x"]):
            self.assertFalse(agent.is_module(words), words)


if __name__ == "__main__":
    unittest.main()
