# SPDX-License-Identifier: GPL-3.0-or-later
"""`pvecm qdevice`: the tools of corosync-qdevice on every member and of corosync-qnetd on the external host."""

import os
import re
import shutil
import subprocess

from . import admission, cfs, conf, paths
from .errors import PveError
from .run import run

BASE = "/etc/corosync/qdevice/net"
STORE = f"{BASE}/nssdb"
SERVER_STORE = "/etc/corosync/qnetd/nssdb"
CA = "qnetd-cacert.crt"
REQUEST = "qdevice-net-node.crq"
BUNDLE = "qdevice-net-node.p12"
SSH = ["ssh", "-o", "BatchMode=yes", "-lroot"]
SCP = ["scp", "-q", "-o", "BatchMode=yes"]


def say(text):
    print(text, flush=True)


def _members():
    nodelist = cfs.members().get("nodelist", {})
    return [(name, nodelist[name]) for name in sorted(nodelist)]


def _require_all_online():
    for name, entry in _members():
        if not entry.get("online"):
            raise PveError(f"All nodes must be online! Node {name} is offline, aborting.\n")


def _on_every_member(words, label=True, strict=True):
    for name, entry in _members():
        # By address, with what root knows of host keys: the pinned ones of PVE's own tunnels are not asked.
        command = SSH + [entry["ip"]] + words
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
        for line in done.stdout.decode(errors="replace").splitlines():
            say(f"node '{name}': {line}" if label else line)
        if strict and done.returncode != 0:
            raise PveError(f"command '{' '.join(command)}' failed: exit code {done.returncode}\n", code=1)


def _step(command):
    if subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode != 0:
        raise PveError(f"command '{' '.join(command)}' failed: exit code 1\n", code=1)


def setup(address, force):
    cfs.require_conf()
    _require_all_online()
    document = conf.load()
    quorum = (document.main or {}).get("quorum", {})
    if "device" in quorum and not force:
        raise PveError("QDevice already configured!\n")
    algorithm = "ffsplit"
    if len(_members()) % 2:
        if not force:
            raise PveError("Clusters with an odd node count are not officially supported!\n")
        algorithm = "lms"
    _step(["ssh-copy-id", "-i", paths.ROOT_KEY, f"root@{address}"])
    if os.path.isdir(STORE):
        if not force:
            raise PveError("QDevice certificate store already initialised, set force to delete!\n")
        shutil.rmtree(STORE)
    cluster = document.totem["cluster_name"]
    say("\nINFO: initializing qnetd server\n")
    subprocess.run(SSH + [address, "corosync-qnetd-certutil", "-i"], stdin=subprocess.DEVNULL, check=False)
    say("INFO: copying CA cert and initializing on all nodes\n")
    run(SCP + [f"root@[{address}]:{SERVER_STORE}/{CA}", f"/etc/pve/{CA}"])
    _on_every_member(["corosync-qdevice-net-certutil", "-i", "-c", f"/etc/pve/{CA}"], strict=False)
    os.unlink(f"/etc/pve/{CA}")
    say("INFO: generating cert request")
    _step(["corosync-qdevice-net-certutil", "-r", "-n", cluster])
    say("\nINFO: copying exported cert request to qnetd server\n")
    run(SCP + [f"{STORE}/{REQUEST}", f"root@[{address}]:/tmp"])
    say("INFO: sign and export cluster cert")
    _step(SSH + [address, "corosync-qnetd-certutil", "-s", "-c", f"/tmp/{REQUEST}", "-n", cluster])
    say("\nINFO: copy exported CRT\n")
    run(SCP + [f"root@[{address}]:{SERVER_STORE}/cluster-{cluster}.crt", STORE])
    say("INFO: import certificate")
    _step(["corosync-qdevice-net-certutil", "-M", "-c", f"{STORE}/cluster-{cluster}.crt"])
    say("\nINFO: copy and import pk12 cert to all nodes\n")
    run(SCP + [f"{STORE}/{BUNDLE}", "/etc/pve/"])
    _on_every_member(["corosync-qdevice-net-certutil", "-m", "-c", f"/etc/pve/{BUNDLE}"])
    os.unlink(f"/etc/pve/{BUNDLE}")
    say("INFO: add QDevice to cluster configuration")

    def change():
        fresh = conf.load()
        if "device" in (fresh.main or {}).get("quorum", {}):
            # not even with force
            raise PveError("Qdevice already configured, must be removed before setting up new one!\n")
        net = {"algorithm": algorithm, "host": address, "tls": "on"}
        device = {"model": "net", "net": net}
        if algorithm == "ffsplit":
            device["votes"] = 1
        fresh.main.setdefault("quorum", {})["device"] = device
        conf.save(fresh)

    cfs.locked(admission.CONF_LOCK, 10, change)
    for name, entry in _members():
        say(f"\nINFO: start and enable corosync qdevice daemon on node '{name}'...")
        for verb in ("start", "enable"):
            _step(SSH + [entry["ip"], "systemctl", verb, "corosync-qdevice"])
    _step(["corosync-cfgtool", "-R"])


def remove():
    cfs.require_conf()
    _require_all_online()
    if "device" not in (conf.load().main or {}).get("quorum", {}):
        raise PveError("No QDevice configured!\n")

    def change():
        document = conf.load()
        document.main["quorum"].pop("device", None)
        conf.save(document)
        for _name, entry in _members():
            _step(SSH + [entry["ip"], "--", "rm", "-rf", "/etc/corosync/qdevice"])

    cfs.locked(admission.CONF_LOCK, 10, change)
    for _name, entry in _members():
        for verb in ("stop", "disable"):
            _step(SSH + [entry["ip"], "systemctl", verb, "corosync-qdevice"])
    _step(["corosync-cfgtool", "-R"])
    say("\nRemoved Qdevice.")


def status():
    """The lines of `corosync-qdevice-tool -sv` that the API passes on."""
    wanted = ("Algorithm", "Last poll call", "Model", "QNetd host", "State", "Tie-breaker")
    done = subprocess.run(["corosync-qdevice-tool", "-sv"], capture_output=True, check=False)
    found = {}
    for line in done.stdout.decode(errors="replace").splitlines():
        match = re.match(r"^([^:\s][^:]*):\s*(.*)$", line)
        if match and match.group(1) in wanted:
            found[match.group(1)] = match.group(2).strip()
    return found
