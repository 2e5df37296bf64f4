# SPDX-License-Identifier: GPL-3.0-or-later
"""Command lines as PVE takes them apart, and the wording and streams of what it says to a wrong one."""

import os
import sys
import time

from . import schema
from .errors import ParameterError, PveError, UsageError


class Command:
    """`arguments` are the names of the positional ones, `rules` the schema of them and of the options."""

    def __init__(self, name, action, arguments=(), rules=None, usage="", rest=None):
        self.name, self.action, self.arguments = name, action, tuple(arguments)
        self.rules, self.usage, self.rest = rules or {}, usage, rest

    @property
    def options(self):
        return {key: rule for key, rule in self.rules.items() if key not in self.arguments}


def _find_option(command, word):
    if word in command.options:
        return word
    matches = [key for key in command.options if key.lower().startswith(word.lower())]
    return matches[0] if len(matches) == 1 else None


def take_apart(command, words):
    """Options anywhere, `--name value` or `--name=value`; a boolean takes a following word that is no option."""
    given, positional, unknown = {}, [], []
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if word == "--":
            positional += words[index:]
            break
        if not word.startswith("-") or word == "-":
            positional.append(word)
            continue
        name, mark, value = word.lstrip("-").partition("=")
        key = _find_option(command, name)
        if key is None:
            unknown.append(f"Unknown option: {name}\n")
            continue
        following = words[index] if index < len(words) else None
        if mark:
            given[key] = value
        elif command.options[key].type == "boolean":
            if following is not None and not following.startswith("-"):
                given[key] = following
                index += 1
            else:
                given[key] = "1"
        elif following is None:
            unknown.append(f"Option {name} requires an argument\n")
        else:
            given[key] = following
            index += 1
    if unknown:
        raise UsageError("unable to parse option\n", "".join(unknown))
    for name in command.arguments:
        if not positional:
            raise UsageError("not enough arguments\n")
        given[name] = positional.pop(0)
    if command.rest is not None:
        given[command.rest] = positional
    elif positional:
        raise UsageError("too many arguments\n")
    return given


def run_command(command, words):
    given = take_apart(command, words)
    rest = given.pop(command.rest, None) if command.rest else None
    values = schema.check(command.rules, given)
    if command.rest:
        values[command.rest] = rest
    return command.action(values)


def report(error, usage=None):
    """Print `error` as the real programs do; answers the exit code."""
    sys.stdout.flush()
    if isinstance(error, UsageError):
        sys.stderr.write(f"{error.before}400 {error.message}")
        if usage:
            sys.stderr.write(usage + "\n")
        return error.code
    text = error.message
    if isinstance(error, ParameterError):
        text = f"400 {text}"
    if not text.endswith("\n"):
        text += "\n"
    for key in sorted(error.errors):
        text += f"{key}: {error.errors[key]}\n"
    sys.stderr.write(text)
    if usage and isinstance(error, ParameterError):
        sys.stderr.write(usage + "\n")
    return error.code


# A machine on which programs take seconds to start: the number, and the programs that it is for, all of them where none is named.
SLOW = "/etc/default/pve-standin-slow"


def _start_slowly():
    try:
        with open(SLOW, encoding="utf-8") as stream:
            words = stream.read().split()
    except OSError:
        return
    if words and (len(words) == 1 or os.path.basename(sys.argv[0]) in words[1:]):
        time.sleep(float(words[0]))


def main_with(function):
    """Run `function`, answering the exit code, and end as the real program would."""
    _start_slowly()
    os.environ["PATH"] = "/sbin:/bin:/usr/sbin:/usr/bin"
    try:
        code = function() or 0
    except PveError as error:
        code = report(error)
    sys.stdout.flush()
    sys.stderr.flush()
    raise SystemExit(code)


def main_as_root(dispatch):
    """The same for a program that only root may run; `dispatch` takes the words of the command line."""
    if os.geteuid() != 0:
        sys.stderr.write("please run as root\n")
        raise SystemExit(255)
    main_with(lambda: dispatch(sys.argv[1:]))
