# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report of a cluster's health as it is printed."""

from __future__ import annotations

DOCUMENTATION = """
name: health_text
short_description: A report of a cluster's health as it is printed
version_added: 0.1.0
description:
  - Turns a document of the filter P(pve.cluster.health_report#filter) into lines of text.
positional: _input, show, changes
options:
  _input:
    description: The report.
    type: dict
    required: true
  show:
    description: What of it.
    type: list
    elements: str
    choices: [status, nodes, findings]
    required: true
  changes:
    description: Sentences of the filter P(pve.cluster.health_changes#filter), to be printed at the end.
    type: list
    elements: str
    default: []
"""

EXAMPLES = """
- name: Print the nodes
  ansible.builtin.debug:
    msg: "{{ (report | pve.cluster.health_text(['nodes'])).splitlines() }}"
"""

RETURN = """
_value:
  description: The text.
  type: str
"""

from ansible_collections.pve.cluster.plugins.plugin_utils.health_text import health_text
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import verbatim


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"health_text": verbatim(health_text)}
