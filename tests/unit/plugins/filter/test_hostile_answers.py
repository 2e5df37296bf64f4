# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a node answers: nothing raises, nothing of it is markup or a template, and what does not fit is named."""

from __future__ import annotations

import copy
import json
import re
import unittest
from unittest import mock

import yaml
from ansible.errors import AnsibleFilterError
from ansible.utils.unsafe_proxy import wrap_var

from ansible_collections.pve.cluster.plugins.filter.cluster_export import cluster_export
from ansible_collections.pve.cluster.plugins.filter.cluster_findings import cluster_findings
from ansible_collections.pve.cluster.plugins.filter.failover_cases import failover_cases
from ansible_collections.pve.cluster.plugins.filter.health_changes import health_changes
from ansible_collections.pve.cluster.plugins.filter.health_html import health_html
from ansible_collections.pve.cluster.plugins.filter.health_markdown import health_markdown
from ansible_collections.pve.cluster.plugins.filter.health_text import health_text
from ansible_collections.pve.cluster.plugins.plugin_utils import verbatim
from ansible_collections.pve.cluster.plugins.plugin_utils.export import export_text

from .test_health_report import THREE, recorded, report, three
from .test_report_pages import Page

MARKUP = "<script>owned()</script>\"'&"
TEMPLATE = "{{ lookup('pipe', 'touch /owned') }}"
# Tried in each field, and of the rest one after the other.
WORST = (MARKUP, TEMPLATE, None, True, 10**30, [MARKUP], {"name": None})
REST = (
    "{{{# {% if 1 %}", "\x1b[2J\u202e\ud800\x00\n{{ 1 }}", "", "x" * 100_000, False, -1, 0, 1.5, float("nan"), float("inf"), [], [None], {},
    {"a": MARKUP, TEMPLATE: 1}, [[]],
)  # fmt: skip
WEIRD = WORST + REST


def places(value, path=()):
    """The path of every value inside, of mappings and lists too."""
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from places(item, (*path, number))


def put(facts, path, value):
    """The facts with this value there."""
    if not path:
        return value
    changed = copy.deepcopy(facts)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return changed


def without(facts, path):
    """The facts without what is there."""
    changed = copy.deepcopy(facts)
    at = changed
    for key in path[:-1]:
        at = at[key]
    del at[path[-1]]
    return changed


