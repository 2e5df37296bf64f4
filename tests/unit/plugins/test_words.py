# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tools/words finds what the glossary does not want."""

from __future__ import annotations

import unittest
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# Not words of ours: each is put together here, so that this file passes itself.
BAD = ("it is me" + "nded", "'/etc/pve' takes no" + " writes", "make it" + " anew", "this costs the" + " quorum", "give it" + " free",
       "from 5 ms is" + " too much", "1 of 3 votes are" + " there")  # fmt: skip
GOOD = ("amended", "it is read-only", "repaired", "would lose quorum", "a free address")


class Words(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        loader = SourceFileLoader("words", str(ROOT / "tools/words"))
        cls.words = module_from_spec(spec_from_loader("words", loader))
        loader.exec_module(cls.words)
        cls.table = cls.words.table((ROOT / "docs/GLOSSARY.md").read_text(encoding="utf-8"))

    def test_every_row_finds_something(self):
        text = "\n".join(BAD)
        self.assertEqual([number for number, _word, _instead in self.words.found(text, self.table)], list(range(1, len(BAD) + 1)))
        self.assertEqual({pattern.pattern for pattern, _instead in self.table if any(pattern.search(line) for line in BAD)},
                         {pattern.pattern for pattern, _instead in self.table})  # fmt: skip

    def test_good_words_pass(self):
        self.assertEqual(list(self.words.found("\n".join(GOOD), self.table)), [])

    def test_it_says_what_to_say(self):
        self.assertEqual(list(self.words.found("x\n" + BAD[0], self.table)), [(2, BAD[0][6:], "repair; fix a cause")])
