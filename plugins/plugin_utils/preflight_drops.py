# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a join would drop: it puts the cluster's /etc/pve in place of all that a joining node has there."""

from __future__ import annotations

from ansible_collections.pve.cluster.plugins.plugin_utils.findings import ERROR, WARNING, finding
from ansible_collections.pve.cluster.plugins.plugin_utils.preflight_machine import said


def dropped_findings(host, through, nodes_keys, joins):
    """Of one node, held against the one that it joins through (none where that is not known) and all nodes' own public keys.

    `joins` says whether any node is to join the cluster.
    """
    facts = host["facts"]
    if through is host and joins:
        yield from _of_second_factor(host)
    if not host["joins"] or facts["membership"] == "member":
        return
    if facts["guests"]:
        vmids = ", ".join(str(guest["vmid"]) for guest in facts["guests"])
        yield finding(
            "guests", ERROR, f"it has guests ({vmids}), and joining would drop their configurations",
            "back them up and remove them, or make this node the one that creates the cluster",
        )
    resources = ((facts.get("health") or {}).get("ha") or {}).get("resources") or []
    if resources:
        yield finding(
            "ha-resources", ERROR, f"it has HA resources ({', '.join(resources)}), and joining would drop them",
            "remove them, or make this node the one that creates the cluster",
        )
    for values in said(host, "replication"):
        yield finding(
            "replication", ERROR, f"it has replication jobs ({', '.join(values)}), and joining would drop them",
            "remove them, and recreate them after the join",
        )
    if said(host, "ceph"):
        yield finding(
            "ceph", WARNING, "it has a Ceph configuration of its own, which joining would drop",
            "make sure that it is the one of the cluster, or remove it",
        )
    yield from _of_definitions(host, through)
    yield from _of_keys(host, through, nodes_keys)


def _of_second_factor(host):
    if (host["facts"].get("health") or {}).get("root_second_factor"):
        if host.get("lets_in_by_password"):
            yield finding(
                "second-factor", ERROR, "root@pam has a second factor, which a join by password cannot give, and nodes are to join so through it",
                "set cluster_join_method to 'ssh', or take the factor away for the join",
            )
        else:
            yield finding(
                "second-factor", WARNING, "root@pam has a second factor, which the joining nodes will ask for too and a join by password cannot give",
                "have it at hand for the web interface; over ssh nodes join without it",
            )


def _of_definitions(host, through):
    """Files that define something; one that is the same there is not lost. A file that may hold a secret is never compared."""
    there = {tuple(values[:2]) for values in said(through, "defines")} if through else set()
    lost = []
    for file, digest, *names in said(host, "defines"):
        if digest != "-" and (file, digest) in there:
            continue
        few = names if len(names) <= _FEW else [*names[:_FEW], f"and {len(names) - _FEW} more"]
        lost.append(f"{file} ({', '.join(few)})" if names else file)
    if lost:
        yield finding(
            "definitions", WARNING, f"joining would drop what is defined in its /etc/pve: {', '.join(lost)}",
            "copy these files away, and define in the cluster afterwards what is still wanted", measured=len(lost), limit=0,
        )


# More names than this do not help.
_FEW = 5


def _of_keys(host, through, nodes_keys):
    """Keys that let somebody in now and would not after the join."""
    kept = {values[0] for values in said(host, "authorized_keys2")} | {key[-_END:] for key in nodes_keys}
    if through:
        kept |= {values[0] for values in said(through, "authorized_keys")}
    lost = [" ".join(values[1:]) or f"..{values[0][-12:]}" for values in said(host, "authorized_keys") if values[0] not in kept]
    if lost:
        yield finding(
            "foreign-keys", WARNING, f"ssh keys that root accepts now would no longer be accepted after the join ({', '.join(sorted(lost))})",
            "add those that are still wanted to the cluster's: module pve_authorized_key on the node that the others join through",
            measured=len(lost), limit=0,
        )


# As much of a key's end as the node tells.
_END = 43
