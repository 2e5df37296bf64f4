# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every filter answers the same, however the Ansible at hand gives it what the inventory says.

Before ansible-core 2.19 a template gives text: digits for a number, the empty text for none. An INI inventory and `-e name=value` give text
on every version, a list with commas too. From 2.19 on values keep their types.
"""

from __future__ import annotations

import copy
import importlib
import itertools
import unittest
from pathlib import Path

from .test_health_report import report, three
from .test_inventory_problems import inventory
from .test_preflight_findings import host
from ..plugin_utils.test_plan import host as planned

ROOT = Path(__file__).resolve().parents[4]


def template(value):
    """A value as a template gives it before 2.19; a mapping or list that is written out in YAML has templates inside."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return {key: template(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [template(one) for one in value]
    return value if isinstance(value, (bool, str)) else str(value)


def words(value):
    """A value as `-e name=value` gives it."""
    if isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value):
        return ",".join(value)
    if isinstance(value, dict):
        return {key: words(one) for key, one in value.items()}
    return "" if value is None else str(value) if isinstance(value, (bool, int, float)) else value


def plain(value):
    """A value as it is."""
    return value


def slow():
    """Three nodes with a latency between two limits."""
    hosts = three()
    for link in hosts[0]["facts"]["health"]["links"]:
        link["latency"]["average"] = 12000
    return hosts


def measured(name, last):
    """A host that has measured a clock and a link that are between two limits."""
    link = {
        "number": 0, "address": "10.77.1.9", "answered": True, "silent_ports": [], "latency": {"median": 3.0, "jitter": 1.0}, "loss_percent": 1.0, "sent": 50,
        "own_mtu": 1500, "largest": 1500, "known_mtu": None, "clock_offset": 200.0,
    }
    local = ["disk 600", "bridge vmbr7"]
    return {**host(name, last, local=local), "measured": {"peers": [{"name": "pve9", "links": [link], "tcp": []}], "problems": []}}


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIINmRpsUc34p7ptABqI2R5zTWUWFZNO5TiO0k2u2s8t7"
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINHKewULwu+QuqVJfBGjGWjsVJeYgMIcsNfSoOTraF+7"
LIMITS = {"latency_warning_ms": 3, "latency_error_ms": 12.5, "certificate_days": 700, "events_hours": 1}
CHECKS = {"latency_warning_ms": 2.5, "latency_error_ms": 3, "clock_warning_ms": 100, "clock_error_ms": 5000.0, "free_mib": 512, "loss_error_percent": 5}
TWO = [
    {"name": f"pve{last}", "fqdn": f"pve{last}.lab.local", "address": f"10.77.0.{last}", "links": [{"number": link, "address": f"10.77.1.{last}"}],
     "nodeid": nodeid, "votes": None}
    for last, link, nodeid in ((1, 0, 1), (2, 1, 7))
]
LINKS = [{"number": 0, "address": "10.77.1.1", "priority": 20}]
GOOD = inventory({"links": LINKS, "corosync_ip": None}, corosync_network="10.77.1.0/24", preflight_waive=["clock", "mtu"], votes=2, zz_netwrok="x")
WRONG = inventory({"node_id": 0, "links": [{"number": 9, "address": "10.77.1.1", "priority": 300}]}, votes=0, preflight_waive=["clocks"],
                  corosync_netwrok="10.77.1.0/24", cluster_environment=None)
FACTS = {"members": [{"name": "pve1"}], "nodelist": [{"name": "pve1", "links": {}}, {"name": "pve2", "links": {"0": "10.77.1.2"}}]}
CHANGE = {"changed": True, "members": [{"name": "pve1"}]}
ASKED = [{"cluster_inventory_node": {"name": "pve1"}, "corosync_confirmed": {"changed": False, "members": [1], "restart_needed": ["x"]}},
         {"cluster_inventory_node": {"name": "pve2"}}]

