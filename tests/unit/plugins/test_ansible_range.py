# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The versions of ansible-core that are promised, in every place that names them: the same ones, and those that are tested."""

from __future__ import annotations

import re
import unittest
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]


def order(version):
    """For comparing: 2.9 is older than 2.16."""
    return tuple(int(part) for part in version.split("."))


# What tools/ansible-cores installs and the tests are run on.
TESTED = sorted((path.stem.removeprefix("ansible-core-") for path in (ROOT / "tools/requirements").glob("ansible-core-*.in")), key=order)
OLDEST, NEWEST = TESTED[0], TESTED[-1]


class Range(unittest.TestCase):
    """One statement."""

    def test_every_minor_release_between_the_ends_is_tested(self):
        major, first = order(OLDEST)
        self.assertEqual(TESTED, [f"{major}.{minor}" for minor in range(first, order(NEWEST)[1] + 1)])
        self.assertGreater(len(TESTED), 3)

    def test_each_is_one_exact_version_with_its_hashes(self):
        for minor in TESTED:
            (named,) = re.findall(r"(?m)^ansible-core==(.+)$", (ROOT / f"tools/requirements/ansible-core-{minor}.in").read_text())
            self.assertRegex(named, rf"^{re.escape(minor)}\.\d+$")
            text = (ROOT / f"tools/requirements/ansible-core-{minor}.txt").read_text()
            self.assertRegex(text, rf"(?m)^ansible-core=={re.escape(named)} \\\n    --hash=sha256:[0-9a-f]{{64}}")
            for package in re.findall(r"(?m)^[a-z].*$", text):
                self.assertRegex(package, r"^[\w.-]+==[\w.]+( ; .+)? \\$")

    def test_requires_ansible(self):
        requires = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["requires_ansible"]
        self.assertEqual(requires, f">={OLDEST}.0")

    def test_the_readme(self):
        said = re.findall(r"any ansible-core from (\d+\.\d+) to (\d+\.\d+)", (ROOT / "README.md").read_text())
        self.assertEqual(said, [(OLDEST, NEWEST)])

    def test_the_document(self):
        text = (ROOT / "docs/ANSIBLE.md").read_text()
        self.assertEqual(re.findall(r"any ansible-core from (\d+\.\d+) to (\d+\.\d+)", text), [(OLDEST, NEWEST)])
        table = re.findall(r"(?m)^\| ([\d., ]+) \| 3\.", text)
        self.assertEqual([minor for row in table for minor in row.split(", ")], TESTED)

    def test_the_roles(self):
        for path in sorted((ROOT / "roles").glob("*/meta/main.yml")):
            self.assertEqual(yaml.safe_load(path.read_text())["galaxy_info"]["min_ansible_version"], OLDEST, path)

    def test_what_ci_runs(self):
        """`make test` both ends, `make check` all between."""
        self.assertIn("make test", (ROOT / ".ci/run").read_text())
        self.assertIn('"tests/integration/on-versions oldest newest"', (ROOT / "tools/test").read_text())
        (between,) = re.findall(r"(?m)^tests/integration/on-versions ((?:2\.\d+ ?)+)$", (ROOT / "tools/check").read_text())
        self.assertEqual(between.split(), TESTED[1:-1])

    def test_the_clones_own_environment_is_one_of_them(self):
        (own,) = re.findall(r"(?m)^ansible-core==(\d+\.\d+)\.\d+$", (ROOT / "tools/requirements/tools.in").read_text())
        self.assertIn(own, TESTED)


if __name__ == "__main__":
    unittest.main()
