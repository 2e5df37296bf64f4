# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health of a cluster in every situation of which there are recordings. A new one without an expectation fails."""

from __future__ import annotations

import json
import unittest
from pathlib import Path

from .test_health_report import report

ROOT = Path(__file__).resolve().parents[4]
RECORDINGS = ROOT / "tests/lab/replay/recordings"
# What the module answers there, by situation and node.
FACTS = json.loads((ROOT / "modules/cluster_facts/tests/recorded.json").read_text())

# The verdict, and the findings as `id node peer`, of the nodes of which the state was recorded. The inventory has these alone.
EXPECTED = {
    "1-node_cluster": ("ok", set()),
    "2-node_cluster": ("warning", {"no-margin"}),
    "3-node_quorate": ("ok", set()),
    "3-node_with_pve3_powered_off": (
        "error", {"nodelist pve1", "link-down pve1 pve3", "nodelist pve2", "link-down pve2 pve3", "no-margin"}
    ),
    "3-node_majority_side_while_pve1_is_cut_off": ("error", {"nodelist pve2", "link-down pve2 pve1", "not-in-inventory pve2", "no-margin"}),
    "inquorate_pve1_cut_off_from_3-node_corosync_net": (
        "error", {"not-quorate pve1", "nodelist pve1", "link-down pve1 pve2", "link-down pve1 pve3"}
    ),
    # pve1, whose corosync was stopped, is in the other test
    "3-node_corosync_stopped_on_pve1": ("error", {"nodelist pve2", "not-in-inventory pve2", "no-margin"}),
    "API_join_while_the_peer_is_inquorate": ("error", {"not-quorate pve1", "nodelist pve1", "link-down pve1 pve2"}),
    "delnode_in_a_2-node_cluster_with_the_other_node_off": ("error", {"not-quorate pve1", "nodelist pve1", "link-down pve1 pve2"}),
    "delnode_of_an_online_node_pve3_from_3-node": ("warning", {"not-in-inventory pve1", "no-margin"}),
    "delnode_of_a_powered-off_node_pve3": ("warning", {"not-in-inventory pve1", "no-margin"}),
    "re-join_of_the_cleaned_node_pve3": ("warning", {"not-in-inventory pve1"}),
    "two_links_3-node_quorate": ("warning", {"not-in-inventory pve1", "not-in-inventory pve3"}),
    "two_links_link_0_of_pve3_cut": (
        "error", {"link-down pve1 pve3", "link-down pve3 pve1", "link-down pve3 pve2", "not-in-inventory pve1", "not-in-inventory pve3"}
    ),
    "two_links_link_1_mgmt_of_pve3_cut": (
        "error", {"link-down pve1 pve3", "link-down pve3 pve1", "link-down pve3 pve2", "not-in-inventory pve1", "not-in-inventory pve3"}
    ),
    "two_links_both_links_of_pve3_cut": (
        "error",
        {
            "not-seen pve1", "link-down pve1 pve3", "not-quorate pve3", "not-seen pve3", "nodelist pve3", "link-down pve3 pve1",
            "link-down pve3 pve2", "not-in-inventory pve1", "no-margin",
        },
    ),
    "qdevice_pve1+pve2_cluster_qnetd_on_pve4": ("ok", set()),
    "qdevice_qnetd_stopped": ("error", {"qdevice pve1", "not-in-inventory pve1", "no-margin"}),
    "qdevice_pve2_off": ("error", {"nodelist pve1", "link-down pve1 pve2", "no-margin"}),
    "config_change_broken_syntax_missing_brace_version_8": (
        "error", {"versions-differ pve1", "config-version", "next-start pve1", "not-in-inventory pve1", "misread"}
    ),
    "nodeid_clash": (
        "error",
        {
            "nodeid-twice pve1", "nodeid-twice pve2", "not-seen pve1", "not-seen pve2", "link-down pve2 pve3", "pmxcfs-group pve1",
            "pmxcfs-group pve2", "not-in-inventory pve1", "not-in-inventory pve2", "no-margin",
        },
    ),
}

# Situations without quorum output, which `test_health_report` judges by facts of their own.
ELSEWHERE = {
    "3-node_pve-cluster_stopped_on_pve1": "pmxcfs_stopped",
    "removed_node_pve3_was_online_at_delnode": "removed",
    "parallel_API_joins_of_pve3_and_pve4_into_a_2-node_cluster": "stranded",
    "parallel_API_joins_of_pve3_and_pve4_into_a_2-node_cluster_second_run": "stranded",
    "stale_etc_corosync_files_on_a_standalone_node": "left_overs",
    "standalone": "standalone",
}

# What commands printed while something was done: no state of a cluster.
EVENTS = {
    "API_create_and_join", "API_join_from_fresh_node_into_3-node_cluster", "API_join_into_2-node_cluster", "create_on_fresh_node",
    "create_without_link", "guests_on_the_joining_node", "join_for_runtime_link_test", "join_from_fresh_node_into_1-node_cluster",
    "join_without_link_into_a_cluster_whose_link0_is_NOT_on_the_mgmt_net", "join_without_link_into_a_cluster_whose_link0_is_on_the_mgmt_net",
    "parallel_API_joins_of_pve2_and_pve3_into_a_1-node_cluster", "ssh_behaviour_around_a_join", "two_links_create", "two_links_join",
    "use_ssh_join_on_a_TTY_without_prior_trust",
    # links alone, as in a cluster that is whole again
    "two_links_link_0_of_pve3_back",
    # high availability alone
    "HA_standalone", "HA_3-node_no_resources", "HA_3-node_rules_and_resources", "HA_node_pve2_with_an_idle_LRM_without_quorum",
}


class Recorded(unittest.TestCase):
    """One case a situation."""

    maxDiff = None

    def test_each_situation_is_judged_as_it_is(self):
        for situation, (verdict, wanted) in EXPECTED.items():
            with self.subTest(situation=situation):
                found = report([{"name": node, "facts": facts} for node, facts in FACTS[situation].items()])
                seen = {" ".join(filter(None, (one["id"], one["node"], one["peer"]))) for one in found["findings"]}
                self.assertEqual((found["verdict"], seen), (verdict, wanted))

    def test_every_recording_has_its_expectation(self):
        self.assertEqual(set(EXPECTED), set(FACTS))
        for name in ELSEWHERE.values():
            self.assertTrue((ROOT / f"modules/cluster_facts/tests/golden/{name}.json").exists(), name)
        judged = [*EXPECTED, *ELSEWHERE, *EVENTS]
        self.assertEqual(sorted(judged), sorted({path.stem for path in RECORDINGS.glob("*.txt")}))


if __name__ == "__main__":
    unittest.main()
