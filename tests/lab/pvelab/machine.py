# SPDX-License-Identifier: GPL-3.0-or-later
"""A node as a machine: power, boot, readiness, commands inside."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from . import network
from .layers import last_line
from .process import LabError, arguments, children, kill_and_wait, processes, run, wait_for
from .settings import SOURCE, Lab, Node

BOOT_SECONDS = 120
ENVIRONMENT = ("HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/bash", "LANG=C.UTF-8",
               "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")


def _supervisors(lab: Lab, node: Node) -> list[int]:
    """The `boot-node` and `systemd-nspawn` of a node, known by its folder on their command lines."""
    live, directory = str(lab.live(node)), f"--directory={lab.root(node)}"
    found = []
    for pid in processes():
        words = arguments(pid)
        if directory in words or (live in words and any(word.endswith("/boot-node") for word in words)):
            found.append(pid)
    return found


def _is_init(pid: int) -> bool:
    """Whether a process is number 1 of a process namespace of its own."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    return re.search(r"^NSpid:.*\t1$", status, re.MULTILINE) is not None


def leader(lab: Lab, node: Node) -> int | None:
    """The node's init process, seen from outside."""
    for pid in _supervisors(lab, node):
        if arguments(pid)[:1] == ["systemd-nspawn"]:
            for child in children(pid):
                if _is_init(child) and arguments(child)[:1] != ["systemd-nspawn"]:
                    return child
    return None


def is_on(lab: Lab, node: Node) -> bool:
    """Whether anything of the node runs."""
    return bool(_supervisors(lab, node))


def power_on(lab: Lab, node: Node, lowers: list[Path], fresh: bool) -> None:
    """Switch a node on that is off; `fresh` forgets what it wrote."""
    clear_leftovers(lab, node)
    live = lab.live(node)
    if fresh:
        shutil.rmtree(live, ignore_errors=True)
    for part in ("upper", "work", "root"):
        (live / part).mkdir(parents=True, exist_ok=True)
    network.attach(lab, node)
    with open(lab.log(node), "wb") as log:
        subprocess.Popen(  # pylint: disable=consider-using-with
            ["unshare", "--mount", "--propagation", "slave", SOURCE / "boot-node", node.name, lab.cgroup(node),
             lab.namespace(node), ":".join(map(str, lowers)), live],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, cwd="/")


def clear_cgroup(cgroup: str) -> None:
    """End what is in a control group and remove it."""
    run(["unshare", "--mount", "--propagation", "slave", str(SOURCE / "clear-cgroup"), cgroup], f"clear control group '{cgroup}'")


def clear_leftovers(lab: Lab, node: Node) -> None:
    """Remove what an interrupted run left of a node that is not whole."""
    if leader(lab, node) is None:
        kill_and_wait(_supervisors(lab, node), f"end what is left of node '{node.name}'")
        clear_cgroup(lab.cgroup(node))
        network.delete(lab.namespace(node))


def command_inside(pid: int, command: str) -> list[str]:
    """The command line that runs a shell command in a node, as root in its home."""
    return ["nsenter", "--target", str(pid), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--",
            # Not more than the node itself may: the clock and the modules belong to the machine.
            "/usr/bin/setpriv", "--bounding-set=-sys_time,-sys_module", "--",
            "/usr/bin/env", "--ignore-environment", "--chdir=/root", *ENVIRONMENT,
            f"TERM={os.environ.get('TERM', 'dumb')}", "/bin/bash", "-c", command]


def require_leader(lab: Lab, node: Node) -> int:
    """The init process of a node that has to be on."""
    pid = leader(lab, node)
    if pid is None:
        raise LabError(f"cannot reach node '{node.name}': it is off; switch it on with 'lab start {node.name}'")
    return pid


