# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one member tells of the others."""

from __future__ import annotations

import copy
import unittest

from ansible_collections.pve.cluster.plugins.filter.cluster_adoption import cluster_adoption

from ..filter.test_health_report import recorded
from .test_host_keys import EC, EC_PRINT, ED, ED_PRINT, OTHER, OTHER_PRINT

TEMPLATE = "{{ lookup('pipe', 'touch /owned') }}"


def facts():
    """Of pve1, with three nodes."""
    found = copy.deepcopy(recorded("two_links"))
    found["ssh"] = {"host_keys": [{"type": ED.split()[0], "key": ED.split()[1]}]}
    return found


class Adoption(unittest.TestCase):
    maxDiff = None

    def test_each_nodes_own_file_counts_and_the_shared_one_for_those_without(self):
        known = "\n".join([
            f"pve2 pve2 {EC}", f"- pve2 {OTHER}",  # the shared file has an older key
            f"- pve3,10.77.0.13 {OTHER}", f"pve2 pve3 {EC}",  # a file says nothing of other nodes
            f"- pve1 {OTHER}", "- # comment", f"- @revoked pve3 {EC}", "pve3 pve3 ssh-rsa AAAA", "",
        ])  # fmt: skip
        found = cluster_adoption(facts(), known)
        self.assertEqual(found["problems"], [])
        self.assertEqual(
            found["nodes"],
            [
                {"name": "pve1", "address": "10.77.0.11", "keys": [OTHER_PRINT, ED_PRINT]},
                {"name": "pve2", "address": "10.77.0.12", "keys": [EC_PRINT]},
                {"name": "pve3", "address": "10.77.0.13", "keys": [OTHER_PRINT]},
            ],
        )

    def test_a_node_whose_key_nobody_knows(self):
        found = cluster_adoption(facts(), f"pve2 pve2 {EC}\n- pve30 {OTHER}\n- pve3 ssh-rsa AAAA\n")
        self.assertEqual(
            found["problems"],
            ["the cluster knows no host key of node 'pve3': run 'pvecm updatecerts' on it, or pin its key on the controller with "
             "playbooks/cluster-host-keys.yml"],
        )  # fmt: skip
        self.assertEqual(cluster_adoption(facts())["problems"], [])

    def test_what_is_no_whole_cluster_is_refused(self):
        for situation, reasons, wanted in (
            ("standalone", [], "it is no member of a quorate cluster (standalone): name a node that is"),
            ("not_quorate", ["1 of 3 votes present, 2 needed"],
             "it is no member of a quorate cluster (not_quorate: 1 of 3 votes present, 2 needed): name a node that is"),
        ):  # fmt: skip
            found = cluster_adoption({"situation": situation, "reasons": reasons}, "")
            self.assertEqual(found, {"nodes": [], "problems": [wanted]})
        gone = facts()
        gone["members"] = [member for member in gone["members"] if member["name"] != "pve3"]
        gone["members"][1]["address"] = None
        self.assertEqual(
            cluster_adoption(gone)["problems"],
            ["the address of node 'pve2' is None, which is not an address: see /etc/pve/.members",
             "node 'pve3' is not online: start it, or remove it from the cluster (pvecm delnode pve3)"],
        )  # fmt: skip

    def test_names_that_are_none_never_get_into_a_command(self):
        evil = facts()
        evil["cluster_name"] = TEMPLATE
        evil["nodelist"][1]["name"] = "x; reboot"
        evil["nodelist"][2]["name"] = ["pve3"]
        evil["members"][0]["address"] = TEMPLATE
        found = cluster_adoption(evil, "")
        self.assertEqual(found["nodes"], [])
        self.assertEqual(
            found["problems"],
            ["the cluster is called \"(( lookup('pipe', 'touch /owned') ))\", which is not a cluster's name",
             "the address of node 'pve1' is \"(( lookup('pipe', 'touch /owned') ))\", which is not an address: see /etc/pve/.members",
             "a node is called 'x; reboot', which is not a node's name", "a node is called ['pve3'], which is not a node's name"],
        )  # fmt: skip


if __name__ == "__main__":
    unittest.main()
