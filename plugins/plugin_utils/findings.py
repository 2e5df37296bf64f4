# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was found, as data: the same for the checks before a formation and for the health of a cluster."""

from __future__ import annotations

from ansible_collections.pve.cluster.plugins.plugin_utils.given import names

ERROR = "error"
WARNING = "warning"
# What no formation goes on with, whatever is waived: of a node whose answer is none nothing else is known.
NEVER_WAIVED = ("answer",)


def finding(identity, severity, message, remedy, *, node=None, peer=None, link=None, measured=None, limit=None):
    """One finding. `message` is a sentence about `node`, or about the cluster where there is no node."""
    return {
        "id": identity,
        "severity": severity,
        "node": node,
        "peer": peer,
        "link": link,
        "measured": measured,
        "limit": limit,
        "message": message,
        "remedy": remedy,
    }


def sentence(found):
    """The finding in one line, without its remedy."""
    return f"{found['node']}: {found['message']}" if found["node"] else found["message"]


def split_waived(found, waive):
    """Those that count, and those whose id is waived."""
    waived = set(names(waive))
    return [one for one in found if one["id"] not in waived], [one for one in found if one["id"] in waived]


def in_order(found):
    """Errors first, otherwise as they were found."""
    return sorted(found, key=lambda one: one["severity"] != ERROR)


def verdict(found):
    """The worst of them: error, warning or ok."""
    severities = {one["severity"] for one in found}
    for worst in (ERROR, WARNING):
        if worst in severities:
            return worst
    return "ok"
