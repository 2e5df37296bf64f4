# SPDX-License-Identifier: GPL-3.0-or-later
"""Running other programs, with the error texts PVE's programs make of a failure."""

import subprocess

from .errors import PveError


def run(command, errmsg=None, show=True):
    """Run `command`; its output is passed on unless `show` is false.

    A failure dies of "ERRMSG: LAST LINE OF STDERR", and that line alone is not passed on.
    """
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=None if show else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
    except OSError as error:
        raise PveError(f"{errmsg or 'command failed'}: {error.strerror}\n") from error
    text = done.stderr.decode(errors="replace")
    lines = text[:-1].split("\n") if text.endswith("\n") else text.split("\n")
    if done.returncode == 0:
        if show:
            emit(text)
        return
    last = lines[-1]
    if show and len(lines) > 1:
        emit("".join(line + "\n" for line in lines[:-1]))
    code = done.returncode
    reason = f"got signal {-code}" if code < 0 else f"exit code {code}"
    what = errmsg or f"command '{' '.join(command)}' failed"
    raise PveError(f"{what}: {last or reason}\n")


def emit(text):
    import sys

    sys.stderr.write(text)
    sys.stderr.flush()


def quiet(command):
    """The exit code of `command`, whose output nobody sees."""
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        ).returncode
    except OSError:
        return 255


def output(command, data=None):
    """The standard output of `command`, which must succeed."""
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    if done.returncode != 0:
        raise PveError(
            f"command '{' '.join(command)}' failed: {done.stderr.decode(errors='replace').strip()}\n"
        )
    return done.stdout
