# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters of commands and API calls: types, limits, and the wording of refusals."""

import ipaddress
import re
from dataclasses import dataclass

from .errors import ParameterError


@dataclass(frozen=True)
class Property:
    type: str = "string"
    minimum: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    format: str | None = None
    required: bool = False


NODE_NAME = re.compile(r"^[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?$")
LINK_KEYS = tuple(f"link{number}" for number in range(8))

NODE = Property(format="node", required=True)
NODEID = Property(type="integer", minimum=1)
VOTES = Property(type="integer", minimum=0)
BOOLEAN = Property(type="boolean")
FINGERPRINT = Property(pattern=r"([A-Fa-f0-9]{2}:){31}[A-Fa-f0-9]{2}")
LINK = Property(format="link")
LINKS = {key: LINK for key in LINK_KEYS}

CREATE = {
    "clustername": Property(format="node", max_length=15, required=True),
    "nodeid": NODEID,
    "votes": Property(type="integer", minimum=1),
    "token-coefficient": Property(type="integer", minimum=0),
    **LINKS,
}
ADD_NODE = {
    "node": NODE,
    "nodeid": NODEID,
    "votes": VOTES,
    "force": BOOLEAN,
    "new_node_ip": Property(format="ip"),
    "apiversion": Property(type="integer"),
    **LINKS,
}
JOIN = {
    "hostname": Property(required=True),
    "nodeid": NODEID,
    "votes": VOTES,
    "force": BOOLEAN,
    "fingerprint": FINGERPRINT,
    **LINKS,
}


class _Refused(Exception):
    pass


def _boolean(value):
    text = str(value).lower()
    if text in ("1", "on", "yes", "true"):
        return True
    if text in ("0", "off", "no", "false"):
        return False
    raise _Refused(f"type check ('boolean') failed - got '{value}'")


def _is_address(value, with_prefix):
    try:
        (ipaddress.ip_interface if with_prefix else ipaddress.ip_address)(value)
    except ValueError:
        return False
    return ("/" in value) == with_prefix


def parse_link(value):
    """`[address=]IP[,priority=N]`."""
    link = {}
    for part in value.split(","):
        key, mark, content = part.partition("=")
        if not mark:
            key, content = "address", part
        if key not in ("address", "priority") or key in link:
            raise _Refused("invalid format - format error\n" + f"{key}: property is not defined in schema")
        link[key] = content
    if "address" not in link:
        raise _Refused("invalid format - format error\naddress: property is missing and it is not optional")
    try:
        ipaddress.ip_address(link["address"])
    except ValueError:
        if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", link["address"]) or not re.search(
            r"[A-Za-z]", link["address"]
        ):
            raise _Refused(
                "invalid format - format error\n"
                "address: invalid format - value does not look like a valid address: " + link["address"]
            ) from None
    if "priority" in link:
        if not link["priority"].isdigit() or int(link["priority"]) > 255:
            raise _Refused(
                f"invalid format - format error\npriority: type check ('integer') failed - got '{link['priority']}'"
            )
        link["priority"] = int(link["priority"])
    return link


def _convert(rule, value):
    if rule.type == "boolean":
        return _boolean(value)
    if rule.type == "integer":
        if not re.fullmatch(r"[+-]?[0-9]+", str(value)):
            raise _Refused(f"type check ('integer') failed - got '{value}'")
        number = int(value)
        if rule.minimum is not None and number < rule.minimum:
            raise _Refused(f"value must have a minimum value of {rule.minimum}")
        return number
    value = str(value)
    if rule.max_length is not None and len(value) > rule.max_length:
        raise _Refused(f"value may only be {rule.max_length} characters long")
    if rule.format == "node" and not NODE_NAME.match(value):
        raise _Refused("invalid format - value does not look like a valid node name\n")
    if rule.pattern and not re.fullmatch(rule.pattern, value):
        raise _Refused("value does not match the regex pattern")
    if rule.format in ("ip", "CIDR") and not _is_address(value, rule.format == "CIDR"):
        kind = "CIDR network" if rule.format == "CIDR" else "IP address"
        raise _Refused(f"invalid format - value does not look like a valid {kind}\n")
    if rule.format == "link":
        return parse_link(value)
    return value


def check(rules, given):
    """Checked and converted values; `linkN` are gathered below `links` by number."""
    errors, values = {}, {}
    for key, value in given.items():
        rule = rules.get(key)
        if rule is None:
            errors[key] = "property is not defined in schema and the schema does not allow additional properties"
            continue
        try:
            values[key] = _convert(rule, value)
        except _Refused as refusal:
            errors[key] = str(refusal)
    for key, rule in rules.items():
        if rule.required and key not in given:
            errors[key] = "property is missing and it is not optional"
    if errors:
        raise ParameterError(errors)
    values["links"] = {int(key[4:]): values.pop(key) for key in LINK_KEYS if key in values}
    return values
