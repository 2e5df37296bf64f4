# SPDX-License-Identifier: GPL-3.0-or-later
"""pveproxy (and what pvedaemon does for it): the API on port 8006.

The certificate is read once, at the start. Tickets are signed with the cluster's key, so they end with the key:
a node's join makes its older tickets worthless.
"""

import base64
import ctypes
import hashlib
import hmac
import json
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler

from . import api, certs, cfs, files, paths
from .errors import PveError

PORT = 8006
TICKET_LIFE = 2 * 3600
# What an unknown user and a false ticket wait for.
PENALTY = 3


def _hash(password, setting):
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    answer = library.crypt(password.encode(), setting.encode())
    return answer.decode() if answer else None


def password_is_right(password):
    for line in files.read("/etc/shadow").splitlines():
        fields = line.split(":")
        if fields[0] == "root" and fields[1].startswith("$"):
            return hmac.compare_digest(_hash(password, fields[1]) or "", fields[1])
    return False


def sign(text):
    return subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", paths.AUTH_PRIVATE_KEY],
        input=text.encode(),
        capture_output=True,
        check=True,
    ).stdout


def make_ticket(user):
    plain = f"PVE:{user}:{int(time.time()):08X}"
    return f"{plain}::{base64.b64encode(sign(plain)).decode()}"


def user_of_ticket(ticket):
    """The user a ticket names, None for one that is false, old, or signed with another key."""
    plain, mark, signature = ticket.partition("::")
    parts = plain.split(":")
    if not mark or len(parts) != 3 or parts[0] != "PVE" or not files.exists(paths.AUTH_PUBLIC_KEY):
        return None
    try:
        age = time.time() - int(parts[2], 16)
        raw = base64.b64decode(signature)
    except ValueError:
        return None
    if not -300 < age < TICKET_LIFE:
        return None
    with tempfile.NamedTemporaryFile() as stream:
        stream.write(raw)
        stream.flush()
        verified = subprocess.run(
            ["openssl", "dgst", "-sha256", "-verify", paths.AUTH_PUBLIC_KEY, "-signature", stream.name],
            input=plain.encode(),
            capture_output=True,
            check=False,
        )
    return parts[1] if verified.returncode == 0 else None


def make_csrf_token(user):
    stamp = f"{int(time.time()):08X}"
    digest = hmac.new(files.read_bytes(paths.WWW_KEY), f"{stamp}:{user}".encode(), hashlib.sha256).digest()
    return f"{stamp}:{base64.b64encode(digest).decode()}"


def csrf_token_is_right(token, user):
    stamp, mark, signature = token.partition(":")
    if not mark:
        return False
    digest = hmac.new(files.read_bytes(paths.WWW_KEY), f"{stamp}:{user}".encode(), hashlib.sha256).digest()
    return hmac.compare_digest(base64.b64encode(digest).decode(), signature)


def _mixed(value):
    """Keys in another order each time, as the real program answers."""
    if isinstance(value, dict):
        rows = [(key, _mixed(inner)) for key, inner in value.items()]
        random.shuffle(rows)
        return dict(rows)
    if isinstance(value, list):
        return [_mixed(row) for row in value]
    return value


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "pve-api-daemon/3.0"
    sys_version = ""
    timeout = 60

    def log_message(self, format, *arguments):
        pass

    def answer(self, status, content, reason=None):
        body = b"" if content is None else json.dumps(_mixed(content), ensure_ascii=False).encode()
        self.send_response(status, reason)
        self.send_header("Content-Type", "application/json;charset=UTF-8")
        self.send_header("Cache-Control", "max-age=0")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def refuse(self, error):
        reason = error.message.split("\n")[0]
        content = {"data": None, "message": error.message}
        if error.errors:
            content["errors"] = error.errors
        self.answer(error.status, content, reason)

    def parameters(self):
        query = urllib.parse.urlsplit(self.path).query
        found = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode(errors="replace") if length else ""
        if body.lstrip().startswith("{"):
            found.update(json.loads(body))
        else:
            found.update(urllib.parse.parse_qsl(body, keep_blank_values=True))
        return found

    def ticket(self):
        try:
            cookie = SimpleCookie(self.headers.get("Cookie") or "")
        except CookieError:
            return ""
        found = cookie.get("PVEAuthCookie")
        return urllib.parse.unquote(found.value) if found else ""

    def login(self, parameters):
        user = parameters.get("username", "")
        if "@" not in user:
            user = f"{user}@{parameters.get('realm', 'pam')}"
        if user != "root@pam" or not password_is_right(parameters.get("password", "")):
            time.sleep(PENALTY)
            self.answer(401, None, "authentication failure")
            return
        cfs.log_message(6, f"successful auth for user '{user}'")
        self.answer(
            200,
            {
                "data": {
                    "CSRFPreventionToken": make_csrf_token(user),
                    "cap": {},
                    "ticket": make_ticket(user),
                    "username": user,
                }
            },
        )

    def handle_call(self, method):
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        if not path.startswith("/api2/json"):
            self.answer(501, None, "no such file or method")
            return
        path = path[len("/api2/json") :] or "/"
        parameters = self.parameters()
        if (method, path) == ("POST", "/access/ticket"):
            self.login(parameters)
            return
        ticket = self.ticket()
        if not ticket:
            self.answer(401, None, "No ticket")
            return
        user = user_of_ticket(ticket)
        if user is None:
            time.sleep(PENALTY)
            self.answer(401, None, "invalid PVE ticket")
            return
        if method != "GET" and not csrf_token_is_right(self.headers.get("CSRFPreventionToken") or "", user):
            time.sleep(PENALTY)
            self.answer(401, None, "Permission denied - invalid csrf token")
            return
        call = api.find(method, path)
        if call is None:
            self.answer(
                501,
                {"data": None, "message": f"Method '{method} {path}' not implemented"},
                f"Method '{method} {path}' not implemented",
            )
            return
        data = call(parameters)
        content = {"data": data}
        if path.endswith("/log"):
            content["total"] = len(data)
        self.answer(200, content)

    def run(self, method):
        try:
            self.handle_call(method)
        except PveError as error:
            self.refuse(error)
        except OSError as error:
            self.refuse(PveError(f"{error.strerror}\n"))

    def do_GET(self):
        self.run("GET")

    def do_POST(self):
        self.run("POST")

    def do_PUT(self):
        self.run("PUT")

    def do_DELETE(self):
        self.run("DELETE")


def tell_systemd(state):
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.connect("\0" + address[1:] if address.startswith("@") else address)
        notify.sendall(state)


def serve_one(connection, context):
    """In a process of its own: a call may fork a worker."""
    connection.settimeout(60)
    try:
        secure = context.wrap_socket(connection, server_side=True)
        peer = secure.getpeername()
        Handler(secure, peer, None)
        try:
            secure = secure.unwrap()
        except OSError:
            pass
        secure.close()
    except (OSError, ssl.SSLError):
        pass


def start_again(_number, _frame):
    """A reload: a start in the same process, without what systemd does before one. Another reload waits for it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
    os.execv("/usr/bin/pveproxy", ["pveproxy"])


def main():
    cfs.speaker = "pvedaemon"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate, key = certs.served_files(cfs.node_name())
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:
        print(f"unable to load '{certificate}' - {error.strerror}", file=sys.stderr)
        raise SystemExit(255) from error
    signal.signal(signal.SIGHUP, start_again)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGHUP])
    # Children are nobody's business once they have answered.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64)
    tell_systemd(b"READY=1")
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            listener.close()
            serve_one(connection, context)
            os._exit(0)
        connection.close()
