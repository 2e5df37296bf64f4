# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts that decide, without mounting anything: the tree, the status texts, the rules for corosync.conf."""

import errno
import os
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from pmxcfs_standin import corosync_conf, group, states
from pmxcfs_standin.status import Status
from pmxcfs_standin.tree import Tree

MIB = 1024 * 1024


class TreeTest(unittest.TestCase):
    def tree(self, name="config.db"):
        tree = Tree(os.path.join(self.folder.name, name), Status("pve1", "10.77.0.11"))
        tree.open()
        tree.load()
        self.addCleanup(tree.close)
        return tree

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def test_errors(self):
        tree = self.tree()
        self.assertEqual(tree.mkdir("d", 1, 10), 0)
        self.assertEqual(tree.create("d/f", 1, 10), 0)
        for expected, result in (
            (errno.EEXIST, tree.mkdir("d", 1, 10)),
            (errno.EEXIST, tree.create("d/f", 1, 10)),
            (errno.ENOENT, tree.create("x/f", 1, 10)),
            (errno.ENOTDIR, tree.create("d/f/g", 1, 10)),
            (errno.ENOENT, tree.write("d/x", 1, 10, b"a", 0, False)),
            (errno.ENOTDIR, tree.write("d", 1, 10, b"a", 0, False)),
            (errno.ENOTEMPTY, tree.delete("d", 1, 10)),
            (errno.ENOTEMPTY, tree.rename("d", "e", 1, 10)),
            (errno.ENOENT, tree.rename("x", "e", 1, 10)),
            (errno.EFBIG, tree.write("d/f", 1, 10, b"a", MIB, False)),
            (errno.EACCES, tree.mkdir("d/..", 1, 10)),
        ):
            self.assertEqual(result, -expected)

    def test_writing_inside_and_beyond_a_file(self):
        tree = self.tree()
        tree.create("f", 1, 10)
        for data, offset, truncate, expected in (
            (b"hello", 0, False, b"hello"), (b"J", 0, False, b"Jello"), (b"!", 7, False, b"Jello\0\0!"),
            (b"", 2, True, b"Je"), (b"", 4, True, b"Je\0\0"), (b"", 0, True, b""),
        ):
            self.assertEqual(tree.write("f", 1, 10, data, offset, truncate), len(data))
            self.assertEqual(tree.read("f"), expected)
        self.assertEqual(tree.size, 0)

    def test_what_was_stored_is_what_is_loaded(self):
        tree = self.tree()
        tree.mkdir("d", 1, 10)
        tree.create("d/f", 2, 11)
        tree.write("d/f", 2, 12, b"x" * 100, 0, False)
        tree.rename("d/f", "g", 3, 13)
        tree.create("gone", 1, 14)
        tree.delete("gone", 1, 15)
        self.assertEqual(self.tree().index(), tree.index())

    def test_commit_makes_two_trees_equal(self):
        ahead, behind = self.tree("a.db"), self.tree("b.db")
        for tree in (ahead, behind):
            tree.mkdir("d", 1, 10)
            tree.create("d/old", 1, 10)
        ahead.delete("d/old", 1, 11)
        ahead.create("d/new", 1, 12)
        ahead.write("d/new", 1, 13, b"data", 0, False)
        behind.create("own", 2, 11)
        both = {(1, 1): behind.index(), (2, 1): ahead.index()}
        state = states.FilesState(ahead, ahead.status, None)
        leader, equal = state.choose(both)
        self.assertEqual((leader, equal), ((2, 1), [(2, 1)]))
        with mock.patch.object(states.corosync_conf, "copy"), mock.patch.object(states.journal, "notice"):
            states.FilesState(behind, behind.status, None).commit(both, state.updates(both))
        self.assertEqual(behind.index(), ahead.index())
        self.assertEqual(self.tree("b.db").index(), ahead.index())

    def test_the_newest_state_leads_and_the_lowest_node_among_equals(self):
        state = states.FilesState(None, None, None)

        def choose(*versions):
            return state.choose({(node, 9): {"version": v, "mtime": t} for node, (v, t) in enumerate(versions, 1)})[0]

        self.assertEqual(choose((5, 1), (6, 0), (6, 0)), (2, 9))
        self.assertEqual(choose((6, 1), (6, 2), (5, 9)), (2, 9))
        self.assertEqual(choose((6, 1), (6, 1)), (1, 9))

    def test_a_lock_is_refreshed_by_its_owner_and_expires_after_120_s(self):
        tree = self.tree()
        tree.mkdir("priv", 1, 10)
        tree.mkdir("priv/lock", 1, 10)
        with mock.patch("pmxcfs_standin.tree.time.time", return_value=1000.0):
            tree.mkdir("priv/lock/x", 1, 1000)
        digest = tree.lock_digest("priv/lock/x")
        self.assertEqual(tree.set_mtime("priv/lock/x", 1, 0), -errno.EACCES)
        self.assertEqual(tree.set_mtime("priv/lock/x", 2, 2000), -errno.EACCES)
        self.assertEqual(tree.rename("priv/lock/x", "priv/lock/y", 1, 10), -errno.EACCES)
        for now, expired in ((1119.0, False), (1120.0, False), (1121.0, True)):
            with mock.patch("pmxcfs_standin.tree.time.time", return_value=now):
                self.assertEqual(tree.lock_expired("priv/lock/x", digest), expired)
        self.assertEqual(tree.set_mtime("priv/lock/x", 1, 1200), 0)
        self.assertNotEqual(tree.lock_digest("priv/lock/x"), digest)

    def test_changes_are_counted(self):
        tree = self.tree()
        tree.create("corosync.conf.new", 1, 10)
        tree.rename("corosync.conf.new", "corosync.conf", 1, 11)
        counted = tree.status.file_versions
        self.assertEqual((counted["corosync.conf.new"], counted["corosync.conf"], counted["user.cfg"]), (3, 2, 1))


