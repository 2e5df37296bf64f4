# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A surviving mutant fails the run unless it is explained, and no explanation outlives its survivor."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import tomllib
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SPEC = importlib.util.spec_from_file_location("judge", ROOT / "tests/mutants/judge.py")
judge = importlib.util.module_from_spec(SPEC)
sys.modules["judge"] = judge
SPEC.loader.exec_module(judge)
SPEC = importlib.util.spec_from_file_location("python_mutants", ROOT / "tests/mutants/python.py")
python = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(python)

TABLE = tomllib.loads((ROOT / "tests/mutants/mutants.toml").read_text())
SURVIVOR = "modules/rescue/src/decide.rs: replace < with <= in decide"


def found(**lists):
    """One crate's results."""
    return [("rescue", judge.Found(caught=["modules/rescue/src/decide.rs: replace decide -> Deed with x"], **lists))]


class Verdict(unittest.TestCase):
    """What is good and what is not."""

    def test_all_caught_is_good(self):
        text, well = judge.verdict(found(), [], whole=True)
        self.assertTrue(well)
        self.assertEqual(text.splitlines()[-1], "| rescue | 1 | 1 | 0 | 0 | 0 |")

    def test_a_survivor_is_named(self):
        text, well = judge.verdict(found(missed=[SURVIVOR]), [], whole=True)
        self.assertFalse(well)
        self.assertEqual(text.splitlines()[-2:], ["| rescue | 2 | 1 | 0 | 0 | 1 |", f"survives: {SURVIVOR}"])

    def test_an_explained_survivor_is_good(self):
        text, well = judge.verdict(found(missed=[SURVIVOR]), [{"mutant": SURVIVOR, "why": "both are right"}], whole=True)
        self.assertTrue(well)
        self.assertEqual(text.splitlines()[-1], "| rescue | 2 | 1 | 0 | 1 | 0 |")

    def test_an_explanation_without_its_survivor_is_named_after_a_whole_run_only(self):
        explained = [{"mutant": SURVIVOR, "why": "both are right"}]
        text, well = judge.verdict(found(), explained, whole=True)
        self.assertFalse(well)
        self.assertEqual(text.splitlines()[-1], f"explained, and does not survive any more: {SURVIVOR}")
        self.assertTrue(judge.verdict(found(), explained, whole=False)[1])

    def test_an_explanation_of_a_crate_that_was_not_tried_is_left(self):
        explained = [{"mutant": SURVIVOR.replace("rescue", "pvecm_cluster"), "why": "both are right"}]
        self.assertTrue(judge.verdict(found(), explained, whole=True)[1])

    def test_nothing_tried_is_not_good(self):
        text, well = judge.verdict([("rescue", judge.Found())], [], whole=True)
        self.assertFalse(well)
        self.assertEqual(text.splitlines()[-1], "no mutant was tried")
        # a change without a line of these files
        self.assertTrue(judge.verdict([("rescue", judge.Found())], [], whole=False)[1])

    def test_lines_and_columns_are_left_out(self):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "missed.txt").write_text("modules/rescue/src/decide.rs:49:55: replace < with <= in decide\n")
            (Path(folder) / "caught.txt").write_text("")
            (Path(folder) / "previously_caught.txt").write_text("a.rs:1:1: x\n")
            read = judge.read(Path(folder))
        self.assertEqual((read.missed, read.caught, read.timeout), ([SURVIVOR], ["a.rs: x"], []))

    def test_what_was_never_run_is_not_judged(self):
        with self.assertRaises(SystemExit):
            judge.read(ROOT / "no such folder")


SOURCE = """LIMIT = 2
def judge(seen, names):
    \"""What is said.\"""
    if not seen or seen >= LIMIT:
        return f"{len(names) + 1} are missing"
    for name in names:
        check(name)
        continue
    return [name for name in names if name in ("a", "b")]
"""


class Python(unittest.TestCase):
    """The mutants of Python."""

    def test_every_decision_is_changed(self):
        names = [one.name.partition(" replace ")[2] for one in python.mutants(SOURCE, "x.py")]
        self.assertEqual(names[0], "`2` with `3`")
        for changed in (
            "`seen >= LIMIT` with `seen > LIMIT`", "`seen >= LIMIT` with `seen < LIMIT`", "`not seen` with `seen`",
            "`not seen or seen >= LIMIT` with `not seen and seen >= LIMIT`", "`not seen or seen >= LIMIT` with `not seen`",
            "`not seen or seen >= LIMIT` with `True`", "`check(name)` with `pass`", "`continue` with `break`",
            "`name in ('a', 'b')` with `name not in ('a', 'b')`", "`'a'` with `'aX'`", "`len(names) + 1` with `len(names) - 1`",
            "`return [name for name in names if name in ('a', 'b')]` with `return None`",
        ):  # fmt: skip
            with self.subTest(changed):
                self.assertIn(f"{changed} in judge", names)
        self.assertEqual([name for name in names if "said" in name or "missingX" in name], [])
        self.assertEqual(len(names), len(set(names)))

    def test_each_is_one_change_and_leaves_the_source_as_it_was(self):
        for one in python.mutants("def f(a):\n    return a == 1\n", "x.py"):
            changed, whole = {}, {}
            exec(one.code("x.py"), changed)  # pylint: disable=exec-used
            self.assertNotEqual([changed["f"](1), changed["f"](2)], [True, False], one.name)
            exec(compile(one.tree, "x.py", "exec"), whole)  # pylint: disable=exec-used
            self.assertEqual([whole["f"](1), whole["f"](2)], [True, False])

    def test_a_mutant_knows_its_lines(self):
        lines = {one.name: one.lines for one in python.mutants(SOURCE, "x.py")}
        self.assertEqual({name: at for name, at in lines.items() if "`check(name)`" in name or "x.py:1:" in name},
                         {"x.py:1:9: replace `2` with `3`": None, "x.py:7:9: replace `check(name)` with `pass` in judge": (7, 7)})  # fmt: skip


class Table(unittest.TestCase):
    """tests/mutants/mutants.toml."""

    def test_every_pattern_names_a_file(self):
        for crate, patterns in TABLE["files"].items():
            for pattern in patterns:
                with self.subTest(crate=crate, pattern=pattern):
                    named = [path for path in (ROOT / "modules" / crate / "src").glob(pattern) if not judge.is_test(path.name)]
                    self.assertNotEqual(named, [])
        for pattern in TABLE["python"]["files"]:
            with self.subTest(pattern):
                self.assertNotEqual(list(ROOT.glob(pattern)), [])

    def test_every_explanation_has_a_reason_and_a_file(self):
        for entry in TABLE.get("explained", []):
            with self.subTest(mutant=entry["mutant"]):
                self.assertGreater(len(entry["why"]), 20)
                self.assertTrue((ROOT / entry["mutant"].partition(": ")[0]).is_file())


if __name__ == "__main__":
    unittest.main()
