# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that would stop or harm the formation of a cluster."""

from __future__ import annotations

DOCUMENTATION = """
name: preflight_findings
short_description: Everything that would stop or harm the formation of a cluster
version_added: 0.1.0
description:
  - Judges the facts of all nodes together, before any of them is touched.
positional: _input
options:
  _input:
    description:
      - The hosts of the cluster, each with C(node) (as the role P(pve.cluster.cluster_inventory#role) describes it), C(facts) (what
        M(pve.cluster.cluster_facts) read), C(joins) (whether it is to join), C(through) (whether it is the one that the others join through),
        C(lookups) (lines C(name NAME ADDRESS..) and C(address ADDRESS NAME..)), C(local) (lines C(WHAT VALUE..) about the machine itself) C(measured) (what
        M(pve.cluster.cluster_probe) answered) and C(unproven) (pairs of nodes by the filter P(pve.cluster.probe_unproven#filter)).
    type: list
    elements: dict
    required: true
  cluster_name:
    description: Name of the cluster.
    type: str
    required: true
  environment:
    description: V(production) demands three nodes.
    type: str
    default: development
  limits:
    description:
      - From when on something is too much. C(latency_warning_ms), C(latency_error_ms), C(jitter_warning_ms), C(loss_error_percent), C(clock_warning_ms),
        C(clock_error_ms), C(free_mib) and C(many_nodes).
    type: dict
    default: {}
  bridges:
    description: Bridges that every node should have.
    type: list
    elements: str
    default: []
  waive:
    description: Ids of findings to leave out. C(answer), that a node gave an answer that is none, is never left out.
    type: list
    elements: str
    default: []
  names_follow:
    description: Whether phase 1 is still to write the names of all nodes, so that a missing one stops nothing.
    type: bool
    default: false
  part:
    description:
      - V(before) for what can be judged before phase 1 writes anything, V(after) for the names and keys that it writes.
    type: str
    choices: [all, before, after]
    default: all
  variables:
    description:
      - The variables of each host, as C(hostvars) has them, for what is wanted of corosync's times (C(corosync_totem)). Each host has its name in the
        inventory as C(host) then.
    type: dict
"""

EXAMPLES = """
- name: Judge all nodes together
  ansible.builtin.debug:
    msg: "{{ hosts | pve.cluster.preflight_findings(cluster_name, environment='production') }}"
"""

RETURN = """
_value:
  description: The findings; empty when nothing stands in the way.
  type: list
  elements: dict
  contains:
    id:
      description: What kind of finding it is.
      type: str
    severity:
      description: V(error) for what would stop or harm the formation, V(warning) for what may.
      type: str
    node:
      description: The node it is about; none for the cluster as a whole.
      type: str
    peer:
      description: The other node, where there is one.
      type: str
    link:
      description: The number of the link, where there is one.
      type: int
    measured:
      description: What was measured, where something was.
      type: raw
    limit:
      description: What it was held against.
      type: raw
    message:
      description: What was found.
      type: str
    remedy:
      description: What to do about it.
      type: str
"""

from ansible_collections.pve.cluster.plugins.plugin_utils import given
from ansible_collections.pve.cluster.plugins.plugin_utils.answer_schema import (
    checked, checked_probe, misfit_findings, silence_findings,
)
from ansible_collections.pve.cluster.plugins.plugin_utils.findings import ERROR, NEVER_WAIVED, WARNING, finding, in_order, split_waived
from ansible_collections.pve.cluster.plugins.plugin_utils.option_values import value_of
from ansible_collections.pve.cluster.plugins.plugin_utils.preflight_cluster import (
    cluster_findings, is_admitted, join_findings, joined_findings, versions,
)
from ansible_collections.pve.cluster.plugins.plugin_utils.preflight_drops import dropped_findings
from ansible_collections.pve.cluster.plugins.plugin_utils.preflight_machine import machine_findings
from ansible_collections.pve.cluster.plugins.plugin_utils.preflight_measured import LIMITS, measured_findings
from ansible_collections.pve.cluster.plugins.plugin_utils.preflight_names import names_findings
from ansible_collections.pve.cluster.plugins.plugin_utils.preflight_networks import management_findings, networks_findings
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import displayed

# The major versions of Proxmox VE that the modules know.
_MAJORS = ("8", "9")


# What phase 1 changes: it writes the names into /etc/hosts and has the controller's key accepted. Nothing else waits for it.
_AFTER = ("lookup", "lookup-address", "reverse-lookup", "foreign-keys")


