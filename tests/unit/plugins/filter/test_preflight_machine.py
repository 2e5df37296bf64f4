# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What machines, their networks and their names tell before a formation: one case a finding, texts whole."""

from __future__ import annotations

import unittest

from ansible_collections.pve.cluster.plugins.filter.preflight_findings import preflight_findings

from .test_preflight_findings import host


def short(hosts, **options):
    """`severity id: message` of each finding."""
    return [f"{f['severity']} {f['id']}: {f['message']}" for f in preflight_findings(hosts, "lab", **options)]


def addresses(*entries):
    """Addresses as the facts have them."""
    return [{"interface": interface, "address": address, "prefix": 64 if ":" in address else 24} for interface, address in entries]


class Names(unittest.TestCase):
    """Names and addresses that are looked up."""

    maxDiff = None

    def found(self, *lines):
        """Of lines that pve1 prints, in a cluster with pve2."""
        found = preflight_findings([host(lookups=lines), host("pve2", 2)], "lab")
        return [(f"{f['severity']} {f['id']}: {f['message']}", f["peer"]) for f in found]

    def test_names_that_are_right(self):
        lines = ["name pve2 10.77.0.2", "name pve2.lab.local 10.77.0.2 10.9.9.9", "address 10.77.0.2 PVE2.lab.local pve2", "name pve1 10.77.0.1"]
        self.assertEqual(self.found(*lines), [])

    def test_what_gives_up_quorum_by_itself(self):
        self.assertEqual(
            short([host(local=["expected /etc/systemd/system/always-quorate.service"])]),
            ["error expected-by-itself: /etc/systemd/system/always-quorate.service sets the expected votes by itself: cut off from the others, this "
             "node would be quorate alone, and both sides would write"],
        )

    def test_lines_that_su_prints_before_them(self):
        self.assertEqual(self.found("", "name pve2 10.77.0.2"), [])

    def test_names_that_are_not_found(self):
        self.assertEqual(
            self.found("name pve2", "name pve2.lab.local", "address 10.77.0.1"),
            [
                ("error lookup: it cannot look up 'pve2'", "pve2"),
                ("error lookup: it cannot look up 'pve2.lab.local'", "pve2"),
                ("warning reverse-lookup: it cannot look up the name of 10.77.0.1", None),
            ],
        )

    def test_names_that_phase_1_is_still_to_write(self):
        lines = ["name pve2", "address 10.77.0.1", "name pve1 127.0.1.1"]
        found = preflight_findings([host(lookups=lines), host("pve2", 2)], "lab", names_follow=True)
        self.assertEqual(
            [(f["severity"], f["id"], f["remedy"]) for f in found],
            [
                ("error", "loopback", "give the name its management address in /etc/hosts"),
                ("warning", "lookup", "nothing: phase 1 writes it into /etc/hosts"),
                ("warning", "reverse-lookup", "nothing: phase 1 writes it into /etc/hosts"),
            ],
        )

    def test_loopback(self):
        said = "error loopback: '{}' resolves to a loopback address"
        self.assertEqual(
            self.found("name pve1 127.0.1.1", "name pve2 10.77.0.2 ::1"), [(said.format("pve1"), None), (said.format("pve2"), "pve2")]
        )

    def test_another_address(self):
        said = "lookup-address: 'pve2' resolves to {}, but its management address is 10.77.0.2"
        self.assertEqual(self.found("name pve2 10.9.9.9"), [(f"error {said.format('10.9.9.9')}", "pve2")])
        # its own address on a link, and an order that does not hold
        self.assertEqual(self.found("name pve2 10.77.1.2"), [(f"warning {said.format('10.77.1.2')}", "pve2")])
        self.assertEqual(self.found("name pve2 10.9.9.9 10.77.0.2"), [(f"warning {said.format('10.9.9.9, 10.77.0.2')}", "pve2")])

    def test_another_name(self):
        self.assertEqual(
            self.found("address 10.77.0.2 old.lab.local"),
            [("warning reverse-lookup: 10.77.0.2 is looked up as 'old.lab.local', not as 'pve2'", "pve2")],
        )

    def test_an_address_of_either_spelling(self):
        two = host("pve2", 2)
        two["node"]["address"] = "FD00:0::2"
        lines = ["name pve2 fd00::2", "address FD00:0::2 pve2"]
        self.assertEqual(preflight_findings([host(lookups=lines), two], "lab"), [])


