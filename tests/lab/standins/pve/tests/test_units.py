# SPDX-License-Identifier: GPL-3.0-or-later
"""What decides in the stand-in for high availability, without a node: `python3 -m unittest tests/lab/standins/pve/tests/test_units.py`."""

import os
import socket
import sys
import unittest
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from pvestandin import crm, halists, haenv, hastatus, lrm, watchdog


class Clock:
    def __init__(self, case):
        self.now = 1000.0
        for name in ("monotonic", "time"):
            patch = mock.patch(f"time.{name}", lambda: self.now)
            patch.start()
            case.addCleanup(patch.stop)


class Watchdogs(unittest.TestCase):
    def setUp(self):
        self.clock = Clock(self)
        # By process: whether it has something to do, and how long it has run. A daemon between two rounds has nothing to do.
        self.processes = {}
        patch = mock.patch("pvestandin.watchdog.processor", lambda pid: self.processes.get(pid, (False, 0)))
        patch.start()
        self.addCleanup(patch.stop)
        self.mux = watchdog.Multiplexer()
        self.ours, self.theirs = self.client()

    def client(self, pid=None):
        pair = socket.socketpair()
        for end in pair:
            self.addCleanup(end.close)
        self.mux.add(pair[1])
        self.mux.fed[pair[1]].pid = pid
        return pair

    def feed(self):
        self.ours.send(b"\0")
        self.mux.take(self.theirs)

    def passes(self, seconds, step=1.0):
        for _ in range(round(seconds / step)):
            self.clock.now += step
            self.mux.look()

    def test_outages_add_up(self):
        self.feed()
        # 32 s without quorum, 4 s with it in which nobody has fed, 34 s without
        for seconds in (32, 4, 34):
            self.passes(seconds)
        self.assertEqual(self.mux.silence(), 70)
        self.feed()
        self.assertEqual(self.mux.silence(), 0)

    def test_silence_begins_when_it_was_fed_whenever_the_time_is_counted(self):
        self.clock.now += 0.75
        self.mux.look()
        self.feed()
        self.passes(10, step=0.25)
        # three quarters of a second are still to be counted
        self.assertEqual(self.mux.silence(), 9.25)
        self.clock.now += 0.75
        self.mux.look()
        self.assertEqual(self.mux.silence(), 10.75)

    def test_who_says_goodbye_is_not_waited_for_and_who_dies_is(self):
        self.ours.send(b"V")
        self.mux.take(self.theirs)
        self.passes(100)
        self.assertEqual(self.mux.silence(), 0)
        ours, theirs = self.client()
        self.passes(10)
        ours.close()
        self.mux.take(theirs)
        self.passes(60)
        self.assertEqual(self.mux.silence(), 70)

    def test_what_a_node_has_slept_through_is_not_silence(self):
        self.passes(10)
        self.clock.now += 100
        self.mux.look()
        self.assertEqual(self.mux.silence(), 12)
        self.passes(58)
        self.assertEqual(self.mux.silence(), 70)

    def test_who_waits_for_a_processor_is_not_silent_and_the_others_are(self):
        _ours, waits = self.client(7)
        _ours, works = self.client(8)
        self.processes = {7: (True, 5)}
        for second in range(70):
            self.processes[8] = (True, second)
            self.passes(1)
        # the first second is counted: only the next look tells that it has not run meanwhile
        self.assertEqual([self.mux.fed[one].silent for one in (self.theirs, waits, works)], [70, 1, 70])

    def test_a_process_is_asked_of_the_kernel(self):
        mock.patch.stopall()
        self.assertEqual(watchdog.processor(2**22 + 1), (False, None))
        ready, ran = watchdog.processor(os.getpid())
        self.assertTrue(ready and ran > 0, (ready, ran))


