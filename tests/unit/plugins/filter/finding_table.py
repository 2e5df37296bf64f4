# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of findings in a role's README, held against the severities that the code gives."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
WORDS = {("ERROR",): "error", ("WARNING",): "warning", ("ERROR", "WARNING"): "both"}


def rows(role):
    """The rows of the table in this role's README as lists of cells, by id."""
    text = (ROOT / "roles" / role / "README.md").read_text()
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): row for row in table}


class SameAsCode:
    """For a TestCase with `role`, and `in_code()` that answers sets of ERROR and WARNING by id: code and table say the same."""

    least = 1

    def test_every_id_of_the_code_is_in_the_table_and_no_other(self):
        self.assertGreater(len(self.in_code()), self.least)
        self.assertEqual(sorted(self.in_code()), sorted(rows(self.role)))

    def test_severities(self):
        self.assertEqual(
            {identity: WORDS[tuple(sorted(severities))] for identity, severities in self.in_code().items()},
            {identity: row[1] for identity, row in rows(self.role).items()},
        )
