# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health of a cluster in every recorded situation, and one case for each finding."""

from __future__ import annotations

import copy
import json
import unittest
from pathlib import Path

from ansible_collections.pve.cluster.plugins.filter.health_changes import health_changes
from ansible_collections.pve.cluster.plugins.filter.health_report import health_report

# What the module answers in the recorded situations.
RECORDED = Path(__file__).resolve().parents[4] / "modules/cluster_facts/tests/golden"
NOW = 1795197800


def recorded(situation):
    """The facts of a node in this situation."""
    return json.loads((RECORDED / f"{situation}.json").read_text())


def health(names, own="pve1", links=(0, 1), **other):
    """The part of the facts that tells trouble early, of a node that has none."""
    link = {"connected": True, "mtu": 1397, "down_count": 1, "pings": 1000, "pongs": 1000, "send_errors": 0}
    latency = {"average": 230, "min": 200, "max": 400, "samples": 1000}
    return {
        "links": [{"peer": peer, "number": number, "latency": dict(latency), **link} for peer in names if peer != own for number in links],
        "totem": {"retransmits": 0, "token_losses": 0, "consensus_timeouts": 0},
        "events": {
            "link_down": 0, "unreachable": 2, "token_late": 0, "token_lost": 0, "retransmits": 0, "quorum_lost": 1, "failures": 0,
            "last": NOW - 60, "last_said": "host: host: 2 has no active links",
        },
        "clock": {"synchronised": True, "service_enabled": True},
        "certificates": [{"file": "/etc/pve/local/pve-ssl.pem", "not_before": NOW - 86400 * 30, "not_after": NOW + 86400 * 700, "days_left": 700}],
        "qdevice": None,
        "ha": {"resources": [], "master": None, "lrm": None},
        "pmxcfs_online": list(names),
        "unix_time": NOW,
        "problems": [],
        **other,
    }


THREE = ("pve1", "pve2", "pve3")


def three(**other):
    """Three nodes with two links that are well; each has the facts of the first, as seen from itself."""
    hosts = []
    for nodeid, name in enumerate(THREE, 1):
        facts = copy.deepcopy(recorded("two_links"))
        facts["nodename"], facts["nodeid"] = name, nodeid
        for link in facts["links"]:
            for peer in link["peers"]:
                if peer["name"] == name:
                    peer["name"] = "pve1"
        facts["health"] = health(THREE, name)
        hosts.append({"name": name, "facts": facts})
    hosts[0]["facts"].update(other)
    return hosts


def report(hosts, name="labcluster", **options):
    """The report of these hosts."""
    return health_report(hosts, name, "2026-11-20T18:30:00Z", **options)


def said(hosts, name="labcluster", **options):
    """The findings as `id node: message`."""
    return [f"{one['id']} {one['node']}: {one['message']}" for one in report(hosts, name, **options)["findings"]]


class Recorded(unittest.TestCase):
    """What is said of a cluster of which the first node is in a recorded situation, and the others cannot be asked."""

    maxDiff = None

    def ids(self, situation, name="pve1", cluster="labcluster"):
        """Ids of the errors about the node."""
        found = report([{"name": name, "facts": recorded(situation)}], cluster)
        return sorted({one["id"] for one in found["findings"] if one["severity"] == "error"}), found["verdict"]

    def test_every_situation_is_judged(self):
        table = {
            "one_node": ([], "ok"),
            "two_nodes": ([], "warning"),
            "three_nodes": ([], "warning"),
            "two_links": ([], "warning"),
            "one_link_cut": (["link-down"], "error"),
            "one_of_three_off": (["link-down", "nodelist"], "error"),
            "not_quorate": (["link-down", "nodelist", "not-quorate"], "error"),
            "corosync_stopped": (["corosync-stopped", "nodelist", "not-seen", "service"], "error"),
            "pmxcfs_stopped": (["pmxcfs-stopped", "service"], "error"),
            "standalone": (["not-a-member"], "error"),
            "left_overs": (["not-a-member"], "error"),
            "plain_debian": (["not-a-member"], "error"),
        }
        for situation, wanted in table.items():
            with self.subTest(situation=situation):
                self.assertEqual(self.ids(situation), wanted)
        self.assertEqual(self.ids("admitted", "pve3"), (["no-vote"], "error"))
        self.assertEqual(self.ids("admitted_and_cut_off", "pve4"), (["link-down", "no-vote", "nodelist", "not-quorate"], "error"))
        self.assertEqual(self.ids("majority", "pve2"), (["link-down", "nodelist"], "error"))
        for situation in ("removed", "removed_and_restarted", "stranded", "admitted_and_stranded"):
            with self.subTest(situation=situation):
                found, verdict = self.ids(situation, "pve3")
                self.assertEqual(verdict, "error")
                self.assertIn(situation.replace("admitted_and_", "").partition("_")[0], " ".join(found))

    def test_every_recorded_situation_is_in_the_table(self):
        self.assertEqual(len(list(RECORDED.glob("*.json"))) - 1, 19, "but for the one of programs that hang")


