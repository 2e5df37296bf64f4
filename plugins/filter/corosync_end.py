# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a change of corosync.conf is proved by every node, so that the rescue may be called off."""

from __future__ import annotations

DOCUMENTATION = """
name: corosync_end
short_description: Whether the rescue of a change of corosync.conf may be called off
version_added: 0.1.0
description:
  - The rescue protects every node. So it is called off only when every host that took part proves the change, or when it is proved that the
    cluster is as it was. An answer that is missing, failed, skipped or unreachable is no proof.
positional: _input, change, allow_offline, restart
options:
  _input:
    description:
      - The variables of every host of the cluster. Read are C(corosync_judged), C(corosync_restarted) and C(corosync_confirmed), the answers
        of M(pve.cluster.corosync_conf) and M(pve.cluster.corosync_restart).
    type: list
    elements: dict
    required: true
  change:
    description: What the task that changes the file came to. None when it was never begun.
    type: dict
  allow_offline:
    description: Names of nodes that may be off. One that was not asked is no reason then.
    type: list
    elements: str
  restart:
    description: Whether corosync was to be restarted where a change waits for that.
    type: bool
    default: false
"""

EXAMPLES = """
- name: Show why the rescue stays armed
  ansible.builtin.debug:
    msg: "{{ (ansible_play_hosts_all | map('extract', hostvars) | pve.cluster.corosync_end(corosync_change)).reasons }}"
"""

RETURN = """
_value:
  description: Whether it may be called off, and every reason against it, each with the name of its node.
  type: dict
  contains:
    call_off:
      description: Whether the rescue may be called off on every node.
      type: bool
    reasons:
      description: Why not; empty when it may be.
      type: list
      elements: str
"""

from ansible_collections.pve.cluster.plugins.plugin_utils.corosync_end import corosync_end
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import displayed


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"corosync_end": displayed(corosync_end)}
