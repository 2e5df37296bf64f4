# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a cluster is quorate on more than one side."""

from __future__ import annotations


def quorate_sides(views, cluster_name):
    """The sides of this cluster that are quorate and share no member, each with its members and the hosts that say so.

    `views` are the facts of cluster_facts by host. One side, or none, is a cluster that is whole; views that overlap are one that changes just now.
    """
    sides = []
    for host, facts in views.items():
        if (facts or {}).get("cluster_name") != cluster_name or not (facts.get("quorum") or {}).get("quorate"):
            continue
        members = {member["name"] for member in facts.get("members") or []} or {facts.get("nodename") or host}
        touching = [side for side in sides if side["members"] & members]
        sides = [side for side in sides if side not in touching]
        sides.append({
            "members": members.union(*(side["members"] for side in touching)),
            "seen_by": [name for side in touching for name in side["seen_by"]] + [host],
        })
    return [{"members": sorted(side["members"]), "seen_by": side["seen_by"]} for side in sides]
