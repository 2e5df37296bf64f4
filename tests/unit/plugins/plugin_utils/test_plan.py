# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run is going to do."""

from __future__ import annotations

import json
import unittest

from ansible_collections.pve.cluster.plugins.filter.cluster_plan import FilterModule as Plans
from ansible_collections.pve.cluster.plugins.filter.cluster_plan_text import FilterModule as Text

from ..filter.test_hostile_answers import TEMPLATE
from .test_host_keys import EC, ED, OTHER

# As `pvecm create` and `pvecm add` of Proxmox VE 9.1 wrote it (recordings).
CONF = """logging {
  debug: off
  to_syslog: yes
}

nodelist {
  node {
    name: pve1
    nodeid: 1
    quorum_votes: 1
    ring0_addr: 10.77.1.11
  }
%s}

quorum {
  provider: corosync_votequorum
}

totem {
  cluster_name: lab
%s  interface {
    linknumber: 0
  }
  ip_version: ipv4-6
  link_mode: passive
  secauth: on
  token_coefficient: 125
  version: 2
}
"""
SECOND = """  node {
    name: pve2
    nodeid: 2
    quorum_votes: 1
    ring0_addr: 10.77.1.12
  }
"""
cluster_plan = Plans().filters()["cluster_plan"]
KEYS = [ED.split()[1], EC.split()[1]]


def host(last, seed=False, joining=False, member=False, **more):
    """A host that needs nothing but what is given."""
    name = f"pve{last}"
    facts = {
        "situation": "member" if member else "standalone", "membership": "member" if member else "standalone", "cluster_name": "lab" if member else None,
        "nodename": name, "quorum": {"total_votes": 1, "expected_votes": 1} if member else {}, "versions": {"pve": "9.2.11"},
        "guests": [{"vmid": 100, "node": name}, {"vmid": 7, "node": "other"}],
        "nodelist": [{"name": "pve1", "nodeid": 1}] if member else [],
        "ssh": {"root_public_keys": [f"{EC} root@pve"]}, "services": {"corosync": {"enabled": "enabled"}},
        **more.pop("facts", {}),
    }  # fmt: skip
    node = {
        "name": name, "fqdn": f"{name}.lab.local", "address": f"10.77.0.1{last}", "nodeid": None, "votes": None,
        "links": [{"number": 0, "address": f"10.77.1.1{last}"}], **more.pop("node", {}),
    }  # fmt: skip
    return {
        "node": node, "facts": facts, "seed": seed, "joining": joining, "ssh": [], "public_key": f"{ED} me",
        "accepted": {"/root/.ssh/authorized_keys": KEYS, "/root/.ssh/authorized_keys2": KEYS[:1]},
        "key_files": [".ssh/authorized_keys", ".ssh/authorized_keys2"], "corosync_conf": "", "services": ["corosync", "pveproxy"],
        "method": "", "through": "pve1", **more,
    }  # fmt: skip


def told(planned):
    """The actions in short."""
    return [(one["phase"], one["node"], one["id"], one["sure"]) for one in planned["actions"]]


