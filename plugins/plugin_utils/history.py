# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was changed, when, where and by which run, from the nodes' own journals."""

from __future__ import annotations

import datetime
import json

# A field of the journal -> what it is called here.
_FIELDS = {
    "PVE_CLUSTER_MODULE": "module", "PVE_CLUSTER_RESULT": "result", "PVE_CLUSTER_RUN": "run", "PVE_CLUSTER_BY": "by", "PVE_CLUSTER_TASK": "task",
    "MESSAGE": "message",
}  # fmt: skip
_PARSED = {"PVE_CLUSTER_OPTIONS": "options", "PVE_CLUSTER_DIFF": "diff"}


def _text(value):
    """A field as journalctl gives it: text, or a list of bytes where it is not printable, or nothing where it is too long."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        try:
            return bytes(value).decode("utf-8", errors="replace")
        except (ValueError, TypeError):
            return ""
    return ""


def _time(entry):
    """The moment in UTC, and the same as a number to sort by; None where the entry has none."""
    try:
        micro = int(_text(entry.get("__REALTIME_TIMESTAMP")))
        moment = datetime.datetime.fromtimestamp(micro / 1e6, tz=datetime.timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ"), micro


def rows(journals):
    """All entries in the order of time, and how many lines were none.

    `journals`: by node, the lines that `journalctl -o json` printed. An entry without a time or a module is none of ours and is counted.
    """
    found, unread = [], 0
    for node, lines in journals.items():
        for line in lines:
            try:
                entry = json.loads(line)
            except ValueError:
                entry = None
            time = _time(entry) if isinstance(entry, dict) else None
            if time is None or not _text(entry.get("PVE_CLUSTER_MODULE")):
                unread += 1
                continue
            row = {"time": time[0], "node": str(node), **{name: _text(entry.get(field)) for field, name in _FIELDS.items()}}
            for field, name in _PARSED.items():
                try:
                    row[name] = json.loads(_text(entry.get(field)) or "null")
                except ValueError:
                    row[name] = _text(entry.get(field))
            found.append((time[1], row["node"], row))
    found.sort(key=lambda entry: entry[:2])
    return {"changes": [row for _micro, _node, row in found], "unread": unread}


def lines(history):
    """The same to be read: a head for each run, and below it a line for each change."""
    shown, run = [], None
    for row in history["changes"]:
        if row["run"] != run or not shown:
            run = row["run"]
            shown.append(f"{row['time']} {'run ' + run + ' by ' + row['by'] if run else 'not by a playbook'}")
        shown.append(f"  {row['time'][11:19]} {row['node']}: {row['message']}")
    if history["unread"]:
        shown.append(f"{history['unread']} lines of the journals could not be read")
    return shown or ["no change is in the nodes' journals"]
