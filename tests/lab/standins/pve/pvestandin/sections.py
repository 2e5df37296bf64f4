# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration files of sections, as rules.cfg and replication.cfg: a header, its properties indented below, a blank line."""

from . import files
from .errors import PveError


def read(path):
    """The sections in their order: [kind, id, {property: value}]. A file that is not there has none."""
    found = []
    for line in files.read(path, "").splitlines():
        words = line.strip()
        if not words or words.startswith("#"):
            continue
        if line[0] in " \t":
            if found:
                key, _blank, value = words.partition(" ")
                found[-1][2][key] = value.strip()
        else:
            kind, _colon, name = words.partition(":")
            found.append([kind.strip(), name.strip(), {}])
    return found


# The properties that a kind of section has to have: they stand before the others.
REQUIRED = {
    "node-affinity": ("nodes", "resources"),
    "resource-affinity": ("affinity", "resources"),
    "local": ("target",),
    "group": ("nodes",),
}
FIRST = ("comment", "disable")


def _order(kind, key):
    return (0 if key in FIRST else 1 if key in REQUIRED.get(kind, ()) else 2, key)


def write(path, sections):
    """Replace the file: comments are lost and each section's keys get an order of their own, as by PVE."""
    lines = []
    for kind, name, properties in sections:
        ordered = sorted(properties, key=lambda key, kind=kind: _order(kind, key))
        lines += [f"{kind}: {name}", *(f"\t{key} {properties[key]}".rstrip() for key in ordered), ""]
    try:
        files.replace(path, "".join(f"{line}\n" for line in lines), 0o640)
    except OSError as error:
        raise PveError(f"unable to open file '{path}' - {error.strerror}\n") from error
