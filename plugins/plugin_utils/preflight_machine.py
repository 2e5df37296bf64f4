# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node itself tells before it becomes part of a cluster: room, programs, root's login, services, clock, firewalls, bridges."""

from __future__ import annotations

from ansible_collections.pve.cluster.plugins.plugin_utils.findings import ERROR, WARNING, finding


def said(host, what):
    """The values of each line `local WHAT VALUE..` that the node's probe printed, as lists of words."""
    lines = [line.split() for line in host.get("local") or []]
    return [words[1:] for words in lines if words and words[0] == what]


def machine_findings(host, limits, bridges, joins):
    """Of one node. `joins` says whether any node is to join the cluster."""
    facts = host["facts"]
    if not (facts.get("versions") or {}).get("pve"):
        return
    yield from _of_services(facts)
    yield from _of_clock(facts)
    yield from _of_disk(host, limits)
    yield from _of_programs(host)
    yield from _of_expected_votes(host)
    yield from _of_password(host)
    yield from _of_root(host)
    yield from _of_firewalls(host, joins)
    yield from _of_bridges(host, bridges)


def _of_services(facts):
    for service in ("pvedaemon", "pveproxy"):
        state = (facts.get("services") or {}).get(service, {}).get("state")
        if state and state != "active":
            yield finding(
                "service", WARNING, f"the service {service} is {state}", f"see 'journalctl -u {service}' on it", measured=state, limit="active"
            )


def _of_clock(facts):
    clock = (facts.get("health") or {}).get("clock")
    if clock and not clock["synchronised"]:
        yield finding(
            "clock", WARNING, "its clock is not synchronised",
            "see 'chronyc sources' or 'timedatectl timesync-status' on it" if clock["service_enabled"] else "install and enable chrony",
        )


def _of_disk(host, limits):
    for values in said(host, "disk"):
        free = int(values[0])
        if free < limits["free_mib"]:
            yield finding(
                "disk-space", ERROR, f"only {free} MiB are free for the cluster's database in /var/lib/pve-cluster", "free some space",
                measured=free, limit=limits["free_mib"],
            )


def _of_programs(host):
    # a join by password copies nothing
    if host.get("by_password") or host.get("lets_in_by_password"):
        return
    for values in said(host, "missing"):
        yield finding("program-missing", ERROR, f"{values[0]} is not installed, and pvecm joins with it", f"run 'apt install {values[0]}' on it")


def _of_expected_votes(host):
    for values in said(host, "expected"):
        yield finding(
            "expected-by-itself", ERROR,
            f"{values[0]} sets the expected votes by itself: cut off from the others, this node would be quorate alone, and both sides would write",
            "remove it; in an emergency playbooks/cluster-expected-votes.yml does it once, after a look at the other nodes", measured=values[0],
        )


def _of_password(host):
    if host["joins"] and host.get("by_password") and not host.get("password"):
        yield finding(
            "no-password", ERROR, "it is to join by password, and there is none",
            "set cluster_join_password, or cluster_join_method to 'ssh'",
        )


def _of_root(host):
    for values in said(host, "locked"):
        yield finding(
            "root-key", ERROR, f"{values[0]} is damaged or behind a passphrase, and pvecm joins with it",
            "put a key pair without a passphrase in its place, or remove it to have one made",
        )
    sshd = {values[0]: values[1] for values in said(host, "sshd") if len(values) == 2}
    if sshd.get("permitrootlogin") in ("no", "forced-commands-only"):
        yield finding(
            "root-login", ERROR, f"its sshd has PermitRootLogin {sshd['permitrootlogin']}, and the nodes of a cluster log in to each other as root",
            "set PermitRootLogin prohibit-password in /etc/ssh/sshd_config.d", measured=sshd["permitrootlogin"], limit="prohibit-password",
        )
    if sshd.get("pubkeyauthentication") == "no":
        yield finding(
            "root-login", ERROR, "its sshd has PubkeyAuthentication no, and the nodes of a cluster log in to each other by key",
            "set PubkeyAuthentication yes in /etc/ssh/sshd_config.d", measured="no", limit="yes",
        )


def _of_firewalls(host, joins):
    if said(host, "firewall") and host.get("through") and joins:
        yield finding(
            "firewall", WARNING, "the firewall of Proxmox VE is on in its /etc/pve/firewall/cluster.fw, and will be on the joining nodes too",
            "let the controller and all nodes in on TCP 22 and 8006 there: by a rule, or by the IP set 'management'",
        )
    for values in said(host, "drops_input"):
        yield finding(
            "other-firewall", WARNING, f"its firewall table '{' '.join(values)}' drops what no rule lets in",
            "let the other nodes in on UDP 5405-5412 and TCP 22, 8006, 3128 and 60000-60050, or use the firewall of Proxmox VE alone",
        )


def _of_bridges(host, bridges):
    # a node that did not say has not been looked at
    if not host.get("local"):
        return
    present = {values[0] for values in said(host, "bridge")}
    for bridge in bridges:
        if bridge not in present:
            yield finding(
                "bridge-missing", WARNING, f"the bridge {bridge} is not there", "configure it in /etc/network/interfaces, or set preflight_bridges"
            )
