# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps a cluster from being well, by the views of all its nodes."""

from __future__ import annotations

from ansible_collections.pve.cluster.plugins.plugin_utils.answer_schema import checked, misfit_findings
from ansible_collections.pve.cluster.plugins.plugin_utils.corosync_events import event_said
from ansible_collections.pve.cluster.plugins.plugin_utils.corosync_file import (
    many_findings, misread_findings, release_findings, timing_findings,
)
from ansible_collections.pve.cluster.plugins.plugin_utils.findings import ERROR, WARNING, finding
from ansible_collections.pve.cluster.plugins.plugin_utils.given import limits as all_limits

# The services without which a node is no use to the cluster, and one that only its graphs and states need.
_SERVICES = {"corosync": ERROR, "pve-cluster": ERROR, "pvedaemon": ERROR, "pveproxy": ERROR, "pvestatd": WARNING}

# What systemd calls a service that does not start with the machine, though it could.
NOT_ENABLED = ("disabled", "masked", "masked-runtime")

LIMITS = {
    "latency_warning_ms": 2.0,
    "latency_error_ms": 5.0,
    "loss_warning_percent": 1.0,
    "certificate_days": 30,
    "events_hours": 24,
    "many_nodes": 28,
}

# Below this many packets the start of corosync, when its peers were not there yet, is too large a part of them.
_ENOUGH_PINGS = 200


def health_findings(hosts, cluster_name, limits=None):
    """All findings over all hosts; each of these has `name` and `facts` (none where it could not be asked, with a `problem`)."""
    limits = all_limits(LIMITS, limits)
    hosts = [checked(host) for host in hosts]
    names = {host["name"] for host in hosts}
    found = []
    for host in hosts:
        found.extend({**one, "node": host["name"]} for one in misfit_findings(host))
        if host.get("facts"):
            found.extend({**one, "node": host["name"]} for one in _of_view(host["name"], host["facts"], cluster_name, names, limits))
        else:
            found.append(
                finding(
                    "unreachable", ERROR, f"it could not be asked ({host.get('problem') or 'no answer'})",
                    "see whether it runs and answers ssh", node=host["name"],
                )
            )
    found.extend(_of_cluster([host for host in hosts if host.get("facts")], limits))
    return found


def _of_view(name, facts, cluster_name, names, limits):
    if facts["membership"] != "member":
        yield finding("not-a-member", ERROR, f"it is not a member of cluster '{cluster_name}'", "join it by running cluster-init")
        return
    if facts["cluster_name"] != cluster_name:
        yield finding(
            "other-cluster", ERROR, f"it is a member of cluster '{facts['cluster_name']}', not of '{cluster_name}'",
            "correct cluster_name or the inventory",
        )
        return
    yield from _of_membership(facts, names)
    yield from _of_links(facts)
    yield from _of_services(facts)
    if facts.get("health"):
        yield from _of_health(name, facts, limits)
    leftover = (facts.get("leftovers") or {}).get("nodes") or []
    if leftover:
        yield finding(
            "leftover-node", WARNING, f"/etc/pve/nodes has directories of nodes that are no more ({', '.join(leftover)})",
            "keep what you need of their guests' configurations, then remove them",
        )
    if facts.get("problems"):
        yield finding("unread", WARNING, "; ".join(facts["problems"]), "see the services of the node first")


