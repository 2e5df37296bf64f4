# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster as it is, as an inventory."""

from __future__ import annotations

DOCUMENTATION = """
name: cluster_export
short_description: A cluster as it is, as an inventory
version_added: 0.1.0
description:
  - Turns the facts of a quorate member into an inventory from which this collection forms the same cluster.
  - Refuses names, addresses and numbers that are none, because what a node says would be a template where the inventory is read.
  - Nodes that the inventory did not have are exported by their name and the address that pmxcfs knows.
positional: _input, hosts, conf, settings
options:
  _input:
    description: What M(pve.cluster.cluster_facts) read on a quorate member.
    type: dict
    required: true
  hosts:
    description:
      - By name of the node, C(host) (its name in the inventory), C(address), C(fqdn), C(reached) (where Ansible finds it), C(named) (how it calls
        itself) and C(login) (how it is logged in to, as connection variables). What all nodes have alike of the last is written once.
    type: dict
    required: true
  conf:
    description: The cluster's corosync.conf.
    type: str
    required: true
  settings:
    description: Variables that describe the cluster and are kept, C(cluster_environment) and C(corosync_network), as far as they are given.
    type: dict
"""

EXAMPLES = """
- name: Show the cluster as an inventory
  ansible.builtin.debug:
    msg: "{{ ansible_facts.pve_cluster | pve.cluster.cluster_export({}, conf) }}"
"""

RETURN = """
_value:
  description: The inventory.
  type: dict
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.pve.cluster.plugins.plugin_utils.export import export, export_problems
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import verbatim


def cluster_export(facts, hosts, conf, settings=None):
    """The inventory, or a refusal with everything in the facts that is not what it should be."""
    problems = export_problems(facts, hosts, conf)
    if problems:
        raise AnsibleFilterError(f"cannot export the cluster: {'; '.join(problems)}")
    return export(facts, hosts, conf, settings)


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"cluster_export": verbatim(cluster_export)}
