# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/SECOND_FAULTS.md from the results. It has no date and no times: it changes only when a result does."""

import re
from collections import Counter

from faultmatrix import harness_failure
from faultmatrix.world import ROOT

TARGET = ROOT / "docs/SECOND_FAULTS.md"
HEAD = """\
<!-- SPDX-License-Identifier: GPL-3.0-or-later -->
<!-- Written by `make second-faults` (tests/faults/second) from what it saw. Do not edit. -->
# When something else fails too

[FAULTS.md](FAULTS.md) breaks each action once. Here each action meets two faults: the safety net itself is interrupted, another node is
away, somebody else changes the cluster meanwhile, high availability is active, a program is slow or answers nonsense. The nodes are
those of `tests/lab`: real systemd, sshd and corosync, with stand-ins for Proxmox VE's own programs that behave as recordings of the
real ones, high availability and its watchdogs included.

In every case this has to hold beside what its row says: nothing gets worse, nothing is called done that is not, and in the end, after
the remedy that was named, all nodes run one version of corosync.conf, are quorate and are writable, and no lock, rescue or mark is left.

"""
# How much of what was said is quoted, in characters. What the steps keep of it is longer.
QUOTED = 170
TITLES = {
    "change": "Changes of corosync.conf, their rescue, and high availability",
    "membership": "Nodes that join, leave and are removed",
    "quorum": "Expected votes, repair, the failover test and the pre-flight",
}


def short(quote):
    """A quotation's beginning, whole words of it."""
    text = quote[1].strip()
    return f"“{text}”" if len(text) <= QUOTED else f"“{text[:QUOTED].rsplit(' ', 1)[0]} ..”"


def _cell(text):
    text = re.sub(r"“([^”]*)”", short, re.sub(r"\s+", " ", text)).replace("|", "\\|")
    text = re.sub(r"\b\d+ s ago\b|\(for \d+ s\)", "(for a while)", text)
    return re.sub(r"\bUPID:\S+", "UPID", text)


def _seen_with(results):
    """Which commits the results were seen with, the one with the most of them first."""
    counts = Counter(result.get("commit", "unknown") for result in results)
    text = "Seen with the modules, roles and playbooks of commit " + ", ".join(f"`{commit}` ({count} {'case' if count == 1 else 'cases'})" for commit, count in counts.most_common()) + "."
    return text + (" A + stands for changes that were committed after they were seen." if any(commit.endswith("+") for commit in counts) else "")


def write(cases, results, partly=False):
    """Write it, and answer 0 when all cases have a result and none failed."""
    missing = [name for name in cases if name not in results]
    if missing and not partly:
        print(f"{len(missing)} cases have no result yet: '{TARGET}' is not written")
        return 1
    failed = [name for name in cases if results.get(name, {}).get("result") == "FAILED"]
    held = [name for name in cases if results.get(name, {}).get("result") == "held"]
    lines = [HEAD + f"**{len(cases)} cases: {len(held)} held, {len(failed)} failed" + (f", {len(missing)} not yet seen" if missing else "") + ".**"]
    lines += ["", _seen_with([results[name] for name in cases if name in results])]
    for module, title in TITLES.items():
        lines += ["", f"## {title}", "", "| Action | First fault | Second fault | What must hold | What was seen |", "|---|---|---|---|---|"]
        for name, case in cases.items():
            if case.body.__module__.rsplit(".", 1)[-1] != module or name in missing:
                continue
            result = results[name]
            seen = "; ".join(result.get("notes", []))
            if result["result"] == "FAILED":
                seen = f"**FAILED**: {harness_failure.phrase(result['why']).strip().splitlines()[-1]}" + (f" (before that: {seen})" if seen else "")
            lines.append("| " + " | ".join(map(_cell, (case.action, case.first, case.second, case.must, seen))) + " |")
    if missing:
        lines += ["", "Not yet seen: " + ", ".join(missing) + "."]
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"'{TARGET}' is written: {len(held)} held, {len(failed)} failed, {len(missing)} missing")
    return 1 if failed or missing else 0
