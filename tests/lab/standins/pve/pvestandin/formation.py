# SPDX-License-Identifier: GPL-3.0-or-later
"""Creating a cluster and joining one. Runs in a worker, on the node that becomes a member."""

import gzip
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time

from . import admission, apiclient, certs, cfs, conf, files, nodefiles, paths, ssh
from .errors import PveError
from .run import quiet, run


def say(text):
    print(text, flush=True)


def warn(text):
    print(text, file=sys.stderr, flush=True)


def refuse_second_cluster():
    if files.exists(paths.CLUSTER_CONF):
        raise PveError(f"cluster config '{paths.CLUSTER_CONF}' already exists\n")


def create(parameters):
    def work():
        node = cfs.node_name()
        ssh.allow_root_login()
        ssh.write_root_config()
        ssh.prepare()
        if not files.exists(paths.AUTHKEY):
            run(["/usr/sbin/corosync-keygen", "-lk", paths.AUTHKEY])
        links = {
            number: (link["address"], link.get("priority")) for number, link in parameters["links"].items()
        } or {0: (ssh.own_address(), None)}
        votes = parameters.get("votes")
        document = conf.create(
            parameters["clustername"],
            node,
            links,
            parameters.get("nodeid") or 1,
            1 if votes is None else votes,
            parameters.get("token-coefficient", 125),
        )
        say(f"Writing corosync config to {paths.CLUSTER_CONF}")
        conf.save(document, increase=False)
        address = ssh.own_address()
        ssh.merge_keys()
        certs.make_node_files(node, address)
        ssh.merge_known_hosts(node, address)
        say("Restart corosync and cluster filesystem")
        run(["systemctl", "restart", "corosync", "pve-cluster"])

    cfs.file_locked(paths.LOCK, 10, work)


def check_this_node(links, force):
    errors = []
    if files.exists(paths.AUTHKEY):
        errors.append(f"authentication key '{paths.AUTHKEY}' already exists")
    if files.exists(paths.CLUSTER_CONF):
        errors.append(f"cluster config '{paths.CLUSTER_CONF}' already exists")
    if cfs.guests():
        errors.append("this host already contains virtual guests")
    if quiet(["corosync-quorumtool", "-l"]) == 0:
        errors.append("corosync is already running, is this node already in a cluster?!")
    own = ssh.local_addresses()
    for number in sorted(links):
        address = links[number]["address"]
        if address not in own:
            errors.append(f"link{number}: cannot use IP '{address}', not found on local node!\n")
    if not errors:
        return
    warn("detected the following error(s):\n" + "\n".join(f"* {error}" for error in errors))
    if not force:
        raise PveError("Check if node may join a cluster failed!\n")
    warn("\nWARNING : detected error but forced to continue!\n")


def _back_up_database():
    os.makedirs(paths.DATABASE_BACKUPS, mode=0o700, exist_ok=True)
    target = f"{paths.DATABASE_BACKUPS}/config-{int(time.time())}.sql.gz"
    say(f"backup old database to '{target}'")
    database = sqlite3.connect(f"file:{paths.DATABASE}?mode=ro", uri=True)
    # Names and contents are arbitrary bytes.
    database.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    with gzip.open(target, "wb") as stream:
        for line in database.iterdump():
            stream.write(line.encode("utf-8", "surrogateescape") + b"\n")
    database.close()
    backups = sorted(
        name for name in os.listdir(paths.DATABASE_BACKUPS) if name.startswith("config-") and name.endswith(".sql.gz")
    )
    for old in backups[:-10]:
        os.unlink(f"{paths.DATABASE_BACKUPS}/{old}")


def finish(node, corosync_conf, authkey):
    """The node's own database is dropped here; the wait for quorum has no end."""
    os.makedirs(paths.LOCAL_DIR, exist_ok=True)
    files.replace(paths.AUTHKEY, authkey)
    files.replace(paths.LOCAL_CONF, corosync_conf)
    say("stopping pve-cluster service")
    run(["systemctl", "stop", "pve-cluster"], "can't stop pve-cluster service")
    _back_up_database()
    os.unlink(paths.DATABASE)
    run(["systemctl", "start", "corosync", "pve-cluster"], "starting pve-cluster failed")
    waiting = False
    while not cfs.quorate():
        if not waiting:
            print("waiting for quorum...", end="", flush=True)
            waiting = True
        time.sleep(1)
    if waiting:
        say("OK")
    nodefiles.after_join()
    say("generated new node certificate, restart pveproxy and pvedaemon services")
    run(["systemctl", "reload-or-restart", "pvedaemon", "pveproxy"])
    say(f"successfully added node '{node}' to cluster.")


