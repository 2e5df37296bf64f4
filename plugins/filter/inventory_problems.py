# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory has wrong about a cluster."""

from __future__ import annotations

import ipaddress
import re

from ansible_collections.pve.cluster.plugins.plugin_utils.given import link_number, names, nothing
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import displayed

DOCUMENTATION = """
name: inventory_problems
short_description: What an inventory has wrong about a cluster
version_added: 0.1.0
description:
  - Checks the nodes of a cluster, as the role P(pve.cluster.cluster_inventory#role) describes them, before any of them is touched.
positional: _input
options:
  _input:
    description: The nodes, each with C(name), C(fqdn), C(address), C(links), C(nodeid) and C(votes).
    type: list
    elements: dict
    required: true
  cluster_name:
    description: Name of the cluster.
    type: str
    required: true
  listed:
    description: Short names that C(cluster_nodes) lists; each must be one of the nodes.
    type: list
    elements: str
    default: []
  network:
    description: Network that every address of link 0 must lie in, such as V(192.168.8.0/24).
    type: str
"""

EXAMPLES = """
- name: Refuse what the inventory has wrong
  ansible.builtin.assert:
    that: problems | length == 0
    fail_msg: "{{ problems | join('\\n') }}"
  vars:
    problems: "{{ nodes | pve.cluster.inventory_problems(cluster_name) }}"
"""

RETURN = """
_value:
  description: One sentence a problem, with what to do; empty when there is none.
  type: list
  elements: str
"""

# PVE's formats `pve-node` and its limit for a cluster name (recordings of `pvecm create` with bad names).
_NAME = re.compile(r"^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?$")
_NAME_LENGTH = 15


def inventory_problems(nodes, cluster_name, listed=(), network=None):
    """One sentence for each thing that is wrong about these nodes; no sentence when all is well."""
    problems = []
    if not _NAME.match(cluster_name) or len(cluster_name) > _NAME_LENGTH:
        problems.append(
            f"cluster_name '{cluster_name}' is not allowed: letters, digits and inner hyphens, {_NAME_LENGTH} characters at most"
        )
    for node in nodes:
        problems.extend(_problems_of(node, network))
    problems.extend(_twice(nodes))
    there = {node["name"] for node in nodes}
    problems.extend(
        f"cluster_nodes lists '{name}', but no host of the cluster has this name: add the host or remove the entry"
        for name in names(listed)
        if name not in there
    )
    if len({frozenset(_numbers(node)) for node in nodes}) > 1:
        sets = ", ".join(f"{node['name']}: {sorted(_numbers(node), key=str)}" for node in nodes)
        problems.append(f"every node needs the same links, but they differ ({sets})")
    return problems


def _numbers(node):
    return [link_number(link, position) for position, link in enumerate(node["links"])]


def _problems_of(node, network):
    name = node["name"]
    if not _NAME.match(name):
        yield f"node name '{name}' is not allowed: letters, digits and inner hyphens only"
    if _address(node["address"]) is None:
        yield f"'{node['address']}' is not an IP address: set management_ip of node '{name}' to its address"
    if not node["links"]:
        yield f"node '{name}' has no corosync link: set corosync_ip or cluster_links"
    numbers = _numbers(node)
    if len(set(numbers)) != len(numbers) or any(number not in range(8) for number in numbers):
        yield f"the links of node '{name}' are numbered {numbers}: each number once, 0 to 7"
    for number, link in zip(numbers, node["links"]):
        address = _address(link.get("address"))
        if address is None:
            yield f"'{link.get('address')}' is not an IP address: set the address of link {number} of node '{name}'"
        elif not nothing(network) and number == 0 and address not in ipaddress.ip_network(network, strict=False):
            yield f"link 0 of node '{name}' has address {address}, which is not in corosync_network {network}"


def _address(text):
    try:
        return ipaddress.ip_address(str(text))
    except ValueError:
        return None


def _spelled(text):
    """An address in its one spelling, so that FD00::1 and fd00:0::1 are one; anything else as it is."""
    return str(_address(text) or text)


def _twice(nodes):
    """Names, addresses and nodeids that two nodes have."""
    owners = {}
    for node in nodes:
        own = {("name", node["name"]), ("address", _spelled(node["address"]))}
        own |= {("address", _spelled(link.get("address"))) for link in node["links"]}
        if node.get("nodeid"):
            own.add(("nodeid", str(node["nodeid"])))
        for thing in own:
            owners.setdefault(thing, []).append(node["name"])
        addresses = [_spelled(link.get("address")) for link in node["links"]]
        for address in sorted({a for a in addresses if addresses.count(a) > 1}):
            yield f"two links of node '{node['name']}' have the address {address}: each link needs its own network"
    for (what, value), names in sorted(owners.items(), key=str):
        if len(names) > 1:
            yield f"{what} '{value}' belongs to {' and '.join(sorted(names))}: it must be unique"


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"inventory_problems": displayed(inventory_problems)}
