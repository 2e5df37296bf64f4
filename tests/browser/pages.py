# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages of reports to look at: well, with every kind of trouble, with a node that is off, large, and with hostile names."""

import copy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / ".ansible/collections"), str(ROOT / "tests/unit")]

from ansible_collections.pve.cluster.plugins.filter.failover_cases import failover_cases  # noqa: E402  (needs the path)
from ansible_collections.pve.cluster.plugins.filter.failover_result import failover_result  # noqa: E402
from ansible_collections.pve.cluster.plugins.filter.health_html import health_html  # noqa: E402
from plugins.filter.test_health_report import NOW, report, three  # noqa: E402


def troubled():
    """Every state a link can have, an expiring certificate, flaps."""
    hosts = three()
    hosts[0]["facts"]["health"]["links"][0]["latency"].update(average=6100, max=9800)
    hosts[1]["facts"]["health"]["links"][1]["latency"].update(average=3100, max=4400)
    hosts[0]["facts"]["health"]["links"][3].update(pings=4000, pongs=3900)
    hosts[2]["facts"]["links"][1]["peers"][0]["connected"] = False
    hosts[2]["facts"]["health"]["certificates"][0].update(days_left=12, not_after=NOW + 86400 * 12)
    hosts[2]["facts"]["health"]["events"].update(link_down=4, token_lost=1, last_said="link: host: 2 link: 1 is down")
    hosts[2]["facts"]["services"]["pveproxy"]["state"] = "failed"
    document = report(hosts, waive=["loss"])
    tests = failover_cases(document, only=["pve2"])
    answers = [{name: {"seen": "", "back": "3 yes none", "when": ["6.6", "2.1"]} for name in ("pve1", "pve2", "pve3")} for _ in tests]
    for test, said in zip(tests[1:], answers[1:]):
        for name, view in test["views"].items():
            said[name]["seen"] = f"{view['members']} {'yes' if view['quorate'] else 'no'} {view['link'] or 'none'}"
    document["failover"] = [failover_result(test, said) for test, said in zip(tests, answers)]
    return health_html(document, ["pve3: pveproxy: active -> failed"])


def off():
    """A node that lost its power: it does not answer, the others tell of it each in their own way, and no clock is kept right."""
    hosts = three()
    for host in (hosts[0], hosts[2]):
        facts = host["facts"]
        facts["members"] = [member for member in facts["members"] if member["name"] != "pve2"]
        facts["quorum"].update(total_votes=2)
        for link in facts["links"]:
            for peer in link["peers"]:
                peer["connected"] = peer["name"] != "pve2"
        facts["health"]["clock"]["synchronised"] = False
        facts["health"]["events"].update(last=NOW - 600, last_said="host: host: 2 has no active links")
        facts["services"]["corosync-qdevice"] = {"state": "inactive", "enabled": "disabled"}
    hosts[1] = {"name": "pve2", "facts": None, "problem": "Failed to connect to the host via ssh: No route to host"}
    return health_html(report(hosts))


def large():
    """Sixteen nodes, and a link of one of them slow, another one cut."""
    hosts = three()
    hosts[0]["facts"]["health"]["links"][0]["latency"].update(average=3250, max=4100)
    hosts[0]["facts"]["links"][0]["peers"][1]["connected"] = False
    document = report(hosts)
    nodes, cells = [], {link["number"]: [] for link in document["links"]}
    names = [f"pve{number}" for number in range(1, 17)]
    for name in names:
        nodes.append({**copy.deepcopy(document["nodes"][0]), "name": name})
        for number, row in cells.items():
            row.extend({**document["links"][number]["cells"][-1], "from": name, "to": other} for other in names if other != name)
    document["quorum"].update(expected_votes=16, total_votes=16, quorum=9, members=names, nodelist=names, survives=7)
    for number in (0, 1):
        cells[0][number].update({**document["links"][0]["cells"][number], "from": "pve1"})
    document.update(nodes=nodes, links=[{"number": number, "cells": row} for number, row in cells.items()])
    return health_html(document)


def hostile():
    """Names that would be markup if they were taken as such."""
    evil = "<script>document.title='owned'</script>\"'&<img src=x onerror=document.title='owned'>"
    hosts = three()
    hosts[0]["facts"]["health"]["clock"]["synchronised"] = False
    # text in the place of a number, in the middle of the page and in a title
    for link in hosts[0]["facts"]["health"]["links"]:
        link["mtu"] = f'"><script>document.title={evil}</script>'
    # every text of the second node, and every part of the third
    hosts[1]["facts"]["health"]["events"]["last_said"] = hosts[1]["facts"]["versions"]["pve"] = evil
    hosts[1]["facts"]["services"][evil] = {"state": evil, "enabled": evil}
    hosts[1]["facts"]["health"]["certificates"][0]["file"] = evil
    hosts[2]["facts"]["links"] = hosts[2]["facts"]["nodelist"] = evil
    document = report(hosts)
    document["cluster"] = evil
    document["nodes"][0]["name"] = evil
    document["findings"][0].update(node=evil, message=evil, remedy=evil)
    return health_html(document, [evil])


PAGES = {"well": lambda: health_html(report(three())), "troubled": troubled, "off": off, "large": large, "hostile": hostile}
