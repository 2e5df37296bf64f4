# SPDX-License-Identifier: GPL-3.0-or-later
"""One lab as the matrix uses it: nodes set back to a kept state, agents in them, faults done to them, tasks run on them."""

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/lab"))

# pylint: disable=wrong-import-position
from pvelab import access, lifecycle, machine, network  # noqa: E402
from pvelab.process import LabError, alive  # noqa: E402
from pvelab.settings import NETWORKS, PASSWORD, Lab, node  # noqa: E402

AGENT = Path(__file__).with_name("agent.py").read_text(encoding="utf-8")
CALLBACKS = Path(__file__).with_name("callbacks")
PLAYBOOK = ROOT / ".venv/bin/ansible-playbook"
NAMES = ("pve1", "pve2", "pve3")


class Broken(Exception):
    """The case could not be carried out, or did not come out as it has to; in words."""


def each(act, items):
    """Do something with all of these at once, and answer what came of each."""
    items = list(items)
    with ThreadPoolExecutor(len(items) or 1) as pool:
        return list(pool.map(act, items))


class Agent:
    """The far end of `agent.py` in one node; what it says goes into one queue for all nodes."""

    def __init__(self, world, name, events):
        self.name = name
        self.leader = world.leader(name)
        command = "exec python3 -c \"$AGENT\""
        argv = machine.command_inside(self.leader, command)
        argv.insert(argv.index("/bin/bash"), f"AGENT={AGENT}")
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self._read, args=(events,), daemon=True)
        self.reader.start()

    def _read(self, events):
        for line in self.process.stdout:
            events.put((self.name, json.loads(line)))

    def order(self, **what):
        """Tell it what to do."""
        try:
            self.process.stdin.write(json.dumps(what) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def close(self):
        """End it: it does so itself when its stdin ends, if its node has not been cut off from power."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        # Its own end of the pipe may be in the hands of a process that lives on in the node; the thread is a daemon.
        self.reader.join(1)


class Task:
    """An ansible-playbook that runs over real ssh from the lab's controller."""

    def __init__(self, world, playbook, words=()):
        self.folder = Path(tempfile.mkdtemp(prefix="faults-"))
        self.results = self.folder / "results"
        self.begun = time.monotonic()
        environment = access.controller_environment(world.lab) | {
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            # what went wrong is read with all that Ansible says of it
            "ANSIBLE_STDOUT_CALLBACK": "default",
            "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
            "ANSIBLE_CALLBACKS_ENABLED": "fault_results",
            "FAULT_RESULTS": str(self.results),
        }
        if isinstance(playbook, Path):
            path = playbook
        else:
            path = self.folder / "task.yml"
            path.write_text(json.dumps(playbook), encoding="utf-8")
        with open(self.folder / "output", "wb") as output:
            self.process = subprocess.Popen(
                access.in_controller(world.lab, [str(PLAYBOOK), str(path), *words]),
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT, env=environment, start_new_session=True,
            )

    def ended(self):
        """Whether it has ended."""
        return self.process.poll() is not None

    def wait(self, seconds):
        """Wait for its end; false when it has not come."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def interrupt(self):
        """What a person does whose run hangs: Ctrl-C, and at last the hard way."""
        for number in (signal.SIGINT, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                break
            if self.wait(10):
                break

    def failures(self):
        """What hosts failed of or were unreachable by: (host, result)."""
        lines = self.results.read_text(encoding="utf-8").splitlines() if self.results.exists() else []
        return [(entry["host"], entry["result"]) for entry in map(json.loads, lines) if entry["kind"] != "ok"]

    def answers(self):
        """What tasks answered: (host, result)."""
        lines = self.results.read_text(encoding="utf-8").splitlines() if self.results.exists() else []
        return [(entry["host"], entry["result"]) for entry in map(json.loads, lines) if entry["kind"] == "ok"]

    def output(self):
        """All that it printed."""
        return (self.folder / "output").read_text(encoding="utf-8", errors="replace")

    def close(self):
        """Remove its files."""
        shutil.rmtree(self.folder, ignore_errors=True)


class World:
    """The lab that PVE_LAB names, with three nodes or more of which some are on."""

    def __init__(self, names=NAMES):
        self.names = names
        self.lab = Lab()
        self.events = queue.Queue()
        self.agents = {}
        self.leaders = {}
        self.on = ()

    def up(self):
        """Boot the nodes for the first time; those that an earlier run left are set back before each case anyway."""
        if self.lab.memory.is_mount() and all((self.lab.live(node(name)) / "lowers").is_file() for name in self.names):
            return
        with open(os.devnull, "w", encoding="utf-8") as quiet:
            shown, sys.stdout = sys.stdout, quiet
            try:
                lifecycle.up(self.lab, len(self.names), True)
            finally:
                sys.stdout = shown

    def fresh(self):
        """Make all nodes fresh standalone ones that know the controller's key."""
        with open(os.devnull, "w", encoding="utf-8") as quiet:
            shown, sys.stdout = sys.stdout, quiet
            try:
                lifecycle.reset(self.lab, [node(name) for name in self.names], True, False)
            finally:
                sys.stdout = shown

    def leader(self, name):
        """The init process of a node that is on. Finding it looks at every process of the machine, so it is remembered."""
        pid = self.leaders.get(name)
        if pid is None or not alive(pid):
            pid = self.leaders[name] = machine.require_leader(self.lab, node(name))
        return pid

    def run(self, name, command, check=True, seconds=60):
        """A shell command in a node, without ssh; what it printed on stdout."""
        argv = machine.command_inside(self.leader(name), command)
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False)
        if check and done.returncode != 0:
            raise Broken(f"'{command}' on '{name}' exited {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def holds(self, name, command, seconds=60):
        """Wait until a shell condition holds on a node."""
        deadline = time.monotonic() + seconds
        while True:
            argv = machine.command_inside(self.leader(name), command)
            if subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False).returncode == 0:
                return
            if time.monotonic() > deadline:
                raise Broken(f"after {seconds} s '{command}' does not hold on '{name}'")
            time.sleep(0.4)

    # Kept states.

    def _kept(self, kind, name):
        return self.lab.memory / "kept" / kind / name

    def has(self, kind):
        """Whether this state is kept, over the layers that the nodes stand on now."""
        whole = self.lab.memory / "kept" / kind / "whole"
        return whole.exists() and whole.read_text(encoding="utf-8") == self._layers()

    def _layers(self):
        """What all nodes stand on."""
        return "\n".join((self.lab.live(node(name)) / "lowers").read_text(encoding="utf-8") for name in self.names)

    def keep(self, kind, names):
        """Shut these nodes down and keep what they have written."""
        each(lambda name: machine.shut_down(self.lab, node(name)), names)
        for name in names:
            target = self._kept(kind, name)
            shutil.rmtree(target, ignore_errors=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", self.lab.live(node(name)) / "upper", target], check=True)
        (self.lab.memory / "kept" / kind / "whole").write_text(self._layers(), encoding="utf-8")

    def restore(self, kind, names, off=()):
        """Set nodes back to a kept state and boot them, all but `off`; the others go off."""
        self.close_agents()
        access.close_connections(self.lab)

        def back(name):
            which = node(name)
            machine.cut_power(self.lab, which)
            for net in NETWORKS:
                network.repair(self.lab, which, net)
            if name not in names:
                return
            live = self.lab.live(which)
            for part in ("upper", "work"):
                shutil.rmtree(live / part, ignore_errors=True)
            subprocess.run(["cp", "-a", self._kept(kind, name), live / "upper"], check=True)
            if name not in off:
                self.start(name)

        each(back, self.names)
        self.on = [name for name in names if name not in off]

    # Faults.

    def agent(self, name):
        """The agent of a node that is on."""
        if name not in self.agents:
            self.agents[name] = Agent(self, name, self.events)
        return self.agents[name]

    def close_agents(self):
        """End all agents."""
        for agent in self.agents.values():
            agent.close()
        self.agents = {}
        self.events = queue.Queue()

    def cut_power(self, name):
        """End a node between two instructions."""
        agent = self.agents.pop(name, None)
        try:
            os.kill(self.leader(name), signal.SIGKILL)
        except (ProcessLookupError, LabError):
            # it is between two boots: what would boot it again is ended below
            pass
        machine.cut_power(self.lab, node(name))
        if agent:
            agent.close()

    def start(self, name):
        """Switch a node on again."""
        which = node(name)
        self.leaders.pop(name, None)
        if not machine.is_on(self.lab, which):
            lowers = [Path(line) for line in (self.lab.live(which) / "lowers").read_text().splitlines()]
            machine.power_on(self.lab, which, lowers, fresh=False)
        deadline = time.monotonic() + machine.BOOT_SECONDS
        while (pid := machine.leader(self.lab, which)) is None:
            if time.monotonic() > deadline:
                raise Broken(f"'{name}' does not boot")
            time.sleep(0.25)
        self.leaders[name] = pid
        self.holds(name, machine.REACHABLE, machine.BOOT_SECONDS)

    def cut(self, name):
        """Pull both wires of a node."""
        for net in NETWORKS:
            network.cut(self.lab, node(name), net)

    def repair(self, name):
        """Plug them in again."""
        for net in NETWORKS:
            network.repair(self.lab, node(name), net)

    def login(self, name):
        """A fresh login by the controller's key, and no other way in: what ssh said, or nothing."""
        options = [*access.ssh_options(self.lab), "-o", "BatchMode=yes", "-o", "ControlPath=none", "-o", "IdentitiesOnly=yes",
                   "-o", "ConnectTimeout=10", "-i", str(self.lab.controller_key)]
        argv = access.in_controller(self.lab, ["ssh", *options, f"root@{node(name).management}", "true"])
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        return "" if done.returncode == 0 else done.stderr.strip() or f"exit code {done.returncode}"


def corosync_address(name):
    """A node's address on link 0."""
    return node(name).address(NETWORKS[1])


def management_address(name):
    """The address by which it is logged in to."""
    return node(name).management