# By filter: what comes from modules, and then what an inventory or a template gives; in each a case that these values decide.
CASES = {
    "preflight_findings": [
        (([measured("pve1", 1), measured("pve2", 2)], "lab", "development"),
         {"limits": CHECKS, "bridges": ["vmbr0", "vmbr7"], "waive": ["jitter"], "names_follow": True}),
        (([measured("pve1", 1)], "lab", "production"), {"limits": {"free_mib": 601}, "bridges": ["vmbr7"], "waive": [], "names_follow": False}),
        (([host()], "lab"), {"limits": None, "bridges": None, "waive": None}),
    ],
    "health_report": [
        ((slow(), "labcluster", "now"), {"limits": LIMITS, "waive": ["no-margin", "latency"]}),
        ((slow(), "labcluster", "now"), {"limits": LIMITS, "waive": None}),
        ((slow(), "labcluster", "now"), {"limits": None}),
    ],
    "health_text": [((report(three()),), {"show": ["status", "findings"]}), ((report(three()),), {"show": ["nodes"]})],
    "failover_cases": [((report(three()),), {"kinds": ["network"], "only": ["pve1", "pve3"]}), ((report(three()),), {"kinds": ["link"], "only": None})],
    "failover_refusals": [
        ((report(three()), [{"vmid": 100}]), {"allow_guests": allowed, "kinds": ["power", "link"]}) for allowed in (True, False)
    ],
    "corosync_rescue_seconds": [((), {"timeout": 70, "restarts": 3, "disarm": disarm}) for disarm in (True, False)],
    "corosync_end": [((ASKED, CHANGE), {"allow_offline": ["pve2"], "restart": restart}) for restart in (True, False)]
    + [((ASKED, CHANGE), {"allow_offline": ["pve22"], "restart": True})],
    "ssm_problems": [(({"name": "lab", "nodes": "[]"}, "/pve/lab"), {"secure": ["nodes"]}), (({"name": "lab"}, "/pve/lab"), {"secure": ["nodes"]})],
    "inventory_problems": [
        ((), {"hosts": list(GOOD), "variables": GOOD, "cluster_name": "lab", "own": ["corosync_netwrok"]}),
        ((), {"hosts": list(WRONG), "variables": WRONG, "cluster_name": "lab", "own": []}),
        ((), {"hosts": list(WRONG), "variables": WRONG, "cluster_name": "lab", "own": ["corosync_netwrok"]}),
    ],
    "inventory_nodes": [((), {"hosts": list(given), "variables": given}) for given in (GOOD, WRONG)],
    "votes_unseen": [((FACTS, {"b": {"name": "pve2", "address": "10.77.0.2"}}), {"ports": {"b": port}}) for port in (2222, None)],
    "probe_nodes": [((), {"nodes": TWO, "ssh_ports": {"pve1": [2222], "pve2": [22]}})],
    "host_keys_judged": [
        (({"a": {"names": ["a"], "file": "f", "shown": [KEY], "known": {"a": [OTHER_KEY]}}},), {"expected": [], "accepted": ["a"], "replace": replace})
        for replace in (True, False)
    ],
    "cluster_login": [
        ((), {"variables": {"ansible_port": port, "ansible_become": become, "ansible_user": "ops"}}) for port in (2222, 22, None) for become in (True, False)
    ],
    "cluster_plan": [(([planned(1, seed=True)], "lab"), {"coefficient": given, "qdevice": there}) for given in (900, None) for there in (True, False)],
    "ssh_ports": [((), {"hosts": [{"names": ["pve1"], "ports": [2222]}]})],
}

# What these are given comes from modules, files and programs alone, or is text anyway.
FROM_ELSEWHERE = {
    "admitted_hosts", "cluster_adoption", "cluster_export", "cluster_export_text", "cluster_findings", "cluster_plan_text", "corosync_rows", "failover_away", "failover_result",
    "health_changes", "health_html", "health_markdown", "history_lines", "history_rows", "join_ways", "known_hosts_current", "known_hosts_pinned", "login_problem", "probe_summary",
    "probe_unproven", "quorate_sides", "root_login", "rotation_problems", "ssh_findings", "ssh_seen", "ssm_values", "votes_reached",
}


def called(name, fixed, given):
    """What the filter answers."""
    module = importlib.import_module(f"ansible_collections.pve.cluster.plugins.filter.{name}")
    return module.FilterModule().filters()[name](*copy.deepcopy(fixed), **copy.deepcopy(given))


class AsText(unittest.TestCase):
    """The same answer for each form of the same value."""

    maxDiff = None

    def test_every_filter_is_here(self):
        known = {path.stem for path in (ROOT / "plugins/filter").glob("*.py")}
        self.assertEqual(known - FROM_ELSEWHERE, set(CASES))
        self.assertLessEqual(FROM_ELSEWHERE, known)

    def test_each_value_in_each_form(self):
        for name, cases in CASES.items():
            for fixed, given in cases:
                wanted = called(name, fixed, given)
                for forms in itertools.product((plain, template, words), repeat=len(given)):
                    # a list of nodes is never one word
                    changed = {
                        key: (template if form is words and key in ("nodes", "hosts", "ssh_ports", "ports") else form)(value)
                        for form, (key, value) in zip(forms, given.items())
                    }
                    with self.subTest(name=name, given=changed):
                        self.assertEqual(called(name, fixed, changed), wanted)

    def test_the_values_decide(self):
        """A case whose answer is the same whatever it is given would prove nothing."""
        for name, cases in CASES.items():
            if len(cases) > 1:
                answers = [repr(called(name, fixed, given)) for fixed, given in cases]
                self.assertGreater(len(set(answers)), 1, name)


if __name__ == "__main__":
    unittest.main()
