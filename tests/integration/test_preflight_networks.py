# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured between the nodes before a formation, and what their networks are: made wrong on purpose on real nodes.

What a lab node cannot have (a bond, another wall clock) is wrong in what the node's own programs answer.
"""

import base64
import subprocess
from pathlib import Path

from harness import Inventory, lab, on, play
from preflight_cases import LAB_LIMITS, THREE, Lab, edited, entry, put, wrong


class Networks(Lab):
    """Standalone nodes. Each case undoes what it did."""

    def test_13_a_clock_that_is_wrong(self):
        library = self.folder / "skewed_clock.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, Path(__file__).with_name("skewed_clock.c")], check=True)
        for number, part in enumerate(base64.b64encode(library.read_bytes())[at : at + 60_000] for at in range(0, 120_000, 60_000)):
            on("pve3", f"printf %s '{part.decode()}' {'>' if number == 0 else '>>'} /root/skew.base64")
        on("pve3", "base64 -d /root/skew.base64 > /root/skew.so; rm /root/skew.base64")
        for milliseconds, severity in ((-250, "warning"), (9000, "error")):
            preload = f"1i export LD_PRELOAD=/root/skew.so SKEW_MS={milliseconds}"
            with self.subTest(milliseconds=milliseconds), edited("pve3", "/root/.bashrc", f"'{preload}'"):
                pairs = [("pve1", "pve3"), ("pve2", "pve3"), ("pve3", "pve1"), ("pve3", "pve2")]
                self.finds([(severity, "clock-offset", one, other, None) for one, other in pairs])
                for one in self.findings:
                    expected = milliseconds if one["peer"] == "pve3" else -milliseconds
                    self.assertAlmostEqual(one["measured"], expected, delta=100)
        on("pve3", "rm /root/skew.so")

    def test_22_networks_that_corosync_shares(self):
        bond = (
            "9: bond0: <BROADCAST,MULTICAST,MASTER,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default qlen 1000\\    link/ether "
            "02:00:00:00:00:09 brd ff:ff:ff:ff:ff:ff promiscuity 0 minmtu 68 maxmtu 65535 \\    bond mode {} miimon 100 updelay 0 downdelay 0 "
            "use_carrier 1 xmit_hash_policy layer2+3 lacp_active on lacp_rate slow ad_select stable addrgenmode eui64\n"
            # eth1 lies on it, as a VLAN would
            "10: eth1@bond0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default qlen 1000\n"
        )
        for node, mode in (("pve2", "balance-rr"), ("pve3", "802.3ad")):
            on(node, put("/root/bond", bond.format(mode)))
            on(node, put("/usr/local/bin/ip", "#!/bin/sh\n[ \"$*\" != '-d -o link show' ] || cat /root/bond\nexec /usr/sbin/ip \"$@\"\n", "0755"))
            on(node, "ln -sf /usr/local/bin/ip /usr/local/sbin/ip")
        on("pve1", "cp /etc/pve/datacenter.cfg /root/datacenter; echo 'migration: secure,network=10.77.1.0/24' >> /etc/pve/datacenter.cfg")
        on("pve1", "cp /etc/pve/storage.cfg /root/storage; printf 'nfs: backup\\n\\tserver 10.77.1.99\\n\\texport /b\\n' >> /etc/pve/storage.cfg")
        try:
            self.finds(
                [
                    ("warning", "migration-network", "pve1", None, 0), ("warning", "storage-network", "pve1", None, 0),
                    ("warning", "bond-mode", "pve2", None, 0), ("warning", "bond-rate", "pve3", None, 0),
                ],
                "guests are migrated over 10.77.1.0/24, the network of link 0", "the storage backup is reached over 10.77.1.0/24",
                "link 0 is on bond0, a bond in mode balance-rr", "link 0 is on bond0, whose bond-lacp-rate is slow",
            )
        finally:
            for node in ("pve2", "pve3"):
                on(node, "rm /root/bond /usr/local/bin/ip /usr/local/sbin/ip")
            on("pve1", "cat /root/datacenter > /etc/pve/datacenter.cfg; cat /root/storage > /etc/pve/storage.cfg")

    def test_23_links_of_two_families_and_links_that_fail_together(self):
        for number in (1, 2, 3):
            on(f"pve{number}", f"ip address add fd77::{number}/64 dev eth1 nodad; ip address add fd77::1{number}/64 dev eth1 nodad")
        try:
            six = Inventory(3)
            for number in (1, 2, 3):
                links = [{"number": 0, "address": f"10.77.1.1{number}"}, {"number": 1, "address": f"FD77:0::{number}"}]
                entry(six, number, links=links)
            together = [("warning", "links-on-one-interface", name, None, 1) for name in THREE]
            # both links work, each in its own family
            self.finds(together, "the links 0 and 1 both run over eth1, and fail together", inventory=six)
            for number in (1, 2, 3):
                entry(six, number, links=[{"number": 0, "address": f"fd77::{number}"}, {"number": 1, "address": f"FD77:0::1{number}"}])
            self.finds(
                [*together, *[("error", "links-on-one-network", name, None, 1) for name in THREE]],
                "the links 0 and 1 are both on fd77::/64, and fail together", inventory=six,
            )
            mixed = entry(Inventory(3), 3, links=[{"number": 0, "address": "fd77::3"}])
            found = self.found(mixed, preflight_timeout=15)
            self.assertIn(("error", "address-family", None, None, 0), found)
            self.assertEqual(self.said("address-family"), ["link 0 has addresses of both families (IPv4: pve1, pve2; IPv6: pve3)"])
        finally:
            for number in (1, 2, 3):
                on(f"pve{number}", f"ip address del fd77::{number}/64 dev eth1; ip address del fd77::1{number}/64 dev eth1")

    def test_30_a_link_that_is_late(self):
        lab("netem", "pve3", "corosync", "delay", "20ms")
        try:
            pairs = [("pve1", "pve3"), ("pve2", "pve3"), ("pve3", "pve1"), ("pve3", "pve2")]
            self.finds([("error", "latency", one, other, 0) for one, other in pairs])
            for one in self.findings:
                self.assertTrue(40 <= one["measured"] < 100, one)
            # accepted by its id
            self.finds([], preflight_waive=[*LAB_LIMITS["preflight_waive"], "latency"])
            # below the limit of an error
            self.finds([("warning", "latency", one, other, 0) for one, other in pairs], preflight_latency_error_ms=1000)
        finally:
            lab("heal", "pve3")
        # round trips always differ by something
        found = self.found(preflight_jitter_warning_ms=0.000001)
        self.assertEqual({(severity, identity) for severity, identity, *_ in found}, {("warning", "jitter")})

    def test_31_a_link_that_loses_packets(self):
        lab("netem", "pve3", "corosync", "loss", "20%")
        try:
            some = {"preflight_packets": 200, "preflight_waive": ["clock", "bridge-missing", "mtu", "udp-port"]}
            for limit, severity in ((5, "error"), (101, "warning")):
                found = self.found(preflight_loss_error_percent=limit, **some)
                for one, other in [("pve1", "pve3"), ("pve2", "pve3"), ("pve3", "pve1"), ("pve3", "pve2")]:
                    self.assertIn((severity, "loss", one, other, 0), found)
        finally:
            lab("heal", "pve3")

    def test_40_ports_that_are_dropped(self):
        on("pve2", "nft 'add table inet cut; add chain inet cut in { type filter hook input priority 0; };"
           " add rule inet cut in udp dport 5407 drop; add rule inet cut in iifname eth0 tcp dport 8006 drop'")
        on("pve1", "nft 'add table inet cut; add chain inet cut in { type filter hook input priority 0; };"
           " add rule inet cut in ip saddr 10.77.0.12 tcp dport 22 drop; add rule inet cut in ip saddr 10.77.0.13 tcp dport 22 reject with tcp reset'")
        on("pve3", "systemctl stop pveproxy")
        try:
            found = self.found()
        finally:
            for node in ("pve1", "pve2"):
                on(node, "nft delete table inet cut")
            on("pve3", "systemctl start pveproxy")
        for wanted in (
            ("error", "udp-port", "pve1", "pve2", 0), ("error", "udp-port", "pve3", "pve2", 0), ("error", "udp-port", "pve2", "pve1", 0),
            ("error", "tcp-port", "pve1", "pve2", None), ("error", "tcp-port", "pve3", "pve2", None), ("error", "tcp-port", "pve1", "pve3", None),
        ):
            self.assertIn(wanted, found)
        self.assertIn("TCP port 22 of pve1 cannot be connected to (no answer)", self.said("tcp-port"))
        self.assertIn("TCP port 22 of pve1 cannot be connected to (refused)", self.said("tcp-port"))
        self.assertEqual(
            {str(one["measured"]) for one in self.findings if one["id"] != "service"}, {"[5407]", "no answer", "refused"}
        )

    def test_41_a_firewall_of_another_kind(self):
        on("pve2", "nft 'add table inet cut; add chain inet cut in { type filter hook input priority 0; policy drop; };"
           " add rule inet cut in accept'")
        on("pve3", "nft 'add table inet cut; add chain inet cut out { type filter hook output priority 0; };"
           " add rule inet cut out udp sport 5405 drop'")
        try:
            found = self.found()
        finally:
            on("pve2", "nft delete table inet cut")
            on("pve3", "nft delete table inet cut")
        self.assertIn(("warning", "other-firewall", "pve2", None, None), found)
        self.assertEqual(self.said("other-firewall"), ["its firewall table 'inet cut' drops what no rule lets in"])
        # what the own firewall of a node does not let out
        self.assertIn(("error", "cannot-measure", "pve3", None, None), found)
        self.assertIn("cannot send to 10.77.1.11 on link 0: Operation not permitted (os error 1)", self.said("cannot-measure"))

    def test_42_an_sshd_that_listens_elsewhere(self):
        with wrong(
            "pve3", "printf 'Port 22\\nPort 2222\\n' > /etc/ssh/sshd_config.d/00-port.conf; systemctl restart ssh",
            "rm /etc/ssh/sshd_config.d/00-port.conf; systemctl restart ssh",
        ):
            on("pve3", "printf 'Port 2222\\n' > /etc/ssh/sshd_config.d/00-port.conf")
            self.finds([])
        self.assertEqual(self.output.count("TCP port 2222: open on 1 of 1 nodes"), 2, self.output)

    def test_50_a_path_that_takes_only_small_packets(self):
        on("pve3", "nft 'add table inet cut; add chain inet cut in { type filter hook input priority 0; };"
           " add rule inet cut in iifname eth1 meta length > 1300 drop'")
        try:
            self.finds([("error", "mtu", "pve1", "pve3", 0), ("error", "mtu", "pve2", "pve3", 0)])
        finally:
            on("pve3", "nft delete table inet cut")
        self.assertEqual({one["measured"] for one in self.findings}, {1280})

    def test_60_a_node_that_is_cut_off_from_the_corosync_network(self):
        lab("partition", "pve3")
        try:
            pairs = [("pve1", "pve3"), ("pve2", "pve3"), ("pve3", "pve1"), ("pve3", "pve2")]
            self.finds([("error", "link-unreachable", one, other, 0) for one, other in pairs], preflight_timeout=200)
        finally:
            lab("heal", "pve3")
        # the management network tells that it takes part, so that nobody waits for it until the end, nor measures once more
        self.assertNotIn("Seconds to wait for a node that is silent: 200", self.output)
        self.assertLess(max(self.took()), 100)

    def took(self):
        """The seconds that each measurement of each node took, as the run says."""
        return [float(line.partition("measured in ")[2].split()[0]) for line in self.output.splitlines() if "measured in " in line]

    def test_61_a_node_that_is_silent_on_all_networks(self):
        pairs = [("pve1", "pve3"), ("pve2", "pve3"), ("pve3", "pve1"), ("pve3", "pve2")]
        closed = "nft 'add table inet cut; add chain inet cut in { type filter hook input priority 0; }; add rule inet cut in udp dport 5405-5412 %s drop'"
        on("pve3", closed % "")
        for node in ("pve1", "pve2"):
            on(node, closed.replace("udp", "ip saddr { 10.77.0.13, 10.77.1.13 } udp") % "")
        try:
            self.finds([("error", "link-unreachable", one, other, 0) for one, other in pairs], preflight_timeout=200)
        finally:
            for node in THREE:
                on(node, "nft delete table inet cut")
        # all were measuring at the time, so the silence is the network's, and the whole timeout is not waited for
        self.assertEqual(len(self.took()), 3, self.output)
        self.assertLess(max(self.took()), 100)
        self.assertNotIn("Seconds to wait for a node that is silent: 200", self.output)

    def test_62_a_module_that_starts_late_is_no_silent_node(self):
        late = "1i case $BASH_EXECUTION_STRING in *cluster_probe*) sleep 14 ;; esac"
        with edited("pve3", "/root/.bashrc", f"'{late}'"):
            self.finds([], preflight_timeout=100)
            self.assertEqual(self.output.count("link 0: 2 of 2 nodes answer"), 3, self.output)
            self.assertIn("Seconds to wait for a node that is silent: 100", self.output)
            # one that starts too late even for that is not taken for a link that is cut
            pairs = [("pve1", "pve3"), ("pve2", "pve3"), ("pve3", "pve1"), ("pve3", "pve2")]
            self.finds([("error", "not-measured", one, other, 0) for one, other in pairs], preflight_timeout=10)

    def test_63_fewer_forks_than_nodes(self):
        run = play(Inventory(3), "cluster-preflight.yml", "--forks", "2")
        self.assertEqual(run.rc, 2, run.output)
        self.assertIn(
            "cannot measure between the 3 nodes of cluster 'lab': all of them must do so at the same time, and Ansible works on 2 at a time. "
            "Run it with --forks 3 or more, or set forks in ansible.cfg", run.output,
        )