def _of_membership(facts, names):
    situation = facts["situation"]
    if situation != "member":
        yield finding(
            situation.replace("_", "-"), ERROR, f"{_SAID.get(situation, 'it is ' + situation)} ({'; '.join(facts['reasons'])})",
            _SITUATIONS.get(situation, "see 'journalctl -u corosync -u pve-cluster' on it"),
        )
    elif not facts["quorum"]["quorate"]:
        yield finding("not-quorate", ERROR, "it is not quorate", _SITUATIONS["not_quorate"])
    members = {member["name"] for member in facts["members"] or []}
    listed = {node["name"] for node in facts["nodelist"] or []}
    missing = names - members
    if missing:
        yield finding(
            "not-seen", ERROR, f"it does not see {', '.join(sorted(missing))}", "see whether they run, and their corosync network",
            measured=sorted(missing),
        )
    by_nodeid = {}
    for node in facts["nodelist"] or []:
        by_nodeid.setdefault(node.get("nodeid"), []).append(node["name"])
    for nodeid, same in by_nodeid.items():
        if nodeid is None or len(same) == 1:
            continue
        yield finding(
            "nodeid-twice", ERROR, f"the nodelist gives nodeid {nodeid} to {', '.join(same)}, from which corosync does not start",
            "give each its own nodeid in corosync.conf, before corosync or a machine restarts", measured=nodeid,
        )
    unseen = listed - members - missing
    if unseen:
        yield finding(
            "nodelist", ERROR, f"the nodelist names {', '.join(sorted(unseen))}, which it does not see",
            "start them, or remove them from the cluster", measured=sorted(unseen),
        )
    foreign = members & listed - names
    if foreign:
        yield finding(
            "not-in-inventory", WARNING, f"it sees {', '.join(sorted(foreign))}, which the inventory does not have",
            "add them to the inventory, so that they are asked too",
        )


_SAID = {
    "not_quorate": "it is not quorate",
    "versions_differ": "not all members run the same configuration",
    "corosync_stopped": "its corosync does not run",
    "pmxcfs_stopped": "its /etc/pve is not there",
    "removed": "its cluster has removed it",
    "renamed": "its host name was changed, and the cluster knows it by the name that it had",
    "unknown": "too little could be read of it",
}

_SITUATIONS = {
    "versions_differ": "see 'journalctl -u corosync' on the nodes that run another config_version than /etc/pve/corosync.conf has",
    "not_quorate": "bring back nodes or their corosync network until more than half of the votes are present",
    "corosync_stopped": "see 'journalctl -u corosync' on it, then start corosync",
    "pmxcfs_stopped": "see 'journalctl -u pve-cluster' on it, then start pve-cluster",
    "synchronizing": "it meets the others: look again in a moment; when it stays so, see 'journalctl -u pve-cluster' on it",
    "stranded": "copy /etc/pve/corosync.conf of a quorate member to /etc/corosync/corosync.conf on it, then restart corosync there",
    "removed": "clean it or reinstall it; it is no part of the cluster any more",
    "renamed": "give it its name back, in /etc/hostname and /etc/hosts, then restart pve-cluster on it; do not clean it, its guests may run",
}


def _of_links(facts):
    for link in facts["links"] or []:
        for peer in link["peers"]:
            # where corosync does not run, that is said already
            if peer["connected"] is False:
                yield finding(
                    "link-down", ERROR, f"its link {link['number']} to {peer['name']} is not connected",
                    "check cables, VLAN and firewall (UDP 5405-5412) on that network", peer=peer["name"], link=link["number"],
                )
        if link["running_address"] and link["running_address"] != link["address"]:
            yield finding(
                "link-address", ERROR,
                f"its link {link['number']} runs on {link['running_address']}, corosync.conf says {link['address']}",
                "restart corosync on this node: it does not change an address while it runs", link=link["number"],
                measured=link["running_address"], limit=link["address"],
            )


def _of_services(facts):
    services = facts["services"] or {}
    for service, severity in _SERVICES.items():
        found = services.get(service, {})
        state = found.get("state")
        if state != "active" and (state or severity == ERROR):
            yield finding(
                "service", severity, f"the service {service} is {state or 'not there'}",
                f"see 'journalctl -u {service}' on it", measured=state, limit="active",
            )
        if found.get("enabled") in NOT_ENABLED:
            unmask = f"systemctl unmask {service} && " if found["enabled"] != "disabled" else ""
            yield finding(
                "service-not-enabled", WARNING, f"the service {service} is {found['enabled']} and will not start with the machine",
                f"run '{unmask}systemctl enable {service}' on it", measured=found["enabled"], limit="enabled",
            )