class Machine(unittest.TestCase):
    """The machine itself."""

    maxDiff = None

    def found(self, *lines, joins=True, bridges=(), **facts):
        """Of a node that printed these lines."""
        return short([host(joins=joins, local=lines, **facts)], bridges=bridges)

    def test_nothing(self):
        lines = ["disk 4000", "bridge vmbr0", "bond bond0 active-backup", "sshd permitrootlogin yes", "sshd pubkeyauthentication yes"]
        self.assertEqual(self.found(*lines, bridges=["vmbr0"]), [])

    def test_disk_bridge_and_programs(self):
        self.assertEqual(
            self.found("disk 511", "missing rsync", bridges=["vmbr0"]),
            [
                "error disk-space: only 511 MiB are free for the cluster's database in /var/lib/pve-cluster",
                "error program-missing: rsync is not installed, and pvecm joins with it",
                "warning bridge-missing: the bridge vmbr0 is not there",
            ],
        )

    def test_root(self):
        self.assertEqual(
            self.found("locked /root/.ssh/id_rsa", "sshd permitrootlogin no", "sshd pubkeyauthentication no"),
            [
                "error root-key: /root/.ssh/id_rsa is damaged or behind a passphrase, and pvecm joins with it",
                "error root-login: its sshd has PermitRootLogin no, and the nodes of a cluster log in to each other as root",
                "error root-login: its sshd has PubkeyAuthentication no, and the nodes of a cluster log in to each other by key",
            ],
        )
        self.assertEqual(self.found("sshd permitrootlogin without-password"), [])

    def test_firewalls(self):
        through = host(joins=False, local=["firewall"])
        said = "warning firewall: the firewall of Proxmox VE is on in its /etc/pve/firewall/cluster.fw, and will be on the joining nodes too"
        self.assertEqual(short([through, host("pve2", 2)]), [said])
        self.assertEqual(short([through]), [])
        self.assertEqual(
            self.found("drops_input inet filter"), ["warning other-firewall: its firewall table 'inet filter' drops what no rule lets in"]
        )

    def test_services_and_clock(self):
        health = {"clock": {"synchronised": False, "service_enabled": True}, "ha": {"resources": ["vm:100"], "master": None, "lrm": None}}
        self.assertEqual(
            self.found(health=health, services={"pveproxy": {"state": "failed"}}),
            [
                "error ha-resources: it has HA resources (vm:100), and joining would drop them",
                "warning service: the service pveproxy is failed",
                "warning clock: its clock is not synchronised",
            ],
        )
        remedies = [
            preflight_findings([host(health={"clock": {"synchronised": False, "service_enabled": on}})], "lab")[0]["remedy"] for on in (True, False)
        ]
        self.assertEqual(remedies, ["see 'chronyc sources' or 'timedatectl timesync-status' on it", "install and enable chrony"])
        self.assertEqual(self.found(health={**health, "clock": None}, joins=False), [])


