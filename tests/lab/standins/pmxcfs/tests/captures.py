# SPDX-License-Identifier: GPL-3.0-or-later
"""The recordings of the real programs that the tests compare with: those of the replay, and what only these tests read."""

import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, "recordings")
REPLAYED = os.path.join(HERE, "..", "..", "..", "replay", "recordings")


def _text(name):
    """The recording `SITUATION--COMMAND--NODE.txt`: a part of a file of the replay, or a file here."""
    situation, _, rest = name.removesuffix(".txt").partition("--")
    replayed = os.path.join(REPLAYED, f"{situation}.txt")
    if os.path.exists(replayed):
        with open(replayed, encoding="utf-8") as file:
            for part in re.split(r"^RECORDING: ", file.read(), flags=re.M)[1:]:
                found, _, text = part.partition("\n")
                if found == rest:
                    return text
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return file.read()


def section(name, begin, end):
    return _text(name).partition(f"===== {begin} =====\n")[2].partition(f"===== {end} =====\n")[0]


def stdout(name):
    """The recorded standard output of one file."""
    return section(name, "STDOUT", "STDERR")


def stderr(name):
    return section(name, "STDERR", "END")


def exit_code(name):
    return int(_text(name).partition("EXIT CODE: ")[2].split()[0])


def command(name):
    return _text(name).partition("\n")[0].partition("COMMAND: ")[2]
