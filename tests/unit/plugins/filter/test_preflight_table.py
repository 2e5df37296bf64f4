# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of findings in the role's README: every id of the code is in it, with its severity and a case that makes it."""

from __future__ import annotations

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
CODE = [ROOT / "plugins/filter/preflight_findings.py", *sorted((ROOT / "plugins/plugin_utils").glob("preflight_*.py"))]
LAB = sorted((ROOT / "tests/integration").glob("test_preflight*.py"))
UNIT = sorted(Path(__file__).parent.glob("test_preflight_[fm]*.py"))


def in_code():
    """The severities that the code gives, by id; those that go to a helper of its own have the helper's."""
    found = {}
    for file in CODE:
        text = file.read_text()
        for identity, given in re.findall(r'\bfinding\(\s*"([a-z-]+)",\s*(.+?),', text):
            severities = re.findall(r"ERROR|WARNING", given) or ["ERROR", "WARNING"]
            # a missing name is a warning only where phase 1 is still to write it
            found.setdefault(identity, set()).update(severities if " if follow " not in given else ["ERROR"])
        for identity in re.findall(r'_shared\(\s*"([a-z-]+)"', text):
            found.setdefault(identity, set()).add("WARNING")
    return found


def in_table():
    """The rows by id."""
    text = (ROOT / "roles/preflight/README.md").read_text()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): row for row in rows}


class Table(unittest.TestCase):
    """Code, table and cases say the same."""

    def test_every_id_of_the_code_is_in_the_table_and_no_other(self):
        self.assertGreater(len(in_code()), 40)
        self.assertEqual(sorted(in_code()), sorted(in_table()))

    def test_severities(self):
        words = {("ERROR",): "error", ("WARNING",): "warning", ("ERROR", "WARNING"): "both"}
        self.assertEqual(
            {identity: words[tuple(sorted(severities))] for identity, severities in in_code().items()},
            {identity: row[1] for identity, row in in_table().items()},
        )

    def test_every_row_has_a_case(self):
        lab, unit = ("".join(file.read_text() for file in files) for files in (LAB, UNIT))
        for identity, row in in_table().items():
            with self.subTest(identity=identity):
                self.assertEqual(len(row), 6)
                self.assertIn(row[5], ("lab", "unit"))
                if row[5] == "lab":
                    self.assertIn(f'"{identity}"', lab)
                self.assertRegex(unit, rf"(?<![\w-]){identity}(?![\w-])")

    def test_limits_are_the_defaults(self):
        defaults = (ROOT / "roles/preflight/defaults/main.yml").read_text()
        for identity, row in in_table().items():
            for name, value in re.findall(r"`(preflight_\w+)` (\S+?)(?:,|$)", row[2]):
                with self.subTest(identity=identity):
                    self.assertRegex(defaults, rf"(?m)^{name}: \[?{value}\]?$")


if __name__ == "__main__":
    unittest.main()
