# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What corosync.conf says: whether its two readers read it alike, and whether corosync's times fit the number of nodes."""

from __future__ import annotations

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


def timing_findings(nodes, timing):
    """Of a cluster of so many nodes with these times."""
    if not timing:
        return
    more = max(0, nodes - 2)
    token, coefficient, consensus = timing["token"], timing["token_coefficient"], timing["consensus"]
    base = token - more * coefficient
    spelled = f"token {_seconds(base)} + {more} x {_seconds(coefficient)} = {_seconds(token)}"
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
