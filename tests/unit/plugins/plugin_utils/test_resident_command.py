# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command that runs a module which stays on the node, run by a real shell in a home folder of its own."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from ansible_collections.pve.cluster.plugins.plugin_utils import resident_command

PROGRAM = b"#!/bin/sh\necho ran $1; cat $2\n"
NAME = f"pve-cluster-{hashlib.sha256(PROGRAM).hexdigest()}"


class Home(unittest.TestCase):
    """A home folder as a login has it."""

    def setUp(self):
        self.home = Path(tempfile.mkdtemp(prefix="home-"))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        self.folder = self.home / ".ansible/pve.cluster"

    def sh(self, command, given="arguments"):
        """What the shell makes of it: exit code and what it printed."""
        environment = {**os.environ, "HOME": str(self.home)}
        done = subprocess.run(["/bin/sh", "-c", command], input=given, env=environment, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout

    def placed(self):
        """Places the program."""
        arriving = self.home / "arriving"
        arriving.write_bytes(PROGRAM)
        return self.sh(resident_command.place(str(arriving), NAME))

    def run_it(self, name=NAME):
        return self.sh(resident_command.run(name, "cluster_facts", "LANG=C"))

    def distrusted(self, sentence, path=".ansible/pve.cluster"):
        """Neither run nor written, and said why; the sentence has $ for the folder that is meant."""
        for code, printed in (self.run_it(), self.placed()):
            self.assertEqual(code, resident_command.NOT_TRUSTED, printed)
            said = resident_command.distrust(printed)
            self.assertEqual(said, f"cannot keep the modules in '~/.ansible/pve.cluster' on the node: '$': {sentence}".replace("$", str(self.home / path)))


class Runs(Home):
    """Where all is as it should be."""

    def test_it_is_placed_and_run(self):
        self.assertEqual(self.run_it(), (resident_command.NOT_THERE, ""))
        self.assertEqual(self.placed(), (0, ""))
        self.assertEqual(self.folder.stat().st_mode & 0o7777, 0o700)
        self.assertEqual((self.folder / NAME).stat().st_mode & 0o7777, 0o700)
        self.assertEqual(self.run_it(), (0, "ran cluster_facts\narguments"))

    def test_older_builds_are_taken_away_and_nothing_else(self):
        self.placed()
        for name in ("pve-cluster-0123", "pve-cluster-4567", "other"):
            (self.folder / name).touch()
        self.placed()
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), sorted([NAME, "other"]))

    def test_a_file_that_is_not_as_it_was_is_not_run(self):
        self.placed()
        for content in (b"", PROGRAM[:-1], PROGRAM + b"\n"):
            (self.folder / NAME).write_bytes(content)
            self.assertEqual(self.run_it(), (resident_command.NOT_THERE, ""), content)
        (self.folder / NAME).write_bytes(PROGRAM)
        (self.folder / NAME).chmod(0o600)
        # root may read and write any file, but run none that nobody may
        self.assertEqual(self.run_it(), (resident_command.NOT_THERE, ""))

    def test_what_was_looked_at_is_what_is_run(self):
        self.placed()
        # as soon as the file was looked at, another stands in its place
        evil = self.home / "evil"
        evil.write_bytes(b"#!/bin/sh\necho evil\n")
        evil.chmod(0o755)
        tools = self.home / "tools"
        tools.mkdir()
        (tools / "sha256sum").write_text(f'#!/bin/sh\n{shutil.which("sha256sum")}\nmv -f "{evil}" "{self.folder / NAME}"\n')
        (tools / "sha256sum").chmod(0o755)
        code, printed = self.sh(f'PATH="{tools}:$PATH"; {resident_command.run(NAME, "cluster_facts")}')
        self.assertEqual((code, printed), (0, "ran cluster_facts\narguments"))
        self.assertEqual((self.folder / NAME).read_bytes(), b"#!/bin/sh\necho evil\n")


