# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By which way each node joins."""

from __future__ import annotations

import unittest

from ansible_collections.pve.cluster.plugins.filter.admitted_hosts import admitted_hosts
from ansible_collections.pve.cluster.plugins.filter.join_ways import join_ways

from .test_health_report import recorded


def versions(pve="9.2.11", join_api=1):
    """What a node runs."""
    return {"versions": {"pve": pve, "join_api": join_api}}


def member(**votes):
    """A member that lists these nodes."""
    listed = [{"name": name, "votes": number} for name, number in votes.items()]
    return {**versions(), "membership": "member", "nodelist": listed, "quorum": {"quorate": True}, "config_version": {"pmxcfs": 4}}


class Ways(unittest.TestCase):
    """Of one node that is to join."""

    def way(self, method, own=None, seed=None):
        """The way of pve2."""
        facts = {"a": seed or member(pve1=1), "b": own or versions()}
        ways = join_ways(["b"], {"a": "ssh", "b": method}, facts, {"a": {"name": "pve1"}, "b": {"name": "pve2"}}, "a")
        self.assertEqual(sum(ways.values(), []), ["b"])
        return next(way for way, hosts in ways.items() if hosts)

    def test_what_the_host_says(self):
        for method in ("relay", "ssh", "api"):
            self.assertEqual(self.way(method), method)

    def test_auto_is_relay_where_both_sides_are_known(self):
        self.assertEqual(self.way("auto"), "relay")
        standalone = {**versions("8.4.1"), "membership": "standalone", "nodelist": [], "quorum": {"quorate": None}}
        self.assertEqual(self.way("auto", seed=standalone), "relay")
        for strange in (versions("10.0"), versions("7.4"), versions(None), versions(join_api=2), versions(join_api=None), {"versions": None}):
            with self.subTest(strange=strange):
                self.assertEqual(self.way("auto", own=strange), "ssh")
                self.assertEqual(self.way("auto", seed={**member(pve1=1), **strange}), "ssh")
                # who asks for it by name is told why not, by the module
                self.assertEqual(self.way("relay", own=strange), "relay")

    def test_a_node_without_a_vote_goes_on_by_relay_and_one_with_a_vote_by_ssh(self):
        for method in ("auto", "relay", "ssh", "api"):
            with self.subTest(method=method):
                self.assertEqual(self.way(method, seed=member(pve1=1, pve2=0)), "relay")
                self.assertEqual(self.way(method, own={**versions(), "admitted": True}), "relay")
                self.assertEqual(self.way(method, seed=member(pve1=1, pve2=1)), "api" if method == "api" else "ssh")
        # a standalone seed lists nobody
        self.assertEqual(self.way("ssh", seed={**member(pve2=0), "membership": "standalone"}), "ssh")

    def test_order(self):
        facts = {name: member(pve1=1) for name in "abcd"}
        nodes = {name: {"name": name} for name in "abcd"}
        ways = join_ways(["d", "b", "c"], {"b": "ssh", "c": "relay", "d": "relay"}, facts, nodes, "a")
        self.assertEqual(ways, {"relay": ["d", "c"], "ssh": ["b"], "api": []})


class Admitted(unittest.TestCase):
    """Who has no vote yet."""

    def test_by_the_newest_file_of_a_node_that_is_quorate(self):
        names = ["pve1", "pve2", "pve3", "pve4"]
        nodes = {name: {"name": name} for name in names}
        facts = {name: {"quorum": {}} for name in names}
        self.assertEqual(admitted_hosts(facts, nodes, names), [])
        facts["pve3"] = recorded("admitted")
        self.assertEqual(admitted_hosts(facts, nodes, names), ["pve2", "pve3", "pve4"])
        newer = {**member(pve1=1, pve2=1, pve3=0), "config_version": {"pmxcfs": 3}}
        self.assertEqual(admitted_hosts({**facts, "pve1": newer}, nodes, names), ["pve3"])
        self.assertEqual(admitted_hosts({**facts, "pve1": {**newer, "quorum": {"quorate": False}}}, nodes, names), ["pve2", "pve3", "pve4"])
        self.assertEqual(admitted_hosts({**facts, "pve1": {**newer, "config_version": {}}}, nodes, names), ["pve2", "pve3", "pve4"])


if __name__ == "__main__":
    unittest.main()
