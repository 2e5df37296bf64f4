# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions, their step boundaries, and the states they begin from."""

import json
from dataclasses import dataclass, field

from harness import Inventory, play

from . import kept, state
from .world import PASSWORD, ROOT, Broken, corosync_address, management_address

CLUSTER = "lab"
# What a task may take. A join whose cluster node has lost its corosync takes all of it.
PATIENCE = 80


@dataclass(frozen=True)
class Point:
    """A step boundary: the moment at which something becomes true in a node."""

    name: str
    node: str
    when: str


@dataclass
class Action:
    """A task, where it begins, and what is to come of it."""

    name: str
    title: str
    begin: str
    actor: str
    primary: str
    nodes: tuple
    points: list
    members: tuple
    options: dict = field(default_factory=dict)
    playbook: tuple = ()
    standalone: tuple = ()
    off: tuple = ()
    guests: tuple = ()
    guest_files: tuple = ()
    hosts: int = 3
    local_user: str = ""
    listed: tuple = ()
    prepare: object = None
    also: object = None
    play: object = None
    remark: str = ""

    def task(self, extra):
        """The playbook and its further words; `extra` are options that a remedy asked for."""
        if self.playbook:
            words = [word for name, value in extra.items() for word in ("-e", json.dumps({f"cluster_join_{name}": value}))]
            return ROOT / "playbooks" / self.playbook[0], [*self.playbook[1:], *words]
        if self.play:
            return self.play(extra), []
        options = {"cluster_name": CLUSTER, "timeout": PATIENCE, **self.options, **extra}
        return [{"hosts": self.actor, "gather_facts": False, "tasks": [{"pve.cluster.pvecm_cluster": options}]}], []

    def wrong(self, world, local_keys, seconds=15):
        """What is not as it has to be once the task has succeeded; looked at again for some seconds."""
        found = state.wrong(world, self.members, self.listed or self.members, self.standalone, seconds)
        for name in (*self.members, *self.standalone):
            guests = self.guests if name in self.members else [one for one in self.guests if one[0] == name]
            found += kept.missing(world, name, guests, local_keys[name])
        if self.also:
            found += self.also(world)
        if self.local_user:
            if not kept.backed_up(world, self.local_user):
                found.append(f"no backup of the database of '{self.local_user}' has its own users")
        return found


def _links(name):
    return [{"number": 0, "address": corosync_address(name)}]


def _create():
    here = lambda name, when: Point(name, "pve1", when)
    return Action(
        "create", "Create (`state: present`)", "alone", "pve1", "pve1", ("pve1",),
        [
            here("the module has started", "module()"),
            here("pvecm has started", "pvecm('create')"),
            here("authkey is there", "exists('/etc/corosync/authkey')"),
            here("corosync.conf is there", "exists('/etc/pve/corosync.conf')"),
            here("pmxcfs is stopped", "stopped('pmxcfs')"),
            here("pvecm has ended", "ended('create')"),
        ],
        members=("pve1",), options={"state": "present", "links": _links("pve1"), "nodeid": 1},
        guests=(("pve1", 100),), hosts=1, remark="corosync starts some milliseconds before pvecm ends: that is one moment.",
    )


ONE_MOMENT = "corosync.conf is written right after the authkey, and corosync starts some milliseconds before pmxcfs. The lock is released when all is done, and nothing comes after it."


def _join():
    there = lambda name, when: Point(name, "pve1", when)
    here = lambda name, when: Point(name, "pve2", when)
    return Action(
        "join-ssh", "Join by ssh (`state: joined`), the second node of a cluster", "pair", "pve2", "pve1", ("pve1", "pve2"),
        [
            here("the module has started", "module()"),
            there("the join's lock is there", "exists('/etc/pve/priv/lock/pvecm_cluster-join')"),
            here("pvecm has started", "pvecm('add')"),
            there("the cluster lists the node", "holds('/etc/pve/corosync.conf', 'pve2')"),
            *_inside(here),
        ],
        members=("pve1", "pve2"), options=_joined("pve2"), guests=(("pve1", 100),), hosts=2, local_user="pve2", remark=ONE_MOMENT,
    )


