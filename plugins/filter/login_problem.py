# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a login was not one with a certain key."""

from __future__ import annotations

import re
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import displayed

DOCUMENTATION = """
name: login_problem
short_description: Why a login was not one with a certain key
version_added: 0.1.0
description:
  - Reads what C(ssh -v) said of a login, which tells the key that the other side took.
positional: _input, fingerprints
options:
  _input:
    description: What ssh said.
    type: str
    required: true
  fingerprints:
    description: Fingerprints of the keys, one of which must have been taken, as C(ssh-keygen -l) prints them.
    type: list
    elements: str
    required: true
"""

EXAMPLES = """
- name: Refuse to go on unless the new key has logged in
  ansible.builtin.assert:
    that: log | pve.cluster.login_problem(['SHA256:MRB1o4XTdahH9YnnpEd+7yYrMXw39nW52qRqcoVBzS4']) == ''
"""

RETURN = """
_value:
  description: The reason; empty when one of the keys has logged in.
  type: str
"""

_TAKEN = re.compile(r"^debug1: Server accepts key: .*(SHA256:\S+)", re.M)
_DONE = re.compile(r'^Authenticated to .* using "publickey"', re.M)


def login_problem(log, fingerprints):
    """The reason in a few words."""
    if not log.strip():
        return "ssh left no account of the login: the connection plugin 'ssh' is needed for this"
    if not _DONE.search(log):
        said = [line.strip() for line in log.splitlines() if line.strip() and not re.match(r"debug\d: |OpenSSH_", line)]
        return f"ssh says: {said[-1]}" if said else "ssh could not log in by key"
    taken = _TAKEN.findall(log)
    if not taken or taken[-1] not in fingerprints:
        return f"another key logged in ({taken[-1] if taken else 'unknown'}), not {' or '.join(fingerprints)}"
    return ""


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"login_problem": displayed(login_problem)}
