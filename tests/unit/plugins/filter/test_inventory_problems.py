# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory can have wrong, and the words for it."""

from __future__ import annotations

import re
import unittest
from pathlib import Path

import yaml
from ansible_collections.pve.cluster.plugins.filter.inventory_nodes import inventory_nodes
from ansible_collections.pve.cluster.plugins.filter.inventory_problems import inventory_problems
from ansible_collections.pve.cluster.plugins.plugin_utils.known_names import facts, finding_ids, meant, misspelt, variables

ROLES = Path(__file__).resolve().parents[4] / "roles"
HOSTS = ("pve1", "pve2", "pve3")


def entry(last, **other):
    """An entry of cluster_nodes without problems, but for what `other` changes; None takes a key away."""
    found = {
        "short_name": f"pve{last}", "fqdn": f"pve{last}.lab.local", "management_ip": f"10.77.0.{last}", "corosync_ip": f"10.77.1.{last}",
        "node_id": last, **other,
    }
    return {key: value for key, value in found.items() if value is not None}


def inventory(*changes, hosts=HOSTS, **common):
    """Variables by host: three entries, changed by position, and what all hosts have."""
    entries = [entry(number, **(changes[number - 1] if number <= len(changes) else {})) for number in range(1, len(hosts) + 1)]
    return {host: {"cluster_nodes": entries, "ansible_host": f"10.77.0.{number}", **common} for number, host in enumerate(hosts, 1)}


def with_links(*links):
    """The change of an entry that has these links instead of a corosync_ip."""
    return {"corosync_ip": None, "links": list(links)}


def all_links(one, number=3):
    """Three entries with a good link each, the first with these instead."""
    return [with_links(*one), *(with_links({"address": f"10.77.1.{last}"}) for last in range(2, number + 1))]


