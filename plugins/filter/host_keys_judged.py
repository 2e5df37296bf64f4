# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which host keys of nodes may be pinned on the controller."""

from __future__ import annotations

DOCUMENTATION = """
name: host_keys_judged
short_description: Which host keys of nodes may be pinned on the controller
version_added: 0.1.0
description:
  - Says which host keys somebody has vouched for, which are to be asked about, and what is wrong.
positional: _input, expected, accepted, replace
options:
  _input:
    description: By host, what the look of the role P(pve.cluster.host_keys#role) printed, with C(names).
    type: dict
    required: true
  expected:
    description: Fingerprints that nodes may show, as C(ssh-keygen -l) prints them, in one list or by host. Empty when somebody is asked.
    type: raw
    required: true
  accepted:
    description: Hosts whose keys somebody has accepted.
    type: list
    elements: str
    required: true
  replace:
    description: Whether another key that is known of a node may be replaced.
    type: bool
    required: true
"""

EXAMPLES = """
- name: Show what would be pinned
  ansible.builtin.debug:
    msg: "{{ (looks | pve.cluster.host_keys_judged(expected, [], false)).pins }}"
"""

RETURN = """
_value:
  description: C(ask), C(pins) and C(problems).
  type: dict
"""

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.pve.cluster.plugins.plugin_utils.host_keys import judge
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import verbatim


def host_keys_judged(looks, expected, accepted, replace):
    """The judgement; `replace` may be text, as templates before ansible-core 2.19 give it."""
    return judge(looks, expected, accepted, boolean(replace))


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"host_keys_judged": verbatim(host_keys_judged)}
