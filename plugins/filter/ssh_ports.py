# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ssh must be told of nodes whose sshd does not listen on port 22."""

from __future__ import annotations

from ansible_collections.pve.cluster.plugins.plugin_utils.known_hosts import spelled
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import verbatim

DOCUMENTATION = """
name: ssh_ports
short_description: What ssh must be told of nodes whose sshd does not listen on port 22
version_added: 0.1.0
description:
  - Writes the file that lets every ssh on a node find the port of the others, also those that C(pvecm) and Proxmox VE start, which
    never name a port.
positional: _input
options:
  _input:
    description: The nodes, each with C(names) and C(ports) (on which its sshd listens).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = """
- name: Show the file
  ansible.builtin.debug:
    msg: "{{ hosts | pve.cluster.ssh_ports }}"
"""

RETURN = """
_value:
  description: The file's content; empty when all nodes listen on port 22.
  type: str
"""


def ssh_ports(hosts):
    """One Host block for each node that does not listen on port 22."""
    blocks = []
    for host in hosts:
        ports = [int(port) for port in host["ports"]]
        if ports and 22 not in ports:
            names = " ".join(spelled(name, ())[0] for name in host["names"])
            blocks.append(f"Host {names}\n    Port {ports[0]}\n")
    if not blocks:
        return ""
    return "# The nodes' ssh ports. Written by Ansible (pve.cluster).\n" + "".join(blocks)


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"ssh_ports": verbatim(ssh_ports)}
