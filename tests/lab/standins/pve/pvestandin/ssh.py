# SPDX-License-Identifier: GPL-3.0-or-later
"""root's ssh: its key, the cluster-wide authorized_keys behind a link, and host keys."""

import os
import re
import subprocess
import sys

from . import cfs, files, paths, run

CIPHERS = (
    "aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com"
)


def warn(message):
    print(message, file=sys.stderr, flush=True)


def allow_root_login():
    text = files.read(paths.SSHD_CONFIG, "")
    if re.search(r"^PermitRootLogin\s+yes\s*$", text, re.M):
        return
    text, changed = re.subn(r"^#?PermitRootLogin.*$", "PermitRootLogin yes", text, count=1, flags=re.M)
    if not changed:
        text = text.rstrip("\n") + "\nPermitRootLogin yes\n"
    files.replace(paths.SSHD_CONFIG, text)
    run.run(["systemctl", "reload-or-restart", "sshd"])


def write_root_config():
    if os.path.exists(paths.ROOT_SSH_CONFIG):
        return
    os.makedirs(paths.ROOT_SSH, mode=0o700, exist_ok=True)
    fd = os.open(paths.ROOT_SSH_CONFIG, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
    with os.fdopen(fd, "w") as stream:
        stream.write(f"Ciphers {CIPHERS}\n")


def make_root_key():
    if files.exists(paths.ROOT_PUBLIC_KEY):
        return
    os.makedirs(paths.ROOT_SSH, mode=0o700, exist_ok=True)
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "rsa", "-N", "", "-b", "4096", "-f", paths.ROOT_KEY],
        input=b"\n",
        stdout=subprocess.DEVNULL,
        check=False,
    )


def link_authorized_keys():
    """root's file becomes a link to the cluster's. What a plain file held is kept only as far as shown here."""
    imported = False
    if not files.exists(paths.CLUSTER_AUTHORIZED_KEYS):
        old = files.read(paths.ROOT_AUTHORIZED_KEYS, "") if files.exists(paths.ROOT_AUTHORIZED_KEYS) else ""
        try:
            fd = os.open(paths.CLUSTER_AUTHORIZED_KEYS, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o400)
            with os.fdopen(fd, "w", encoding="utf-8", errors="surrogateescape") as stream:
                stream.write(old)
            imported = True
        except OSError:
            pass
    if not files.exists(paths.CLUSTER_AUTHORIZED_KEYS):
        warn(f"can't create shared ssh key database '{paths.CLUSTER_AUTHORIZED_KEYS}'")
    if files.exists(paths.ROOT_AUTHORIZED_KEYS) and not os.path.islink(paths.ROOT_AUTHORIZED_KEYS):
        os.rename(paths.ROOT_AUTHORIZED_KEYS, paths.ROOT_AUTHORIZED_KEYS_BACKUP)
    if not os.path.islink(paths.ROOT_AUTHORIZED_KEYS):
        os.symlink(paths.CLUSTER_AUTHORIZED_KEYS, paths.ROOT_AUTHORIZED_KEYS)
    if imported and os.path.exists(paths.ROOT_AUTHORIZED_KEYS_BACKUP):
        os.unlink(paths.ROOT_AUTHORIZED_KEYS_BACKUP)


def prepare():
    make_root_key()
    link_authorized_keys()


def merge_keys():
    """Drop repeated RSA keys from the cluster's file and add this node's own."""
    # A file that is there and cannot be read is not an empty one: then nothing is written.
    text = files.read(paths.CLUSTER_AUTHORIZED_KEYS).rstrip("\n") if files.exists(paths.CLUSTER_AUTHORIZED_KEYS) else ""
    backup = files.exists(paths.ROOT_AUTHORIZED_KEYS_BACKUP)
    if backup:
        text += "\n" + files.read(paths.ROOT_AUTHORIZED_KEYS_BACKUP).rstrip("\n")
    if files.exists(paths.ROOT_PUBLIC_KEY):
        text += "\n" + files.read(paths.ROOT_PUBLIC_KEY).rstrip("\n") + "\n"
    kept, seen = [], set()
    lines = text.split("\n")
    while lines and not lines[-1]:
        lines.pop()
    for line in lines:
        match = re.search(r"(?:^|\s)ssh-(?:rsa|dsa)\s+(\S+)\s+\S+$", line)
        if match and not line.startswith("#"):
            if match.group(1) in seen:
                continue
            seen.add(match.group(1))
        kept.append(line)
    while kept and not kept[0]:
        kept.pop(0)
    files.replace(paths.CLUSTER_AUTHORIZED_KEYS, "".join(line + "\n" for line in kept), 0o600)
    if backup and os.path.islink(paths.ROOT_AUTHORIZED_KEYS):
        os.unlink(paths.ROOT_AUTHORIZED_KEYS_BACKUP)


def host_key():
    words = files.read(paths.HOST_PUBLIC_KEY, "").split()
    return " ".join(words[:2]) if len(words) >= 2 else None


def write_node_known_hosts(node):
    key = host_key()
    if key:
        files.replace(f"{paths.node_dir(node)}/ssh_known_hosts", f"{node} {key}\n")


def merge_known_hosts(node, address):
    """The older way, which creating a cluster still takes: one file for all, linked from /etc/ssh."""
    key = host_key()
    if not key:
        return
    old = files.read(paths.CLUSTER_KNOWN_HOSTS, "")
    # What is there stays there, also another key of the same name.
    kept = [line for line in old.split("\n") if line]
    kept += [line for line in (f"{node} {key}", f"{address} {key}") if line not in kept]
    files.replace(paths.CLUSTER_KNOWN_HOSTS, "".join(line + "\n" for line in kept), 0o600)
    if os.path.lexists(paths.SYSTEM_KNOWN_HOSTS):
        os.unlink(paths.SYSTEM_KNOWN_HOSTS)
    os.symlink(paths.CLUSTER_KNOWN_HOSTS, paths.SYSTEM_KNOWN_HOSTS)


def unmerge_known_hosts():
    """Before a join the file must be a local one, for the cluster's is about to vanish."""
    if not os.path.islink(paths.SYSTEM_KNOWN_HOSTS):
        return
    old = files.read(paths.CLUSTER_KNOWN_HOSTS, "")
    os.unlink(paths.SYSTEM_KNOWN_HOSTS)
    if old:
        files.replace(paths.SYSTEM_KNOWN_HOSTS, old)


def local_addresses():
    listed = run.output(["ip", "-o", "addr", "show"]).decode()
    return re.findall(r"inet6?\s+([0-9a-fA-F.:]+)", listed)


def own_address():
    return cfs.address_of(cfs.node_name())
