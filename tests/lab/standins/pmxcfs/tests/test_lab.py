# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon on real nodes of the lab: what was recorded in a cluster, done again.

Needs the lab (tests/lab/lab) and root. The tests build on each other, in the order in
which the recordings were made; after a failure the rest says nothing and is not run.
PVE_LAB names the lab used; its nodes are made fresh.
"""

import os
import re
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import captures
from lab_nodes import form, lab, wait

CONF = "/etc/pve/corosync.conf"


def numbers(text):
    """Versions that depend on all that happened before, as one sign."""
    return re.sub(r'^"version": \d+,$|"version": \d+, "nodes"', lambda m: re.sub(r"\d+", "N", m[0]), text, flags=re.M)


def recorded_journal(name):
    lines = [line.partition("]: ")[2] for line in captures.stdout(name).splitlines() if " pmxcfs[" in line]
    return [line for line in lines if "failed to connect" not in line]


def probe_lines(text):
    """The free blocks differ with the certificates' sizes."""
    return re.sub(r"^(statvfs: OK -> \(4096, 32768,) \d+", r"\1 N", text, flags=re.M).splitlines()


class ClusterTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.nodes = form(["pve1", "pve2", "pve3"])
        for node in cls.nodes:
            node.put("probe.py", "/root/probe.py")
            node.put("poll.py", "/root/poll.py")

    def setUp(self):
        self.pve1, self.pve2, self.pve3 = self.nodes

    # --- helpers ------------------------------------------------------------------------

    def assert_same_database(self, *nodes):
        dumps = {node.name: node.sh("sqlite3 /var/lib/pve-cluster/config.db 'SELECT * FROM tree ORDER BY inode' | sha256sum") for node in nodes}
        self.assertEqual(len(set(dumps.values())), 1, dumps)

    def replace(self, node, version, edit="", way="mv /etc/pve/corosync.conf.new /etc/pve/corosync.conf"):
        """Edits corosync.conf to a version and returns the seconds that the last step took."""
        expression = f"s/config_version: .*/config_version: {version}/;{edit}" if version is not None else edit
        seconds = node.sh(
            f"sed '{expression}' /root/good.conf > /etc/pve/corosync.conf.new\n"
            f"begun=$(date +%s%N); {way}; ended=$(date +%s%N); echo $((ended - begun))"
        )
        node.run("rm -f /etc/pve/corosync.conf.new")
        return int(seconds) / 1e9

    def after_change(self, cursors, nodes):
        """Waits until the journals are quiet and returns them."""
        time.sleep(0.5)
        return [node.journal(cursor) for node, cursor in zip(nodes, cursors)]

    def change(self, recording, version, edit="", node=None, nodes=None, way=None):
        """Does a recorded change and compares what both first nodes logged."""
        node, nodes = node or self.pve1, nodes or [self.pve1, self.pve2]
        cursors = [each.mark() for each in nodes]
        ways = {"way": way} if way else {}
        seconds = self.replace(node, version, edit, **ways)
        wait("the change is logged", lambda: all(
            len(each.journal(cursor)) >= len(recorded_journal(recording.format(each.name))) for each, cursor in zip(nodes, cursors)), 10)
        for each, found in zip(nodes, self.after_change(cursors, nodes)):
            self.assertEqual(found, recorded_journal(recording.format(each.name)), each.name)
        return seconds

    def assert_state(self, recording, nodes=None):
        for node in nodes or (self.pve1, self.pve2):
            name = recording.format(node.name)
            self.assertEqual(node.run(captures.command(name)).stdout, captures.stdout(name), node.name)

    # --- a formed cluster ---------------------------------------------------------------

    def test_01_texts_of_all_nodes_are_the_recorded_ones(self):
        for node in self.nodes:
            self.assertEqual(node.sh("cat /etc/pve/.members"), captures.stdout(f"3-node_quorate--cat_etc_pve_.members--{node.name}.txt"))
            drop = re.compile(r'"starttime".*|(?s:"kvstore".*)')
            self.assertEqual(
                drop.sub("", node.sh("cat /etc/pve/.version")),
                drop.sub("", captures.stdout(f"3-node_quorate--cat_etc_pve_.version--{node.name}.txt")),
            )
        self.assertEqual(len({node.sh("cat /etc/pve/.clusterlog") for node in self.nodes}), 1)
        self.assert_same_database(*self.nodes)

    def test_02_probe_on_a_quorate_node(self):
        self.assertEqual(
            probe_lines(self.pve2.sh("python3 /root/probe.py")),
            probe_lines(captures.stdout("3-node_majority_side_while_pve1_is_cut_off--filesystem_probe--pve2.txt")),
        )
        self.assert_same_database(*self.nodes)

    def test_03_a_write_is_seen_on_the_other_nodes_once_it_returned(self):
        for number in range(5):
            self.pve1.sh(f"echo {number} > /etc/pve/seen")
            for node in (self.pve2, self.pve3):
                self.assertEqual(node.sh("cat /etc/pve/seen"), f"{number}\n")
        self.pve3.sh("rm /etc/pve/seen")
        self.assertNotEqual(self.pve1.run("cat /etc/pve/seen").returncode, 0)

    def test_04_writes_of_all_nodes_at_once_end_in_one_order(self):
        script = 'for i in $(seq 60); do echo "$(hostname) $i" >> /etc/pve/race; mkdir /etc/pve/race.$(hostname).$i; done'
        # made first: of two nodes that create the same file at once, one is told that it exists
        self.pve1.sh(": > /etc/pve/race")
        running = [node.start(script) for node in self.nodes]
        for process in running:
            self.assertEqual(process.communicate(timeout=60)[0], "")
        self.assertEqual(self.pve1.sh("ls -d /etc/pve/race.* | wc -l"), "180\n")
        self.assert_same_database(*self.nodes)
        self.pve2.sh("rm -rf /etc/pve/race*")

    def test_05_only_one_node_takes_a_lock(self):
        script = "mkdir /etc/pve/priv/lock/domain-x 2>/dev/null && echo got"
        running = [node.start(script) for node in self.nodes]
        self.assertEqual("".join(process.communicate(timeout=30)[0] for process in running), "got\n")
        self.assertIn("Permission denied", self.pve2.run("touch -d @0 /etc/pve/priv/lock/domain-x").stderr)
        self.pve3.sh("rmdir /etc/pve/priv/lock/domain-x")

    # --- corosync.conf ------------------------------------------------------------------

    def test_10_a_renamed_file_reaches_all_and_runs_after_a_second(self):
        self.replace_base()
        seconds = self.change("config_change_good_version+1_rename_over--good_change_journal--{}.txt", 5, node=self.pve2)
        self.assertTrue(1.0 < seconds < 1.6, seconds)

    def replace_base(self):
        for node in self.nodes:
            node.sh(f"cp {CONF} /root/good.conf")
        self.replace(self.pve1, 4)
        wait("version 4 runs", lambda: all(
            "= 4" in node.sh("corosync-cmapctl totem.config_version") for node in self.nodes))

    def test_11_token(self):
        self.change("config_change_token_timeout_version+1_token_5000--token_change_journal--{}.txt", 6, "s/^totem {/&\\n  token: 5000/")
        name = "config_change_token_timeout_version+1_token_5000--corosync-cmapctl_runtime.config.totem.token_corosync-cmapctl_totem.tok--pve3.txt"
        self.assertEqual(self.pve3.sh(captures.command(name)), captures.stdout(name))

    def test_12_same_version_with_other_content_is_taken(self):
        self.change("config_change_same_config_version_other_content--same_version_journal--{}.txt", 6, "s/^totem {/&\\n  token: 6000/")
        self.assert_state("config_change_same_config_version_other_content--grep_-E_token_config_version_etc_pve_corosync.conf_etc_corosync_corosy--{}.txt")

    def test_13_lower_version_stays_in_etc_pve(self):
        seconds = self.change("config_change_lower_config_version--lower_version_journal--{}.txt", 2, "s/^totem {/&\\n  token: 7000/")
        self.assertLess(seconds, 0.5)
        self.assert_state("config_change_lower_config_version--grep_-E_token_config_version_etc_pve_corosync.conf_etc_corosync_corosy--{}.txt")

    def test_14_back_to_good(self):
        self.change("config_change_back_to_good_after_lower_version--back_to_good_journal--{}.txt", 7)
        self.assert_state("config_change_back_to_good_after_lower_version--state_afterwards--{}.txt")

    def test_15_broken_syntax_is_pushed_to_all(self):
        self.change("config_change_broken_syntax_missing_brace_version_8--broken_syntax_journal--{}.txt", 8, "/^totem {/,/^}/{/^}/d}")
        self.assert_state("config_change_broken_syntax_missing_brace_version_8--state_afterwards--{}.txt", self.nodes)

    def test_16_a_node_whose_corosync_does_not_start_gets_nothing(self):
        self.assertNotEqual(self.pve3.run("systemctl restart corosync").returncode, 0)
        wait("pve3 is read-only", lambda: not self.pve3.writable())
        self.change("config_change_repair_of_the_broken_file_version_9--repair_journal--{}.txt", 9)
        self.assert_state("config_change_repair_of_the_broken_file_version_9--state_afterwards--{}.txt", self.nodes)

    def test_17_bad_value_is_taken(self):
        self.change("config_change_bad_value_transport_bogus_version_10--bad_value_journal--{}.txt", 10, "s/^totem {/&\\n  transport: bogus/")
        for node in (self.pve1, self.pve2):
            name = f"config_change_bad_value_transport_bogus_version_10--state_afterwards--{node.name}.txt"
            shown = node.run(captures.command(name)).stdout.splitlines()
            self.assertEqual(sorted(shown), sorted(captures.stdout(name).splitlines()))

    def test_18_no_version_is_ignored(self):
        self.replace(self.pve1, 11)
        seconds = self.change("config_change_no_config_version_line--no_version_journal--{}.txt", None, "/config_version/d")
        self.assertLess(seconds, 0.5)
        self.assert_state("config_change_no_config_version_line--state_afterwards--{}.txt")

    def test_19_in_place(self):
        self.replace(self.pve1, 12)
        way = "cat /etc/pve/corosync.conf.new > /etc/pve/corosync.conf"
        self.change("config_change_in-place_overwrite_open_O_TRUNC_write_version_13--in_place_journal--{}.txt", 13, way=way)
        self.assert_state("config_change_in-place_overwrite_open_O_TRUNC_write_version_13--state_afterwards--{}.txt")

    def test_20_copied_over(self):
        self.replace(self.pve1, 14)
        way = "cp /etc/pve/corosync.conf.new /etc/pve/corosync.conf"
        self.change("config_change_cp_new_over_corosync.conf_version_15--cp_over_journal--{}.txt", 15, way=way)
        self.assert_state("config_change_cp_new_over_corosync.conf_version_15--state_afterwards--{}.txt")

    def test_21_empty(self):
        cursors = [node.mark() for node in (self.pve1, self.pve2)]
        self.pve1.sh(f": > {CONF}")
        self.assertEqual(self.after_change(cursors, (self.pve1, self.pve2)), [[], []])
        self.assert_state("config_change_empty_corosync.conf--state_afterwards--{}.txt")
        self.replace(self.pve1, 16)
        self.assert_state("config_change_repaired_after_empty_version_16--state_afterwards--{}.txt")

    def test_22_the_stranded_node_comes_back_with_the_good_file(self):
        good = self.pve1.sh("cat /etc/corosync/corosync.conf")
        self.pve3.sh("cat > /etc/corosync/corosync.conf", good)
        self.pve3.sh("systemctl reset-failed corosync; systemctl restart corosync")
        wait("pve3 is writable", self.pve3.writable)
        self.assertEqual(self.pve3.sh(f"cat {CONF}"), good)
        self.assert_same_database(*self.nodes)

    def test_23_readers_on_the_writing_node_wait_and_may_meet_a_missing_file(self):
        reader = (
            "rm -f /run/stop; while [ ! -e /run/stop ]; do "
            f"b=$(date +%s%N); cat {CONF} >/dev/null 2>&1; rc=$?; e=$(date +%s%N); echo $rc $(((e - b) / 1000000)); done"
        )
        reading = self.pve1.start(reader)
        reading.stdout.readline()
        self.replace(self.pve1, 17)
        self.pve1.sh("sleep 0.3; touch /run/stop")
        answers = [line.split() for line in reading.communicate(timeout=30)[0].splitlines()]
        slowest = max(int(milliseconds) for _, milliseconds in answers)
        self.assertTrue(800 < slowest < 2000, slowest)
        self.assertTrue(any(code == "1" for code, _ in answers), "no reader met the moment of ENOENT")
        self.assertEqual(answers[-1][0], "0")

    def test_24_a_version_in_a_comment_is_matched_first(self):
        self.pve1.sh(f"sed '1s/^/# config_version: 3\\n/;s/config_version: .*/config_version: 18/;1s/18/3/' {CONF} > {CONF}.new")
        self.pve1.sh(f"sed -i '1s/.*/# config_version: 3/' {CONF}.new 2>/dev/null || true")
        cursor = self.pve1.mark()
        self.pve1.sh(f"mv {CONF}.new {CONF}")
        self.assertEqual(self.after_change([cursor], [self.pve1]), [["[dcdb] crit: local corosync.conf is newer"]])
        self.replace(self.pve1, 18)

    # --- without quorum -----------------------------------------------------------------

    def test_30_partition(self):
        cursor = self.pve1.mark()
        polls = [node.start("python3 /root/poll.py 60") for node in (self.pve1, self.pve2)]
        first = [process.stdout.readline() for process in polls]
        lab("partition", "pve1", "corosync")
        wait("pve1 has lost quorum", lambda: self.pve1.sh("stat -c %A /etc/pve/local").startswith("lr-x"))
        for node in (self.pve1, self.pve2):
            node.sh("sleep 1; touch /run/poll.stop")
        outputs = [[line, *process.communicate(timeout=60)[0].splitlines()] for line, process in zip(first, polls)]
        cut, rest = ([line.strip().partition(" ")[2] for line in output] for output in outputs)
        # recorded: the write under way fails with EPERM, later ones with EACCES; the others never notice
        self.assertEqual([re.sub(r"cfgver.*", "", line) for line in cut], [
            "corosync=[n3 Yes] pmxcfs_quorate=[1] write=[ok] ",
            "corosync=[n3 Yes] pmxcfs_quorate=[1] write=[Operation not permitted] ",
            "corosync=[n1 No] pmxcfs_quorate=[0] write=[Permission denied] "])
        self.assertEqual([re.sub(r"cfgver.*", "", line) for line in rest], [
            "corosync=[n3 Yes] pmxcfs_quorate=[1] write=[ok] ", "corosync=[n2 Yes] pmxcfs_quorate=[1] write=[ok] "])
        # as in the recorded status of pve1, where the status group's change came a moment earlier
        lines = self.pve1.whole_journal(cursor)
        self.assertEqual([re.sub(r"\d+/\d+", "N/P", line) for line in lines if "[status] notice: members" not in line][:7], [
            "[status] notice: node lost quorum", "[dcdb] notice: members: N/P",
            "[dcdb] crit: received write while not quorate - trigger resync", "[dcdb] crit: leaving CPG group",
            "[dcdb] notice: start cluster connection", "[dcdb] crit: cpg_join failed: CS_ERR_EXIST", "[dcdb] crit: can't initialize service"])
        self.assertEqual(numbers(self.pve1.sh("cat /etc/pve/.members")),
                         numbers(captures.stdout("inquorate_pve1_cut_off_from_3-node_corosync_net--cat_etc_pve_.members--pve1.txt")))
        self.assertEqual(numbers(self.pve2.sh("cat /etc/pve/.members")),
                         numbers(captures.stdout("3-node_majority_side_while_pve1_is_cut_off--cat_etc_pve_.members--pve2.txt")))

    def test_31_probe_without_quorum(self):
        self.assertEqual(
            probe_lines(self.pve1.sh("python3 /root/probe.py")),
            probe_lines(captures.stdout("inquorate_pve1_cut_off_from_3-node_corosync_net--filesystem_probe--pve1.txt")),
        )

    def test_33_heal_brings_the_files_written_meanwhile(self):
        self.pve2.sh("echo meanwhile > /etc/pve/meanwhile; rm -f /etc/pve/probe*; head -c 1048576 /dev/urandom > /etc/pve/big")
        lab("heal", "pve1")
        wait("pve1 is writable", self.pve1.writable)
        self.assertEqual(self.pve1.sh("cat /etc/pve/meanwhile"), "meanwhile\n")
        self.assertEqual(self.pve1.sh("sha256sum /etc/pve/big"), self.pve3.sh("sha256sum /etc/pve/big"))
        self.pve1.sh("rm /etc/pve/meanwhile /etc/pve/big")
        self.assert_same_database(*self.nodes)

    # --- services down ------------------------------------------------------------------

    def test_40_corosync_stopped(self):
        cursor = self.pve1.mark()
        self.pve1.sh("systemctl stop corosync")
        wait("pve1 is read-only", lambda: not self.pve1.writable(), 5)
        self.assertEqual(numbers(self.pve1.sh("cat /etc/pve/.members")),
                         numbers(captures.stdout("3-node_corosync_stopped_on_pve1--cat_etc_pve_.members--pve1.txt")))
        self.assertIn("Permission denied", self.pve1.run("touch /etc/pve/x").stderr)
        self.assertEqual(self.pve1.sh("stat -c %A /etc/pve /etc/pve/local /etc/pve/priv /etc/pve/corosync.conf"),
                         "drwxr-xr-x\nlr-xr-xr-x\ndr-x------\n-r--r-----\n")
        time.sleep(8)
        lines = self.pve1.whole_journal(cursor)
        for expected in ("[confdb] crit: cmap_dispatch failed: 2", "[quorum] crit: quorum_dispatch failed: CS_ERR_LIBRARY",
                         "[status] notice: node lost quorum", "[dcdb] crit: cpg_dispatch failed: CS_ERR_LIBRARY",
                         "[dcdb] crit: cpg_leave failed: CS_ERR_LIBRARY", "[status] crit: cpg_dispatch failed: CS_ERR_LIBRARY",
                         "[status] crit: cpg_leave failed: CS_ERR_LIBRARY", "[dcdb] notice: start cluster connection",
                         "[quorum] crit: can't initialize service", "[confdb] crit: can't initialize service",
                         "[dcdb] crit: can't initialize service", "[status] crit: can't initialize service"):
            self.assertEqual(lines.count(expected), 1, expected)
        self.assertEqual(lines.count("[quorum] crit: quorum_initialize failed: CS_ERR_LIBRARY (failed to connect to corosync)"), 2)

    def test_41_corosync_started_again(self):
        self.pve1.sh("systemctl start corosync")
        took = wait("pve1 is writable", self.pve1.writable)
        self.assertLess(took, 10)
        self.assert_same_database(*self.nodes)

    def test_42_pve_cluster_stopped(self):
        self.pve1.sh("systemctl stop pve-cluster")
        self.assertEqual(self.pve1.sh("ls -A /etc/pve; findmnt /etc/pve; echo rc=$?"), "rc=1\n")
        self.assertEqual(self.pve1.sh("systemctl is-active corosync"), "active\n")
        wait("pve2 sees it gone", lambda: '"pve1": { "id": 1, "online": 0' in self.pve2.sh("cat /etc/pve/.members"), 5)
        self.pve2.sh("echo while-stopped > /etc/pve/while-stopped")
        # pve-cluster pulls in corosync, and takes over what it missed
        self.pve1.sh("systemctl start pve-cluster")
        wait("pve1 is writable", self.pve1.writable, 5)
        self.assertEqual(self.pve1.sh("cat /etc/pve/while-stopped"), "while-stopped\n")
        self.pve1.sh("rm /etc/pve/while-stopped")
        self.assert_same_database(*self.nodes)

    def test_43_stray_file(self):
        self.pve1.sh("systemctl stop pve-cluster")
        cursor = self.pve1.mark()
        result = self.pve1.run("echo stray > /etc/pve/stray.txt; systemctl start pve-cluster")
        self.assertEqual(result.returncode, 1)
        logged = self.pve1.sh(f"journalctl --no-pager -o cat -u pve-cluster --after-cursor='{cursor}'").splitlines()
        name = "3-node_pve-cluster_stopped_on_pve1--start_pve-cluster_with_a_stray_file_in_the_bare_etc_pve_directory--pve1.txt"
        recorded = [line.partition("]: ")[2] for line in captures.stdout(name).splitlines() if " pmxcfs[" in line]
        recorded.append("pve-cluster.service: Control process exited, code=exited, status=255/EXCEPTION")
        for line in set(recorded):
            self.assertIn(line, logged)
        self.assertEqual(self.pve1.sh("cat /etc/pve/stray.txt"), "stray\n")
        self.pve1.sh("systemctl stop pve-cluster; rm -f /etc/pve/stray.txt; systemctl reset-failed pve-cluster; systemctl start pve-cluster")
        wait("pve1 is writable", self.pve1.writable)

    def test_44_power_cut_and_boot(self):
        self.pve3.sh("echo before > /etc/pve/before-cut")
        lab("kill", "pve3")
        wait("pve3 is gone for pve1", lambda: '"pve3": { "id": 3, "online": 0' in self.pve1.sh("cat /etc/pve/.members"), 15)
        for node in (self.pve1, self.pve2):
            self.assertEqual(numbers(node.sh("cat /etc/pve/.members")),
                             numbers(captures.stdout(f"3-node_with_pve3_powered_off--cat_etc_pve_.members--{node.name}.txt")))
        self.pve1.sh("echo after > /etc/pve/after-cut")
        lab("start", "pve3")
        wait("pve3 is writable", self.pve3.writable)
        self.assertEqual(self.pve3.sh("cat /etc/pve/before-cut /etc/pve/after-cut"), "before\nafter\n")
        self.pve3.sh("rm /etc/pve/*-cut")
        self.assert_same_database(*self.nodes)

    # --- leaving ------------------------------------------------------------------------

    def test_50_local_mode_takes_a_node_out_as_documented(self):
        name = "removed_node_pve3_was_online_at_delnode--documented_cleanup_pmxcfs_-l_rm_corosync.conf_on_the_removed_node--pve3.txt"
        command = captures.command(name).partition("; rm -rf /etc/pve/nodes/pve1")[0]
        result = self.pve3.run(command + "; touch /etc/pve/w && rm /etc/pve/w && echo writable")
        self.assertEqual(result.stderr.splitlines()[:2], captures.stderr(name).splitlines()[:2])
        self.assertTrue(result.stdout.endswith("writable\n"), result.stdout)
        self.assertEqual(self.pve3.sh("cat /etc/pve/.members"), '{\n"nodename": "pve3",\n"version": 0\n}\n')
        self.assertEqual(self.pve3.sh("ls /etc/pve/nodes"), "pve1\npve2\npve3\n")
        self.assertTrue(self.pve1.writable())


if __name__ == "__main__":
    unittest.main()
