# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was changed on the nodes, to be read."""

from __future__ import annotations

DOCUMENTATION = """
name: history_lines
short_description: What was changed on the nodes, to be read
version_added: 0.1.0
description:
  - A head for each run, and below it a line for each change.
positional: _input
options:
  _input:
    description: What P(pve.cluster.history_rows#filter) gave.
    type: dict
    required: true
"""

EXAMPLES = """
- name: Show all changes
  ansible.builtin.debug:
    msg: "{{ {'pve1': journal.stdout_lines} | pve.cluster.history_rows | pve.cluster.history_lines }}"
"""

RETURN = """
_value:
  description: The lines.
  type: list
  elements: str
"""

from ansible_collections.pve.cluster.plugins.plugin_utils.history import lines
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import displayed


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"history_lines": displayed(lines)}
