# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which nodes are not back after a cut of a failover test."""

from __future__ import annotations

DOCUMENTATION = """
name: failover_away
short_description: Which nodes are not back after a cut of a failover test
version_added: 0.1.0
description:
  - While there is one, nothing else is cut.
positional: _input
options:
  _input:
    description: By node, C(back), which is V(back) or what is missing.
    type: dict
    required: true
"""

EXAMPLES = """
- name: Show who is away
  ansible.builtin.debug:
    msg: "{{ said | pve.cluster.failover_away }}"
"""

RETURN = """
_value:
  description: A sentence for each node that is not back.
  type: list
  elements: str
"""

from ansible_collections.pve.cluster.plugins.plugin_utils.failover import failover_away
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import displayed


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"failover_away": displayed(failover_away)}
