# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why keys cannot be replaced by another."""

from __future__ import annotations

import re
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import displayed

DOCUMENTATION = """
name: rotation_problems
short_description: Why keys cannot be replaced by another
version_added: 0.1.0
description:
  - Checks the new and the old keys of a controller before any of them is written or removed.
positional: _input, old, node_keys
options:
  _input:
    description: The new public key.
    type: str
    required: true
  old:
    description: The old public keys, one a line.
    type: str
    required: true
  node_keys:
    description: Public keys with which the nodes log in to each other.
    type: list
    elements: str
    required: true
"""

EXAMPLES = """
- name: Refuse keys that cannot be rotated
  ansible.builtin.assert:
    that: new | pve.cluster.rotation_problems(old, node_keys) | length == 0
"""

RETURN = """
_value:
  description: One sentence a problem; empty when there is none. No sentence holds a key.
  type: list
  elements: str
"""

_KEY = re.compile(r"(?:^|\s)(?:ssh|ecdsa|sk)-\S+\s+(AAAA[A-Za-z0-9+/]+=*)")


def rotation_problems(new, old, node_keys):
    """One sentence for each thing that stands in the way."""
    new_keys, old_keys = _keys(new), _keys(old)
    nodes = {key for line in node_keys for key in _keys(line)}
    problems = []
    if "PRIVATE KEY" in new + old:
        problems.append("a private key was given: give the public key, from the file that ends in .pub")
    elif len(new_keys) != 1:
        problems.append(f"the new public key must be one key, but {len(new_keys)} were found: see key_rotation_new_private_key_file")
    elif not old_keys:
        problems.append("no old public key was found: name its file in key_rotation_old_public_key_file")
    if new_keys & old_keys:
        problems.append("the new key is the old one: name the file of the old public key in key_rotation_old_public_key_file")
    if new_keys & nodes:
        problems.append("the new key is one with which a node logs in to the others: the controller needs a key of its own")
    if old_keys & nodes:
        problems.append("an old key is one with which a node logs in to the others: without it the cluster's nodes would not reach each other")
    return problems


def _keys(text):
    """The keys in the lines of a text, without types, options and comments."""
    found = (_KEY.search(line) for line in text.splitlines() if not line.lstrip().startswith("#"))
    return {match.group(1) for match in found if match}


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"rotation_problems": displayed(rotation_problems)}
