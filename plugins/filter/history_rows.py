# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was changed on the nodes, from their journals."""

from __future__ import annotations

DOCUMENTATION = """
name: history_rows
short_description: What was changed on the nodes, from their journals
version_added: 0.1.0
description:
  - Reads the entries that the modules of this collection leave in a node's journal, of all nodes in the order of time.
positional: _input
options:
  _input:
    description: By node, the lines that C(journalctl -o json) printed.
    type: dict
    required: true
"""

EXAMPLES = """
- name: Show all changes
  ansible.builtin.debug:
    msg: "{{ ({'pve1': journal.stdout_lines} | pve.cluster.history_rows).changes }}"
"""

RETURN = """
_value:
  description: C(changes), a list, and C(unread), the number of lines that are no entry.
  type: dict
"""

from ansible_collections.pve.cluster.plugins.plugin_utils.history import rows
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import verbatim


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"history_rows": verbatim(rows)}
