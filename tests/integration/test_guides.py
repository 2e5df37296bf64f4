# SPDX-License-Identifier: GPL-3.0-or-later
"""The guides in docs/guides: every command in them, in its order, on the lab's nodes."""

import contextlib
import os
import pty
import re
import shlex
import shutil
import tempfile
import unittest
from pathlib import Path

from harness import ANSIBLE, BUSY, LAB, ROOT, form, fresh, lab, nodes_agree, on


def commands(guide):
    """The commands of a guide, in their order."""
    text = (ROOT / "docs/guides" / guide).read_text()
    return [line.removeprefix("$ ") for block in re.findall(r"```console\n(.*?)```", text, re.S) for line in block.splitlines() if line.startswith("$ ")]


class Guide(unittest.TestCase):
    """What a reader types, with the lab's addresses in place of those of the guide."""

    maxDiff = None

    def setUp(self):
        fresh(3, key=True)
        self.folder = Path(tempfile.mkdtemp(prefix="guide-"))
        self.addCleanup(shutil.rmtree, self.folder)
        key = lab("run", "--", "sh", "-c", "echo $PVE_LAB_KEY").strip()
        known = self.folder / "known_hosts"
        known.write_text("10.77.0.11 " + on("pve1", "cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub"))
        # What a reader has in his own ssh configuration.
        self.environment = {
            **os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_PRIVATE_KEY_FILE": key, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_SSH_COMMON_ARGS": f"-o IdentitiesOnly=yes -o UserKnownHostsFile={known} -o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes",
        }  # fmt: skip

    def type(self, command):
        """Type a command in the folder, and 'yes' where it asks; what it printed."""
        words = shlex.split(command.replace("192.0.2.11", "10.77.0.11"))
        self.assertEqual(words[0], "ansible-playbook")
        words = [str(ROOT / word) if word.startswith("playbooks/") else word for word in words]
        more = [word for name, value in BUSY.items() for word in ("-e", f"{name}={value}")]
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(self.folder)
            os.execve(LAB, [str(LAB), "run", "--", str(ANSIBLE / words[0]), *words[1:], *more], self.environment)
        said, answered = "", False
        # at its end the terminal of a program that has ended gives an error
        with contextlib.suppress(OSError):
            while seen := os.read(terminal, 65536):
                said += seen.decode(errors="replace").replace("\r\n", "\n")
                if "Type 'yes'" in said and not answered:
                    answered = True
                    os.write(terminal, b"yes\r")
        os.close(terminal)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        self.assertEqual(code, 0, f"{command}\n{said}")
        return said

    def test_adopt(self):
        form(["pve1", "pve2", "pve3"], name="byhand")
        adopt, plan, init, report = commands("adopt.md")
        self.assertIn("prod.yml", self.type(adopt))
        self.assertIn("Plan for cluster 'byhand'", self.type(plan))
        self.type(init)
        self.assertRegex(self.type(init), r"(?s)Nothing is to be changed\..*pve1 +: ok=\d+ +changed=0 ")
        self.type(report)
        self.assertTrue(list(self.folder.glob("reports/*.html")))
        self.assertEqual(len({str(view) for view in nodes_agree(["pve1", "pve2", "pve3"]).values()}), 1)


if __name__ == "__main__":
    unittest.main()
