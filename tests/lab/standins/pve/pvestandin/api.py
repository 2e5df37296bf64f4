# SPDX-License-Identifier: GPL-3.0-or-later
"""API calls, for pvesh and for pveproxy. A table is walked in another order each time, as by the real program."""

import random
import re

from . import admission, certs, cfs, conf, formation, haenv, halists, hastatus, paths, qdevice, schema, sections, task, versions
from .errors import PveError
from .schema import Property

API_JOIN = {
    **schema.JOIN,
    "fingerprint": Property(pattern=schema.FINGERPRINT.pattern, required=True),
    "password": Property(required=True),
}


def _shuffled(items):
    items = list(items)
    random.shuffle(items)
    return items


def _text(value):
    """The parser knows only text."""
    if isinstance(value, dict):
        return {str(key): _text(inner) for key, inner in value.items()}
    return str(value)


def version(_parameters):
    return {"release": versions.RELEASE, "repoid": versions.REPOSITORY_ID, "version": versions.MANAGER}


def cluster_status(_parameters):
    members = cfs.members()
    own = cfs.node_name()
    cluster = members.get("cluster")
    answer = []
    nodes = members.get("nodelist")
    if cluster:
        answer.append(
            {
                "id": "cluster",
                "name": cluster["name"],
                "nodes": cluster["nodes"],
                "quorate": cluster["quorate"],
                "type": "cluster",
                "version": cluster["version"],
            }
        )
    if not nodes:
        nodes = {own: {"id": 0, "online": 1, "ip": cfs.address_of(own)}}
    for name, entry in _shuffled(nodes.items()):
        answer.append(
            {
                "id": f"node/{name}",
                "ip": entry.get("ip") or cfs.address_of(name),
                "level": "",
                "local": 1 if name == own else 0,
                "name": name,
                "nodeid": entry["id"],
                "online": entry["online"],
                "type": "node",
            }
        )
    return answer


def config_nodes(_parameters):
    nodes = conf.load().nodelist or {}
    return [{**_text(node), "node": name} for name, node in _shuffled(nodes.items())]


def config_totem(_parameters):
    totem = conf.load().totem
    return None if totem is None else _text(totem)


def api_version(_parameters):
    return admission.API_VERSION


def join_information(parameters):
    document = conf.load()
    if document.main is None:
        raise PveError("node is not in a cluster, no join info available!", code=2, status=424)
    nodes = []
    for name, node in _shuffled((document.nodelist or {}).items()):
        nodes.append({**_text(node), "pve_addr": cfs.address_of(name), "pve_fp": certs.fingerprint(name)})
    return {
        "config_digest": document.digest,
        "nodelist": nodes,
        "preferred_node": parameters.get("node") or cfs.node_name(),
        "totem": config_totem({}),
    }


def add_node(parameters, node):
    return admission.add_node(schema.check(schema.ADD_NODE, {**parameters, "node": node}))


def delete_node(_parameters, node):
    admission.delete_node(node)


def create_cluster(parameters):
    values = schema.check(schema.CREATE, parameters)
    formation.refuse_second_cluster()
    return task.run_in_background("clustercreate", values["clustername"], lambda: formation.create(values))


def join_cluster(parameters):
    values = schema.check(API_JOIN, parameters)
    return task.run_in_background("clusterjoin", "", lambda: formation.join_by_api(values))


def nodes(_parameters):
    members = cfs.members().get("nodelist") or {cfs.node_name(): {"online": 1}}
    answer = []
    for name, entry in _shuffled(members.items()):
        online = bool(entry["online"])
        row = {
            "id": f"node/{name}",
            "level": "",
            "node": name,
            "status": "online" if online else "offline",
            "type": "node",
        }
        try:
            row["ssl_fingerprint"] = certs.fingerprint(name)
        except PveError:
            pass
        answer.append(row)
    return answer


def resources(parameters):
    answer = []
    if parameters.get("type") in (None, "node"):
        answer += [
            {key: row[key] for key in ("id", "level", "node", "status", "type")} for row in nodes({})
        ]
    if parameters.get("type") in (None, "vm"):
        for vmid, guest in _shuffled(cfs.guests().items()):
            answer.append(
                {"id": f"{guest['type']}/{vmid}", "node": guest["node"], "type": guest["type"], "vmid": int(vmid)}
            )
    return answer


def guests_of(kind):
    def listing(_parameters, node):
        return [
            {"name": f"VM {vmid}", "status": "stopped", "vmid": int(vmid)}
            for vmid, guest in _shuffled(cfs.guests().items())
            if guest["node"] == node and guest["type"] == kind
        ]

    return listing


