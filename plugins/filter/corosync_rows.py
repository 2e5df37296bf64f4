# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each node came to in a change of corosync.conf."""

from __future__ import annotations

DOCUMENTATION = """
name: corosync_rows
short_description: What each node came to in a change of corosync.conf
version_added: 0.1.0
description:
  - What every node says of itself, and of those that say nothing, what the node that made the change saw of them. A restart that
    failed is part of it.
positional: _input, change, told
options:
  _input:
    description: The variables of every host of the cluster.
    type: list
    elements: dict
    required: true
  change:
    description: What the task that changes the file came to.
    type: dict
  told:
    description: The variable that holds the answer of M(pve.cluster.corosync_conf) on each host.
    type: str
    default: corosync_confirmed
"""

EXAMPLES = """
- name: Show what each node came to
  ansible.builtin.debug:
    msg: "{{ ansible_play_hosts_all | map('extract', hostvars) | pve.cluster.corosync_rows(corosync_change) }}"
"""

RETURN = """
_value:
  description:
    - A row for each node, with the fields of C(nodes) in M(pve.cluster.corosync_conf), sorted by nodeid. Where the restart of corosync
      failed, C(result) is V(restart_failed), and C(restart_failed) says why.
  type: list
  elements: dict
"""

from ansible_collections.pve.cluster.plugins.plugin_utils.corosync_end import corosync_rows
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import displayed


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"corosync_rows": displayed(corosync_rows)}