class Hostile(unittest.TestCase):
    """Every field in turn, then all at once."""

    maxDiff = None

    def judge(self, answer, problem=None):
        """The report of three nodes, of which the second answers so, in every form."""
        hosts = three()
        hosts[1] = {"name": "pve2", "facts": answer, "problem": problem}
        document = report(hosts)
        json.dumps(document, allow_nan=False)
        changes = health_changes(report(three()), document)
        page = health_html(document, changes)
        for form in (json.dumps(document), page, health_markdown(document, changes), health_text(document, ["status", "nodes", "findings"], changes)):
            self.assertNotRegex(form, r"\{[{%#]")
            # as Ansible would write it into a file, or onto a terminal
            form.encode()
            self.assertNotRegex(form, "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")
        seen = Page(page)
        self.assertEqual(seen.open, [])
        self.assertFalse({"script", "iframe", "img", "a", "form"} & set(seen.tags))
        ids = r" `[a-z-]+`$"
        self.assertNotRegex(re.sub(ids, "", health_markdown(document, changes), flags=re.M), r"(?<!\\)[<`]")
        failover_cases(document)
        cluster_findings(hosts, "labcluster")
        return document

    def answer(self):
        """One that fits."""
        return three()[1]["facts"]

    def test_every_field_with_everything(self):
        facts = self.answer()
        tried = 0
        for path in places(facts):
            # one element of a list is as good as another
            if any(isinstance(key, int) and key > 0 for key in path):
                continue
            for value in (*WORST, REST[tried % len(REST)], REST[(tried + 7) % len(REST)]):
                with self.subTest(path=path, value=str(value)[:40]):
                    self.judge(put(facts, path, value))
                    tried += 1
            if path:
                with self.subTest(path=path, value="gone"):
                    self.judge(without(facts, path))
        self.assertGreater(tried, 1000)

    def test_all_fields_at_once(self):
        def all_of(value, evil):
            if isinstance(value, dict):
                return {key: all_of(item, evil) for key, item in value.items()}
            if isinstance(value, list):
                return [all_of(item, evil) for item in value]
            return evil

        for evil in WEIRD:
            with self.subTest(evil=str(evil)[:40]):
                self.judge(all_of(self.answer(), evil))
        for situation in ("removed", "stranded", "not_quorate", "corosync_stopped", "standalone"):
            self.judge({**all_of(recorded(situation), MARKUP), "membership": "member", "cluster_name": "labcluster", "situation": situation})

    def test_what_cannot_be_asked(self):
        for problem in WEIRD:
            self.judge(None, problem)

    def test_what_does_not_fit_is_named(self):
        facts = self.answer()
        facts["health"]["links"][0]["mtu"] = MARKUP
        facts["health"]["links"][1]["pings"] = "many"
        facts["nodelist"][2].pop("name")
        facts["quorum"]["total_votes"] = True
        found = [one for one in self.judge(facts)["findings"] if one["id"] == "answer"]
        self.assertEqual({(one["severity"], one["node"]) for one in found}, {("error", "pve2")})
        self.assertEqual(
            [one["message"] for one in found],
            [
                "'quorum.total_votes' of its answer is True, and not a number",
                "'nodelist[2].name' of its answer is not there, and not a text",
                "'health.links[0].mtu' of its answer is '<script>owned()</script>\"\\'&', and not a number",
                "'health.links[1].pings' of its answer is 'many', and not a number",
            ],
        )
        self.assertIn("trust nothing that this node says", found[0]["remedy"])

    def test_only_some_are_named_and_the_rest_counted(self):
        facts = self.answer()
        facts["reasons"] = [1] * 30
        found = [one["message"] for one in self.judge(facts)["findings"] if one["id"] == "answer"]
        self.assertEqual((len(found), found[-1]), (11, "20 more parts of its answer are not what the module gives"))

    def test_no_answer_at_all(self):
        found = [one for one in self.judge([MARKUP])["findings"] if one["node"] == "pve2"]
        self.assertEqual([one["id"] for one in found], ["answer", "unreachable"])
        self.assertTrue(found[0]["message"].startswith("its answer is ['<script>"), found)

    def test_what_fits_is_left_as_it_is(self):
        for situation in ("two_links", "standalone", "removed", "not_quorate", "plain_debian"):
            document = report([{"name": "pve1", "facts": recorded(situation)}])
            self.assertNotIn("answer", [one["id"] for one in document["findings"]], situation)

    def test_the_page_lets_nothing_run(self):
        page = health_html(report(three()))
        policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]+)">', page).group(1)
        self.assertRegex(policy, r"^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]{44}'; base-uri 'none'; form-action 'none'$")
        self.assertLess(page.index("Content-Security-Policy"), page.index("<style>"))
        self.assertNotRegex(page, r" (style|on[a-z]+)=")


class Unsafe(unittest.TestCase):
    """Ansible before 2.19 takes what a filter returns for a template."""

    def test_results_are_marked(self):
        with mock.patch.object(verbatim, "_TRUSTS_ALL", True):
            marked = verbatim.marked({"a": [TEMPLATE]})
        self.assertEqual(marked, {"a": [TEMPLATE]})
        self.assertEqual(type(marked["a"][0]), type(wrap_var({"a": [TEMPLATE]})["a"][0]))

    def test_shown_text_begins_no_template(self):
        shown = verbatim.displayed(lambda: [TEMPLATE, {"{% x": "{{{{#"}, 5, None, ("{#",)])()
        self.assertNotRegex(json.dumps(shown), r"\{[{%#]")
        self.assertEqual(shown[2:], [5, None, ["{ #"]])
        self.assertEqual(verbatim.plain("a {b} c"), "a {b} c")
        self.assertEqual(verbatim.plain("x" * 2001), "x" * 2000 + "..")


