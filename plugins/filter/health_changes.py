# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has changed between two reports of a cluster's health."""

from __future__ import annotations

DOCUMENTATION = """
name: health_changes
short_description: What has changed between two reports of a cluster's health
version_added: 0.1.0
description:
  - Compares two documents of the filter P(pve.cluster.health_report#filter). Measurements that always move a little, such as latencies
    within their limits, are left out.
positional: _input, now
options:
  _input:
    description: The earlier report.
    type: dict
    required: true
  now:
    description: The later one.
    type: dict
    required: true
"""

EXAMPLES = """
- name: Show what has changed since yesterday
  ansible.builtin.debug:
    msg: "{{ yesterday | pve.cluster.health_changes(today) }}"
"""

RETURN = """
_value:
  description: One sentence a change; empty when nothing has changed.
  type: list
  elements: str
"""

from ansible_collections.pve.cluster.plugins.plugin_utils.health_report import health_changes
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import displayed


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"health_changes": displayed(health_changes)}