def _joined(name):
    number = int(name.removeprefix("pve"))
    return {"state": "joined", "cluster_node": management_address("pve1"), "links": _links(name), "nodeid": number}


def _inside(here):
    """What pvecm does on a joining node, once the cluster lists it."""
    return [
        here("authkey is there", "exists('/etc/corosync/authkey')"),
        here("the database is copied", "stopped('pmxcfs') and new('/var/lib/pve-cluster/backup/*.sql.gz')"),
        here("corosync and pmxcfs have started", "started('corosync') and started('pmxcfs')"),
        here("/etc/pve is writable", "started('corosync') and started('pmxcfs') and writable()"),
        here("the certificate is made", "started('pmxcfs') and exists('/etc/pve/local/pve-ssl.pem')"),
        here("pvecm has ended", "ended('add')"),
    ]


def _third():
    there = lambda name, when: Point(name, "pve1", when)
    return Action(
        "join-third", "Join by ssh, the third node of a cluster of two", "trio", "pve3", "pve1", ("pve1", "pve2", "pve3"),
        [
            there("the cluster lists the node", "holds('/etc/pve/corosync.conf', 'pve3')"),
        ],
        members=("pve1", "pve2", "pve3"), options=_joined("pve3"), guests=(("pve1", 100), ("pve2", 200)), local_user="pve3",
        remark="The cluster keeps its quorum without the joining node. The steps are those of the table for the second node.",
    )


RULES = "/etc/pve/ha/rules.cfg"
JOBS = "/etc/pve/replication.cfg"
LISTED = "node-affinity: r1\n\tnodes pve1:2,pve2,pve3:1\n\tresources vm:100\n\n"
JOB, OTHER_JOB = "local: 100-0\n\ttarget pve3\n\n", "local: 100-1\n\ttarget pve2\n\n"


def _rule_and_job_with_pve3(world):
    world.run("pve1", f"mkdir -p /etc/pve/ha && cat > {RULES} <<'END'\n{LISTED}END\ncat > {JOBS} <<'END'\n{JOB}{OTHER_JOB}END")
    world.holds("pve2", f"grep -q r1 {RULES} && grep -q 100-1 {JOBS}")


def _without_pve3(world):
    """What is wrong with the rule and the jobs once the node is gone, on every member."""
    found = []
    for name in ("pve1", "pve2"):
        for path, expected in ((RULES, LISTED.replace(",pve3:1", "")), (JOBS, OTHER_JOB)):
            text = world.run(name, f"cat {path}", check=False)
            if text.strip() != expected.strip():
                found.append(f"'{path}' on '{name}' is {text!r}")
    return found


def _remove():
    here = lambda name, when: Point(name, "pve2", when)
    return Action(
        "remove", "Remove a node that is off (`state: removed`)", "three", "pve2", "pve1", ("pve1", "pve2", "pve3"),
        [
            here("the module has started", "module()"),
            here("the cluster is locked", "exists('/etc/pve/priv/lock/pvecm_cluster-join')"),
            here("what is left of it is copied", "new('/var/backups/pve-cluster-collection/removed-pve3-*')"),
            here("the rule no longer names the node", f"lacks('{RULES}', 'pve3')"),
            here("pvecm has started", "pvecm('delnode')"),
            here("the cluster no longer lists the node", "lacks('/etc/pve/corosync.conf', 'pve3')"),
            here("the job to it is gone", f"lacks('{JOBS}', 'pve3')"),
            here("the node's key and directory are gone", "writable() and not exists('/etc/pve/nodes/pve3')"),
        ],
        remark="A rule of high availability names the node with both others, which it keeps with their priorities, and a replication job "
               "leads to it. The key and the directory go within a millisecond.",
        members=("pve1", "pve2"), off=("pve3",), options={"state": "removed", "node": "pve3"},
        guests=(("pve1", 100), ("pve2", 200)), prepare=_rule_and_job_with_pve3, also=_without_pve3,
    )


