# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report as it is printed."""

from __future__ import annotations

from ansible_collections.pve.cluster.plugins.plugin_utils.given import names

# The same words in every form of the report.
VERDICTS = {"ok": "healthy", "warning": "healthy, with warnings", "error": "not healthy"}


def health_text(report, show, changes=()):
    """The parts of the report that are asked for, then what has changed."""
    wanted = names(show)
    parts = [part(report) for name, part in (("status", _status), ("nodes", _nodes), ("findings", _findings)) if name in wanted]
    if changes:
        parts.append(["Not as in the earlier report:", *(f"  {change}" for change in changes)])
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def _status(report):
    verdict = VERDICTS[report["verdict"]]
    said = verdict.upper() if report["verdict"] == "error" else verdict
    lines = [f"cluster '{report['cluster']}' is {said} ({report['time']})", votes(report["quorum"])]
    gone = missing(report["quorum"])
    return [*lines, f"missing: {', '.join(gone)}"] if gone else lines


def votes(quorum):
    """The votes in words."""
    if quorum is None:
        return "no node sees any votes"
    return (
        f"{'quorate' if quorum['quorate'] else 'not quorate'}: {quorum['total_votes']} of {quorum['expected_votes']} votes present, "
        f"{quorum['quorum']} needed; {margin(quorum)}"
    )


def missing(quorum):
    """Names of nodes that are listed and not there."""
    return [name for name in quorum["nodelist"] if name not in quorum["members"]] if quorum else []


def margin(quorum):
    """What the cluster can lose, in words."""
    if not quorum["quorate"]:
        return "it does not work now"
    count = quorum["survives"]
    return f"it survives the loss of {count} {'node' if count == 1 else 'nodes'}" if count else "it does not survive the loss of a node"


def _nodes(report):
    heading = ("NODE", "ID", "VOTES", "SITUATION", "CONFIG", "PVE", "COROSYNC", "LINKS")
    rows = [heading, *(_row(node, report) for node in report["nodes"])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heading))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows]


def _row(node, report):
    def text(value):
        return "-" if value is None else str(value)

    cells = [cell for link in report["links"] for cell in link["cells"] if cell["from"] == node["name"]]
    up = sum(cell["state"] not in ("down", "unknown") for cell in cells)
    situation = node["situation"].replace("_", " ") if node["asked"] else "no answer"
    return (
        node["name"], text(node["nodeid"]), text(node["votes"]), situation, text(node["config_version"]["running"]),
        text(node["versions"]["pve"]), text(node["versions"]["corosync"]), f"{up}/{len(cells)} up" if cells else "-",
    )


def _findings(report):
    if not report["findings"]:
        lines = ["nothing was found that is not well"]
    else:
        lines = [line for found in report["findings"] for line in _finding(found)]
    if report["waived"]:
        lines.append(f"waived: {', '.join(sorted({found['id'] for found in report['waived']}))}")
    return lines


def _finding(found):
    yield f"{found['severity']}: {found['node'] or 'cluster'}: {found['message']} [{found['id']}]"
    yield f"  remedy: {found['remedy']}"
