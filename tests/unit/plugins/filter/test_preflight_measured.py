# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What measurements tell before a formation: one case a finding, texts whole."""

from __future__ import annotations

import json
import unittest

from ansible_collections.pve.cluster.plugins.filter.preflight_findings import preflight_findings
from ansible_collections.pve.cluster.plugins.filter.probe_nodes import probe_nodes
from ansible_collections.pve.cluster.plugins.filter.probe_summary import probe_summary
from ansible_collections.pve.cluster.plugins.filter.probe_unproven import probe_unproven

from .test_hostile_answers import WEIRD, places, put, without
from .test_preflight_findings import host


def link(**other):
    """A link that nothing is wrong with, but for what is given."""
    return {
        "number": 0, "address": "10.77.1.2", "answered": True, "silent_ports": [], "sent": 50, "received": 50, "loss_percent": 0.0,
        "latency": {"min": 0.1, "median": 0.2, "average": 0.2, "max": 0.4, "jitter": 0.05}, "largest": 1500, "own_mtu": 1500, "known_mtu": 1500,
        "clock_offset": 0.3, **other,
    }


def slow(median):
    """Round trips that take so long."""
    return {"min": median, "median": median, "average": median, "max": median, "jitter": 0.5}


class Measured(unittest.TestCase):
    """Of a node that measured pve2."""

    maxDiff = None

    def found(self, *links, tcp=(), problems=(), **options):
        """`severity id: message` of what these measurements come to."""
        one = host()
        one["measured"] = {"peers": [{"name": "pve2", "links": list(links), "tcp": list(tcp)}], "problems": list(problems)}
        return [f"{f['severity']} {f['id']}: {f['message']}" for f in preflight_findings([one], "lab", **options)]

    def test_nothing(self):
        self.assertEqual(self.found(link(), tcp=[{"port": 22, "problem": None}]), [])

    def test_latency(self):
        self.assertEqual(
            self.found(link(latency=slow(2.0))),
            ["warning latency: link 0 to pve2 has a latency of 2 ms (jitter 0.5 ms, limit 2 ms)"],
        )
        self.assertEqual(
            self.found(link(latency=slow(5.25))),
            ["error latency: link 0 to pve2 has a latency of 5.25 ms (jitter 0.5 ms, limit 5 ms)"],
        )
        self.assertEqual(self.found(link(latency=slow(5.25)), limits={"latency_warning_ms": 6.0, "latency_error_ms": 7.0}), [])

    def test_jitter(self):
        uneven = {**slow(1.0), "jitter": 2.5}
        self.assertEqual(
            self.found(link(latency=uneven)), ["warning jitter: round trips to pve2 on link 0 differ by 2.5 ms from one to the next"]
        )
        self.assertEqual(self.found(link(latency=uneven), limits={"jitter_warning_ms": 3.0}), [])

    def test_loss(self):
        self.assertEqual(self.found(link(loss_percent=2.0)), ["warning loss: link 0 to pve2 loses 2 % of 50 packets"])
        self.assertEqual(self.found(link(loss_percent=8.0)), ["error loss: link 0 to pve2 loses 8 % of 50 packets"])

    def test_ports(self):
        self.assertEqual(
            self.found(link(silent_ports=[5407, 5408]), tcp=[{"port": 8006, "problem": "refused"}, {"port": 22, "problem": "no answer"}]),
            [
                "error udp-port: pve2 does not answer on UDP port 5407, 5408 of link 0",
                "error tcp-port: TCP port 8006 of pve2 cannot be connected to (refused)",
                "error tcp-port: TCP port 22 of pve2 cannot be connected to (no answer)",
            ],
        )

    def test_nothing_answered(self):
        silent = link(answered=False, silent_ports=[5405], latency=None, loss_percent=None, largest=None, clock_offset=None)
        self.assertEqual(self.found(silent), ["error link-unreachable: pve2 does not answer on link 0 (10.77.1.2)"])

    def test_nothing_answered_and_perhaps_nobody_was_there(self):
        one = host()
        one["measured"] = {"peers": [{"name": name, "links": [link(answered=False)], "tcp": []} for name in ("pve2", "pve3")], "problems": []}
        one["unproven"] = [["pve1", "pve3"]]
        self.assertEqual(
            [f"{f['id']} {f['peer']}: {f['message']}" for f in preflight_findings([one], "lab")],
            [
                "link-unreachable pve2: pve2 does not answer on link 0 (10.77.1.2)",
                "not-measured pve3: nothing is known of link 0 to pve3: they did not measure at the same time",
            ],
        )

    def test_mtu(self):
        said = "error mtu: packets of more than {} bytes do not reach pve2 on link 0, though the interface sends {}"
        self.assertEqual(self.found(link(largest=1400)), [said.format(1400, 1500)])
        self.assertEqual(self.found(link(known_mtu=1450)), [said.format(1450, 1500)])
        self.assertEqual(self.found(link(largest=None)), [said.format(92, 1500)])
        self.assertEqual(self.found(link(own_mtu=65536, largest=9216, known_mtu=65536)), [])
        self.assertEqual(self.found(link(own_mtu=None, known_mtu=None)), [])

    def test_clock(self):
        self.assertEqual(self.found(link(clock_offset=-250.5)), ["warning clock-offset: the clock of pve2 is 250.5 ms behind"])
        self.assertEqual(self.found(link(clock_offset=9000.0)), ["error clock-offset: the clock of pve2 is 9000 ms ahead"])
        # an uneven way makes a clock look off; the link that says least is right
        self.assertEqual(self.found(link(clock_offset=9000.0), link(number=1, clock_offset=1.0)), [])

    def test_what_keeps_a_node_from_measuring(self):
        problem = "cannot send to 10.77.1.2 on link 0: Operation not permitted (os error 1)"
        self.assertEqual(self.found(link(), problems=[problem]), [f"error cannot-measure: {problem}"])

    def test_waived(self):
        self.assertEqual(self.found(link(loss_percent=8.0, clock_offset=9000.0), waive=["loss", "clock-offset"]), [])


