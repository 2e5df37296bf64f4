# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reached nodes that a member does not see."""

from __future__ import annotations

DOCUMENTATION = """
name: votes_reached
short_description: Who reached nodes that a member does not see
version_added: 0.1.0
description:
  - Each sign of life of a node that is not seen, as the option O(pve.cluster.pvecm_expected#module:reached) takes it.
positional: _input, views, nodes, knocked
options:
  _input:
    description: The nodes that are not seen, by the filter P(pve.cluster.votes_unseen#filter).
    type: dict
    required: true
  views:
    description: What M(pve.cluster.cluster_facts) returned, by host.
    type: dict
    required: true
  nodes:
    description: The nodes of the inventory by host, each with C(name).
    type: dict
    required: true
  knocked:
    description: What the role's program C(knock) printed, by who ran it.
    type: dict
    required: true
"""

EXAMPLES = """
- name: Show who was reached
  ansible.builtin.debug:
    msg: "{{ unseen | pve.cluster.votes_reached(views, nodes, {'the controller': knocked.stdout}) }}"
"""

RETURN = """
_value:
  description: The signs, each with C(node), C(by), C(how) and C(itself).
  type: list
  elements: dict
"""

from ansible_collections.pve.cluster.plugins.plugin_utils.votes import votes_reached
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import displayed


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"votes_reached": displayed(votes_reached)}
