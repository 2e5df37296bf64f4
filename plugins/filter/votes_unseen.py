# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which nodes a member does not see, and where to look for them."""

from __future__ import annotations

DOCUMENTATION = """
name: votes_unseen
short_description: Which nodes a member does not see, and where to look for them
version_added: 0.1.0
description:
  - The nodes of the cluster's file that are no members now, with every address that the file and the inventory have for them.
positional: _input, nodes, ports
options:
  _input:
    description: The member's C(pve_cluster) facts.
    type: dict
    required: true
  nodes:
    description: The nodes of the inventory by host, each with C(name) and C(address).
    type: dict
    required: true
  ports:
    description: The port of ssh by host, where the inventory has one.
    type: dict
    required: true
"""

EXAMPLES = """
- name: Show who is not seen
  ansible.builtin.debug:
    msg: "{{ ansible_facts.pve_cluster | pve.cluster.votes_unseen({'pve3': {'name': 'pve3', 'address': '192.168.8.13'}}, {}) }}"
"""

RETURN = """
_value:
  description: By name of the node, the TCP ports to ask by address.
  type: dict
"""

from ansible_collections.pve.cluster.plugins.plugin_utils.votes import votes_unseen
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import verbatim


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"votes_unseen": verbatim(votes_unseen)}
