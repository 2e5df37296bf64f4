# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which silence between two nodes is one of the network, and which may only be one of the start."""

from __future__ import annotations

import unittest

from ansible_collections.pve.cluster.plugins.filter.probe_unproven import probe_unproven


def said(begun, seconds, ended=None, **heard):
    """What a node answered that was asked at a time and measured so long; by peer, whether each link answered."""
    peers = [
        {"name": name, "heard": any(links), "links": [{"number": number, "answered": one} for number, one in enumerate(links)]}
        for name, links in heard.items()
    ]
    return {"peers": peers, "seconds": seconds, "controller": {"begun": begun, "ended": ended or begun + seconds + 0.2}}


class Unproven(unittest.TestCase):
    """Two or three nodes, and when they measured."""

    def test_nodes_that_hear_each_other(self):
        self.assertEqual(probe_unproven({"a": said(0, 2, b=[True, False]), "b": said(9, 2, a=[True, False])}), [])

    def test_a_silence_of_the_network(self):
        self.assertEqual(probe_unproven({"a": said(0, 8, b=[False]), "b": said(1, 8, a=[False])}), [])
        self.assertEqual(probe_unproven({"a": said(0, 8, b=[False, False]), "b": said(4, 8, a=[False, False])}), [])

    def test_a_node_that_started_late(self):
        measured = {"a": said(0, 8, b=[True], c=[False]), "b": said(0.5, 8, a=[True], c=[False]), "c": said(6, 8, a=[False], b=[False])}
        self.assertEqual(probe_unproven(measured), [["a", "c"], ["b", "c"]])
        # asked at once, but its answer tells that it began late
        measured["c"] = said(0.2, 8, 14, a=[False], b=[False])
        self.assertEqual(probe_unproven(measured), [["a", "c"], ["b", "c"]])

    def test_one_that_hears_and_one_that_does_not(self):
        self.assertEqual(probe_unproven({"a": said(0, 8, b=[False]), "b": said(7, 8, a=[True])}), [["a", "b"]])

    def test_one_that_was_heard_on_the_management_network_alone(self):
        # which ends the measurement before it is long enough by the clock
        measured = {"a": said(0, 3.2, b=[False]), "b": said(0, 3.2, a=[False])}
        self.assertEqual(probe_unproven(measured), [["a", "b"]])
        for one in measured.values():
            one["peers"][0]["heard"] = True
        self.assertEqual(probe_unproven(measured), [])

    def test_answers_that_tell_no_times(self):
        for other in ({}, {"peers": [], "seconds": 8}, {**said(0, 8, a=[False]), "seconds": None}):
            self.assertEqual(probe_unproven({"a": said(0, 8, b=[False]), "b": other}), [["a", "b"]])
        self.assertEqual(probe_unproven({"a": {**said(0, 8, b=[False]), "controller": None}}), [["a", "b"]])

    def test_nothing_to_hear(self):
        self.assertEqual(probe_unproven({"a": said(0, 8, b=[]), "b": {}}), [])


if __name__ == "__main__":
    unittest.main()