def preflight_findings(hosts, cluster_name, environment="development", limits=None, bridges=(), waive=(), names_follow=False, part="all", variables=None):
    """All findings over all nodes, errors first, or one part of them."""
    limits = given.limits(LIMITS, limits)
    names_follow = given.truth(names_follow, "preflight_names_follow")
    found = []
    if variables is not None:
        hosts = [{**host, "wanted_totem": value_of(variables[host["host"]], "corosync_totem")} for host in hosts]
    # of a node whose answer is none nothing can be judged, and it is refused
    for host in hosts:
        answer = checked({"name": host["node"]["name"], "facts": host["facts"]})
        found.extend({**one, "node": host["node"]["name"]} for one in misfit_findings(answer))
    strange = {one["node"] for one in found}
    hosts = [host for host in hosts if host["node"]["name"] not in strange]
    # nobody is to join through a member of another cluster
    through = next((host for host in hosts if host.get("through") and not _foreign(host["facts"], cluster_name)), None)
    joins = any(host["joins"] for host in hosts)
    nodes = [host["node"] for host in hosts]
    lines = [line for host in hosts for line in (host["facts"].get("ssh") or {}).get("root_public_keys") or []]
    keys = [key for line in lines for key in line.split()[1:2]]
    for number, host in enumerate(hosts):
        if not host.get("measured"):
            continue
        measured, misfits = checked_probe(host["measured"])
        hosts[number] = {**host, "measured": measured}
        wrong = [*misfit_findings({"misfits": misfits}), *silence_findings(host["node"], measured, nodes)]
        found.extend({**one, "node": host["node"]["name"]} for one in wrong)
    through = next((host for host in hosts if host["node"] is through["node"]), None) if through else None
    admitted = [host["node"]["name"] for host in hosts if is_admitted(host, through)]
    for host in hosts:
        own = list(_of_node(host, cluster_name, host["node"]["name"] in admitted))
        # of a machine without Proxmox VE nothing else is worth a word
        if versions(host).get("pve"):
            own += names_findings(host, nodes, names_follow)
            own += join_findings(host, through)
            own += dropped_findings(host, through, keys, joins)
            own += networks_findings(host)
            own += management_findings(host, hosts)
            own += machine_findings(host, limits, given.names(bridges), joins)
        # pveproxy does not start before /etc/pve is writable, which it is not on a node that has not come in
        own += [one for one in measured_findings(host, limits) if one["id"] != "tcp-port" or one["peer"] not in admitted]
        if host is through:
            own += joined_findings(host, joins, admitted)
        found.extend({**one, "node": host["node"]["name"]} for one in own)
    found.extend(cluster_findings(hosts, environment, limits))
    if part != "all":
        found = [one for one in found if (one["id"] in _AFTER) == (part == "after")]
    counted, _waived = split_waived(found, [one for one in given.names(waive) if one not in NEVER_WAIVED])
    return in_order(counted)


def _foreign(facts, cluster_name):
    """Whether a node is a member of another cluster."""
    return facts["membership"] == "member" and facts["cluster_name"] != cluster_name


def _of_node(host, cluster_name, admitted):
    facts, node = host["facts"], host["node"]
    version = versions(host).get("pve")
    if not version:
        yield finding("pve-missing", ERROR, "Proxmox VE is not installed", "install it, or take the host out of the inventory")
        return
    if version.split(".")[0] not in _MAJORS:
        yield finding(
            "pve-version", ERROR, f"Proxmox VE {version} is not known to work", "upgrade it to 8 or 9, or use a newer release of this collection",
            measured=version, limit=list(_MAJORS),
        )
    if facts["nodename"] != node["name"]:
        yield finding(
            "host-name", ERROR, f"its host name is '{facts['nodename']}', the inventory calls it '{node['name']}'",
            "correct the inventory; a Proxmox VE node must not be renamed", measured=facts["nodename"], limit=node["name"],
        )
    yield from _of_membership(host, cluster_name, admitted)


def _of_membership(host, cluster_name, admitted):
    facts = host["facts"]
    situation, member = facts["situation"], facts["membership"] == "member"
    why = "; ".join(facts.get("reasons") or [])
    if _foreign(facts, cluster_name):
        yield finding(
            "other-cluster", ERROR, f"it is a member of cluster '{facts['cluster_name']}'",
            f"take it out of that cluster first, or set cluster_name; it cannot be in '{cluster_name}' too",
            measured=facts["cluster_name"], limit=cluster_name,
        )
        return
    if admitted:
        # however far it has come
        yield finding(
            "admitted", WARNING, f"it is admitted to '{cluster_name}' and has no vote yet", "cluster-init takes it in, or takes it out", measured=situation,
        )
        return
    if situation == "pmxcfs_stopped":
        yield finding("pmxcfs-stopped", ERROR, f"pmxcfs does not run ({why})", "see 'journalctl -u pve-cluster', then start pve-cluster")
    elif member and situation != "member":
        yield finding(
            "unhealthy-member", ERROR, f"it is a member of '{cluster_name}', but {situation.replace('_', ' ')} ({why})",
            "bring the cluster in order first: playbooks/cluster-repair.yml repairs what is half in it; 'pvecm status' and "
            "'journalctl -u corosync -u pve-cluster' on it tell more", measured=situation,
        )
    if member:
        return
    # what corosync remembers of its runs (/var/lib/corosync) stays after the documented clean-up and does not hinder a join
    leftovers = [path for path in (facts["leftovers"] or {}).get("files") or [] if path.startswith("/etc/")]
    if leftovers:
        yield finding(
            "leftovers", ERROR, f"files of an earlier cluster are left ({', '.join(leftovers)})", "remove them if the node is in no cluster any more",
            measured=leftovers,
        )


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"preflight_findings": displayed(preflight_findings)}
