# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be done so that root logs in as wanted."""

from __future__ import annotations

import base64
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import verbatim

DOCUMENTATION = """
name: root_login
short_description: What is to be done so that root logs in as wanted
version_added: 0.1.0
description:
  - Judges the lines that the role P(pve.cluster.ssh_verification#role) has a node print about C(PermitRootLogin).
positional: _input, wanted
options:
  _input:
    description: What the node printed.
    type: str
    required: true
  wanted:
    description: V(prohibit-password) or V(yes).
    type: str
    required: true
"""

EXAMPLES = """
- name: Show what is to be done
  ansible.builtin.debug:
    msg: "{{ state.stdout | pve.cluster.root_login('prohibit-password') }}"
"""

RETURN = """
_value:
  description: What is to be done.
  type: dict
  contains:
    content:
      description: What the file in sshd's configuration must say.
      type: str
    write:
      description: Whether it says something else.
      type: bool
    reload:
      description: Whether sshd must read its configuration again.
      type: bool
    effective:
      description: Whether the configuration, with the file as it is, comes to what is wanted.
      type: bool
    is:
      description: What the configuration comes to.
      type: str
"""

# `sshd -T` still says the older name.
_SAME = {"without-password": "prohibit-password"}


def root_login(printed, wanted):
    """The steps, by what was seen."""
    told = {}
    for line in printed.splitlines():
        what, _blank, rest = line.strip().partition(" ")
        told[what] = rest
    content = f"# Written by Ansible (pve.cluster): read before what pvecm writes into sshd_config.\nPermitRootLogin {wanted}\n"
    write = base64.b64decode(told.get("written", "")).decode("utf-8", "replace") != content
    effective = _SAME.get(told.get("effective"), told.get("effective", "unknown"))
    return {
        "content": content,
        "write": write,
        "reload": write or told.get("loaded") != "yes",
        "effective": effective == wanted,
        "is": effective,
    }


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"root_login": verbatim(root_login)}
