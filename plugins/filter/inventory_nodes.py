# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory says that the nodes of a cluster are."""

from __future__ import annotations

DOCUMENTATION = """
name: inventory_nodes
short_description: What an inventory says that the nodes of a cluster are
version_added: 0.1.0
description:
  - Reads the entries of C(cluster_nodes) and the variables of the hosts into one shape, numbers as numbers whatever type they came in.
  - What is wrong is told by P(pve.cluster.inventory_problems#filter).
positional: _input, variables
options:
  _input:
    description: The hosts of the cluster.
    type: list
    elements: str
    required: true
  variables:
    description: The variables of each host, as C(hostvars) has them.
    type: dict
    required: true
"""

EXAMPLES = """
- name: Show the nodes
  ansible.builtin.debug:
    msg: "{{ groups['matrix_cluster'] | pve.cluster.inventory_nodes(hostvars) }}"
"""

RETURN = """
_value:
  description: By host, C(name), C(fqdn), C(address), C(links), C(nodeid) and C(votes).
  type: dict
"""

from ansible_collections.pve.cluster.plugins.plugin_utils.inventory import inventory_nodes
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import verbatim


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"inventory_nodes": verbatim(inventory_nodes)}
