# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each module's documentation has the link beside it by which Ansible finds the binary."""

from __future__ import annotations

import os
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
MODULES = ROOT / "plugins" / "modules"


class Links(unittest.TestCase):
    """In the source tree, built or not."""

    def test_every_module_has_its_link_and_its_crate(self):
        names = sorted(path.stem for path in MODULES.glob("*.py"))
        self.assertGreater(len(names), 8)
        for name in names:
            with self.subTest(module=name):
                self.assertTrue((MODULES / name).is_symlink(), "no link")
                self.assertEqual(os.readlink(MODULES / name), f"../../libexec/{name}")
                self.assertTrue((ROOT / "modules" / name / "Cargo.toml").is_file(), "no crate")


if __name__ == "__main__":
    unittest.main()
