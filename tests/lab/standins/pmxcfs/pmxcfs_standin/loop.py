# SPDX-License-Identifier: GPL-3.0-or-later
"""One thread waiting for descriptors and timers."""

import heapq
import itertools
import selectors
import time


class Loop:
    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.timers = []
        self.counter = itertools.count()
        self.running = True

    def watch(self, fd, function):
        self.selector.register(fd, selectors.EVENT_READ, function)

    def forget(self, fd):
        try:
            self.selector.unregister(fd)
        except (KeyError, ValueError):
            pass

    def after(self, seconds, function):
        heapq.heappush(self.timers, (time.monotonic() + seconds, next(self.counter), function))

    def stop(self):
        self.running = False

    def run(self):
        while self.running:
            wait = max(0, self.timers[0][0] - time.monotonic()) if self.timers else None
            for key, _ in self.selector.select(wait):
                if self.running and key.fd in self.selector.get_map():
                    key.data()
            while self.running and self.timers and self.timers[0][0] <= time.monotonic():
                heapq.heappop(self.timers)[2]()
