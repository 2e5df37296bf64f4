# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the way of a formation, and the words for it."""

from __future__ import annotations

import unittest
from pathlib import Path

from ansible_collections.pve.cluster.plugins.filter.preflight_findings import preflight_findings


def host(name="pve1", last=1, joins=True, lookups=(), local=(), **facts):
    """A host that nothing stands in the way of, but for what is given."""
    return {
        "node": {
            "name": name, "fqdn": f"{name}.lab.local", "address": f"10.77.0.{last}", "nodeid": None,
            "links": [{"number": 0, "address": f"10.77.1.{last}"}],
        },
        "joins": joins,
        "through": not joins,
        "lookups": list(lookups),
        "local": list(local),
        "facts": {
            "situation": "standalone",
            "reasons": [],
            "membership": "standalone",
            "cluster_name": None,
            "nodename": name,
            "versions": {"pve": "9.2.11"},
            "addresses": [{"address": f"10.77.1.{last}"}, {"address": f"10.77.0.{last}"}],
            "guests": [],
            "leftovers": {"files": [], "nodes": []},
            **facts,
        },
    }


class PreflightFindings(unittest.TestCase):
    """One case a finding, texts whole."""

    def test_an_answer_that_is_none_is_refused_and_not_judged(self):
        for field, evil in (("versions", "9.2"), ("addresses", [{"address": 1}]), ("guests", {"a": 1}), ("ssh", {"root_public_keys": [7]}), ("reasons", "x")):
            with self.subTest(field):
                found = preflight_findings([host(), host("pve2", 2, **{field: evil})], "prod")
                self.assertEqual({(one["id"], one["node"], one["severity"]) for one in found}, {("answer", "pve2", "error")})
                self.assertTrue(found[0]["message"].startswith(f"'{field}"), found)
        found = preflight_findings([host(), host("pve2", 2, ssh={"root_public_keys": ["x"]})], "prod")
        self.assertEqual([one["id"] for one in found if one["id"] == "answer"], [])

    def test_what_the_inventory_wants_of_corosync_counts(self):
        hosts = [{**host(joins=False), "host": "one"}, {**host("pve2", 2), "host": "two"}]
        for variables, expected in (
            (None, []), ({"one": {}, "two": {}}, []), ({"one": {"corosync_totem": {"token": 1000}}, "two": {}}, ["token-short"]),
            ({"one": {}, "two": {"corosync_totem": {"token": "{{ of_a_later_play }}"}}}, []),
        ):
            with self.subTest(variables=variables):
                self.assertEqual([one["id"] for one in preflight_findings(hosts, "lab", variables=variables)], expected)
        tasks = (Path(__file__).resolve().parents[4] / "roles/preflight/tasks/main.yml").read_text()
        self.assertIn("'host': host,", tasks)
        self.assertIn("variables=hostvars)", tasks)

    def test_an_answer_that_is_none_is_never_accepted(self):
        for waive in (["answer"], "answer", ["guests", "answer"]):
            found = preflight_findings([host(), host("pve2", 2, guests={"a": 1})], "prod", waive=waive)
            self.assertEqual([one["id"] for one in found], ["answer"])

    maxDiff = None

    def one(self, identity, message, remedy, *hosts, environment="development"):
        """Exactly this finding is found."""
        found = preflight_findings(hosts, "lab", environment)
        self.assertEqual([(f["id"], f["message"], f["remedy"]) for f in found], [(identity, message, remedy)])
        return found[0]["node"]

    def test_nothing_in_the_way(self):
        hosts = [host(joins=False), host("pve2", 2), host("pve3", 3)]
        self.assertEqual(preflight_findings(hosts, "lab", "production"), [])

    def test_members_of_this_cluster_are_welcome(self):
        member = host(situation="member", membership="member", cluster_name="lab", guests=[{"vmid": 100}])
        self.assertEqual(preflight_findings([member], "lab"), [])

    def test_production_demands_three_nodes(self):
        node = self.one(
            "too-few-nodes",
            "a cluster of 2 nodes cannot lose one, and cluster_environment is 'production'",
            "add nodes, give the two a QDevice (a host in the group proxmox_qnetd), or set cluster_environment to 'development'",
            host(), host("pve2", 2), environment="production",
        )
        self.assertIsNone(node)

    def test_a_qdevice_is_the_third_vote_of_two_nodes(self):
        planned = [{**host(), "qnetd": True}, {**host("pve2", 2), "qnetd": True}]
        works = [host(quorum={"qdevice_votes": 1}), host("pve2", 2, quorum={"qdevice_votes": 1})]
        for hosts in (planned, works):
            self.assertEqual(preflight_findings(hosts, "lab", "production"), [])
        away = [host(quorum={"qdevice_votes": 0}), host("pve2", 2, quorum=None)]
        for hosts in (away, planned[:1]):
            self.assertEqual([found["id"] for found in preflight_findings(hosts, "lab", "production")], ["too-few-nodes"])

    def test_what_phase_1_changes_is_judged_after_it(self):
        hosts = [host(lookups=["name pve1", "name pve2 127.0.1.1", "address 10.77.0.1"], local=["authorized_keys AAAA somebody"], nodename="x"),
                 host("pve2", 2, guests=[{"vmid": 100}])]
        whole = preflight_findings(hosts, "lab")
        before, after = (preflight_findings(hosts, "lab", part=part) for part in ("before", "after"))
        self.assertEqual({found["id"] for found in before}, {"host-name", "guests", "loopback"})
        self.assertEqual({found["id"] for found in after}, {"lookup", "reverse-lookup", "foreign-keys"})
        self.assertCountEqual(before + after, whole)

    def test_versions(self):
        self.one(
            "pve-missing", "Proxmox VE is not installed", "install it, or take the host out of the inventory",
            host(versions={"pve": None}, situation="not_installed"),
        )
        for version in ("7.4-3", "10.0.1"):
            self.one(
                "pve-version", f"Proxmox VE {version} is not known to work", "upgrade it to 8 or 9, or use a newer release of this collection",
                host(versions={"pve": version}),
            )
        self.one(
            "mixed-versions", "the nodes run different major versions of Proxmox VE (8: pve2; 9: pve1)",
            "upgrade the older nodes first", host(), host("pve2", 2, versions={"pve": "8.4.1"}),
        )

    def test_host_name(self):
        self.one(
            "host-name", "its host name is 'other', the inventory calls it 'pve1'",
            "correct the inventory; a Proxmox VE node must not be renamed", host(nodename="other"),
        )

    def test_a_member_of_another_cluster_whose_name_is_alike(self):
        self.one(
            "other-cluster", "it is a member of cluster 'lab-2'",
            "take it out of that cluster first, or set cluster_name; it cannot be in 'lab' too",
            host(situation="member", membership="member", cluster_name="lab-2"),
        )

    def test_situations(self):
        self.one(
            "pmxcfs-stopped", "pmxcfs does not run (/etc/pve is not mounted)",
            "see 'journalctl -u pve-cluster', then start pve-cluster",
            host(situation="pmxcfs_stopped", membership=None, reasons=["/etc/pve is not mounted"], guests=None),
        )
        self.one(
            "unhealthy-member", "it is a member of 'lab', but not quorate (1 of 3 votes present, 2 needed)",
            "bring the cluster in order first: playbooks/cluster-repair.yml repairs what is half in it; 'pvecm status' and "
            "'journalctl -u corosync -u pve-cluster' on it tell more",
            host(situation="not_quorate", membership="member", cluster_name="lab",
                 reasons=["1 of 3 votes present, 2 needed"]),
        )

    def test_guests_stop_a_join_and_not_a_creation(self):
        guests = [{"vmid": 100}, {"vmid": 101}]
        self.assertEqual(preflight_findings([host(joins=False, guests=guests)], "lab"), [])
        self.one(
            "guests", "it has guests (100, 101), and joining would drop their configurations",
            "back them up and remove them, or make this node the one that creates the cluster", host(guests=guests),
        )

    def test_leftovers(self):
        self.one(
            "leftovers", "files of an earlier cluster are left (/etc/corosync/authkey)",
            "remove them if the node is in no cluster any more",
            host(leftovers={"files": ["/etc/corosync/authkey", "/var/lib/corosync/ringid_1"], "nodes": []}),
        )
        self.assertEqual(
            preflight_findings([host(leftovers={"files": ["/var/lib/corosync/ringid_1"], "nodes": []})], "lab"), []
        )

    def test_link_address(self):
        self.one(
            "link-address", "the address 10.77.1.1 of link 0 is not on this node",
            "configure the network, or correct the inventory", host(addresses=[{"address": "10.77.0.1"}]),
        )

    def test_management_addresses_that_are_swapped(self):
        hosts = [host(), host("pve2", 2), host("pve3", 3)]
        hosts[1]["node"]["address"], hosts[2]["node"]["address"] = "10.77.0.3", "10.77.0.2"
        self.assertEqual(
            [(found["node"], found["peer"], found["id"], found["message"]) for found in preflight_findings(hosts, "lab", part="before")],
            [("pve2", "pve3", "management-address", "its management address 10.77.0.3 is on 'pve3'"),
             ("pve3", "pve2", "management-address", "its management address 10.77.0.2 is on 'pve2'")],
        )
        # one that is nobody's may be translated on its way
        elsewhere = [host(), host("pve2", 2)]
        elsewhere[1]["node"]["address"] = "203.0.113.2"
        self.assertEqual(preflight_findings(elsewhere, "lab"), [])

    def test_all_findings_of_all_nodes_come_at_once(self):
        hosts = [host(guests=[{"vmid": 100}], nodename="x"), host("pve2", 2, addresses=[])]
        found = preflight_findings(hosts, "lab", "production")
        self.assertEqual(
            [(f["node"], f["id"]) for f in found],
            [("pve1", "host-name"), ("pve1", "guests"), ("pve2", "link-address"), (None, "too-few-nodes")],
        )


if __name__ == "__main__":
    unittest.main()
