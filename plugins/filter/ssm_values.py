# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster as values for AWS SSM."""

from __future__ import annotations

DOCUMENTATION = """
name: ssm_values
short_description: A cluster as values for AWS SSM parameters
version_added: 0.1.0
description:
  - Turns an inventory of the filter P(pve.cluster.cluster_export#filter) into strings to be stored.
positional: _input
options:
  _input:
    description: The inventory.
    type: dict
    required: true
"""

EXAMPLES = """
- name: Show what would be stored
  ansible.builtin.debug:
    msg: "{{ inventory | pve.cluster.ssm_values }}"
"""

RETURN = """
_value:
  description: The strings by C(name), C(config_digest), C(nodes) (JSON) and C(corosync_conf).
  type: dict
"""

from ansible_collections.pve.cluster.plugins.plugin_utils.ssm import ssm_values
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import verbatim


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"ssm_values": verbatim(ssm_values)}