def node_version(_parameters, node):
    _require_own(node)
    return version({})


def _require_own(node):
    if node not in (cfs.node_name(), "localhost"):
        raise PveError(f"hostname lookup '{node}' failed - this stand-in answers for its own node alone\n")


def tasks(_parameters, node):
    _require_own(node)
    from . import files

    rows = []
    for line in files.read(f"{paths.TASKS}/active", "").splitlines():
        words = line.split(" ", 3)
        one = task.Task.from_upid(words[0])
        row = _describe(one)
        if len(words) == 4:
            row["endtime"], row["status"] = int(words[2], 16), words[3]
        rows.append(row)
    return rows


def _describe(one):
    return {
        "id": one.what,
        "node": one.node,
        "pid": one.pid,
        "pstart": one.ticks,
        "starttime": one.started,
        "type": one.kind,
        "upid": one.upid,
        "user": one.user,
    }


def task_status(_parameters, node, upid):
    _require_own(node)
    one = task.Task.from_upid(upid)
    row = _describe(one)
    if one.running():
        row["status"] = "running"
    else:
        row["status"], row["exitstatus"] = "stopped", one.status()
    return row


def task_log(_parameters, node, upid):
    _require_own(node)
    from . import files

    lines = files.read(task.Task.from_upid(upid).log, "").splitlines()
    return [{"n": number, "t": line} for number, line in enumerate(lines, 1)]


def empty(_parameters):
    return []


def users(_parameters):
    from . import files

    rows = []
    for line in files.read(f"{paths.CLUSTER_DIR}/user.cfg", "").splitlines():
        fields = line.split(":")
        if fields[0] == "user":
            rows.append({"email": fields[6], "enable": int(fields[2]), "expire": int(fields[3]), "userid": fields[1]})
    return rows


def ha_status(_parameters):
    return hastatus.entries()


def ha_resources(_parameters):
    return [{"sid": sid, "type": sid.split(":")[0], **properties} for sid, properties in haenv.resources().items()]


def ha_groups(_parameters):
    raise PveError("cannot index groups: ha groups have been migrated to rules\n", code=2)


def replication(_parameters):
    rows = []
    for kind, name, properties in sections.read(f"{paths.CLUSTER_DIR}/replication.cfg"):
        guest, _dash, number = name.partition("-")
        rows.append({"guest": int(guest), "id": name, "jobnum": int(number), "type": kind, **properties})
    return sorted(rows, key=lambda row: row["id"])


CALLS = (
    ("GET", "/version", version),
    ("GET", "/access/users", users),
    ("GET", "/cluster/status", cluster_status),
    ("GET", "/cluster/resources", resources),
    ("GET", "/cluster/replication", replication),
    ("GET", "/cluster/backup", empty),
    ("GET", "/cluster/ha/resources", ha_resources),
    ("GET", "/cluster/ha/groups", ha_groups),
    ("GET", "/cluster/ha/rules", lambda _parameters: halists.listed()),
    ("GET", "/cluster/ha/status/current", ha_status),
    ("GET", "/cluster/ha/status/manager_status", lambda _parameters: hastatus.whole()),
    ("GET", "/cluster/config/nodes", config_nodes),
    ("POST", "/cluster/config/nodes/{node}", add_node),
    ("DELETE", "/cluster/config/nodes/{node}", delete_node),
    ("GET", "/cluster/config/totem", config_totem),
    ("GET", "/cluster/config/qdevice", lambda _parameters: qdevice.status()),
    ("GET", "/cluster/config/apiversion", api_version),
    ("GET", "/cluster/config/join", join_information),
    ("POST", "/cluster/config/join", join_cluster),
    ("POST", "/cluster/config", create_cluster),
    ("GET", "/nodes", nodes),
    ("GET", "/nodes/{node}/version", node_version),
    ("GET", "/nodes/{node}/qemu", guests_of("qemu")),
    ("GET", "/nodes/{node}/lxc", guests_of("lxc")),
    ("GET", "/nodes/{node}/tasks", tasks),
    ("GET", "/nodes/{node}/tasks/{upid}/status", task_status),
    ("GET", "/nodes/{node}/tasks/{upid}/log", task_log),
)


def find(method, path):
    for call_method, pattern, function in CALLS:
        expression = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern)
        match = re.fullmatch(expression, path.rstrip("/") or "/")
        if call_method == method and match:
            return lambda parameters: function(parameters, **match.groupdict())
    return None
