# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that is checked before a formation, made wrong on purpose on real nodes: found, worded, and nothing is touched.

What a lab node cannot have (a bond, another wall clock) is wrong in what the node's own programs answer.
"""

import base64
import json
import subprocess
import tempfile
import unittest
from contextlib import contextmanager
from pathlib import Path

from harness import Inventory, fresh, lab, on, play, state

THREE = ["pve1", "pve2", "pve3"]
# All lab nodes share the machine's clock, which nothing keeps right, and its processors, which may be busy.
LAB_LIMITS = {
    "preflight_waive": ["clock", "bridge-missing", "loss"],
    "preflight_latency_warning_ms": 15,
    "preflight_latency_error_ms": 30,
    "preflight_jitter_warning_ms": 1000,
}


@contextmanager
def wrong(node, make, mend):
    """Something is wrong on a node for a while."""
    on(node, make)
    try:
        yield
    finally:
        on(node, mend)


@contextmanager
def edited(node, file, sed):
    """A file of a node has other contents for a while."""
    kept = f"/root/kept{file.replace('/', '-')}"
    with wrong(node, f"cp {file} {kept} && sed -i {sed} {file}", f"cat {kept} > {file}; rm {kept}"):
        yield


def put(path, text, mode="0644"):
    """A shell command that writes a file, whatever is in it."""
    return f"echo {base64.b64encode(text.encode()).decode()} | base64 -d > {path} && chmod {mode} {path}"


def entry(inventory, number, **values):
    """The inventory, in which an entry of cluster_nodes has other values, and link 0 may be in any network."""
    file = inventory.folder / "group_vars/matrix_cluster.yml"
    group = json.loads(file.read_text())
    group["cluster_nodes"][number - 1].update(values)
    file.write_text(json.dumps({**group, "corosync_network": None}))
    return inventory


class Lab(unittest.TestCase):
    """What the cases share."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="preflight-"))
        cls.file = cls.folder / "findings.json"
        cls.prepare()

    @classmethod
    def prepare(cls):
        """Fresh nodes, as phase 1 leaves them."""
        fresh(3, key=True)
        run = play(Inventory(3), "cluster-init.yml", "--tags", "phase1")
        assert run.rc == 0, run.output

    def found(self, inventory=None, **variables):
        """The run and its findings as `severity id node peer link`."""
        self.file.unlink(missing_ok=True)
        given = {**LAB_LIMITS, "preflight_output_file": str(self.file), **variables}
        run = play(inventory or Inventory(3), "cluster-preflight.yml", "-e", json.dumps(given))
        self.assertTrue(self.file.exists(), run.output)
        self.output = run.output
        self.findings = json.loads(self.file.read_text())["findings"]
        short = [(one["severity"], one["id"], one["node"], one["peer"], one["link"]) for one in self.findings]
        self.assertEqual(run.rc == 0, not any(severity == "error" for severity, *_ in short), run.output)
        self.assertEqual(set(run.changed().values()), {0}, run.output)
        for one in self.findings:
            self.assertIn(f"{one['message']}: {one['remedy']} [{one['id']}]", run.output.replace("\\n", "\n").replace('\\"', '"'))
        return short

    def said(self, identity):
        """The words of a finding that was found."""
        return [one["message"] for one in self.findings if one["id"] == identity]

    def finds(self, wanted, *words, inventory=None, **variables):
        """These findings and no others are found; `words` are what they say."""
        self.assertEqual(sorted(self.found(inventory, **variables), key=str), sorted(wanted, key=str))
        self.assertEqual([word for word in words if not any(word in one["message"] for one in self.findings)], [], self.findings)


