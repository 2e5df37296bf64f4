# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon on a standalone node, in private namespaces of this machine (root and FUSE needed)."""

import os
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import captures
from local_node import HERE, LocalNode

CORO = "totem {\n  cluster_name: c\n  config_version: 3\n}\n"


def prepare(node, filler):
    """The files of the recorded node that the probe looks at, and as many bytes as it had in all."""
    node.run(
        "printf 'keyboard: en-us\\n' > /etc/pve/datacenter.cfg && mkdir /etc/pve/priv /etc/pve/priv/lock && "
        f"printf k > /etc/pve/priv/authorized_keys && head -c {filler} /dev/zero > /etc/pve/filler",
        check=True,
    )


class LocalTest(unittest.TestCase):
    maxDiff = None

    def node(self, *arguments):
        node = LocalNode(*arguments)
        node.__enter__()
        self.addCleanup(node.__exit__)
        return node

    def started(self, *arguments):
        node = self.node(*arguments)
        result = node.start()
        self.assertEqual(result.returncode, 0, result.stderr)
        return node

    def test_answers_every_question_of_the_recorded_probe_alike(self):
        node = self.started("pve4", "10.77.0.14")
        prepare(node, 13000)
        result = node.run(f"python3 {HERE}/probe.py")
        self.assertEqual(result.stderr, "")
        self.assertEqual(
            result.stdout.splitlines(), captures.stdout("standalone--filesystem_probe--pve4.txt").splitlines()
        )

    def test_texts_of_a_standalone_node_are_the_recorded_ones(self):
        node = self.started()
        node.run("mkdir /etc/pve/nodes", check=True)
        node.stop()
        node.start()
        recorded = {name: captures.stdout(f"standalone--cat_etc_pve_.{name}--pve1.txt") for name in ("members", "version", "vmlist")}
        for name, text in recorded.items():
            shown = node.run(f"cat /etc/pve/.{name}").stdout
            if name == "version":
                shown = shown.replace(shown.splitlines()[1], text.splitlines()[1])
            self.assertEqual(shown, text)
        log = node.run("cat /etc/pve/.clusterlog").stdout
        self.assertRegex(
            log,
            r'^\{\n"data": \[\n\{"uid": 1, "time": \d+, "pri": 6, "tag": "cluster", "pid": \d+, "node": "pve1", '
            r'"user": "root", "msg": "starting cluster log"\}\n\]\n\}\n$',
        )

    def test_listing_shows_modes_owners_and_links_as_recorded(self):
        node = self.started()
        prepare(node, 1)
        node.run("mkdir -p /etc/pve/nodes/pve1/priv; : > /etc/pve/nodes/pve1/priv/key", check=True)
        shown = node.run("cd /etc/pve; stat -c '%A %U %G %n' . .members .debug datacenter.cfg local lxc priv priv/* nodes nodes/pve1/priv "
                         "nodes/pve1/priv/key; readlink local lxc openvz qemu-server").stdout
        self.assertEqual(
            shown,
            "drwxr-xr-x root www-data .\n-r--r----- root www-data .members\n-rw-r----- root www-data .debug\n"
            "-rw-r----- root www-data datacenter.cfg\nlrwxr-xr-x root www-data local\nlrwxr-xr-x root www-data lxc\n"
            "drwx------ root www-data priv\n-rw------- root www-data priv/authorized_keys\ndrwx------ root www-data priv/lock\n"
            "drwxr-xr-x root www-data nodes\ndrwx------ root www-data nodes/pve1/priv\n-rw------- root www-data nodes/pve1/priv/key\n"
            "nodes/pve1\nnodes/pve1/lxc\nnodes/pve1/openvz\nnodes/pve1/qemu-server\n",
        )

    def test_files_survive_a_restart_and_the_database_is_plain_sqlite(self):
        node = self.started()
        node.run("mkdir -p /etc/pve/a/b && printf hello > /etc/pve/a/b/c && mv /etc/pve/a/b/c /etc/pve/a/d", check=True)
        node.stop()
        self.assertEqual(node.run("ls -A /etc/pve; mountpoint -q /etc/pve; echo $?").stdout, "32\n")
        rows = node.run("sqlite3 /var/lib/pve-cluster/config.db \"SELECT name,type,data FROM tree ORDER BY inode\"").stdout
        self.assertEqual(rows, "__version__|8|\na|4|\nb|4|\nd|8|hello\n")
        node.start()
        self.assertEqual(node.run("cat /etc/pve/a/d; ls -A /etc/pve/a/b").stdout, "hello")

    def test_refuses_to_mount_over_a_stray_file(self):
        node = self.node()
        node.run("echo stray > /etc/pve/stray.txt", check=True)
        result = node.start()
        self.assertEqual(result.returncode, 255)
        self.assertEqual(
            result.stderr.splitlines()[1:],
            ["fuse: mountpoint is not empty", "fuse: if you are sure this is safe, use the 'nonempty' mount option",
             "[main] crit: fuse_mount error: File exists", "[main] notice: exit proxmox configuration filesystem (-1)"],
        )
        self.assertEqual(node.run("cat /etc/pve/stray.txt").stdout, "stray\n")

    def test_refuses_to_start_when_the_name_is_only_a_loopback_address(self):
        node = self.node("pve1", "127.0.1.1")
        result = node.start()
        self.assertEqual(result.returncode, 255)
        self.assertIn("Unable to resolve node name 'pve1' to a non-loopback IP address", result.stderr)

    def test_a_second_daemon_does_not_start(self):
        node = self.started()
        result = node.run(f"timeout 20 {HERE}/../pmxcfs")
        self.assertEqual(result.returncode, 255)
        self.assertIn("unable to acquire pmxcfs lock - trying again", result.stderr)
        self.assertIn("unable to acquire pmxcfs lock: Resource temporarily unavailable", result.stderr)

    def test_a_guest_is_refused_in_a_second_place(self):
        node = self.started()
        node.run("cd /etc/pve && mkdir -p nodes/pve1/qemu-server nodes/pve1/lxc nodes/pve2/qemu-server && : > nodes/pve1/qemu-server/100.conf", check=True)
        for place in ("nodes/pve2/qemu-server", "nodes/pve1/lxc"):
            result = node.run(f": > /etc/pve/{place}/100.conf")
            self.assertIn("File exists", result.stderr)
        self.assertEqual(
            node.run("cat /etc/pve/.vmlist").stdout,
            '{\n"version": 1,\n"ids": {\n"100": { "node": "pve1", "type": "qemu", "version": 1 }}\n\n}\n',
        )
        node.run("mv /etc/pve/nodes/pve1/qemu-server/100.conf /etc/pve/nodes/pve2/qemu-server/100.conf", check=True)
        self.assertIn('"node": "pve2"', node.run("cat /etc/pve/.vmlist").stdout)
        node.run("rm /etc/pve/nodes/pve2/qemu-server/100.conf && : > /etc/pve/nodes/pve1/lxc/100.conf", check=True)

    def test_a_lock_is_a_directory_that_only_mkdir_takes(self):
        node = self.started()
        node.run("mkdir -p /etc/pve/priv/lock/file-corosync_conf", check=True)
        self.assertIn("File exists", node.run("mkdir /etc/pve/priv/lock/file-corosync_conf").stderr)
        self.assertIn("Permission denied", node.run("touch -d @0 /etc/pve/priv/lock/file-corosync_conf").stderr)
        self.assertIn("Permission denied", node.run("mv /etc/pve/priv/lock/file-corosync_conf /etc/pve/priv/lock/x").stderr)
        self.assertEqual(node.run("ls /etc/pve/priv/lock").stdout, "file-corosync_conf\n")
        node.run("rmdir /etc/pve/priv/lock/file-corosync_conf", check=True)

    def test_an_empty_database_takes_corosync_conf_from_the_host_and_another_does_not(self):
        node = self.node()
        node.run(f"printf '{CORO}' > /etc/corosync/corosync.conf", check=True)
        node.start()
        self.assertEqual(node.run("cat /etc/pve/corosync.conf").stdout, CORO)
        self.assertIn("Permission denied", node.run("touch /etc/pve/x").stderr)
        self.assertEqual(node.run("stat -c %A /etc/pve/local /etc/pve/corosync.conf /etc/pve").stdout,
                         "lr-xr-xr-x\n-r--r-----\ndrwxr-xr-x\n")
        node.stop()
        result = node.start("-l")
        self.assertEqual(result.stderr.splitlines()[-1], "[main] notice: forcing local mode (although corosync.conf exists)")
        node.run("rm /etc/pve/corosync.conf", check=True)
        node.stop()
        node.start()
        self.assertEqual(node.run("ls /etc/pve/corosync.conf /etc/corosync/corosync.conf").stdout, "/etc/corosync/corosync.conf\n")
        node.run("touch /etc/pve/x", check=True)

    def test_shows_itself_by_its_own_name(self):
        node = self.started()
        shown = node.run(f"ps -o comm=,args= -p {node.pid()}").stdout.split()
        self.assertEqual(shown, ["pmxcfs", "/usr/bin/pmxcfs"])

    def test_names_are_looked_up_anew_after_changes(self):
        node = self.started()
        script = "; ".join(f"echo {i} > /etc/pve/f.new && mv /etc/pve/f.new /etc/pve/f && cat /etc/pve/f" for i in range(20))
        self.assertEqual(node.run(script).stdout.split(), [str(i) for i in range(20)])
        self.assertEqual(node.run("rm /etc/pve/f; mkdir /etc/pve/f; touch /etc/pve/f/g; rmdir /etc/pve/f; ls -A /etc/pve/f").stdout, "g\n")

    def test_a_full_file_system_refuses_more(self):
        node = self.started()
        # a file that exists is written in larger pieces than one that is created
        script = ("i=0; while [ $i -lt 128 ]; do : > /etc/pve/big$i; "
                  "dd if=/dev/zero of=/etc/pve/big$i bs=1M count=1 status=none || exit 1; i=$((i+1)); done; : > /etc/pve/more")
        node.run(script, check=True)
        self.assertIn("No space left on device", node.run("printf x | dd of=/etc/pve/more conv=notrunc").stderr)

    def test_starting_and_stopping_take_about_a_second(self):
        node = self.node()
        begun = time.monotonic()
        node.start()
        self.assertGreater(time.monotonic() - begun, 0.9)
        begun = time.monotonic()
        node.stop()
        self.assertLess(time.monotonic() - begun, 1.6)


if __name__ == "__main__":
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        sys.exit("cannot run: needs root and /dev/fuse")
    unittest.main()