def _join_api(name, title, begin, nodes, guests, points, remark):
    number = int(name.removeprefix("pve"))
    role = {
        "cluster_inventory_members": "{{ ['NAME'] if (ansible_facts.pve_cluster.cluster_name or '') == cluster_name else [] }}".replace("NAME", name),
        "cluster_inventory_node": {
            "name": name, "address": management_address(name), "links": _links(name), "nodeid": number, "votes": "",
        },
        "cluster_inventory_seed": "pve1", "cluster_join_through": "pve1", "cluster_join_target": management_address("pve1"),
        "cluster_join_method": "api", "cluster_join_password": PASSWORD, "cluster_join_timeout": PATIENCE,
    }

    def play(extra):
        options = {f"cluster_join_{option}": value for option, value in extra.items()}
        tasks = [
            {"pve.cluster.cluster_facts": {}},
            {"ansible.builtin.include_role": {"name": "pve.cluster.cluster_join"}, "vars": role | options},
        ]
        return [{"hosts": name, "gather_facts": False, "tasks": tasks}]

    return Action(
        "join-api" if number == 2 else "join-api-third", title, begin, name, "pve1", nodes, points,
        members=nodes, play=play, guests=guests, hosts=number, local_user=name, remark=remark,
    )


def _second_by_api():
    there = lambda name, when: Point(name, "pve1", when)
    here = lambda name, when: Point(name, "pve2", when)
    return _join_api(
        "pve2", "Join by password on the API (`method: api`, role cluster_join), the second node of a cluster", "pair",
        ("pve1", "pve2"), (("pve1", 100),),
        [
            there("the cluster is reserved", "exists('/etc/pve/priv/lock/pvecm_cluster-join')"),
            here("pvecm has started", "pvecm('add')"),
            there("the cluster lists the node", "holds('/etc/pve/corosync.conf', 'pve2')"),
            *_inside(here),
        ],
        "The call to the API is the moment at which the cluster lists the node. " + ONE_MOMENT,
    )


def _third_by_api():
    there = lambda name, when: Point(name, "pve1", when)
    here = lambda name, when: Point(name, "pve3", when)
    return _join_api(
        "pve3", "Join by password on the API, the third node of a cluster of two", "trio",
        ("pve1", "pve2", "pve3"), (("pve1", 100), ("pve2", 200)),
        [
            there("the cluster lists the node", "holds('/etc/pve/corosync.conf', 'pve3')"),
            here("corosync and pmxcfs have started", "started('corosync') and started('pmxcfs')"),
        ],
        "The cluster keeps its quorum without the joining node. The steps are those of the table for the second node.",
    )


def _guest_on_pve3(world):
    path, content = kept.guest("pve3", 300)
    world.run("pve3", f"mkdir -p /etc/pve/nodes/pve3/qemu-server && cat > {path} <<'END'\n{content}END")


RECORDED = "exists('/var/backups/pve-cluster-collection/leaving.json')"
SEPARATED = "stopped('pmxcfs') and exists('/etc/pve/local') and not exists('/etc/pve/corosync.conf')"


def _leave():
    here = lambda name, when: Point(name, "pve3", when)
    return Action(
        "leave", "Leave a cluster and stay usable (`state: absent`)", "three", "pve3", "pve1", ("pve1", "pve2", "pve3"),
        [
            here("the module has started", "module()"),
            here("the leaving is recorded", RECORDED),
            here("corosync is stopped", "stopped('corosync')"),
            here("pmxcfs has started in local mode", "started('pmxcfs')"),
            here("corosync.conf is gone from /etc/pve", SEPARATED),
            here("the other nodes' directories are gone", "writable() and not exists('/etc/pve/nodes/pve1') and not exists('/etc/pve/nodes/pve2')"),
        ],
        members=("pve1", "pve2"), listed=("pve1", "pve2", "pve3"), standalone=("pve3",), options={"state": "absent"},
        guests=(("pve1", 100), ("pve2", 200), ("pve3", 300)), prepare=_guest_on_pve3,
        remark="corosync's own files go within a millisecond of corosync.conf in /etc/pve.",
    )


