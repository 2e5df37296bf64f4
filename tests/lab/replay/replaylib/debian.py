# SPDX-License-Identifier: GPL-3.0-or-later
"""What Debian's own programs print, reduced to what the stand-ins decide in it.

An update of Debian may reword a message, add a line, show another version; none of it says anything of a stand-in. A line that
is known to be of such a program is replaced by the names, numbers and states that follow from what pvecm and pmxcfs did,
or dropped; every other line is compared letter by letter.
"""

import re

# Sections of corosync-quorumtool, which pvecm passes on: what is not named here is dropped.
SECTIONS = re.compile(
    r"^(?:(?:Quorum|Votequorum) information\n-+\n(?:[A-Z][^\n]*:.*\n)*\n?"
    r"|\n?Membership information\n-+\n(?: +Nodeid .*\n)?(?: *(?:0x)?[0-9a-f]+ +\d+ .*\n?)*)",
    re.M,
)
VOTES = re.compile(
    r"^(Nodes|Node ID|Quorate|Expected votes|Highest expected|Total votes|Quorum|Flags): +(.*?) *$"
    r"|^ *((?:0x)?[0-9a-f]+) +(\d+ .*?) *$",
    re.M,
)


def _section(match):
    return "".join("<votes> " + " ".join(word for word in found if word) + "\n" for found in VOTES.findall(match.group(0)))


# Lines of Debian's programs in outputs of any command.
LINES = [
    # corosync and its tools
    (r"^.*\[MAIN  \].*\n?", ""),
    (r"^parser error: .*\n?", ""),
    (r"^(?:Cannot initialize \w+ service.*|Could not (?:initialize|reload|kill) .*)\n?", ""),
    (r"^Reloading corosync\.conf\.\.\.\n(?:Done\n?)?", ""),
    (r"^(?:Corosync Cluster Engine Authentication key generator\.|Gathering .* for key from .*|Writing corosync key to .*)\n?", ""),
    # systemd
    (r"^(?:Job for .* failed|See \"systemctl status|Synchronizing state of|Executing: /usr/lib/systemd|Created symlink |Removed ').*\n?", ""),
    # OpenSSH
    (r"^/bin/ssh-copy-id: .*\n?(?:\t.*\n)*", ""),
    (r"^(?:Host key verification failed\.|\S+: Permission denied \([a-z,-]+\)\.)\n?", ""),
    (r"unable to copy ssh ID: .*", "unable to copy ssh ID: <SSH>"),
    # OpenSSL
    (r"^.*Fingerprint=", "<sha256>"),
    # coreutils and the shell: what was asked, and the kernel's answer
    (r"^(?:cat|chmod|chown|cp|ls|mkdir|mv|rm|tail|touch|bash: line \d+): (?:[a-z ]+ )?['‘]?(/.*?)['’]?(?: to .*)?"
     r": (No such file or directory|Permission denied|Operation not permitted)$", r"<asked> \1: \2"),
    # what Debian's packages bring into folders that are listed, and root's own folder of another file system
    (r"^[-dl][-rwx]{9} .* (?:moduli|sshd?_config(?:\.d)?|ssh_host_\w+(?:\.pub)?|uidgid\.d|service\.d)\n", ""),
]
COMPILED = [(re.compile(pattern, re.M), replacement) for pattern, replacement in LINES]

# The journal: what a stand-in's daemon says stays.
OTHERS_JOURNAL = re.compile(r"^<DATE> \w+ (?!(?:pmxcfs|pve\w+)\[)\S+: .*\n?", re.M)

STATUS = re.compile(
    r"([\w@-]+\.service)\b|^ +Loaded: (\w+) \((\S+\.service); (\w+)|^ +Active: (\w+ \([\w-]+\))|^ +Main PID: <PID> \((\w+)\)", re.M
)
STATUS_LINES = re.compile(r"^(?:[●×○] \S+\.service - .*| +[A-Z][A-Za-z ]+: .*| +man:\S+| +└─.*)\n?", re.M)
# Keys that come out of corosync.conf, and who is there.
KEYS = re.compile(
    r"^((?:totem|nodelist|quorum|logging)\.\S+|runtime\.members\.\d+\.(?:ip|status)|runtime\.votequorum\.(?:this_node_id|two_node)) \(\w+\) = (.*?) *$",
    re.M,
)
LINKS = re.compile(
    r"\d+\.\d+\.\d+\.\d+|nodeid: +\d+|LINK(?: ID|:) \d+|node ID \d+|\b(?:localhost|connected|disconnected|reachable|unreachable|enabled|disabled|udp)\b"
)
QDEVICE = re.compile(
    r"^\s*(Cluster \"\w+\"|Node ID \d+)|^\s*((?:Model|Node ID|Configured node list|Membership node list|Quorate|State|Algorithm|Tie-breaker|Vote|QNetd host"
    r"|Last poll call vote|\d+)):?\s+(.*?) *$",
    re.M,
)
OF_QDEVICE = re.compile(r"^(?:INFO: .*|node '\w+': |command '.*|QDevice .*|No QDevice .*|Removed Qdevice.*)", re.M)
LISTENING = re.compile(r":5403\b|\"corosync-qnetd\"")
PROCESS = re.compile(r"(?:^|\s)(TS|RR|FF)\s+(\S+)\s+(\S*/(?:pmxcfs|corosync))\b", re.M)


def _found(pattern, text):
    rows = ("".join(f"{part} " for part in match if part) if isinstance(match, tuple) else match for match in pattern.findall(text))
    return "\n".join(" ".join(row.split()) for row in rows)


# Commands that run nothing but one of Debian's programs.
WHOLE = [
    (r"corosync-cfgtool .*", LINKS),
    (r"corosync-cmapctl( .*)?", KEYS),
    (r"corosync-q(device|netd)-tool .*", QDEVICE),
    (r"systemctl status .*", STATUS),
    (r"ps -eo .*", PROCESS),
]


def reduced(command, text):
    """The text of a command without what belongs to Debian; dates and the like are taken out already."""
    for pattern, facts in WHOLE:
        if re.fullmatch(pattern, command) and ";" not in command:
            return _found(facts, text)
    text = SECTIONS.sub(_section, text)
    text = OTHERS_JOURNAL.sub("", text)
    for pattern, replacement in COMPILED:
        text = pattern.sub(replacement, text)
    if "corosync-qnetd" in command and "ss -l" in command:
        return "\n".join(text.split("\n")[:1] + sorted(set(LISTENING.findall(text))))
    if "systemctl status" in command:
        text = STATUS_LINES.sub("", text)
    if re.match(r"pvecm qdevice (?:setup|remove)\b", command):
        # It passes on what ssh-copy-id, the scripts around NSS and systemctl say.
        text = "\n".join(OF_QDEVICE.findall(text))
    return text
