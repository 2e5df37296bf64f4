# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot be done is said where people look for it."""

from __future__ import annotations

import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


class Promises(unittest.TestCase):
    """Documents that would otherwise leave hopes."""

    def test_api_tokens_cannot_join(self):
        for path in ("README.md", "plugins/modules/pvecm_cluster.py", "roles/cluster_join/README.md", "roles/cluster_join/meta/argument_specs.yml"):
            with self.subTest(path):
                text = " ".join((ROOT / path).read_text().split())
                self.assertRegex(text, r"API tokens:? cannot")