def _of_health(name, facts, limits):
    health = facts["health"]
    yield from _of_knet(health, limits)
    yield from _of_certificates(health, limits)
    yield from _of_events(facts, limits)
    yield from _of_foreign(facts, limits)
    if health.get("next_start_problem"):
        yield finding(
            "next-start", ERROR, f"its corosync would not start again ({health['next_start_problem']})",
            "put the file right with the next higher config_version before corosync or the machine restarts",
        )
    members = {member["name"] for member in facts["members"] or []}
    online = health["pmxcfs_online"]
    if facts["situation"] == "member" and online is not None and members - set(online):
        yield finding(
            "pmxcfs-group", ERROR, f"its pmxcfs does not have {', '.join(sorted(members - set(online)))} in its group",
            "see 'journalctl -u pve-cluster' on these nodes; restarting pve-cluster there joins the group again",
        )
    if health["clock"] and not health["clock"]["synchronised"]:
        yield finding(
            "clock", WARNING, "its clock is not synchronised",
            "see 'chronyc sources'" if health["clock"]["service_enabled"] else "install and enable chrony",
        )
    device = health["qdevice"]
    if device and not device["connected"]:
        yield finding(
            "qdevice", ERROR, f"its QDevice is not connected ({device['state']})",
            "see 'corosync-qdevice-tool -sv' on it, and whether the QNetd server answers on TCP 5403",
            measured=device["state"], limit="Connected",
        )
    if health["ha"] and health["ha"]["lrm"] == "lost_agent_lock":
        yield finding("ha-lrm", ERROR, "its HA resource manager has lost its lock", "see 'ha-manager status' and the quorum of this node")
    for rescue in health.get("rescues") or []:
        # a note is on every node, and each tells of its own
        if rescue["node"] != name:
            continue
        if rescue["expired"]:
            yield finding(
                "rescue-left-over", WARNING, f"a rescue of corosync.conf is left over on it, armed by {rescue['owner']}",
                "remove it by the module corosync_rescue with state 'disarmed'",
            )
        else:
            yield finding(
                "rescue-armed", WARNING, f"a rescue of corosync.conf is armed on it by {rescue['owner']}: a change is under way or was interrupted",
                "wait until it has ended, or run the change again; 'journalctl -u pve-cluster-rescue.service' says what it does",
            )
    if health.get("ha_left_disarmed_by"):
        yield finding(
            "ha-disarmed", ERROR, f"high availability was disarmed by {health['ha_left_disarmed_by']} and not armed again: no guest is recovered",
            "run cluster-corosync again, which arms it, or 'ha-manager crm-command arm-ha'",
        )
    if health["problems"]:
        yield finding("unread", WARNING, "; ".join(health["problems"]), "see the services of the node first")


def loss_percent(link):
    """Packets lost on a link, in percent; none before enough were sent to tell."""
    if link["pings"] < _ENOUGH_PINGS:
        return None
    return round(100.0 * max(0, link["pings"] - link["pongs"]) / link["pings"], 2)


def latency_severity(milliseconds, limits):
    """How bad a latency is; none when it is not."""
    if milliseconds is None or milliseconds < limits["latency_warning_ms"]:
        return None
    return ERROR if milliseconds >= limits["latency_error_ms"] else WARNING


def _of_knet(health, limits):
    for link in health["links"] or []:
        where = {"peer": link["peer"], "link": link["number"]}
        if not link["connected"]:
            continue
        latency = round(link["latency"]["average"] / 1000.0, 3) if link["latency"] else None
        severity = latency_severity(latency, limits)
        if severity:
            limit = limits[f"latency_{severity}_ms"]
            yield finding(
                "latency", severity,
                f"its link {link['number']} to {link['peer']} averages {latency:g} ms (limit {limit:g} ms)",
                "give corosync a network of its own, near and without load", measured=latency, limit=limit, **where,
            )
        loss = loss_percent(link)
        if loss is not None and loss >= limits["loss_warning_percent"]:
            yield finding(
                "loss", WARNING, f"its link {link['number']} to {link['peer']} has lost {loss:g} % of its packets since corosync started",
                "check cables, switch ports and load of that network", measured=loss, limit=limits["loss_warning_percent"], **where,
            )


