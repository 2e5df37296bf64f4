# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the look of the role ssh_preparation saw on a node."""

from __future__ import annotations

import base64
import re
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import verbatim

DOCUMENTATION = """
name: ssh_seen
short_description: What the look of the role ssh_preparation saw on a node
version_added: 0.1.0
description:
  - Reads the lines that the role P(pve.cluster.ssh_preparation#role) has a node print about its ssh.
positional: _input
options:
  _input:
    description: What the node printed.
    type: str
    required: true
"""

EXAMPLES = """
- name: Show the ports on which sshd listens
  ansible.builtin.debug:
    msg: "{{ (look.stdout | pve.cluster.ssh_seen).ports }}"
"""

RETURN = """
_value:
  description: What was seen.
  type: dict
  contains:
    files:
      description: The contents of the files that are there, by path.
      type: dict
    links:
      description: Where those files lead that are links, by path.
      type: dict
    keys:
      description: The keys that may log in as root, in base64 and without anything else, by the file that has them.
      type: dict
    key_files:
      description: The files from which sshd takes such keys, as its configuration names them.
      type: list
      elements: str
    ports:
      description: The ports on which sshd listens for others than the node itself; 22 when that cannot be told.
      type: list
      elements: int
    pairs:
      description:
        - The state of root's key pairs, by file. V(whole); V(missing) without a private key; V(public_lost) when the public key is
          missing or not that of the private key; V(locked) when the private key cannot be used without a passphrase.
      type: dict
"""


_PORT = re.compile(r"[0-9]{1,5}")
_FILE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def ssh_seen(printed):
    """The lines, sorted by what they tell."""
    seen = {"files": {}, "links": {}, "keys": {}, "key_files": [], "ports": [], "pairs": {}}
    private, public = {}, {}
    for line in printed.splitlines():
        what, _blank, rest = line.strip().partition(" ")
        first, _blank, rest = rest.partition(" ")
        # what a node says here becomes a file's name in a task
        if what in ("private", "public", "pair") and not _FILE.fullmatch(first):
            continue
        if what == "file":
            # a file of other bytes than UTF-8 goes back as it came
            seen["files"][first] = base64.b64decode(rest).decode("utf-8", "surrogateescape")
        elif what == "link":
            seen["links"][first] = rest
        elif what == "keys":
            seen["keys"][first] = rest.split()
        elif what == "keyfiles":
            seen["key_files"] = [first, *rest.split()]
        elif what == "listen":
            address, _colon, port = first.rpartition(":")
            if address not in ("127.0.0.1", "[::1]") and _PORT.fullmatch(port) and int(port) not in seen["ports"]:
                seen["ports"].append(int(port))
        elif what == "private":
            private[first] = rest.split()[:2]
        elif what == "public":
            public[first] = rest.split()[:2]
        elif what == "pair":
            seen["pairs"][first] = "missing"
    seen["ports"] = seen["ports"] or [22]
    for name, key in private.items():
        if not key:
            seen["pairs"][name] = "locked"
        else:
            seen["pairs"][name] = "whole" if public.get(name) == key else "public_lost"
    return seen


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"ssh_seen": verbatim(ssh_seen)}
