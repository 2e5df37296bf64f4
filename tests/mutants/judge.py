# SPDX-License-Identifier: GPL-3.0-or-later
"""What came of the mutants, held against the list of survivors that are explained."""

import re
from dataclasses import dataclass, field


@dataclass
class Found:
    """What came of one crate's mutants, each as `FILE: WHAT in FUNCTION`, without line and column, which move."""

    caught: list = field(default_factory=list)
    missed: list = field(default_factory=list)
    timeout: list = field(default_factory=list)
    unviable: list = field(default_factory=list)


def is_test(name):
    """Whether a source file holds tests, or what only tests use."""
    return name.endswith("_tests.rs") or name in ("tests.rs", "fake.rs", "fakes.rs")


def named(line):
    """A mutant's name as cargo mutants prints it, without line and column."""
    return re.sub(r"^(\S+?):\d+:\d+: ", r"\1: ", line.strip())


# What is not tried again.
HELD = ("caught.txt", "previously_caught.txt", "unviable.txt")
# Beside `mutants.out`: which of the caught never ended.
BY_TIME = "by-time.txt"


def lines(path):
    """The mutants that a file names, with line and column."""
    return [line.strip() for line in path.read_text().splitlines() if line.strip()] if path.exists() else []


def read(folder):
    """Read a `mutants.out`: the newest run and, through `previously_caught.txt`, those before it."""
    if not folder.is_dir():
        raise SystemExit(f"cannot judge: '{folder}' does not exist; run tools/mutants first")
    by_time = lines(folder.parent / BY_TIME)
    caught = list(dict.fromkeys(lines(folder / "caught.txt") + lines(folder / "previously_caught.txt")))
    held = [named(line) for line in caught if line not in by_time]
    late = [named(line) for line in caught if line in by_time] + [named(line) for line in lines(folder / "timeout.txt")]
    return Found(held, [named(line) for line in lines(folder / "missed.txt")], late, [named(line) for line in lines(folder / "unviable.txt")])


def verdict(results, explained, whole):
    """The report, and whether it is good: every survivor is explained and, after a whole run, every explanation has one."""
    out = ["| Crate | Mutants | Caught, or do not compile | By time | Explained | Survive |", "|---|---|---|---|---|---|"]
    unexplained, used = [], set()
    total = 0
    for crate, found in results:
        survivors = []
        accepted = 0
        for name in found.missed:
            for number, entry in enumerate(explained):
                if entry["mutant"] == name:
                    used.add(number)
                    accepted += 1
                    break
            else:
                survivors.append(name)
        # those of earlier runs that did not compile are listed among the caught
        held = len(found.caught) + len(found.unviable)
        count = held + len(found.missed) + len(found.timeout)
        total += count
        out.append(f"| {crate} | {count} | {held} | {len(found.timeout)} | {accepted} | {len(survivors)} |")
        unexplained += survivors
    problems = [f"survives: {name}" for name in unexplained]
    tried = tuple("plugins/" if crate == "python" else f"modules/{crate}/" for crate, _found in results)
    if whole:
        problems += [
            f"explained, and does not survive any more: {entry['mutant']}"
            for number, entry in enumerate(explained)
            if number not in used and entry["mutant"].startswith(tried)
        ]
    if not total and whole:
        problems.append("no mutant was tried")
    return "\n".join(out + problems), not problems
