# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/FAULTS.md from the results. It has no date and no times: it changes only when a result does."""

import re

from . import harness_failure
from .faults import FAULTS as WORDS
from .world import ROOT

TARGET = ROOT / "docs/FAULTS.md"
HEAD = """\
<!-- SPDX-License-Identifier: GPL-3.0-or-later -->
<!-- Written by `make faults` (tests/faults/run) from what it saw. Do not edit. -->
# What interruptions come to

A run of a task can be cut short at any moment. This is what happens then: each action was begun on lab nodes over real ssh,
broken by each fault at each step boundary of the tables, and the same task was run again. Nothing is skipped: a fault that could
not be brought about at its point would count as failed. The nodes are those of `tests/lab`: real systemd, sshd and corosync, with
stand-ins for `pvecm` and pmxcfs that imitate recordings of the real ones.

| Result | Meaning |
|---|---|
| held | The task itself went on to the end and said done. One more run changed nothing. |
| again | The same task, run again, ended well. |
| [1], [2].. | The task run again refused, with the reason and the remedy listed below the table; after exactly that remedy it ended well. |
| nothing | The daemon no longer ran on any node, and did not start again: there was nothing to kill, and the task ended well. |
| **FAILED** | None of these; the number says why. |

"Ended well" is seen from all nodes, not from the task's answer: the nodelist and the membership are what the task wants,
`config_version` is the same in `/etc/pve`, in `/etc/corosync` and in the running corosync of every member, all are quorate, `/etc/pve`
is writable, certificates are there, no lock of the collection's is left; guests' configurations, users, storage definitions and foreign keys are
byte for byte as before, and the controller still logs in by its key.

The faults:

"""


def _summary(result):
    """A refusal as one line: the reason and the remedy."""
    text = re.sub(r"\s+", " ", harness_failure.phrase(result["reason"])).strip()
    text = re.sub(r"\(for \d+ s\)", "(for a while)", text)
    text = re.sub(r"\bafter \d+ s\b", "after a while", text)
    text = re.sub(r"config-\d+\.sql", "config-N.sql", text)
    return text.replace("|", "\\|")


class Notes:
    """The numbered refusals below a table."""

    def __init__(self):
        self.texts = []

    def number(self, text):
        """The number of a text, a new one if need be."""
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text) + 1


def _cell(result, notes):
    """What a case came to, in a cell."""
    kind = result["result"]
    note = f" ({result['note']})" if result.get("note") else ""
    if kind == "FAILED":
        return f"**FAILED** [{notes.number(_summary({'reason': result['why']}))}]{note}"
    if "failed_before" in result and not harness_failure.is_one({"why": result["failed_before"]}):
        note += f", but **FAILED** in an earlier run [{notes.number(_summary({'reason': result['failed_before']}))}]"
    if kind != "refused":
        return kind + note
    return " ".join(f"[{notes.number(_summary(one))}]" for one in result["followed"]) + note


def write(actions, faults, results, key, partly=False):
    """Write it, and answer 0 when all cases have a result and none failed. `partly` leaves out points that are
    not done, and names them."""
    def seen(action, point):
        return all(key(action, fault, point) in results for fault in faults)

    lines = [HEAD + "\n".join(f"- **{name}**: {text}." for name, text in WORDS.items()), ""]
    totals = {}
    missing = 0
    body = []
    for action in actions.values():
        notes = Notes()
        rows = []
        unseen = [point.name for point in action.points if partly and not seen(action, point)]
        for number, point in enumerate(action.points, 1):
            if point.name in unseen:
                continue
            cells = []
            for fault in faults:
                result = results.get(key(action, fault, point))
                if result is None:
                    missing += 1
                    continue
                totals[result["result"]] = totals.get(result["result"], 0) + 1
                cells.append(_cell(result, notes))
            rows.append((number, point, cells))
        body += ["", f"## {action.title}", "", 
                 f"The task runs on {action.actor}; the primary is {action.primary}. {action.remark}".strip(), ""]
        body += ["| | When, on | " + " | ".join(faults) + " |", "|---|---|" + "---|" * len(faults)]
        body += [f"| {number} | {point.name}, {point.node} | " + " | ".join(cells) + " |" for number, point, cells in rows]
        if unseen:
            body += ["", f"Not yet seen with every fault: {'; '.join(unseen)}."]
        if notes.texts:
            body += ["", *(f"{number}. {text}" for number, text in enumerate(notes.texts, 1))]
    total = sum(totals.values())
    words = {"held": "held", "again": "ended well when run again", "refused": "refused with a remedy that led to the end",
             "nothing": "had nothing to kill", "FAILED": "failed"}
    lines += [f"**{total} cases: " + ", ".join(f"{totals.get(kind, 0)} {text}" for kind, text in words.items()) + ".**"]
    if missing:
        print(f"{missing} cases have no result yet: '{TARGET}' is not written")
        return 1
    TARGET.write_text("\n".join(lines + body) + "\n", encoding="utf-8")
    print(f"'{TARGET}' is written: {total} cases, {totals}")
    return 1 if totals.get("FAILED") else 0
