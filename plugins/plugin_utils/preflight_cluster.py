# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all nodes together tell, and whether there is room for those that join in a cluster that exists."""

from __future__ import annotations

import ipaddress

from ansible_collections.pve.cluster.plugins.plugin_utils.corosync_file import (
    many_findings, misread_findings, new_timing, release_findings, timing_findings,
)
from ansible_collections.pve.cluster.plugins.plugin_utils.corosync_wish import wants_times, wished_timing
from ansible_collections.pve.cluster.plugins.plugin_utils.findings import ERROR, WARNING, finding
from ansible_collections.pve.cluster.plugins.plugin_utils.given import link_number
from ansible_collections.pve.cluster.plugins.plugin_utils.preflight_names import spelled


def cluster_findings(hosts, environment, limits):
    """Of all nodes together."""
    if environment == "production" and len(hosts) + _third_votes(hosts) < 3:
        yield finding(
            "too-few-nodes", ERROR, f"a cluster of {len(hosts)} nodes cannot lose one, and cluster_environment is 'production'",
            "add nodes, give the two a QDevice (a host in the group proxmox_qnetd), or set cluster_environment to 'development'",
            measured=len(hosts), limit=3,
        )
    yield from _of_majors(hosts)
    yield from _of_families(hosts)
    yield from _of_timing(hosts, limits)


def _of_timing(hosts, limits):
    """Whether corosync's times fit the nodes that the cluster is to have, and whether its file is read alike."""
    there = [host["facts"]["health"] for host in hosts if host["facts"].get("health") and host["facts"]["health"].get("timing")]
    for health in there[:1]:
        # what PVE's programs stop at stops a join in its middle
        yield from misread_findings(health.get("misread"), ERROR)
        # a joining node takes the cluster's file as it is
        options = health.get("newer_options")
        for host in hosts:
            if versions(host).get("pve"):
                yield from release_findings(host["node"]["name"], versions(host).get("corosync"), options, ERROR if host["joins"] else WARNING)
    nodes = len(hosts)
    if there:
        timing = there[0]["timing"]
        # the file has the token of the nodes that are in it now
        listed = max((len(host["facts"].get("nodelist") or []) for host in hosts), default=0)
        grown = (max(2, nodes) - max(2, listed)) * timing["token_coefficient"]
        consensus = timing["consensus"]
        if consensus == timing["token"] * 6 // 5:
            consensus = (timing["token"] + grown) * 6 // 5
        timing = {**timing, "token": timing["token"] + grown, "consensus": consensus}
    else:
        # a new cluster gets a coefficient of 125 from pve-cluster 9.1 on
        known = [versions(host).get("pve_cluster") for host in hosts]
        old = any(version and version.split(".")[0].isdigit() and _before_9_1(version) for version in known)
        timing = new_timing(nodes, None if old else 125)
    # what is to be written afterwards is known now
    wanted = next((host["wanted_totem"] for host in hosts if wants_times(host.get("wanted_totem"))), None)
    if wanted is not None:
        timing = wished_timing(timing, wanted, nodes)
    yield from timing_findings(nodes, timing, "corosync_totem" if wanted is not None else "")
    yield from many_findings(nodes, timing, limits)


def _before_9_1(version):
    parts = [int(part) for part in version.split("-")[0].split(".")[:2] if part.isdigit()]
    return parts < [9, 1]


def _third_votes(hosts):
    """The vote of a QDevice that is to come, or of one that works; a single node gets none."""
    planned = any(host.get("qnetd") for host in hosts)
    works = any((host["facts"].get("quorum") or {}).get("qdevice_votes") for host in hosts)
    return 1 if len(hosts) == 2 and (planned or works) else 0


def _of_majors(hosts):
    majors = {}
    for host in hosts:
        version = versions(host).get("pve")
        if version:
            majors.setdefault(version.split(".")[0], []).append(host["node"]["name"])
    if len(majors) > 1:
        mixed = "; ".join(f"{major}: {', '.join(names)}" for major, names in sorted(majors.items()))
        yield finding(
            "mixed-versions", WARNING, f"the nodes run different major versions of Proxmox VE ({mixed})", "upgrade the older nodes first",
            measured=sorted(majors), limit="one major version",
        )


def _of_families(hosts):
    """A link is IPv4 on all nodes or IPv6 on all."""
    families = {}
    for host in hosts:
        for position, link in enumerate(host["node"]["links"]):
            version = ipaddress.ip_address(str(link["address"])).version
            families.setdefault(link_number(link, position), {}).setdefault(version, []).append(host["node"]["name"])
    for number, found in sorted(families.items()):
        if len(found) > 1:
            said = "; ".join(f"IPv{version}: {', '.join(names)}" for version, names in sorted(found.items()))
            yield finding(
                "address-family", ERROR, f"link {number} has addresses of both families ({said})", "give all nodes addresses of one family on it",
                link=number,
            )


def versions(host):
    """What is installed, by program."""
    return host["facts"].get("versions") or {}


