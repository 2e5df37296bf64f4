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
        M(pve.cluster.cluster_facts) read), C(joins) (whether it is to join), C(creates) (whether it is to create the cluster),
        C(unreached) (lines C(WHAT NAME) of lookups that failed), C(local) (lines C(WHAT VALUE..) about the machine itself) and C(measured) (what
        M(pve.cluster.cluster_probe) answered).
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
      - From when on something is too much. C(latency_warning_ms), C(latency_error_ms), C(loss_error_percent), C(clock_warning_ms), C(clock_error_ms)
        and C(free_mib).
    type: dict
    default: {}
  bridges:
    description: Bridges that every node should have.
    type: list
    elements: str
    default: []
  waive:
    description: Ids of findings to leave out.
    type: list
    elements: str
    default: []
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

import ipaddress

from ansible_collections.pve.cluster.plugins.plugin_utils.findings import ERROR, WARNING, finding, in_order, split_waived
from ansible_collections.pve.cluster.plugins.plugin_utils.preflight_machine import machine_findings
from ansible_collections.pve.cluster.plugins.plugin_utils.preflight_measured import LIMITS, measured_findings

# The major versions of Proxmox VE that the modules know.
_MAJORS = ("8", "9")


def preflight_findings(hosts, cluster_name, environment="development", limits=None, bridges=(), waive=()):
    """All findings over all nodes, errors first."""
    limits = {**LIMITS, **(limits or {})}
    found = []
    for host in hosts:
        name = host["node"]["name"]
        own = [*_of_node(host, cluster_name), *machine_findings(host, limits, bridges), *measured_findings(host, limits)]
        found.extend({**one, "node": name} for one in own)
    found.extend(_of_cluster(hosts, environment))
    counted, _waived = split_waived(found, waive)
    return in_order(counted)


def _finding(identity, message, remedy, severity=ERROR, **more):
    return finding(identity, severity, message, remedy, **more)


def _of_cluster(hosts, environment):
    if environment == "production" and len(hosts) < 3:
        yield _finding(
            "too-few-nodes",
            f"a cluster of {len(hosts)} nodes cannot lose one, and cluster_environment is 'production'",
            "add nodes, or set cluster_environment to 'development'",
        )
    majors = {}
    for host in hosts:
        version = _version(host)
        if version:
            majors.setdefault(version.split(".")[0], []).append(host["node"]["name"])
    if len(majors) > 1:
        mixed = "; ".join(f"{major}: {', '.join(names)}" for major, names in sorted(majors.items()))
        yield _finding(
            "mixed-versions",
            f"the nodes run different major versions of Proxmox VE ({mixed})",
            "upgrade the older nodes first",
            WARNING,
        )
    protocols = {}
    for host in hosts:
        protocol = (host["facts"].get("versions") or {}).get("join_api")
        if protocol is not None:
            protocols.setdefault(protocol, []).append(host["node"]["name"])
    # Each end takes one that is a version older, and none that is older still.
    if protocols and max(protocols) - min(protocols) > 1:
        said = "; ".join(f"{number}: {', '.join(names)}" for number, names in sorted(protocols.items()))
        yield _finding("join-api", f"the nodes join by different versions of the protocol ({said})", "upgrade the older nodes first")
    yield from _of_families(hosts)


def _of_families(hosts):
    """A link is IPv4 on all nodes or IPv6 on all."""
    families = {}
    for host in hosts:
        for position, link in enumerate(host["node"]["links"]):
            version = ipaddress.ip_address(str(link["address"])).version
            families.setdefault(link.get("number", position), {}).setdefault(version, []).append(host["node"]["name"])
    for number, found in sorted(families.items()):
        if len(found) > 1:
            said = "; ".join(f"IPv{version}: {', '.join(names)}" for version, names in sorted(found.items()))
            yield _finding(
                "address-family", f"link {number} has addresses of both families ({said})", "give all nodes addresses of one family on it", link=number
            )


def _version(host):
    return (host["facts"].get("versions") or {}).get("pve")


def _of_node(host, cluster_name):
    facts, node = host["facts"], host["node"]
    version = _version(host)
    if not version:
        yield _finding("pve-missing", "Proxmox VE is not installed", "install it, or take the host out of the inventory")
        return
    if version.split(".")[0] not in _MAJORS:
        yield _finding("pve-version", f"Proxmox VE {version} is not known to work", "upgrade it to 8 or 9")
    if facts["nodename"] != node["name"]:
        yield _finding(
            "host-name",
            f"its host name is '{facts['nodename']}', the inventory calls it '{node['name']}'",
            "correct the inventory; a Proxmox VE node must not be renamed",
        )
    yield from _of_membership(host, cluster_name)
    own = {entry["address"] for entry in facts["addresses"] or []}
    for position, link in enumerate(node["links"]):
        if str(link["address"]) not in own:
            yield _finding(
                "link-address",
                f"the address {link['address']} of link {link.get('number', position)} is not on this node",
                "configure the network, or correct the inventory",
                link=link.get("number", position),
            )
    for line in host.get("unreached") or []:
        what, _blank, name = line.partition(" ")
        yield _UNREACHED[what](name)


def _of_membership(host, cluster_name):
    facts = host["facts"]
    situation, member = facts["situation"], facts["membership"] == "member"
    why = "; ".join(facts.get("reasons") or [])
    if member and facts["cluster_name"] != cluster_name:
        yield _finding(
            "other-cluster",
            f"it is a member of cluster '{facts['cluster_name']}'",
            f"take it out of that cluster first, or set cluster_name; it cannot be in '{cluster_name}' too",
        )
        return
    if situation == "pmxcfs_stopped":
        yield _finding("pmxcfs-stopped", f"pmxcfs does not run ({why})", "see 'journalctl -u pve-cluster', then start pve-cluster")
    elif member and situation != "member":
        yield _finding(
            "unhealthy-member",
            f"it is a member of '{cluster_name}', but {situation.replace('_', ' ')} ({why})",
            "bring the cluster in order first: see 'pvecm status' and 'journalctl -u corosync -u pve-cluster' on it",
        )
    if member:
        return
    if host["joins"] and facts["guests"]:
        vmids = ", ".join(str(guest["vmid"]) for guest in facts["guests"])
        yield _finding(
            "guests",
            f"it has guests ({vmids}), and joining would drop their configurations",
            "back them up and remove them, or make this node the one that creates the cluster",
        )
    # what corosync remembers of its runs (/var/lib/corosync) stays after the documented clean-up and does not hinder a join
    leftovers = [path for path in (facts["leftovers"] or {}).get("files") or [] if path.startswith("/etc/")]
    if leftovers:
        yield _finding(
            "leftovers",
            f"files of an earlier cluster are left ({', '.join(leftovers)})",
            "remove them if the node is in no cluster any more",
        )


_UNREACHED = {
    "forward": lambda name: _finding(
        "lookup", f"it cannot look up '{name}'", "run phase 1 first (it writes /etc/hosts), or mend the name service"
    ),
    "loopback": lambda name: _finding(
        "loopback", f"'{name}' resolves to a loopback address", "give the name its management address in /etc/hosts"
    ),
    "reverse": lambda name: _finding(
        "reverse-lookup", f"it cannot look up the name of {name}", "run phase 1 first (it writes /etc/hosts), or mend the name service"
    ),
}


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"preflight_findings": preflight_findings}
