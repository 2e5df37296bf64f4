# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came of a cut of a failover test."""

from __future__ import annotations

DOCUMENTATION = """
name: failover_result
short_description: What came of a cut of a failover test
version_added: 0.1.0
description:
  - Compares what every node saw with what it had to.
positional: _input, said
options:
  _input:
    description: The cut, by the filter P(pve.cluster.failover_cases#filter).
    type: dict
    required: true
  said:
    description: By node, C(seen) and C(back) (what it said during and after the cut) and C(when) (after how many seconds its corosync noticed either).
    type: dict
    required: true
"""

EXAMPLES = """
- name: Show the result
  ansible.builtin.debug:
    msg: "{{ case | pve.cluster.failover_result(said) }}"
"""

RETURN = """
_value:
  description: A line of the table, by C(what), C(expected), C(seen), C(detected_s), C(healed_s) and C(passed).
  type: dict
"""

from ansible_collections.pve.cluster.plugins.plugin_utils.failover import failover_result
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import displayed


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"failover_result": displayed(failover_result)}
