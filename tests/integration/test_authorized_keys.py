# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that let their owner in whatever happens to the cluster: two real nodes, real sshd."""

import subprocess
import tempfile
import unittest
from pathlib import Path

from authorized_keys import CLUSTER_FILE, LOCAL_FILE, MODULE, logs_in, run
from harness import form, fresh, install, lab, on, wait, writable

NODES = ["pve1", "pve2"]
DROP_IN = "/etc/ssh/sshd_config.d/00-pve-authorized-key-root.conf"
# Options of a line whose owner is let in, if sshd takes them at all.
OPTIONS = [
    "restrict", "RESTRICT", "no-pty,pty,no-user-rc", "no-X11-forwarding,no-agent-forwarding,no-port-forwarding", "X11-forwarding",
    "no-touch-required", "verify-required", "no-verify-required,touch-required",
    'from="10.77.0.0/24,192.0.2.1"', 'From="10.77.0.*"', 'command="echo let in # \\"really\\", yes"', 'environment="A=B,C"',
    'expiry-time="20991231"', 'permitopen="127.0.0.1:22"', 'permitlisten="8080"', 'tunnel="0"', 'restrict,command="echo let in"',
    "pyt", "no-restrict", "restrict,", ",restrict", "restrict,,pty", "from=10.77.0.0/24", "from", 'from="10.77.0.0/24',
    'from="10.77.0.0/24"x', 'pty="yes"', "no-from", 'command=echo', 'frobnicate="yes"', "cert-authority=yes", "no-command",
]


