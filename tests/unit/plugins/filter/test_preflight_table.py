# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of findings in the role's README: every id of the code is in it, with its severity and a case that makes it."""

from __future__ import annotations

import ast
import re
import unittest
from pathlib import Path

from .finding_table import ROOT, SameAsCode, rows



def imported(file):
    """A module of the collection and all modules of the collection that it imports."""
    found, rest = set(), [file]
    while rest:
        one = rest.pop()
        if one not in found:
            found.add(one)
            rest += [ROOT / "plugins/plugin_utils" / f"{name}.py" for name in re.findall(r"plugins\.plugin_utils\.(\w+) import", one.read_text())]
            rest += [ROOT / "plugins/plugin_utils/given.py"] if "plugin_utils import given" in one.read_text() else []
    return sorted(found)


# Whatever the filter takes its findings from: a list of files kept by hand would forget the next one.
CODE = imported(ROOT / "plugins/filter/preflight_findings.py")
HOSTILE = (ROOT / "tests/hostile/run").read_text()
LAB = sorted((ROOT / "tests/integration").glob("test_preflight*.py"))
UNIT = [
    *sorted(Path(__file__).parent.glob("test_preflight_[fm]*.py")), Path(__file__).parent.parent / "plugin_utils/test_corosync_file.py",
]


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
    # what stops a join is an error here
    found["misread"] = {"ERROR"}
    return found


def in_lab():
    """The severities with which the lab cases expect each id: the pairs at the beginning of tuples like ("error", "mtu", "pve1", ..)."""
    found = {}
    for function in (node for file in LAB for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)):
        words = {node.value for node in ast.walk(function) if isinstance(node, ast.Constant)} & {"error", "warning"}
        for pair in (node.elts for node in ast.walk(function) if isinstance(node, ast.Tuple) and len(node.elts) > 1):
            severity, identity = pair[0], getattr(pair[1], "value", None)
            if not isinstance(identity, str):
                continue
            if isinstance(severity, ast.Constant) and severity.value in words:
                found.setdefault(identity, set()).add(severity.value)
            elif isinstance(severity, ast.Name) and severity.id == "severity":
                # one case for each of several severities
                found.setdefault(identity, set()).update(words)
    return found


class Table(SameAsCode, unittest.TestCase):
    """Code, table and cases say the same."""

    role = "preflight"
    least = 40
    in_code = staticmethod(in_code)

    def test_every_row_has_a_case_on_real_nodes_in_each_severity(self):
        unit, lab = "".join(file.read_text() for file in UNIT), in_lab()
        severities = {"error": {"error"}, "warning": {"warning"}, "both": {"error", "warning"}}
        for identity, row in rows(self.role).items():
            with self.subTest(identity=identity):
                self.assertEqual(len(row), 6)
                self.assertIn(row[5], ("lab", "faked", "hostile"))
                if row[5] == "hostile":
                    self.assertIn(f'"[{identity}]"', HOSTILE)
                else:
                    self.assertLessEqual(severities[row[1]], lab.get(identity, set()))
                self.assertRegex(unit, rf"(?<![\w-]){identity}(?![\w-])")

    def test_every_finding_of_the_code_says_its_id_where_it_is_made(self):
        made = {}
        for file in CODE:
            for call in (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)):
                if getattr(call.func, "id", None) == "finding" and not isinstance(call.args[0], ast.Constant):
                    made.setdefault(file.stem, []).append(ast.unparse(call.args[0]))
        # its callers say it, and are looked for
        self.assertEqual(made, {"preflight_networks": ["identity"]})

    def test_what_a_lab_cannot_have_has_a_reason(self):
        text = (ROOT / "roles/preflight/README.md").read_text()
        reasons = set(re.findall(r"`([a-z-]+)`", re.search(r"What a lab node cannot have.*?\n\n", text, re.S)[0]))
        self.assertEqual({identity for identity, row in rows(self.role).items() if row[5] in ("faked", "hostile")}, reasons & set(rows(self.role)))

    def test_limits_are_the_defaults(self):
        defaults = (ROOT / "roles/preflight/defaults/main.yml").read_text()
        for identity, row in rows(self.role).items():
            for name, value in re.findall(r"`(preflight_\w+)` (\S+?)(?:,|$)", row[2]):
                with self.subTest(identity=identity):
                    self.assertRegex(defaults, rf"(?m)^{name}: \[?{value}\]?$")


if __name__ == "__main__":
    unittest.main()
