# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of corosync's times, and of places that its two readers do not read alike."""

from __future__ import annotations

import unittest

from ansible_collections.pve.cluster.plugins.plugin_utils.corosync_file import (
    many_findings, misread_findings, new_timing, release_findings, timing_findings,
)
from ansible_collections.pve.cluster.plugins.plugin_utils.health import health_findings
from ansible_collections.pve.cluster.plugins.plugin_utils.preflight_cluster import cluster_findings
from ansible_collections.pve.cluster.plugins.plugin_utils.preflight_measured import LIMITS


def ids(nodes, timing):
    return [one["id"] for one in timing_findings(nodes, timing)]


class Timing(unittest.TestCase):
    """The arithmetic of corosync.conf(5), and where it becomes too much or too little."""

    def test_a_new_cluster(self):
        self.assertEqual(new_timing(28), {"token": 19900, "token_coefficient": 650, "consensus": 23880})
        self.assertEqual(new_timing(28, 125), {"token": 6250, "token_coefficient": 125, "consensus": 7500})
        self.assertEqual(new_timing(1), {"token": 3000, "token_coefficient": 650, "consensus": 3600})

    def test_from_when_on_it_takes_too_long(self):
        self.assertEqual([nodes for nodes in range(1, 40) if ids(nodes, new_timing(nodes))][0], 26)
        self.assertEqual(ids(28, new_timing(28)), ["token-long"])
        for nodes in (1, 2, 3, 28, 64, 120):
            self.assertEqual(ids(nodes, new_timing(nodes, 125)), [])

    def test_the_message_has_the_arithmetic(self):
        (found,) = timing_findings(28, new_timing(28))
        self.assertEqual(
            found["message"],
            "with 28 nodes it takes 43.78 s until the others go on without a node that is lost (token 3 s + 26 x 0.65 s = 19.9 s, and "
            "consensus 23.88 s); high availability resets a node 60 s after it has lost quorum",
        )
        self.assertEqual(
            found["remedy"],
            "set totem.token_coefficient to 125 (without totem.token and totem.consensus that makes 13.75 s in all)",
        )
        self.assertEqual((found["severity"], found["measured"], found["limit"]), ("warning", 43780, 40000))

    def test_a_token_that_is_too_short_for_its_nodes(self):
        def short(nodes, token):
            return ids(nodes, {"token": token, "token_coefficient": 0, "consensus": token * 6 // 5})

        self.assertEqual(short(10, 4000), [])
        self.assertEqual(short(10, 3999), ["token-short"])
        self.assertEqual(short(2, 1000), ["token-short"])
        (found,) = timing_findings(28, {"token": 3000, "token_coefficient": 0, "consensus": 3600})
        self.assertEqual(
            found["message"],
            "its token timeout of 3 s (token 3 s + 26 x 0 s = 3 s) is below the 6.25 s that 28 nodes want (3 s + 26 x 0.125 s): "
            "a short delay costs the membership",
        )

    def test_nothing_is_said_of_what_is_not_known(self):
        self.assertEqual(ids(40, None), [])


def facts(misread=(), nodes=3, timing=None, **more):
    return {
        "versions": {},
        "nodelist": [{"name": f"pve{number}"} for number in range(nodes)],
        "health": {"misread": list(misread), "timing": timing or new_timing(nodes, 125)},
        **more,
    }


def preflight(count, of=None, wanted=None, **more):
    hosts = [
        {"node": {"name": f"pve{number}", "links": []}, "facts": of or {"versions": more}, "joins": False, "wanted_totem": wanted}
        for number in range(count)
    ]
    return [(one["severity"], one["id"]) for one in cluster_findings(hosts, "development", LIMITS)]


class Many(unittest.TestCase):
    """Advice by the number of nodes alone."""

    def test_from_when_on(self):
        self.assertEqual([len(list(many_findings(nodes, None, LIMITS))) for nodes in (1, 27, 28, 40)], [0, 0, 1, 1])
        self.assertEqual(len(list(many_findings(3, None, {**LIMITS, "many_nodes": 3}))), 1)

    def test_the_message_has_the_arithmetic(self):
        (found,) = many_findings(28, new_timing(28, 125), LIMITS)
        self.assertEqual(
            found["message"],
            "with 28 nodes every write to /etc/pve waits for a token that goes through all of them: 28 x 1 ms = 28 ms a round where a packet "
            "takes as long as a link may (2 ms there and back); and one that is lost holds up all others for a token of "
            "3 s + 26 x 0.125 s = 6.25 s and a consensus of 7.5 s, 13.75 s in all",
        )
        self.assertEqual(
            found["remedy"],
            "give corosync a network of its own with round trips far below that, or make several clusters of it; accept it by its id where "
            "the cluster is well with it",
        )
        self.assertEqual((found["severity"], found["measured"], found["limit"], found["node"]), ("warning", 28, 28, None))
        (found,) = many_findings(30, None, {"many_nodes": 28, "latency_warning_ms": 5})
        self.assertTrue(found["message"].endswith("30 x 2.5 ms = 75 ms a round where a packet takes as long as a link may (5 ms there and back)"))


DSCP = [{"option": "totem.knet_mtu", "since": "3.1.7"}, {"option": "totem.ip_dscp", "since": "3.1.10"}]


class Releases(unittest.TestCase):
    """Options that a node's corosync does not know."""

    def test_who_does_not_know_what(self):
        for version, unknown in (
            ("3.1.10-pve2", []), ("3.1.11", []), ("3.2.0~rc1", []), ("4.0.0-1", []), ("1:3.1.10-1", []),
            ("3.1.9-2+deb13u1", ["3.1.10"]), ("3.1.7-1", ["3.1.10"]), ("3.1.2-2", ["3.1.7", "3.1.10"]),
            ("3.1", ["3.1.7", "3.1.10"]), ("x3.1.10", ["3.1.7", "3.1.10"]), (None, ["3.1.7", "3.1.10"]), ("", ["3.1.7", "3.1.10"]),
            ("3.1.1000000000000", ["3.1.7", "3.1.10"]),
        ):
            with self.subTest(version=version):
                self.assertEqual([one["limit"] for one in release_findings("pve1", version, DSCP)], unknown)
        self.assertEqual(list(release_findings("pve1", "3.1.2", None)), [])
        # of a release that is none nothing can be said
        self.assertEqual(list(release_findings("pve1", "3.1.2", [{"option": "x", "since": "soon"}])), [])

    def test_the_message_names_node_version_and_option(self):
        (found,) = release_findings("pve3", "3.1.9-pve2", DSCP[1:])
        self.assertEqual(
            found["message"],
            "corosync.conf has 'totem.ip_dscp', which came in with corosync 3.1.10, and pve3 has corosync 3.1.9-pve2, which takes it and does "
            "nothing",
        )
        self.assertEqual(found["remedy"], "upgrade corosync there, or take the option out of corosync.conf")
        self.assertEqual((found["id"], found["severity"], found["node"], found["measured"]), ("corosync-release", "warning", "pve3", "3.1.9-pve2"))
        (found,) = release_findings("pve3", "git", DSCP[1:])
        self.assertTrue(found["message"].endswith("and pve3 has corosync 'git', which is no release that is known"))
        (found,) = release_findings("pve3", None, DSCP[1:], "error")
        self.assertTrue(found["message"].endswith("and pve3 has no corosync that its package database tells of"))
        self.assertEqual(found["severity"], "error")


class InTheRoles(unittest.TestCase):
    """Both reports say it, once for the cluster."""

    def test_before_a_cluster_is_formed(self):
        self.assertEqual(preflight(27, pve_cluster="9.1.6"), [])
        self.assertEqual(preflight(27, pve_cluster="8.2.1"), [("warning", "token-long")])
        self.assertEqual(preflight(27, pve_cluster="9.0.6"), [("warning", "token-long")])
        self.assertEqual(preflight(28, pve_cluster="9.1.6"), [("warning", "many-nodes")])
        self.assertEqual(preflight(25, pve_cluster="9.0.6"), [])

    def test_what_is_to_be_written_after_the_formation_counts(self):
        self.assertEqual(preflight(3, pve_cluster="9.1.6", wanted={"token": 1000}), [("warning", "token-short")])
        self.assertEqual(preflight(3, pve_cluster="9.1.6", wanted={"join": 60}), [])
        self.assertEqual(preflight(3, pve_cluster="9.1.6", wanted={"token": 20000}), [("warning", "token-long")])
        self.assertEqual(preflight(27, pve_cluster="9.0.6", wanted={"token_coefficient": 125}), [])
        self.assertEqual(preflight(27, facts(nodes=20, timing=new_timing(20)), {"token_coefficient": "125"}), [])
        self.assertEqual(preflight(3, facts(nodes=3), {"token": 1000}), [("warning", "token-short")])

    def test_before_a_cluster_grows(self):
        old = facts(nodes=20, timing=new_timing(20))
        self.assertEqual(preflight(20, old), [])
        self.assertEqual(preflight(27, old), [("warning", "token-long")])
        fixed = facts(nodes=20, timing={**new_timing(20), "consensus": 5000})
        self.assertEqual(preflight(27, fixed), [])

    def test_before_a_node_with_an_older_corosync_joins(self):
        def one(name, version, joins):
            of = {**facts(), "versions": {"pve": "9.1.2", "corosync": version}}
            of["health"]["newer_options"] = DSCP
            return {"node": {"name": name, "links": []}, "facts": of, "joins": joins}

        hosts = [one("pve1", "3.1.10-1", False), one("pve2", "3.1.9-1", False), one("pve3", "3.1.9-1", True)]
        # what is no Proxmox VE is refused for that
        hosts.append({"node": {"name": "pve4", "links": []}, "facts": {"versions": {}}, "joins": True})
        found = [(one["severity"], one["id"], one["node"]) for one in cluster_findings(hosts, "development", LIMITS)]
        self.assertEqual(found, [("warning", "corosync-release", "pve2"), ("error", "corosync-release", "pve3")])

    def test_a_file_that_is_not_read_alike(self):
        place = "line 3: the interface section has no 'linknumber'"
        self.assertEqual(preflight(3, facts([place])), [("error", "misread")])
        (found,) = misread_findings([place])
        self.assertEqual(found["message"], f"corosync and Proxmox VE do not read corosync.conf alike: {place}")
        self.assertEqual(found["severity"], "warning")
        self.assertEqual(list(misread_findings(None)), [])

    def test_the_health_of_a_cluster(self):
        from ..filter.test_health_report import three

        hosts = three()

        def told():
            return [one["id"] for one in health_findings(hosts, "labcluster")]

        before = told()
        for host in hosts:
            host["facts"]["health"].update(misread=["line 3: x"], timing={"token": 3000, "token_coefficient": 0, "consensus": 3600})
        self.assertEqual(sorted(set(told()) - set(before)), ["misread", "token-short"])
        hosts[2]["facts"]["versions"]["corosync"] = "3.1.2-1"
        for host in hosts:
            host["facts"]["health"]["newer_options"] = DSCP[:1]
        found = [one for one in health_findings(hosts, "labcluster") if one["id"] == "corosync-release"]
        self.assertEqual([(one["severity"], one["node"]) for one in found], [("warning", hosts[2]["name"])])
        many = [one for one in health_findings(hosts, "labcluster", {"many_nodes": 3}) if one["id"] == "many-nodes"]
        self.assertEqual([(one["measured"], "in all" in one["message"]) for one in many], [(3, True)])
        self.assertEqual((told().count("misread"), told().count("token-short")), (1, 1))

    def test_packets_of_strangers(self):
        from ..filter.test_health_report import three

        def told(address, ago=3600, **more):
            hosts = three()
            health = hosts[0]["facts"]["health"]
            health["foreign_packets"] = {"address": address, "last": health["unix_time"] - ago}
            return [(one["node"], one["message"], one["remedy"]) for one in health_findings(hosts, "labcluster", more) if one["id"] == "foreign-packets"]

        clean = "stop corosync there: a host that was removed, and not cleaned or reinstalled, may run it still with other files"
        begin = "it gets packets that it cannot decrypt, the last one from "
        self.assertEqual(told("10.77.1.99"), [("pve1", f"{begin}10.77.1.99, which is no address of the cluster", clean)])
        self.assertEqual(told(None), [("pve1", f"{begin}a host that knet could not name", clean)])
        own = three()[0]["facts"]["nodelist"][1]["links"]["0"]
        remedy = "compare /etc/corosync/authkey and the file of pve2 with the cluster's; playbooks/cluster-repair.yml repairs it"
        self.assertEqual(told(own), [("pve1", f"{begin}pve2 ({own})", remedy)])
        self.assertEqual((len(told(own, 86400)), len(told(own, 86401)), len(told(own, 7201, events_hours=2))), (1, 0, 0))


if __name__ == "__main__":
    unittest.main()
