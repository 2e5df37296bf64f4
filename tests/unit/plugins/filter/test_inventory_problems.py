# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory can have wrong, and the words for it."""

from __future__ import annotations

import unittest

from ansible_collections.pve.cluster.plugins.filter.inventory_problems import inventory_problems


def node(name="pve1", last=1, **other):
    """A node without problems, but for what `other` changes."""
    return {
        "name": name,
        "fqdn": f"{name}.lab.local",
        "address": f"10.77.0.{last}",
        "links": [{"number": 0, "address": f"10.77.1.{last}"}],
        "nodeid": last,
        "votes": None,
        **other,
    }


class InventoryProblems(unittest.TestCase):
    """One case a problem, texts whole."""

    def test_a_good_inventory_has_none(self):
        self.assertEqual(inventory_problems([node(), node("pve2", 2)], "lab", ["pve1", "pve2"], "10.77.1.0/24"), [])

    def test_management_and_corosync_address_may_be_one(self):
        self.assertEqual(inventory_problems([node(links=[{"address": "10.77.0.1"}])], "lab"), [])

    def test_names_pve_refuses(self):
        for name in ("bad name", "bad_name", "-x", "x-", "", "averyveryverylongclustername"):
            with self.subTest(name=name):
                self.assertEqual(
                    inventory_problems([node()], name),
                    [f"cluster_name '{name}' is not allowed: letters, digits and inner hyphens, 15 characters at most"],
                )

    def test_duplicates_are_named_once_with_their_owners(self):
        twins = [node(), node("pve2", 2, address="10.77.0.1", nodeid=1)]
        self.assertEqual(
            inventory_problems(twins, "lab"),
            [
                "address '10.77.0.1' belongs to pve1 and pve2: it must be unique",
                "nodeid '1' belongs to pve1 and pve2: it must be unique",
            ],
        )

    def test_spellings_of_one_address_and_nodeid(self):
        twins = [node(address="FD00::1"), node("pve2", 2, address="fd00:0::1", nodeid="1")]
        self.assertEqual(
            inventory_problems(twins, "lab"),
            [
                "address 'fd00::1' belongs to pve1 and pve2: it must be unique",
                "nodeid '1' belongs to pve1 and pve2: it must be unique",
            ],
        )

    def test_an_address_that_is_a_name(self):
        self.assertEqual(
            inventory_problems([node(address="pve1.lab.local")], "lab"),
            ["'pve1.lab.local' is not an IP address: set management_ip of node 'pve1' to its address"],
        )

    def test_links(self):
        cases = [
            ([], ["node 'pve1' has no corosync link: set corosync_ip or cluster_links"]),
            (
                [{"number": 8, "address": "10.77.1.1"}],
                ["the links of node 'pve1' are numbered [8]: each number once, 0 to 7"],
            ),
            (
                [{"address": "10.77.1.1"}, {"address": "10.77.1.1"}],
                ["two links of node 'pve1' have the address 10.77.1.1: each link needs its own network"],
            ),
            (
                [{"address": "10.77.9.1"}],
                ["link 0 of node 'pve1' has address 10.77.9.1, which is not in corosync_network 10.77.1.0/24"],
            ),
            ([{"address": "x"}], ["'x' is not an IP address: set the address of link 0 of node 'pve1'"]),
        ]
        for links, problems in cases:
            with self.subTest(links=links):
                self.assertEqual(inventory_problems([node(links=links)], "lab", network="10.77.1.0/24"), problems)

    def test_nodes_with_different_links(self):
        two = [{"address": "10.77.1.2"}, {"address": "10.77.2.2"}]
        self.assertEqual(
            inventory_problems([node(), node("pve2", 2, links=two)], "lab"),
            ["every node needs the same links, but they differ (pve1: [0], pve2: [0, 1])"],
        )

    def test_an_entry_without_a_host(self):
        self.assertEqual(
            inventory_problems([node()], "lab", ["pve1", "pve9"]),
            ["cluster_nodes lists 'pve9', but no host of the cluster has this name: add the host or remove the entry"],
        )


if __name__ == "__main__":
    unittest.main()
