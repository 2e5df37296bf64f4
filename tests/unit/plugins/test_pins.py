# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is installed to build, lint and test is one version each, known by its hash, and moves when somebody moves it."""

from __future__ import annotations

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CHOSEN = sorted([*ROOT.glob("tools/requirements/*.in"), *ROOT.glob("tests/integration/*/requirements.in")])


def entries(path):
    """The requirements of a file, each as one line, without comments."""
    text = re.sub(r"\\\n", " ", path.read_text())
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


class Pins(unittest.TestCase):
    """Of Python packages."""

    def test_there_are_some(self):
        self.assertIn(ROOT / "tools/requirements/tools.in", CHOSEN)
        self.assertIn(ROOT / "tests/integration/aws/requirements.in", CHOSEN)

    def test_everything_that_is_installed_has_one_version_and_hashes(self):
        for path in CHOSEN:
            with self.subTest(str(path.relative_to(ROOT))):
                installed = entries(path.with_suffix(".txt"))
                self.assertTrue(installed)
                for entry in installed:
                    self.assertRegex(entry, r"^[a-z0-9.-]+==[0-9][\w.]* (; [^#]+? )?( *--hash=sha256:[0-9a-f]{64} *)+$")

    def test_what_was_chosen_is_what_is_installed(self):
        for path in CHOSEN:
            with self.subTest(str(path.relative_to(ROOT))):
                installed = {entry.split()[0] for entry in entries(path.with_suffix(".txt"))}
                for chosen in entries(path):
                    self.assertRegex(chosen, r"^[a-z0-9.\[\]-]+==[0-9][\w.]*$")
                    self.assertIn(re.sub(r"\[.*\]", "", chosen), installed, "run tools/pin")

    def test_nothing_else_is_installed_by_pip(self):
        """A script that installs without hashes takes what is newest that day."""
        scripts = [path for folder in ("tools", "tests") for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix in ("", ".sh")]
        found = 0
        for path in scripts:
            for line in path.read_bytes().decode(errors="replace").splitlines():
                if re.search(r"\bpip\"? (?:install|download)\b", line) and not line.lstrip().startswith("#"):
                    found += 1
                    self.assertIn("--require-hashes --only-binary :all:", line, path)
        self.assertGreaterEqual(found, 4)

    def test_one_toolchain_is_strict(self):
        lines = entries(ROOT / "tools/requirements/rust.txt")
        self.assertEqual(len(lines), 1)
        self.assertRegex(lines[0], r"^1\.\d+\.\d+$")
