# SPDX-License-Identifier: GPL-3.0-or-later
"""Does what a refusal says, word for word, as a person would who has nothing else to go by."""

import re

from harness import Inventory, play

from .world import Broken

# Commands that messages name, on this node or on another one.
_HERE = re.compile(r"'((?:systemctl (?:reset-failed|start|restart|stop)|pvecm updatecerts)[^']*)'")


def _where(action, text, match):
    """The node on which a command is to be run: `here`, `on 'pve1'`, or `there`, which is the node named last."""
    after = text[match.end():]
    # Of several commands in a row the last one says where.
    following = re.match(r" and (?=')", after) and _HERE.match(text, match.end() + len(" and "))
    if following:
        return _where(action, text, following)
    named = re.match(r" on '(\w+)'", after)
    if named:
        return named[1]
    if after.startswith(" there"):
        return re.findall(r"'(pve\d)'", text[:match.start()])[-1]
    return action.actor


def _expected(world, action, text):
    """What a remedy that needs quorum tells first."""
    match = re.search(r"'(pvecm expected \d+)'", text)
    if match:
        where = _where(action, text, match)
        # Refused where the missing node has come back meanwhile: then there is quorum without it.
        world.run(where, match[1], check=False)
        # Which pmxcfs hears of a moment later.
        world.holds(where, "[ $(( 0$(stat -c %a /etc/pve/local) & 0200 )) != 0 ]")
    return bool(match)


def _commands(world, action, text, _extra):
    """`run 'systemctl start corosync' on this node`, or `.. on 'pve1'`."""
    found = list(_HERE.finditer(text))
    for match in found:
        world.run(_where(action, text, match), match[1], check=False, seconds=180)
    return bool(found)


def _delnode(world, action, text, _extra):
    """What the pre-flight checks say of an entry that an interrupted join left, and of the files beside it."""
    match = re.search(r"'(pvecm delnode \w+)' on '(\w+)'", text)
    if not match:
        return False
    _expected(world, action, text)
    world.run(match[2], match[1])
    for name, paths in re.findall(r"^- (\w+): files of an earlier cluster are left \(([^)]*)\): remove them", text, re.M):
        world.run(name, "rm " + paths.replace(",", ""))
    return True


def _copy(world, action, text, _extra):
    found = re.search(r"copy '/etc/pve/corosync\.conf' of '(\w+)' to '/etc/corosync/corosync\.conf' on this node", text)
    if not found:
        return False
    content = world.run(found[1], "cat /etc/pve/corosync.conf")
    world.run(action.actor, f"cat > /etc/corosync/corosync.conf <<'END'\n{content}END")
    _commands(world, action, text, _extra)
    return True


def _option(name):
    def use(world, action, text, extra):
        if f"'{name}: true'" not in text or extra.get(name):
            return False
        _expected(world, action, text)
        extra[name] = True
        return True
    return use


def _left_over(world, action, text, _extra):
    found = re.findall(r"'(/etc/corosync/[\w.]+)' is left over", text)
    for path in found:
        world.run(action.actor, f"rm {path}")
    return bool(found)


def _repair(_world, action, text, _extra):
    """The playbook that the pre-flight checks name for what is half in a cluster."""
    if "playbooks/cluster-repair.yml repairs" not in text:
        return False
    play(Inventory(action.hosts), "cluster-repair.yml")
    return True


def _again(_world, _action, text, _extra):
    return bool(re.search(r"run this (?:task|playbook) again|then this task again|under way|expires 120 s|is still read-only|start it first", text))


# In this order: the first whose words are in the text is what is done.
REMEDIES = (
    ("repair: true", _option("repair")),
    ("force: true", _option("force")),
    ("copy corosync.conf", _copy),
    ("pvecm delnode", _delnode),
    ("remove what is left over", _left_over),
    ("pvecm expected", lambda world, action, text, _extra: _expected(world, action, text)),
    ("cluster-repair.yml", _repair),
    ("run the command", _commands),
    ("run again", _again),
)


def apply(world, action, text, extra):
    """Do the first remedy that the text names; answers its name. Options go into `extra`."""
    for name, remedy in REMEDIES:
        try:
            done = remedy(world, action, text, extra)
        except Broken as reason:
            raise Broken(f"{reason}; what was followed: {text}") from reason
        if done:
            return name
    raise Broken(f"refused without a remedy that can be followed: {text}")
