# SPDX-License-Identifier: GPL-3.0-or-later
"""What no fault may cost anybody: guests, users, storage, keys. Put there beforehand, looked for afterwards."""

import re

DESK = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBwH6HJ6TRpLRNy8m5B7gTqTNsGhSOZ3Gm1QCpzHT2kD admin@desk"
FILES = {
    "/etc/pve/user.cfg": "user:root@pam:1:0:::root@localhost.lan::\nuser:alice@pve:1:0:Alice::alice@example.com::\n\ngroup:admins:alice@pve::\n",
    "/etc/pve/storage.cfg": "dir: local\n\tpath /var/lib/vz\n\tcontent iso,vztmpl,backup\n\nnfs: shelf\n\texport /shelf\n\tserver 192.0.2.7\n",
}
# A user that only the joining node knows: a join drops its database, and the copy of it must have him.
LOCAL_USER = "user:before@pve:1:0:::"


def guest(node, number):
    """The path and content of a guest's configuration."""
    return f"/etc/pve/nodes/{node}/qemu-server/{number}.conf", f"cores: 1\nmemory: 512\nname: guest-{number}\n"


def put(world, name, guests=()):
    """Write what is to stay to a node whose /etc/pve is writable; guests are numbers of guests of this node."""
    files = dict(FILES) | dict(guest(name, number) for number in guests)
    script = ["set -e", f"mkdir -p /etc/pve/nodes/{name}/qemu-server"]
    script += [f"cat > {path} <<'END'\n{content.rstrip()}\nEND" for path, content in files.items()]
    script += [f"grep -qxF '{DESK}' /etc/pve/priv/authorized_keys || echo '{DESK}' >> /etc/pve/priv/authorized_keys"]
    world.run(name, "\n".join(script))


def missing(world, name, guests, local_keys):
    """What of it this node no longer has, in words; `guests` are (node, number)."""
    files = dict(FILES) | dict(guest(*one) for one in guests)
    lost = []
    asked = [*files, "/etc/pve/priv/authorized_keys", "/root/.ssh/authorized_keys2"]
    text = world.run(name, "; ".join(f"echo '@@{path}'; cat {path} 2>/dev/null" for path in asked) + "; true")
    parts = re.split(r"^@@(/.*)\n", text, flags=re.M)
    now = dict(zip(parts[1::2], parts[2::2]))
    for path, content in files.items():
        if now[path].rstrip() != content.rstrip():
            lost.append(f"'{path}' on '{name}' is not as it was")
    keys = now["/etc/pve/priv/authorized_keys"]
    controller = world.lab.controller_key.with_suffix(".pub").read_text(encoding="utf-8").split()[1]
    if DESK.split()[1] not in keys:
        lost.append(f"the key of admin@desk is no longer in authorized_keys on '{name}'")
    if controller not in keys:
        lost.append(f"the controller's key is no longer in authorized_keys on '{name}'")
    if not set(local_keys.splitlines()) <= set(now["/root/.ssh/authorized_keys2"].splitlines()):
        lost.append(f"keys are gone from '/root/.ssh/authorized_keys2' on '{name}'")
    refused = world.login(name)
    if refused:
        lost.append(f"the controller cannot log in to '{name}': {refused}")
    return lost


def backed_up(world, name):
    """Whether a copy of this node's database has the user that only it knew: pvecm's, or one that the collection made."""
    text = LOCAL_USER.encode().hex()
    script = f"""zcat /var/lib/pve-cluster/backup/*.sql.gz | grep -qi {text} && echo yes
grep -qaF '{LOCAL_USER}' /var/backups/pve-cluster-collection/*/config.db && echo yes; true"""
    return "yes" in world.run(name, f"exec 2>/dev/null; {script}", check=False)
