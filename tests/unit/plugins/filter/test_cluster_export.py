# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster as an inventory."""

from __future__ import annotations

import hashlib
import json
import unittest

from ansible.errors import AnsibleFilterError

from ansible_collections.pve.cluster.plugins.filter.cluster_export import cluster_export
from ansible_collections.pve.cluster.plugins.plugin_utils.export import export_text
from ansible_collections.pve.cluster.plugins.plugin_utils.ssm import ssm_problems, ssm_values

from .test_health_report import recorded


class Export(unittest.TestCase):
    """Of recorded nodes."""

    maxDiff = None

    def test_two_links(self):
        facts = recorded("two_links")
        facts["links"][0]["priority"] = 20
        hosts = {"pve1": {"host": "first", "address": "10.77.0.11", "fqdn": "pve1.lab.local"}}
        group = cluster_export(facts, hosts, "totem {}\n")["all"]["children"]["pve_cluster_nodes"]
        self.assertEqual(
            group["hosts"],
            {"first": {"ansible_host": "10.77.0.11"}, "pve2": {"ansible_host": "10.77.0.12"}, "pve3": {"ansible_host": "10.77.0.13"}},
        )
        self.assertEqual(group["vars"]["cluster_name"], "labcluster")
        self.assertEqual(
            group["vars"]["cluster_nodes"][0],
            {
                "short_name": "pve1", "management_ip": "10.77.0.11", "fqdn": "pve1.lab.local",
                "links": [{"number": 0, "address": "10.77.1.11", "priority": 20}, {"number": 1, "address": "10.77.0.11"}],
                "node_id": 1, "votes": 1,
            },
        )
        self.assertEqual(group["vars"]["cluster_exported"]["corosync_conf_sha256"], hashlib.sha256(b"totem {}\n").hexdigest())

    def exported(self, hosts, **more):
        """Its variables, and those of its hosts."""
        inventory = cluster_export(recorded("two_links"), hosts, "totem {}\n", **more)
        (group,) = inventory["all"]["children"].values()
        return group["vars"], group["hosts"], export_text(inventory)

    def test_the_domain_is_the_inventorys_or_else_the_nodes_own(self):
        own = {
            "pve1": {"host": "pve1", "address": "10.77.0.11", "fqdn": "pve1", "named": "PVE1.lab.local"},
            "pve2": {"host": "pve2", "address": "10.77.0.12", "fqdn": "pve2.example.org", "named": "pve2.lab.local"},
            "pve3": {"host": "pve3", "address": "10.77.0.13", "fqdn": "pve3", "named": "pve30.lab.local"},
        }
        variables, _hosts, _text = self.exported(own)
        self.assertEqual([node.get("fqdn") for node in variables["cluster_nodes"]], ["PVE1.lab.local", "pve2.example.org", None])
        for named in ("localhost", "pve3.", None, "pve3"):
            self.assertNotIn("fqdn", self.exported({"pve3": {**own["pve3"], "named": named}})[0]["cluster_nodes"][2])
        with self.assertRaisesRegex(AnsibleFilterError, r"named of node 'pve3' is 'pve3.\(\( x \)\)', which is not a name$"):
            self.exported({"pve3": {**own["pve3"], "named": "pve3.{{ x }}"}})

    def test_logins_that_are_alike_are_written_once(self):
        login = {"ansible_user": "ops", "ansible_become": True, "ansible_ssh_common_args": "-o ProxyCommand='{{ x }}'"}
        hosts = {name: {"host": name, "address": None, "reached": f"{name}.mgmt", "login": dict(login)} for name in ("pve1", "pve2", "pve3")}
        hosts["pve2"]["login"]["ansible_port"] = 2222
        hosts["pve3"]["login"]["ansible_user"] = "root"
        variables, own, text = self.exported(hosts, settings={"cluster_environment": "production", "corosync_network": "", "other": "x"})
        self.assertEqual({key: variables.get(key) for key in ("ansible_user", "ansible_become", "ansible_port")},
                         {"ansible_user": None, "ansible_become": True, "ansible_port": None})
        self.assertEqual(own, {
            "pve1": {"ansible_host": "pve1.mgmt", "ansible_user": "ops"},
            "pve2": {"ansible_host": "pve2.mgmt", "ansible_user": "ops", "ansible_port": 2222},
            "pve3": {"ansible_host": "pve3.mgmt", "ansible_user": "root"},
        })
        self.assertIn("ansible_ssh_common_args: !unsafe", text)
        self.assertIn("cluster_environment: production\n", text)
        self.assertNotIn("corosync_network", text)
        self.assertNotIn("other", text)

    def test_where_a_host_is_reached_is_no_template(self):
        with self.assertRaisesRegex(AnsibleFilterError, r"reached of node 'pve1' is '\(\( x \)\)', which is not an address$"):
            self.exported({"pve1": {"host": "pve1", "reached": "{{ x }}"}})

    def test_a_node_that_has_no_vote_yet_is_to_get_one(self):
        """The inventory could not say otherwise: it takes votes from 1 on."""
        group = cluster_export(recorded("admitted"), {}, "totem {}\n")["all"]["children"]["pve_cluster_nodes"]
        votes = [(node["short_name"], node.get("votes", "none")) for node in group["vars"]["cluster_nodes"]]
        self.assertEqual(votes, [("pve1", 1), ("pve2", "none"), ("pve3", "none"), ("pve4", "none")])

    def test_a_key_in_corosync_conf_is_never_exported(self):
        with self.assertRaisesRegex(AnsibleFilterError, "its corosync.conf has the cluster's key in it"):
            cluster_export(recorded("two_links"), {}, "totem {\n  key: c2VjcmV0\n}\n")


class Ssm(unittest.TestCase):
    """The same as parameters of AWS."""

    maxDiff = None

    def values(self):
        """Of a recorded cluster."""
        return ssm_values(cluster_export(recorded("two_links"), {}, "totem {}\n"))

    def test_values(self):
        values = self.values()
        self.assertEqual(list(values), ["name", "config_digest", "nodes", "corosync_conf"])
        self.assertEqual((values["name"], values["corosync_conf"]), ("labcluster", "totem {}\n"))
        self.assertEqual([node["short_name"] for node in json.loads(values["nodes"])], ["pve1", "pve2", "pve3"])

    def test_problems(self):
        def there(_name):
            return True

        values = self.values()
        self.assertEqual(ssm_problems(values, "/pve-cluster/labcluster", there=there), [])
        self.assertEqual(
            ssm_problems({**values, "nodes": "x" * 5000}, "/aws/x y", secure=["authkey"], there=lambda name: name == "amazon.aws"),
            [
                "the collection community.aws is not installed; run 'ansible-galaxy collection install community.aws'",
                "'/aws/x y' cannot be the beginning of a parameter's name: it needs parts of letters, digits, '.', '-' and '_', each after a "
                "'/', and may not begin with 'aws' or 'ssm'",
                "'nodes' has 5000 bytes and the tier Standard takes 4096; set cluster_export_ssm_tier to Advanced",
                "there is no parameter 'authkey' to encrypt; there are name, config_digest, nodes, corosync_conf",
            ],
        )
        self.assertEqual(
            ssm_problems({"nodes": "ü" * 4097}, "/x", "Advanced", there=there), ["'nodes' has 8194 bytes and the tier Advanced takes 8192"]
        )


if __name__ == "__main__":
    unittest.main()
