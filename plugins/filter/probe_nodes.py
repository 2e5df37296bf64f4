# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes of the inventory as the module cluster_probe takes them."""

from __future__ import annotations

from ansible_collections.pve.cluster.plugins.plugin_utils.given import link_number, nothing
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import verbatim

DOCUMENTATION = """
name: probe_nodes
short_description: Nodes of the inventory as M(pve.cluster.cluster_probe) takes them
version_added: 0.1.0
description:
  - Keeps what a measurement needs. A link without a number has that of its place.
positional: _input
options:
  _input:
    description: The nodes as the role P(pve.cluster.cluster_inventory#role) describes them.
    type: list
    elements: dict
    required: true
  ssh_ports:
    description: The ports that sshd listens on, by name of the node. A node whose sshd does not listen on port 22 gets C(tcp_ports) of its own.
    type: dict
    default: {}
"""

EXAMPLES = """
- name: Measure every pair of nodes on every link
  pve.cluster.cluster_probe:
    run: one
    name: "{{ cluster_inventory_node.name }}"
    nodes: "{{ cluster_inventory_hosts | map('extract', hostvars, 'cluster_inventory_node') | list | pve.cluster.probe_nodes }}"
"""

RETURN = """
_value:
  description: The nodes.
  type: list
  elements: dict
"""


def probe_nodes(nodes, ssh_ports=None):
    """Name, address and links of each, and its TCP ports where sshd has another than the usual one."""
    ssh_ports = {} if nothing(ssh_ports) else ssh_ports
    return [
        {
            "name": node["name"],
            "address": str(node["address"]),
            "links": [
                {"number": link_number(link, position), "address": str(link["address"])} for position, link in enumerate(node["links"])
            ],
            **_own_ports([int(port) for port in ssh_ports.get(node["name"]) or []]),
        }
        for node in nodes
    ]


def _own_ports(ports):
    return {"tcp_ports": [ports[0], 8006]} if ports and 22 not in ports else {}


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"probe_nodes": verbatim(probe_nodes)}
