# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the head of a program's file tells."""

from __future__ import annotations

import struct
import unittest

from ansible_collections.pve.cluster.plugins.plugin_utils import elf


def program(machine=62, sections=100, count=2, length=228):
    """A file of this length, whose table of sections has this many entries of 64 bytes."""
    head = bytearray(64)
    head[:6] = b"\x7fELF\x02\x01"
    struct.pack_into("<H", head, 18, machine)
    struct.pack_into("<Q", head, 40, sections)
    struct.pack_into("<HH", head, 58, 64, count)
    return bytes(head).ljust(length, b"\0")


class Elf(unittest.TestCase):
    """By what elf(5) says."""

    def test_a_whole_one(self):
        self.assertIsNone(elf.problem(program()))
        self.assertIsNone(elf.problem(program(length=300)))

    def test_one_that_was_cut_off(self):
        self.assertEqual(elf.problem(program()[:-1]), "it is not whole (227 bytes of 228)")
        self.assertEqual(elf.problem(program()[:64]), "it is not whole (64 bytes of 228)")

    def test_what_is_none(self):
        self.assertEqual(elf.problem(b""), "it is no program for Linux (0 bytes)")
        self.assertEqual(elf.problem(program()[:63]), "it is no program for Linux (63 bytes)")
        self.assertEqual(elf.problem(b"#!/usr/bin/python3\n" * 9), "it is no program for Linux (171 bytes)")

    def test_the_machine(self):
        self.assertEqual([elf.machine(program(number)) for number in (62, 183, 243)], ["x86_64", "aarch64", "machine 243"])


if __name__ == "__main__":
    unittest.main()