class AuthorizedKeys(unittest.TestCase):
    """One story: each test goes on where the one before ended."""

    @classmethod
    def setUpClass(cls):
        fresh(len(NODES), key=False)
        install(MODULE, NODES)
        form(NODES)
        cls.folder = Path(tempfile.mkdtemp(prefix="keys-"))
        cls.keys = {name: cls.make_key(name) for name in ("mine", "old", "alices")}

    @classmethod
    def make_key(cls, name):
        """A new key pair; the path of the private one."""
        path = cls.folder / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path], check=True)
        return path

    def line(self, name):
        """The public key as a line."""
        return self.keys[name].with_suffix(".pub").read_text().strip()

    def module(self, node, **task):
        """One run of the module, and that a second one finds nothing to do."""
        answer, = run(node, task)
        self.assertNotIn("failed", answer, answer)
        again, = run(node, task)
        self.assertIs(again["changed"], False, again)
        return answer

    def test_10_a_key_through_the_link_works_on_every_node(self):
        self.assertFalse(logs_in("pve2", self.keys["mine"]))
        answer = self.module("pve1", key=self.line("mine"), scope="cluster")
        self.assertIs(answer["changed"], True)
        for node in NODES:
            self.assertTrue(logs_in(node, self.keys["mine"]), node)
            self.assertEqual(on(node, "readlink /root/.ssh/authorized_keys").strip(), CLUSTER_FILE)
            self.assertEqual(on(node, f"stat -c '%a %U %G' {CLUSTER_FILE}").strip(), "600 root www-data")

    def test_20_with_pmxcfs_stopped_only_the_local_file_lets_in(self):
        on("pve1", "systemctl stop pve-cluster")
        self.assertFalse(logs_in("pve1", self.keys["mine"]))
        answer = self.module("pve1", key=self.line("mine"), scope="local")
        self.assertIs(answer["changed"], True)
        self.assertTrue(logs_in("pve1", self.keys["mine"]))
        refused, = run("pve1", {"key": self.line("mine")})
        self.assertIn("pmxcfs is not mounted on /etc/pve", refused["msg"])
        self.assertEqual(on("pve1", "ls -A /etc/pve"), "", "a file there would keep pmxcfs from being mounted")
        on("pve1", "systemctl start pve-cluster")
        writable("pve1")
        self.assertTrue(logs_in("pve1", self.keys["mine"]))

    def test_30_without_quorum_it_refuses_in_words_and_the_local_file_works(self):
        lab("partition", "pve2", "corosync")
        wait("pve1", "test $(stat -c %a /etc/pve/local) = 555 || ! [ $((0$(stat -c %a /etc/pve/local) & 0200)) != 0 ]")
        before = on("pve1", f"cat {CLUSTER_FILE}")
        refused, = run("pve1", {"key": self.line("old")})
        self.assertEqual(
            refused["msg"],
            f"cannot change '{CLUSTER_FILE}': this node is not quorate, so /etc/pve is read-only: "
            "'pve2' is not seen: run 'systemctl start corosync' on 'pve2' if it is stopped there, else fix the network between; "
            "scope 'local' works without quorum",
        )
        self.assertEqual(before, on("pve1", f"cat {CLUSTER_FILE}"))
        self.assertEqual(on("pve1", f"grep -c old {LOCAL_FILE} || true").strip(), "0", "nothing at all is changed")
        self.assertIs(self.module("pve1", key=self.line("old"), scope="local")["changed"], True)
        self.assertTrue(logs_in("pve1", self.keys["old"]))
        lab("heal", "pve2")
        writable("pve1")

    def test_40_a_retired_key_is_let_in_nowhere_any_more(self):
        self.module("pve1", key=self.line("old"))
        self.assertIs(self.module("pve1", key=self.line("old"), state="absent")["changed"], True)
        self.assertFalse(logs_in("pve1", self.keys["old"]))
        self.assertFalse(logs_in("pve2", self.keys["old"]))
        self.assertTrue(logs_in("pve2", self.keys["mine"]))

    def test_50_an_sshd_that_reads_one_file_is_told_of_the_other(self):
        on("pve2", "echo 'AuthorizedKeysFile .ssh/authorized_keys' > /etc/ssh/sshd_config.d/50-site.conf && systemctl reload ssh")
        answer = self.module("pve2", key=self.line("mine"), scope="local")
        self.assertEqual([file["path"] for file in answer["files"] if file["changed"]], [LOCAL_FILE, DROP_IN])
        on("pve2", "systemctl stop pve-cluster")
        self.assertTrue(logs_in("pve2", self.keys["mine"]))
        on("pve2", "systemctl start pve-cluster")
        writable("pve2")
        self.assertTrue(logs_in("pve2", self.keys["mine"]), "what sshd read before it still reads")

    def test_60_one_that_has_no_effect_is_taken_back(self):
        on("pve2", f"rm {DROP_IN} {LOCAL_FILE}; sed -i 's/^Include/#Include/' /etc/ssh/sshd_config; "
                   "echo 'AuthorizedKeysFile .ssh/authorized_keys' >> /etc/ssh/sshd_config; systemctl reload ssh")
        refused, = run("pve2", {"key": self.line("mine"), "scope": "local"})
        self.assertIn("has no effect", refused["msg"])
        self.assertEqual(on("pve2", f"ls {DROP_IN} 2>/dev/null || true"), "")
        on("pve2", "sed -i 's/^#Include/Include/; /^AuthorizedKeysFile/d' /etc/ssh/sshd_config; "
                   "rm /etc/ssh/sshd_config.d/50-site.conf; systemctl reload ssh")

    def test_70_roots_directory_inside_pmxcfs(self):
        on("pve2", "cp -a /root/.ssh /root/ssh.kept && rm -r /root/.ssh && ln -s /etc/pve/priv /root/.ssh")
        answer = self.module("pve2", key=self.line("mine"))
        changed = [file["path"] for file in answer["files"] if file["changed"]]
        self.assertEqual(changed, ["/etc/ssh/authorized_keys.d/root", DROP_IN])
        self.assertEqual(on("pve2", "ls /etc/pve/priv/authorized_keys2 2>/dev/null || true"), "")
        on("pve2", "systemctl stop pve-cluster")
        self.assertTrue(logs_in("pve2", self.keys["mine"]))
        on("pve2", "systemctl start pve-cluster")
        writable("pve2")
        on("pve2", "rm /root/.ssh && mv /root/ssh.kept /root/.ssh")
        self.assertTrue(logs_in("pve2", self.keys["mine"]))

    def test_80_another_user(self):
        on("pve1", "useradd --create-home alice")
        answer = self.module("pve1", key=self.line("alices"), user="alice")
        self.assertIs(answer["changed"], True)
        self.assertEqual(on("pve1", "stat -c '%a %U %G' /home/alice/.ssh /home/alice/.ssh/authorized_keys").split("\n")[:2],
                         ["700 alice alice", "600 alice alice"])
        self.assertTrue(logs_in("pve1", self.keys["alices"], "alice"))
        self.assertFalse(logs_in("pve1", self.keys["alices"]))

    def test_90_the_options_that_sshd_takes_are_those_that_are_taken(self):
        # sshd ignores a line with options that it does not take, and so would shut its owner out
        on("pve1", "echo 'PerSourcePenalties no' > /etc/ssh/sshd_config.d/60-test.conf && systemctl reload ssh")
        key = self.line("alices")
        judged = {}
        for options in OPTIONS:
            on("pve1", f"cat > /home/alice/.ssh/authorized_keys <<'END'\n{options} {key}\nEND")
            answer, = run("pve1", {"key": key, "key_options": options, "user": "alice", "_ansible_check_mode": True})
            judged[options] = ("failed" not in answer, logs_in("pve1", self.keys["alices"], "alice"))
        self.assertEqual({options: sides for options, sides in judged.items() if sides[0] != sides[1]}, {}, "(module, sshd)")
        self.assertGreater(sum(ours for ours, _ in judged.values()), 10)
        self.assertGreater(sum(not ours for ours, _ in judged.values()), 10)
