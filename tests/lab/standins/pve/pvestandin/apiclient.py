# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of another node's API, which trusts a certificate by its fingerprint alone."""

import http.client
import json
import os
import ssl
import sys
import urllib.parse

from . import certs
from .errors import PveError


def read_line():
    """One line of standard input, byte by byte, so that the next reader finds the rest. None at the end."""
    line = b""
    while True:
        byte = os.read(0, 1)
        if not byte:
            return line.decode(errors="replace") if line else None
        if byte == b"\n":
            return line.decode(errors="replace")
        line += byte


def _read_unseen_line():
    """A line that a terminal does not show, not even its end."""
    if not os.isatty(0):
        return read_line()
    import termios

    before = termios.tcgetattr(0)
    silent = termios.tcgetattr(0)
    silent[3] &= ~(termios.ECHO | termios.ECHONL)
    termios.tcsetattr(0, termios.TCSADRAIN, silent)
    try:
        return read_line()
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


def read_password(prompt):
    """From a terminal with stars, otherwise the first line of standard input without any prompt."""
    if not os.isatty(0):
        line = read_line()
        if line is None:
            raise PveError("EOF while reading password\n")
        return line
    import termios
    import tty

    before = termios.tcgetattr(0)
    out = os.open("/dev/tty", os.O_WRONLY)
    password = b""
    try:
        tty.setraw(0)
        sys.stdout.write(prompt)
        sys.stdout.flush()
        while True:
            byte = os.read(0, 1)
            if byte in (b"\r", b"\n"):
                break
            if byte in (b"", b"\x04", b"\x03"):
                raise PveError("got keyboard interrupt\n")
            if byte in (b"\x7f", b"\x08"):
                if password:
                    password = password[:-1]
                    sys.stdout.write("\b \b")
            else:
                password += byte
                sys.stdout.write("*")
            sys.stdout.flush()
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
        os.close(out)
        sys.stdout.write("\n")
        sys.stdout.flush()
    return password.decode(errors="replace")


class Connection:
    def __init__(self, host, fingerprint=None, port=8006):
        self.host, self.port = host, port
        self.trusted = fingerprint.upper() if fingerprint else None
        self.ticket = self.csrf = None

    def _ask(self, found):
        print(f"The authenticity of host '{self.host}' can't be established.")
        print(f"X509 SHA256 key fingerprint is {found}.")
        sys.stdout.write("Are you sure you want to continue connecting (yes/no)? ")
        sys.stdout.flush()
        answer = _read_unseen_line()
        if answer is None:
            print(
                "Use of uninitialized value $answer in pattern match (m//) at"
                " /usr/share/perl5/PVE/APIClient/LWP.pm line 256, <STDIN> line 1.",
                file=sys.stderr,
                flush=True,
            )
        if (answer or "").strip().lower() != "yes":
            raise PveError("Fingerprint not verified, abort!\n")
        self.trusted = found

    def _open(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(self.host, self.port, context=context, timeout=60)
        try:
            connection.connect()
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise PveError(f"500 Can't connect to {self.host}:{self.port} ({reason})\n") from error
        found = certs.fingerprint_of_der(connection.sock.getpeercert(binary_form=True))
        if self.trusted is None:
            self._ask(found)
        elif found != self.trusted:
            connection.close()
            raise PveError(f"fingerprint '{found}' not verified, abort!\n")
        return connection

    def call(self, method, path, parameters=None):
        connection = self._open()
        headers = {}
        if self.ticket:
            headers["Cookie"] = f"PVEAuthCookie={urllib.parse.quote(self.ticket)}"
            headers["CSRFPreventionToken"] = self.csrf
        body = None
        if method != "GET":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urllib.parse.urlencode(parameters or {})
        try:
            connection.request(method, f"/api2/json{path}", body, headers)
            answer = connection.getresponse()
            raw = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise PveError(f"500 {error}\n") from error
        finally:
            connection.close()
        try:
            content = json.loads(raw) if raw else {}
        except ValueError:
            content = {}
        if answer.status != 200:
            message = content.get("message") or f"{answer.status} {answer.reason}\n"
            raise PveError(message, errors=content.get("errors") or {})
        return content.get("data")

    def login(self, password):
        data = self.call("POST", "/access/ticket", {"username": "root@pam", "password": password})
        self.ticket, self.csrf = data["ticket"], data["CSRFPreventionToken"]

    def get(self, path):
        return self.call("GET", path)

    def post(self, path, parameters):
        return self.call("POST", path, parameters)
