# SPDX-License-Identifier: GPL-3.0-or-later
"""pvesh: the API without a network, as root@pam."""

import json
import sys

from . import api, cfs, cli
from .errors import ParameterError, PveError

METHODS = {"get": "GET", "create": "POST", "set": "PUT", "delete": "DELETE"}

# Where the real program's exceptions carry the place they come from.
PLACES = {424: " at /usr/share/perl5/PVE/API2/ClusterConfig.pm line 588"}


def pretty(value, depth=0):
    """JSON with keys sorted, three blanks a level and a blank before each colon."""
    inner, outer = "   " * (depth + 1), "   " * depth
    if isinstance(value, dict):
        if not value:
            return "{}"
        rows = [f"{inner}{json.dumps(key, ensure_ascii=False)} : {pretty(value[key], depth + 1)}" for key in sorted(value)]
        return "{\n" + ",\n".join(rows) + f"\n{outer}}}"
    if isinstance(value, list):
        if not value:
            return "[]"
        return "[\n" + ",\n".join(f"{inner}{pretty(row, depth + 1)}" for row in value) + f"\n{outer}]"
    return json.dumps(value, ensure_ascii=False)


def _options(words):
    parameters, output_format = {}, None
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if not word.startswith("-"):
            raise PveError("400 too many arguments\n")
        name, mark, value = word.lstrip("-").partition("=")
        if not mark:
            if index < len(words) and not words[index].startswith("-"):
                value = words[index]
                index += 1
            else:
                value = "1"
        if name == "output-format":
            output_format = value
        elif name not in ("quiet", "noproxy", "human-readable", "noheader", "noborder"):
            parameters[name] = value
    return parameters, output_format


def dispatch(words):
    cfs.require_mounted()
    if len(words) < 2 or words[0] not in METHODS:
        sys.stderr.write("ERROR: unknown command 'pvesh" + "".join(f" {word}" for word in words[:1]) + "'\n")
        return 255
    verb, path = words[0], "/" + words[1].strip("/")
    parameters, output_format = _options(words[2:])
    call = api.find(METHODS[verb], path)
    if call is None:
        sys.stderr.write(f"No '{verb}' handler defined for '{path}'\n")
        return 255
    try:
        data = call(parameters)
    except ParameterError as error:
        return cli.report(error, f"pvesh {verb} {path} [OPTIONS]")
    except PveError as error:
        if error.status in PLACES:
            error.message = f"{error.status} {error.message}{PLACES[error.status]}\n"
        return cli.report(error)
    if output_format == "json":
        print(json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False))
    elif output_format == "json-pretty":
        print(pretty(data))
    elif data is None:
        pass
    elif isinstance(data, (str, int)):
        print(data)
    else:
        raise PveError("this stand-in prints json and json-pretty alone: give --output-format\n")
    return 0


def main():
    cli.main_as_root(dispatch)
