# SPDX-License-Identifier: GPL-3.0-or-later
"""When the lab raises a limit of this machine's kernel, and when it puts it back. The kernel is a folder here."""

import os
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent))

from pvelab import limits  # noqa: E402
from pvelab.process import LabError  # noqa: E402
from pvelab.settings import Lab  # noqa: E402

NAME = "fs.inotify.max_user_instances"


class Limits(unittest.TestCase):
    """One limit, of which a node takes 12."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = Path(folder.name) / "labs"
        self.file = Path(folder.name) / "sys/fs/inotify/max_user_instances"
        self.file.parent.mkdir(parents=True)
        self.used = 0
        self.allowed = True
        for replaced in (
            mock.patch.object(limits, "SYSCTL", Path(folder.name) / "sys"),
            mock.patch.object(limits, "LIMITS", (limits.Limit(NAME, 12, lambda: self.used),)),
            mock.patch.object(limits.os, "access", lambda path, mode: self.allowed and mode == os.W_OK),
            mock.patch.object(limits.os.path, "ismount", lambda path: str(path).endswith("/other/memory")),
            mock.patch.dict(os.environ, {"PVE_LAB_DIR": str(self.home), "PVE_LAB": "mine"}),
            mock.patch("builtins.print"),
        ):
            replaced.start()
            self.addCleanup(replaced.stop)
        self.lab = Lab()

    def ensure(self, value, used, nodes):
        self.file.write_text(f"{value}\n")
        self.used = used
        limits.ensure(self.lab, nodes)
        return int(self.file.read_text())

    def test_enough_stays(self):
        self.assertEqual(self.ensure(136, 100, 3), 136)
        self.assertEqual(self.ensure(3, 3, 0), 3)
        self.assertEqual(list(self.home.glob("*.json")), [])

    def test_one_too_few_is_raised_and_put_back(self):
        self.assertEqual(self.ensure(135, 100, 3), 135 + 36)
        limits.put_back(self.lab)
        self.assertEqual(int(self.file.read_text()), 135)
        self.file.write_text("171")
        limits.put_back(self.lab)
        self.assertEqual(self.file.read_text(), "171", "only once")

    def test_raised_above_what_is_in_use(self):
        self.assertEqual(self.ensure(5, 100, 1), 112)

    def test_twice_is_put_back_to_what_it_was_first(self):
        self.ensure(128, 120, 1)
        limits.ensure(self.lab, 3)
        self.assertEqual(int(self.file.read_text()), 128 + 12 + 36)
        limits.put_back(self.lab)
        self.assertEqual(int(self.file.read_text()), 128)

    def test_what_somebody_else_set_since_stays(self):
        self.ensure(128, 120, 1)
        self.file.write_text("1024")
        limits.put_back(self.lab)
        self.assertEqual(self.file.read_text(), "1024")

    def test_as_long_as_another_lab_is_up_it_stays(self):
        self.ensure(128, 120, 1)
        (self.home / "other/memory").mkdir(parents=True)
        limits.put_back(self.lab)
        self.assertEqual(int(self.file.read_text()), 140)
        (self.home / "other/memory").rmdir()
        limits.put_back(self.lab)
        self.assertEqual(int(self.file.read_text()), 128)

    def test_refused_where_it_cannot_be_raised(self):
        self.allowed = False
        with self.assertRaises(LabError) as refused:
            self.ensure(128, 120, 1)
        self.assertEqual(
            str(refused.exception),
            f"cannot boot 1 node: {NAME} is 128, of which 8 are free, and the nodes need 12: 'sysctl -w {NAME}=140' raises it",
        )
        self.assertEqual(int(self.file.read_text()), 128)

    def test_what_the_kernel_does_not_have_is_no_limit(self):
        limits.ensure(self.lab, 3)
        self.assertFalse(self.file.exists())


if __name__ == "__main__":
    unittest.main()
