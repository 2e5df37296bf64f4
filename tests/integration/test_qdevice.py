# SPDX-License-Identifier: GPL-3.0-or-later
"""The vote of a QDevice, with the real daemons: set up, in use, lost, taken away, out of the way of nodes that join or leave."""

import base64
import os
import re
import subprocess
import unittest
from pathlib import Path

from harness import LAB, Inventory, fresh, lab, on, play, state, wait

PAIR = ["pve1", "pve2"]
PLAYBOOK = "cluster-qdevice.yml"
ABSENT = "cluster_qdevice_state=absent"
DEVICE = re.compile(r"device \{\n    model: net\n    net \{\n      algorithm: (\w+)\n      host: ([\d.]+)\n      tls: on\n    \}\n(?:    votes: (\d+)\n)?  \}")
CONF = "/etc/pve/corosync.conf"


def votes(node):
    """Expected and total votes, those needed, and the row of the QDevice, as corosync on this node has them."""
    text = on(node, "corosync-quorumtool -siH", check=False)
    numbers = [int(re.search(rf"(?m)^{name}: +(\d+)", text)[1]) for name in ("Expected votes", "Total votes", "Quorum")]
    row = re.search(r"(?m)^0x00000000 +(\d+)", text)
    return (*numbers, int(row[1]) if row else 0)


