# SPDX-License-Identifier: GPL-3.0-or-later
"""A group of daemons that agree on one state.

Messages reach all members in one order (corosync's closed process groups). When members
come or go, each sends its state, all choose the same leader from these, and the leader
sends the others what they lack; messages that arrive meanwhile wait until that is done.

A frame is: kind (1 byte), length of the header (4 bytes), header (JSON), payload.
"""

import errno
import json
import os
import struct
import time

from . import corosync, journal

NORMAL, SYNC_START, STATE, UPDATE, UPDATE_COMPLETE = range(1, 6)
START, START_SYNC, SYNCED, WAIT_FOR_UPDATES, LEAVE = "start", "start-sync", "synced", "update", "leave"

SEND_RETRY = 0.1
SEND_RETRIES = 100

_FRAME = struct.Struct("<BI")


def pack(kind, header, payload=b""):
    text = json.dumps(header, separators=(",", ":")).encode()
    return _FRAME.pack(kind, len(text)) + text + payload


def unpack(message):
    kind, length = _FRAME.unpack_from(message)
    header = json.loads(message[_FRAME.size:_FRAME.size + length])
    return kind, header, message[_FRAME.size + length:]


class SyncGroup:
    """`state` supplies what is agreed on:

    deliver(nodeid, local, operation, payload, sent) -> (result, keep going)
    get_state() -> JSON-able
    choose(states) -> (leader, members already equal), both as (nodeid, pid)
    updates(states) -> [(header, payload)] that the others lack
    commit(leader's state, [(header, payload)])
    changed(members)      after a change of members
    synced()              when this node has the agreed state
    """

    def __init__(self, loop, group_name, domain, state, has_updates):
        self.loop = loop
        self.group_name = group_name
        self.domain = domain
        self.state = state
        self.has_updates = has_updates
        self.mode = START
        self.connection = None
        self.nodeid = 0
        self.pid = 0
        self.joined = False
        self.members = []
        self.epoch_counter = 0
        self.epoch = None
        self.states = {}
        self.received = []
        self.all_synced = False
        self.queue = []
        self.sent_count = 0
        self.pending = {}  # number of the message -> function to call with its result
        self.outbox = []
        self.retries = 0
        self.blocked = False

    # --- connecting ---------------------------------------------------------------------

    def connect(self):
        """Joins the group and returns the descriptor to watch; raises `Failed`."""
        self.queue = []
        self.outbox = []
        self._abort_pending()
        if self.mode != START:
            self._set_mode(START)
        if self.connection is None:
            self.connection = corosync.Group(self.group_name, self._on_message, self._on_change)
            self.nodeid = self.connection.local_nodeid()
            self.pid = os.getpid()
        fd = self.connection.fileno()
        try:
            self.connection.join()
        except corosync.Failed:
            self.close()
            raise
        self.joined = True
        return fd

    def dispatch(self):
        """Delivers what has arrived; False when the connection has to be recreated."""
        try:
            while not self.blocked and self.mode != LEAVE and self.connection.dispatch_one():
                pass
        except corosync.Failed as failure:
            journal.crit(self.domain, f"cpg_dispatch failed: {failure.name}")
            self._leave()
            self.close()
            return False
        if self.mode == LEAVE:
            self._leave()
            return False
        return True

    def _leave(self):
        self.joined = False
        try:
            self.connection.leave()
        except corosync.Failed as failure:
            journal.crit(self.domain, f"cpg_leave failed: {failure.name}")

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None
        self.joined = False

    # --- sending ------------------------------------------------------------------------

    def send(self, operation, payload=b"", then=None):
        """Sends to all, itself included; `then` gets the result once it has come back."""
        if self.connection is None or not self.joined:
            number = corosync.BAD_HANDLE
            journal.crit(self.domain, f"cpg_send_message failed: {corosync.NAMES[number]}")
            if then:
                then(-errno.EACCES)
            return
        self.sent_count += 1
        if then:
            self.pending[self.sent_count] = then
        header = {"count": self.sent_count, "time": int(time.time()), "operation": operation}
        self._push(pack(NORMAL, header, payload))

    def _send_state(self, kind, header, payload=b""):
        self._push(pack(kind, {"epoch": self.epoch, **header}, payload))

    def _push(self, message):
        self.outbox.append(message)
        if len(self.outbox) == 1:
            self.retries = 0
            self._flush()

    def _flush(self):
        while self.outbox and self.connection is not None:
            try:
                self.connection.send(self.outbox[0])
            except corosync.Failed as failure:
                if failure.number == corosync.TRY_AGAIN and self.retries < SEND_RETRIES:
                    self.retries += 1
                    if self.retries % 10 == 0:
                        journal.notice(self.domain, f"cpg_send_message retry {self.retries}")
                    self.loop.after(SEND_RETRY, self._flush)
                    return
                if self.retries:
                    journal.notice(self.domain, f"cpg_send_message retried {self.retries} times")
                journal.crit(self.domain, f"cpg_send_message failed: {failure.name}")
                message = self.outbox.pop(0)
                kind, header, _ = unpack(message)
                then = self.pending.pop(header.get("count"), None) if kind == NORMAL else None
                self.retries = 0
                if then:
                    then(-errno.EACCES)
                continue
            if self.retries:
                journal.notice(self.domain, f"cpg_send_message retried {self.retries} times")
            self.retries = 0
            self.outbox.pop(0)

    def _abort_pending(self):
        pending, self.pending = self.pending, {}
        for then in pending.values():
            then(-errno.EACCES)

    # --- modes --------------------------------------------------------------------------

    def _set_mode(self, mode):
        if self.mode == mode:
            return
        self.mode = mode
        if mode == START:
            journal.notice(self.domain, "start cluster connection")
        elif mode == START_SYNC:
            journal.notice(self.domain, "starting data syncronisation")
        elif mode == SYNCED:
            journal.notice(self.domain, "all data is up to date")
            self.state.synced()
        elif mode == WAIT_FOR_UPDATES:
            journal.notice(self.domain, "waiting for updates from leader")
        elif mode == LEAVE:
            journal.crit(self.domain, "leaving CPG group")

    def is_lowest(self):
        return bool(self.members) and min(self.members)[0] == self.nodeid

    # --- members come and go ------------------------------------------------------------

    def _on_change(self, members, _left, joined):
        try:
            self._members_changed(members, joined)
        except Exception as failure:  # an exception in a callback of a C library would be lost
            journal.crit(self.domain, f"internal error: {failure!r}")
            self._set_mode(LEAVE)

    def _members_changed(self, members, joined):
        if self.mode == LEAVE:
            return
        own = (self.nodeid, self.pid)
        self.epoch_counter += 1
        self.epoch = [self.nodeid, self.pid, self.epoch_counter]
        if own in members or self.mode != START:
            journal.notice(self.domain, "members: " + ", ".join(f"{nodeid}/{pid}" for nodeid, pid in members))
        self.members = sorted(members)
        self.states, self.received = {}, []
        if own not in members:
            if self.mode != START:
                journal.notice(self.domain, f"we ({own[0]}/{own[1]}) left the process group")
                self._set_mode(LEAVE)
            return
        if len(members) > 1:
            if joined and self.queue:
                # the newcomers have not seen what waits here: everyone sends its own again
                journal.notice(self.domain, f"queue not emtpy - resening {len(self.queue)} messages")
                waiting, self.queue = self.queue, []
                for nodeid, pid, message in waiting:
                    if (nodeid, pid) == own:
                        self._push(message)
            self.all_synced = False
            self._set_mode(START_SYNC)
            if self.is_lowest():
                self._send_state(SYNC_START, {})
        else:
            self.all_synced = True
            self._set_mode(SYNCED)
            self._deliver_queue()
        self.state.changed(self.members)

    # --- messages arrive ----------------------------------------------------------------

    def _on_message(self, nodeid, pid, message):
        try:
            self._message(nodeid, pid, message)
        except Exception as failure:
            journal.crit(self.domain, f"internal error: {failure!r}")
            self._set_mode(LEAVE)

    def _message(self, nodeid, pid, message):
        if self.mode == LEAVE:
            return
        kind, header, payload = unpack(message)
        if kind == NORMAL:
            if self.mode == SYNCED and self.all_synced:
                self._deliver(nodeid, pid, header, payload)
            else:
                self.queue.append((nodeid, pid, message))
            return
        if kind == SYNC_START:
            if self.mode == START_SYNC:
                epoch = header["epoch"]
                journal.notice(self.domain, "received sync request (epoch {}/{}/{:08X})".format(*epoch))
                self.epoch = epoch
                self.states, self.received = {}, []
                self._send_state(STATE, {"state": self.state.get_state()})
            return
        if header["epoch"] != self.epoch:
            return  # belongs to an earlier attempt
        if kind == STATE and self.mode == START_SYNC:
            self.states[(nodeid, pid)] = header["state"]
            if set(self.states) == set(self.members):
                self._all_states()
        elif kind == UPDATE and self.mode == WAIT_FOR_UPDATES:
            self.received.append((header["entry"], payload))
        elif kind == UPDATE_COMPLETE:
            if self.mode == WAIT_FOR_UPDATES:
                self.state.commit(self.states, self.received)
                self.received = []
                self.all_synced = True
                self._set_mode(SYNCED)
            self.all_synced = True
            self._deliver_queue()

    def _all_states(self):
        journal.notice(self.domain, "received all states")
        own = (self.nodeid, self.pid)
        leader, equal = self.state.choose(self.states)
        complete = set(equal) | {leader} == set(self.members)
        if self.has_updates:
            journal.notice(self.domain, f"leader is {leader[0]}/{leader[1]}")
            others = [member for member in self.members if member in equal and member != leader]
            journal.notice(self.domain, "synced members: " + ", ".join(f"{n}/{p}" for n, p in [leader, *others]))
            if leader == own:
                updates = self.state.updates(self.states)
                journal.notice(self.domain, "start sending inode updates")
                for entry, payload in updates:
                    self._send_state(UPDATE, {"entry": entry}, payload)
                journal.notice(self.domain, f"sent all ({len(updates)}) updates")
                self._send_state(UPDATE_COMPLETE, {})
        if own == leader or own in equal:
            self.all_synced = complete
            self._set_mode(SYNCED)
            if complete:
                self._deliver_queue()
        else:
            self._set_mode(WAIT_FOR_UPDATES)

    # --- delivering ---------------------------------------------------------------------

    def _deliver_queue(self):
        if self.queue:
            journal.notice(self.domain, f"dfsm_deliver_queue: queue length {len(self.queue)}")
            self._deliver_waiting()

    def _deliver_waiting(self):
        while self.queue and self.mode == SYNCED and self.all_synced and not self.blocked:
            nodeid, pid, message = self.queue.pop(0)
            if (nodeid, pid) in self.members:
                _, header, payload = unpack(message)
                self._deliver(nodeid, pid, header, payload)
            else:
                journal.notice(self.domain, f"remove message from non-member {nodeid}/{pid}")

    def _deliver(self, nodeid, pid, header, payload):
        own = (nodeid, pid) == (self.nodeid, self.pid)
        then = self.pending.pop(header["count"], None) if own else None
        self.state.deliver(self, nodeid, own, header, payload, then or (lambda _: None))

    def block(self):
        """Nothing more is delivered until `unblock`: what was delivered last takes its time."""
        self.blocked = True

    def unblock(self):
        self.blocked = False
        self._deliver_waiting()

    def fail(self):
        """Gives up the connection; it is recreated, and the state agreed on again."""
        self._set_mode(LEAVE)
