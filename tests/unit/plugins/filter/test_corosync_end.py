# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the rescue of a change of corosync.conf is called off: only by proof from every host."""

from __future__ import annotations

import itertools
import unittest

from ansible_collections.pve.cluster.plugins.filter.corosync_end import FilterModule as End
from ansible_collections.pve.cluster.plugins.filter.corosync_rescue_seconds import FilterModule as Seconds
from ansible_collections.pve.cluster.plugins.filter.corosync_rows import FilterModule as Rows

end = End().filters()["corosync_end"]
rows = Rows().filters()["corosync_rows"]
seconds = Seconds().filters()["corosync_rescue_seconds"]

MEMBERS = [{"name": "pve1"}]
GOOD = {"changed": True, "members": MEMBERS}
PROOF = {"changed": False, "failed": False, "members": MEMBERS, "unconfirmed": [], "restart_needed": []}

# every answer that a host can have given, and why it is no proof; none where it is one
CONFIRMED = {
    "proof": (PROOF, None),
    "undefined": (None, "it has not been asked to confirm the change"),
    "no mapping": ("", "it has not been asked to confirm the change"),
    "failed": ({**PROOF, "failed": True, "reasons": ["lost", "gone"]}, "it does not confirm the change: lost; gone"),
    "failed without a word": ({"failed": True, "changed": False}, "it does not confirm the change: it did not say why"),
    "unreachable": (
        {"unreachable": True, "changed": False, "msg": "timed out"},
        "it was unreachable when it was to confirm the change: timed out",
    ),
    "skipped": ({"skipped": True, "changed": False}, "it has not been asked to confirm the change"),
    "not connected": ({**PROOF, "failed": True, "unconfirmed": ["link 1 is not connected"]}, "link 1 is not connected"),
    "still to be changed": ({**PROOF, "changed": True}, "the change is not complete on it"),
    "without changed": ({key: value for key, value in PROOF.items() if key != "changed"}, "the change is not complete on it"),
    "without members": ({**PROOF, "members": []}, "the change is not complete on it"),
}
RESTARTED = {
    "none": (None, None),
    "good": ({"changed": True}, None),
    "skipped": ({"skipped": True, "changed": False}, None),
    "failed": ({"failed": True, "reasons": ["corosync does not run"]}, "its restart failed: corosync does not run"),
    "unreachable": ({"unreachable": True, "msg": "timed out"}, "its restart failed: timed out"),
}
DUE = {
    "nothing": ([], None),
    "something": (["totem.link_mode"], "it still waits for a restart: totem.link_mode"),
    "unknown": (None, "it still waits for a restart: it does not say for what"),
}


def host(name, confirmed=..., restarted=None, judged=True):
    """A host's variables; unless something else is said, it has confirmed the change, and None is no answer at all."""
    if confirmed is ...:
        confirmed = PROOF
    told = {"inventory_hostname": f"{name}.example", "cluster_inventory_node": {"name": name}}
    if judged:
        told["corosync_judged"] = {"changed": False}
    if confirmed is not None:
        told["corosync_confirmed"] = confirmed
    if restarted is not None:
        told["corosync_restarted"] = restarted
    return told


