# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By which way each node joins."""

from __future__ import annotations

# The releases of Proxmox VE, and of their protocol, of which pvecm_relay knows how nodes join.
_MAJORS = ("8", "9")
_JOIN_API = 1

RELAY, SSH, API, AUTO = "relay", "ssh", "api", "auto"


def join_ways(joining, methods, facts, nodes, seed):
    """The hosts that are to join, by their way, each in its order.

    `methods`, `facts` and `nodes` are what each host says that it wants, what was read of it, and what the inventory has of it. A node that the cluster
    lists without a vote, or did until it was taken out, goes on by relay, however it came there: no other way could end that. One that has a
    vote goes on by ssh.
    """
    votes = {listed["name"]: listed["votes"] for listed in facts[seed].get("nodelist") or []} if facts[seed].get("membership") == "member" else {}
    ways = {RELAY: [], SSH: [], API: []}
    for host in joining:
        method, own = methods[host], votes.get(nodes[host]["name"])
        if own == 0 or (own is None and facts[host].get("admitted")):
            method = RELAY
        elif own is not None and method in (RELAY, AUTO):
            method = SSH
        elif method == AUTO:
            method = RELAY if _known(facts[host], facts[seed]) else SSH
        ways[method].append(host)
    return ways


def admitted_hosts(facts, nodes, hosts):
    """The hosts that a quorate node lists without a vote, by the newest file that one has."""
    views = [facts[host] for host in hosts if (facts[host].get("quorum") or {}).get("quorate")]
    newest = max(views, key=lambda view: (view.get("config_version") or {}).get("pmxcfs") or 0, default={})
    without = {listed["name"] for listed in newest.get("nodelist") or [] if listed["votes"] == 0}
    return [host for host in hosts if nodes[host]["name"] in without]


def _known(own, other):
    """Whether both run a release, and speak a protocol, that the relay knows."""
    versions = [side.get("versions") or {} for side in (own, other)]
    return all(
        str(version.get("pve") or "").split(".", maxsplit=1)[0] in _MAJORS and version.get("join_api") == _JOIN_API for version in versions
    )
