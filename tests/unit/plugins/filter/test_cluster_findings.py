# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a cluster is whole, and the words for when it is not."""

from __future__ import annotations

import unittest

from ansible_collections.pve.cluster.plugins.filter.cluster_findings import cluster_findings


def facts(own="pve1", members=("pve1", "pve2"), **other):
    """The view of a node of a whole cluster, but for what `other` changes."""
    return {
        "situation": "member",
        "reasons": [],
        "membership": "member",
        "cluster_name": "lab",
        "quorum": {"quorate": True, "total_votes": 2, "quorum": 2},
        "members": [{"name": name, "votes": 1} for name in members],
        "nodelist": [{"name": name} for name in ("pve1", "pve2")],
        "links": [
            {
                "number": 0,
                "address": "10.77.1.11",
                "running_address": "10.77.1.11",
                "peers": [{"name": name, "connected": True} for name in ("pve1", "pve2") if name != own],
            }
        ],
        "services": {name: {"state": "active"} for name in ("corosync", "pve-cluster", "pvedaemon", "pveproxy")},
        "config_version": {"pmxcfs": 2, "local": 2, "running": 2},
        **other,
    }


class ClusterFindings(unittest.TestCase):
    """One case a finding, texts whole."""

    maxDiff = None

    def found(self, **other):
        """What is found when the view of pve1 differs in this way."""
        return cluster_findings(
            [{"name": "pve1", "facts": facts(**other)}, {"name": "pve2", "facts": facts("pve2")}], "lab"
        )

    def test_a_whole_cluster_has_none(self):
        self.assertEqual(self.found(), [])

    def test_standalone_and_foreign_nodes(self):
        self.assertEqual(self.found(membership="standalone"), ["pve1: it is not a member of cluster 'lab'"])
        self.assertEqual(
            self.found(cluster_name="lab-2"), ["pve1: it is a member of cluster 'lab-2', not of 'lab'"]
        )

    def test_not_quorate(self):
        self.assertEqual(
            self.found(
                situation="not_quorate", reasons=["1 of 2 votes present, 2 needed"],
                quorum={"quorate": False}, members=("pve1",),
            ),
            [
                "pve1: it is not quorate (1 of 2 votes present, 2 needed)",
                "pve1: it does not see pve2",
            ],
        )

    def test_a_vote_that_is_missing(self):
        """So phase 6 does not say done, though every node is a member and quorate."""
        nodelist = [{"name": "pve1", "votes": 1}, {"name": "pve2", "votes": 0}]
        self.assertEqual(self.found(nodelist=nodelist), ["pve2: it is admitted and has no vote yet"])

    def test_a_node_that_the_inventory_lacks_and_nobody_sees(self):
        self.assertEqual(
            self.found(nodelist=[{"name": name} for name in ("pve1", "pve2", "pve9")]),
            ["pve1: the nodelist names pve9, which it does not see"],
        )

    def test_links(self):
        link = {"number": 1, "address": "a", "running_address": "b", "peers": [{"name": "pve2", "connected": False}]}
        self.assertEqual(
            self.found(links=[link]),
            ["pve1: its link 1 to pve2 is not connected", "pve1: its link 1 runs on b, corosync.conf says a"],
        )

    def test_services(self):
        services = facts()["services"] | {"pveproxy": {"state": "failed"}}
        self.assertEqual(self.found(services=services), ["pve1: the service pveproxy is failed"])

    def test_versions_in_three_places(self):
        self.assertEqual(
            self.found(config_version={"pmxcfs": 3, "local": 2, "running": 2}),
            [
                "config_version differs: 2 in /etc/corosync/corosync.conf of pve1, the running corosync of pve1, "
                "/etc/pve/corosync.conf of pve2, /etc/corosync/corosync.conf of pve2, the running corosync of pve2; "
                "3 in /etc/pve/corosync.conf of pve1"
            ],
        )


if __name__ == "__main__":
    unittest.main()
