# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of tasks that take long."""

from __future__ import annotations

import unittest

from ansible_collections.pve.cluster.plugins.callback.progress import Running


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


if __name__ == "__main__":
    unittest.main()
