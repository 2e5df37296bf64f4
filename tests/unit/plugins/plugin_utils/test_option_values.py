# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the roles with values that they do not take, and the words for it."""

from __future__ import annotations

import unittest
from pathlib import Path

import yaml
from ansible_collections.pve.cluster.plugins.plugin_utils import option_values
from ansible_collections.pve.cluster.plugins.plugin_utils.known_names import options
from ansible_collections.pve.cluster.plugins.plugin_utils.option_values import option_problems

ROLES = Path(__file__).resolve().parents[4] / "roles"


class Hostile(dict):
    """Variables of which one cannot be had yet."""

    def __getitem__(self, name):
        raise KeyError(name)


class OptionProblems(unittest.TestCase):
    """One case a type, texts whole."""

    maxDiff = None

    def check(self, given, *expected):
        self.assertEqual(option_problems({"pve1": given}), list(expected))

    def test_each_type(self):
        for given, said in (
            ({"cluster_create_timeout": "soon"}, "cluster_create_timeout (of pve1) is not a whole number: 'soon'"),
            ({"cluster_create_timeout": 1.5}, "cluster_create_timeout (of pve1) is not a whole number: '1.5'"),
            ({"cluster_create_timeout": [5]}, "cluster_create_timeout (of pve1) is not a whole number: '[5]'"),
            ({"cluster_health_latency_warning_ms": "5ms"}, "cluster_health_latency_warning_ms (of pve1) is not a number: '5ms'"),
            ({"preflight_measure": "maybe"}, "preflight_measure (of pve1) is neither true nor false: 'maybe'"),
            ({"preflight_bridges": {"vmbr0": True}}, "preflight_bridges (of pve1) is not a list: '{'vmbr0': True}'"),
            ({"corosync_totem": "5000"}, "corosync_totem (of pve1) has no keys: '5000'"),
            ({"cluster_export_ssm_tier": "standard"}, "cluster_export_ssm_tier (of pve1) is 'standard', which is not known: did you mean 'Standard'?"),
            ({"cluster_export_to": ["file", "smm"]}, "cluster_export_to (of pve1) has 'smm', which is not known: did you mean 'ssm'?"),
            ({"cluster_export_to": "file,x"}, "cluster_export_to (of pve1) has 'x', which is not known: there are file, ssm"),
            ({"cluster_join_method": ["ssh"]}, "cluster_join_method (of pve1) is '['ssh']', which is not known: did you mean 'ssh'?"),
        ):
            with self.subTest(said):
                self.check(given, said)

    def test_what_is_taken(self):
        for given in (
            {"cluster_create_timeout": "120"}, {"cluster_create_timeout": 120}, {"cluster_health_latency_warning_ms": "2.5"}, {"preflight_measure": "no"},
            {"preflight_bridges": "vmbr0"}, {"corosync_totem": {"token": 5000}}, {"corosync_totem": '{"token": 5000}'}, {"cluster_export_to": "file,ssm"},
            {"cluster_export_to": ["ssm"]}, {"cluster_export_ssm_tier": "Standard"}, {"cluster_join_password": "{{"}, {"cluster_create_timeout": ""},
            {"cluster_create_timeout": None}, {"somebody_elses": object()}, {"expected_votes_offline": ["pve1"]},
        ):  # fmt: skip
            with self.subTest(given):
                self.check(given)

    def test_what_only_a_later_play_knows_is_left_to_it(self):
        self.check({"cluster_create_timeout": "{{ a_fact }}"})
        self.check(Hostile(cluster_create_timeout=1))

    def test_what_the_inventory_judges_itself_is_told_by_it_alone(self):
        self.check({"cluster_nodes": 5, "preflight_waive": {"a": 1}, "cluster_health_waive": {"a": 1}})

    def test_a_value_is_told_once_with_the_hosts_that_have_it(self):
        given = {"pve1": {"cluster_create_timeout": "x"}, "pve2": {"cluster_create_timeout": "y"}, "pve3": {"cluster_create_timeout": "x"}}
        self.assertEqual(
            option_problems(given),
            ["cluster_create_timeout (of pve1, pve3) is not a whole number: 'x'", "cluster_create_timeout (of pve2) is not a whole number: 'y'"],
        )

    def test_no_secret_is_told(self):
        self.assertEqual(option_values._shown("hunter2", {"no_log": True}), "a secret")
        self.assertEqual(option_values._shown("hunter2", {}), "'hunter2'")


class Options(unittest.TestCase):
    """What the specs must be for this."""

    def test_a_name_is_one_option_in_all_roles(self):
        for file in sorted(ROLES.glob("*/meta/argument_specs.yml")):
            for entry in yaml.safe_load(file.read_text())["argument_specs"].values():
                for name, option in (entry.get("options") or {}).items():
                    with self.subTest(name, role=file.parents[1].name):
                        self.assertEqual([option.get(key) for key in ("type", "choices")], [options()[name].get(key) for key in ("type", "choices")])

    def test_every_type_is_judged_or_takes_anything(self):
        self.assertEqual({option["type"] for option in options().values()}, {*option_values._TYPES, "str", "raw"})


if __name__ == "__main__":
    unittest.main()
