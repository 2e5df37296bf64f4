# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reached a node that a member does not see."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import socket
import subprocess
import tempfile
import unittest
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from unittest import mock

from ansible_collections.pve.cluster.plugins.plugin_utils.votes import PORTS, votes_reached, votes_unseen

TOP = Path(__file__).resolve().parents[4]
KNOCK = TOP / "roles/expected_votes/files/knock"
SHELL = TOP / "modules/knock/src/knock.sh"
FACTS = {
    "members": [{"name": "pve1"}],
    "nodelist": [
        {"name": "pve1", "links": {"0": "10.1.0.1"}},
        {"name": "pve2", "links": {"0": "10.1.0.2", "1": "10.2.0.2"}},
        {"name": "pve3", "links": {"0": "10.1.0.3"}},
    ],
}
NODES = {"a": {"name": "pve1", "address": "10.0.0.1"}, "b": {"name": "pve2", "address": "10.0.0.2"}, "c": {"name": "pve3", "address": "10.1.0.3"}}
UNSEEN = {
    "pve2": {"10.1.0.2": [22, 8006], "10.2.0.2": [22, 8006], "10.0.0.2": [22, 2222, 8006]},
    "pve3": {"10.1.0.3": [22, 8006]},
}
OFF = {"unreachable": True, "msg": "timed out"}


def view(name):
    return {"ansible_facts": {"pve_cluster": {"nodename": name}}}


class Unseen(unittest.TestCase):
    """Where to look for the nodes that a member does not see."""

    def test_every_address_with_its_ports(self):
        self.assertEqual(votes_unseen(FACTS, NODES, {"b": "2222"}), UNSEEN)

    def test_a_member_that_sees_all_or_tells_nothing(self):
        self.assertEqual(votes_unseen({**FACTS, "members": FACTS["nodelist"]}, NODES, {}), {})
        self.assertEqual(votes_unseen({"members": None, "nodelist": None}, NODES, {}), {})

    def test_a_node_without_links_is_knocked_at_where_the_inventory_has_it(self):
        facts = {"members": [], "nodelist": [{"name": "pve2", "links": None}]}
        self.assertEqual(votes_unseen(facts, NODES, {}), {"pve2": {"10.0.0.2": [22, 8006]}})


class Reached(unittest.TestCase):
    """Signs of life, by whoever saw them."""

    def test_a_node_that_answered_ansible_in_this_run(self):
        views = {"a": view("pve1"), "b": view("pve2"), "c": OFF}
        self.assertEqual(
            votes_reached(UNSEEN, views, NODES, {}),
            [{"node": "pve2", "by": "the controller", "how": "host 'b' answered Ansible as 'pve2'", "itself": True}],
        )

    def test_something_else_that_answered_at_its_address(self):
        for answer, how in ((view("other"), "host 'b' answered Ansible as 'other'"), ({"failed": True}, "host 'b' answered Ansible")):
            found = votes_reached(UNSEEN, {"a": view("pve1"), "b": answer, "c": OFF}, NODES, {})
            self.assertEqual(found, [{"node": "pve2", "by": "the controller", "how": how, "itself": False}])

    def test_what_others_found_at_its_addresses(self):
        knocked = {
            "the controller": json.dumps([{"address": "10.1.0.3", "does": "answers a ping"}]),
            "'pve1'": json.dumps([{"address": "10.2.0.2", "does": "refuses connections to TCP port 22"}]),
        }
        self.assertEqual(
            votes_reached(UNSEEN, {"a": view("pve1"), "b": OFF, "c": OFF}, NODES, knocked),
            [
                {"node": "pve3", "by": "the controller", "how": "'10.1.0.3' answers a ping", "itself": False},
                {"node": "pve2", "by": "'pve1'", "how": "'10.2.0.2' refuses connections to TCP port 22", "itself": False},
            ],
        )

    def test_an_answer_that_is_none_is_no_silence(self):
        with self.assertRaises(json.JSONDecodeError):
            votes_reached(UNSEEN, {"a": view("pve1")}, NODES, {"'pve1'": ""})


class Knock(unittest.TestCase):
    """The program itself, on this machine."""

    def setUp(self):
        loader = importlib.machinery.SourceFileLoader("knock", str(KNOCK))
        self.program = importlib.util.module_from_spec(importlib.util.spec_from_loader("knock", loader))
        with mock.patch("sys.dont_write_bytecode", True):
            loader.exec_module(self.program)

    def said(self, asked):
        printed = StringIO()
        with redirect_stdout(printed):
            self.program.main(json.dumps(asked))
        return json.loads(printed.getvalue())

    def test_a_port_that_is_open_and_one_that_is_closed(self):
        with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            one, other = server.getsockname()[1], closed.getsockname()[1]
            with mock.patch.object(self.program, "ping", return_value=None):
                self.assertEqual(
                    self.said({"127.0.0.1": [one, other]}),
                    [
                        {"address": "127.0.0.1", "does": f"accepts connections to TCP port {one}"},
                        {"address": "127.0.0.1", "does": f"refuses connections to TCP port {other}"},
                    ],
                )

    def test_silence(self):
        with mock.patch("socket.create_connection", side_effect=TimeoutError), mock.patch.object(self.program, "ping", return_value=None):
            self.assertEqual(self.said({"127.0.0.1": [22]}), [])

    def test_what_a_program_would_take_for_an_option_is_never_silent(self):
        with mock.patch("subprocess.run") as run, self.assertRaises(SystemExit) as ended:
            self.said({"-c": [22]})
        self.assertEqual((ended.exception.code, run.call_count), ("'-c' is not an address", 0))

    def test_the_modules_ask_the_same(self):
        """What knocks for a member's module finds what this program finds, with a ping and a port of the test's own."""
        addresses = ["127.0.0.3", "127.0.0.4"]
        with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.3", 8006)):
            ping = Path(folder, "ping")
            ping.write_text('#!/bin/sh\nfor last; do :; done\n[ "$last" = 127.0.0.4 ]\n')
            ping.chmod(0o755)
            with mock.patch.dict("os.environ", {"PATH": f"{folder}:/usr/bin:/bin"}):
                found = {f"{one['address']} {one['does']}" for one in self.said({address: list(PORTS) for address in addresses})}
                shell = subprocess.run(["sh", str(SHELL), *addresses], capture_output=True, text=True, check=True, timeout=30)
        self.assertEqual(set(shell.stdout.splitlines()), found)
        self.assertIn("127.0.0.3 accepts connections to TCP port 8006", found)
        self.assertIn("127.0.0.4 answers a ping", found)
        self.assertIn("127.0.0.4 refuses connections to TCP port 8006", found)

    def test_a_ping(self):
        done = mock.Mock(returncode=0)
        with mock.patch("subprocess.run", return_value=done) as run:
            self.assertEqual(self.said({"127.0.0.1": []}), [{"address": "127.0.0.1", "does": "answers a ping"}])
            self.assertEqual(run.call_args[0][0][-1], "127.0.0.1")
            done.returncode = 1
            self.assertEqual(self.said({"127.0.0.1": []}), [])
        with mock.patch("subprocess.run", side_effect=FileNotFoundError):
            self.assertEqual(self.said({"127.0.0.1": []}), [])


if __name__ == "__main__":
    unittest.main()
