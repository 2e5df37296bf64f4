# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings as somebody reads them who was woken up: the cause first, what follows from it below, and what is the same on several nodes once."""

from __future__ import annotations

# A node with one of these is not there for the others, who then tell of it each in their own way.
_AWAY = ("unreachable", "not-a-member", "corosync-stopped", "removed", "stranded")


def groups(findings):
    """The findings in groups, each with `severity`, `id`, `nodes`, `message`, `remedy` and `follows` (groups that come of it).

    What follows of a node that is away: links to it that are down, and nodes that do not see it or have no quorum without it.
    """
    follows = {}
    for one, because in _because(findings):
        follows.setdefault(because, []).append(one)
    first = [one for one in follows.get(None, []) if one["id"] in _AWAY]
    rest = [one for one in follows.get(None, []) if one["id"] not in _AWAY]
    # once, where a node has several causes
    told = [{**_group([one]), "follows": _alike(follows.pop(one["node"], []))} for one in first]
    found = told + [{**group, "follows": []} for group in _alike(rest)]
    return sorted(found, key=lambda group: group["severity"] != "error")


def causes(findings):
    """The findings that do not follow from others."""
    return [one for one, because in _because(findings) if because is None]


def _because(findings):
    """Each finding with the node that is away of which it follows, or none."""
    away = {one["node"] for one in findings if one["id"] in _AWAY}
    for one in findings:
        about = _about(one)
        # the first of them in the alphabet has it, where several are away
        yield one, min(about) if about and about <= away and one["node"] not in away else None


def _about(one):
    """The other nodes that a finding is about; none where it is about its own."""
    if one["peer"] is not None:
        return {one["peer"]}
    return set(one["measured"]) if isinstance(one["measured"], list) else set()


def _alike(findings):
    """Those that say the same of several nodes as one."""
    same = {}
    for one in findings:
        same.setdefault((one["severity"], one["id"], one["message"], one["remedy"]), []).append(one)
    return [_group(found) for found in same.values()]


def _group(found):
    nodes = list(dict.fromkeys(one["node"] for one in found if one["node"]))
    return {**{key: found[0][key] for key in ("severity", "id", "message", "remedy")}, "nodes": nodes}
