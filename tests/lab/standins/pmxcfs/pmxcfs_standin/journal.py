# SPDX-License-Identifier: GPL-3.0-or-later
"""Log lines as pmxcfs writes them: `[domain] notice: text`.

Until the daemon has forked, each line also goes to stderr, which systemd puts into the
journal once more: that is why the first lines of a start appear twice in the recordings.
"""

import sys
import syslog

_to_stderr = True


def open_log():
    syslog.openlog("pmxcfs", syslog.LOG_PID, syslog.LOG_DAEMON)


def detach_stderr():
    global _to_stderr
    _to_stderr = False


def _log(priority, word, domain, text):
    line = f"[{domain}] {word}: {text}"
    syslog.syslog(priority, line)
    if _to_stderr:
        print(line, file=sys.stderr, flush=True)


def notice(domain, text):
    _log(syslog.LOG_NOTICE, "notice", domain, text)


def crit(domain, text):
    _log(syslog.LOG_CRIT, "crit", domain, text)
