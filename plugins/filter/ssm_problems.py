# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why values cannot be stored as AWS SSM parameters."""

from __future__ import annotations

DOCUMENTATION = """
name: ssm_problems
short_description: Why values cannot be stored as AWS SSM parameters
version_added: 0.1.0
description:
  - Looks for the collections that are needed, and for names and sizes that AWS would refuse after some of the parameters are written.
positional: _input, prefix, tier, secure
options:
  _input:
    description: The values by the last part of their names.
    type: dict
    required: true
  prefix:
    description: What their names begin with.
    type: str
    required: true
  tier:
    description: The parameters' tier.
    type: str
    choices: [Standard, Advanced, Intelligent-Tiering]
    default: Standard
  secure:
    description: Those that are to be encrypted.
    type: list
    elements: str
    default: []
"""

EXAMPLES = """
- name: Show why not
  ansible.builtin.debug:
    msg: "{{ values | pve.cluster.ssm_problems('/pve-cluster/Matrix') }}"
"""

RETURN = """
_value:
  description: The reasons, as sentences; empty when there are none.
  type: list
  elements: str
"""

from ansible_collections.pve.cluster.plugins.plugin_utils.ssm import ssm_problems
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import displayed


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        # `there` is for tests
        return {"ssm_problems": displayed(lambda values, prefix, tier="Standard", secure=(): ssm_problems(values, prefix, tier, secure))}