class Case(unittest.TestCase):
    """What both stories look at."""

    maxDiff = None

    def succeeded(self, run):
        """The run ended well."""
        self.assertEqual(run.rc, 0, run.output)

    def refused(self, reason, run):
        """The run failed for this reason."""
        self.assertNotEqual(run.rc, 0, run.output)
        self.assertIn(reason, run.output)

    def assert_in_use(self, names, algorithm="ffsplit", device=1):
        """Every node has the QDevice in its file, its votes and its connection."""
        for node in names:
            found = DEVICE.search(on(node, f"cat {CONF}"))
            self.assertTrue(found, on(node, f"cat {CONF}"))
            self.assertEqual(found[1], algorithm)
            self.assertEqual(found[2], "10.77.0.31")
            expected = len(names) + device
            self.assertEqual(votes(node), (expected, expected, expected // 2 + 1, device), node)
            self.assertRegex(on(node, "corosync-qdevice-tool -s"), r"(?m)^State:\s+Connected$")
            self.assertEqual(on(node, "systemctl is-enabled corosync-qdevice").strip(), "enabled")

    def assert_none(self, names):
        """Nothing of a QDevice is left on any of these nodes."""
        for node in names:
            self.assertNotIn("device {", on(node, f"cat {CONF} /etc/corosync/corosync.conf"))
            self.assertEqual(votes(node), (len(names), len(names), len(names) // 2 + 1, 0), node)
            self.assertEqual(on(node, "systemctl show -P ActiveState corosync-qdevice").strip(), "inactive")
            self.assertEqual(on(node, "systemctl is-enabled corosync-qdevice", check=False).strip(), "disabled")
            left = "ls -d /etc/corosync/qdevice /etc/pve/*.p12 /etc/pve/qnetd-cacert.crt 2>/dev/null"
            self.assertEqual(on(node, left, check=False), "", node)


class QDevice(Case):
    """One story: each test goes on where the one before ended."""

    @classmethod
    def setUpClass(cls):
        fresh(3, key=True, qnetd=1)
        cls.two = Inventory(2, qnetd=1)
        cls.three = Inventory(3, qnetd=1)
        formed = play(cls.two)
        assert formed.rc == 0, formed.output

    def test_05_a_check_run_changes_nothing(self):
        before = {node: state(node) for node in [*PAIR, "qnetd1"]}
        run = play(self.two, PLAYBOOK, "--check", "--diff")
        self.succeeded(run)
        self.assertIn("cluster 'lab' would get QDevice '10.77.0.31'", run.output)
        for node, lines in before.items():
            self.assertEqual(set(lines) ^ set(state(node)), set(), f"{node} was touched")

    def test_10_a_server_that_does_not_answer_is_refused_and_nothing_is_left(self):
        on("qnetd1", "nft -f - <<< 'table inet t { chain c { type filter hook input priority 0; tcp dport 5403 reject with tcp reset; }; }'")
        run = play(self.two, PLAYBOOK)
        self.refused("'10.77.0.31' does not answer on TCP 5403 (Connection refused)", run)
        self.assert_none(PAIR)
        on("qnetd1", "nft delete table inet t")

    def test_15_a_setup_that_stops_half_way_is_cleared_on_every_node(self):
        # The certificates are on all nodes by then, and the key is in /etc/pve.
        on("pve2", "mv /usr/sbin/corosync-qdevice-net-certutil /root/certutil && printf '#!/bin/sh\\n[ \"$1\" != -m ] || exit 1\\n"
                   "exec /root/certutil \"$@\"\\n' > /usr/sbin/corosync-qdevice-net-certutil && chmod +x /usr/sbin/corosync-qdevice-net-certutil")
        run = play(self.two, PLAYBOOK)
        self.refused("It was taken out again", run)
        self.assert_none(PAIR)
        on("pve2", "mv /root/certutil /usr/sbin/corosync-qdevice-net-certutil")

    def test_20_two_nodes_get_a_third_vote(self):
        run = play(self.two, PLAYBOOK)
        self.succeeded(run)
        self.assertIn("cluster 'lab' has QDevice '10.77.0.31' (ffsplit, 1 of 3 votes)", run.output)
        self.assert_in_use(PAIR)
        for node in PAIR:
            self.assertIn("# BEGIN pve.cluster lab qnetd\n", on(node, "cat /root/.ssh/known_hosts"))
        self.assertEqual(on("qnetd1", "grep -c ssh-rsa /root/.ssh/authorized_keys").strip(), "2")

    def test_25_a_second_run_changes_nothing_and_neither_does_a_formation(self):
        for words in ((PLAYBOOK,), (PLAYBOOK, "--check"), ("cluster-init.yml",)):
            run = play(self.two, *words)
            self.succeeded(run)
            self.assertEqual(set(run.changed().values()), {0}, run.output)
        self.assert_in_use(PAIR)

    def test_30_one_node_is_lost_and_the_other_works_on(self):
        lab("kill", "pve2")
        wait("pve1", "! corosync-quorumtool -siH | grep -q 0x00000002")
        wait("pve1", "corosync-quorumtool -s | grep -q '^Total votes: *2'")
        self.assertEqual(votes("pve1"), (3, 2, 2, 1))
        on("pve1", "touch /etc/pve/written && rm /etc/pve/written")
        # Without the QDevice this node would be alone.
        run = play(self.two, PLAYBOOK, "-e", ABSENT)
        self.assertNotEqual(run.rc, 0, run.output)
        self.assertTrue(DEVICE.search(on("pve1", f"cat {CONF}")))
        lab("start", "pve2")
        wait("pve1", "corosync-quorumtool -s | grep -q '^Total votes: *3'")
        wait("pve2", "corosync-quorumtool -s | grep -q '^Total votes: *3'")
        self.assert_in_use(PAIR)

    def test_35_health_tells_a_server_that_is_gone(self):
        run = play(self.two, "cluster-health.yml", "-e", "cluster_health_fail_on=never")
        self.succeeded(run)
        self.assertNotIn("QDevice is not connected", run.output)
        on("qnetd1", "systemctl stop corosync-qnetd")
        wait("pve1", "! corosync-qdevice-tool -s | grep -q Connected$")
        run = play(self.two, "cluster-health.yml", "-e", "cluster_health_fail_on=never")
        self.assertIn("its QDevice is not connected (Connect failed)", run.output)
        on("qnetd1", "systemctl start corosync-qnetd")
        wait("pve1", "corosync-quorumtool -s | grep -q '^Total votes: *3'")
        wait("pve2", "corosync-quorumtool -s | grep -q '^Total votes: *3'")

    def test_40_a_daemon_that_is_off_is_started_again(self):
        on("pve2", "systemctl disable --now corosync-qdevice")
        run = play(self.two, PLAYBOOK)
        self.succeeded(run)
        self.assertEqual({node: run.changed()[node] for node in PAIR}, {"pve1": 0, "pve2": 1}, run.output)
        self.assert_in_use(PAIR)

    def test_50_a_node_does_not_join_beside_it(self):
        run = play(self.three)
        self.refused("cluster_qdevice_readd", run)
        self.assert_in_use(PAIR)
        self.assertNotIn("pve3", on("pve1", f"cat {CONF}"))

    def test_55_a_third_node_joins_and_the_qdevice_stays_out_of_an_odd_cluster(self):
        run = play(self.three, "cluster-init.yml", "-e", "cluster_qdevice_readd=true")
        self.succeeded(run)
        self.assertIn("has 3 nodes, an odd number, and so no QDevice", run.output)
        self.assert_none([*PAIR, "pve3"])
        again = play(self.three, "cluster-init.yml", "-e", "cluster_qdevice_readd=true")
        self.succeeded(again)
        self.assertEqual(set(again.changed().values()), {0}, again.output)

    def test_60_an_odd_cluster_is_refused_unless_told(self):
        run = play(self.three, PLAYBOOK)
        self.refused("the cluster has an odd number of nodes (3): a QDevice would have 2 votes of 5", run)
        self.assert_none([*PAIR, "pve3"])
        run = play(self.three, PLAYBOOK, "-e", "cluster_qdevice_force=true")
        self.succeeded(run)
        self.assert_in_use([*PAIR, "pve3"], algorithm="lms", device=2)

    def test_65_a_node_leaves_and_the_qdevice_is_back(self):
        lab("kill", "pve3")
        wait("pve1", "! corosync-quorumtool -siH | grep -q 0x00000003")
        run = play(self.three, "cluster-remove-node.yml", "-e", "node=pve3")
        self.refused("cluster_qdevice_readd", run)
        # Killed when the QDevice is out and the node still in.
        on("pve1", "setsid sh -c 'while grep -q device /etc/pve/corosync.conf; do sleep 0.05; done; "
                   "until pkill -9 -f pvecm_qdevice; do sleep 0.05; done' >/dev/null 2>&1 </dev/null &")
        run = play(self.three, "cluster-remove-node.yml", "-e", "node=pve3", "-e", "cluster_qdevice_readd=true")
        self.assertNotEqual(run.rc, 0, run.output)
        self.assertIn("pve3", on("pve1", f"cat {CONF}"))
        run = play(self.three, "cluster-remove-node.yml", "-e", "node=pve3", "-e", "cluster_qdevice_readd=true")
        self.succeeded(run)
        self.assertNotIn("pve3", on("pve1", f"cat {CONF}"))
        self.assert_in_use(PAIR)
        again = play(self.three, "cluster-remove-node.yml", "-e", "node=pve3", "-e", "cluster_qdevice_readd=true")
        self.succeeded(again)
        self.assertEqual({again.changed()[node] for node in PAIR}, {0}, again.output)

    def test_70_it_is_taken_away(self):
        check = play(self.two, PLAYBOOK, "-e", ABSENT, "--check")
        self.succeeded(check)
        self.assert_in_use(PAIR)
        run = play(self.two, PLAYBOOK, "-e", ABSENT)
        self.succeeded(run)
        self.assert_none(PAIR)
        again = play(self.two, PLAYBOOK, "-e", ABSENT)
        self.succeeded(again)
        self.assertEqual(set(again.changed().values()), {0}, again.output)

    def test_80_a_setup_that_is_killed_is_finished_by_the_next_run(self):
        # With its pvecm, as soon as the first certificates are made; and without it, as soon as the file has it.
        module, pvecm = "pkill -9 -f [p]vecm_qdevice", "pkill -9 -f [p]vecm.qdevice.setup"
        for sign, kill in (
            ("[ ! -e /etc/corosync/qdevice/net/nssdb ]", f"{module}; {pvecm}"),
            ("! grep -q device /etc/pve/corosync.conf", module),
        ):
            on("pve1", f"setsid sh -c 'while {sign}; do sleep 0.02; done; {kill}' >/dev/null 2>&1 </dev/null &")
            run = play(self.two, PLAYBOOK)
            self.assertNotEqual(run.rc, 0, run.output)
            run = play(self.two, PLAYBOOK)
            self.succeeded(run)
            self.assert_in_use(PAIR)
            self.succeeded(play(self.two, PLAYBOOK, "-e", ABSENT))
            self.assert_none(PAIR)


DEBS = Path(os.environ.get("PVE_LAB_CACHE", "/var/cache/pve-cluster-lab")) / "debs"
# An archive of apt's on the machine itself, and no other: there is no way out of the lab.
ARCHIVE = r"""
cd /root/archive
for file in *.deb; do dpkg-deb -f $file; echo Filename: ./$file; echo Size: $(stat -c %s $file); echo SHA256: $(sha256sum < $file | cut -d' ' -f1); echo; done > Packages
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/root/archive ./' > /etc/apt/sources.list
"""


class Packages(Case):
    """Nodes and a QNetd host without Debian's packages, and a QNetd host that was reinstalled. One story."""

    HOSTS = (("pve1", "corosync-qdevice"), ("pve2", "corosync-qdevice"), ("qnetd1", "corosync-qnetd"))

    @classmethod
    def setUpClass(cls):
        fresh(2, key=True, qnetd=1)
        cls.two = Inventory(2, qnetd=1)
        formed = play(cls.two)
        assert formed.rc == 0, formed.output
        for host, package in cls.HOSTS:
            cls.take_away(host, package)

    @staticmethod
    def take_away(host, package):
        """Remove the package with all it has left, and put Debian's own into the host's archive."""
        on(host, f"dpkg --purge {package}; rm -rf /etc/corosync/qdevice /etc/corosync/qnetd; mkdir -p /root/archive")
        found = sorted(DEBS.glob(f"{package}_*.deb"))
        assert found, f"{DEBS} has no {package}: the lab's root filesystem was not built here"
        packed = base64.b64encode(found[-1].read_bytes())
        subprocess.run([LAB, "exec", host, f"base64 -d > /root/archive/{package}.deb"], input=packed, check=True)
        on(host, ARCHIVE)

    def assert_installed(self, whether):
        """All three packages are there, or none."""
        for host, package in self.HOSTS:
            said = on(host, f"dpkg-query --show --showformat '${{db:Status-Status}}' {package}", check=False)
            self.assertEqual(said.strip() == "installed", whether, host)

    def test_10_a_check_run_says_what_it_would_install(self):
        self.assert_installed(False)
        run = play(self.two, PLAYBOOK, "--check")
        self.succeeded(run)
        for host, package in self.HOSTS:
            self.assertIn(f"{package} on {host}", run.output)
        self.assertIn("cluster 'lab' would get QDevice '10.77.0.31'", run.output)
        self.assert_installed(False)

    def test_20_they_are_not_installed_where_that_is_not_wanted(self):
        run = play(self.two, PLAYBOOK, "-e", "cluster_qdevice_install=false")
        self.refused("corosync-qdevice is not installed on pve1, corosync-qnetd is not installed on qnetd1, and", run)
        self.assert_installed(False)

    def test_30_they_are_installed_and_the_qdevice_is_set_up(self):
        run = play(self.two, PLAYBOOK)
        self.succeeded(run)
        self.assert_installed(True)
        self.assert_in_use(PAIR)
        again = play(self.two, PLAYBOOK)
        self.succeeded(again)
        self.assertEqual(set(again.changed().values()), {0}, again.output)

    def test_40_a_qnetd_host_that_was_installed_anew_gets_the_qdevice_anew_when_told(self):
        lab("reset", "qnetd1")
        for node in PAIR:
            wait(node, "! corosync-qdevice-tool -s | grep -q Connected$")
        run = play(self.two, PLAYBOOK, "-e", "cluster_qdevice_timeout=60")
        self.refused("if it was reinstalled, set the QDevice up again with 'cluster_qdevice_renew: true' (playbooks/cluster-qdevice.yml)", run)
        check = play(self.two, PLAYBOOK, "-e", "cluster_qdevice_renew=true", "--check")
        self.succeeded(check)
        self.assertTrue(DEVICE.search(on("pve1", f"cat {CONF}")))
        run = play(self.two, PLAYBOOK, "-e", "cluster_qdevice_renew=true")
        self.succeeded(run)
        self.assert_in_use(PAIR)
        again = play(self.two, PLAYBOOK)
        self.succeeded(again)
        self.assertEqual(set(again.changed().values()), {0}, again.output)
