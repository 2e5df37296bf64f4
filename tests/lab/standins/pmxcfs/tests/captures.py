# SPDX-License-Identifier: GPL-3.0-or-later
"""The recordings of the real programs that the tests compare with (copies of `captures/`)."""

import os

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recordings")


def section(name, begin, end):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return file.read().partition(f"===== {begin} =====\n")[2].partition(f"===== {end} =====\n")[0]


def stdout(name):
    """The recorded standard output of one file."""
    return section(name, "STDOUT", "STDERR")


def stderr(name):
    return section(name, "STDERR", "END")


def exit_code(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return int(file.read().partition("EXIT CODE: ")[2].split()[0])


def command(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return file.readline().partition("COMMAND: ")[2].rstrip("\n")