class Distrusts(Home):
    """A folder of which it is not certain that nobody else can write in it."""

    def test_a_link(self):
        other = self.home / "other"
        other.mkdir(mode=0o700)
        self.folder.parent.mkdir(mode=0o700)
        self.folder.symlink_to(other)
        self.distrusted("it is a link: remove the link")
        self.folder.unlink()
        self.folder.symlink_to(self.home / "nowhere")
        self.distrusted("it is a link: remove the link")

    def test_a_folder_that_others_can_reach(self):
        self.placed()
        for mode in (0o755, 0o711, 0o770, 0o702, 0o500, 0o1700):
            self.folder.chmod(mode)
            self.distrusted(f"others can reach it (mode {mode:o} instead of 700): see who made it so, then remove it ('rm -r $'): the next task makes it again")

    def test_something_else_than_a_folder(self):
        self.folder.parent.mkdir(mode=0o700)
        self.folder.touch()
        self.distrusted("it is no folder: remove it ('rm $')")

    def test_a_folder_above_it_that_others_can_write_in(self):
        self.placed()
        for path in (".ansible", ""):
            for mode in (0o775, 0o757, 0o1777):
                (self.home / path).chmod(mode)
                where = str(self.home / path)
                for code, printed in (self.run_it(), self.placed()):
                    self.assertEqual(code, resident_command.NOT_TRUSTED)
                    self.assertEqual(
                        resident_command.distrust(printed),
                        f"cannot keep the modules in '~/.ansible/pve.cluster' on the node: '{where}': others can write in it (mode {mode:o}): "
                        f"see who made it so, then 'chmod go-w {where}'",
                    )
            (self.home / path).chmod(0o755)
        self.assertEqual(self.run_it()[0], 0)

    def test_a_link_above_it(self):
        self.placed()
        self.folder.parent.rename(self.home / "elsewhere")
        (self.home / ".ansible").symlink_to(self.home / "elsewhere")
        self.distrusted("it is a link: remove the link", ".ansible")


class Words(unittest.TestCase):
    """Of a folder that belongs to somebody else, which only root could make here."""

    def test_owners(self):
        folder = "/home/admin/.ansible/pve.cluster"
        self.assertEqual(
            resident_command.distrust(f"not-trusted 1000 d 0 700 {folder}\n"),
            f"cannot keep the modules in '~/.ansible/pve.cluster' on the node: '{folder}': it belongs to user 0 and not to user 1000: "
            f"see who made it so, then remove it ('rm -r {folder}'): the next task makes it again",
        )
        self.assertEqual(
            resident_command.distrust("Welcome\nnot-trusted 1000 d 1001 755 /home/admin/.\n"),
            "cannot keep the modules in '~/.ansible/pve.cluster' on the node: '/home/admin': it belongs to user 1001 and not to user 1000: "
            "give it back ('chown 1000 /home/admin')",
        )
        # a folder of root's above it is as good as one's own: then the mode is what is wrong
        self.assertIn("others can write in it (mode 777)", resident_command.distrust("not-trusted 1000 d 0 777 /home/admin/.\n"))

    def test_nonsense_is_not_shown(self):
        for printed in ("", "not-trusted", "not-trusted 0 d 0 700 /root\x1b[2J/.ansible\n", "not-trusted {{ x }} d 0 700 /root\n"):
            self.assertEqual(
                resident_command.distrust(printed),
                "cannot use the folder '~/.ansible/pve.cluster' on the node: it is not to be trusted: see 'ls -ld ~ ~/.ansible ~/.ansible/pve.cluster' there",
            )

    def test_the_owner_is_asked_for_in_each_command(self):
        for command in (resident_command.run(NAME, "cluster_facts"), resident_command.place("/tmp/x", NAME)):
            self.assertEqual(re.findall(r'! -user "\$user"( ! -user 0)?', command), [" ! -user 0", ""])


if __name__ == "__main__":
    unittest.main()
