# SPDX-License-Identifier: GPL-3.0-or-later
"""The recordings: one file a situation, each recording with its command, where it ran and what came of it."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "recordings"
NO_NEWLINE = "\n[no newline at end]\n"


@dataclass(frozen=True)
class Recording:
    situation: str
    name: str
    command: str
    node: str
    run_as: str
    stdin: str | None
    terminal: bool
    exit_code: str
    stdout: str
    stderr: str
    seconds: float

    @property
    def key(self):
        return f"{self.situation}/{self.name}"


def _part(text, start, end):
    inside = text.split(f"===== {start} =====\n", 1)[1].split(f"===== {end} =====\n", 1)[0]
    return inside[: -len(NO_NEWLINE)] if inside.endswith(NO_NEWLINE) else inside


def _parse(situation, text):
    name, rest = text.split("\n", 1)
    command = re.search(r"^COMMAND: (.*?)\nNODE: ", rest, re.S | re.M).group(1)
    node, run_as = re.search(r"^NODE: (\S+) \| SITUATION: .*? \| RUN AS: (.*)$", rest, re.M).groups()
    code = re.search(r"^STARTED: .*EXIT CODE: (.*)$", rest, re.M)
    seconds = re.search(r"DURATION: ([0-9.]+)s", rest)
    stdin = re.search(r"stdin =('.*')$", run_as)
    return Recording(
        situation=situation,
        name=name,
        command=command,
        node=node,
        run_as=run_as,
        stdin=ast.literal_eval(stdin.group(1)) if stdin else None,
        terminal="-tt" in run_as,
        exit_code=code.group(1) if code else "",
        stdout=_part(rest, "STDOUT", "STDERR"),
        stderr=_part(rest, "STDERR", "END"),
        seconds=float(seconds.group(1)) if seconds else 0.0,
    )


def load(situation):
    """The recordings of a situation, in the order in which they were made."""
    text = (FOLDER / f"{situation}.txt").read_text(encoding="utf-8")
    return [_parse(situation, part) for part in re.split(r"^RECORDING: ", text, flags=re.M)[1:]]


def situations():
    return sorted(path.stem for path in FOLDER.glob("*.txt"))
