# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one recording and says how the outcome differs from it."""

import difflib
import re
import threading

from . import api, nodes, situations
from .debian import reduced
from .normal import journal_dropped, journal_sorted, normal

FINGERPRINT = re.compile(r"(?:[0-9A-F]{2}:){31}[0-9A-F]{2}")

# Whose certificate a recorded fingerprint is of: the one served by a node, or the one in its file.
SERVED, FILE = "served", "file"
FINGERPRINTS = {
    "9E:95:34": (SERVED, "pve1", "C3"),
    "5A:47:C2": (FILE, "pve1", "A8"),
    "77:02:F9": (SERVED, "pve1", "C6"),
    "EB:C9:38": (SERVED, "pve4", "5A"),
}


def _fingerprint(match):
    recorded = match.group(0)
    kind, node, last = FINGERPRINTS[recorded[:8]]
    if kind == SERVED:
        found = situations.served_fingerprint(node)
    else:
        found = situations.must(
            node, f"openssl x509 -noout -fingerprint -sha256 -in /etc/pve/nodes/{node}/pve-ssl.pem"
        ).strip().split("=")[1]
    if recorded.endswith(last):
        return found
    # A recording with a fingerprint that is wrong in its last byte.
    return found[:-2] + ("00" if not found.endswith("00") else "01")


_clients = {}


def _is_api(recording):
    return recording.run_as.startswith("host, API")


def _is_poll(recording):
    return recording.command.startswith("poll ")


def perform(recording):
    if _is_api(recording):
        client = _clients.setdefault(recording.situation, api.Client())
        return client.poll(recording) if _is_poll(recording) else client.one_call(recording)
    command = FINGERPRINT.sub(_fingerprint, recording.command)
    timeout = max(60.0, recording.seconds * 3)
    if recording.terminal:
        return nodes.run_on_terminal(recording.node, command, recording.stdout, timeout)
    return nodes.run(recording.node, command, recording.stdin, timeout)


def _expected(recording):
    if not recording.terminal:
        return recording.exit_code, recording.stdout, recording.stderr
    code = re.search(r"\[exit code of the command: (\d+)\]\n", recording.stdout)
    text = recording.stdout.replace(code.group(0), "")
    return code.group(1), nodes.SENT.sub("", text.replace("\\r']\n", "\\r']<NEWLINE>")).replace("<NEWLINE>", "\n"), ""


def _terminal_text(text):
    """Without the echo of what was typed, carriage returns and the empty lines they make."""
    text = re.sub(r"(\[fingerprint\]\)\? )yes\r\n", r"\1\r\n", text).replace("\r", "")
    return re.sub(r"\n{2,}", "\n", text).lstrip("\n")


# Situations in which nothing has happened yet that another run could do in another number.
EXACT_COUNTERS = ("standalone", "1-node_cluster")


def _normal(recording, text):
    if _is_poll(recording) and text.strip():
        text = api.canonical_poll(text, "from_before_the_join" in recording.name)
    elif _is_api(recording) and text.strip():
        text = api.canonical_call(text)
    text = normal(text)
    if recording.command == "cat /etc/pve/.version" and recording.situation not in EXACT_COUNTERS:
        text = re.sub(r'": \d+', '": <COUNT>', text)
    text = reduced(recording.command, text)
    if "systemctl status" in recording.command or re.search(r"journalctl.*(?:\btail\b| -n )", recording.command):
        # The last lines there happen to be.
        text = journal_dropped(text)
    elif "journalctl" in recording.command:
        text = journal_sorted(text)
    elif recording.command.endswith("grep -c INSERT"):
        # One row more in the recording, of a file that the recorder had made.
        text = re.sub(r"^3[01]$", "<ROWS>", text, flags=re.M)
    return text.rstrip("\n")


def differences(recording, result):
    code, stdout, stderr = _expected(recording)
    found_out = result.stdout
    if recording.terminal:
        stdout, found_out = _terminal_text(stdout), _terminal_text(found_out)
    lines = []
    if result.exit_code != code:
        lines.append(f"exit code {result.exit_code}, recorded {code}")
    for label, want, have in (("stdout", stdout, found_out), ("stderr", stderr, result.stderr)):
        want, have = _normal(recording, want), _normal(recording, have)
        if want != have:
            lines += difflib.unified_diff(
                want.split("\n"), have.split("\n"), f"recorded {label}", f"stand-in's {label}", lineterm="", n=1
            )
    return lines


# The reasons by which the slower of two nodes is turned away differ with the millisecond.
TURNED_AWAY = re.compile(
    r"An error occurred on the cluster node: (?:unable to create directory '/etc/pve/nodes/\w+' - Permission denied"
    r"|cluster not ready - no quorum\?)"
)


def _of_some_node(recording, code, stdout, stderr):
    text = reduced(recording.command, normal(f"exit code {code}\n{stdout}\n--- stderr\n{stderr}")).replace(f"'{recording.node}'", "'<NODE>'")
    return TURNED_AWAY.sub("An error occurred on the cluster node: <REASON>", text).rstrip("\n")


def perform_together(recordings):
    """All at once; how the set of outcomes differs from the recorded one."""
    found = {}

    def one(recording):
        found[recording.key] = perform(recording)

    threads = [threading.Thread(target=one, args=(recording,)) for recording in recordings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    want = sorted(_of_some_node(recording, *_expected(recording)) for recording in recordings)
    results = [(recording, found[recording.key]) for recording in recordings]
    have = sorted(
        _of_some_node(recording, result.exit_code, result.stdout, result.stderr) for recording, result in results
    )
    if want == have:
        return []
    want, have = "\n======\n".join(want), "\n======\n".join(have)
    return list(difflib.unified_diff(want.split("\n"), have.split("\n"), "recorded", "stand-ins'", lineterm=""))
