# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A surviving mutant fails the run unless it is explained, and no explanation outlives its survivor."""

from __future__ import annotations

import importlib.util
import json
import subprocess
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
SPEC = importlib.util.spec_from_file_location("switched", ROOT / "tests/mutants/switched.py")
switched = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(switched)
SPEC = importlib.util.spec_from_file_location("counts_table", ROOT / "tests/mutants/table.py")
table = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(table)

TABLE = tomllib.loads((ROOT / "tests/mutants/mutants.toml").read_text())
SURVIVOR = "modules/rescue/src/decide.rs: replace < with <= in decide"


def found(**lists):
    """One crate's results."""
    return [("rescue", judge.Found(caught=["modules/rescue/src/decide.rs: replace decide -> Deed with x"], **lists))]


class Document(unittest.TestCase):
    """What is written into docs/MUTANTS.md."""

    def test_each_is_counted_once_and_nothing_is_claimed_of_what_was_not_tried(self):
        with tempfile.TemporaryDirectory() as folder:
            root, home = Path(folder), Path(folder) / "home"
            (home / "rescue").mkdir(parents=True)
            counts = {"commit": "abc1234", "caught": 7, "timeout": 1, "unviable": 2, "missed": 3, "left": 4, "explained": 1}
            (home / "rescue/counts.json").write_text(json.dumps(counts))
            tried = {"plugins/a.py": {"commit": "def5678", "mutants": {"plugins/a.py:1:1: x": "caught", "plugins/a.py:2:2: y": "missed"}}}
            (home / "python.json").write_text(json.dumps(tried))
            (root / "docs").mkdir()
            (root / table.DOCUMENT).write_text(f"before\n{table.MARKS[0]}old\n{table.MARKS[1]}after\n")
            table.write(root, home, ["rescue", "locks"], ["plugins/a.py", "plugins/b.py"], {"plugins/a.py: y"})
            written = (root / table.DOCUMENT).read_text()
        self.assertEqual([line for line in written.splitlines() if line.startswith("| `")], [
            "| `rescue` | abc1234 | 17 | 7 | 1 | 2 | 1 | 2 | 4 |",
            "| `locks` | - | - | - | - | - | - | - | all |",
            "| `plugins/a.py` | def5678 | 2 | 1 | 0 | 0 | 1 | 0 | 0 |",
            "| `plugins/b.py` | - | - | - | - | - | - | - | all |",
        ])
        self.assertTrue(written.startswith("before\n<!-- counts") and written.endswith("<!-- end of counts -->\nafter\n"), written)
        self.assertNotIn("old", written)


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

    def test_what_never_ended_behind_its_switch_is_caught_by_time(self):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "mutants.out"
            out.mkdir()
            # cargo-mutants takes both for caught
            (out / "caught.txt").write_text("a.rs:1:1: x\na.rs:2:1: y\n")
            (out / "previously_caught.txt").write_text("a.rs:1:1: x\na.rs:3:1: y\n")
            (Path(folder) / "by-time.txt").write_text("a.rs:2:1: y\n")
            read = judge.read(out)
        self.assertEqual((read.caught, read.timeout), (["a.rs: x", "a.rs: y"], ["a.rs: y"]))

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


class Switched(unittest.TestCase):
    """Which mutants a compiler's message is about."""

    TEXT = b"fn f() { /*{1,2*/(match (&(/*{3*/if on { /*+3*/ x /*-3*/ }/*}*/)) { if on { /*+1*/ l < r /*-1*/ } })/*}*/ }"

    def blamed(self, at, *more):
        """Those of a message that points there, and then elsewhere."""
        def span(word, primary):
            start = self.TEXT.index(word)
            return {"file_name": "f.rs", "byte_start": start, "byte_end": start + len(word), "is_primary": primary}
        child = {"spans": [], "children": []}
        message = {"spans": [span(word, False) for word in more] + [span(at, True)], "children": [child]}
        mark = switched.blamed(message, {"f.rs": switched.marks(self.TEXT)})
        return mark and (mark.mutants, mark.own)

    def test_the_smallest_place_is_to_blame(self):
        self.assertEqual(self.blamed(b"l < r"), ({1}, True))
        self.assertEqual(self.blamed(b" x "), ({3}, True))
        self.assertEqual(self.blamed(b"match"), ({1, 2}, False))

    def test_what_a_message_says_besides_counts_where_its_first_place_is_nobodys(self):
        self.assertEqual(self.blamed(b"fn f", b" x "), ({3}, False))
        self.assertIsNone(self.blamed(b"fn f"))

    def test_a_match_that_lacks_an_arm_blames_the_arms_of_its_function(self):
        def mutant(genre, first, last, file="f.rs"):
            function = {"return_type": "", "span": {"start": {"line": first}, "end": {"line": last}}}
            return {"genre": genre, "file": file, "function": function}
        mutants = [mutant("MatchArm", 1, 5), mutant("MatchArm", 6, 9), mutant("MatchArmGuard", 6, 9), mutant("MatchArm", 6, 9, "g.rs")]
        tried = switched.Switched(ROOT, ROOT, "x", [], [], mutants)
        span = {"file_name": "f.rs", "is_primary": True, "line_start": 6}
        self.assertEqual(tried.arms({"spans": [{**span, "is_primary": False, "line_start": 1}, span]}), {1})
        tried.left.add(1)
        self.assertEqual(tried.arms({"spans": [span]}), {0, 1})

    def test_a_copy_is_what_git_would_add(self):
        with tempfile.TemporaryDirectory() as folder:
            root, tree = Path(folder) / "root", Path(folder) / "tree"
            for path in (root / "modules/a.rs", tree / "modules/gone.rs"):
                path.parent.mkdir(parents=True)
                path.write_text("x")
            (root / ".gitignore").write_text("/ignored\n")
            (root / "ignored").write_text("x")
            subprocess.run(["git", "init", "--quiet", root], check=True)
            switched.copy(root, tree)
            before = (tree / "modules/a.rs").stat().st_mtime_ns
            switched.copy(root, tree)
            self.assertEqual(sorted(str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file()), [".gitignore", "modules/a.rs"])
            self.assertEqual((tree / "modules/a.rs").stat().st_mtime_ns, before)


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