class Findings(unittest.TestCase):
    """One case a finding, texts whole."""

    maxDiff = None

    def test_nodes_that_have_no_vote_yet(self):
        """As three of them were recorded, each told of once, by the newest file of a node that is quorate."""
        member, behind = (copy.deepcopy(recorded("admitted")) for _ in range(2))
        behind["quorum"]["quorate"], behind["config_version"]["pmxcfs"] = False, 9
        for node in behind["nodelist"]:
            node["votes"] = 1
        hosts = [{"name": "pve3", "facts": member}, {"name": "pve4", "facts": behind}]

        def found(hosts):
            return [(one["severity"], one["node"], one["message"]) for one in report(hosts)["findings"] if one["id"] == "no-vote"]

        self.assertEqual(found(hosts), [("error", f"pve{number}", "it is admitted and has no vote yet") for number in (2, 3, 4)])
        at_work = "node 'pve2' is joining the cluster"
        member["health"] = health(("pve1", "pve2", "pve3", "pve4"), "pve3", membership_changed_by=at_work)
        self.assertEqual(found(hosts), [("warning", f"pve{number}", f"it is admitted and has no vote yet, and {at_work}") for number in (2, 3, 4)])
        # of a newer file that nobody quorate has, nothing is believed while there is one who is
        behind["quorum"]["quorate"] = True
        self.assertEqual(found(hosts), [])
        for host in hosts:
            host["facts"]["quorum"]["quorate"] = False
        self.assertEqual(found(hosts), [])
        self.assertEqual(found([hosts[0]])[0], ("warning", "pve2", f"it is admitted and has no vote yet, and {at_work}"))
        self.assertEqual(found(three()), [])

    def found(self, change, **options):
        """The findings when the first node's facts are changed so."""
        hosts = three()
        change(hosts[0]["facts"])
        return said(hosts, **options)

    def test_a_cluster_that_is_well(self):
        found = report(three())
        self.assertEqual((found["verdict"], found["findings"]), ("ok", []))
        self.assertEqual(found["quorum"]["survives"], 1)
        self.assertEqual([len(link["cells"]) for link in found["links"]], [6, 6])

    def test_a_host_that_does_not_answer(self):
        hosts = three()
        hosts[1] = {"name": "pve2", "facts": None, "problem": "No route to host"}
        self.assertEqual(said(hosts), ["unreachable pve2: it could not be asked (No route to host)"])

    def test_latency_and_loss(self):
        def slow(facts):
            facts["health"]["links"][0]["latency"]["average"] = 6100
            facts["health"]["links"][1]["latency"]["average"] = 2000
            facts["health"]["links"][2]["pongs"] = 950

        self.assertEqual(
            self.found(slow),
            [
                "latency pve1: its link 0 to pve2 averages 6.1 ms (limit 5 ms)",
                "latency pve1: its link 1 to pve2 averages 2 ms (limit 2 ms)",
                "loss pve1: its link 0 to pve3 has lost 5 % of its packets since corosync started",
            ],
        )
        self.assertEqual(self.found(slow, limits={"latency_warning_ms": 7, "latency_error_ms": 9, "loss_warning_percent": 6}), [])

    def test_certificates(self):
        def certificates(facts):
            facts["health"]["certificates"] = [
                {"file": "/etc/pve/local/pve-ssl.pem", "not_before": 0, "not_after": 0, "days_left": -3},
                {"file": "/etc/pve/local/pveproxy-ssl.pem", "not_before": 0, "not_after": 0, "days_left": 29},
                {"file": "/etc/pve/pve-root-ca.pem", "not_before": NOW + 1, "not_after": 0, "days_left": 90},
            ]

        self.assertEqual(
            self.found(certificates),
            [
                "certificate-expired pve1: its certificate /etc/pve/local/pve-ssl.pem expired 3 days ago",
                "certificate-not-valid-yet pve1: its certificate /etc/pve/pve-root-ca.pem is not valid yet",
                "certificate-expiring pve1: its certificate /etc/pve/local/pveproxy-ssl.pem expires in 29 days",
            ],
        )

    def test_each_certificate_is_renewed_in_its_own_way(self):
        hosts = three()
        hosts[0]["facts"]["health"]["certificates"] = [
            {"file": f"/etc/pve/{name}", "not_before": 0, "not_after": 0, "days_left": -1}
            for name in ("local/pve-ssl.pem", "local/pveproxy-ssl.pem", "pve-root-ca.pem")
        ]
        self.assertEqual(
            [one["remedy"] for one in report(hosts)["findings"]],
            [
                "run 'pvecm updatecerts --force' on the node, then restart pveproxy",
                "renew it where it came from",
                "it is the cluster's own authority, which 'pvecm updatecerts' leaves as it is: move it and /etc/pve/priv/pve-root-ca.key away, then "
                "run 'pvecm updatecerts --force' on every node and restart pveproxy there",
            ],
        )

    def test_events_count_for_a_day(self):
        def flaps(facts):
            facts["health"]["events"].update(link_down=3, token_lost=1, last_said="link: host: 3 link: 0 is down")

        last = "since it booted, the last trouble being 'link 0 to pve3 is down'"
        self.assertEqual(
            self.found(flaps),
            [
                f"link-flaps pve1: a link was found down 3 times {last}",
                f"token-losses pve1: corosync lost its token once {last}",
            ],
        )
        self.assertEqual(self.found(flaps, limits={"events_hours": 0}), [])

    def test_services(self):
        def services(facts):
            facts["services"]["pvestatd"] = {"state": "inactive", "enabled": "disabled"}
            facts["services"]["pveproxy"]["enabled"] = "masked"

        self.assertEqual(
            self.found(services),
            [
                "service-not-enabled pve1: the service pveproxy is masked and will not start with the machine",
                "service pve1: the service pvestatd is inactive",
                "service-not-enabled pve1: the service pvestatd is disabled and will not start with the machine",
            ],
        )

    def test_clock_qdevice_ha_and_pmxcfs(self):
        def change(facts):
            facts["health"].update(
                clock={"synchronised": False, "service_enabled": False},
                qdevice={"connected": False, "state": "Connect failed"},
                ha={"resources": ["vm:100"], "master": "pve1", "lrm": "lost_agent_lock"},
                pmxcfs_online=["pve1", "pve2"],
                problems=["cannot run 'journalctl': no answer within 5 s"],
            )

        self.assertEqual(
            self.found(change),
            [
                "pmxcfs-group pve1: its pmxcfs does not have pve3 in its group",
                "qdevice pve1: its QDevice is not connected (Connect failed)",
                "ha-lrm pve1: its HA resource manager has lost its lock",
                "clock pve1: its clock is not synchronised",
                "unread pve1: cannot run 'journalctl': no answer within 5 s",
            ],
        )

    def test_a_rescue_and_what_an_interrupted_run_left(self):
        def rescue(node, expired):
            return {"node": node, "owner": "a role", "until": 1, "expired": expired}

        def change(facts):
            # what another node has is told by that one
            facts["health"].update(rescues=[rescue("pve1", False), rescue("pve2", True)], ha_left_disarmed_by="a run on 'pve2' 5 minutes ago")

        self.assertEqual(
            self.found(change),
            [
                "ha-disarmed pve1: high availability was disarmed by a run on 'pve2' 5 minutes ago and not armed again: no guest is recovered",
                "rescue-armed pve1: a rescue of corosync.conf is armed on it by a role: a change is under way or was interrupted",
            ],
        )

        def left(facts):
            facts["health"].update(rescues=[rescue("pve1", True)], ha_left_disarmed_by=None)

        self.assertEqual(self.found(left), ["rescue-left-over pve1: a rescue of corosync.conf is left over on it, armed by a role"])

    def test_versions_and_left_over_directories(self):
        def change(facts):
            facts["versions"]["pve"] = "8.4.1"
            facts["leftovers"]["nodes"] = ["pve9"]

        self.assertEqual(
            self.found(change),
            [
                "leftover-node pve1: /etc/pve/nodes has directories of nodes that are no more (pve9)",
                "versions-pve None: the nodes have different versions of Proxmox VE (8.4.1 on pve1; 9.2.11 on pve2, pve3)",
            ],
        )

    def test_what_a_node_is_besides_a_member(self):
        for situation, wanted in (
            ("synchronizing", "synchronizing pve1: it is synchronizing (no writes yet)"),
            ("unknown", "unknown pve1: too little could be read of it (no writes yet)"),
            ("removed", "removed pve1: its cluster has removed it (no writes yet)"),
            ("renamed", "renamed pve1: its host name was changed, and the cluster knows it by the name that it had (no writes yet)"),
        ):
            with self.subTest(situation=situation):
                self.assertEqual(said(three(situation=situation, reasons=["no writes yet"])), [wanted])
        self.assertEqual(
            said(three(cluster_name="labcluster2")), ["other-cluster pve1: it is a member of cluster 'labcluster2', not of 'labcluster'"]
        )

    def test_an_address_that_corosync_does_not_run_on(self):
        def moved(facts):
            facts["links"][0]["running_address"] = "10.9.9.9"

        self.assertEqual(self.found(moved), ["link-address pve1: its link 0 runs on 10.9.9.9, corosync.conf says 10.77.1.11"])

    def test_other_events_and_another_corosync(self):
        def change(facts):
            facts["health"]["events"].update(retransmits=2, failures=1, last_said="Retransmit List: 1a")
            facts["versions"]["corosync"] = "3.1.7"

        last = "since it booted, the last trouble being 'Retransmit List: 1a'"
        self.assertEqual(
            self.found(change),
            [
                f"retransmits pve1: corosync had to send messages again 2 times {last}",
                f"corosync-failed pve1: corosync failed once {last}",
                "versions-corosync None: the nodes have different versions of corosync (3.1.7 on pve1; 3.1.9-pve1 on pve2, pve3)",
            ],
        )

    def test_a_node_that_the_inventory_lacks(self):
        found = said(three()[:2])
        self.assertEqual(found[0], "not-in-inventory pve1: it sees pve3, which the inventory does not have")

    def test_waived_findings_do_not_count(self):
        hosts = three()
        hosts[0]["facts"]["health"]["clock"]["synchronised"] = False
        found = report(hosts, waive=["clock"])
        self.assertEqual((found["verdict"], found["findings"], len(found["waived"])), ("ok", [], 1))