def is_admitted(host, through):
    """Whether a run before this one had let this host in without a vote, at its own addresses, so that this run goes on.

    One that did not come was taken out of the nodelist again, and has only its own file to tell of it.
    """
    if through is None or through["facts"]["membership"] != "member" or not host["joins"]:
        return False
    wanted = {str(link_number(link, position)): spelled(link["address"]) for position, link in enumerate(host["node"]["links"])}
    for listed in through["facts"].get("nodelist") or []:
        if listed["name"] == host["node"]["name"]:
            return listed["votes"] == 0 and {str(number): spelled(address) for number, address in listed["links"].items()} == wanted
    return host["facts"].get("admitted") is True


def join_findings(host, through):
    """Of one node that is to join through another."""
    if through is None or not host["joins"] or host["facts"]["membership"] == "member":
        return
    yield from _of_protocol(host, through)
    if through["facts"]["membership"] == "member":
        yield from _of_room(host, through)


# Proxmox VE's join code accepts from the other side its own protocol, any newer one, and the one before its own
# (JOIN_API_AGE_AS_CLUSTER and JOIN_API_AGE_AS_JOINEE in PVE/Cluster/Setup.pm).
_AGE = 1


def _of_protocol(host, through):
    own, other = versions(host).get("join_api"), versions(through).get("join_api")
    if own is None or other is None or abs(own - other) <= _AGE:
        return
    older = host if own < other else through
    yield finding(
        "join-api", ERROR,
        f"it joins by version {own} of the protocol, '{through['node']['name']}' by {other}, and they accept one version less than their own",
        f"upgrade {older['node']['name']} first", peer=through["node"]["name"], measured=own, limit=other,
    )


def _of_room(host, through):
    """The same as M(pve.cluster.pvecm_cluster) would refuse when it is too late for the nodes before it."""
    node, name = host["node"], host["node"]["name"]
    listed = through["facts"].get("nodelist") or []
    wanted = {link_number(link, position): spelled(link["address"]) for position, link in enumerate(node["links"])}
    numbers = sorted({int(number) for one in listed for number in one["links"]})
    if listed and numbers != sorted(wanted):
        yield finding(
            "links-differ", ERROR, f"the inventory gives it the links {sorted(wanted)}, the cluster has {numbers}",
            "give every node exactly the links of the cluster, or change the cluster's first", measured=sorted(wanted), limit=numbers,
        )
    for other in listed:
        if other["name"] == name:
            if is_admitted(host, through):
                continue
            # An interrupted join of a second node leaves the first one without quorum, and so without a way to remove it.
            quorum = through["facts"].get("quorum") or {}
            first = ""
            if quorum.get("quorate") is False:
                first = f", after 'pvecm expected {quorum['total_votes']}' there, which gives it quorum for now"
            yield finding(
                "name-listed", ERROR, f"the cluster lists a node named '{name}' already",
                f"if it is this node, reinstalled or half joined, run playbooks/cluster-repair.yml, or remove it first with 'pvecm delnode {name}' on "
                f"'{through['node']['name']}'{first}",
                peer=through["node"]["name"],
            )
            continue
        if node.get("nodeid") and str(other["nodeid"]) == str(node["nodeid"]):
            yield finding(
                "nodeid-taken", ERROR, f"nodeid {node['nodeid']} belongs to node '{other['name']}' of the cluster",
                "give it another node_id, or none to get a free one", peer=other["name"], measured=int(node["nodeid"]),
            )
        theirs = {spelled(address) for address in other["links"].values()}
        for number, address in sorted(wanted.items()):
            if address in theirs:
                yield finding(
                    "address-taken", ERROR, f"link {number} has address '{address}', which node '{other['name']}' of the cluster uses",
                    "correct the inventory", peer=other["name"], link=number, measured=address,
                )


def joined_findings(through, joining, admitted=()):
    """Of the node that others join through, when its cluster exists: whether the cluster is in a state in which a join is safe.

    `admitted` are nodes of this run that have no vote yet: they get the current corosync.conf when they come in.
    """
    facts = through["facts"]
    if not joining or facts["membership"] != "member":
        return
    seen = {member["name"] for member in facts.get("members") or []}
    offline = sorted(node["name"] for node in facts.get("nodelist") or [] if node["name"] not in seen and node["name"] not in admitted)
    # where corosync does not run nobody is seen, and that is said as the node's situation
    if seen and offline:
        yield finding(
            "member-offline", ERROR, f"members of the cluster are not online ({', '.join(offline)}), and would miss the new corosync.conf",
            "start them, or remove them first", measured=offline,
        )
    if facts.get("qdevice") and not through.get("qdevice_gives_way"):
        yield finding(
            "qdevice", ERROR, "the cluster has a QDevice, with which no node may join",
            "set cluster_qdevice_readd to true to have it taken out and set up again, or remove it first (playbooks/cluster-qdevice.yml)",
        )