class Preflight(Lab):
    """Standalone nodes. Each case undoes what it did."""

    def test_10_nodes_that_are_ready_and_stay_untouched(self):
        before = {name: state(name) for name in THREE}
        self.finds([])
        for line in ("link 0: 2 of 2 nodes answer", "TCP port 22: open on 2 of 2 nodes", "TCP port 8006: open on 2 of 2 nodes"):
            self.assertEqual(self.output.count(line), 3, self.output)
        for name in THREE:
            self.assertEqual(before[name], state(name), f"{name} was touched")
            self.assertEqual(on(name, "ss -Huan sport ge 5405 and sport le 5412"), "", "a socket was left open")

    def test_11_a_run_without_any_node_of_the_cluster_is_no_success(self):
        inventory = Inventory(3)
        hosts = json.loads((inventory.folder / "hosts.yml").read_text())
        hosts["all"]["children"]["others"] = {"hosts": {"other": {"ansible_host": "10.77.0.99"}}}
        (inventory.folder / "hosts.yml").write_text(json.dumps(hosts))
        for playbook in ("cluster-preflight.yml", "cluster-init.yml", "cluster-health.yml"):
            with self.subTest(playbook=playbook):
                run = play(inventory, playbook, "--limit", "other")
                self.assertEqual(run.rc, 2, run.output)
                self.assertIn("see inventory.example (this run is limited to 'other': run without --limit)", run.output)

    def test_12_clocks_that_nothing_keeps_right(self):
        answers = {"pve1": ("yes", "yes"), "pve2": ("yes", "no"), "pve3": ("no", "no")}
        for node, (service, synchronised) in answers.items():
            on(node, put("/usr/sbin/timedatectl", f"#!/bin/sh\nprintf 'NTP={service}\\nNTPSynchronized={synchronised}\\n'\n", "0755"))
        try:
            self.finds([("warning", "clock", "pve2", None, None), ("warning", "clock", "pve3", None, None)], preflight_waive=["bridge-missing", "loss"])
        finally:
            for node in THREE:
                on(node, "rm /usr/sbin/timedatectl")
        self.assertEqual(
            [one["remedy"] for one in self.findings], ["see 'chronyc sources' or 'timedatectl timesync-status' on it", "install and enable chrony"]
        )

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

    def test_20_the_machine_itself(self):
        on("pve2", "systemctl stop pvedaemon; mv /usr/bin/rsync /usr/bin/rsync.kept")
        on("pve3", "cp -a /root/.ssh/id_rsa /root/id_rsa.kept; ssh-keygen -q -p -P '' -N secret1 -f /root/.ssh/id_rsa")
        on("pve3", "echo 'PermitRootLogin no' > /etc/ssh/sshd_config.d/00-wrong.conf")
        on("pve3", "ip link add vmbr0 type bridge")
        try:
            # sshd goes on with what it has read; the file is what its next start will take
            self.finds(
                [
                    ("warning", "service", "pve2", None, None), ("error", "program-missing", "pve2", None, None),
                    ("error", "root-key", "pve3", None, None), ("error", "root-login", "pve3", None, None),
                    *[("error", "disk-space", name, None, None) for name in THREE],
                    *[("warning", "bridge-missing", name, None, None) for name in ("pve1", "pve2")],
                ],
                "the service pvedaemon is inactive", "rsync is not installed, and pvecm joins with it",
                "/root/.ssh/id_rsa is damaged or behind a passphrase", "PermitRootLogin no",
                preflight_free_mib=99999999, preflight_waive=["clock", "loss"],
            )
        finally:
            on("pve2", "systemctl start pvedaemon; mv /usr/bin/rsync.kept /usr/bin/rsync")
            on("pve3", "mv /root/id_rsa.kept /root/.ssh/id_rsa; rm /etc/ssh/sshd_config.d/00-wrong.conf; ip link del vmbr0")

    def test_21_what_a_join_would_drop(self):
        token = "Sup3rS3cret"
        on("pve2", "cp /etc/pve/storage.cfg /root/storage; printf 'nfs: backup\\n\\tserver 10.99.0.1\\n\\texport /b\\n' >> /etc/pve/storage.cfg")
        on("pve2", f"mkdir -p /etc/pve/priv/storage; echo {token} > /etc/pve/priv/storage/backup.pw")
        on("pve2", "cp /etc/pve/user.cfg /root/user; echo 'user:alice@pve:1:0:::a@x::' >> /etc/pve/user.cfg")
        on("pve2", "printf 'local: 100-0\\n\\ttarget pve1\\n' > /etc/pve/replication.cfg; echo '[global]' > /etc/pve/ceph.conf")
        on("pve2", "mkdir -p /etc/pve/ha; printf 'vm: 100\\n\\tstate started\\n' > /etc/pve/ha/resources.cfg; echo x > /etc/pve/qemu-server/100.conf")
        on("pve2", "cp /etc/pve/priv/authorized_keys /root/keys; echo ssh-ed25519 AAAA$(head -c 60 /dev/zero | tr '\\0' Q) alice@home >> /root/.ssh/authorized_keys")
        on("pve1", "mkdir -p /etc/pve/priv; echo '{\"users\":{\"root@pam\":{\"totp\":[{\"info\":{\"id\":\"x\"}}]}}}' > /etc/pve/priv/tfa.cfg")
        on("pve1", "mkdir -p /etc/pve/firewall; printf '[OPTIONS]\\nenable: 1\\n' > /etc/pve/firewall/cluster.fw")
        try:
            self.finds(
                [
                    ("error", "replication", "pve2", None, None), ("warning", "ceph", "pve2", None, None), ("error", "ha-resources", "pve2", None, None),
                    ("error", "guests", "pve2", None, None), ("warning", "definitions", "pve2", None, None), ("warning", "foreign-keys", "pve2", None, None),
                    ("warning", "second-factor", "pve1", None, None), ("warning", "firewall", "pve1", None, None),
                ],
                "joining would drop what is defined in its /etc/pve: storage.cfg (backup), user.cfg (alice@pve), priv/storage/backup.pw",
                "would no longer be accepted after the join (alice@home)", "it has guests (100)", "replication jobs (100-0)", "HA resources (vm:100)",
            )
        finally:
            on("pve2", "rm -rf /etc/pve/replication.cfg /etc/pve/ceph.conf /etc/pve/ha/resources.cfg /etc/pve/qemu-server/100.conf"
               " /etc/pve/priv/storage; cat /root/storage > /etc/pve/storage.cfg; cat /root/user > /etc/pve/user.cfg;"
               " cat /root/keys > /etc/pve/priv/authorized_keys")
            on("pve1", "rm /etc/pve/priv/tfa.cfg /etc/pve/firewall/cluster.fw")
        self.assertNotIn(token, self.output)

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

    def test_24_names(self):
        def without(name):
            return f"'/\\b{name}\\b/d'"

        with edited("pve3", "/etc/hosts", without("pve1")), wrong("pve3", "echo '127.0.1.1 pve1 pve1.lab.local' >> /etc/hosts", "true"):
            self.finds(
                [("error", "loopback", "pve3", "pve1", None)] * 2 + [("warning", "reverse-lookup", "pve3", "pve1", None)],
                "'pve1' resolves to a loopback address", "'pve1.lab.local' resolves to a loopback address", "it cannot look up the name of 10.77.0.11",
            )
        with edited("pve3", "/etc/hosts", "'s/^10.77.0.11/10.77.0.12/'"), edited("pve2", "/etc/hosts", without("pve3")):
            self.finds(
                [("error", "lookup-address", "pve3", "pve1", None)] * 2
                + [("warning", "reverse-lookup", "pve3", peer, None) for peer in ("pve1", "pve2")]
                + [("error", "lookup", "pve2", "pve3", None)] * 2 + [("warning", "reverse-lookup", "pve2", "pve3", None)],
                "'pve1' resolves to 10.77.0.12, but its management address is 10.77.0.11", "it cannot look up 'pve3.lab.local'",
                "10.77.0.12 is looked up as 'pve1.lab.local', not as 'pve2'",
                preflight_names_follow=False,
            )

    def test_25_versions(self):
        def version(node, text):
            return edited(node, "/var/lib/dpkg/status", f"'/^Package: pve-manager$/,/^$/ s/^Version: .*/Version: {text}/'")

        setup = "/usr/share/perl5/PVE/Cluster"
        protocol = wrong(
            "pve3", f"mkdir -p {setup}; echo 'use constant JOIN_API_VERSION => 3;' > {setup}/Setup.pm", f"rm {setup}/Setup.pm; rmdir {setup} || true"
        )
        with version("pve2", "8.4.1"), protocol:
            self.finds(
                [("warning", "mixed-versions", None, None, None), ("error", "join-api", "pve3", "pve1", None)],
                "the nodes run different major versions of Proxmox VE (8: pve2; 9: pve1, pve3)",
                "it joins by version 3 of the protocol, 'pve1' by 1, and they accept one version less than their own",
            )
        with version("pve2", "7.4-3"), version("pve3", "10.0.2"):
            self.finds(
                [
                    ("error", "pve-version", "pve2", None, None), ("error", "pve-version", "pve3", None, None),
                    ("warning", "mixed-versions", None, None, None),
                ],
                "Proxmox VE 7.4-3 is not known to work", "Proxmox VE 10.0.2 is not known to work",
            )

    def test_26_nodes_that_are_not_what_the_inventory_says(self):
        on("pve2", "mkdir -p /etc/corosync; echo x > /etc/corosync/authkey")
        on("pve3", "mv /usr/bin/pveversion /usr/bin/pveversion.kept; cp /var/lib/dpkg/status /root/dpkg-status;"
           " sed -i '/^Package: pve-manager$/,/^$/ s/^Status: .*/Status: deinstall ok config-files/' /var/lib/dpkg/status")
        try:
            found = self.found(entry(Inventory(3), 2, corosync_ip="10.77.1.99"), cluster_environment="production")
        finally:
            on("pve2", "rm /etc/corosync/authkey")
            on("pve3", "mv /usr/bin/pveversion.kept /usr/bin/pveversion; cat /root/dpkg-status > /var/lib/dpkg/status")
        for wanted in (
            ("error", "leftovers", "pve2", None, None), ("error", "pve-missing", "pve3", None, None), ("error", "link-address", "pve2", None, 0),
        ):
            self.assertIn(wanted, found)
        self.assertEqual(self.said("link-address"), ["the address 10.77.1.99 of link 0 is not on this node"])
        renamed = Inventory(2)
        hosts = renamed.folder / "hosts.yml"
        hosts.write_text(hosts.read_text().replace("10.77.0.12", "10.77.0.13"))
        found = self.found(entry(renamed, 2, management_ip="10.77.0.13", corosync_ip="10.77.1.13"), cluster_environment="production")
        self.assertIn(("error", "host-name", "pve2", None, None), found)
        self.assertIn(("error", "too-few-nodes", None, None, None), found)
        self.assertEqual(self.said("host-name"), ["its host name is 'pve3', the inventory calls it 'pve2'"])

    def test_27_pmxcfs_that_does_not_run(self):
        with wrong("pve3", "systemctl stop pve-cluster", "systemctl start pve-cluster"):
            self.assertIn(("error", "pmxcfs-stopped", "pve3", None, None), self.found())

    def test_30_a_link_that_is_late(self):
        lab("netem", "pve3", "corosync", "delay", "20ms")
        try:
            pairs = [("pve1", "pve3"), ("pve2", "pve3"), ("pve3", "pve1"), ("pve3", "pve2")]
            self.finds([("error", "latency", one, other, 0) for one, other in pairs])
            for one in self.findings:
                self.assertTrue(40 <= one["measured"] < 100, one)
            # accepted by its id
            self.finds([], preflight_waive=[*LAB_LIMITS["preflight_waive"], "latency"])
        finally:
            lab("heal", "pve3")
        # round trips always differ by something
        found = self.found(preflight_jitter_warning_ms=0.000001)
        self.assertEqual({(severity, identity) for severity, identity, *_ in found}, {("warning", "jitter")})

    def test_31_a_link_that_loses_packets(self):
        lab("netem", "pve3", "corosync", "loss", "20%")
        try:
            found = self.found(preflight_packets=200, preflight_loss_error_percent=5, preflight_waive=["clock", "bridge-missing", "mtu", "udp-port"])
        finally:
            lab("heal", "pve3")
        for one, other in [("pve1", "pve3"), ("pve2", "pve3"), ("pve3", "pve1"), ("pve3", "pve2")]:
            self.assertIn(("error", "loss", one, other, 0), found)

    def test_40_ports_that_are_dropped(self):
        on("pve2", "nft 'add table inet cut; add chain inet cut in { type filter hook input priority 0; };"
           " add rule inet cut in udp dport 5407 drop; add rule inet cut in iifname eth0 tcp dport 8006 drop'")
        on("pve3", "systemctl stop pveproxy")
        try:
            found = self.found()
        finally:
            on("pve2", "nft delete table inet cut")
            on("pve3", "systemctl start pveproxy")
        for wanted in (
            ("error", "udp-port", "pve1", "pve2", 0), ("error", "udp-port", "pve3", "pve2", 0), ("error", "udp-port", "pve2", "pve1", 0),
            ("error", "tcp-port", "pve1", "pve2", None), ("error", "tcp-port", "pve3", "pve2", None), ("error", "tcp-port", "pve1", "pve3", None),
        ):
            self.assertIn(wanted, found)
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
        # the management network tells that it takes part, so that nobody waits for it until the end
        took = [float(line.partition("measured in ")[2].split()[0]) for line in self.output.splitlines() if "measured in " in line]
        self.assertEqual(len(took), 3, self.output)
        self.assertLess(max(took), 100, took)