class Margin(unittest.TestCase):
    """How many nodes a cluster can lose."""

    def survives(self, votes, quorum, total=None):
        """Of nodes with these votes."""
        hosts = three()
        for host in hosts:
            host["facts"]["members"] = [{"name": f"pve{n}", "votes": vote} for n, vote in enumerate(votes, 1)]
            host["facts"]["quorum"].update(total_votes=total or sum(votes), quorum=quorum)
        return report(hosts)["quorum"]["survives"]

    def test_votes(self):
        self.assertEqual(self.survives([1, 1, 1], 2), 1)
        self.assertEqual(self.survives([1, 1], 2), 0)
        self.assertEqual(self.survives([1, 1], 2, total=3), 1)  # with a QDevice
        self.assertEqual(self.survives([1, 1, 1, 1, 1], 3), 2)
        self.assertEqual(self.survives([3, 1, 1, 1], 4), 0)

    def test_no_margin_is_said(self):
        hosts = three()
        for host in hosts:
            host["facts"]["members"] = host["facts"]["members"][:2]
            host["facts"]["quorum"]["total_votes"] = 2
        self.assertIn("no-margin None: the loss of one more node would stop the cluster", said(hosts))

    def test_a_qdevice_in_an_odd_cluster(self):
        device = {"model": "net", "host": "192.0.2.9", "algorithm": "ffsplit", "votes": 1}
        hosts = three()
        for host in hosts:
            host["facts"]["qdevice"] = device
        self.assertIn("qdevice-odd None: its QDevice is for an even number of nodes, and there are 3", said(hosts))
        for host in hosts:
            host["facts"]["qdevice"] = {**device, "algorithm": "lms"}
        self.assertNotIn("qdevice-odd", " ".join(said(hosts)))


