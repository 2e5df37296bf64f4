# SPDX-License-Identifier: GPL-3.0-or-later
"""What the verdict on a node calls right."""

import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]

# pylint: disable=wrong-import-position
from faultmatrix import state  # noqa: E402


class Locks(unittest.TestCase):
    """Which locks may be left."""

    def test_that_of_a_node_that_has_left_is_over_among_those_that_stay(self):
        left = {"locks": "pvecm_cluster-join\npvecm_cluster-join-by-leave.pve3.1.2.aa.3\nfile-x\n"}
        both = left["locks"].split()[:2]
        self.assertEqual(state.own_locks(left, ("pve1", "pve2")), [])
        self.assertEqual(state.own_locks(left, ("pve1", "pve3")), both)
        self.assertEqual(state.own_locks(left), both)
        for other in ("pvecm_cluster-join", left["locks"] + "pvecm_cluster-join-by-join.pve1.1.2.aa.3", "pvecm_cluster-join-by-remove.pve3.1.2.aa.3"):
            self.assertTrue(state.own_locks({"locks": other}, ("pve1", "pve2")), other)


if __name__ == "__main__":
    unittest.main()