class Daemons(unittest.TestCase):
    """Both daemons over files that are a dictionary, and locks that are given or not."""

    def setUp(self):
        self.clock = Clock(self)
        self.status, self.records, self.known, self.commands, self.locked = {}, {}, {}, "", True
        replaced = {
            "pvestandin.haenv.works": lambda: self.locked, "pvestandin.cfs.mounted": lambda: True, "pvestandin.cfs.node_name": lambda: "pve1",
            "pvestandin.haenv.manager_status": lambda: self.status, "pvestandin.haenv.lrm_status": lambda node: self.records.get(node, {}),
            "pvestandin.haenv.resources": lambda: self.known, "pvestandin.haenv.nodes": lambda: {"pve1": True, "pve2": True},
            "pvestandin.haenv.guest_node": lambda sid: "pve1", "pvestandin.haenv.affinity": lambda sid: ({}, False),
            "pvestandin.haenv.Lock.get": lambda lock: self.locked, "pvestandin.haenv.Lock.release": lambda lock: None,
            "pvestandin.files.replace": lambda path, text, mode=0: None, "pvestandin.files.read": lambda path, default=None: self.commands,
            "os.makedirs": lambda path, exist_ok=False: None,
        }
        for name, value in replaced.items():
            patch = mock.patch(name, value)
            patch.start()
            self.addCleanup(patch.stop)
        self.held = []
        mock.patch.object(haenv.Watchdog, "open", lambda dog: self.held.append(dog) if dog not in self.held else None).start()
        mock.patch.object(haenv.Watchdog, "close", lambda dog: self.held.remove(dog) if dog in self.held else None).start()
        mock.patch.object(haenv.Watchdog, "feed", lambda dog: None).start()
        self.addCleanup(mock.patch.stopall)
        mock.patch("builtins.print").start()

    def manager(self):
        one = crm.Crm()
        one.once()
        self.status = one.status
        return one

    def test_a_node_with_services_holds_a_watchdog_and_keeps_it_without_quorum(self):
        one = lrm.Lrm()
        self.assertEqual((one.once(), one.state, self.held), (5, "wait_for_agent_lock", []))
        self.status = {"service_status": {"vm:101": {"node": "pve1", "state": "started", "uid": "a"}}}
        self.assertEqual((one.once(), one.state, self.held), (10, "active", [one.watchdog]))
        self.locked = False
        self.assertEqual((one.once(), one.state, self.held), (5, "lost_agent_lock", [one.watchdog]))
        # nothing to run by what this node knows is no reason to close it
        self.status = {}
        self.assertEqual((one.once(), one.state, self.held), (5, "lost_agent_lock", [one.watchdog]))
        self.locked = True
        self.assertEqual((one.once(), one.state), (10, "active"))

    def test_disarming_waits_for_every_node(self):
        self.known = {"vm:101": {"state": "started"}}
        one = self.manager()
        self.assertEqual((one.state, self.held), ("master", [one.watchdog]))
        self.commands = "disarm-ha freeze\n"
        one.once()
        self.commands = ""
        self.assertEqual(self.status["disarm"], {"mode": "freeze", "state": "disarming"})
        self.assertEqual(self.status["service_status"]["vm:101"]["state"], "freeze")
        released = {"mode": "disarm", "state": "wait_for_agent_lock"}
        self.records = {"pve1": released, "pve2": {"mode": "active", "state": "active"}}
        one.once()
        self.assertEqual((self.status["disarm"]["state"], self.held), ("disarming", [one.watchdog]))
        self.records["pve2"] = released
        one.once()
        self.assertEqual((self.status["disarm"]["state"], self.held), ("disarmed", []))
        self.commands = "arm-ha\n"
        one.once()
        self.commands = ""
        self.assertEqual((self.status.get("disarm"), self.held), (None, []))
        one.once()
        self.assertEqual((self.status["service_status"]["vm:101"]["state"], self.held), ("started", [one.watchdog]))

    def test_a_resource_manager_lets_go_when_disarmed_and_frozen(self):
        one = lrm.Lrm()
        self.status = {"service_status": {"vm:101": {"node": "pve1", "state": "started", "uid": "a"}}}
        one.once()
        self.status = {"disarm": {"mode": "freeze", "state": "disarming"}, "service_status": {"vm:101": {"node": "pve1", "state": "freeze", "uid": "b"}}}
        one.once()
        self.assertEqual((one.mode, one.state, self.held), ("disarm", "wait_for_agent_lock", []))
        self.assertEqual(one.once(), 5)
        self.assertEqual(one.state, "wait_for_agent_lock")

    def test_what_is_told(self):
        self.records = {"pve1": {"mode": "active", "state": "active", "timestamp": 995}, "pve2": {"mode": "active", "state": "wait_for_agent_lock", "timestamp": 900}}
        self.status = {"master_node": "pve1", "timestamp": 995, "node_status": {"pve1": "online", "pve2": "online"}, "service_status": {}}
        with mock.patch("pvestandin.hastatus.quorum", lambda: {"id": "quorum", "type": "quorum", "status": "OK"}):
            told = {entry["id"]: entry for entry in hastatus.entries()}
            self.assertEqual(told["fencing"]["armed-state"], "armed")
            self.assertRegex(told["lrm:pve1"]["status"], r"^pve1 \(active, watchdog active, ")
            self.assertRegex(told["lrm:pve2"]["status"], r"^pve2 \(old timestamp - dead\?, watchdog standby, ")
            # the master is dead: PVE says standby although a watchdog runs
            self.clock.now += 40
            self.assertEqual({entry["id"]: entry for entry in hastatus.entries()}["fencing"]["armed-state"], "standby")


class Rules(unittest.TestCase):
    def test_rules_are_checked_against_each_other(self):
        first = ["node-affinity", "one", {"nodes": "pve1,pve3:2", "resources": "vm:101"}]
        second = ["node-affinity", "two", {"nodes": "pve2", "resources": "vm:101,vm:102"}]
        self.assertEqual(halists._errors([first], first), [])
        self.assertEqual(halists._errors([first, second], second), ["resource 'vm:101' is already used in another node affinity rule"])
        apart = ["resource-affinity", "apart", {"affinity": "negative", "resources": "vm:101,vm:103"}]
        self.assertEqual(halists._errors([first, apart], apart), ["resources are in node affinity rules with multiple priorities"])
        second[2]["disable"] = ""
        self.assertEqual(halists._errors([first, second], first), [])


if __name__ == "__main__":
    unittest.main()
