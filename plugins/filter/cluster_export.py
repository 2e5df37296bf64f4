# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster as it is, as an inventory."""

from __future__ import annotations

DOCUMENTATION = """
name: cluster_export
short_description: A cluster as it is, as an inventory
version_added: 0.1.0
description:
  - Turns the facts of a quorate member into an inventory from which this collection forms the same cluster.
  - Nodes that the inventory did not have are exported by their name and the address that pmxcfs knows.
positional: _input, hosts, conf
options:
  _input:
    description: What M(pve.cluster.cluster_facts) read on a quorate member.
    type: dict
    required: true
  hosts:
    description: By name of the node, C(host) (its name in the inventory), C(address) and C(fqdn).
    type: dict
    required: true
  conf:
    description: The cluster's corosync.conf.
    type: str
    required: true
"""

EXAMPLES = """
- name: Show the cluster as an inventory
  ansible.builtin.debug:
    msg: "{{ ansible_facts.pve_cluster | pve.cluster.cluster_export({}, conf) }}"
"""

RETURN = """
_value:
  description: The inventory.
  type: dict
"""

import hashlib
import re

from ansible.errors import AnsibleFilterError

# The group that holds the nodes.
_GROUP = "pve_cluster_nodes"


def cluster_export(facts, hosts, conf):
    """The inventory: one group with the nodes, in the order of their nodeids, and the variables that describe the cluster."""
    # corosync takes its authkey from a file, but also straight from this key of its configuration (corosync.conf(5))
    if re.search(r"^\s*key\s*:", conf, re.M):
        raise AnsibleFilterError("cannot export the cluster: its corosync.conf has the cluster's key in it (totem.key)")
    priorities = {link["number"]: link["priority"] for link in facts["links"]}
    addresses = {member["name"]: member["address"] for member in facts["members"]}
    nodes = sorted(facts["nodelist"], key=lambda node: node["nodeid"])
    known = {node["name"]: {"host": node["name"], "address": addresses.get(node["name"]), **hosts.get(node["name"], {})} for node in nodes}
    listed = []
    for node in nodes:
        entry = {"short_name": node["name"], "management_ip": known[node["name"]]["address"]}
        if known[node["name"]].get("fqdn"):
            entry["fqdn"] = known[node["name"]]["fqdn"]
        links = [_link(int(number), address, priorities.get(int(number))) for number, address in sorted(node["links"].items())]
        listed.append({**entry, "links": links, "node_id": node["nodeid"], "votes": node["votes"]})
    variables = {
        "cluster_name": facts["cluster_name"],
        "cluster_group": _GROUP,
        "cluster_nodes": listed,
        "cluster_exported": {
            "config_version": facts["config_version"]["pmxcfs"],
            "corosync_conf_sha256": hashlib.sha256(conf.encode()).hexdigest(),
            "corosync_conf": conf,
        },
    }
    own = {known[node["name"]]["host"]: {"ansible_host": known[node["name"]]["address"]} for node in nodes}
    return {"all": {"children": {_GROUP: {"hosts": own, "vars": variables}}}}


def _link(number, address, priority):
    return {"number": number, "address": address, **({"priority": priority} if priority is not None else {})}


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"cluster_export": cluster_export}
