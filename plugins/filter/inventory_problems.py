# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory has wrong about a cluster."""

from __future__ import annotations

DOCUMENTATION = """
name: inventory_problems
short_description: What an inventory has wrong about a cluster
version_added: 0.1.0
description:
  - Judges everything that the inventory says of a cluster at once, without asking any node. Names, addresses, numbers and keys, what is given twice
    and differs, what only some nodes have, values of which there are only a few, and variables that are one letter off.
positional: _input, variables, cluster_name
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
  cluster_name:
    description: Name of the cluster.
    type: str
    required: true
  own:
    description: Variables that look like one of the collection's, and are the user's own.
    type: list
    elements: str
    default: []
"""

EXAMPLES = """
- name: Refuse what the inventory has wrong
  ansible.builtin.assert:
    that: problems | length == 0
    fail_msg: "{{ problems | join('\\n') }}"
  vars:
    problems: "{{ groups['matrix_cluster'] | pve.cluster.inventory_problems(hostvars, cluster_name) }}"
"""

RETURN = """
_value:
  description: One sentence a problem, with what to do; empty when there is none.
  type: list
  elements: str
"""

from ansible_collections.pve.cluster.plugins.plugin_utils.inventory import inventory_problems
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import displayed


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"inventory_problems": displayed(inventory_problems)}
