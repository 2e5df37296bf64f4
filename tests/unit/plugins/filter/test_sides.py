# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster that is quorate on more than one side."""

from __future__ import annotations

import unittest

from ansible_collections.pve.cluster.plugins.plugin_utils.sides import quorate_sides


def view(*members, quorate=True, name="prod"):
    return {"cluster_name": name, "quorum": {"quorate": quorate}, "members": [{"name": member} for member in members], "nodename": members[0]}


class Sides(unittest.TestCase):
    """Members by side."""

    def test_two_sides_are_both_named(self):
        views = {"a": view("pve1", "pve2"), "b": view("pve2", "pve1"), "c": view("pve3")}
        self.assertEqual(
            quorate_sides(views, "prod"),
            [{"members": ["pve1", "pve2"], "seen_by": ["a", "b"]}, {"members": ["pve3"], "seen_by": ["c"]}],
        )

    def test_a_side_without_quorum_is_none(self):
        views = {"c": view("pve3", quorate=False), "d": view("pve4", name="test"), "a": view("pve1", "pve2"), "b": view("pve1", "pve2")}
        self.assertEqual([side["members"] for side in quorate_sides(views, "prod")], [["pve1", "pve2"]])
        self.assertEqual(quorate_sides({"a": None, "b": {"cluster_name": "prod", "quorum": None}}, "prod"), [])

    def test_views_that_overlap_are_one_that_changes(self):
        views = {"a": view("pve1"), "b": view("pve3"), "c": view("pve1", "pve2", "pve3")}
        self.assertEqual(quorate_sides(views, "prod"), [{"members": ["pve1", "pve2", "pve3"], "seen_by": ["a", "b", "c"]}])

    def test_a_quorate_node_that_tells_no_members_is_a_side(self):
        self.assertEqual(quorate_sides({"a": {**view("pve1"), "members": None}}, "prod"), [{"members": ["pve1"], "seen_by": ["a"]}])
        self.assertEqual(quorate_sides({"a": {**view("pve1"), "members": [], "nodename": ""}}, "prod"), [{"members": ["a"], "seen_by": ["a"]}])


if __name__ == "__main__":
    unittest.main()
