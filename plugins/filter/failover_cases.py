# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a failover test cuts, and what every node must see of it."""

from __future__ import annotations

DOCUMENTATION = """
name: failover_cases
short_description: What a failover test cuts, and what every node must see of it
version_added: 0.1.0
description:
  - Each link once, each node's corosync network, each node's corosync, and each node itself when V(power) is asked for. What must be seen
    follows from the votes.
positional: _input, kinds, only
options:
  _input:
    description: The report of the cluster's health, by the filter P(pve.cluster.health_report#filter).
    type: dict
    required: true
  kinds:
    description: What to cut.
    type: list
    elements: str
    choices: [link, network, corosync, power]
    default: [link, network, corosync]
  only:
    description: Nodes to cut; all when empty.
    type: list
    elements: str
    default: []
"""

EXAMPLES = """
- name: Show what would be cut
  ansible.builtin.debug:
    msg: "{{ cluster_health_report | pve.cluster.failover_cases | map(attribute='what') }}"
"""

RETURN = """
_value:
  description: The cuts, in their order.
  type: list
  elements: dict
"""

from ansible_collections.pve.cluster.plugins.plugin_utils.failover import failover_cases
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import displayed


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"failover_cases": displayed(failover_cases)}