class InventoryProblems(unittest.TestCase):
    """One case a problem, texts whole."""

    maxDiff = None

    def problems(self, variables_of_hosts, name="lab", **other):
        return inventory_problems(list(variables_of_hosts), variables_of_hosts, name, **other)

    def check(self, variables_of_hosts, *expected, **other):
        self.assertEqual(self.problems(variables_of_hosts, **other), list(expected))

    def test_a_good_inventory_has_none(self):
        self.check(inventory(corosync_network="10.77.1.0/24", cluster_environment="production", preflight_waive=["too-few-nodes"]))
        self.check({host: {"ansible_host": f"10.77.0.{number}"} for number, host in enumerate(HOSTS, 1)})
        self.check({host: {"ansible_host": f"fd00::{number}", "hostname": f"{host}.lab.local", "node_id": str(number), "votes": "1",
                           "corosync_link0_address": f"fd01::{number}"} for number, host in enumerate(HOSTS, 1)})

    def test_names_pve_refuses(self):
        for name in ("bad name", "bad_name", "-x", "x-", "", "averyveryverylongclustername", "lab\n"):
            with self.subTest(name=name):
                self.check(
                    inventory(), f"cluster_name {name!r} is not allowed: letters, digits and inner hyphens, 15 characters at most", name=name
                )
        self.check(inventory(), "cluster_name '7' is not a text: write it in quotes", name=7)

    def test_a_forgotten_address(self):
        said = "has no address for corosync, and {} have one: set corosync_ip or links for all nodes, or for none"
        self.check(inventory({}, {}, {"corosync_ip": None}), "pve3 " + said.format("pve1, pve2"))
        mixed = {"a": {"ansible_host": "10.0.0.1"}, "b": {"ansible_host": "10.0.0.2", "corosync_ip": "10.1.0.2"},
                 "c": {"ansible_host": "10.0.0.3", "cluster_links": [{"address": "10.1.0.3"}]}}
        self.check(mixed, "a " + said.format("b, c"))
        mixed["b"].pop("corosync_ip")
        self.check(mixed, "a, b have no address for corosync, and c has one: set corosync_ip or links for all nodes, or for none")

    def test_a_host_without_an_entry_and_an_entry_without_a_host(self):
        given = inventory()
        given["pve4"] = {**given["pve1"], "ansible_host": "10.77.0.4", "corosync_ip": "10.77.1.4"}
        self.check(given, "host 'pve4' has no entry in cluster_nodes: add one with its short_name, or take the host out of the group")
        given = inventory()
        del given["pve3"]
        self.check(given, "cluster_nodes lists 'pve3', but no host of the cluster has this name: add the host or remove the entry")

    def test_one_entry_twice(self):
        given = inventory()
        for variables_of_host in given.values():
            variables_of_host["cluster_nodes"] = [*variables_of_host["cluster_nodes"], entry(1, short_name="PVE1")]
        self.check(given, "cluster_nodes lists 'pve1' 2 times: keep one entry")

    def test_things_that_only_one_node_may_have(self):
        self.check(
            inventory({}, {"management_ip": "10.77.0.1", "node_id": "1"}),
            "address '10.77.0.1' belongs to pve1 and pve2: it must be unique", "node_id '1' belongs to pve1 and pve2: it must be unique",
        )
        self.check(
            inventory({"corosync_ip": "FD00::1"}, {"corosync_ip": "fd00:0::1"}),
            "address 'fd00::1' belongs to pve1 and pve2: it must be unique",
        )
        twins = {"pve1": {"ansible_host": "10.0.0.1"}, "pve2": {"ansible_host": "10.0.0.2", "hostname": "PVE1.lab.local"}}
        self.check(twins, "name 'pve1' belongs to pve1 and pve2: it must be unique")

    def test_what_is_given_twice_and_differs(self):
        self.check(
            inventory({"links": [{"address": "10.77.1.8"}]}, with_links({"address": "10.77.1.2"}), with_links({"address": "10.77.1.3"})),
            "the address of link 0 of node 'pve1' is 10.77.1.8 in its links, and 10.77.1.1 in corosync_ip: keep the right one",
        )
        given = inventory()
        given["pve1"].update(management_ip="10.77.0.9", corosync_ip="10.77.1.9", node_id=9)
        self.check(
            given,
            "management_ip in cluster_nodes (10.77.0.1) and management_ip of host 'pve1' (10.77.0.9) disagree: keep the right management_ip",
            "corosync_ip in cluster_nodes (10.77.1.1) and corosync_ip of host 'pve1' (10.77.1.9) disagree: keep the right corosync_ip",
            "node_id of node 'pve1' is 1 in cluster_nodes and 9 of host 'pve1': keep the right one",
        )
        self.check(
            inventory({"ip": "10.77.0.9"}),
            "management_ip in cluster_nodes (10.77.0.1) and ip in cluster_nodes (10.77.0.9) disagree: keep the right management_ip",
        )
        given = inventory(*all_links([{"address": "10.77.1.1"}]))
        given["pve1"]["cluster_links"] = [{"address": "10.77.1.7"}]
        self.check(given, "links in cluster_nodes and cluster_links of host 'pve1' disagree: keep the right ones")
        given["pve1"]["cluster_links"] = [{"address": "10.77.1.1"}]
        self.check(given)

    def test_links(self):
        cases = [
            ([], "node 'pve1' has no corosync link: set corosync_ip or cluster_links",
             "every node needs the same links, but they differ (pve1: [], pve2: [0], pve3: [0])"),
            ([{"number": 8, "address": "10.77.1.1"}], "the number of a link of node 'pve1' is '8', which is not a number from 0 to 7"),
            ([{"number": "0", "address": "10.77.1.1"}, {"number": 0, "address": "10.77.1.9"}],
             "the links of node 'pve1' are numbered [0, 0]: each number once"),
            ([{"address": "10.77.1.1", "prority": 20}],
             "link 0 of node 'pve1' has the key 'prority', which is not known: did you mean 'priority'?"),
            ([{"address": "10.77.1.1", "priority": "high"}], "the priority of link 0 of node 'pve1' is 'high', which is not a number from 0 to 255"),
            ([{"address": "10.77.1.1", "priority": 256}], "the priority of link 0 of node 'pve1' is '256', which is not a number from 0 to 255"),
            ([{"address": "10.77.1.1", "priority": True}], "the priority of link 0 of node 'pve1' is 'True', which is not a number from 0 to 255"),
            (["10.77.1.1"], "link 0 of node 'pve1' is '10.77.1.1', which has no keys: write {number: 0, address: 10.77.1.1}"),
            ([{"address": "x"}], "'x' is not an IP address: set the address of link 0 of node 'pve1'"),
            ([{"number": 0}], "'' is not an IP address: set the address of link 0 of node 'pve1'"),
        ]
        for links, *expected in cases:
            with self.subTest(links=links):
                self.check(inventory(*all_links(links)), *expected)
        self.check(
            inventory({"corosync_ip": "10.77.9.1"}, corosync_network="10.77.1.0/24"),
            "link 0 of node 'pve1' has address 10.77.9.1, which is not in corosync_network 10.77.1.0/24",
        )
        self.check(
            inventory(*all_links([{"address": "10.77.1.1"}, {"address": "10.77.1.1"}])),
            "two links of node 'pve1' have the address 10.77.1.1: each link needs its own network",
            "every node needs the same links, but they differ (pve1: [0, 1], pve2: [0], pve3: [0])",
        )
        self.check(inventory(corosync_network="10.77.1"), "corosync_network '10.77.1' is not a network: write one such as 192.168.8.0/24")
        given = inventory(*all_links([{"address": "10.77.1.1"}]))
        given["pve1"]["cluster_nodes"][0]["links"] = "10.77.1.1"
        self.assertIn("the links of node 'pve1' are not a list: write {number: 0, address: 10.77.0.1}", self.problems(given))

    def test_addresses_that_no_other_node_can_reach(self):
        kinds = {
            "127.0.0.1": "a loopback address", "::1": "a loopback address", "0.0.0.0": "no address of a machine", "::": "no address of a machine",
            "224.0.0.5": "a multicast address", "ff02::1": "a multicast address", "255.255.255.255": "a broadcast address",
            "::ffff:10.0.0.1": "an IPv4 address in the form of IPv6", "fe80::1": "an address of one link only",
        }
        for address, kind in kinds.items():
            with self.subTest(address=address):
                self.check(
                    inventory({"corosync_ip": address}),
                    f"{address} is {kind}, which no other node can reach: set the address of link 0 of node 'pve1'",
                )
        for address in ("pve1.lab.local", "10.77.0.1\n", "fe80::1%$(reboot)", "10.77.0.01", "10.77.0.1/24", ""):
            with self.subTest(address=address):
                given = inventory()
                given["pve1"] = {**given["pve1"], "cluster_nodes": [entry(1, management_ip=address), entry(2), entry(3)]}
                wrong = address if address else "10.77.0.1"
                self.assertEqual(
                    self.problems(given), [f"{wrong!r} is not an IP address: set the management_ip of node 'pve1'"] if address else []
                )

    def test_numbers(self):
        for value in (0, "one", "01", "1\n", -1, 65536, 1.5, True, "+1"):
            shown = repr(value) if isinstance(value, str) else f"'{value}'"
            with self.subTest(value=value):
                self.check(inventory({"node_id": value}), f"node_id of node 'pve1' is {shown}, which is not a number from 1 to 65535")
                self.check(inventory({"votes": value}), f"votes of node 'pve1' is {shown}, which is not a number from 1 to 65535")

    def test_names_of_nodes(self):
        long = "a" * 64
        cases = {
            "bad_name": "node name 'bad_name' is not allowed: letters, digits and inner hyphens only, 63 at most",
            "x-": "node name 'x-' is not allowed: letters, digits and inner hyphens only, 63 at most",
            long: f"node name '{long}' is not allowed: letters, digits and inner hyphens only, 63 at most",
        }
        for name, expected in cases.items():
            with self.subTest(name=name):
                hosts = {name: {"ansible_host": "10.0.0.1"}}
                self.check(hosts, expected, f"{name!r} is not a host name: correct the fqdn or hostname of node '{name}'")
        given = {"a": {"ansible_host": "10.0.0.1", "hostname": "pve1\n"}}
        self.assertEqual(self.problems(given)[0], "node name 'pve1\\n' is not allowed: letters, digits and inner hyphens only, 63 at most")

    def test_a_wrong_fqdn(self):
        self.check(inventory({"fqdn": "pve2.lab.local"}), "fqdn 'pve2.lab.local' is not that of node 'pve1': it must begin with 'pve1.'")
        for fqdn in ("pve1.lab.local;reboot", "pve1..local", "pve1.$(reboot)", "pve1.lab.local\n", "pve1." + ".".join(["a" * 60] * 5)):
            with self.subTest(fqdn=fqdn):
                self.check(inventory({"fqdn": fqdn}), f"{fqdn!r} is not a host name: correct the fqdn or hostname of node 'pve1'")

    def test_keys_that_nobody_knows(self):
        self.check(
            inventory({"corosync_pi": "10.77.1.1"}),
            "the entry of 'pve1' in cluster_nodes has the key 'corosync_pi', which is not known: did you mean 'corosync_ip'?",
        )
        self.check(
            inventory({"zzz": 1}),
            "the entry of 'pve1' in cluster_nodes has the key 'zzz', which is not known: there are corosync_ip, fqdn, ip, links, management_ip, node_id, "
            "short_name, votes",
        )
        given = inventory()
        given["pve1"]["cluster_nodes"] = [*given["pve1"]["cluster_nodes"], "pve4", {"fqdn": "pve5"}]
        self.check(
            given, "cluster_nodes has 'pve4', which has no keys: write an entry that begins with '- short_name:'",
            "an entry in cluster_nodes has no short_name (fqdn: pve5)",
        )
        given["pve1"]["cluster_nodes"] = "pve1"
        self.assertIn("cluster_nodes is not a list: write one entry a node, each beginning with '- short_name:'", self.problems(given))

    def test_values_of_which_there_are_a_few(self):
        self.check(
            inventory(cluster_environment="prod", cluster_join_method="token", preflight_waive="too-few-node,answer", cluster_health_waive=["nonsense-xyz"]),
            "cluster_environment (of pve1, pve2, pve3) is 'prod', which is not known: did you mean 'production'?",
            "cluster_join_method (of pve1, pve2, pve3) is 'token', which is not known: there are api, auto, relay, ssh",
            "preflight_waive has 'too-few-node', which is no finding: did you mean 'too-few-nodes'?",
            "preflight_waive has 'answer', which cannot be accepted: nothing else is known of a node whose answer is none",
            f"cluster_health_waive has 'nonsense-xyz', which is no finding{meant('nonsense-xyz', finding_ids('cluster_health'))}",
        )

    def test_what_should_be_a_list_and_is_none(self):
        for value in (5, True, {"a": 1}, "pve1"):
            with self.subTest(value=value):
                self.assertIn(
                    "cluster_nodes is not a list: write one entry a node, each beginning with '- short_name:'",
                    self.problems({host: {"cluster_nodes": value, "ansible_host": f"10.77.0.{number}"} for number, host in enumerate(HOSTS, 1)}),
                )
                self.assertIn(
                    "the links of node 'pve1' are not a list: write {number: 0, address: 10.77.0.1}",
                    self.problems(inventory({"corosync_ip": None, "links": value})),
                )
                self.assertEqual(len(self.problems(inventory(corosync_links=value))), 1)
        for value in (5, True, {"a": 1}):
            self.check(inventory(preflight_waive=value), f"preflight_waive is '{value}', which is not a list of findings")

    def test_no_value_of_any_variable_ends_in_an_error_of_pythons(self):
        odd = (
            None, "", 0, -1, True, 1.5, float("nan"), "x", "{{ y }}", "{% if", "\n", [], {}, [None], [[1]], [{}], {"a": None}, {1: 2}, [{"number": None}],
            "\xe9" * 300, "[1", '{"a": 1}', b"x",
        )  # fmt: skip
        for value in odd:
            for name in variables():
                with self.subTest(name=name, value=value):
                    self.assertIsInstance(self.problems(inventory(**{name: value})), list)
            for key in ("short_name", "fqdn", "management_ip", "ip", "corosync_ip", "links", "node_id", "votes"):
                with self.subTest(key=key, value=value):
                    self.assertIsInstance(self.problems(inventory({key: value})), list)
            self.assertEqual(self.problems(inventory(), name=value) == [], value == "x", value)

    def test_what_is_wanted_of_corosync_conf(self):
        self.check(inventory(corosync_totem={"token": 5000}, corosync_logging={"debug": "off"}))
        self.check(
            inventory(corosync_totem={"tokn": 5000}, corosync_quorum={"two_node": 1}, cluster_environment="prod"),
            "cluster_environment (of pve1, pve2, pve3) is 'prod', which is not known: did you mean 'production'?",
            "corosync_totem: 'tokn' is no option of 'totem': did you mean 'token'?",
            "corosync_quorum: 'two_node' is for two nodes, and the cluster has 3",
        )

    def test_variables_that_are_a_letter_off(self):
        given = inventory(corosync_netwrok="10.77.1.0/24")
        given["pve1"]["managment_ip"] = "10.77.0.1"
        self.check(
            given,
            "variable 'corosync_netwrok' (of pve1, pve2, pve3) is not known: did you mean 'corosync_network'? If it is your own, list it in "
            "cluster_inventory_own_variables",
            "variable 'managment_ip' (of pve1) is not known: did you mean 'management_ip'? If it is your own, list it in cluster_inventory_own_variables",
        )
        self.check(given, own=["corosync_netwrok", "managment_ip"])
        self.check(given, own="corosync_netwrok,managment_ip")

    def test_everything_at_once(self):
        given = inventory({"node_id": 0, "fqdn": "x.lab"}, {"corosync_ip": None}, {"prority": 1}, cluster_environment="prod", corosync_netwrok="x")
        self.assertEqual(len(self.problems(given, name="a_b")), 7, self.problems(given, name="a_b"))

    def test_hosts_that_are_addresses(self):
        hosts = ["10.77.0.1", "10.77.0.2", "10.77.0.3"]
        given = inventory({"management_ip": None, "ip": "10.77.0.1"}, hosts=hosts)
        self.check(given)
        self.assertEqual([node["name"] for node in inventory_nodes(hosts, given).values()], ["pve1", "pve2", "pve3"])
        said = (
            "host '{0}' is an address, and nothing says what its node is called: give it a hostname, or an entry in cluster_nodes whose "
            "management_ip is this address"
        )
        self.check({host: {} for host in hosts}, *(said.format(host) for host in hosts))
        named = {host: {"hostname": f"pve{number}.lab.local"} for number, host in enumerate(hosts, 1)}
        self.check(named)
        self.assertEqual(inventory_nodes(hosts, named)[hosts[0]]["fqdn"], "pve1.lab.local")


