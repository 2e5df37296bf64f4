# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether nodes are what the task wants, as every one of them sees it itself."""

import re
import time

from .world import each

LOOK = """
echo @@pve; cat /etc/pve/corosync.conf
echo @@local; cat /etc/corosync/corosync.conf
echo @@cmap; corosync-cmapctl
echo @@quorum; corosync-quorumtool -siH
echo @@locks; ls /etc/pve/priv/lock
echo @@certificates; for node in /etc/pve/nodes/*; do [ -s $node/pve-ssl.pem ] && [ -s $node/pve-ssl.key ] && basename $node; done
echo @@signed; for file in /etc/pve/nodes/*/pve-ssl.pem; do
  openssl verify -no_check_time -CAfile /etc/pve/pve-root-ca.pem $file > /dev/null && basename $(dirname $file); done
echo @@nodes; ls /etc/pve/nodes
echo @@writes; probe=/etc/pve/fault-matrix-probe-$(uname -n); mkdir $probe && rmdir $probe && echo yes
echo @@authkey; sha256sum < /etc/corosync/authkey
echo @@units; systemctl is-active pve-cluster corosync pvedaemon pveproxy ssh
echo @@failed; systemctl list-units --failed --plain --no-legend
true
"""


def view(world, name):
    """What a node says, by heading."""
    text = world.run(name, f"exec 2>/dev/null; {LOOK}")
    parts = re.split(r"^@@(\w+)\n", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def _version(text):
    found = re.search(r"^\s*config_version:\s*(\d+)", text, re.M)
    return int(found[1]) if found else None


def own_locks(seen, members=None):
    """The collection's own locks. One of PVE's that lost its quorum under way expires by itself after 120 s.

    What a node that has left still holds among `members` is over: nobody else can take it for a live one, and who wants it next removes it.
    """
    found = [name for name in seen["locks"].split() if name.startswith("pvecm_cluster")]
    leavers = [re.match(r"pvecm_cluster-join-by-leave\.([^.]+)\.", name) for name in found]
    if members is not None and any(leavers) and all(one[1] not in members for one in leavers if one) and len(found) == sum(map(bool, leavers)) + 1:
        return []
    return found


def of_member(name, seen, members, listed):
    """What is not right on a member, in words; `listed` is the nodelist that there has to be."""
    wrong = []
    nodes = {}
    for block in re.findall(r"node \{(.*?)\}", seen["pve"], re.S):
        nodes[re.search(r"name:\s*(\S+)", block)[1]] = re.search(r"nodeid:\s*(\d+)", block)[1]
    if set(nodes) != set(listed):
        wrong.append(f"the nodelist on '{name}' is {sorted(nodes)}")
    joined = set(re.findall(r"^runtime\.members\.(\d+)\.status .* = joined$", seen["cmap"], re.M))
    if joined != {nodes.get(member) for member in members}:
        wrong.append(f"corosync on '{name}' sees the nodeids {sorted(joined)} and the nodelist has {nodes}")
    running = re.findall(r"^totem\.config_version .* = (\d+)$", seen["cmap"], re.M)
    # What a member that has left ran stays in the map.
    theirs = [version for number, version in
              re.findall(r"^runtime\.members\.(\d+)\.config_version .* = (\d+)$", seen["cmap"], re.M) if number in joined]
    versions = {_version(seen["pve"]), _version(seen["local"]), *map(int, running), *map(int, theirs)}
    if len(versions) != 1 or not running or len(theirs) != len(members):
        wrong.append(f"config_version on '{name}' is {_version(seen['pve'])} in /etc/pve, {_version(seen['local'])} in /etc/corosync,"
                     f" {running} running, {theirs} of the members")
    if not re.search(r"^Quorate:\s+Yes$", seen["quorum"], re.M):
        wrong.append(f"'{name}' is not quorate")
    if seen["writes"].strip() != "yes":
        wrong.append(f"'/etc/pve' on '{name}' is read-only")
    if not set(listed) <= set(seen["certificates"].split()):
        wrong.append(f"certificates on '{name}' are of {seen['certificates'].split()} only")
    if set(seen["certificates"].split()) != set(seen["signed"].split()):
        wrong.append(f"the cluster's authority signed only the certificates of {seen['signed'].split()}")
    if own_locks(seen, members):
        wrong.append(f"locks are left on '{name}': {seen['locks'].split()}")
    if seen["units"].split() != ["active"] * 5:
        wrong.append(f"pve-cluster, corosync, pvedaemon, pveproxy, ssh on '{name}' are {seen['units'].split()}")
    return wrong


def of_standalone(name, seen):
    """What is not right on a node that is to belong to no cluster."""
    wrong = []
    for part, path in (("pve", "/etc/pve/corosync.conf"), ("local", "/etc/corosync/corosync.conf")):
        if seen[part].strip():
            wrong.append(f"'{path}' is on '{name}'")
    if seen["cmap"].strip():
        wrong.append(f"corosync runs on '{name}'")
    if seen["writes"].strip() != "yes":
        wrong.append(f"'/etc/pve' on '{name}' is read-only")
    if seen["nodes"].split() != [name]:
        wrong.append(f"'/etc/pve/nodes' on '{name}' has {seen['nodes'].split()}")
    if name not in seen["certificates"].split():
        wrong.append(f"'{name}' has no certificate")
    elif name not in seen["signed"].split():
        wrong.append(f"the authority on '{name}' did not sign its certificate")
    if own_locks(seen):
        wrong.append(f"locks are left on '{name}': {seen['locks'].split()}")
    return wrong


def wrong(world, members, listed, standalone=(), seconds=15):
    """What is not as it has to be on these nodes. Looks again for a moment: the looks at several nodes are not at one time."""
    deadline = time.monotonic() + seconds
    names = [*members, *standalone]
    while True:
        views = dict(zip(names, each(lambda name: view(world, name), names)))
        found = [text for name in members for text in of_member(name, views[name], members, listed)]
        found += [text for name in standalone for text in of_standalone(name, views[name])]
        digests = {(_version(views[name]["pve"]), views[name]["authkey"]) for name in members}
        if len(digests) > 1:
            found.append("config_version or authkey differ between the members")
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.25)
