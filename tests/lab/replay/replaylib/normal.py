# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes out of an output what differs from run to run: dates, process ids, keys, counters."""

import json
import re

MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"

# Files whose sizes depend on a key's bytes, on how long names of users are, or on how much happened before.
ANY_SIZE = (
    r"\.clusterlog|\.version|\.members|\.debug|corosync\.conf|authkey\.pub|authkey\.key|authorized_keys|known_hosts"
    r"|known_hosts\.old|pve-root-ca\.\w+|pve-www\.key|id_rsa|id_rsa\.pub|config\.db\S*|config-<EPOCH>\.sql\.gz"
    r"|\.pmxcfs\.lockfile"
)

RULES = [
    (rf"\b{DAY} {MONTH} [ \d]\d \d\d:\d\d:\d\d \d{{4}}", "<DATE>"),
    (rf"\b{DAY} \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d \w+", "<DATE>"),
    (rf"^{MONTH} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)?", "<DATE>"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", "<DATE>"),
    (r"config-\d{10}\.sql\.gz", "config-<EPOCH>.sql.gz"),
    (r"(?:[0-9A-F]{2}:){31}[0-9A-F]{2}", "<FINGERPRINT>"),
    (r"SHA256:[A-Za-z0-9+/]{43}", "SHA256:<KEY>"),
    (r'"config_digest"( ?: ?)"[0-9a-f]{40}"', r'"config_digest"\1"<DIGEST>"'),
    (r"Ring ID:( +)[0-9a-f]+\.[0-9a-f]+", r"Ring ID:\1<RING>"),
    (r"A new membership \([0-9a-f]+\.[0-9a-f]+\)", "A new membership (<RING>)"),
    (r"^ +\d+( +(?:TS|RR|FF) )", r"<PID>\1"),
    (r"Ring ID:\t\t[0-9a-f]+\.[0-9a-f]+", "Ring ID:\t\t<RING>"),
    (r"\b(ssh-rsa|ssh-ed25519) [A-Za-z0-9+/=]{30,}", r"\1 <KEY>"),
    (r"Config Version:( +)\d+", r"Config Version:\1<VERSION>"),
    (r"Configuration version:(\s+)\d+", r"Configuration version:\1<VERSION>"),
    (r"config_version: \d+", "config_version: <VERSION>"),
    (r'"config_version"( ?: ?)"\d+"', r'"config_version"\1"<VERSION>"'),
    (r"config_version \(u64\) = \d+", "config_version (u64) = <VERSION>"),
    (r"\(version = \d+\)", "(version = <VERSION>)"),
    (r'^"version": \d+', '"version": <COUNT>'),
    (r'("cluster": \{ "name": "\w+", "version": )\d+', r"\1<VERSION>"),
    (r"UPID:(\w+):[0-9A-F]{8}:[0-9A-F]{8}:[0-9A-F]{8}:", r"UPID:\1:<PID>:<TICKS>:<TIME>:"),
    (r"( [01]? ?)[0-9A-F]{8} ", r"\1<TIME> "),
    (r"/etc/pve/probe\.\d+", "/etc/pve/probe.<PID>"),
    (r"\[\d+\]:", "[<PID>]:"),
    (r"mtu: \d+", "mtu: <MTU>"),
    (r"::ffff:([0-9.]+):\d+", r"::ffff:\1:<PORT>"),
    (r" port \d+", " port <PORT>"),
    (r"join_count \(u32\) = \d+", "join_count (u32) = <COUNT>"),
    (r'("time"|"starttime"|"pid"|"uid"): \d+', r"\1: <NUMBER>"),
    (r"(members: )?\b(\d+)/\d+\b(?=,| |$)", r"\1\2/<PID>"),
    (r"\(epoch (\d+)/\d+/[0-9a-f]+\)", r"(epoch \1/<PID>/<COUNT>)"),
    (r"(runtime\.services\.\w+\.\d+\.[rt]x \(u64\)) = \d+", r"\1 = <COUNT>"),
    (r"\(\((\"[\w-]+\"),pid=\d+,fd=\d+\)\) *$", r"((\1))"),
    # qnetd answers for the first time some seconds after the connection.
    (r"^Echo reply received:.*\n", ""),
    # Records of high availability.
    (r'"timestamp"( ?: ?)\d+', r'"timestamp"\1"<TIME>"'),
    (r'"digest"( ?: ?)"[0-9a-f]{40}"', r'"digest"\1"<DIGEST>"'),
    # One more when a resource manager has just rewritten its record.
    (r"\(got \d+ inode updates\)", "(got <COUNT> inode updates)"),
    (" \u2192 ", " -> "),  # systemd draws the arrow where the locale has one
    (r"/tasks/[0-9A-F]/UPID", "/tasks/<DIGIT>/UPID"),
    # Which of ssh-copy-id's connections meets sshd's penalty first is a matter of milliseconds.
    (r"unable to copy ssh ID: Connection (?:closed|reset) by [0-9.]+ port <PORT>", "unable to copy ssh ID: exit code 1"),
    # systemctl status
    (r"(<DATE>); (?:\d+(?:ms|s|min|h|day|month)s? ?)+ago", r"\1; <AGE> ago"),
    (r"Invocation: [0-9a-f]{32}", "Invocation: <ID>"),
    (r"Process: \d+ ", "Process: <PID> "),
    (r"Main PID: \d+ ", "Main PID: <PID> "),
    (r"(CPU|Duration): [0-9][0-9a-z. ]*$", r"\1: <TIME>"),
    (r"Consumed [0-9a-z. ]+ CPU time.*$", "Consumed <TIME> CPU time."),
    (r"└─\d+ ", "└─<PID> "),
]
COMPILED = [(re.compile(pattern, re.M), replacement) for pattern, replacement in RULES]

LISTED = re.compile(
    rf"^([-dlr][-rwxsStT?]{{9}}) +(\d+) (\S+) +(\S+) +(\d+) ({MONTH} [ \d]\d +(?:\d\d:\d\d|\d{{4}})) (.*)$", re.M
)


def _listed(match):
    """A line of `ls -l`: the epoch as a date means something, no other date does."""
    mode, links, owner, group, size, date, name = match.groups()
    if not re.fullmatch(r"Jan +1 +1970", date):
        date = "<DATE>"
    if mode.startswith("d") and group == "root":
        # Folders of the node's own file system.
        links, size = "<LINKS>", "<SIZE>"
    if re.fullmatch(rf"(?:{ANY_SIZE})", name):
        size = "<SIZE>"
    return f"{mode} {links} {owner} {group} {size} {date} {name}"


def _sorted(value, key=None):
    if isinstance(value, dict):
        return {name: _sorted(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        rows = [_sorted(row) for row in value]
        if rows and all(isinstance(row, dict) for row in rows):
            rows.sort(key=lambda row: json.dumps([row.get("type"), row.get("name"), row.get("node")]))
        return rows
    return value


def _json_line(line):
    if line[:1] not in "[{":
        return line
    try:
        value = json.loads(line)
    except ValueError:
        return line
    value = _sorted(value)
    if isinstance(value, list):
        for row in value:
            if isinstance(row, dict) and row.get("type") == "cluster":
                row["version"] = "<VERSION>"
    return json.dumps(value, sort_keys=True)


def _pretty_json(text):
    """A whole pretty-printed document: the order of nodes does not count, its form does."""
    if not text.startswith("{\n   \""):
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text.split("\n", 1)[0] + json.dumps(_sorted(value), sort_keys=True, indent=1) + "\n"


def _links_in_order(match):
    links = sorted(re.findall(r" --link\d [^ )]+", match.group(0)))
    return "".join(links)


# A line of the journal.
JOURNAL = re.compile(r"^<DATE> \w+ \S+: .*\n?", re.M)


def journal_sorted(text):
    """Lines of daemons that run side by side come in no fixed order."""
    lines = [line.rstrip("\n") for line in JOURNAL.findall(text)]
    return JOURNAL.sub("", text) + "\n".join(sorted(lines))


def journal_dropped(text):
    """For a command that shows the last lines there happen to be."""
    return JOURNAL.sub("", text)


def normal(text):
    text = text.replace("\r\n", "\n")
    for pattern, replacement in COMPILED:
        text = pattern.sub(replacement, text)
    text = re.sub(r"(?: --link\d \S+?(?=[ )]))+", _links_in_order, text)
    text = LISTED.sub(_listed, text)
    text = re.sub(r"^total \d+$", "total <SIZE>", text, flags=re.M)
    text = _pretty_json(text)
    return "\n".join(_json_line(line) for line in text.split("\n"))
