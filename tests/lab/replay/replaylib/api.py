# SPDX-License-Identifier: GPL-3.0-or-later
"""Replays what was recorded of the API: calls with a ticket from the controller's network, and polled tasks."""

import json
import re
import subprocess
import time

from .nodes import LAB, Result
from .situations import served_fingerprint

ADDRESSES = {f"pve{number}": f"10.77.0.{10 + number}" for number in range(1, 9)}

# Runs in the controller's network.
CLIENT = r"""
import json, ssl, sys, time, urllib.error, urllib.parse, urllib.request
job = json.load(sys.stdin)
context = ssl._create_unverified_context()
def call(method, path, parameters, session):
    data = urllib.parse.urlencode(parameters).encode() if method != "GET" else None
    request = urllib.request.Request(job["base"] + urllib.parse.quote(path), data, method=method)
    if session:
        request.add_header("Cookie", "PVEAuthCookie=" + urllib.parse.quote(session["ticket"]))
        request.add_header("CSRFPreventionToken", session["CSRFPreventionToken"])
    started = time.monotonic()
    try:
        with urllib.request.urlopen(request, context=context, timeout=60) as answer:
            status, body = answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read().decode()
    except OSError as error:
        status, body = 0, ""
    return status, body, time.monotonic() - started
session = job.get("session")
if not session:
    status, body, seconds = call("POST", "/access/ticket", {"username": "root@pam", "password": "labpass1"}, None)
    session = json.loads(body)["data"] if status == 200 else None
if session:
    status, body, seconds = call(job["method"], job["path"], job["parameters"], session)
json.dump({"status": status, "body": body, "seconds": seconds, "session": session}, sys.stdout)
"""


class Client:
    """The tickets of a replay, and the tasks it started."""

    def __init__(self):
        self.upid = {}
        self.old_session = None

    def call(self, node, method, path, parameters=None, session=None):
        job = {
            "base": f"https://{ADDRESSES[node]}:8006/api2/json",
            "method": method,
            "path": path,
            "parameters": parameters or {},
            "session": session,
        }
        done = subprocess.run(
            [str(LAB), "run", "--", "python3", "-c", CLIENT],
            input=json.dumps(job),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"cannot call '{path}' of '{node}': {done.stderr.strip()}")
        return json.loads(done.stdout)

    def one_call(self, recording):
        """`curl -k -X METHOD https://NODE:8006/api2/json/PATH name=value ..`"""
        words = recording.command.split()
        method, url, given = words[3], words[4], words[5:]
        node, path = re.fullmatch(r"https://(\w+):8006/api2/json(/.*)", url).groups()
        parameters = dict(word.split("=", 1) for word in given)
        if "fingerprint" in parameters:
            found = served_fingerprint("pve1")
            wrong = not parameters["fingerprint"].endswith("C3")
            parameters["fingerprint"] = found[:-2] + ("AA" if not found.endswith("AA") else "AB") if wrong else found
        answer = self.call(node, method, path, parameters)
        self.old_session = answer["session"]
        try:
            data = json.loads(answer["body"]).get("data")
        except ValueError:
            data = None
        if isinstance(data, str) and data.startswith("UPID:"):
            self.upid[node] = data
        return Result("0", f"{answer['body']}\nHTTP {answer['status']} {answer['seconds']:.6f}s\n", "", 0.0)

    def poll(self, recording):
        """A task's status until it has ended or the time of the recording is over, then its log."""
        node = recording.node
        upid = self.upid[node]
        old = "from_before_the_join" in recording.name
        session = self.old_session if old else None
        lines, started = [], time.monotonic()
        while True:
            answer = self.call(node, "GET", f"/nodes/{node}/tasks/{upid}/status", session=session)
            lines.append(f"t=0 {answer['body']}\nHTTP {answer['status']} {answer['seconds']:.6f}s")
            if '"stopped"' in answer["body"] or time.monotonic() - started > max(20, recording.seconds):
                break
            time.sleep(0.3)
        answer = self.call(node, "GET", f"/nodes/{node}/tasks/{upid}/log", session=session)
        lines.append(f"LOG: {answer['body']}\nHTTP {answer['status']} {answer['seconds']:.6f}s")
        return Result("0", "\n".join(lines) + "\n", "", 0.0)


def canonical_call(text):
    """The JSON with its keys and nodes in order, and the status."""
    match = re.match(r"(.*?)\n?HTTP (\d+) ", text, re.S)
    body, status = match.groups()
    return f"{json.dumps(_ordered(json.loads(body)), sort_keys=True, indent=1) if body.strip() else ''}\nHTTP {status}"


def _ordered(value):
    if isinstance(value, dict):
        return {key: _ordered(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return sorted((_ordered(row) for row in value), key=lambda row: json.dumps(row, sort_keys=True))
    return value


def canonical_poll(text, with_refusals):
    """The states a task went through, each once, and its log. A refusal must have been made to wait."""
    states = []
    for body, status, seconds in re.findall(r"^(?:t=\S+|LOG:) ?(.*?)\n?HTTP (\d+) ([0-9.]+)s", text, re.M | re.S):
        if status == "401":
            state = "401" if float(seconds) >= 3 else "401 at once"
        elif status == "200" and '"total"' in body:
            log = json.loads(body)
            state = "LOG " + json.dumps([row["t"] for row in log["data"]]) + f" total {log['total']}"
        elif status == "200":
            data = json.loads(body)["data"]
            state = f"{data['type']} {data['id']} {data['status']} {data.get('exitstatus', '')}"
        else:
            state = f"HTTP {status}"
        if not with_refusals and (status != "200" or " running " in state):
            continue  # the node's services were being restarted, or the task was not over when it was asked
        if state == "HTTP 0":
            continue
        if not states or states[-1] != state:
            states.append(state)
    return "\n".join(states)
