# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes what came of the mutants, by crate and by file, into a document."""

import json

from judge import named

DOCUMENT = "docs/MUTANTS.md"
# Beside `mutants.out`: how many of each kind there were, and of which commit.
COUNTS = "counts.json"
MARKS = ("<!-- counts: written by tools/mutants --table -->\n", "<!-- end of counts -->\n")
HEAD = "| {} | Commit | Mutants | Caught | By time | Do not compile | Explained | Survive | Not tried |\n|---|---|---|---|---|---|---|---|---|\n"


def row(name, commit, counts, explained):
    """One line: `counts` by what came of them, of whose survivors so many are explained. Of what was not tried nothing is claimed."""
    survive = counts.get("missed", 0) - explained
    kinds = [counts.get(kind, 0) for kind in ("caught", "timeout", "unviable")]
    left = counts.get("left", 0)
    cells = [f"`{name}`", commit, sum(kinds) + explained + survive + left, *kinds, explained, survive, left]
    return "| " + " | ".join(map(str, cells)) + " |\n"


def untried(name):
    """The line of what was never run here."""
    return f"| `{name}` | - | - | - | - | - | - | - | all |\n"


def of_crates(home, crates):
    """The table of the crates."""
    lines = []
    for crate in crates:
        file = home / crate / COUNTS
        counts = json.loads(file.read_text()) if file.exists() else None
        lines.append(row(crate, counts["commit"], counts, counts["explained"]) if counts else untried(crate))
    return HEAD.format("Crate") + "".join(lines)


def of_python(home, paths, explained):
    """The table of the Python files."""
    file = home / "python.json"
    tried = json.loads(file.read_text()) if file.exists() else {}
    lines = []
    for path in paths:
        mutants = tried.get(path, {}).get("mutants")
        if mutants is None:
            lines.append(untried(path))
            continue
        counts = {}
        for what in mutants.values():
            counts[what] = counts.get(what, 0) + 1
        known = sum(what == "missed" and named(name) in explained for name, what in mutants.items())
        lines.append(row(path, tried[path]["commit"], counts, known))
    return HEAD.format("File") + "".join(lines)


def write(root, home, crates, paths, explained):
    """Put both tables between the document's marks."""
    document = root / DOCUMENT
    before, rest = document.read_text().split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    tables = f"\n{of_crates(home, crates)}\n{of_python(home, paths, explained)}\n"
    document.write_text(before + MARKS[0] + tables + MARKS[1] + after)
