# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a failover test cuts, what it expects, and what it makes of what it sees."""

from __future__ import annotations

import unittest

from ansible_collections.pve.cluster.plugins.filter.failover_away import failover_away
from ansible_collections.pve.cluster.plugins.filter.failover_cases import failover_cases
from ansible_collections.pve.cluster.plugins.filter.failover_refusals import failover_refusals
from ansible_collections.pve.cluster.plugins.filter.failover_result import failover_result
from ansible_collections.pve.cluster.plugins.filter.health_html import health_html
from ansible_collections.pve.cluster.plugins.filter.health_markdown import health_markdown

from .test_health_report import report, three


class Cases(unittest.TestCase):
    """The cuts and their expectations."""

    def test_two_links_and_three_nodes(self):
        cases = failover_cases(report(three()))
        self.assertEqual(
            [case["what"] for case in cases],
            ["link 0 of pve1", "link 1 of pve2"]
            + [f"the corosync network of pve{number}" for number in (1, 2, 3)]
            + [f"corosync of pve{number}" for number in (1, 2, 3)],
        )
        self.assertEqual((cases[1]["address"], cases[1]["views"]["pve2"]["link"]), ("10.77.0.12", "1"))
        network = cases[3]["views"]
        self.assertEqual(network["pve2"], {"members": 1, "quorate": False, "link": None})
        self.assertEqual(network["pve3"], {"members": 2, "quorate": True, "link": None})
        self.assertEqual(cases[5]["views"]["pve1"], {"members": 0, "quorate": False, "link": None})

    def test_a_link_alone_is_the_network(self):
        document = report(three())
        document["links"] = document["links"][:1]
        self.assertEqual([case["kind"] for case in failover_cases(document, only=["pve2"])], ["network", "corosync"])

    def test_votes_decide(self):
        document = report(three())
        document["nodes"][0]["votes"] = 3
        document["quorum"]["quorum"] = 3
        views = failover_cases(document, ["network"], ["pve1"])[0]["views"]
        self.assertEqual((views["pve1"]["quorate"], views["pve2"]["quorate"]), (True, False))

    def test_a_machine_is_reset_only_when_asked(self):
        self.assertNotIn("power", {case["kind"] for case in failover_cases(report(three()))})
        case, = failover_cases(report(three()), ["power"], ["pve2"])
        self.assertEqual((case["what"], sorted(case["views"])), ("the power of pve2", ["pve1", "pve3"]))
        self.assertEqual(case["views"]["pve1"], {"members": 2, "quorate": True, "link": None})

    def test_a_machine_that_would_not_come_back_is_not_reset(self):
        document = report(three())
        document["nodes"][1]["services"]["corosync"]["enabled"] = "disabled"
        self.assertEqual(failover_refusals(document, []), [])
        self.assertEqual(
            failover_refusals(document, [], kinds=["power"]), ["corosync of pve2 is disabled and would not start after a reset"]
        )

    def test_refusals(self):
        document = report(three())
        self.assertEqual(failover_refusals(document, []), [])
        document["nodes"][0]["ha"] = {"resources": ["vm:100"]}
        reasons = failover_refusals(document, [{"vmid": 100}])
        self.assertEqual([reason.partition(" (")[0] for reason in reasons], ["it has guests", "it has HA resources"])
        self.assertEqual(failover_refusals(document, [{"vmid": 100}], allow_guests=True), [])
        document.update(verdict="error", nodes=document["nodes"][:1])
        self.assertEqual(
            failover_refusals(document, [], allow_guests=True), ["it is not well: see the findings of cluster-health", "it has only one node"]
        )


class Results(unittest.TestCase):
    """What was seen."""

    maxDiff = None

    def result(self, position, kinds=("link", "network", "corosync", "power"), **other):
        """Of the case in this position, when all is as expected but for what is given by node."""
        case = failover_cases(report(three()), kinds)[position]
        said = {case["node"]: {"seen": "", "back": "back", "when": ["none", "2.1"], **other.get(case["node"], {})}}
        for name, view in case["views"].items():
            seen = f"{view['members']} {'yes' if view['quorate'] else 'no'} {view['link'] or 'none'}"
            said[name] = {"seen": seen, "back": "back", "when": ["6.6", "2.1"], **other.get(name, {})}
        return failover_result(case, said)

    def test_as_expected(self):
        for position in range(11):
            with self.subTest(position=position):
                found = self.result(position)
                self.assertEqual((found["seen"], found["passed"], found["detected_s"], found["healed_s"]), ("as expected", True, 6.6, 2.1))

    def test_a_node_that_stays_or_does_not_come_back(self):
        found = self.result(3, pve1={"seen": "3 yes none", "when": ["none", "none"]}, pve2={"back": "corosync sees 1 of 3 members", "when": ["none", "none"]})
        self.assertEqual(
            found["seen"],
            "pve1 saw 3 members, quorate instead of 2 members, quorate; pve2: corosync sees 1 of 3 members (it did not come back)",
        )
        self.assertEqual((found["passed"], found["detected_s"], found["healed_s"]), (False, None, None))

    def test_a_machine_that_does_not_come_back(self):
        found = self.result(8, pve1={"back": ""})
        self.assertEqual((found["seen"], found["passed"]), ("pve1: it does not answer (it did not come back)", False))

    def test_a_link_that_is_not_seen_down_and_a_node_that_says_nothing(self):
        found = self.result(0, pve1={"seen": "3 yes 1"}, pve3={"back": ""})
        self.assertEqual(
            found["seen"],
            "pve1 saw 3 members, quorate, link 1 down instead of 3 members, quorate, link 0 down; pve3: it does not answer (it did not come back)",
        )

    def test_who_is_away(self):
        said = {"pve1": {"back": "back"}, "pve2": {"back": "still starting: pveproxy"}, "pve3": {"back": ""}}
        self.assertEqual(failover_away(said), ["pve2: still starting: pveproxy", "pve3: it does not answer"])
        self.assertEqual(failover_away({"pve1": {"back": "back"}}), [])

    def test_the_table_is_in_the_report(self):
        document = {**report(three()), "failover": [self.result(2), self.result(3, pve1={"seen": ""})]}
        page, text = health_html(document), health_markdown(document)
        for form in (page, text):
            self.assertIn("Failover test", form)
            self.assertIn("the corosync network of pve2", form)
            self.assertIn("pve1 saw nothing instead of 2 members, quorate", form)
        self.assertEqual((page.count(">passed<"), page.count(">failed<")), (1, 1))


if __name__ == "__main__":
    unittest.main()