class Joining(Lab):
    """A cluster of pve1 and pve2, and pve3, which is to join it."""

    @classmethod
    def prepare(cls):
        fresh(3, key=True)
        run = play(Inventory(2), "cluster-init.yml", "-e", json.dumps(LAB_LIMITS))
        assert run.rc == 0, run.output
        run = play(Inventory(3), "cluster-init.yml", "--tags", "phase1")
        assert run.rc == 0, run.output

    def test_70_members_are_measured_beside_their_running_corosync(self):
        self.finds([], inventory=Inventory(2))
        self.finds([])

    def test_71_a_place_that_is_taken(self):
        inventory = Inventory(3)
        hosts = json.loads((inventory.folder / "hosts.yml").read_text())
        del hosts["all"]["children"]["matrix_cluster"]["hosts"]["pve2"]
        (inventory.folder / "hosts.yml").write_text(json.dumps(hosts))
        group = inventory.folder / "group_vars/matrix_cluster.yml"
        nodes = json.loads(group.read_text())
        del nodes["cluster_nodes"][1]
        group.write_text(json.dumps(nodes))
        entry(inventory, 2, node_id=2, corosync_ip="10.77.1.12")
        found = self.found(inventory, preflight_timeout=10)
        for wanted in (("error", "nodeid-taken", "pve3", "pve2", None), ("error", "address-taken", "pve3", "pve2", 0)):
            self.assertIn(wanted, found)
        links = Inventory(3)
        for number in (1, 2, 3):
            links = entry(links, number, links=[{"number": 1, "address": f"10.77.1.1{number}"}])
        self.assertIn(("error", "links-differ", "pve3", None, None), self.found(links))
        self.assertEqual(self.said("links-differ"), ["the inventory gives it the links [1], the cluster has [0]"])

    def test_72_members_that_are_not_there(self):
        lab("block", "pve2")
        try:
            found = self.found(preflight_timeout=10)
        finally:
            lab("heal", "pve2")
        self.assertIn(("error", "unhealthy-member", "pve1", None, None), found)
        self.assertIn(("error", "member-offline", "pve1", None, None), found)
        self.assertEqual(self.said("member-offline"), ["members of the cluster are not online (pve2), and would miss the new corosync.conf"])
