# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports as HTML, Markdown and text: whole, and nothing in them is taken for markup. How the page looks is for tests/browser."""

from __future__ import annotations

import re
import unittest
from html.parser import HTMLParser

from ansible_collections.pve.cluster.plugins.filter.health_html import health_html
from ansible_collections.pve.cluster.plugins.filter.health_markdown import health_markdown
from ansible_collections.pve.cluster.plugins.filter.health_text import health_text

from .test_health_report import report, three

VOID = {"meta", "line", "rect", "br"}


class Page(HTMLParser):
    """The elements of a page, which must nest."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Remembers it, and that it is open."""
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        """Must end what is open."""
        if tag not in VOID and self.open.pop() != tag:
            raise AssertionError(f"</{tag}> ends nothing")

    def handle_data(self, data):
        """Remembers the words."""
        self.words.append(data)


def troubled():
    """A report with findings of both kinds and a node that does not answer."""
    hosts = three()
    hosts[0]["facts"]["health"]["links"][0]["latency"]["average"] = 6100
    hosts[0]["facts"]["health"]["clock"]["synchronised"] = False
    hosts[2] = {"name": "pve3", "facts": None, "problem": "off"}
    return report(hosts)


class Pages(unittest.TestCase):
    """Each form of the same report."""

    def test_html_is_whole_and_needs_nothing_else(self):
        for document in (report(three()), troubled(), report([{"name": "pve1", "facts": None, "problem": "off"}])):
            text = health_html(document, ["pve1: new"])
            page = Page(text)
            self.assertEqual(page.open, [])
            self.assertIn("svg", page.tags)
            self.assertNotIn("script", page.tags)
            for foreign in ("src=", "href=", "url(", "@import", "http://", "https://"):
                self.assertNotIn(foreign, text)

    def test_every_finding_is_in_every_form(self):
        document = troubled()
        self.assertEqual(len(document["findings"]), 3)
        words = "".join(Page(health_html(document)).words)
        markdown, text = health_markdown(document), health_text(document, ["findings"])
        for found in document["findings"]:
            for form in (words, text, markdown.replace("\\", "")):
                self.assertIn(found["message"], form)
                self.assertIn(found["remedy"], form)

    def test_a_node_is_drawn_no_better_than_what_was_found_of_it(self):
        page = health_html(troubled())
        drawn = dict(zip(("pve1", "pve2", "pve3"), re.findall(r'<g class="node (\w+)">', page)))
        # its clock; nothing; no answer
        self.assertEqual(drawn, {"pve1": "warning", "pve2": "ok", "pve3": "down"})
        hosts = three()
        hosts[1]["facts"]["services"]["pveproxy"]["state"] = "failed"
        # what is found of a link is drawn as the link
        hosts[0]["facts"]["links"][0]["peers"][0]["connected"] = False
        self.assertEqual(re.findall(r'<g class="node (\w+)">', health_html(report(hosts))), ["ok", "error", "ok"])

    def test_names_are_no_markup(self):
        evil = "<b>|*x*"
        document = troubled()
        document["cluster"] = document["nodes"][0]["name"] = evil
        document["findings"][0].update(node=evil, message=evil)
        self.assertNotIn("<b>|", health_html(document, [evil]))
        markdown = health_markdown(document, [evil])
        self.assertNotIn("<b>", markdown)
        self.assertIn("\\<b\\>\\|\\*x\\*", markdown)

    def test_tables_have_as_many_cells_as_their_heads(self):
        lines = health_markdown(troubled()).splitlines()
        tables = [line for line in lines if line.startswith("|")]
        self.assertGreater(len(tables), 10)
        for line, following in zip(tables, tables[1:]):
            if following.startswith("|---"):
                self.assertEqual(line.count("|"), following.count("|"))

    def test_text(self):
        text = health_text(troubled(), ["status", "nodes"], ["pve3: gone"])
        self.assertTrue(text.startswith("cluster 'labcluster' is NOT HEALTHY (2026-11-20T18:30:00Z)\nquorate: 3 of 3 votes present"), text)
        self.assertIn("\npve3  -   -      no answer  -", text)
        self.assertTrue(text.endswith("Not as in the earlier report:\n  pve3: gone\n"), text)


if __name__ == "__main__":
    unittest.main()