class ProbeNodes(unittest.TestCase):
    """Nodes as the module takes them."""

    def test_links_without_numbers(self):
        nodes = [{"name": "a", "fqdn": "a.b", "address": "10.0.0.1", "nodeid": None, "links": [{"address": "10.1.0.1"}, {"address": "10.2.0.1"}]}]
        self.assertEqual(
            probe_nodes(nodes),
            [{"name": "a", "address": "10.0.0.1", "links": [{"number": 0, "address": "10.1.0.1"}, {"number": 1, "address": "10.2.0.1"}]}],
        )

    def test_an_sshd_that_listens_elsewhere(self):
        nodes = [{"name": name, "address": "10.0.0.1", "links": []} for name in "abc"]
        found = probe_nodes(nodes, {"a": ["22", "2222"], "b": ["2222"], "c": []})
        self.assertEqual([node.get("tcp_ports") for node in found], [None, [2222, 8006], None])


class ProbeSummary(unittest.TestCase):
    """What somebody who waits is told."""

    maxDiff = None

    def test_some_that_do_not_answer(self):
        silent = link(answered=False, latency=None, loss_percent=None, largest=None)
        open_port, closed = {"port": 22, "problem": None}, {"port": 22, "problem": "refused"}
        measured = {
            "seconds": 3.2,
            "peers": [
                {"name": "pve2", "links": [link(), link(number=1)], "tcp": [open_port]},
                {"name": "pve3", "links": [silent, link(number=1, latency=slow(1.5), loss_percent=2.0, largest=1400)], "tcp": [closed]},
            ],
        }
        self.assertEqual(
            probe_summary(measured),
            [
                "link 0: 1 of 2 nodes answer, not pve3, latency 0.2 to 0.2 ms, loss up to 0 %, packets of 1500 bytes pass",
                "link 1: 2 of 2 nodes answer, latency 0.2 to 1.5 ms, loss up to 2 %, packets of 1400 bytes pass",
                "TCP port 22: open on 1 of 2 nodes, not on pve3 (refused)",
                "measured in 3.2 s",
            ],
        )

    def test_nobody(self):
        self.assertEqual(probe_summary({"peers": []}), [])


