# SPDX-License-Identifier: GPL-3.0-or-later
"""No recording differs because Debian's programs say other versions, dates or words, and each differs when a stand-in does."""

import re
import subprocess
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from replaylib import compare, recordings  # noqa: E402
from replaylib.main import excluded, reason_against  # noqa: E402
from replaylib.nodes import Result  # noqa: E402

PROGRAMS = sorted((HERE.parent / "altered" / "programs").glob("*.sed"))
# A recording's end is no end of a program's output.
SCRIPTS = [word for path in PROGRAMS for word in ("--file", str(path)) if path.stem not in ("uname", "dpkg-query")]
CUT = "\x1e"


def replayed():
    """Every recording that a replay compares by itself."""
    rules = excluded()
    found = [recording for name in recordings.situations() for recording in recordings.load(name)]
    return [recording for recording in found if reason_against(recording, rules) is None and not recording.terminal]


def altered(texts):
    """The texts as the programs of `altered/` would have printed them."""
    done = subprocess.run(
        ["sed", *SCRIPTS], input=f"\n{CUT}\n".join(texts), capture_output=True, text=True, check=True
    )
    return done.stdout.split(f"\n{CUT}\n")


def differs(recording, stdout, stderr, code=None):
    return compare.differences(recording, Result(code or recording.exit_code, stdout, stderr, 0.0))


class Debian(unittest.TestCase):
    """Its words do not count, what follows from the stand-ins does."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.recordings = replayed()
        out = altered([recording.stdout for recording in cls.recordings])
        err = altered([recording.stderr for recording in cls.recordings])
        cls.altered = list(zip(cls.recordings, out, err, strict=True))

    def test_altered_words_fail_nothing(self):
        self.assertGreater(len(self.altered), 600)
        found = [(recording.key, lines) for recording, out, err in self.altered if (lines := differs(recording, out, err))]
        self.assertEqual(found, [])

    def test_much_was_altered(self):
        changed = [recording for recording, out, err in self.altered if (out, err) != (recording.stdout, recording.stderr)]
        self.assertGreater(len(changed), 200)

    def test_a_file_of_a_package_has_any_size(self):
        recording = next(one for one in self.recordings if "/etc/ssh/" not in one.command and " moduli\n" in one.stdout)
        self.assertEqual(differs(recording, re.sub(r"\d+ (\w+ +\d+ +\d+ moduli)", r"1 \1", recording.stdout), recording.stderr), [])

    def same_and_another(self, situation, name, old, new):
        recording = next(one for one in self.recordings if one.situation == situation and one.name.startswith(name))
        self.assertIn(old, recording.stdout + recording.stderr)
        self.assertEqual(differs(recording, recording.stdout, recording.stderr), [])
        self.assertNotEqual(differs(recording, recording.stdout.replace(old, new), recording.stderr.replace(old, new)), [], (name, old))

    def test_what_a_stand_in_decides_counts(self):
        for situation, name, old, new in (
            ("2-node_cluster", "pvecm_status--pve1", "Total votes:      2", "Total votes:      1"),
            ("2-node_cluster", "pvecm_status--pve1", "Quorate:          Yes", "Quorate:          No"),
            ("2-node_cluster", "pvecm_status--pve1", "0x00000002          1 10.77.1.12", "0x00000002          0 10.77.1.12"),
            ("2-node_cluster", "pvecm_status--pve1", "0x00000002          1 10.77.1.12\n", ""),
            ("2-node_cluster", "pvecm_status--pve1", "Secure auth:      on", "Secure auth:      off"),
            ("2-node_cluster", "pvecm_nodes--pve1", "pve2", "pve3"),
            ("2-node_cluster", "corosync-quorumtool_-s--pve1", "Quorum:           2", "Quorum:           1"),
            ("2-node_cluster", "corosync-cfgtool_-n--pve1", "10.77.1.12", "10.77.0.12"),
            ("2-node_cluster", "corosync-cfgtool_-s--pve1", "connected", "disconnected"),
            ("2-node_cluster", "corosync-cmapctl_nodelist.--pve1", "quorum_votes (u32) = 1", "quorum_votes (u32) = 0"),
            ("2-node_cluster", "corosync-cmapctl_totem.--pve1", "labcluster", "other"),
            ("1-node_cluster", "corosync-cmapctl--pve1", "totem.secauth (str) = on", "totem.secauth (str) = off"),
            ("2-node_cluster", "systemctl_status", "(running)", "(dead)"),
            ("2-node_cluster", "systemctl_is-active", "active", "inactive"),
            ("1-node_cluster", "journalctl_-b", "[status] notice: node has quorum", "[status] notice: node lost quorum"),
            ("1-node_cluster", "ls_-la", "-rw------- 1 root www-data", "-rw-r----- 1 root www-data"),
            ("3-node_quorate", "ps_-eo", "/usr/bin/pmxcfs", "/usr/bin/other"),
            ("create_on_fresh_node", "pvecm_create", "Restart corosync and cluster filesystem\n", ""),
            ("inquorate_pve1_cut_off_from_3-node_corosync_net", "touch_etc_pve_new", "Permission denied", "No such file or directory"),
            ("standalone", "pveversion", "pve-manager/9", "pve-manager/8"),
            ("qdevice_pve1+pve2_cluster_qnetd_on_pve4", "pvecm_qdevice_setup_with_trust", "INFO: copy exported CRT\n", ""),
            ("qdevice_pve1+pve2_cluster_qnetd_on_pve4", "corosync-qnetd-tool_-l", "Fifty-Fifty", "LMS"),
        ):
            with self.subTest(f"{situation}/{name}: {old}"):
                self.same_and_another(situation, name, old, new)

    def test_an_exit_code_counts(self):
        recording = next(one for one in self.recordings if one.command == "corosync -t")
        self.assertEqual(differs(recording, "", ""), [])
        self.assertNotEqual(differs(recording, "", "", "8"), [])


if __name__ == "__main__":
    unittest.main()
