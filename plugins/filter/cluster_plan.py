# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run is going to do."""

from __future__ import annotations

DOCUMENTATION = """
name: cluster_plan
short_description: What a run of cluster-init is going to do
version_added: 0.1.0
description:
  - Says what is there now, what will be done on which node and in which order, the corosync.conf that will be, and what is refused or warned of.
positional: _input, cluster_name, findings, coefficient, qdevice
options:
  _input:
    description:
      - The hosts in the inventory's order, each with C(node), C(facts), C(seed), C(joining), C(accepted), C(key_files), C(corosync_conf), C(ssh),
        C(public_key), C(services), C(method) and C(through), as the role P(pve.cluster.cluster_plan#role) has them.
    type: list
    elements: dict
    required: true
  cluster_name:
    description: Name of the cluster.
    type: str
    required: true
  findings:
    description: The findings of the pre-flight checks.
    type: list
    elements: dict
    default: []
  coefficient:
    description: The token_coefficient of a cluster that is to be created. That of Proxmox VE where it is not given.
    type: int
  qdevice:
    description: Whether the cluster is to have a QDevice at the end.
    type: bool
    default: false
"""

EXAMPLES = """
- name: Show the plan as data
  ansible.builtin.debug:
    msg: "{{ hosts | pve.cluster.cluster_plan('prod') }}"
"""

RETURN = """
_value:
  description: C(cluster_name), C(now), C(actions), C(changes), C(corosync_conf) (its lines), C(refused) and C(warnings).
  type: dict
"""

from ansible_collections.pve.cluster.plugins.plugin_utils.given import nothing, number, truth
from ansible_collections.pve.cluster.plugins.plugin_utils.plan import plan
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import displayed


def cluster_plan(hosts, cluster_name, findings=(), coefficient=None, qdevice=False):
    """The plan; numbers may be text, as templates before ansible-core 2.19 give them."""
    read = [{**host, "node": _node(host["node"]), "seed": truth(host["seed"], "seed"), "joining": truth(host["joining"], "joining")} for host in hosts]
    coefficient = None if nothing(coefficient) else number(coefficient, "token_coefficient")
    return plan(read, cluster_name, findings or [], coefficient, truth(qdevice, "qdevice"))


def _node(node):
    def counted(value, what):
        return None if nothing(value) else number(value, what)

    links = [
        {**link, "number": number(link["number"], "the number of a link"), "priority": counted(link.get("priority"), "priority")} for link in node["links"]
    ]
    return {**node, "nodeid": counted(node["nodeid"], "node_id"), "votes": counted(node["votes"], "votes"), "links": links}


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"cluster_plan": displayed(cluster_plan)}
