# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report as Markdown, for tickets and chats."""

from __future__ import annotations

from ansible_collections.pve.cluster.plugins.plugin_utils.health_text import VERDICTS, missing, votes


def health_markdown(report, changes=()):
    """The whole text."""
    parts = [
        _head(report), _findings(report), _list("Since the earlier report", [_escape(change) for change in changes]), _links(report),
        _nodes(report), _certificates(report), _failover(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _escape(value):
    """Text that is nothing but text, also inside a table."""
    if value is None:
        return "–"
    text = str(value).replace("\\", "\\\\").replace("\n", " ")
    for sign in "|*_`<>[]":
        text = text.replace(sign, "\\" + sign)
    return text


def _table(title, heading, rows):
    if not rows:
        return ""
    lines = [f"## {title}", "", f"| {' | '.join(heading)} |", f"|{'---|' * len(heading)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _list(title, lines):
    return "\n".join([f"## {title}", "", *(f"- {line}" for line in lines)]) if lines else ""


def _head(report):
    verdict = VERDICTS[report["verdict"]]
    said = f"**{verdict}**" if report["verdict"] == "error" else verdict
    gone = missing(report["quorum"])
    tail = f" Missing: {_escape(', '.join(gone))}." if gone else ""
    return f"# Cluster {_escape(report['cluster'])}: {said}\n\n{_escape(report['time'])}; {votes(report['quorum'])}.{tail}"


def _findings(report):
    lines = [
        f"**{found['severity']}** {_escape(found['node'] or 'cluster')}: {_escape(found['message'])}. Remedy: {_escape(found['remedy'])} `{found['id']}`"
        for found in report["findings"]
    ]
    return _list("Findings", lines or ["Nothing was found that is not well."])


def _links(report):
    names = [node["name"] for node in report["nodes"]]
    parts = []
    for link in report["links"]:
        cells = {(cell["from"], cell["to"]): cell for cell in link["cells"]}
        rows = [[_escape(name), *(_cell(cells.get((name, other)), name == other) for other in names)] for name in names]
        parts.append(_table(f"Link {link['number']}", ["from \\ to", *map(_escape, names)], rows))
    return "\n\n".join(parts)


def _cell(cell, own):
    if own:
        return ""
    if cell is None or cell["state"] == "unknown":
        return "?"
    if cell["state"] == "down":
        return "**not connected**"
    text = "ok" if cell["latency_ms"] is None else f"{cell['latency_ms']:g} ms"
    text += f", {cell['loss_percent']:g} % lost" if cell["loss_percent"] else ""
    return text if cell["state"] == "ok" else f"**{text}**"


def _nodes(report):
    rows = [
        [
            _escape(node["name"]), _escape(node["situation"].replace("_", " ") if node["asked"] else "no answer"), _escape(node["nodeid"]),
            _escape(node["votes"]), _escape(", ".join(address for _link, address in sorted(node["links"].items()))),
            _escape(node["config_version"]["running"]), _escape(node["versions"]["pve"]), _escape(node["versions"]["corosync"]),
        ]
        for node in report["nodes"]
    ]
    return _table("Nodes", ["Node", "Situation", "ID", "Votes", "Links", "config\\_version", "Proxmox VE", "corosync"], rows)


def _certificates(report):
    rows = [
        [_escape(node["name"]), _escape(certificate["file"]), f"{certificate['days_left']} days"]
        for node in report["nodes"]
        for certificate in node["certificates"]
    ]
    return _table("Certificates", ["Node", "File", "Left"], rows)


def _failover(report):
    rows = [
        [
            _escape(test["what"]), _escape(test["expected"]), _escape(test["seen"]), f"{_escape(test['detected_s'])} s", f"{_escape(test['healed_s'])} s",
            "passed" if test["passed"] else "**failed**",
        ]
        for test in report.get("failover") or []
    ]
    return _table("Failover test", ["Cut", "Expected", "Seen", "Detected after", "Healed after", "Result"], rows)
