# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The history of changes: what journalctl prints, as it is read and told."""

from __future__ import annotations

import json
import unittest

from ansible_collections.pve.cluster.plugins.plugin_utils.history import lines, rows
from ansible_collections.pve.cluster.plugins.plugin_utils.origin import origin


def entry(seconds, **fields):
    """A line as journalctl -o json prints it."""
    known = {"PVE_CLUSTER_MODULE": "pvecm_cluster", "PVE_CLUSTER_RESULT": "changed", "PVE_CLUSTER_RUN": "ab12", "PVE_CLUSTER_BY": "anna@desk",
             "PVE_CLUSTER_TASK": "Join", "MESSAGE": "pvecm_cluster: changed: joined", "__REALTIME_TIMESTAMP": str(1764539000000000 + int(seconds * 1e6))}  # fmt: skip
    return json.dumps({name: value for name, value in {**known, **fields}.items() if value is not None})


class History(unittest.TestCase):
    maxDiff = None

    def test_one_order_of_all_nodes_and_a_head_for_each_run(self):
        history = rows({
            "pve1": [entry(0), entry(9, PVE_CLUSTER_RUN="cd34", MESSAGE="corosync_conf: failed after a change: x")],
            "pve2": [entry(4), entry(12, PVE_CLUSTER_RUN=None, PVE_CLUSTER_BY=None)],
        })  # fmt: skip
        self.assertEqual(lines(history), [
            "2025-11-30T21:43:20Z run ab12 by anna@desk",
            "  21:43:20 pve1: pvecm_cluster: changed: joined",
            "  21:43:24 pve2: pvecm_cluster: changed: joined",
            "2025-11-30T21:43:29Z run cd34 by anna@desk",
            "  21:43:29 pve1: corosync_conf: failed after a change: x",
            "2025-11-30T21:43:32Z not by a playbook",
            "  21:43:32 pve2: pvecm_cluster: changed: joined",
        ])  # fmt: skip

    def test_a_row_has_everything(self):
        line = entry(0, PVE_CLUSTER_OPTIONS='{"state": "joined"}', PVE_CLUSTER_DIFF="left out: 50000 bytes")
        self.assertEqual(rows({"pve1": [line]}), {"unread": 0, "changes": [{
            "time": "2025-11-30T21:43:20Z", "node": "pve1", "module": "pvecm_cluster", "result": "changed", "run": "ab12", "by": "anna@desk", "task": "Join",
            "message": "pvecm_cluster: changed: joined", "options": {"state": "joined"}, "diff": "left out: 50000 bytes",
        }]})  # fmt: skip

    def test_what_is_no_entry_is_counted_and_told(self):
        strange = ["", "x", "[1]", "null", entry(0, PVE_CLUSTER_MODULE=None), entry(0, __REALTIME_TIMESTAMP="soon"), entry(0, __REALTIME_TIMESTAMP="9" * 40)]
        history = rows({"pve1": strange})
        self.assertEqual(history, {"changes": [], "unread": len(strange)})
        self.assertEqual(lines(history), ["7 lines of the journals could not be read"])
        self.assertEqual(lines(rows({"pve1": []})), ["no change is in the nodes' journals"])

    def test_bytes_and_values_that_are_too_long(self):
        found = rows({"pve1": [entry(0, MESSAGE=list(b"a\nb"), PVE_CLUSTER_TASK=[999], PVE_CLUSTER_DIFF=None)]})["changes"][0]
        self.assertEqual((found["message"], found["task"], found["diff"]), ("a\nb", "", None))
        self.assertEqual(rows({"pve1": [entry(0, MESSAGE=7)]})["changes"][0]["message"], "")


class Origin(unittest.TestCase):
    def test_a_run_is_one_process(self):
        first, second = origin("Join"), origin("Leave")
        self.assertEqual((first["run"], first["by"]), (second["run"], second["by"]))
        self.assertRegex(first["run"], "^[0-9a-f]{12}$")
        self.assertRegex(first["by"], "^[^@]+@.+$")
        self.assertEqual((first["task"], second["task"]), ("Join", "Leave"))