def inside(lab: Lab, node: Node, command: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a shell command in a node."""
    return subprocess.run(command_inside(require_leader(lab, node), command), input=stdin, capture_output=True,
                          text=True, check=False)


# Booted: systemd has finished its jobs. A mounted /etc/pve and an answering sshd are asked for as well, for a unit
# may count as started before its service does what it is for. sshd is asked from the node itself: it penalises
# whoever connects without logging in, and the controller must arrive without a debt.
READY = """
state=$(systemctl is-system-running 2>/dev/null)
case $state in running) ;; degraded) systemctl --failed --plain --no-legend; exit 3 ;; *) exit 4 ;; esac
if [ -e /usr/lib/systemd/system/pve-cluster.service ]; then mountpoint -q /etc/pve || exit 4; fi
exec 3<>/dev/tcp/{address}/22 && IFS= read -r -t 5 banner <&3 && [[ $banner == SSH-2.0-* ]] || exit 4
"""


def _require_on(lab: Lab, node: Node) -> None:
    # Its supervisor takes the namespace away when it ends; the process itself has no command line while it is being started.
    if lab.namespace(node) not in network.namespaces():
        raise LabError(f"cannot boot node '{node.name}': {last_line(lab.log(node))} (see {lab.log(node)})")


# What the kernel says when it has no more of something; a unit that failed by it says only that it failed.
USED_UP = ("Too many open files", "No space left on device", "Cannot allocate memory", "Resource temporarily unavailable")


def _words(text: str) -> str:
    """Lines that systemctl filled with blanks, as one sentence."""
    return "; ".join(" ".join(line.split()) for line in text.splitlines() if line.strip())


def _reason(lab: Lab, node: Node) -> str:
    """Why units may have failed: what the node's log says of something that this machine has no more of."""
    said = [line.strip() for line in lab.log(node).read_text(errors="replace").splitlines() if any(sign in line for sign in USED_UP)]
    return f"; '{said[0]}' ({lab.log(node)}); 'lab doctor' says which limit is too low" if said else f" (see {lab.log(node)})"


def wait_ready(lab: Lab, node: Node) -> None:
    """Wait until a freshly started node is ready for work."""
    end = time.monotonic() + BOOT_SECONDS
    while True:
        _require_on(lab, node)
        answer = None
        if leader(lab, node) is not None:
            answer = inside(lab, node, READY.replace("{address}", node.management))
            if answer.returncode == 0:
                return
            if answer.returncode == 3:
                raise LabError(f"cannot boot node '{node.name}': failed units: {_words(answer.stdout)}{_reason(lab, node)}")
        if time.monotonic() > end:
            said = (answer.stderr.strip() if answer else "") or last_line(lab.log(node))
            raise LabError(f"cannot boot node '{node.name}': not ready after {BOOT_SECONDS} s: {said}")
        time.sleep(0.1)


# A member of a cluster may boot half broken, or go on booting for minutes without quorum. Logins by key need /etc/pve.
REACHABLE = """
systemctl is-active --quiet ssh && [ -z "$(systemctl show --property=Job --value pve-cluster)" ]
"""


def wait_reachable(lab: Lab, node: Node) -> None:
    """Wait until a node that was in use can be logged in to, or never will by itself."""
    def answers() -> bool:
        _require_on(lab, node)
        return leader(lab, node) is not None and inside(lab, node, REACHABLE).returncode == 0

    wait_for(answers, BOOT_SECONDS, f"boot node '{node.name}'")


def shut_down(lab: Lab, node: Node) -> None:
    """Shut a node down cleanly."""
    pid = leader(lab, node)
    if pid is not None:
        os.kill(pid, signal.SIGRTMIN + 4)
        wait_for(lambda: not is_on(lab, node), 90, f"shut down node '{node.name}'")
    clear_leftovers(lab, node)


def cut_power(lab: Lab, node: Node) -> None:
    """End a node between two instructions."""
    pid = leader(lab, node)
    if pid is not None:
        kill_and_wait([pid], f"kill node '{node.name}'")
        wait_for(lambda: not is_on(lab, node), 30, f"kill node '{node.name}'")
    clear_leftovers(lab, node)