def whole():
    """A measurement of pve2 that nothing is wrong with."""
    return {
        "peers": [{"name": "pve2", "heard": True, "links": [link()], "tcp": [{"port": 22, "problem": None}]}],
        "seconds": 1.5, "controller": {"begun": 10.0, "ended": 12.0}, "problems": [],
    }


class Hostile(unittest.TestCase):
    """Whatever a node says that it measured: nothing raises, nothing begins a template, and nothing that is wrong passes for well."""

    def judge(self, measured):
        """The findings of a node that measured so."""
        one = {**host(), "measured": measured}
        found = preflight_findings([one], "lab")
        json.dumps(found, allow_nan=False)
        probe_unproven({"pve1": measured, "pve2": whole()})
        lines = probe_summary(measured)
        for form in (json.dumps(found), "\n".join(lines)):
            form.encode()
            self.assertNotRegex(form, r"\{[{%#]")
            self.assertNotRegex(form, "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")
        return found

    def test_every_field_with_everything(self):
        self.assertEqual(self.judge(whole()), [])
        tried = 0
        for path in places(whole()):
            if not path:
                continue
            for value in WEIRD:
                with self.subTest(path=path, value=str(value)[:40]):
                    self.judge(put(whole(), path, value))
                    tried += 1
            self.judge(without(whole(), path))
        self.assertGreater(tried, 500)

    def test_what_does_not_fit_is_an_error_and_named(self):
        for path, value, said in (
            (("peers", 0, "links", 0, "answered"), "no", "'measurement.peers[0].links[0].answered' of its answer is 'no', and not true or false"),
            (("peers", 0, "links", 0, "latency", "median"), "0.1", "'measurement.peers[0].links[0].latency.median' of its answer is '0.1', and not a measured number"),
            (("peers", 0, "links", 0, "loss_percent"), float("nan"), "'measurement.peers[0].links[0].loss_percent' of its answer is nan, and not a measured number"),
            (("peers", 0, "links", 0, "loss_percent"), True, "'measurement.peers[0].links[0].loss_percent' of its answer is True, and not a measured number"),
            (("peers", 0, "links", 0, "largest"), 2**50, f"'measurement.peers[0].links[0].largest' of its answer is {2**50}, and not a number"),
            (("peers",), {}, "'measurement.peers' of its answer is {}, and not a list"),
            (("seconds",), 1e300, "'measurement.seconds' of its answer is 1e+300, and not a measured number"),
        ):
            with self.subTest(path=path):
                found = [one for one in self.judge(put(whole(), path, value)) if one["id"] == "answer"]
                self.assertEqual([(one["severity"], one["node"], one["message"]) for one in found], [("error", "pve1", said)])

    def test_silence_about_a_node_or_a_link_is_no_answer(self):
        def two(measured):
            second = host()
            second["node"] = {**second["node"], "name": "pve2"}
            second["facts"] = {**second["facts"], "nodename": "pve2"}
            found = preflight_findings([{**host(), "measured": measured}, second], "lab")
            return [(one["severity"], one["node"], one["peer"], one["message"]) for one in found if one["id"] == "answer"]

        said = ("error", "pve1", "pve2", "its measurement says nothing of link 0 to pve2")
        self.assertEqual(two(whole()), [])
        self.assertEqual(two({**whole(), "peers": []}), [said])
        self.assertEqual(two(put(whole(), ("peers", 0, "links"), [])), [said])
        self.assertEqual(two(put(whole(), ("peers", 0, "name"), "pve3")), [said])


if __name__ == "__main__":
    unittest.main()
