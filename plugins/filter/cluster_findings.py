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

# The services without which a node is no use to the cluster.
_SERVICES = ("corosync", "pve-cluster", "pvedaemon", "pveproxy")


def cluster_findings(hosts, cluster_name):
    """One sentence for each thing that keeps the cluster from being whole."""
    findings = []
    names = {host["name"] for host in hosts}
    for host in hosts:
        findings.extend(f"{host['name']}: {finding}" for finding in _of_view(host["facts"], cluster_name, names))
    findings.extend(_disagreements(hosts))
    return findings


def _of_view(facts, cluster_name, names):
    if facts["membership"] != "member":
        yield f"it is not a member of cluster '{cluster_name}'"
        return
    if facts["cluster_name"] != cluster_name:
        yield f"it is a member of cluster '{facts['cluster_name']}', not of '{cluster_name}'"
        return
    if facts["situation"] != "member":
        yield f"it is {facts['situation'].replace('_', ' ')} ({'; '.join(facts['reasons'])})"
    elif not facts["quorum"]["quorate"]:
        yield "it is not quorate"
    missing = names - {member["name"] for member in facts["members"] or []}
    if missing:
        yield f"it does not see {', '.join(sorted(missing))}"
    unseen = {node["name"] for node in facts["nodelist"] or []} - {member["name"] for member in facts["members"] or []} - missing
    if unseen:
        yield f"the nodelist names {', '.join(sorted(unseen))}, which it does not see"
    for link in facts["links"] or []:
        cut = sorted(peer["name"] for peer in link["peers"] if not peer["connected"])
        if cut:
            yield f"its link {link['number']} to {', '.join(cut)} is not connected"
        if link["running_address"] and link["running_address"] != link["address"]:
            yield f"its link {link['number']} runs on {link['running_address']}, corosync.conf says {link['address']}"
    for service in _SERVICES:
        state = (facts["services"] or {}).get(service, {}).get("state")
        if state != "active":
            yield f"the service {service} is {state or 'not there'}"


def _disagreements(hosts):
    views = {}
    for host in hosts:
        versions = host["facts"]["config_version"]
        for place, what in (
            ("pmxcfs", "/etc/pve/corosync.conf"),
            ("local", "/etc/corosync/corosync.conf"),
            ("running", "the running corosync"),
        ):
            if versions[place] is not None:
                views.setdefault(versions[place], []).append(f"{what} of {host['name']}")
    if len(views) > 1:
        said = "; ".join(f"{version} in {', '.join(places)}" for version, places in sorted(views.items()))
        yield f"config_version differs: {said}"


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"cluster_findings": cluster_findings}
