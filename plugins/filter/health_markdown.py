# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report of a cluster's health as Markdown."""

from __future__ import annotations

DOCUMENTATION = """
name: health_markdown
short_description: A report of a cluster's health as Markdown
version_added: 0.1.0
description:
  - Turns a document of the filter P(pve.cluster.health_report#filter) into Markdown.
positional: _input, changes
options:
  _input:
    description: The report.
    type: dict
    required: true
  changes:
    description: Sentences of the filter P(pve.cluster.health_changes#filter).
    type: list
    elements: str
    default: []
"""

EXAMPLES = """
- name: Write it
  ansible.builtin.copy:
    content: "{{ report | pve.cluster.health_markdown }}"
    dest: cluster.markdown
    mode: "0644"
  delegate_to: localhost
"""

RETURN = """
_value:
  description: The text.
  type: str
"""

from ansible_collections.pve.cluster.plugins.plugin_utils.report_markdown import health_markdown
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import verbatim


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"health_markdown": verbatim(health_markdown)}
