# SPDX-License-Identifier: GPL-3.0-or-later
"""pve-ha-lrm: looks after the services of this node. While it has any it holds the node's lock and its watchdog, which it feeds after
each renewal of the lock; without quorum there is none. Starting and stopping a guest is all in the books: there are no guests.
"""

import json
import os
import signal
import subprocess
import time

from . import cfs, files, haenv
from .errors import PveError

# After how many rounds without a running service the lock and the watchdog are given back: ten minutes.
IDLE_ROUNDS = 60


class Lrm:
    def __init__(self):
        self.node = cfs.node_name()
        self.lock = haenv.Lock(f"ha_agent_{self.node}_lock")
        self.watchdog = haenv.Watchdog()
        self.state, self.mode, self.results = "wait_for_agent_lock", "active", {}
        self.idle = 0
        self.asked_to_stop = None

    # What there is.

    def services(self, status):
        return {sid: one for sid, one in (status.get("service_status") or {}).items() if one.get("node") == self.node}

    def _running(self, status):
        return [sid for sid, one in self.services(status).items() if one["state"] not in ("stopped", "freeze", "fence", "error")]

    def _mode(self, status):
        if self.asked_to_stop:
            return self.asked_to_stop
        if status.get("disarm"):
            return "disarm"
        if ((status.get("node_request") or {}).get(self.node) or {}).get("maintenance"):
            return "maintenance"
        return "active"

    # What it does.

    def _change(self, state):
        if state != self.state:
            print(f"status change {self.state} => {state}", flush=True)
            self.state = state

    def _let_go(self, state="wait_for_agent_lock"):
        self.lock.release()
        self.watchdog.close()
        self._change(state)

    def work(self, status):
        """Do what the master decided for the services here."""
        for sid, one in self.services(status).items():
            uid = one.get("uid")
            if uid in self.results or one["state"] in ("freeze", "fence", "stopped", "error"):
                continue
            if one["state"] in ("migrate", "relocate"):
                try:
                    haenv.move_guest(sid, self.node, one["target"])
                except OSError as error:
                    print(f"unable to migrate {sid}: {error.strerror}", flush=True)
                    continue
            done = {"request_start": "started", "request_stop": "stopped"}.get(one["state"], one["state"])
            self.results[uid] = {"sid": sid, "state": done, "exit_code": 0}
        known = {one.get("uid") for one in self.services(status).values()}
        self.results = {uid: result for uid, result in self.results.items() if uid in known or len(self.results) < 8}

    def write(self):
        """Its record, which cannot be written without quorum."""
        if not haenv.works():
            return
        text = json.dumps({"mode": self.mode, "state": self.state, "results": self.results, "timestamp": int(time.time())},
                          separators=(",", ":"))
        try:
            files.replace(haenv.lrm_path(self.node), text, 0o640)
        except OSError as error:
            print(f"unable to write lrm status file - {error.strerror}", flush=True)

    def once(self):
        """One round; answers for how many seconds it sleeps afterwards, or nothing when it is to end."""
        status = haenv.manager_status() if cfs.mounted() else {}
        self.mode = self._mode(status)
        if self.state == "wait_for_agent_lock":
            if self.asked_to_stop:
                self.write()
                return None
            ready = haenv.works() and self.mode != "disarm" and self._running(status)
            if ready and self.lock.get():
                self.watchdog.open()
                self.watchdog.feed()
                self.idle = 0
                self._change("active")
            else:
                self.write()
                return 5
        elif self.state == "lost_agent_lock" and self.lock.get():
            self._change("active")
        if self.state in ("active", "maintenance"):
            return self._active(status)
        # The watchdog runs on, and will fire unless the lock comes back; who is told to end and has nothing to run may close it.
        if self.state == "lost_agent_lock" and self.asked_to_stop and not self._running(status):
            self._let_go()
        return 5

    def _active(self, status):
        if not self.lock.get():
            self._change("lost_agent_lock")
            return 5
        self.watchdog.feed()
        frozen = all(one["state"] == "freeze" for one in self.services(status).values())
        if self.mode == "disarm" and (frozen or status["disarm"].get("mode") == "ignore"):
            self._let_go()
        elif self.asked_to_stop and (frozen or self.asked_to_stop == "shutdown"):
            self.write()
            self._let_go(self.state)
            return None
        else:
            self.work(status)
            self._change("maintenance" if self.mode == "maintenance" else "active")
            running = self._running(status)
            self.idle = 0 if running else self.idle + 1
            if self.mode == "maintenance" and not running:
                self.watchdog.close()
            elif self.mode == "active":
                self.watchdog.open()
                self.watchdog.feed()
                if self.idle > IDLE_ROUNDS:
                    self._let_go()
        self.write()
        return 5 if self.asked_to_stop or self.state != "active" else 10

    def stop(self, _number, _frame):
        """Told to end: as a restart, for which services are frozen, or because the machine goes off."""
        jobs = subprocess.run(["systemctl", "list-jobs", "--plain", "--no-legend"], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False).stdout
        off = any(unit in jobs for unit in ("poweroff.target", "halt.target"))
        self.asked_to_stop = "shutdown" if off else "restart"


def main():
    """The daemon."""
    os.umask(0o027)
    lrm = Lrm()
    signal.signal(signal.SIGTERM, lrm.stop)
    print("status change startup => wait_for_agent_lock", flush=True)
    while True:
        begun = time.monotonic()
        try:
            seconds = lrm.once()
        except (OSError, PveError, ValueError, KeyError) as error:
            print(f"got unexpected error - {error}", flush=True)
            seconds = 5
        if seconds is None:
            return
        end = begun + seconds
        asked = lrm.asked_to_stop
        while time.monotonic() < end and lrm.asked_to_stop == asked:
            time.sleep(min(0.5, max(0.0, end - time.monotonic())))