class ConfTest(unittest.TestCase):
    def test_rules(self):
        def conf(version, more=""):
            return f"totem {{\n  config_version: {version}\n{more}}}\n".encode()

        for content, local, expected in (
            (b"", conf(3), ("nothing", 0, False)),
            (b"totem {\n}\n", conf(3), ("unparsable", 0, False)),
            (conf(0), conf(3), ("unparsable", 0, False)),
            (conf(2), conf(3), ("older", 2, False)),
            (conf(3), conf(3), ("nothing", 3, False)),
            (conf(3, "  token: 5000\n"), conf(3), ("write", 3, True)),
            (conf(4), conf(3), ("write", 4, True)),
            (conf(4), None, ("write", 4, False)),
            (conf(4), b"nothing", ("write", 4, False)),
            (b"# config_version: 2\n" + conf(9), conf(3), ("older", 2, False)),
            (conf(4)[:-3], conf(3), ("write", 4, True)),
        ):
            self.assertEqual(corosync_conf.plan(content, local), expected, content)


class FrameTest(unittest.TestCase):
    def test_round_trip(self):
        header = {"count": 1, "operation": {"path": "nodes/\udcff", "do": "create"}}
        self.assertEqual(group.unpack(group.pack(group.NORMAL, header, b"\0\1")), (group.NORMAL, header, b"\0\1"))


class StatusTest(unittest.TestCase):
    def test_versions_of_the_member_list_count_what_was_recorded(self):
        status = Status("pve1", "10.77.0.11")
        status.set_cluster("c", 1, {1: "pve1"})
        status.set_online({1})
        status.set_address("pve1", "10.77.0.11")
        self.assertEqual(status.cluster_version, 3)
        status.set_cluster("c", 2, {1: "pve1", 2: "pve2"})
        status.set_online({1, 2})
        status.set_node_value(2, "nodeip", "10.77.0.12")
        status.set_node_value(2, "nodeip", "10.77.0.12")
        self.assertEqual(status.cluster_version, 6)

    def test_logs_of_two_nodes_merge_newest_first(self):
        status = Status("pve1", "10.77.0.11")
        own = [{"time": 5, "node": "pve1", "uid": 1}, {"time": 9, "node": "pve1", "uid": 2}]
        other = [{"time": 7, "node": "pve2", "uid": 1}]
        status.add_log_entries(own)
        status.add_log_entries(other + own)
        self.assertEqual([entry["time"] for entry in status.log], [9, 7, 5])


if __name__ == "__main__":
    unittest.main()