def _destroy():
    here = lambda name, when: Point(name, "pve2", when)
    return Action(
        "destroy", "Take a cluster apart (`playbooks/cluster-destroy.yml`)", "three", "pve2", "pve1", ("pve1", "pve2", "pve3"),
        [
            here("the leaving is recorded", RECORDED),
            here("corosync is stopped", "stopped('corosync')"),
            here("corosync.conf is gone from /etc/pve", SEPARATED),
        ],
        remark="All nodes leave at the same time, so the other two are then anywhere between their first step and their last one. The "
               "steps of a node are those of the table for leaving.",
        members=(), standalone=("pve1", "pve2", "pve3"), playbook=("cluster-destroy.yml", "-e", "confirm=destroy"),
        guests=(("pve1", 100), ("pve2", 200), ("pve3", 300)), prepare=_guest_on_pve3,
    )


def _init():
    return Action(
        "init", "Form a cluster of two (`playbooks/cluster-init.yml`)", "two", "pve2", "pve1", ("pve1", "pve2"),
        [
            Point("phase 1: the controller's key is on the node", "pve2", "exists('/root/.ssh/authorized_keys2')"),
            Point("phase 3: the cluster is created", "pve1", "exists('/etc/pve/corosync.conf')"),
            Point("phase 4: the cluster lists the node", "pve1", "holds('/etc/pve/corosync.conf', 'pve2')"),
        ],
        members=("pve1", "pve2"), playbook=("cluster-init.yml", "-e", f"cluster_join_timeout={PATIENCE}"), guests=(("pve1", 100),), hosts=2, local_user="pve2",
        remark="Phases 2, 5 and 6 look and measure. The steps inside phases 3 and 4 are those of the tables for creating and joining.",
    )


ACTIONS = {action.name: action for action in (
    _init(), _create(), _join(), _third(), _second_by_api(), _third_by_api(), _remove(), _leave(), _destroy(),
)}



def _formed(run):
    if run.rc != 0:
        raise Broken(f"the state to begin from could not be made:\n{run.output[-3000:]}")


def make(world, begin):
    """Make and keep a state to begin from: `alone`, `two` (both standalone), `pair` (a cluster of one and a node prepared to
    join), `trio` (a cluster of two and such a node), `three`."""
    world.fresh()
    count = {"alone": 1, "two": 2, "pair": 2, "trio": 3, "three": 3}[begin]
    names = [f"pve{number}" for number in range(1, count + 1)]
    kept.put(world, "pve1", guests=[100])
    inventory = Inventory(count)
    if begin == "alone":
        _formed(play(inventory, "cluster-init.yml", "--tags", "phase1"))
    elif begin in ("two", "pair"):
        world.run("pve2", f"echo '{kept.LOCAL_USER}' >> /etc/pve/user.cfg")
        if begin == "two":
            world.keep(begin, names)
            return
        _formed(play(inventory, "cluster-init.yml", "--tags", "phase1,phase3"))
    elif begin == "trio":
        _formed(play(Inventory(2)))
        kept.put(world, "pve2", guests=[200])
        world.run("pve3", f"echo '{kept.LOCAL_USER}' >> /etc/pve/user.cfg")
        _formed(play(inventory, "cluster-init.yml", "--tags", "phase1"))
    else:
        _formed(play(inventory))
        kept.put(world, "pve2", guests=[200])
    world.keep(begin, names)
