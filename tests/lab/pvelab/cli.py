# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of the front door."""

import argparse
import fcntl
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from . import access, doctor, layers, lifecycle, machine, network
from .process import LabError
from .settings import NETWORKS, Lab, networks, node

WHICH = ("mgmt", "corosync", "both")
BLOCK = ("table inet lab_block { chain %s { type filter hook %s priority 0; "
         "udp dport 5405-5412 drop; udp sport 5405-5412 drop; }; }")


@contextmanager
def locked(lab: Lab) -> Iterator[None]:
    """One changing command at a time; the others wait."""
    path = lab.home / f"{lab.name}.lock"
    while True:
        lab.home.mkdir(parents=True, exist_ok=True)
        with open(path, "w", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("waiting for another command of this lab", file=sys.stderr, flush=True)
                fcntl.flock(lock, fcntl.LOCK_EX)
            # 'clean' removes the file: then another waiter may already hold a new one.
            if path.exists() and path.samefile(f"/proc/self/fd/{lock.fileno()}"):
                yield
                return


def _words(words: list[str]) -> list[str]:
    return words[1:] if words[:1] == ["--"] else words


def up(lab: Lab, options: argparse.Namespace) -> None:
    """Boot the first N nodes and wait until they are ready; nodes that are there stay as they are."""
    doctor.require(lab)
    with locked(lab):
        lifecycle.up(lab, options.count, options.key, options.qnetd)


def down(lab: Lab, _options: argparse.Namespace) -> None:
    """Cut every node's power and remove all but the cache."""
    with locked(lab):
        lifecycle.down(lab)


def reset(lab: Lab, options: argparse.Namespace) -> None:
    """Make nodes fresh and standalone again, all of them when none is named."""
    with locked(lab):
        lifecycle.reset(lab, [node(name) for name in options.nodes], options.key, options.new_keys)


def ssh(lab: Lab, options: argparse.Namespace) -> None:
    """Log in over ssh from the controller's network."""
    argv, environment = access.ssh_command(lab, node(options.node), _words(options.command))
    os.execvpe(argv[0], argv, environment)


def exec_(lab: Lab, options: argparse.Namespace) -> None:
    """Run a shell command in a node without ssh."""
    pid = machine.require_leader(lab, node(options.node))
    argv = machine.command_inside(pid, " ".join(_words(options.command)) or "exec bash --login")
    os.execvp(argv[0], argv)


def run(lab: Lab, options: argparse.Namespace) -> None:
    """Run a command in the controller's network, with what ansible needs in its environment."""
    argv = access.in_controller(lab, _words(options.command) or [os.environ.get("SHELL", "/bin/bash")])
    os.execvpe(argv[0], argv, access.controller_environment(lab))


def partition(lab: Lab, options: argparse.Namespace) -> None:
    """Pull a node's wire."""
    with locked(lab):
        for net in networks(options.network):
            network.cut(lab, node(options.node), net)


def heal(lab: Lab, options: argparse.Namespace) -> None:
    """Plug a node's wires in, end delay and loss, unblock its ports."""
    target = node(options.node)
    with locked(lab):
        for net in NETWORKS:
            network.repair(lab, target, net)
        if machine.leader(lab, target) is not None:
            _nft(lab, options.node, "table inet lab_block\ndelete table inet lab_block\n")


def block(lab: Lab, options: argparse.Namespace) -> None:
    """Drop corosync's own packets inside a node and nothing else."""
    with locked(lab):
        rules = [BLOCK % (hook, hook) for hook in ("input", "output")]
        _nft(lab, options.node, "\n".join(["table inet lab_block", "delete table inet lab_block", *rules, ""]))


def _nft(lab: Lab, name: str, rules: str) -> None:
    done = machine.inside(lab, node(name), "nft -f -", stdin=rules)
    if done.returncode != 0:
        raise LabError(f"cannot change the packet filter of node '{name}': {done.stderr.strip()}")


def netem(lab: Lab, options: argparse.Namespace) -> None:
    """Make a node's packets late or lose some, in each direction."""
    which, delay, loss = _impairment(_words(options.netem))
    target = node(options.node)
    with locked(lab):
        machine.require_leader(lab, target)
        for net in networks(which):
            network.impair(lab, target, net, delay, loss)


def _impairment(words: list[str]) -> tuple[str, float, float]:
    found = re.fullmatch(r"(?:(mgmt|corosync|both) )?(?:delay ([0-9.]+) ?ms)? ?(?:loss ([0-9.]+) ?%)?", " ".join(words))
    if not found or not (found[2] or found[3]):
        raise LabError(f"cannot impair the network by '{' '.join(words)}': say for example 'delay 20ms loss 5%'")
    return found[1] or "corosync", float(found[2] or 0), float(found[3] or 0)


def kill(lab: Lab, options: argparse.Namespace) -> None:
    """Cut a node's power."""
    with locked(lab):
        machine.cut_power(lab, node(options.node))


def stop(lab: Lab, options: argparse.Namespace) -> None:
    """Shut a node down cleanly."""
    with locked(lab):
        machine.shut_down(lab, node(options.node))


def start(lab: Lab, options: argparse.Namespace) -> None:
    """Switch a node on again and wait for its sshd."""
    with locked(lab):
        lifecycle.start(lab, node(options.node))


def status(lab: Lab, _options: argparse.Namespace) -> None:
    """Show what runs."""
    lifecycle.status(lab)


def inventory(lab: Lab, options: argparse.Namespace) -> None:
    """Print an inventory of the lab's nodes."""
    print(access.inventory(lab, lifecycle.known(lab), options.group, options.password), end="")


def base(lab: Lab, _options: argparse.Namespace) -> None:
    """Print where the nodes' root filesystem is; it is built first when it is missing."""
    lab.logs.mkdir(parents=True, exist_ok=True)
    print(layers.base(lab))


def doctor_(lab: Lab, _options: argparse.Namespace) -> None:
    """Say what this machine lacks."""
    lacking = doctor.findings(thorough=True)
    for finding in lacking:
        print(f"{'needed ' if finding.needed else 'useful '} {finding.what}: {finding.lacking}")
    if any(finding.needed for finding in lacking):
        raise LabError(f"cannot run lab '{lab.name}' here")
    print("the lab can run here")


def clean(lab: Lab, _options: argparse.Namespace) -> None:
    """Remove everything, the cached root filesystem included."""
    with locked(lab):
        lifecycle.clean(lab)
        (lab.home / f"{lab.name}.lock").unlink()
        with suppress(OSError):
            lab.home.rmdir()  # unless there are other labs


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="lab", description="Real Debian nodes on one machine, to form clusters of.")
    commands = top.add_subparsers(dest="name", required=True, metavar="COMMAND")

    def command(name: str, act: Callable[[Lab, argparse.Namespace], None]) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=act.__doc__, description=act.__doc__)
        made.set_defaults(act=act)
        return made

    def of_node(name: str, act: Callable[[Lab, argparse.Namespace], None]) -> argparse.ArgumentParser:
        made = command(name, act)
        made.add_argument("node", metavar="NODE")
        return made

    def with_key(made: argparse.ArgumentParser) -> None:
        made.add_argument("--key", action=argparse.BooleanOptionalAction, default=None,
                          help="let the controller's key in (default: as the last time; at first not)")

    made = command("up", up)
    made.add_argument("count", metavar="N", type=int, nargs="?", default=3)
    made.add_argument("--qnetd", metavar="N", type=int, default=0, help="and the first N hosts with corosync-qnetd (default: none)")
    with_key(made)
    command("down", down)
    made = command("reset", reset)
    made.add_argument("nodes", metavar="NODE", nargs="*")
    made.add_argument("--new-keys", action="store_true", help="give the nodes other ssh keys and certificates")
    with_key(made)
    of_node("ssh", ssh).add_argument("command", nargs=argparse.REMAINDER)
    of_node("exec", exec_).add_argument("command", nargs=argparse.REMAINDER)
    command("run", run).add_argument("command", nargs=argparse.REMAINDER)
    of_node("partition", partition).add_argument("network", choices=WHICH, nargs="?", default="corosync")
    of_node("heal", heal)
    of_node("block", block)
    of_node("netem", netem).add_argument("netem", nargs=argparse.REMAINDER, metavar="[mgmt|corosync|both] [delay MSms] [loss N%]")
    of_node("kill", kill)
    of_node("stop", stop)
    of_node("start", start)
    command("status", status)
    made = command("inventory", inventory)
    made.add_argument("--group", action="append", default=[], help="put the nodes into this group; can be repeated")
    made.add_argument("--password", action="store_true", help="log in by root's password")
    command("base", base)
    command("doctor", doctor_)
    command("clean", clean)
    return top


def main(argv: list[str]) -> int:
    """Run one command."""
    options = parser().parse_args(argv)
    try:
        if options.act is not doctor_ and os.geteuid() != 0:
            raise LabError("cannot use the lab: it makes namespaces and mounts: run it as root")
        options.act(Lab(), options)
    except (LabError, OSError) as problem:
        print(f"lab: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0