class Nodes(unittest.TestCase):
    """What the nodes are."""

    def test_from_entries_and_variables(self):
        given = inventory(with_links({"address": "10.77.1.1", "priority": "20"}, {"number": "3", "address": "10.77.2.1"}))
        given["pve2"]["votes"] = "2"
        nodes = inventory_nodes(list(HOSTS), given)
        self.assertEqual(
            nodes["pve1"],
            {"name": "pve1", "fqdn": "pve1.lab.local", "address": "10.77.0.1", "nodeid": 1, "votes": None,
             "links": [{"number": 0, "address": "10.77.1.1", "priority": 20}, {"number": 3, "address": "10.77.2.1"}]},
        )
        self.assertEqual((nodes["pve2"]["votes"], nodes["pve2"]["links"]), (2, [{"number": 0, "address": "10.77.1.2"}]))

    def test_an_inventory_in_upper_case_and_with_domains(self):
        given = inventory(hosts=["PVE1.LAB.LOCAL", "pve2.lab.local", "Pve3"])
        self.assertEqual(inventory_problems(list(given), given, "lab"), [])
        self.assertEqual([node["name"] for node in inventory_nodes(list(given), given).values()], ["pve1", "pve2", "pve3"])
        bare = {"PVE1.LAB.LOCAL": {"ansible_host": "10.0.0.1"}}
        nodes = inventory_nodes(list(bare), bare)
        self.assertEqual(list(nodes), ["PVE1.LAB.LOCAL"])
        node = nodes["PVE1.LAB.LOCAL"]
        self.assertEqual((node["name"], node["fqdn"]), ("pve1", "pve1.lab.local"))

    def test_without_anything_but_a_name(self):
        nodes = inventory_nodes(["10.0.0.1"], {"10.0.0.1": {"hostname": "pve1"}})
        self.assertEqual(list(nodes), ["10.0.0.1"])
        node = nodes["10.0.0.1"]
        self.assertEqual((node["address"], node["links"]), ("10.0.0.1", [{"number": 0, "address": "10.0.0.1"}]))


