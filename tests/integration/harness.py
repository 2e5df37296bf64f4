# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab tests share: the lab, inventories for it in both shapes, playbook runs and what came of them."""

import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / "tests/lab/lab"
PLAYBOOKS = ROOT / "playbooks"
# The programs of one ansible-core: that of the clone's environment, or of a folder that tools/ansible-versions made.
ANSIBLE = Path(os.environ.get("PVE_ANSIBLE", ROOT / ".venv/bin"))
# All that Ansible says is read, in its own form; what the clone's configuration makes of it has tests of its own.
os.environ.setdefault("ANSIBLE_STDOUT_CALLBACK", "default")


def lab(*words, check=True, timeout=600):
    """Run the lab's front door and return what it printed."""
    done = subprocess.run([LAB, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"lab {' '.join(words)} exited {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def on(node, command, check=True):
    """Run a shell command in a node, not by ssh, and return what it printed."""
    return lab("exec", node, command, check=check)


def fresh(nodes, key=True, qnetd=0):
    """Boot this many nodes and QNetd hosts and make them fresh standalone ones, with or without the controller's key."""
    flag = "--key" if key else "--no-key"
    lab("up", str(nodes), "--qnetd", str(qnetd), flag)
    lab("reset", flag)


def wait(node, condition, seconds=60):
    """Wait until a shell condition holds on a node."""
    deadline = time.monotonic() + seconds
    while True:
        done = subprocess.run([LAB, "exec", node, condition], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode == 0:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"{node}: not true after {seconds} s: {condition}")
        time.sleep(0.2)


def wait_members(node, count, seconds=60):
    """Wait until corosync on a node sees this many nodes."""
    wait(node, f"corosync-quorumtool -s | grep -qx 'Nodes: *{count}'", seconds)


def install(module, nodes):
    """Put a built module on nodes, as /root/module."""
    if not module.exists():
        raise SystemExit(f"cannot test '{module}': it does not exist; run make build")
    packed = base64.b64encode(module.read_bytes())
    for node in nodes:
        subprocess.run([LAB, "exec", node, "base64 -d > /root/module && chmod 755 /root/module"], input=packed, check=True)


def writable(node):
    """Wait until a node's /etc/pve is writable."""
    wait(node, f"mkdir /etc/pve/priv/lock/probe-{node} && rmdir /etc/pve/priv/lock/probe-{node}")


def form(nodes, name="lab"):
    """Make fresh nodes one cluster by hand, where that is not what is tested."""
    on(nodes[0], f"pvecm create {name} --link0 10.77.1.11")
    writable(nodes[0])
    shown = on(nodes[0], "openssl x509 -noout -fingerprint -sha256 -in /etc/pve/local/pve-ssl.pem")
    fingerprint = shown.strip().split("=")[1]
    for number, node in enumerate(nodes[1:], 2):
        link = f"10.77.1.{10 + number}"
        on(node, f"echo labpass1 | pvecm add 10.77.0.11 --link0 {link} --fingerprint {fingerprint}")
        writable(node)
        # a join that begins while a member still runs the old configuration can split the cluster
        wait(node, rf"test $(corosync-cmapctl | grep -c '^runtime.members.*config_version.* = {number}$') = {number}")


# What a lab on one busy machine cannot give: a clock that is kept right, and processors at once, so that packets wait for their turn.
HEALTH_LIMITS = {
    "cluster_health_waive": ["clock", "loss", "link-flaps", "token-losses", "retransmits"],
    "cluster_health_latency_warning_ms": 500,
    "cluster_health_latency_error_ms": 1000,
}
BUSY = {"preflight_latency_warning_ms": 250, "preflight_latency_error_ms": 500, "preflight_loss_error_percent": 101}


class Inventory:
    """An inventory of the lab's first nodes in a folder of its own."""

    def __init__(self, nodes, shape="cluster_nodes", password=False, name="lab", qnetd=0, **variables):
        self.folder = Path(tempfile.mkdtemp(prefix="inventory-"))
        self.names = [f"pve{i}" for i in range(1, nodes + 1)]
        self.servers = [f"qnetd{i}" for i in range(1, qnetd + 1)]
        self.variables = {"cluster_name": name, **BUSY, **variables}
        flags = ["--password"] if password else []
        hosts = json.loads(lab("inventory", *flags))["all"]
        getattr(self, f"_write_{shape}")(hosts)

    def _write_cluster_nodes(self, known):
        """The shape with `cluster_group` and `cluster_nodes` in group_vars, as the formation workflow has it."""
        own = {name: {"ansible_host": known["hosts"][name]["ansible_host"]} for name in self.names}
        children = {"matrix_cluster": {"hosts": own}}
        if self.servers:
            servers = {name: {"ansible_host": known["hosts"][name]["ansible_host"]} for name in self.servers}
            children["proxmox_qnetd"] = {"hosts": servers}
        self._dump("hosts.yml", {"all": {"vars": known["vars"], "children": children}})
        (self.folder / "group_vars").mkdir()
        self._dump(
            "group_vars/matrix_cluster.yml",
            {
                "cluster_group": "matrix_cluster",
                "cluster_environment": "development",
                "corosync_network": "10.77.1.0/24",
                "cluster_nodes": [
                    {
                        "short_name": name,
                        "fqdn": f"{name}.lab.local",
                        "management_ip": known["hosts"][name]["ansible_host"],
                        "corosync_ip": known["hosts"][name]["corosync_ip"],
                        "node_id": number,
                    }
                    for number, name in enumerate(self.names, 1)
                ],
                "corosync_link0_address": "{{ cluster_nodes | selectattr('short_name', 'equalto', inventory_hostname_short)"
                " | map(attribute='corosync_ip') | first }}",
                **self.variables,
            },
        )

    def _write_primary_and_nodes(self, known):
        """The shape with a primary group and a group of the others, as the guide of the six phases has it."""
        lines = {name: f"{name} ansible_host={known['hosts'][name]['ansible_host']} ansible_user=root hostname={name}.lab.local"
                 for name in self.names}
        common = {key: value for key, value in {**known["vars"], **self.variables}.items() if key != "ansible_user"}
        text = [
            "[proxmox_cluster_primary]", lines[self.names[0]],
            "[proxmox_cluster_nodes]", *(lines[name] for name in self.names[1:]),
            "[proxmox_cluster:children]", "proxmox_cluster_primary", "proxmox_cluster_nodes",
            "[proxmox_cluster:vars]", *(f"{key}={value}" for key, value in common.items()),
        ]
        (self.folder / "proxmox-cluster.ini").write_text("\n".join(text) + "\n")

    def _dump(self, path, data):
        (self.folder / path).write_text(json.dumps(data, indent=2))

    def __del__(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def two_links(count, **variables):
    """An inventory whose nodes have a second link on the management network."""
    nodes = [
        {"short_name": f"pve{number}", "fqdn": f"pve{number}.lab.local", "management_ip": f"10.77.0.{10 + number}", "node_id": number,
         "links": [{"number": 0, "address": f"10.77.1.{10 + number}"}, {"number": 1, "address": f"10.77.0.{10 + number}"}]}
        for number in range(1, count + 1)
    ]
    return Inventory(count, cluster_nodes=nodes, corosync_link0_address="", **variables)


@dataclass
class Run:
    """What an ansible-playbook run came to."""

    rc: int
    output: str
    seconds: float

    @property
    def recap(self):
        """The numbers of the closing lines: host -> {ok, changed, unreachable, failed, skipped, ..}."""
        found = {}
        for line in self.output.partition("PLAY RECAP")[2].splitlines():
            host, colon, numbers = line.partition(" : ")
            if colon:
                found[host.strip()] = {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", numbers)}
        return found

    def changed(self):
        """Changes by node; the controller itself, which only checks the inventory, is none."""
        return {host: numbers["changed"] for host, numbers in self.recap.items() if host != "localhost"}


def play(inventory, playbook="cluster-init.yml", *words, timeout=600):
    """Run a playbook from the clone in the controller's network."""
    environment = {**os.environ, "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1", "ANSIBLE_INVENTORY": str(inventory.folder)}
    begun = time.monotonic()
    done = subprocess.run(
        [LAB, "run", "--", ANSIBLE / "ansible-playbook", "-i", inventory.folder, PLAYBOOKS / playbook, *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout, cwd=ROOT,
        env=environment, check=False,
    )
    return Run(done.returncode, done.stdout, time.monotonic() - begun)


# What a run must not touch in check mode or when it refuses: names, modes, owners, links and contents.
_TREES = "/etc /root/.ssh /var/lib/corosync /var/lib/pve-cluster/backup"
# High availability writes its records every few seconds, and the database with them.
_LEFT_OUT = (r"/etc/pve/\.|/etc/mtab|/etc/resolv|/etc/machine-id|/var/lib/pve-cluster/(\.|config\.db)"
             r"|/etc/pve/nodes/[^/ ]+/lrm_status|/etc/pve/ha/manager_status")


def state(node):
    """A line for every file of a node that the collection might change, and for the services it might restart."""
    services = "for s in corosync pve-cluster ssh; do echo $s $(systemctl show -p ActiveState,MainPID $s); done"
    files = f"find {_TREES} ! -type d -printf '%p %m %u %g %l\\n' 2>/dev/null"
    digests = f"find {_TREES} -type f -print0 2>/dev/null | xargs -0 sha256sum"
    return [line for line in on(node, f"{files}; {digests}; {services}").splitlines() if not re.search(_LEFT_OUT, line)]


# What a node writes by itself while it runs, and where the modules stay (the README says so).
_BY_ITSELF = r"^/(proc|sys|dev|run|tmp|var/tmp|var/log|var/lib/(chrony|systemd|rrdcached))/|^/root/\.ansible/(tmp|pve\.cluster)(/|$)"


def everything(node):
    """A line for every file of a node, wherever it is, with its owner, mode, size and time; its firewall, sockets, interfaces and units."""
    files = "find / /etc/pve -xdev ! -type d -printf '%p %m %u %g %l %s %T@\\n' 2>/dev/null | sort -u"
    rules = "nft list ruleset | sed 's/^/nft /'; ip -o address | awk '{ print \"ip\", $2, $4 }'; tc qdisc | sed 's/^/tc /'"
    sockets = "ss -Hulnt | awk '{ print \"socket\", $1, $5 }' | sort"
    units = "systemctl list-units --all --plain --no-legend '*.timer' 'pve*' 'corosync*' 'ssh*' | awk '{ print \"unit\", $1, $2, $3, $4 }'"
    lines = on(node, f"{files}; {rules}; {sockets}; {units}").splitlines()
    return [line for line in lines if not re.search(_BY_ITSELF, line) and not re.search(_LEFT_OUT, line)]


@contextmanager
def untouched(case, names):
    """Nothing is different on any of these nodes afterwards: files anywhere with contents and times, services, firewall, sockets, timers."""
    def look():
        with ThreadPoolExecutor() as pool:
            return list(pool.map(lambda name: {*state(name), *everything(name)}, names))

    before = look()
    yield
    for name, old, new in zip(names, before, look()):
        case.assertEqual(sorted(old ^ new), [], f"{name} was touched")


def nodes_agree(names):
    """The running config_version and the members, as each of these nodes sees them."""
    views = {}
    for name in names:
        cmap = on(name, "corosync-cmapctl", check=False)
        views[name] = (
            re.findall(r"^totem\.config_version .* = (\d+)$", cmap, re.M),
            sorted(re.findall(r"^runtime\.members\.\d+\.config_version .* = (\d+)$", cmap, re.M)),
            sorted(re.findall(r"^runtime\.members\.(\d+)\.status .* = joined$", cmap, re.M)),
        )
    return views
