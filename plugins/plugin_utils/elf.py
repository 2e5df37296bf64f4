# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the head of a program's file tells: for which machines it is, and whether the file is whole."""

from __future__ import annotations

import struct

# e_machine (elf(5)), and what `uname -m` says there
_MACHINES = {62: "x86_64", 183: "aarch64"}
_HEAD = 64


def problem(content):
    """Why these bytes cannot be a program for a node; none when they can."""
    if len(content) < _HEAD or content[:6] != b"\x7fELF\x02\x01":
        return f"it is no program for Linux ({len(content)} bytes)"
    sections, size, count = (struct.unpack_from(form, content, place)[0] for form, place in (("<Q", 40), ("<H", 58), ("<H", 60)))
    wanted = sections + size * count
    # the table of sections is the last thing in the file
    return f"it is not whole ({len(content)} bytes of {wanted})" if len(content) < wanted else None


def machine(content):
    """The machine it is for, as `uname -m` calls it; its number where it has no known name."""
    number = struct.unpack_from("<H", content, 18)[0]
    return _MACHINES.get(number, f"machine {number}")