class KnownNames(unittest.TestCase):
    """The names are read from where they are documented."""

    def test_options_of_roles_are_known(self):
        self.assertLessEqual({"cluster_name", "corosync_network", "preflight_waive", "node_id", "ssh_preparation_public_key"}, variables())
        self.assertIn("too-few-nodes", finding_ids("preflight"))
        self.assertGreater(len(finding_ids("cluster_health")), 20)

    def test_nothing_that_the_roles_set_looks_misspelt(self):
        own = set(facts())
        for file in sorted([*ROLES.glob("*/defaults/*.yml"), *ROLES.glob("*/vars/*.yml")]):
            own |= set(yaml.safe_load(file.read_text()) or {})
        for file in sorted([*ROLES.glob("*/tasks/*.yml"), *ROLES.parent.glob("playbooks/*.yml")]):
            own |= set(re.findall(r"register: (\w+)", file.read_text()))
        self.assertGreater(len(own), 250)
        self.assertEqual(misspelt(own, ()), {})

    def test_what_ansible_sets_does_not_look_misspelt(self):
        magic = ["group_names", "groups", "hostvars", "inventory_dir", "inventory_file", "inventory_hostname", "inventory_hostname_short", "omit",
                 "play_hosts", "playbook_dir", "role_name", "role_names", "role_path", "environment", "environment_name", "vars"]
        self.assertEqual(misspelt(magic, ()), {})

    def test_near_ones(self):
        wrong = {"corosync_netwrok": "corosync_network", "cluster_link": "cluster_links", "cluster_node": "cluster_nodes", "managment_ip": "management_ip",
                 "cluster_enviroment": "cluster_environment", "node_ids": "node_id"}
        self.assertEqual(misspelt([*wrong, "my_variable", "vote"], ()), wrong)


if __name__ == "__main__":
    unittest.main()
