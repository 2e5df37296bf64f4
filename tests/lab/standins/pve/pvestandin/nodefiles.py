# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything a node needs below /etc/pve and /root/.ssh: `pvecm updatecerts`, and the last part of a join."""

import os
import sys
import time

from . import certs, cfs, files, paths, ssh
from .errors import PveError

VZDUMP_CRON = (
    "# cluster wide vzdump cron schedule\n"
    "# Automatically generated file - do not edit\n\n"
    'PATH="/usr/sbin:/usr/bin:/sbin:/bin"\n'
)

# What an installation leaves behind.
DATACENTER = "keyboard: en-us\n"
USERS = "user:root@pam:1:0:::root@localhost.lan::\n"
STORAGE = (
    "dir: local\n\tpath /var/lib/vz\n\tcontent iso,vztmpl,backup,import\n\n"
    "lvmthin: local-lvm\n\tthinpool data\n\tvgname pve\n\tcontent rootdir,images\n\n"
)

WITHOUT_QUORUM = (
    "got timeout when trying to ensure cluster certificates and base file hierarchy is set up"
    " - no quorum (yet) or hung pmxcfs?\n"
)
PATIENCE = 80


def link_vzdump_cron():
    link = "/etc/cron.d/vzdump"
    if not os.path.islink(link) and os.path.isdir("/etc/cron.d"):
        if os.path.exists(link):
            os.unlink(link)
        os.symlink(f"{paths.CLUSTER_DIR}/vzdump.cron", link)


def write_vzdump_cron():
    target = f"{paths.CLUSTER_DIR}/vzdump.cron"
    if not files.exists(target):
        files.replace(target, VZDUMP_CRON)


def make_local():
    ssh.write_root_config()
    ssh.make_root_key()
    link_vzdump_cron()


def make_cluster_wide(force, say):
    """`say` is told which step begins. Needs quorum."""
    node = cfs.node_name()
    ssh.prepare()
    say("(re)generate node files")
    if force:
        say("generate new node certificate")
    certs.make_node_files(node, ssh.own_address(), force)
    say("merge authorized SSH keys")
    ssh.merge_keys()
    ssh.write_node_known_hosts(node)
    write_vzdump_cron()


def after_join():
    make_local()
    # Quorum comes some milliseconds before the files do. The real program is slower to get here than this one.
    time.sleep(0.25)
    if not cfs.quorate():
        raise PveError("no quorum - unable to update files\n")
    make_cluster_wide(True, lambda step: print(step, flush=True))


def update(force, silent, unmerge):
    """`pvecm updatecerts`: waits for quorum, but not for ever. Says little unless someone is watching."""
    make_local()
    deadline = time.monotonic() + PATIENCE
    while not cfs.quorate():
        if time.monotonic() >= deadline:
            if silent:
                sys.stderr.write(WITHOUT_QUORUM)
                return
            raise PveError(WITHOUT_QUORUM, code=4)
        time.sleep(0.25)
    watched = sys.stdout.isatty() and not silent

    def say(step):
        if watched or (force and not silent and not step.startswith("merge")):
            print(step, flush=True)

    if unmerge:
        ssh.unmerge_known_hosts()
    make_cluster_wide(force, say)
    certs.make_observed_directories()


def install_defaults():
    """Once in the life of a node, what the installer writes."""
    for name, text in (("datacenter.cfg", DATACENTER), ("user.cfg", USERS), ("storage.cfg", STORAGE)):
        target = f"{paths.CLUSTER_DIR}/{name}"
        if not files.exists(target):
            files.replace(target, text)
