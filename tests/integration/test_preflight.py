# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that is checked before a formation, made wrong on purpose on real nodes: found, worded, and nothing is touched."""

import json
import tempfile
import unittest
from pathlib import Path

from harness import Inventory, fresh, lab, on, play, state

THREE = ["pve1", "pve2", "pve3"]
# All lab nodes share the machine's clock, which nothing keeps right, and its processors, which may be busy.
LAB_LIMITS = {
    "preflight_waive": ["clock", "bridge-missing", "lookup", "loss"],
    "preflight_latency_warning_ms": 15,
    "preflight_latency_error_ms": 30,
}


class Preflight(unittest.TestCase):
    """Each case undoes what it did."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        fresh(3, key=True)
        # as phase 1 leaves it
        run = play(Inventory(3), "cluster-init.yml", "--tags", "phase1")
        assert run.rc == 0, run.output
        cls.file = Path(tempfile.mkdtemp(prefix="preflight-")) / "findings.json"

    def found(self, inventory=None, **variables):
        """The run and its findings as `severity id node peer link`."""
        self.file.unlink(missing_ok=True)
        given = {**LAB_LIMITS, "preflight_output_file": str(self.file), **variables}
        run = play(inventory or Inventory(3), "cluster-preflight.yml", "-e", json.dumps(given))
        self.assertTrue(self.file.exists(), run.output)
        self.findings = json.loads(self.file.read_text())["findings"]
        short = [(one["severity"], one["id"], one["node"], one["peer"], one["link"]) for one in self.findings]
        self.assertEqual(run.rc == 0, not any(severity == "error" for severity, *_ in short), run.output)
        for one in self.findings:
            self.assertIn(f"{one['message']}: {one['remedy']} [{one['id']}]", run.output.replace("\\n", "\n").replace('\\"', '"'))
        return short

    def test_10_nodes_that_are_ready_and_stay_untouched(self):
        before = {name: state(name) for name in THREE}
        self.assertEqual(self.found(), [])
        for name in THREE:
            self.assertEqual(before[name], state(name), f"{name} was touched")
            self.assertEqual(on(name, "ss -Huan sport ge 5405 and sport le 5412"), "", "a socket was left open")

    def test_20_the_machine_itself(self):
        on("pve2", "echo 'migration: secure,network=10.77.1.0/24' > /etc/pve/datacenter.cfg")
        on("pve2", "cp /etc/pve/storage.cfg /root/storage; printf 'nfs: backup\\n\\tserver 10.77.1.99\\n\\texport /b\\n' >> /etc/pve/storage.cfg")
        on("pve2", "printf 'local: 100-0\\n\\ttarget pve1\\n' > /etc/pve/replication.cfg; echo '[global]' > /etc/pve/ceph.conf")
        on("pve2", "mkdir -p /etc/pve/ha; printf 'vm: 100\\n\\tstate started\\n' > /etc/pve/ha/resources.cfg")
        on("pve2", "echo x > /etc/pve/qemu-server/100.conf; systemctl stop pvedaemon")
        on("pve3", "cp /etc/hosts /root/hosts; sed -i 's/^.* pve1\\b.*//' /etc/hosts; echo '127.0.1.1 pve1 pve1.lab.local' >> /etc/hosts")
        try:
            found = self.found(preflight_free_mib=99999999, preflight_bridges=["vmbr0"], preflight_waive=["clock", "reverse-lookup"])
        finally:
            on("pve2", "rm -rf /etc/pve/datacenter.cfg /etc/pve/replication.cfg /etc/pve/ceph.conf /etc/pve/ha/resources.cfg"
               " /etc/pve/qemu-server/100.conf; cat /root/storage > /etc/pve/storage.cfg; systemctl start pvedaemon")
            on("pve3", "cat /root/hosts > /etc/hosts")
        for wanted in (
            ("warning", "migration-network", "pve2", None, 0), ("warning", "storage-network", "pve2", None, 0),
            ("error", "replication", "pve2", None, None), ("warning", "ceph", "pve2", None, None),
            ("error", "ha-resources", "pve2", None, None), ("error", "guests", "pve2", None, None),
            ("warning", "service", "pve2", None, None), ("error", "loopback", "pve3", None, None),
            ("error", "disk-space", "pve1", None, None), ("warning", "bridge-missing", "pve1", None, None),
        ):
            self.assertIn(wanted, found)
        self.assertEqual({node for _severity, identity, node, *_ in found if identity == "ha-resources"}, {"pve2"})

    def test_30_a_link_that_is_late(self):
        lab("netem", "pve3", "corosync", "delay", "20ms")
        try:
            found = self.found()
        finally:
            lab("heal", "pve3")
        pairs = [("pve1", "pve3"), ("pve2", "pve3"), ("pve3", "pve1"), ("pve3", "pve2")]
        self.assertEqual(found, [("error", "latency", one, other, 0) for one, other in pairs])
        for one in self.findings:
            self.assertTrue(40 <= one["measured"] < 100, one)
        # accepted by its id
        lab("netem", "pve3", "corosync", "delay", "20ms")
        try:
            self.assertEqual(self.found(preflight_waive=[*LAB_LIMITS["preflight_waive"], "latency"]), [])
        finally:
            lab("heal", "pve3")

    def test_40_ports_that_are_dropped(self):
        on("pve2", "nft 'add table inet cut; add chain inet cut in { type filter hook input priority 0; };"
           " add rule inet cut in udp dport 5407 drop; add rule inet cut in iifname eth0 tcp dport 8006 drop'")
        try:
            found = self.found()
        finally:
            on("pve2", "nft delete table inet cut")
        for wanted in (
            ("error", "udp-port", "pve1", "pve2", 0), ("error", "udp-port", "pve3", "pve2", 0), ("error", "udp-port", "pve2", "pve1", 0),
            ("error", "tcp-port", "pve1", "pve2", None), ("error", "tcp-port", "pve3", "pve2", None),
        ):
            self.assertIn(wanted, found)
        self.assertEqual({str(one["measured"]) for one in self.findings}, {"[5407]", "no answer"})

    def test_50_a_path_that_takes_only_small_packets(self):
        on("pve3", "nft 'add table inet cut; add chain inet cut in { type filter hook input priority 0; };"
           " add rule inet cut in iifname eth1 meta length > 1300 drop'")
        try:
            found = self.found()
        finally:
            on("pve3", "nft delete table inet cut")
        self.assertEqual(found, [("error", "mtu", "pve1", "pve3", 0), ("error", "mtu", "pve2", "pve3", 0)])
        self.assertEqual({one["measured"] for one in self.findings}, {1280})

    def test_60_a_node_that_is_cut_off_from_the_corosync_network(self):
        lab("partition", "pve3")
        try:
            found = self.found(preflight_timeout=12)
        finally:
            lab("heal", "pve3")
        self.assertEqual(
            {(identity, node, peer) for _severity, identity, node, peer, _link in found},
            {("link-unreachable", one, other) for one, other in [("pve1", "pve3"), ("pve2", "pve3"), ("pve3", "pve1"), ("pve3", "pve2")]},
        )

    def test_70_members_are_measured_beside_their_running_corosync(self):
        two = Inventory(2)
        run = play(two, "cluster-init.yml", "-e", json.dumps(LAB_LIMITS))
        self.assertEqual(run.rc, 0, run.output)
        self.assertEqual(self.found(two), [])
