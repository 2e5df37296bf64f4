# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documents of the matrices say of failures: never a traceback or a path of the machine that ran them."""

import contextlib
import io
import re
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]

# pylint: disable=wrong-import-position
from faultmatrix import document, harness_failure  # noqa: E402
from secondfaults import document as second  # noqa: E402

TRACEBACK = 'Traceback (most recent call last):\n  File "/somewhere/tests/faults/run", line 70, in worker\nOSError: no'


class LabError(Exception):
    """As the lab's own."""


def failure(reason):
    """The result of a case that ended with this exception, and what was printed of it."""
    printed = io.StringIO()
    with contextlib.redirect_stderr(printed):
        try:
            raise reason
        except Exception as caught:  # pylint: disable=broad-exception-caught
            return harness_failure.result("leave/ssh", caught, LabError), printed.getvalue()


class HarnessFailure(unittest.TestCase):
    """A case that the harness could not carry out."""

    def test_the_result_has_a_phrase_and_stderr_the_traceback(self):
        for reason, why in ((LabError("/dev/x"), harness_failure.LAB), (KeyError("/dev/x"), harness_failure.DEFECT)):
            result, printed = failure(reason)
            self.assertEqual(result, {"result": "FAILED", "why": why, "harness": True})
            self.assertIn("leave/ssh:\nTraceback (most recent call last)", printed)

    def test_a_later_result_tells_of_the_products_failures_alone(self):
        held = {"result": "held", "build": "1"}
        before = {"result": "FAILED", "why": "pve3 is still listed", "build": "1"}
        self.assertTrue(harness_failure.told_later(before, held))
        self.assertFalse(harness_failure.told_later(before | {"harness": True}, held))
        self.assertFalse(harness_failure.told_later(before | {"why": TRACEBACK}, held))
        self.assertFalse(harness_failure.told_later(before | {"build": "0"}, held))
        self.assertFalse(harness_failure.told_later(held, held))
        self.assertFalse(harness_failure.told_later({}, held))
        self.assertFalse(harness_failure.told_later(before, before))


class Cells(unittest.TestCase):
    """A result in a cell of docs/FAULTS.md."""

    def cell(self, **result):
        notes = document.Notes()
        return document._cell(result, notes), notes.texts  # pylint: disable=protected-access

    def test_a_traceback_becomes_a_phrase(self):
        self.assertEqual(self.cell(result="FAILED", why=TRACEBACK), ("**FAILED** [1]", [harness_failure.DEFECT]))

    def test_a_failure_of_the_harness_in_an_earlier_run_is_not_told(self):
        self.assertEqual(self.cell(result="again", failed_before=TRACEBACK), ("again", []))

    def test_the_products_own_failure_in_an_earlier_run_is_told(self):
        self.assertEqual(self.cell(result="again", failed_before="a | b"), ("again, but **FAILED** in an earlier run [1]", ["a \\| b"]))


class SecondFaults(unittest.TestCase):
    """docs/SECOND_FAULTS.md."""

    def test_a_quotation_is_its_beginning_in_whole_words(self):
        cell = second._cell  # pylint: disable=protected-access
        self.assertEqual(cell("refused: “it is on”; well"), "refused: “it is on”; well")
        self.assertEqual(cell(f"refused: “{'word ' * 50}”; well"), f"refused: “{'word ' * 33}word ..”; well")

    def test_it_names_the_commits_with_their_cases(self):
        seen = [{"commit": "b"}, {"commit": "a"}, {"commit": "a"}, {}]
        self.assertEqual(second._seen_with(seen),  # pylint: disable=protected-access
                         "Seen with the modules, roles and playbooks of commit `a` (2 cases), `b` (1 case), `unknown` (1 case).")
        self.assertEqual(second._seen_with([{"commit": "a+"}]),  # pylint: disable=protected-access
                         "Seen with the modules, roles and playbooks of commit `a+` (1 case). A + stands for changes that were committed after they were seen.")


class Committed(unittest.TestCase):
    """The documents as they are."""

    def test_they_have_no_traceback_and_no_path_of_a_machine(self):
        for name in ("FAULTS.md", "SECOND_FAULTS.md"):
            path = HERE.parents[1] / "docs" / name
            text = path.read_text(encoding="utf-8") if path.exists() else ""
            self.assertEqual(re.findall(r"Traceback|/work/|/tmp/|site-packages|\.py\"|pvelab", text), [], name)


if __name__ == "__main__":
    unittest.main()
