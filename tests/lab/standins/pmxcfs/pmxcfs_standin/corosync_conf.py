# SPDX-License-Identifier: GPL-3.0-or-later
"""Copying /etc/pve/corosync.conf to /etc/corosync/corosync.conf."""

import os
import re

from . import journal
from .paths import COROSYNC_CONF

# a second for the file to reach the other nodes
RELOAD_COMMAND = "sleep 1; exec corosync-cfgtool -R"

# the first match anywhere in the text counts, also one in a comment
_VERSION = re.compile(rb"config_version\s*:\s*(\d+)")


def config_version(content):
    match = _VERSION.search(content)
    return int(match[1]) if match else 0


def plan(content, local):
    """What to do with `content` from /etc/pve when /etc/corosync has `local` (None: no file).

    ("nothing" | "unparsable" | "older" | "write", version, whether corosync must reload)
    """
    if not content:
        return "nothing", 0, False
    version = config_version(content)
    if not version:
        return "unparsable", 0, False
    if content == local:
        return "nothing", version, False
    local_version = config_version(local) if local else 0
    if version < local_version:
        return "older", version, False
    return "write", version, local_version > 0


def copy(content):
    """Copies unless the local file is newer; whether corosync has something to reload."""
    try:
        with open(COROSYNC_CONF, "rb") as file:
            local = file.read()
    except FileNotFoundError:
        local = None
    except OSError as failure:
        journal.crit("dcdb", f"unable to read cluster config file '{COROSYNC_CONF}' - {failure.strerror}")
        local = None
    action, version, reload = plan(content, local)
    if action == "unparsable":
        journal.crit("dcdb", "unable to parse cluster config_version")
    elif action == "older":
        journal.crit("dcdb", "local corosync.conf is newer")
    elif action == "write":
        temporary = f"{COROSYNC_CONF}.tmp.{os.getpid()}"
        try:
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            with open(fd, "wb") as file:
                os.fchmod(fd, 0o644)
                file.write(content)
            os.rename(temporary, COROSYNC_CONF)
        except OSError as failure:
            journal.crit("dcdb", f"unable to write '{COROSYNC_CONF}' - {failure.strerror}")
            return False
        journal.notice("dcdb", f"wrote new corosync config '{COROSYNC_CONF}' (version = {version})")
        return reload
    return False


def report_reload(status):
    if status != 0:
        journal.crit("dcdb", f"corosync-cfgtool -R failed with exit code {status}")
