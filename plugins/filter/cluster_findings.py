# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps a cluster from being whole, by the views of all its nodes."""

from __future__ import annotations

DOCUMENTATION = """
name: cluster_findings
short_description: What keeps a cluster from being whole, by the views of all its nodes
version_added: 0.1.0
description:
  - Compares what every node says of the cluster. A cluster is whole when all of them say the same, and that it is well.
positional: _input
options:
  _input:
    description: The hosts of the cluster, each with C(name) and C(facts) (what M(pve.cluster.cluster_facts) read).
    type: list
    elements: dict
    required: true
  cluster_name:
    description: Name of the cluster.
    type: str
    required: true
"""

EXAMPLES = """
- name: Compare the views of all nodes
  ansible.builtin.debug:
    msg: "{{ hosts | pve.cluster.cluster_findings(cluster_name) }}"
"""

RETURN = """
_value:
  description: One sentence a finding; empty when the cluster is whole.
  type: list
  elements: str
"""

from ansible_collections.pve.cluster.plugins.plugin_utils.findings import ERROR, sentence
from ansible_collections.pve.cluster.plugins.plugin_utils.health import health_findings
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import displayed


def cluster_findings(hosts, cluster_name):
    """One sentence for each thing that keeps the cluster from being whole."""
    return [sentence(found) for found in health_findings(hosts, cluster_name) if found["severity"] == ERROR]


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"cluster_findings": displayed(cluster_findings)}
