# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one member tells of its cluster, for its adoption."""

from __future__ import annotations

DOCUMENTATION = """
name: cluster_adoption
short_description: What one member tells of its cluster, for its adoption
version_added: 0.1.0
description:
  - Says which nodes the cluster has, where they are, which host keys the cluster knows of each, and why it cannot be adopted.
  - Without O(known) only what the facts say is judged, and nothing is told of keys.
positional: _input, known
options:
  _input:
    description: What M(pve.cluster.cluster_facts) read on the member.
    type: dict
    required: true
  known:
    description: Lines of known_hosts, each behind the name of the node whose file they are in, or C(-) for the file of all nodes.
    type: str
"""

EXAMPLES = """
- name: Show why the cluster cannot be adopted
  ansible.builtin.debug:
    msg: "{{ (ansible_facts.pve_cluster | pve.cluster.cluster_adoption).problems }}"
"""

RETURN = """
_value:
  description: C(nodes) (a list of C(name), C(address) and C(keys)) and C(problems) (sentences).
  type: dict
"""

from ansible_collections.pve.cluster.plugins.plugin_utils import adoption
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import marked, shown


def cluster_adoption(facts, known=None):
    """The nodes, and what is wrong. What is wrong is there to be read; nodes are told only where nothing is."""
    problems = adoption.member_problems(facts)
    nodes = [] if problems else adoption.nodes(facts, known or "")
    if known is not None:
        problems += adoption.key_problems(nodes)
    return marked({"nodes": nodes, "problems": shown(problems)})


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"cluster_adoption": cluster_adoption}