class Dropped(unittest.TestCase):
    """What a join would drop."""

    maxDiff = None

    def found(self, lines, through=(), **facts):
        """Of a joining node that printed these lines, and the node that it joins through."""
        return short([host(joins=False, local=through), host("pve2", 2, local=lines, **facts)])

    def test_replication_and_ceph(self):
        self.assertEqual(
            self.found(["replication 100-0 101-0", "ceph"]),
            [
                "error replication: it has replication jobs (100-0, 101-0), and joining would drop them",
                "warning ceph: it has a Ceph configuration of its own, which joining would drop",
            ],
        )

    def test_definitions(self):
        users = " ".join(f"u{number}@pve" for number in range(7))
        said = "warning definitions: joining would drop what is defined in its /etc/pve: "
        self.assertEqual(
            self.found(["defines storage.cfg 12ab backup", f"defines user.cfg 34cd {users}", "defines priv/storage/backup.pw -"]),
            [said + "storage.cfg (backup), user.cfg (u0@pve, u1@pve, u2@pve, u3@pve, u4@pve, and 2 more), priv/storage/backup.pw"],
        )
        # the same in the cluster; what may hold a secret is not compared
        lines = ["defines storage.cfg 12ab backup", "defines priv/tfa.cfg -"]
        self.assertEqual(self.found(lines, through=lines), [f"{said}priv/tfa.cfg"])
        self.assertEqual(self.found(["defines storage.cfg 12ab backup"], through=["defines storage.cfg ffff backup"]), [f"{said}storage.cfg (backup)"])

    def test_the_node_that_stays_loses_nothing(self):
        self.assertEqual(self.found([], through=["defines storage.cfg 12ab backup", "authorized_keys AAAA someone"]), [])

    def test_a_join_that_is_to_be_finished_has_dropped_it_already(self):
        member = {"situation": "member", "membership": "member", "cluster_name": "lab"}
        self.assertEqual(self.found(["defines storage.cfg 12ab backup"], **member), [])

    def test_keys(self):
        end = "x" * 43
        lines = [f"authorized_keys {letter * 43} {letter}@home" for letter in "abcd"] + [f"authorized_keys {end}"]
        kept = [f"authorized_keys {'a' * 43}", f"authorized_keys {'z' * 43}"]
        self.assertEqual(
            self.found([*lines, f"authorized_keys2 {'b' * 43}"], through=kept, ssh={"root_public_keys": [f"ssh-rsa AAAA{'c' * 43} root@pve2"]}),
            ["warning foreign-keys: ssh keys that root accepts now would no longer be accepted after the join (..xxxxxxxxxxxx, d@home)"],
        )

    def test_a_join_by_password(self):
        through = {**host(joins=False, local=["missing rsync"]), "lets_in_by_password": True}
        joining = {**host("pve2", 2, local=["missing rsync", "bridge vmbr0"]), "by_password": True, "password": True}
        self.assertEqual(short([through, joining]), [])
        self.assertEqual(
            short([through, {**joining, "password": False}]), ["error no-password: it is to join by password, and there is none"]
        )
        factor = {**through, "facts": {**through["facts"], "health": {"root_second_factor": True}}}
        self.assertEqual(
            short([factor, joining]),
            ["error second-factor: root@pam has a second factor, which a join by password cannot give, and nodes are to join so through it"],
        )

    def test_a_second_factor_of_the_cluster(self):
        through = host(joins=False, health={"root_second_factor": True})
        self.assertEqual(short([through]), [])
        self.assertEqual(
            short([through, host("pve2", 2)]),
            ["warning second-factor: root@pam has a second factor, which the joining nodes will ask for too and a join by password cannot give"],
        )


class Networks(unittest.TestCase):
    """Networks and interfaces of the links."""

    maxDiff = None

    def found(self, *lines, joins=False, links=("10.77.1.1",), own=(("eth1", "10.77.1.1"),)):
        """Of a node with these links and addresses."""
        one = host(joins=joins, local=["disk 4000", *lines], addresses=addresses(*own))
        one["node"]["links"] = [{"number": number, "address": address} for number, address in enumerate(links)]
        return short([one])

    def test_networks_that_are_shared(self):
        self.assertEqual(
            self.found("migration 10.77.0.0/16", "storage backup 10.77.1.99", "storage far", "storage ceph 10.77.1.0/24"),
            [
                "warning migration-network: guests are migrated over 10.77.1.0/24, the network of link 0",
                "warning storage-network: the storage backup is reached over 10.77.1.0/24, the network of link 0",
                "warning storage-network: the storage ceph is reached over 10.77.1.0/24, the network of link 0",
            ],
        )
        # a join drops all of that
        self.assertEqual(self.found("migration 10.77.0.0/16", joins=True), [])

    def test_guests_migrate_over_the_management_network_unless_told_otherwise(self):
        management = {"links": ("10.77.0.1",), "own": (("eth0", "10.77.0.1"),)}
        said = "warning migration-network: guests are migrated over the management network 10.77.0.0/24, the network of link 0"
        self.assertEqual(self.found(**management), [said])
        self.assertEqual(self.found("migration 10.99.0.0/24", **management), [])
        # the last resort of two links
        self.assertEqual(self.found(links=("10.77.1.1", "10.77.0.1"), own=(("eth1", "10.77.1.1"), ("eth0", "10.77.0.1"))), [])

    def test_bonds(self):
        tagged = {"own": (("bond0.20", "10.77.1.1"),)}
        below = "below bond0.20 bond0"
        self.assertEqual(
            self.found(below, "bond bond0 balance-rr", "bond bond1 balance-rr", **tagged),
            ["warning bond-mode: link 0 is on bond0, a bond in mode balance-rr"],
        )
        self.assertEqual(
            self.found(below, "bond bond0 802.3ad slow", **tagged),
            ["warning bond-rate: link 0 is on bond0, whose bond-lacp-rate is slow: a failure is noticed after up to 90 s"],
        )
        self.assertEqual(self.found(below, "bond bond0 802.3ad fast", **tagged), [])
        # below a bridge that has the address
        self.assertEqual(
            self.found("below vmbr1 bond0.20", below, "bond bond0 balance-xor", own=(("vmbr1", "10.77.1.1"),)),
            ["warning bond-mode: link 0 is on bond0, a bond in mode balance-xor"],
        )

    def test_links_that_fail_together(self):
        two = ("10.77.1.1", "10.77.1.101")
        self.assertEqual(
            self.found(links=two, own=(("eth1", two[0]), ("eth2", two[1]))),
            ["error links-on-one-network: the links 0 and 1 are both on 10.77.1.0/24, and fail together"],
        )
        six = ("FD00:0:0::1", "fd00::0:2")
        self.assertEqual(
            self.found(links=six, own=(("eth1", "fd00::1"), ("eth2", "fd00::2"))),
            ["error links-on-one-network: the links 0 and 1 are both on fd00::/64, and fail together"],
        )
        self.assertEqual(
            self.found(
                "below vmbr0 bond0", "below bond0.20 bond0", "below bond0 eno1", links=("10.77.1.1", "10.77.2.1"),
                own=(("vmbr0", "10.77.1.1"), ("bond0.20", "10.77.2.1")),
            ),
            ["warning links-on-one-interface: the links 0 and 1 both run over bond0, eno1, and fail together"],
        )

    def test_both_families_on_one_link(self):
        one, two = host(), host("pve2", 2)
        two["node"]["links"] = [{"number": 0, "address": "FD00::2"}]
        two["facts"]["addresses"] = addresses(("eth1", "fd00::2"))
        self.assertEqual(short([one, two]), ["error address-family: link 0 has addresses of both families (IPv4: pve1; IPv6: pve2)"])
        # each link has a family of its own
        for last, node in enumerate((one, two), 1):
            node["node"]["links"] = [{"number": 0, "address": f"10.77.1.{last}"}, {"number": 1, "address": f"fd00::{last}"}]
            node["facts"]["addresses"] = addresses(("eth1", f"10.77.1.{last}"), ("eth2", f"fd00::{last}"))
        self.assertEqual(short([one, two]), [])