_RENEWALS = {
    "pveproxy-ssl.pem": "renew it where it came from",
    # it is made only where there is none (gen_pveca_cert in PVE/Cluster/Setup.pm)
    "pve-root-ca.pem": (
        "it is the cluster's own authority, which 'pvecm updatecerts' leaves as it is: move it and /etc/pve/priv/pve-root-ca.key away, then run "
        "'pvecm updatecerts --force' on every node and restart pveproxy there"
    ),
}


def _of_certificates(health, limits):
    for certificate in health["certificates"]:
        file, left = certificate["file"], certificate["days_left"]
        remedy = _RENEWALS.get(file.rpartition("/")[2], "run 'pvecm updatecerts --force' on the node, then restart pveproxy")
        if left < 0:
            yield finding("certificate-expired", ERROR, f"its certificate {file} expired {-left} days ago", remedy, measured=left, limit=0)
        elif health["unix_time"] is not None and certificate["not_before"] > health["unix_time"]:
            yield finding("certificate-not-valid-yet", ERROR, f"its certificate {file} is not valid yet", "set the clock right first")
        elif left < limits["certificate_days"]:
            yield finding(
                "certificate-expiring", WARNING, f"its certificate {file} expires in {left} days", remedy,
                measured=left, limit=limits["certificate_days"],
            )


# What a formation does not cause by itself, and the words for it.
_EVENTS = {
    "link_down": ("link-flaps", "a link was found down {times}", "check cables and switch ports of the corosync networks"),
    "token_lost": ("token-losses", "corosync lost its token {times}", "check latency and load of the corosync networks"),
    "retransmits": ("retransmits", "corosync had to send messages again {times}", "check loss and load of the corosync networks"),
    "failures": ("corosync-failed", "corosync failed {times}", "see 'journalctl -u corosync' on it"),
}


def _of_events(facts, limits):
    health = facts["health"]
    events = health["events"]
    if not events or None in (events["last"], health["unix_time"]) or health["unix_time"] - events["last"] > limits["events_hours"] * 3600:
        return
    for counter, (identity, message, remedy) in _EVENTS.items():
        if events[counter]:
            names = {str(node["nodeid"]): node["name"] for node in facts["nodelist"] or [] if node.get("nodeid") is not None}
            times = "once" if events[counter] == 1 else f"{events[counter]} times"
            said = message.format(times=times) + f" since it booted, the last trouble being '{event_said(events['last_said'], names)}'"
            yield finding(identity, WARNING, said, remedy, measured=events[counter], limit=0)


def _of_foreign(facts, limits):
    """Of packets that corosync could not decrypt."""
    health = facts["health"]
    foreign = health.get("foreign_packets")
    if not foreign or health["unix_time"] is None or health["unix_time"] - foreign["last"] > limits["events_hours"] * 3600:
        return
    address = foreign["address"]
    node = next((node["name"] for node in facts["nodelist"] or [] if address in node["links"].values()), None)
    if node:
        who, remedy = f"{node} ({address})", f"compare /etc/corosync/authkey and the file of {node} with the cluster's; playbooks/cluster-repair.yml repairs it"
    else:
        who = f"{address}, which is no address of the cluster" if address else "a host that knet could not name"
        remedy = "stop corosync there: a host that was removed, and not cleaned or reinstalled, may run it still with other files"
    yield finding("foreign-packets", WARNING, f"it gets packets that it cannot decrypt, the last one from {who}", remedy, measured=address)


def _of_file(hosts, limits):
    """What corosync.conf says, which is one file: told of the first node that has read it."""
    for host in hosts:
        options = (host["facts"].get("health") or {}).get("newer_options")
        yield from release_findings(host["name"], (host["facts"].get("versions") or {}).get("corosync"), options)
    listed = max((len(host["facts"].get("nodelist") or []) for host in hosts), default=0)
    read = [host["facts"] for host in hosts if host["facts"].get("health") and host["facts"]["health"].get("timing")]
    yield from many_findings(listed, read[0]["health"]["timing"] if read else None, limits)
    for facts in read[:1]:
        yield from misread_findings(facts["health"].get("misread"))
        yield from timing_findings(len(facts["nodelist"] or []), facts["health"]["timing"])


