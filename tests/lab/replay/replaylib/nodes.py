# SPDX-License-Identifier: GPL-3.0-or-later
"""Lab nodes: switching them, and running commands in them with the streams kept apart."""

import os
import pty
import re
import select
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

LAB = Path(__file__).resolve().parent.parent.parent / "lab"


@dataclass
class Result:
    exit_code: str
    stdout: str
    stderr: str
    seconds: float


def lab(*words, check=True):
    done = subprocess.run([str(LAB), *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise RuntimeError(f"lab {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def _decode(raw):
    return raw.decode("utf-8", "backslashreplace")


def run(node, command, stdin=None, timeout=120):
    started = time.monotonic()
    # The recordings were made by bash -c in a login-less environment, from the root folder.
    words = [str(LAB), "exec", node, "--", f"cd /; LC_ALL=C.UTF-8 exec bash -c {_quoted(command)}"]
    with subprocess.Popen(
        words,
        stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(stdin.encode() if stdin is not None else None, timeout)
            code = str(process.returncode)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            code = "TIMEOUT"
    return Result(code, _decode(out), _decode(err), time.monotonic() - started)


def _quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


SENT = re.compile(r"\[LAB sent: '(.*?)\\r'\]\n?")


def run_on_terminal(node, command, script, timeout=60):
    """Types the answers that `script` (a recorded output) shows, each after the text before it has come."""
    answers = []
    position = 0
    for match in SENT.finditer(script):
        before = script[position : match.start()].rstrip("\n").split("\n")[-1]
        # What is printed differs in keys; the end of a question does not.
        answers.append((before[-12:], match.group(1)))
        position = match.end()
    started = time.monotonic()
    pid, terminal = pty.fork()
    if pid == 0:
        words = [str(LAB), "exec", node, "--", f"cd /; LC_ALL=C.UTF-8 bash -c {_quoted(command)}"]
        os.execv(words[0], words)
    output, seen, sent = b"", 0, 0
    while True:
        ready, _, _ = select.select([terminal], [], [], 0.2)
        if ready:
            try:
                chunk = os.read(terminal, 4096)
            except OSError:
                break
            if not chunk:
                break
            output += chunk
        if sent < len(answers) and answers[sent][0].encode() in output[seen:]:
            seen = len(output)
            # The program switches the echo off right after its question.
            time.sleep(0.3)
            os.write(terminal, answers[sent][1].encode() + b"\n")
            sent += 1
        if time.monotonic() - started > timeout:
            os.kill(pid, 9)
            break
    _, status = os.waitpid(pid, 0)
    return Result(str(os.waitstatus_to_exitcode(status)), _decode(output), "", time.monotonic() - started)


def wait_for(node, command, timeout=40):
    """Until `command` succeeds in the node."""
    deadline = time.monotonic() + timeout
    while True:
        if run(node, command, timeout=30).exit_code == "0":
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"'{command}' did not become true on '{node}' within {timeout} s")
        time.sleep(0.3)


WRITABLE = "touch /etc/pve/w.$$ && rm /etc/pve/w.$$"


def wait_writable(*names):
    for name in names:
        wait_for(name, WRITABLE)


def wait_members(count, *names):
    """Until all of them see `count` members, all running one configuration."""
    test = (
        f"test $(corosync-quorumtool -l | grep -c '^ *[1-9]') = {count} && "
        f"test $(corosync-cmapctl runtime.members. | grep config_version | sed 's/.*= //' | sort -u | wc -l) = 1"
    )
    for name in names:
        wait_for(name, test)
    wait_writable(*names)
