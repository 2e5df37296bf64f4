# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What measurements and the machines themselves tell before a formation: one case a finding, texts whole."""

from __future__ import annotations

import unittest

from ansible_collections.pve.cluster.plugins.filter.preflight_findings import preflight_findings
from ansible_collections.pve.cluster.plugins.filter.probe_nodes import probe_nodes

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
        one["measured"] = {"peers": [{"name": "pve2", "links": links, "tcp": list(tcp)}], "problems": list(problems)}
        return [f"{f['severity']} {f['id']}: {f['message']}" for f in preflight_findings([one], "lab", **options)]

    def test_nothing(self):
        self.assertEqual(self.found(link(), tcp=[{"port": 22, "problem": None}]), [])

    def test_latency(self):
        self.assertEqual(
            self.found(link(latency=slow(2.0))),
            ["warning latency: link 0 to pve2 has a latency of 2 ms (jitter 0.5 ms), from 2 ms is too much"],
        )
        self.assertEqual(
            self.found(link(latency=slow(5.25))),
            ["error latency: link 0 to pve2 has a latency of 5.25 ms (jitter 0.5 ms), from 5 ms is too much"],
        )
        self.assertEqual(self.found(link(latency=slow(5.25)), limits={"latency_warning_ms": 6.0, "latency_error_ms": 7.0}), [])

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


class Machine(unittest.TestCase):
    """Of the machine itself."""

    maxDiff = None

    def found(self, *lines, joins=True, bridges=(), **facts):
        """`severity id: message` of what these lines come to."""
        one = host(joins=joins, **facts)
        one["local"] = list(lines)
        return [f"{f['severity']} {f['id']}: {f['message']}" for f in preflight_findings([one], "lab", bridges=bridges)]

    def addresses(self, *entries):
        """Addresses as the facts have them."""
        return [{"interface": interface, "address": address, "prefix": 24} for interface, address in entries]

    def test_nothing(self):
        self.assertEqual(self.found("disk 4000", "bridge vmbr0", "bond bond0 active-backup", bridges=["vmbr0"]), [])

    def test_disk_bridge_and_what_a_join_drops(self):
        self.assertEqual(
            self.found("disk 511", "replication 100-0 101-0", "ceph", bridges=["vmbr0"]),
            [
                "error disk-space: only 511 MiB are free for the cluster's database in /var/lib/pve-cluster",
                "error replication: it has replication jobs (100-0, 101-0), and joining would drop them",
                "warning ceph: it has a Ceph configuration of its own, which joining would drop",
                "warning bridge-missing: the bridge vmbr0 is not there",
            ],
        )

    def test_networks_that_are_shared(self):
        own = self.addresses(("eth1", "10.77.1.1"))
        self.assertEqual(
            self.found("migration 10.77.0.0/16", "storage backup 10.77.1.99", "storage far nas.example", addresses=own),
            [
                "warning migration-network: guests are migrated over 10.77.1.0/24, the network of link 0",
                "warning storage-network: the storage backup is reached over 10.77.1.0/24, the network of link 0",
            ],
        )

    def test_bonds(self):
        own = self.addresses(("bond0.20", "10.77.1.1"))
        self.assertEqual(
            self.found("bond bond0 balance-rr", "bond bond1 balance-rr", addresses=own),
            ["warning bond-mode: link 0 is on bond0, a bond in mode balance-rr"],
        )
        self.assertEqual(
            self.found("bond bond0 802.3ad slow", addresses=own),
            ["warning bond-rate: link 0 is on bond0, whose bond-lacp-rate is slow: a failure is noticed after up to 90 s"],
        )
        self.assertEqual(self.found("bond bond0 802.3ad fast", addresses=own), [])

    def test_two_links_on_one_network_and_both_families(self):
        one, two = host(addresses=self.addresses(("eth1", "10.77.1.1"), ("eth2", "10.77.1.101"))), host("pve2", 2)
        one["node"]["links"].append({"number": 1, "address": "10.77.1.101"})
        two["node"]["links"] = [{"number": 0, "address": "fd00::2"}]
        two["facts"]["addresses"] = [{"interface": "eth1", "address": "fd00::2", "prefix": 64}]
        self.assertEqual(
            [f"{f['id']} {f['node']}: {f['message']}" for f in preflight_findings([one, two], "lab")],
            [
                "links-on-one-network pve1: the links 0 and 1 are both on 10.77.1.0/24, and fail together",
                "address-family None: link 0 has addresses of both families (IPv4: pve1; IPv6: pve2)",
            ],
        )

    def test_health(self):
        health = {"clock": {"synchronised": False, "service_enabled": True}, "ha": {"resources": ["vm:100"], "master": None, "lrm": None}}
        self.assertEqual(
            self.found(health=health, services={"pveproxy": {"state": "failed"}}),
            [
                "error ha-resources: it has HA resources (vm:100), and joining would drop them",
                "warning service: the service pveproxy is failed",
                "warning clock: its clock is not synchronised",
            ],
        )
        self.assertEqual(self.found(health={**health, "clock": None}, joins=False), [])

    def test_join_protocol(self):
        hosts = [host(versions={"pve": "9.2.11", "join_api": 1}), host("pve2", 2, versions={"pve": "9.2.11", "join_api": 2})]
        found = preflight_findings(hosts, "lab")
        self.assertEqual([f["message"] for f in found], ["the nodes join by different versions of the protocol (1: pve1; 2: pve2)"])


class ProbeNodes(unittest.TestCase):
    """Nodes as the module takes them."""

    def test_links_without_numbers(self):
        nodes = [{"name": "a", "fqdn": "a.b", "address": "10.0.0.1", "nodeid": None, "links": [{"address": "10.1.0.1"}, {"address": "10.2.0.1"}]}]
        self.assertEqual(
            probe_nodes(nodes),
            [{"name": "a", "address": "10.0.0.1", "links": [{"number": 0, "address": "10.1.0.1"}, {"number": 1, "address": "10.2.0.1"}]}],
        )


if __name__ == "__main__":
    unittest.main()