def _of_cluster(hosts, limits):
    yield from _of_file(hosts, limits)
    views = {}
    for host in hosts:
        versions = host["facts"]["config_version"]
        for place, what in (
            ("pmxcfs", "/etc/pve/corosync.conf"),
            ("local", "/etc/corosync/corosync.conf"),
            ("running", "the running corosync"),
        ):
            if versions[place] is not None:
                views.setdefault(versions[place], []).append(f"{what} of {host['name']}")
    if len(views) > 1:
        said = "; ".join(f"{version} in {', '.join(places)}" for version, places in sorted(views.items()))
        yield finding(
            "config-version", ERROR, f"config_version differs: {said}",
            "see which node did not take the last change, and 'journalctl -u corosync -u pve-cluster' on it",
        )
    quorate = [host for host in hosts if host["facts"]["quorum"].get("quorate")]
    yield from _of_admitted(hosts, quorate)
    if quorate and survives(quorate[0]["facts"]) == 0 and len(quorate[0]["facts"]["nodelist"] or []) > 1:
        yield finding(
            "no-margin", WARNING, "the loss of one more node would stop the cluster",
            "bring back what is missing, add a node, or add a QDevice to an even number of nodes",
        )
    if quorate:
        device, nodes = quorate[0]["facts"].get("qdevice"), len(quorate[0]["facts"]["nodelist"] or [])
        if device and device["algorithm"] == "ffsplit" and nodes % 2:
            yield finding(
                "qdevice-odd", WARNING, f"its QDevice is for an even number of nodes, and there are {nodes}",
                "take it away by cluster-qdevice with cluster_qdevice_state=absent: an odd number of nodes needs none", measured=nodes,
            )
    for identity, message, remedy in _differing_versions(hosts):
        yield finding(identity, WARNING, message, remedy)


def _of_admitted(hosts, quorate):
    """The nodes that are admitted and have no vote yet, by the newest file of those that are quorate, or of all where none is."""
    seen = [host["facts"] for host in quorate or hosts]
    newest = max(seen, key=lambda facts: facts["config_version"].get("pmxcfs") or 0, default=None)
    at_work = [by for host in hosts for by in [(host["facts"].get("health") or {}).get("membership_changed_by")] if by]
    for node in (newest or {}).get("nodelist") or []:
        if node["votes"] != 0:
            continue
        if at_work:
            yield finding("no-vote", WARNING, f"it is admitted and has no vote yet, and {at_work[0]}", "look again when that has ended", node=node["name"])
        else:
            yield finding(
                "no-vote", ERROR, "it is admitted and has no vote yet", "run cluster-init again, which gives it its vote, or takes it out",
                node=node["name"], measured=0, limit=1,
            )


def survives(facts):
    """How many nodes, those with the most votes first, the part that this view shows can lose and still work."""
    quorum = facts["quorum"]
    if not quorum.get("quorate") or quorum["total_votes"] is None or quorum["quorum"] is None:
        return 0
    left = quorum["total_votes"]
    lost = 0
    for votes in sorted((member["votes"] for member in facts["members"] or []), reverse=True):
        left -= votes
        if left < quorum["quorum"]:
            break
        lost += 1
    return lost


def _differing_versions(hosts):
    for program, what in (("pve", "Proxmox VE"), ("corosync", "corosync")):
        versions = {}
        for host in hosts:
            version = (host["facts"].get("versions") or {}).get(program)
            if version:
                versions.setdefault(version, []).append(host["name"])
        if len(versions) > 1:
            said = "; ".join(f"{version} on {', '.join(names)}" for version, names in sorted(versions.items()))
            yield f"versions-{program}", f"the nodes have different versions of {what} ({said})", "upgrade the older ones"
