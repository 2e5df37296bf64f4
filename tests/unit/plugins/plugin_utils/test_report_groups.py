# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings by their cause, and what corosync said with the nodes' names."""

from __future__ import annotations

import re
import unittest

from ansible_collections.pve.cluster.plugins.filter.health_html import health_html
from ansible_collections.pve.cluster.plugins.plugin_utils.corosync_events import event_said
from ansible_collections.pve.cluster.plugins.plugin_utils.report_groups import causes, groups

from ..filter.test_health_report import NOW, report, three
from ..filter.test_report_pages import Page


def found(identity, node, severity="error", peer=None, measured=None, message=None):
    """A finding."""
    return {"id": identity, "node": node, "severity": severity, "peer": peer, "link": None, "measured": measured, "limit": None,
            "message": message or f"{identity} said", "remedy": f"{identity} done"}  # fmt: skip


def told(findings):
    """The groups in short."""
    return [(one["id"], one["nodes"], [(after["id"], after["nodes"]) for after in one["follows"]]) for one in groups(findings)]


class Groups(unittest.TestCase):
    maxDiff = None

    def test_a_node_that_is_away_comes_first_and_what_the_others_say_of_it_below(self):
        findings = [
            found("link-down", "pve1", peer="pve2"), found("not-seen", "pve1", measured=["pve2"]), found("service", "pve1"),
            found("link-down", "pve3", peer="pve2"), found("unreachable", "pve2"),
        ]  # fmt: skip
        self.assertEqual(told(findings), [
            ("unreachable", ["pve2"], [("link-down", ["pve1", "pve3"]), ("not-seen", ["pve1"])]), ("service", ["pve1"], []),
        ])  # fmt: skip
        self.assertEqual([(one["id"], one["node"]) for one in causes(findings)], [("service", "pve1"), ("unreachable", "pve2")])

    def test_what_is_only_partly_explained_stays_by_itself(self):
        findings = [found("unreachable", "pve2"), found("not-seen", "pve1", measured=["pve2", "pve3"]), found("link-down", "pve1", peer="pve3"),
                    found("latency", "pve1", measured=7.5)]  # fmt: skip
        self.assertEqual([one[0] for one in told(findings)], ["unreachable", "not-seen", "link-down", "latency"])
        self.assertEqual(causes(findings), findings)

    def test_two_nodes_that_are_away(self):
        findings = [found("corosync-stopped", "pve3"), found("not-seen", "pve1", measured=["pve2", "pve3"]), found("unreachable", "pve2"),
                    found("link-down", "pve3", peer="pve2"), found("not-a-member", "pve2")]  # fmt: skip
        self.assertEqual(told(findings), [
            ("corosync-stopped", ["pve3"], []), ("unreachable", ["pve2"], [("not-seen", ["pve1"])]), ("not-a-member", ["pve2"], []),
            ("link-down", ["pve3"], []),
        ])  # fmt: skip

    def test_the_same_of_several_nodes_is_said_once_and_errors_first(self):
        findings = [found("clock", "pve1", "warning"), found("clock", "pve2", "warning"), found("clock", "pve3", "warning", message="other"),
                    found("no-margin", None, "warning"), found("service", "pve1")]  # fmt: skip
        self.assertEqual(told(findings), [("service", ["pve1"], []), ("clock", ["pve1", "pve2"], []), ("clock", ["pve3"], []), ("no-margin", [], [])])

    def test_events_name_nodes(self):
        names = {"2": "pve2", "12": "pve12"}
        for said, wanted in (
            ("host: host: 2 has no active links", "pve2 has no active links"),
            ("link: host: 12 link: 1 is down", "link 1 to pve12 is down"),
            ("link: host: 7 link: 0 is down", "link 0 to node 7 is down"),
            ("pmtud: PMTUD link change for host: 2 link: 0", "pmtud: PMTUD link change for pve2 link: 0"),
            ("Token has not been received in 2737 ms", "Token has not been received in 2737 ms"),
        ):
            self.assertEqual(event_said(said, names), wanted)


class Shown(unittest.TestCase):
    """What the page makes of them."""

    def page(self, change):
        """The words of a page of three nodes."""
        hosts = three()
        change(hosts)
        text = health_html(report(hosts))
        return text, "".join(Page(text).words)

    def test_the_first_screen(self):
        def change(hosts):
            hosts[1] = {"name": "pve2", "facts": None, "problem": "off"}
            facts = hosts[0]["facts"]
            facts["members"] = [member for member in facts["members"] if member["name"] != "pve2"]
            facts["health"]["events"].update(last=NOW, last_said="host: host: 2 has no active links")

        text, words = self.page(change)
        head = text[text.index("<header") : text.index("</header>")]
        self.assertRegex(head, r"<b>pve2</b>: it could not be asked \(off\)</p>\n<p class=\"remedy\">see whether it runs and answers ssh</p>")
        self.assertRegex(head, r"Last event: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC on pve1: pve2 has no active links")
        self.assertIn("From this follows:", words)
        # what the others say of it is not what they are
        self.assertEqual(re.findall(r'<g class="node (\w+)">', text), ["ok", "down", "ok"])
        self.assertNotIn('class="first"', self.page(lambda hosts: None)[0])

    def test_lines_say_which_link_they_are(self):
        text, _words = self.page(lambda hosts: None)
        self.assertEqual(set(re.findall(r'<g class="link.*?<text[^>]*>([^<]*)<', text)), {"link 0", "link 1"})

    def test_a_qdevice_that_nobody_has_is_no_trouble(self):
        def given(state, device=None):
            def change(hosts):
                hosts[0]["facts"]["services"]["corosync-qdevice"] = {"state": state, "enabled": "disabled"}
                hosts[0]["facts"]["health"]["qdevice"] = device

            return "corosync-qdevice" in self.page(change)[0]

        device = {"connected": False, "state": "Connect failed"}
        self.assertEqual([given("inactive"), given("failed"), given("active"), given("inactive", device)], [False, True, True, True])


if __name__ == "__main__":
    unittest.main()
