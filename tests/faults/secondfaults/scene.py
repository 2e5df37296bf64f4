# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes of one case as its steps use them: actions begun and ended, faults done, what was said looked at, and the end judged."""

import base64
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from faultmatrix import state
from faultmatrix.world import NETWORKS, ROOT, Broken, Task, each, machine, network, node
from harness import HEALTH_LIMITS, Inventory

PLAYBOOKS = ROOT / "playbooks"
SKEWED_CLOCK = ROOT / "tests/integration/skewed_clock.c"
# What failed cases printed, beside the results.
KEPT = ROOT / "target/faults/second-failed"
# A playbook, with all that it waits for in it.
SECONDS = 420
WIRES = {net.name: net for net in NETWORKS}
COROSYNC_ADDRESS = {f"pve{number}": f"10.77.1.{10 + number}" for number in range(1, 6)}
MANAGEMENT_ADDRESS = {f"pve{number}": f"10.77.0.{10 + number}" for number in range(1, 6)}
RESCUE_LEFT = "ls -d /var/lib/pve-cluster-collection/rescue /etc/systemd/system/pve-cluster-rescue.timer /etc/pve/nodes/*/pve-cluster-rescue.json " \
              "/etc/pve/priv/pve-cluster-ha.json 2>/dev/null; true"
MODULES = r"ls -l /proc/[0-9]*/exe 2> /dev/null | sed -n 's|.* /proc/\([0-9]*\)/exe -> .*/[.]ansible/pve[.]cluster/.*|\1|p' | xargs -r kill -9; true"


class Outcome:
    """What a run came to."""

    def __init__(self, task):
        self.code = task.process.returncode
        self.failures = task.failures()
        self.answers = task.answers()
        self.output = task.output()

    @property
    def ok(self):
        return self.code == 0

    @property
    def changed(self):
        return any(result.get("changed") for _host, result in self.answers)

    def words(self):
        """Why it failed, in short."""
        said = [str(result.get("msg", "")) for _host, result in self.failures if not result.get("unreachable")]
        said += [f"'{host}' is unreachable" for host, result in self.failures if result.get("unreachable")]
        return _flat("; ".join(dict.fromkeys(said))) or self.output[-400:]

    def said(self):
        """All that it told: why it failed, what it warned of and what it printed on purpose; no names of tasks, and no recap of hosts."""
        told = [str(result.get(key, "")) for _host, result in [*self.failures, *self.answers] for key in ("msg", "warnings")]
        return self.words() + " " + _flat(" ".join(told))


def _flat(text):
    return re.sub(r"\s+", " ", text)