class Changes(unittest.TestCase):
    """Two reports compared."""

    maxDiff = None

    def test_nothing(self):
        later = three()
        later[0]["facts"]["health"]["links"][0]["latency"]["average"] = 300
        self.assertEqual(health_changes(report(three()), report(later)), [])

    def test_all_kinds(self):
        later = three()
        facts = later[0]["facts"]
        facts["versions"]["corosync"] = "3.1.10-pve1"
        facts["services"]["pveproxy"]["state"] = "failed"
        facts["config_version"] = {"pmxcfs": 9, "local": 9, "running": 9}
        facts["links"][0]["peers"][0]["connected"] = False
        later[2] = {"name": "pve4", "facts": None, "problem": "off"}
        changes = health_changes(report(three()), report(later))
        for wanted in (
            "verdict: ok -> error",
            "pve4: new",
            "pve3: gone from the inventory",
            "pve1: version of corosync: 3.1.9-pve1 -> 3.1.10-pve1",
            "pve1: pveproxy: active -> failed",
            "pve1: link 0 to pve2: ok -> down",
            "new: pve1: the service pveproxy is failed",
            "new: pve4: it could not be asked (off)",
        ):
            self.assertIn(wanted, changes)
        self.assertIn("over: pve1: the service pveproxy is failed", health_changes(report(later), report(three())))

    def test_another_cluster_is_not_compared(self):
        self.assertEqual(
            health_changes({"format": 1, "cluster": "x"}, report(three())),
            ["the earlier report is of cluster 'x' in format 1 and cannot be compared"],
        )


if __name__ == "__main__":
    unittest.main()