class Export(unittest.TestCase):
    """An inventory is templates."""

    maxDiff = None

    def test_nothing_that_is_a_template_gets_into_an_inventory(self):
        facts = recorded("two_links")
        tried = 0
        for path in places(facts):
            for evil in (TEMPLATE, "{% x %}", "a\nb: c", "x y", "$(x)", "fe80::1%$(x)", "'", "", ["x"], {"x": 1}, True, None):
                with self.subTest(path=path, evil=evil):
                    try:
                        exported = cluster_export(put(facts, path, evil), {}, "totem {}\n")
                    except AnsibleFilterError as error:
                        self.assertNotRegex(str(error), r"\{[{%#]")
                        continue
                    tried += 1
                    text = json.dumps(exported)
                    self.assertNotRegex(text, r"[{][{%#]|\$|\\n[a-z]|x y|: \"\"")
        self.assertGreater(tried, 100)

    def test_all_reasons_at_once(self):
        facts = recorded("two_links")
        facts["nodelist"][0]["links"]["1"] = TEMPLATE
        facts["nodelist"][1]["votes"] = "1"
        facts["cluster_name"] = "x\n"
        hosts = {"pve3": {"host": "ok", "address": "10.0.0.1", "fqdn": "{{ x }}"}}
        with self.assertRaises(AnsibleFilterError) as caught:
            cluster_export(facts, hosts, "totem {\n key: x\n}\n")
        self.assertEqual(
            str(caught.exception),
            "cannot export the cluster: cluster_name is 'x\\n', which is not a cluster's name; nodelist[0].links.1 is \"(( lookup('pipe', 'touch "
            "/owned') ))\", which is not an address; nodelist[1].votes is '1', which is not a number; fqdn of node 'pve3' is '(( x ))', which is not a "
            "name; its corosync.conf has the cluster's key in it (totem.key)",
        )

    def test_corosync_conf_is_marked_as_text(self):
        conf = f"# {TEMPLATE}\ntotem {{\n  version: 2\n}}\n"
        inventory = cluster_export(recorded("two_links"), {}, conf)
        self.assertNotIn("corosync_conf:", export_text(inventory))
        text = export_text(inventory, with_conf=True)
        self.assertIn("corosync_conf: !unsafe |\n", text)
        for other in ("x: \t \n", "\u2028 {{ 1 }}", "{{ 1 }}", "", "#", "  a\n b\n"):
            text = export_text(cluster_export(recorded("two_links"), {}, other), with_conf=True)
            seen = []

            class Loader(yaml.SafeLoader):
                """Knows the mark."""

            Loader.add_constructor("!unsafe", lambda loader, node, seen=seen: seen.append(node.value) or node.value)
            loaded = yaml.load(text, Loader)  # noqa: S506  (a SafeLoader)
            self.assertEqual(seen, [other])
            self.assertEqual(loaded["all"]["children"]["pve_cluster_nodes"]["vars"]["cluster_exported"]["corosync_conf"], other)
            self.assertEqual([node["short_name"] for node in loaded["all"]["children"]["pve_cluster_nodes"]["vars"]["cluster_nodes"]], list(THREE))

    def test_corosync_conf_is_a_block_whatever_blanks_are_in_it(self):
        text = export_text(cluster_export(recorded("two_links"), {}, "totem {\n\tversion: 2 \n  \n}\n\n"), with_conf=True)
        self.assertIn("corosync_conf: !unsafe |+\n            totem {\n            \tversion: 2 \n", text)

    def test_bytes_that_are_no_text_are_refused(self):
        with self.assertRaisesRegex(AnsibleFilterError, "corosync.conf is not UTF-8 text"):
            cluster_export(recorded("two_links"), {}, "\udcff")


if __name__ == "__main__":
    unittest.main()
