# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sides of a cluster that are quorate and do not see each other."""

from __future__ import annotations

DOCUMENTATION = """
name: quorate_sides
short_description: The sides of a cluster that are quorate and do not see each other
version_added: 0.1.0
description:
  - One side is a cluster that is whole. With two of them nothing that looks at one alone can tell how the others should be.
positional: _input, cluster_name
options:
  _input:
    description: The C(pve_cluster) facts by host.
    type: dict
    required: true
  cluster_name:
    description: Name of the cluster; other clusters are left out.
    type: str
    required: true
"""

EXAMPLES = """
- name: Refuse a cluster that is quorate twice
  ansible.builtin.assert:
    that: facts_by_host | pve.cluster.quorate_sides('prod') | length < 2
"""

RETURN = """
_value:
  description: The sides, each with C(members) (names of nodes) and C(seen_by) (hosts).
  type: list
  elements: dict
"""

from ansible_collections.pve.cluster.plugins.plugin_utils.sides import quorate_sides
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import displayed


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"quorate_sides": displayed(quorate_sides)}