class Cluster(unittest.TestCase):
    """A cluster that exists, and a node that is to join it."""

    maxDiff = None

    def found(self, node=None, through=None, **facts):
        """Of pve3, described by `node` and `facts`, and the member pve1 of a cluster of two."""
        listed = [
            {"name": f"pve{number}", "nodeid": number, "votes": 1, "links": {"0": f"10.77.1.{number}"}} for number in (1, 2)
        ]
        member = host(
            joins=False, situation="member", membership="member", cluster_name="lab", nodelist=listed,
            members=[{"name": "pve1"}, {"name": "pve2"}], **(through or {}),
        )
        third = host("pve3", 3, **facts)
        third["node"].update(node or {})
        return short([member, third])

    def test_there_is_room(self):
        self.assertEqual(self.found(), [])

    def test_links_nodeids_addresses_and_names_that_are_taken(self):
        own = [{"address": "10.77.1.3"}, {"address": "10.77.2.3"}, {"address": "10.77.1.2"}]
        links = [{"number": 0, "address": "10.77.1.3"}, {"number": 1, "address": "10.77.2.3"}]
        self.assertEqual(
            self.found({"links": links}, addresses=own), ["error links-differ: the inventory gives it the links [0, 1], the cluster has [0]"]
        )
        self.assertEqual(self.found({"nodeid": "2"}), ["error nodeid-taken: nodeid 2 belongs to node 'pve2' of the cluster"])
        self.assertEqual(
            self.found({"links": [{"number": 0, "address": "10.77.1.2"}]}, addresses=own),
            ["error address-taken: link 0 has address '10.77.1.2', which node 'pve2' of the cluster uses"],
        )
        self.assertEqual(
            self.found({"name": "pve2"}, nodename="pve2"), ["error name-listed: the cluster lists a node named 'pve2' already"]
        )

    def test_the_entry_of_an_interrupted_join_goes_with_quorum_or_after_it(self):
        remedy = "if it is this node, reinstalled or half joined, run playbooks/cluster-repair.yml, or remove it first with 'pvecm delnode pve2' on 'pve1'"
        for quorum, ending in (
            ({"quorate": True, "total_votes": 2}, ""),
            ({"quorate": None, "total_votes": None}, ""),
            ({"quorate": False, "total_votes": 1}, ", after 'pvecm expected 1' there, which gives it quorum for now"),
        ):
            listed = [{"name": f"pve{number}", "nodeid": number, "votes": 1, "links": {"0": f"10.77.1.{number}"}} for number in (1, 2)]
            member = host(
                joins=False, situation="member", membership="member", cluster_name="lab", nodelist=listed, members=[{"name": "pve1"}], quorum=quorum,
            )
            found = preflight_findings([member, host("pve2", 2)], "lab")
            self.assertEqual([one["remedy"] for one in found if one["id"] == "name-listed"], [remedy + ending])

    def test_a_node_that_is_admitted_goes_on_where_it_was(self):
        """A run before had let pve2 in without a vote: neither its entry, nor what it has of the cluster's files, nor that it is off speaks against it."""
        links = {0: "10.77.1.1", 1: "10.77.1.2"}
        listed = [{"name": f"pve{number + 1}", "nodeid": number + 1, "votes": 1 - number, "links": {"0": links[number]}} for number in (0, 1)]
        member = host(joins=False, situation="member", membership="member", cluster_name="lab", nodelist=listed, members=[{"name": "pve1"}])
        admitted = ["warning admitted: it is admitted to 'lab' and has no vote yet"]
        files = {"files": ["/etc/corosync/authkey", "/etc/corosync/corosync.conf"], "nodes": []}
        for facts in (
            {}, {"leftovers": files}, {"situation": "pmxcfs_stopped", "membership": "member", "cluster_name": "lab"},
            {"situation": "stranded", "membership": "member", "cluster_name": "lab"},
        ):
            with self.subTest(facts=facts):
                self.assertEqual(short([member, host("pve2", 2, **facts)]), admitted)
        # a third one that joins has nothing to fear of it
        self.assertEqual(short([member, host("pve2", 2), host("pve3", 3)]), admitted)
        # one with a vote, at other addresses, or of which a member of another cluster tells, is not
        for change in ({"votes": 1}, {"links": {"0": "10.77.1.9"}}, {"links": {}}):
            with self.subTest(change=change):
                other = {**member, "facts": {**member["facts"], "nodelist": [listed[0], {**listed[1], **change}]}}
                self.assertIn("error name-listed: the cluster lists a node named 'pve2' already", short([other, host("pve2", 2)]))
        # one that did not come was taken out again, and has a file that says so
        gone = {**member, "facts": {**member["facts"], "nodelist": listed[:1]}}
        self.assertEqual(short([gone, host("pve2", 2, admitted=True, leftovers=files)]), admitted)
        self.assertIn("error leftovers", " ".join(short([gone, host("pve2", 2, leftovers=files)])))
        # one that is off and not of this run would miss the new file
        self.assertEqual(
            short([member, host("pve3", 3)]),
            ["error member-offline: members of the cluster are not online (pve2), and would miss the new corosync.conf"],
        )

    def test_a_cluster_that_takes_no_node_now(self):
        self.assertEqual(
            self.found(through={"qdevice": {"model": "net"}}),
            ["error qdevice: the cluster has a QDevice, with which no node may join"],
        )
        giving_way = {**host(joins=False, situation="member", membership="member", cluster_name="lab", qdevice={"model": "net"}), "qdevice_gives_way": True}
        self.assertEqual(short([giving_way, host("pve3", 3)]), [])
        listed = [{"name": name, "nodeid": number, "votes": 1, "links": {"0": f"10.77.1.{number}"}} for number, name in enumerate(("pve1", "pve2"), 1)]
        member = host(joins=False, situation="member", membership="member", cluster_name="lab", nodelist=listed, members=[{"name": "pve1"}])
        self.assertEqual(
            short([member, host("pve3", 3)]),
            ["error member-offline: members of the cluster are not online (pve2), and would miss the new corosync.conf"],
        )
        # nobody is to join
        self.assertEqual(short([member]), [])

    def test_join_protocol(self):
        def versions(number):
            return {"pve": "9.2.11", "join_api": number}

        self.assertEqual(short([host(joins=False, versions=versions(1)), host("pve2", 2, versions=versions(2))]), [])
        self.assertEqual(
            short([host(joins=False, versions=versions(3)), host("pve2", 2, versions=versions(1))]),
            ["error join-api: it joins by version 1 of the protocol, 'pve1' by 3, and they accept one version less than their own"],
        )


if __name__ == "__main__":
    unittest.main()
