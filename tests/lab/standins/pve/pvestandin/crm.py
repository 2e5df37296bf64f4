# SPDX-License-Identifier: GPL-3.0-or-later
"""pve-ha-crm: one of them is the master, who holds the manager's lock and decides where services run, what a command asks for, and
which node is fenced. While it is the master its node has a watchdog, which it closes by itself when the lock is lost.
"""

import base64
import json
import os
import signal
import time

from . import cfs, files, haenv
from .errors import PveError

FENCE_SECONDS = 60
IDLE_ROUNDS = 90


def _uid():
    return base64.b64encode(os.urandom(16)).decode().rstrip("=")


class Crm:
    def __init__(self):
        self.node = cfs.node_name()
        self.lock = haenv.Lock(haenv.MANAGER_LOCK)
        self.watchdog = haenv.Watchdog()
        self.state = "wait_for_quorum"
        self.status = {}
        self.offline = {}
        self.fencing = {}
        self.idle = 0
        self.ending = False

    def _change(self, state):
        if state != self.state:
            print(f"status change {self.state} => {state}", flush=True)
            self.state = state

    def once(self):
        """One round; answers for how many seconds it sleeps afterwards."""
        if self.state == "master":
            if self.lock.get():
                return self._manage()
            self._change("lost_manager_lock")
            self.watchdog.close()
            self._change("wait_for_quorum")
            return 5
        if not haenv.works():
            self._change("wait_for_quorum")
            return 5
        if self._needed() and self.lock.get():
            self._take_over()
            return self._manage()
        self._change("slave")
        return 5

    @staticmethod
    def _needed():
        wanted = [one for one in haenv.resources().values() if one["state"] != "ignored"]
        return bool(wanted or haenv.manager_status().get("service_status"))

    def _take_over(self):
        self._change("master")
        self.status = haenv.manager_status()
        self.status["master_node"] = self.node
        self.offline, self.fencing, self.idle = {}, {}, 0
        if not self._disarmed():
            self.watchdog.open()

    def _disarmed(self):
        return (self.status.get("disarm") or {}).get("state") == "disarmed"

    # One round of the master.

    def _manage(self):
        self.watchdog.feed()
        nodes = haenv.nodes() or {self.node: True}
        states = self.status.setdefault("node_status", {})
        services = self.status.setdefault("service_status", {})
        self._watch_nodes(nodes, states, services)
        was_disarmed = bool(self.status.get("disarm"))
        self._take_commands(nodes)
        if was_disarmed and not self.status.get("disarm"):
            # Services and the watchdog follow in the next round.
            self.status["timestamp"] = int(time.time())
            self._write()
            return 10
        known = haenv.resources()
        for sid in [sid for sid in services if sid not in known]:
            del services[sid]
        for sid, wanted in known.items():
            if wanted["state"] == "ignored":
                services.pop(sid, None)
            else:
                self._service(sid, wanted["state"], services, states)
        self._arm(states, services)
        self.idle = 0 if services else self.idle + 1
        if self.idle > IDLE_ROUNDS:
            self._give_up()
            return 5
        self.status["timestamp"] = int(time.time())
        self._write()
        return 10

    def _write(self):
        os.makedirs(haenv.HA, exist_ok=True)
        files.replace(haenv.MANAGER, json.dumps(self.status, separators=(",", ":")), 0o640)

    def _watch_nodes(self, nodes, states, services):
        now = time.monotonic()
        for node in [*nodes, *(node for node in states if node not in nodes)]:
            before = states.get(node, "online")
            if node not in nodes:
                states[node] = "gone"
            elif before == "fence":
                # Its lock is free when it was reset, even where it is back already.
                if self._lock_of(node).get():
                    self._lock_of(node).release()
                    self._recover(node, nodes, services)
                    states[node] = "unknown"
            elif nodes[node]:
                self.offline.pop(node, None)
                request = (self.status.get("node_request") or {}).get(node) or {}
                lrm = haenv.lrm_status(node)
                there = lrm.get("mode") == "maintenance" and (request.get("maintenance") or before == "maintenance")
                states[node] = "maintenance" if there else "online"
            else:
                since = self.offline.setdefault(node, now)
                theirs = [sid for sid, one in services.items() if one["node"] == node]
                late = now - since >= FENCE_SECONDS and theirs and not self.status.get("disarm")
                states[node] = "fence" if late else "unknown"
                for sid in theirs if late else ():
                    services[sid] |= {"state": "fence", "uid": _uid()}

    def _lock_of(self, node):
        return self.fencing.setdefault(node, haenv.Lock(f"ha_agent_{node}_lock"))

    def _recover(self, node, nodes, services):
        """The node is certainly off: what ran there runs elsewhere."""
        for sid, one in services.items():
            if one["node"] != node or one["state"] != "fence":
                continue
            target = self._best(sid, [name for name, online in nodes.items() if online], None)
            if target is None:
                continue
            try:
                haenv.move_guest(sid, node, target)
            except OSError as error:
                print(f"unable to recover {sid}: {error.strerror}", flush=True)
                continue
            services[sid] = {"node": target, "state": "request_start", "uid": _uid()}

    @staticmethod
    def _best(sid, online, current):
        wanted, strict = haenv.affinity(sid)
        usable = {node: priority for node, priority in wanted.items() if node in online}
        if usable:
            highest = max(usable.values())
            best = sorted(node for node, priority in usable.items() if priority == highest)
        elif strict:
            return None
        else:
            best = sorted(online)
        return current if current in best else next(iter(best), None)

    def _take_commands(self, nodes):
        lines = files.read(haenv.COMMANDS, "").splitlines()
        if not lines:
            return
        files.replace(haenv.COMMANDS, "", 0o640)
        for words in map(str.split, lines):
            if words[:1] == ["disarm-ha"] and len(words) == 2:
                if not self.status.get("disarm"):
                    self.status["disarm"] = {"mode": words[1], "state": "disarming"}
            elif words == ["arm-ha"]:
                self.status.pop("disarm", None)
            elif words[:1] in (["enable-node-maintenance"], ["disable-node-maintenance"]) and words[1:2] and words[1] in nodes:
                request = self.status.setdefault("node_request", {}).setdefault(words[1], {})
                if words[0].startswith("enable"):
                    request["maintenance"] = 1
                else:
                    request.pop("maintenance", None)
            elif words[:1] in (["migrate"], ["relocate"]) and len(words) == 3:
                one = self.status["service_status"].get(words[1])
                if one and one["state"] == "started" and nodes.get(words[2]) and words[2] != one["node"]:
                    one |= {"state": words[0], "target": words[2], "uid": _uid()}
            else:
                print(f"unable to parse command: {' '.join(words)}", flush=True)

    def _service(self, sid, wanted, services, states):
        one = services.get(sid)
        if one is None:
            node = haenv.guest_node(sid)
            if node is None:
                return
            one = services[sid] = {"node": node, "state": "request_start" if wanted == "started" else "request_stop", "uid": _uid()}
        if one["state"] == "fence":
            return
        lrm = haenv.lrm_status(one["node"])
        result = (lrm.get("results") or {}).get(one["uid"])
        disarm = self.status.get("disarm")
        held = disarm and disarm.get("mode") == "freeze" or lrm.get("mode") == "restart" and states.get(one["node"]) == "online"
        if held:
            if one["state"] != "freeze":
                services[sid] = {"node": one["node"], "state": "freeze", "uid": _uid()}
            return
        if disarm:
            return
        if one["state"] == "freeze":
            one |= {"state": "request_start" if wanted == "started" else "request_stop", "uid": _uid()}
        if one["state"] in ("migrate", "relocate"):
            if result and result.get("exit_code") == 0:
                services[sid] = one = {"node": one["target"], "state": "request_start", "uid": _uid(),
                                       **({"maintenance_node": one["maintenance_node"]} if "maintenance_node" in one else {})}
            else:
                return
        if wanted != "started":
            if one["state"] in ("request_start", "started"):
                one |= {"state": "request_stop", "uid": _uid()}
                one.pop("running", None)
            elif one["state"] == "request_stop" and result:
                one |= {"state": "stopped", "uid": _uid()}
            return
        if one["state"] in ("request_start", "stopped", "request_stop"):
            one |= {"state": "started", "uid": _uid()}
            return
        if one["state"] == "started" and result and result.get("exit_code") == 0:
            one["running"] = 1
        self._place(sid, one, states)

    def _place(self, sid, one, states):
        """Move what would be better off elsewhere: its node is in maintenance or not the one that a rule prefers."""
        online = [node for node, state in states.items() if state == "online"]
        back = one.get("maintenance_node")
        if back in online:
            one.pop("maintenance_node")
            target = back
        else:
            target = self._best(sid, online, one["node"] if one["node"] in online else None)
            if target and states.get(one["node"]) == "maintenance":
                one["maintenance_node"] = back or one["node"]
        if target and target != one["node"] and states.get(one["node"]) in ("online", "maintenance"):
            one |= {"state": "migrate", "target": target, "uid": _uid()}
            one.pop("running", None)

    def _arm(self, states, services):
        disarm = self.status.get("disarm")
        if not disarm:
            self.watchdog.open()
            self.watchdog.feed()
            return
        if disarm["state"] == "disarming":
            present = [node for node, state in states.items() if state in ("online", "maintenance")]
            records = [haenv.lrm_status(node) for node in present]
            frozen = disarm["mode"] != "freeze" or all(one["state"] == "freeze" for one in services.values())
            if frozen and all(one.get("mode") == "disarm" and one.get("state") == "wait_for_agent_lock" for one in records):
                disarm["state"] = "disarmed"
        if disarm["state"] == "disarmed":
            self.watchdog.close()

    def _give_up(self):
        self.lock.release()
        self.watchdog.close()
        self._change("slave")

    def stop(self, _number, _frame):
        self.ending = True


def main():
    """The daemon."""
    os.umask(0o027)
    crm = Crm()
    signal.signal(signal.SIGTERM, crm.stop)
    print("status change startup => wait_for_quorum", flush=True)
    while not crm.ending:
        begun = time.monotonic()
        try:
            seconds = crm.once()
        except (OSError, PveError, ValueError, KeyError) as error:
            print(f"got unexpected error - {error}", flush=True)
            seconds = 5
        while not crm.ending and time.monotonic() < begun + seconds:
            time.sleep(min(0.5, max(0.0, begun + seconds - time.monotonic())))
    if crm.state == "master":
        crm.lock.release()
    crm.watchdog.close()
