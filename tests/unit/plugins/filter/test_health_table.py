# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of findings in the role's README says what the code does."""

from __future__ import annotations

import re
import unittest
from pathlib import Path

from .finding_table import ROOT, SameAsCode, rows

CODE = "".join((ROOT / "plugins/plugin_utils" / name).read_text() for name in ("health.py", "answer_schema.py", "corosync_file.py"))
UNIT = [
    *sorted(Path(__file__).parent.glob("test_health_re*.py")), Path(__file__).parent / "test_hostile_answers.py",
    Path(__file__).parent.parent / "plugin_utils/test_corosync_file.py",
]
# What a node can be besides a member; of the first two it is said that it is no member.
ENUM = (ROOT / "modules/cluster-state/src/situation.rs").read_text().partition("pub enum Situation {")[2].partition("}")[0]
SITUATIONS = re.findall(r"(?m)^    ([A-Z][A-Za-z]+),$", ENUM)


def in_code():
    """The severities that the code gives, by id."""
    found = {}
    for identity, given in re.findall(r'\bfinding\(\s*"([a-z-]+)",\s*(.+?),', CODE):
        found.setdefault(identity, set()).update(re.findall(r"ERROR|WARNING", given) or ["ERROR", "WARNING"])
    for identity in re.findall(r'(?m)^    "[a-z_]+": \("([a-z-]+)", "', CODE):
        found[identity] = {"WARNING"}
    for program in re.findall(r'(?m)^    for program, what in \(\("([a-z]+)", .+\("([a-z]+)", ', CODE)[0]:
        found[f"versions-{program}"] = {"WARNING"}
    for situation in set(SITUATIONS) - {"NotInstalled", "Standalone", "Member"}:
        found[re.sub(r"(?<=[a-z])(?=[A-Z])", "-", situation).lower()] = {"ERROR"}
    # where the caller may say how bad it is, here it does not
    for identity in ("misread", "corosync-release"):
        found[identity] = {"WARNING"}
    return found


class Table(SameAsCode, unittest.TestCase):
    """Code, table and cases say the same."""

    role = "cluster_health"
    least = 35
    in_code = staticmethod(in_code)

    def test_every_row_has_a_case(self):
        words = set(re.findall(r"[a-z][a-z-]*", "".join(file.read_text() for file in UNIT)))
        for identity, row in rows(self.role).items():
            with self.subTest(identity=identity):
                self.assertEqual(len(row), 5)
                self.assertTrue(identity in words, "no case names it")

    def test_limits_are_the_defaults(self):
        defaults = (ROOT / "roles/cluster_health/defaults/main.yml").read_text()
        named = re.findall(r"`(cluster_health_\w+)` (\S+?)(?:,|$)", "\n".join(row[2] for row in rows(self.role).values()), re.M)
        self.assertEqual(len(named), 6)
        for name, value in named:
            self.assertRegex(defaults, rf"(?m)^{name}: {value}$")


if __name__ == "__main__":
    unittest.main()