def _prepare_ssh():
    ssh.allow_root_login()
    ssh.write_root_config()
    ssh.prepare()
    ssh.unmerge_known_hosts()


def _print_link(link):
    if link.get("priority") is None:
        return link["address"]
    return f"address={link['address']},priority={link['priority']}"


def _announce_fallback(address):
    say(f"No cluster network links passed explicitly, fallback to local node IP '{address}'")


def join_by_api(parameters):
    def work():
        node, host, links = cfs.node_name(), parameters["hostname"], parameters["links"]
        own = ssh.own_address()
        check_this_node(links, parameters.get("force"))
        _prepare_ssh()
        say(f"Establishing API connection with host '{host}'")
        connection = apiclient.Connection(host, parameters.get("fingerprint"))
        connection.login(parameters["password"])
        say("Login succeeded.")
        say("check cluster join API version")
        try:
            remote = int(connection.get("/cluster/config/apiversion"))
        except (PveError, TypeError, ValueError):
            remote = 0
        arguments = {key: parameters[key] for key in ("force", "nodeid", "votes") if parameters.get(key) is not None}
        for number, link in links.items():
            arguments[f"link{number}"] = _print_link(link)
        if not links:
            arguments["new_node_ip"] = own
            _announce_fallback(own)
        if remote >= 1:
            arguments["apiversion"] = admission.API_VERSION
        say("Request addition of this node")
        try:
            answer = connection.post(f"/cluster/config/nodes/{node}", arguments)
        except PveError as error:
            plain = error.message.rstrip("\n")
            warn(f"An error occurred on the cluster node: {plain}")
            for key in sorted(error.errors):
                warn(f"{'*' if key.startswith('warning') else '!'} {error.errors[key]}")
            raise PveError("Cluster join aborted!\n") from error
        for warning in answer.get("warnings") or []:
            say(f"cluster: {warning}")
        say("Join request OK, finishing setup locally")
        finish(node, answer["corosync_conf"], answer["corosync_authkey"].encode("latin-1"))

    cfs.file_locked(paths.LOCK, 10, work)


def join_by_ssh(parameters):
    """Takes no lock of this node."""
    node, host, links = cfs.node_name(), parameters["hostname"], parameters["links"]
    own = ssh.own_address()
    check_this_node(links, parameters.get("force"))
    _prepare_ssh()
    run(["ssh-copy-id", "-i", paths.ROOT_KEY, f"root@{host}"], "unable to copy ssh ID", show=False)
    asked = subprocess.run(
        ["ssh", host, "-o", "BatchMode=yes", "pvecm", "apiver"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=False,
    )
    lines = asked.stdout.decode(errors="replace").split()
    remote = int(lines[-1]) if lines and lines[-1].isdigit() else 0
    command = ["ssh", host, "-o", "BatchMode=yes", "pvecm", "addnode", node, "--force", "1"]
    if parameters.get("nodeid"):
        command += ["--nodeid", str(parameters["nodeid"])]
    if parameters.get("votes") is not None:
        command += ["--votes", str(parameters["votes"])]
    numbers = list(links)
    random.shuffle(numbers)
    for number in numbers:
        command += [f"--link{number}", _print_link(links[number])]
    if not links:
        if remote >= 1:
            command += ["--new_node_ip", own]
        _announce_fallback(own)
    if subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode != 0:
        raise PveError(f"unable to add node: command failed ({' '.join(command)})\n")
    scratch = f"/var/lib/pve-cluster/.pvecm_add.tmp.{os.getpid()}"
    os.mkdir(scratch, 0o700)
    try:
        say("copy corosync auth key")
        copied = subprocess.run(
            ["rsync", "--rsh=ssh -l root -o BatchMode=yes", "-lpgoq"]
            + [f"[{host}]:{paths.CLUSTER_CONF}", f"[{host}]:{paths.AUTHKEY}", scratch],
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if copied.returncode != 0:
            raise PveError(f"can't rsync data from host '{host}'\n")
        finish(node, files.read(f"{scratch}/corosync.conf"), files.read_bytes(f"{scratch}/authkey"))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def load_parameters(text):
    """Parameters that went through JSON: link numbers are strings there."""
    parameters = json.loads(text)
    parameters["links"] = {int(number): link for number, link in parameters.get("links", {}).items()}
    return parameters


__all__ = ["create", "join_by_api", "join_by_ssh", "finish", "load_parameters", "refuse_second_cluster"]
