# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the recordings that the tests compare with."""

import os


def folder():
    """Where the recordings are: $CAPTURES, else the folder `captures` beside or above the project."""
    here = os.path.dirname(os.path.abspath(__file__))
    choices = [os.environ.get("CAPTURES", "")]
    while here != "/":
        choices += [os.path.join(here, "captures"), os.path.join(here, "shared", "captures")]
        here = os.path.dirname(here)
    for choice in choices:
        if choice and os.path.isfile(os.path.join(choice, "INDEX.txt")):
            return choice
    raise FileNotFoundError("the recordings were not found: set CAPTURES to their folder")


def stdout(name):
    """The recorded standard output of one file."""
    with open(os.path.join(folder(), name), encoding="utf-8") as file:
        text = file.read()
    return text.partition("===== STDOUT =====\n")[2].partition("===== STDERR =====\n")[0]
