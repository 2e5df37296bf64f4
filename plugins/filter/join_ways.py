# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By which way each node joins."""

from __future__ import annotations

DOCUMENTATION = """
name: join_ways
short_description: By which way each node joins
version_added: 0.1.0
description:
  - A node that the cluster lists without a vote goes on by relay, one that it lists with a vote by ssh. For the rest what the host says holds, where V(auto) is relay
    if both sides run a known Proxmox VE, and ssh otherwise.
positional: _input, methods, facts, nodes, seed
options:
  _input:
    description: The hosts that are to join.
    type: list
    elements: str
    required: true
  methods:
    description: By host, V(auto), V(relay), V(ssh) or V(api).
    type: dict
    required: true
  facts:
    description: The C(pve_cluster) facts by host.
    type: dict
    required: true
  nodes:
    description: The nodes by host, by the filter P(pve.cluster.inventory_nodes#filter).
    type: dict
    required: true
  seed:
    description: The host that they join through.
    type: str
    required: true
"""

EXAMPLES = """
- name: Say who joins how
  ansible.builtin.debug:
    msg: "{{ joining | pve.cluster.join_ways(methods, facts, nodes, 'pve1') }}"
"""

RETURN = """
_value:
  description: The hosts by their way, C(relay), C(ssh) and C(api), each in its order.
  type: dict
"""

from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import displayed
from ansible_collections.pve.cluster.plugins.plugin_utils.ways import join_ways


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"join_ways": displayed(join_ways)}
