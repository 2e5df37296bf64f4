# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with ssh on a member of a cluster."""

from __future__ import annotations

import base64
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import displayed

DOCUMENTATION = """
name: ssh_findings
short_description: What is wrong with ssh on a member of a cluster
version_added: 0.1.0
description:
  - Judges the lines that the role P(pve.cluster.ssh_verification#role) has a node print.
positional: _input, facts
options:
  _input:
    description: What the node printed.
    type: str
    required: true
  facts:
    description: What M(pve.cluster.cluster_facts) read on the node.
    type: dict
    required: true
"""

EXAMPLES = """
- name: Show what is wrong
  ansible.builtin.debug:
    msg: "{{ reached.stdout | pve.cluster.ssh_findings(ansible_facts.pve_cluster) }}"
"""

RETURN = """
_value:
  description: The findings; empty when all is well.
  type: list
  elements: dict
  contains:
    message:
      description: What was found.
      type: str
    repaired_by_pve:
      description: Whether C(pvecm updatecerts) on the node repairs it now.
      type: bool
"""

_CLUSTERS_FILE = "/etc/pve/priv/authorized_keys"
# The first release that pins host keys in a file of each node's own.
_PINNING = (8, 0, 6)


def ssh_findings(printed, facts):
    """All findings; each a dict of message and repaired_by_pve."""
    lines = [line.strip().partition(" ") for line in printed.splitlines()]
    told = {what: rest for what, _blank, rest in lines}
    writable = told.get("writable") == "yes"
    found = []
    if told.get("keys") != _CLUSTERS_FILE:
        found.append((f"root's authorized_keys leads to '{told.get('keys')}', not to the cluster's file '{_CLUSTERS_FILE}'", writable))
    if _pins(facts) and not _is_pinned(told.get("pinned", ""), facts):
        found.append((f"'/etc/pve/nodes/{facts['nodename']}/ssh_known_hosts' has none of its host keys", writable))
    found += [(f"it does not reach {rest.rstrip('.')}", False) for what, _blank, rest in lines if what == "unreached"]
    return [{"message": message, "repaired_by_pve": repaired} for message, repaired in found]


def _pins(facts):
    version = (facts.get("versions") or {}).get("pve_cluster") or "0"
    numbers = [int(number) for number in version.partition("-")[0].split(".") if number.isdigit()]
    return tuple(numbers) >= _PINNING


def _is_pinned(pinned, facts):
    lines = base64.b64decode(pinned).decode("utf-8", "replace").splitlines()
    keys = {(key["type"], key["key"]) for key in facts["ssh"]["host_keys"]}
    return any(tuple(line.split()[1:3]) in keys for line in lines if line.split()[:1] == [facts["nodename"]])


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"ssh_findings": displayed(ssh_findings)}
