# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster as an inventory."""

from __future__ import annotations

import hashlib
import unittest

from ansible_collections.pve.cluster.plugins.filter.cluster_export import cluster_export

from .test_health_report import recorded


class Export(unittest.TestCase):
    """Of recorded nodes."""

    maxDiff = None

    def test_two_links(self):
        facts = recorded("two_links")
        facts["links"][0]["priority"] = 20
        hosts = {"pve1": {"host": "first", "address": "10.77.0.11", "fqdn": "pve1.lab.local"}}
        group = cluster_export(facts, hosts, "totem {}\n")["all"]["children"]["pve_cluster_nodes"]
        self.assertEqual(
            group["hosts"],
            {"first": {"ansible_host": "10.77.0.11"}, "pve2": {"ansible_host": "10.77.0.12"}, "pve3": {"ansible_host": "10.77.0.13"}},
        )
        self.assertEqual(group["vars"]["cluster_name"], "labcluster")
        self.assertEqual(
            group["vars"]["cluster_nodes"][0],
            {
                "short_name": "pve1", "management_ip": "10.77.0.11", "fqdn": "pve1.lab.local",
                "links": [{"number": 0, "address": "10.77.1.11", "priority": 20}, {"number": 1, "address": "10.77.0.11"}],
                "node_id": 1, "votes": 1,
            },
        )
        self.assertEqual(group["vars"]["cluster_exported"]["corosync_conf_sha256"], hashlib.sha256(b"totem {}\n").hexdigest())


if __name__ == "__main__":
    unittest.main()