class Plan(unittest.TestCase):
    maxDiff = None

    def test_nothing_to_do(self):
        planned = cluster_plan([host(1, seed=True, member=True)], "lab")
        self.assertEqual((planned["actions"], planned["changes"], planned["corosync_conf"]), ([], False, []))
        self.assertEqual(
            Text().filters()["cluster_plan_text"](planned),
            ["Plan for cluster 'lab'", "", "Now:", "  pve1: member of cluster 'lab', 1 of 1 vote, 1 guest, Proxmox VE 9.2.11", "", "Nothing is to be changed."],
        )

    def test_a_page(self):
        hosts = [
            host(1, seed=True, ssh=["names"]),
            host(2, joining=True, ssh=["names", "key-pairs"], node={"votes": 2}, facts={"services": {"corosync": {"enabled": "disabled"}}}),
            host(3, joining=True, method="api", through="pve2", facts={"membership": "member", "situation": "not_quorate"}),
        ]
        warned = {"id": "clock", "severity": "warning", "node": None, "message": "m", "remedy": "r"}
        refused = {"id": "guests", "severity": "error", "node": "pve2", "message": "n", "remedy": "s"}
        planned = cluster_plan(hosts, "lab", findings=[warned, refused])
        lines = Text().filters()["cluster_plan_text"](planned)
        at = lines.index("corosync.conf at the end (config_version rises with each change):")
        until = lines.index("Refused:")
        self.assertEqual(lines[:at] + lines[until:], [
            "Plan for cluster 'lab'", "", "Now:",
            "  pve1: standalone, 1 guest, Proxmox VE 9.2.11", "  pve2: standalone, 1 guest, Proxmox VE 9.2.11",
            "  pve3: not quorate, 1 guest, Proxmox VE 9.2.11", "",
            "What will be done, in this order:",
            "  Phase 1, SSH preparation:",
            "    pve1, pve2: write the names of all nodes into /etc/hosts",
            "    pve2: make root's key pairs whole",
            "  Phase 3, creation:",
            "    pve1: create cluster 'lab' with link 0 10.77.1.11, nodeid 1, 1 vote; restarts corosync and pve-cluster there",
            "  Phase 4, joining:",
            f"    pve2: join through pve1 (cluster_join_method: {planned['actions'][-3]['method']}) with link 0 10.77.1.12, nodeid 2, 2 votes; its address is "
            "10.77.0.12; its /etc/pve becomes the cluster's; restarts corosync and pve-cluster there",
            "    pve3: finish its join through pve2 (cluster_join_method: api) with link 0 10.77.1.13, nodeid 3, 1 vote; its address is "
            "10.77.0.13; its /etc/pve becomes the cluster's; restarts corosync and pve-cluster there",
            "  Phase 6, final verification:",
            "    pve2: enable corosync at the start of the machine", "",
            "Refused:", "  pve2: n: s [guests]", "", "Warned of:", "  cluster: m: r [clock]",
        ])  # fmt: skip

    def test_corosync_conf_of_a_new_cluster(self):
        made = cluster_plan([host(1, seed=True), host(2, joining=True)], "lab")["corosync_conf"]
        self.assertEqual("\n".join(made) + "\n", CONF % (SECOND, ""))
        links = [{"number": 1, "address": "10.77.0.11", "priority": 20}, {"number": 0, "address": "10.77.1.11", "priority": None}]
        made = "\n".join(cluster_plan([host(1, seed=True, node={"links": links, "nodeid": "7"})], "lab", coefficient="900")["corosync_conf"])
        self.assertIn("    nodeid: 7\n    quorum_votes: 1\n    ring0_addr: 10.77.1.11\n    ring1_addr: 10.77.0.11\n  }\n}", made)
        self.assertIn("  interface {\n    linknumber: 0\n  }\n  interface {\n    knet_link_priority: 20\n    linknumber: 1\n  }\n", made)
        self.assertIn("  token_coefficient: 900\n", made)
        for version, there in (("9.1.0", True), ("9.0.11", False), ("8.4.1", False), (None, False)):
            made = cluster_plan([host(1, seed=True, facts={"versions": {"pve": version}})], "lab")["corosync_conf"]
            self.assertEqual("  token_coefficient: 125" in made, there, version)

    def test_corosync_conf_of_a_cluster_that_grows(self):
        def grown(text):
            return cluster_plan([host(1, seed=True, member=True, corosync_conf=text), host(2, joining=True)], "lab")["corosync_conf"]

        self.assertEqual("\n".join(grown(CONF % ("", "  config_version: 7\n"))) + "\n", CONF % (SECOND, ""))
        # a node that is listed already stays as it is
        listed = CONF % (SECOND.replace("nodeid: 2", "nodeid: 9"), "")
        self.assertEqual("\n".join(grown(listed)) + "\n", listed)
        # what somebody has written in another form is not guessed at
        for other in ("", "nodelist { node { name: pve1 } }\n", CONF % ("  node {\n    nodeid: 4\n  }\n", ""), TEMPLATE):
            self.assertEqual(grown(other), [])

    def test_nodeids_are_the_given_or_the_lowest_free_ones(self):
        hosts = [host(1, joining=True), host(2, seed=True, member=True, facts={"nodelist": [{"name": "pve2", "nodeid": 1}, {"name": "gone", "nodeid": 3}]}),
                 host(3, joining=True, node={"nodeid": 9}), host(4, joining=True)]  # fmt: skip
        found = {one["node"]: one["nodeid"] for one in cluster_plan(hosts, "lab")["actions"]}
        self.assertEqual(found, {"pve1": 2, "pve3": 9, "pve4": 4})

    def test_keys(self):
        def lacking(cluster, local, **more):
            accepted = {"/root/.ssh/authorized_keys": cluster, "/root/.ssh/authorized_keys2": local}
            return told(cluster_plan([host(1, seed=True, member=True, accepted=accepted, **more)], "lab"))

        self.assertEqual(lacking(KEYS, KEYS[:1]), [])
        self.assertEqual(lacking(KEYS[1:], KEYS), [(1, "pve1", "controller-key", True)])
        self.assertEqual(lacking(KEYS, []), [(1, "pve1", "controller-key", True)])
        self.assertEqual(lacking(KEYS, [], key_files=["/etc/ssh/keys/%u"]), [(1, "pve1", "controller-key", False)])
        self.assertEqual(lacking(KEYS[:1], KEYS), [(1, "pve1", "node-keys", True)])
        self.assertEqual(lacking(KEYS, KEYS, ssh=["new-keys"]), [(1, "pve1", "node-keys", True)])
        self.assertEqual(lacking(KEYS, KEYS, public_key=f"{OTHER} me\n{ED}"), [(1, "pve1", "controller-key", True)])
        other = [host(1, seed=True, member=True), host(2, member=True, accepted={"/root/.ssh/authorized_keys": KEYS[:1], "/root/.ssh/authorized_keys2": KEYS})]
        self.assertEqual(told(cluster_plan(other, "lab")), [], "only the seed's file is for all nodes")

    def test_what_only_shows_when_its_turn_comes(self):
        hosts = [host(1, seed=True, member=True, facts={"situation": "versions_differ"}), host(2, member=True, facts={"situation": "corosync_stopped"})]
        planned = cluster_plan(hosts, "lab")
        self.assertEqual(told(planned), [(3, "pve1", "create", False), (4, "pve2", "join", False)])
        self.assertFalse(planned["changes"])
        self.assertEqual(Text().filters()["cluster_plan_text"](planned)[-4:], [
            "", "What may be done, which shows when its turn comes:", "  pve1: confirm its membership (versions_differ), or refuse it",
            "  pve2: confirm its membership (corosync_stopped), or refuse it",
        ])  # fmt: skip

    def test_beside_a_qdevice(self):
        hosts = [host(1, seed=True, member=True), host(2, joining=True)]
        self.assertEqual(
            told(cluster_plan(hosts, "lab", qdevice="True")),
            [(4, "pve1", "qdevice-out", True), (4, "pve2", "join", True), (4, "pve1", "qdevice-back", True)],
        )
        self.assertEqual(told(cluster_plan(hosts[:1], "lab", qdevice=True)), [(4, "pve1", "qdevice-back", False)])

    def test_what_a_node_says_is_no_template(self):
        conf = CONF.replace("debug: off", f"debug: {TEMPLATE}") % ("", "")
        hosts = [host(1, seed=True, member=True, corosync_conf=conf, facts={"versions": {"pve": TEMPLATE}, "situation": TEMPLATE}), host(2, joining=True)]
        self.assertNotRegex(json.dumps(cluster_plan(hosts, "lab")), r"\{[{%#]")


if __name__ == "__main__":
    unittest.main()