class Scene:
    """One case under way."""

    def __init__(self, world, case):
        self.world, self.case = world, case
        self.notes = []
        self.tasks = []
        self.inventories = {}
        self.folder = Path(tempfile.mkdtemp(prefix="second-faults-"))

    # What was seen goes into the document, in the order in which it was seen.

    def note(self, text):
        self.notes.append(re.sub(r"\s+", " ", text).strip())

    def must(self, holds, text):
        """What has to be so, or the case has failed."""
        if not holds:
            raise Broken(text)

    # The nodes.

    def on(self, name, command, check=False, seconds=60):
        return self.world.run(name, command, check=check, seconds=seconds)

    def holds(self, name, condition, seconds=60):
        self.world.holds(name, condition, seconds)

    def conf(self, name="pve1"):
        """The cluster's corosync.conf as a node has it. A reader may find none for a moment while another one is renamed over it."""
        deadline = time.monotonic() + 10
        while "config_version" not in (text := self.on(name, "cat /etc/pve/corosync.conf")):
            self.must(time.monotonic() < deadline, f"'{name}' has no corosync.conf with a version")
            time.sleep(0.2)
        return text

    def version(self, name="pve1"):
        return int(re.search(r"config_version:\s*(\d+)", self.conf(name))[1])

    def nodes_listed(self, name="pve1"):
        nodelist = re.search(r"^nodelist .*?^\}", self.conf(name), re.M | re.S)
        return sorted(re.findall(r"^\s*name:\s*(\S+)", nodelist[0] if nodelist else "", re.M))

    def quorate(self, name):
        return "Quorate:          Yes" in self.on(name, "corosync-quorumtool -siH")

    def sees(self, name, count, seconds=60):
        """Wait until corosync on a node sees this many nodes."""
        self.holds(name, f"corosync-quorumtool -s | grep -qx 'Nodes: *{count}'", seconds)

    def writable(self, name, seconds=60):
        self.holds(name, f"mkdir /etc/pve/priv/lock/probe-{name} && rmdir /etc/pve/priv/lock/probe-{name}", seconds)

    def edit(self, name, expression):
        """Somebody edits corosync.conf by hand, under the next version."""
        version = self.version(name) + 1
        self.on(name, f"sed -e 's/config_version: .*/config_version: {version}/' -e '{expression}' /etc/pve/corosync.conf > /tmp/changed && grep -q 'config_version: {version}' /tmp/changed &&"
                      " cp /tmp/changed /etc/pve/corosync.conf.new && mv /etc/pve/corosync.conf.new /etc/pve/corosync.conf", check=True)

    def unlocked(self, name, lock="file-corosync_conf", seconds=180):
        """Ask for a dead program's lock, as every program of PVE does, until it has expired."""
        path = f"/etc/pve/priv/lock/{lock}"
        self.holds(name, f"touch -c -d @0 {path} 2>/dev/null; ! test -e {path}", seconds)

    # Faults.

    def cut(self, name, *nets):
        for net in nets or ("corosync",):
            network.cut(self.world.lab, node(name), WIRES[net])

    def repair(self, name, *nets):
        for net in nets or ("corosync", "mgmt"):
            network.repair(self.world.lab, node(name), WIRES[net])

    def deaf(self, name, others, undo=False):
        """Cut a node off from others on both networks, while the controller reaches all of them."""
        if undo:
            self.on(name, "nft delete table inet second_fault 2>/dev/null; true")
            return
        addresses = ", ".join(table[other] for other in others for table in (COROSYNC_ADDRESS, MANAGEMENT_ADDRESS))
        self.on(name, f"nft -f - <<'END'\ntable inet second_fault {{\n chain in {{ type filter hook input priority -300; ip saddr {{ {addresses} }} drop; }}\n"
                      f" chain out {{ type filter hook output priority -300; ip daddr {{ {addresses} }} drop; }}\n}}\nEND", check=True)

    def off(self, *names):
        each(self.world.cut_power, names)

    def start(self, *names):
        each(self.world.start, names)

    def heal(self):
        """Everything on, every wire plugged in, no rule left: what somebody does who knows nothing of clusters."""
        for name in self.case.nodes:
            self.repair(name)
        each(self._start, self.case.nodes)
        for name in self.case.nodes:
            self.deaf(name, (), undo=True)

    def _start(self, name):
        if not machine.is_on(self.world.lab, node(name)) or self._dead(name):
            self.world.start(name)

    def _dead(self, name):
        try:
            self.world.leader(name)
        except SystemExit:
            return True
        except Exception:  # pylint: disable=broad-exception-caught  # it is off, by whatever word the lab has for that
            return True
        return False

    def spoil(self, name, unit):
        """A unit that cannot be started any more, though it runs."""
        self.on(name, f"mkdir -p /etc/systemd/system/{unit}.service.d; printf '[Service]\\nExecStartPre=/bin/false\\n' > "
                      f"/etc/systemd/system/{unit}.service.d/spoilt.conf; systemctl daemon-reload", check=True)

    def unspoil(self, name, unit):
        self.on(name, f"rm -rf /etc/systemd/system/{unit}.service.d; systemctl daemon-reload; systemctl reset-failed {unit}; systemctl start {unit}")

    def replace(self, name, program, script):
        """Another program in a program's place; the kept one stays beside it."""
        self.on(name, f"test -e /usr/bin/{program}.kept || cp -a /usr/bin/{program} /usr/bin/{program}.kept; cat > /usr/bin/{program}.new <<'END'\n{script}\nEND\n"
                      f"chmod 755 /usr/bin/{program}.new; mv /usr/bin/{program}.new /usr/bin/{program}", check=True)

    def restore(self, name, program):
        self.on(name, f"test ! -e /usr/bin/{program}.kept || mv /usr/bin/{program}.kept /usr/bin/{program}")

    def slow(self, seconds, *programs, nodes=None):
        """Programs of PVE take this many seconds more to start."""
        text = " ".join(map(str, (seconds, *programs)))
        for name in nodes or self.case.nodes:
            self.on(name, f"echo {text} > /etc/default/pve-standin-slow")

    def ahead(self, name, unit, days):
        """The clock that a unit of this node sees is days ahead: nodes share the machine's clock, and a time namespace leaves it alone."""
        library = self.folder / "skewed_clock.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-s", "-o", library, SKEWED_CLOCK], check=True)
        packed = base64.b64encode(library.read_bytes()).decode()
        self.on(name, f"base64 -d > /root/skewed_clock.so <<'END'\n{packed}\nEND\nmkdir -p /etc/systemd/system/{unit}.d; printf "
                      f"'[Service]\\nEnvironment=LD_PRELOAD=/root/skewed_clock.so SKEW_MS={days * 86_400_000}\\n' > /etc/systemd/system/{unit}.d/ahead.conf;"
                      " systemctl daemon-reload", check=True)

    # High availability.

    def ha(self, *names):
        """A guest that high availability keeps running on each of these nodes; their resource managers are active."""
        for name in names:
            number = 100 + int(name[-1])
            self.on(name, f"mkdir -p /etc/pve/nodes/{name}/qemu-server; test -e /etc/pve/nodes/{name}/qemu-server/{number}.conf ||"
                          f" printf 'cores: 1\\n' > /etc/pve/nodes/{name}/qemu-server/{number}.conf", check=True)
            # pmxcfs may hear of the quorum later than corosync
            self.holds(name, f"ha-manager add vm:{number} --state started || grep -q 'vm: {number}' /etc/pve/ha/resources.cfg", 60)
        for name in names:
            self.holds(name, f"""grep -q '"state":"active"' /etc/pve/nodes/{name}/lrm_status""", 60)
        self.note(f"high availability active on {', '.join(names)}")

    def armed(self, name="pve1"):
        """The armed state as the API tells it."""
        text = self.on(name, "pvesh get /cluster/ha/status/current --output-format json", seconds=60)
        found = [entry for entry in json.loads(text or "[]") if entry.get("type") == "fencing"]
        return found[0]["armed-state"] if found else "unknown"

    def armed_in(self, seconds, name="pve1"):
        """Wait until high availability is armed again."""
        deadline = time.monotonic() + seconds
        while self.armed(name) != "armed":
            self.must(time.monotonic() < deadline, f"high availability is not armed after {seconds} s: {self.armed(name)}; "
                      f"queue: {self.on(name, 'cat /etc/pve/ha/crm_commands')!r}; manager: {self.on(name, 'cat /etc/pve/ha/manager_status')[:300]}")
            time.sleep(1)
        self.note("high availability is armed")

    def boots(self):
        """Which boot each node is in: a node that was reset shows here."""
        return {name: self.on(name, "cat /proc/sys/kernel/random/boot_id").strip() for name in self.case.nodes}

    # Actions.

    def inventory(self, count=None):
        count = count or len(self.case.hosts)
        if count not in self.inventories:
            self.inventories[count] = Inventory(count, **self.case.variables)
        return self.inventories[count]

    def begin(self, playbook, *words, hosts=None, **variables):
        """Begin a playbook; its variables are as for -e."""
        extra = ["-e", json.dumps(variables)] if variables else []
        path = playbook if isinstance(playbook, list) else PLAYBOOKS / playbook
        task = Task(self.world, path, ["-i", str(self.inventory(hosts).folder), *words, *extra])
        self.tasks.append(task)
        return task

    def end(self, task, seconds=SECONDS):
        """Its outcome, once it has ended by itself."""
        if not task.wait(seconds):
            task.interrupt()
            raise Broken(f"the run did not end within {seconds} s; it had said: {Outcome(task).words()[-600:]}")
        outcome = Outcome(task)
        task.outcome = outcome
        return outcome

    def play(self, playbook, *words, **variables):
        return self.end(self.begin(playbook, *words, **variables))

    def die(self, task):
        """The controller is killed, and with it every module that is at work: nobody is left who could go on."""
        try:
            os.killpg(task.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        task.process.wait()
        each(lambda name: self.on(name, MODULES), [name for name in self.case.nodes if not self._dead(name)])

    def kill_controller(self, task):
        """The controller alone is killed."""
        try:
            os.killpg(task.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        task.process.wait()

    def at(self, task, name, expression, seconds=SECONDS, kill=None):
        """Wait until something is so in a node, seen within milliseconds; `kill` is what the agent there kills at that moment."""
        agent = self.world.agent(name)
        agent.order(do="watch", points={"moment": expression}, kills={"moment": kill} if kill else {})
        deadline = time.monotonic() + seconds
        while True:
            try:
                who, event = self.world.events.get(timeout=0.1)
                if who == name and event.get("point") == "moment":
                    agent.order(do="rest")
                    return
            except queue.Empty:
                pass
            if task.ended():
                raise Broken(f"the moment never came on '{name}' ({expression}): the run was over: {Outcome(task).code}: {Outcome(task).words()[:600]}")
            if time.monotonic() > deadline:
                task.interrupt()
                raise Broken(f"the moment never came on '{name}': {expression}")

    # What was said.

    def refused(self, outcome, *patterns):
        """It failed, and said these things; the first is what goes into the document."""
        said = outcome.said()
        self.must(not outcome.ok, f"it said done: {outcome.output[-800:]}")
        for pattern in patterns:
            self.must(re.search(pattern, said), f"it did not say '{pattern}', but: {said[:1200]}")
        self.note(f"refused: \u201c{outcome.words()[:220]}\u201d")

    def failed(self, outcome, *patterns):
        """The same for what was under way: it failed, and said why."""
        said = outcome.said()
        self.must(not outcome.ok, f"it said done: {outcome.output[-800:]}")
        for pattern in patterns:
            self.must(re.search(pattern, said), f"it did not say '{pattern}', but: {said[:1200]}")
        self.note(f"failed: \u201c{outcome.words()[:220]}\u201d")

    def done(self, outcome, text="done"):
        self.must(outcome.ok, f"it failed: {outcome.words()[:1500]}")
        self.note(text)

    # How it is in the end.

    def rescued(self, seconds=420):
        """Wait until no rescue is armed on any node that is on, as they end by themselves."""
        for name in self.case.nodes:
            self.holds(name, "test ! -e /etc/systemd/system/pve-cluster-rescue.timer && test ! -e /var/lib/pve-cluster-collection/rescue", seconds)
        self.note("every rescue has ended")

    def journal(self, name):
        return self.on(name, "journalctl -u 'pve-cluster-rescue*' -o cat --no-pager")

    def one_version(self, *names, seconds=90):
        """All of these run one version of corosync.conf, the one of their files."""
        deadline = time.monotonic() + seconds
        while True:
            found = {}
            for name in names:
                text = self.on(name, "for f in /etc/pve/corosync.conf /etc/corosync/corosync.conf; do grep -oP 'config_version: \\K[0-9]+' $f; done;"
                                     " corosync-cmapctl -g totem.config_version | grep -oP '= \\K[0-9]+'")
                found[name] = text.split()
            versions = {version for one in found.values() for version in one}
            if len(versions) == 1 and all(len(one) == 3 for one in found.values()):
                return int(versions.pop())
            self.must(time.monotonic() < deadline, f"the versions differ: {found}")
            time.sleep(1)

    def well(self, members=None, listed=None, standalone=(), seconds=60, left=True):
        """As state.py judges it, and nothing of a rescue or of our disarming is left."""
        members = tuple(members if members is not None else self.case.members)
        wrong = state.wrong(self.world, members, listed or members, standalone, seconds)
        for name in members if left else ():
            found = self.on(name, RESCUE_LEFT).split()
            if found:
                wrong.append(f"left on '{name}': {', '.join(found)}")
        self.must(not wrong, "; ".join(wrong))
        self.note(f"well in the end: {', '.join([*members, *standalone])}")

    def close(self, failed=False):
        """End what is left of it. What the runs of a failed case printed is kept for whoever looks for the cause."""
        KEPT.mkdir(parents=True, exist_ok=True)
        kept = KEPT / f"{self.case.name.replace('/', '-')}.log"
        kept.unlink(missing_ok=True)
        for number, task in enumerate(self.tasks, 1):
            task.interrupt()
            if failed:
                with open(kept, "a", encoding="utf-8") as file:
                    file.write(f"== run {number}\n{task.output()}\n")
            task.close()
        shutil.rmtree(self.folder, ignore_errors=True)


__all__ = ["HEALTH_LIMITS", "Outcome", "Scene"]
