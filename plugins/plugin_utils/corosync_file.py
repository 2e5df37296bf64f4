# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What corosync.conf says: whether its two readers read it alike, and whether corosync's times fit the number of nodes."""

from __future__ import annotations

import re

from ansible_collections.pve.cluster.plugins.plugin_utils.findings import WARNING, finding

# The watchdog of a node without quorum resets it after this many milliseconds.
_RESET = 60000
# So much of that may pass before the nodes that are left are a cluster again: they have to take over guests before.
_LIMIT = 40000
# corosync.conf(5): the token timeout, and what each node from the third on adds to it.
_TOKEN = 3000
_COEFFICIENT = 650
# What Proxmox VE writes into new clusters since pve-cluster 9.1.
_ADVISED = 125


def _seconds(milliseconds):
    return f"{milliseconds / 1000:g} s"


def new_timing(nodes, coefficient=None):
    """The times of a cluster to be formed, of which nothing but `token_coefficient` is said."""
    coefficient = _COEFFICIENT if coefficient is None else coefficient
    token = _TOKEN + max(0, nodes - 2) * coefficient
    return {"token": token, "token_coefficient": coefficient, "consensus": token * 6 // 5}


def misread_findings(places, severity=WARNING):
    """Of the places that corosync and Proxmox VE do not read alike."""
    for place in places or []:
        yield finding(
            "misread", severity, f"corosync and Proxmox VE do not read corosync.conf alike: {place}",
            "write it so that both read the same, under the next higher config_version",
        )


def many_findings(nodes, timing, limits):
    """Of a cluster of so many nodes, whatever its times are."""
    if nodes < limits["many_nodes"]:
        return
    slow = limits["latency_warning_ms"]
    held = ""
    if timing:
        token, consensus = timing["token"], timing["consensus"]
        more = max(0, nodes - 2)
        base = token - more * timing["token_coefficient"]
        held = (
            f"; and one that is lost holds up all others for a token of {_seconds(base)} + {more} x {_seconds(timing['token_coefficient'])} = "
            f"{_seconds(token)} and a consensus of {_seconds(consensus)}, {_seconds(token + consensus)} in all"
        )
    yield finding(
        "many-nodes", WARNING,
        f"with {nodes} nodes every write to /etc/pve waits for a token that goes through all of them: {nodes} x {slow / 2:g} ms = "
        f"{nodes * slow / 2:g} ms a round where a packet takes as long as a link may ({slow:g} ms there and back){held}",
        "give corosync a network of its own with round trips far below that, or make several clusters of it; "
        "accept it by its id where the cluster is well with it",
        measured=nodes, limit=limits["many_nodes"],
    )


def _release(version):
    """The release in a package's version, as three numbers; none where it is no such version."""
    found = re.fullmatch(r"(?:\d+:)?(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:[-+~].*)?", version or "")
    return found and tuple(int(number) for number in found.groups())


def release_findings(node, version, options, severity=WARNING):
    """Of a node with this version of corosync, and the options of corosync.conf that came in later than the first release."""
    for one in options or []:
        since = _release(one["since"])
        release = _release(version)
        if since is None or (release is not None and release >= since):
            continue
        has = f"corosync {version}, which takes it and does nothing" if release else f"corosync '{version}', which is no release that is known"
        if version is None:
            has = "no corosync that its package database tells of"
        yield finding(
            "corosync-release", severity,
            f"corosync.conf has '{one['option']}', which came in with corosync {one['since']}, and {node} has {has}",
            "upgrade corosync there, or take the option out of corosync.conf", node=node, measured=version, limit=one["since"],
        )


def timing_findings(nodes, timing, wanted=""):
    """Of a cluster of so many nodes with these times. `wanted` names the variable that wants them so."""
    if not timing:
        return
    more = max(0, nodes - 2)
    token, coefficient, consensus = timing["token"], timing["token_coefficient"], timing["consensus"]
    base = token - more * coefficient
    spelled = f"token {_seconds(base)} + {more} x {_seconds(coefficient)} = {_seconds(token)}" + (f", as {wanted} has it" if wanted else "")
    advised = _TOKEN + more * _ADVISED
    outage = token + consensus
    if outage >= _LIMIT:
        yield finding(
            "token-long", WARNING,
            f"with {nodes} nodes it takes {_seconds(outage)} until the others go on without a node that is lost ({spelled}, and "
            f"consensus {_seconds(consensus)}); high availability resets a node {_seconds(_RESET)} after it has lost quorum",
            f"set totem.token_coefficient to {_ADVISED} (without totem.token and totem.consensus that makes {_seconds(advised * 11 // 5)} in all)",
            measured=outage, limit=_LIMIT,
        )
    if token < advised:
        yield finding(
            "token-short", WARNING,
            f"its token timeout of {_seconds(token)} ({spelled}) is below the {_seconds(advised)} that {nodes} nodes want "
            f"({_seconds(_TOKEN)} + {more} x {_seconds(_ADVISED)}): a short delay costs the membership",
            f"remove totem.token, or set totem.token_coefficient to {_ADVISED}",
            measured=token, limit=advised,
        )
