# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts that the cluster has admitted and that have no vote yet."""

from __future__ import annotations

DOCUMENTATION = """
name: admitted_hosts
short_description: The hosts that the cluster has admitted and that have no vote yet
version_added: 0.1.0
description:
  - By the newest corosync.conf that a quorate node has.
positional: _input, nodes, hosts
options:
  _input:
    description: The C(pve_cluster) facts by host.
    type: dict
    required: true
  nodes:
    description: The nodes by host, by the filter P(pve.cluster.inventory_nodes#filter).
    type: dict
    required: true
  hosts:
    description: The hosts of the cluster, in their order.
    type: list
    elements: str
    required: true
"""

EXAMPLES = """
- name: Say who has no vote yet
  ansible.builtin.debug:
    msg: "{{ facts | pve.cluster.admitted_hosts(nodes, groups['pve_cluster_hosts']) }}"
"""

RETURN = """
_value:
  description: The hosts.
  type: list
  elements: str
"""

from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import displayed
from ansible_collections.pve.cluster.plugins.plugin_utils.ways import admitted_hosts


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"admitted_hosts": displayed(admitted_hosts)}
