# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Ansible logs in to a host, as variables."""

from __future__ import annotations

DOCUMENTATION = """
name: cluster_login
short_description: How Ansible logs in to a host, as variables
version_added: 0.1.0
description:
  - The connection variables that make Ansible log in to a host as it does in this run, from the host's variables and the options of the command line, such
    as C(-u) and C(--private-key).
  - No password is among them.
positional: _input
options:
  _input:
    description: The host's variables, such as C(hostvars[host]).
    type: dict
    required: true
"""

EXAMPLES = """
- name: Show how the host is reached
  ansible.builtin.debug:
    msg: "{{ hostvars[inventory_hostname] | pve.cluster.cluster_login }}"
"""

RETURN = """
_value:
  description: C(ansible_user), C(ansible_port), C(ansible_become) and others, as far as they are not the usual ones.
  type: dict
"""

from ansible import context
from ansible_collections.pve.cluster.plugins.plugin_utils.login import login
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import verbatim


def cluster_login(variables):
    """The variables of the same login."""
    return login(variables, context.CLIARGS)


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"cluster_login": verbatim(cluster_login)}
