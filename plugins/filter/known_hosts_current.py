# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A known_hosts file without the keys that a cluster's nodes no longer have."""

from __future__ import annotations

from ansible_collections.pve.cluster.plugins.plugin_utils.known_hosts import Names, key_in, names_in, names_of, without
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import verbatim

DOCUMENTATION = """
name: known_hosts_current
short_description: A known_hosts file without the keys that a cluster's nodes no longer have
version_added: 0.1.0
description:
  - Takes the names of nodes out of lines with a key that the node does not have, and adds nothing. It is for files that Proxmox VE
    writes itself, such as the one behind C(/etc/ssh/ssh_known_hosts).
positional: _input
options:
  _input:
    description: The file's content.
    type: str
    required: true
  hosts:
    description: The nodes, each with C(names), C(ports) and C(keys) (each with C(type) and C(key)).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = """
- name: Show what the cluster's file would be
  ansible.builtin.debug:
    msg: "{{ content | pve.cluster.known_hosts_current(hosts) }}"
"""

RETURN = """
_value:
  description: The file's new content; the same when nothing is to be changed.
  type: str
"""


def known_hosts_current(content, hosts):
    """The file without outdated keys of these hosts."""
    for host in hosts:
        names = Names(names_of(host))
        keys = {(key["type"], key["key"]) for key in host["keys"]}
        lines = [
            line if not names_in(line) or key_in(line) in keys else without(line, lambda name, names=names: name in names)
            for line in content.split("\n")
        ]
        content = "\n".join(line for line in lines if line is not None)
    return content


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"known_hosts_current": verbatim(known_hosts_current)}
