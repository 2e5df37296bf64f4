# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan as text."""

from __future__ import annotations

DOCUMENTATION = """
name: cluster_plan_text
short_description: A plan as text
version_added: 0.1.0
description:
  - Writes the plan of the filter P(pve.cluster.cluster_plan#filter) as one page.
positional: _input
options:
  _input:
    description: The plan.
    type: dict
    required: true
"""

EXAMPLES = """
- name: Show the plan
  ansible.builtin.debug:
    msg: "{{ plan | pve.cluster.cluster_plan_text }}"
"""

RETURN = """
_value:
  description: The lines.
  type: list
  elements: str
"""

from ansible_collections.pve.cluster.plugins.plugin_utils.plan import text
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import displayed


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"cluster_plan_text": displayed(text)}
