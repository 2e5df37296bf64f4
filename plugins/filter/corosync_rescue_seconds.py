# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After how many seconds the nodes look for themselves whether a change of corosync.conf did harm."""

from __future__ import annotations

DOCUMENTATION = """
name: corosync_rescue_seconds
short_description: After how many seconds the nodes look whether a change of corosync.conf did harm
version_added: 0.1.0
description:
  - All steps of a change and their undoing, 300 s at least, and as many restarts of corosync as are to be made one after the other, each
    with its wait for the lock and for high availability.
positional: _input, restarts, disarm
options:
  _input:
    description: How long a step of the change may take, in seconds.
    type: int
    required: true
  restarts:
    description: How many nodes are to be restarted.
    type: int
    default: 0
  disarm:
    description: Whether high availability may be disarmed and armed again for each restart.
    type: bool
    default: true
"""

EXAMPLES = """
- name: Show it for a rolling restart of eight nodes
  ansible.builtin.debug:
    msg: "{{ 60 | pve.cluster.corosync_rescue_seconds(8) }}"
"""

RETURN = """
_value:
  description: Seconds.
  type: int
"""

from ansible_collections.pve.cluster.plugins.plugin_utils.corosync_end import corosync_rescue_seconds
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import verbatim


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"corosync_rescue_seconds": verbatim(corosync_rescue_seconds)}