class CallOff(unittest.TestCase):
    """Whether it is called off, for every combination of answers."""

    def test_the_table_of_all_answers(self):
        for (told, (confirmed, no_proof)), (word, (restarted, no_restart)), (due, (keys, waits)) in itertools.product(
            CONFIRMED.items(), RESTARTED.items(), DUE.items()
        ):
            if isinstance(confirmed, dict) and "restart_needed" in confirmed:
                confirmed = {**confirmed, "restart_needed": keys}
            for restart in (False, True):
                with self.subTest(confirmed=told, restarted=word, due=due, restart=restart):
                    expected = [no_restart] if no_restart else []
                    if no_proof:
                        expected.append(no_proof)
                    elif restart and waits:
                        expected.append(waits)
                    expected = [f"pve2: {reason}" for reason in expected]
                    got = end([host("pve1"), host("pve2", confirmed, restarted), host("pve3")], GOOD, [], restart)
                    self.assertEqual(got, {"call_off": not expected, "reasons": expected})

    def test_one_proof_of_three_is_not_enough(self):
        for number in range(3):
            hosts = [host("pve1"), host("pve2"), host("pve3")]
            del hosts[number]["corosync_confirmed"]
            self.assertFalse(end(hosts, GOOD)["call_off"])
        self.assertTrue(end([host("pve1"), host("pve2"), host("pve3")], GOOD)["call_off"])
        self.assertEqual(end([], GOOD), {"call_off": False, "reasons": ["no host has been asked"]})

    def test_a_node_that_may_be_off_need_not_answer_and_one_that_took_part_must(self):
        off = host("pve3", None, judged=False)
        self.assertTrue(end([host("pve1"), off], GOOD, ["pve3"])["call_off"])
        self.assertFalse(end([host("pve1"), off], GOOD)["call_off"])
        self.assertFalse(end([host("pve1"), host("pve3", None)], GOOD, ["pve3"])["call_off"])
        self.assertFalse(end([off, host("pve1", None)], GOOD, ["pve3"])["call_off"], "the hosts behind it are looked at")

    def test_without_a_word_of_restarts_none_is_waited_for(self):
        self.assertTrue(end([host("pve1", {**PROOF, "restart_needed": ["totem.link_mode"]})], GOOD)["call_off"])

    def test_a_host_without_a_description_is_named_by_the_inventory(self):
        for description in ({}, {"cluster_inventory_node": {}}, {"cluster_inventory_node": ""}):
            with self.subTest(description):
                hosts = [{"inventory_hostname": "a", **description}]
                self.assertEqual(end(hosts, GOOD)["reasons"], ["a: it has not been asked to confirm the change"])

    def test_where_the_cluster_is_as_it_was_nobody_needs_to_confirm(self):
        for told, change in {
            "never begun": None,
            "refused": {"failed": True, "changed": False, "reasons": ["offline"]},
            "undone": {"failed": True, "changed": True, "reasons": ["lost"], "rolled_back": True},
        }.items():
            with self.subTest(told):
                self.assertEqual(end([host("pve1", None)], change), {"call_off": True, "reasons": []})

    def test_where_nobody_knows_how_the_change_ended_it_stays(self):
        silent = "the node that was to make the change did not answer, so nobody knows how far it came"
        for told, (change, reason) in {
            "stuck": (
                {"failed": True, "changed": True, "reasons": ["lost"], "rolled_back": False}, "the change ended in the middle: lost",
            ),
            "killed": (
                {"failed": True, "changed": False, "msg": "MODULE FAILURE", "rc": 137}, "the change ended in the middle: MODULE FAILURE",
            ),
            "changed is unknown": ({"failed": True, "reasons": ["lost"]}, "the change ended in the middle: lost"),
            "undone is a word": (
                {"failed": True, "changed": True, "reasons": ["lost"], "rolled_back": "false"}, "the change ended in the middle: lost",
            ),
            "lost": ({"unreachable": True, "changed": False, "msg": "timed out"}, silent),
            "skipped": ({"skipped": True, "changed": False}, silent),
            "nonsense": ("", silent),
            "without members": ({"changed": True, "members": []}, "the module did not say what it came to"),
            "without changed": ({"members": MEMBERS}, "the module did not say what it came to"),
        }.items():
            with self.subTest(told):
                self.assertEqual(end([host("pve1")], change), {"call_off": False, "reasons": [reason]})


class Summary(unittest.TestCase):
    """What is told of each node."""

    def test_a_restart_that_failed_is_told(self):
        def row(number, here, result="in_step"):
            return {"name": f"pve{number}", "nodeid": number, "here": here, "result": result, "links": [0], "restart_needed": []}

        seen = [row(3, False, "offline"), row(1, True), row(2, False)]
        hosts = [
            host("pve1", {**PROOF, "nodes": [row(1, True), row(2, False, "behind")]}),
            host("pve2", None, {"failed": True, "msg": "cannot restart 'corosync'"}),
        ]
        told = rows(hosts, {**GOOD, "nodes": seen})
        self.assertEqual(
            [(one["name"], one["result"], one.get("restart_failed")) for one in told],
            [("pve1", "updated", None), ("pve2", "restart_failed", "cannot restart 'corosync'"), ("pve3", "offline", None)],
        )
        self.assertEqual([one["result"] for one in rows(hosts[:1], {"changed": False})], ["in_step"])
        judged = [{"corosync_judged": {"nodes": [row(1, True, "updated")]}}]
        self.assertEqual([one["result"] for one in rows(judged, None, "corosync_judged")], ["updated"])
        # of a node of which nobody knows anything else
        alone = {"name": "pve2", "nodeid": 0, "links": [], "restart_needed": []}
        self.assertEqual(
            rows(hosts[1:], None), [{**alone, "result": "restart_failed", "restart_failed": "cannot restart 'corosync'"}]
        )
        self.assertEqual(rows([host("pve1", None, {"changed": True})], None), [], "a restart that went well")


class Time(unittest.TestCase):
    """The rescue looks after everything that is to be done can be over."""

    def test_it_grows_with_the_nodes_and_the_time_of_a_step(self):
        self.assertEqual(seconds(60), 360)
        self.assertEqual(seconds(10), 300)
        self.assertEqual(seconds(700), 4200)
        self.assertEqual(seconds(60, 8), 360 + 8 * (120 + 150 + 240))
        self.assertEqual(seconds("200", "3", disarm=False), 1200 + 3 * 350)


if __name__ == "__main__":
    unittest.main()
