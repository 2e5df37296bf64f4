# SPDX-License-Identifier: GPL-3.0-or-later
"""pvecm."""

import ipaddress
import os
import re
import sys

from . import admission, apiclient, cfs, cli, conf, files, formation, nodefiles, paths, qdevice, schema, ssh, task
from .cli import Command
from .errors import ParameterError, PveError, UsageError
from .run import run
from .schema import BOOLEAN, Property

HELP_FILE = os.path.join(os.path.dirname(__file__), "..", "data", "pvecm-help.txt")


def replace_by(*command):
    sys.stdout.flush()
    os.execvp(command[0], command)


def status(_values):
    cfs.require_conf()
    try:
        totem = conf.load().totem
    except PveError as error:
        sys.stderr.write(error.message)
        totem = {}
    if totem is None:
        raise PveError(
            "Can't use an undefined value as a HASH reference at /usr/share/perl5/PVE/CLI/pvecm.pm line 550,"
            " <DATA> line 960.\n"
        )
    if totem:
        print("Cluster information")
        print("-------------------")
        for label, key, default in (
            ("Name", "cluster_name", "UNKNOWN?"),
            ("Config Version", "config_version", -1),
            ("Transport", "transport", "knet"),
            ("Secure auth", "secauth", "off"),
        ):
            print(f"{label + ':':<17} {totem.get(key, default)}")
        print()
    replace_by("corosync-quorumtool", "-siH")


def nodes(_values):
    cfs.require_conf()
    replace_by("corosync-quorumtool", "-l")


def expected(values):
    cfs.require_conf()
    replace_by("corosync-quorumtool", "-e", str(values["expected"]))


def create(values):
    formation.refuse_second_cluster()
    task.run_in_foreground("clustercreate", values["clustername"], lambda: formation.create(values))


def add(values):
    if os.getcwd() == paths.CLUSTER_DIR or os.getcwd().startswith(paths.CLUSTER_DIR + "/"):
        raise PveError(
            "Navigate out of /etc/pve before running 'pvecm add', for example by running 'cd'.\n"
        )

    def work():
        if values.get("use_ssh"):
            formation.join_by_ssh(values)
            return
        values["password"] = apiclient.read_password(
            f"Please enter superuser (root) password for '{values['hostname']}': "
        )
        formation.join_by_api(values)

    task.run_in_foreground("clusterjoin", "", work)


def add_node(values):
    admission.add_node(values)


def delete_node(values):
    admission.delete_node(values["node"])


def api_version(_values):
    print(admission.API_VERSION)


def keygen(values):
    if os.path.exists(values["filename"]):
        raise PveError(f"key file '{values['filename']}' already exists\n")
    run(["/usr/sbin/corosync-keygen", "-lk", values["filename"]])


def update_certificates(values):
    nodefiles.update(values.get("force"), values.get("silent"), values.get("unmerge-known-hosts"))


def tunnel(values):
    if not cfs.quorate():
        print("no quorum")
        return
    if values.get("get_migration_ip"):
        network = values.get("migration_network")
        if not network:
            raise PveError(
                "Use of inherited AUTOLOAD for non-method PVE::CLI::pvecm::cfs_read_file() is no longer allowed at"
                " /usr/share/perl5/PVE/CLI/pvecm.pm line 725, <DATA> line 960.\n"
            )
        within = [
            address
            for address in ssh.local_addresses()
            if ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
        ]
        if len(within) != 1:
            raise PveError(f"could not get migration ip: no IP address configured on local node for network '{network}'\n")
        print(f"ip: '{within[0]}'")
        return
    print("tunnel online", flush=True)
    for line in sys.stdin:
        if line.strip() == "quit":
            print("OK", flush=True)
            return
        print("ERR: unknown command", flush=True)


def qdevice_setup(values):
    qdevice.setup(values["address"], values.get("force"))


def qdevice_remove(_values):
    qdevice.remove()


COMMANDS = {
    command.name: command
    for command in (
        Command("qdevice remove", qdevice_remove, usage=""),
        Command(
            "qdevice setup",
            qdevice_setup,
            ["address"],
            {"address": Property(format="ip", required=True), "network": Property(format="CIDR"), "force": BOOLEAN},
            "<address> [OPTIONS]",
        ),
        Command("addnode", add_node, ["node"], schema.ADD_NODE, "<node> [OPTIONS]"),
        Command("apiver", api_version),
        Command("create", create, ["clustername"], schema.CREATE, "<clustername> [OPTIONS]"),
        Command("delnode", delete_node, ["node"], {"node": schema.NODE}, "<node>"),
        Command("add", add, ["hostname"], {**schema.JOIN, "use_ssh": BOOLEAN}, "<hostname> [OPTIONS]"),
        Command(
            "expected",
            expected,
            ["expected"],
            {"expected": Property(type="integer", minimum=1, required=True)},
            "<expected>",
        ),
        Command("keygen", keygen, ["filename"], {"filename": Property(required=True)}, "<filename>"),
        Command(
            "mtunnel",
            tunnel,
            rules={"get_migration_ip": BOOLEAN, "migration_network": Property(), "run-command": BOOLEAN},
            usage="[<extra-args>] [OPTIONS]",
            rest="extra-args",
        ),
        Command("nodes", nodes),
        Command("status", status),
        Command(
            "updatecerts",
            update_certificates,
            rules={"force": BOOLEAN, "silent": BOOLEAN, "unmerge-known-hosts": BOOLEAN},
            usage=" [OPTIONS]",
        ),
        Command("help", None, rules={"verbose": BOOLEAN}, usage="[<extra-args>] [OPTIONS]", rest="extra-args"),
    )
}

GROUPS = (
    ("qdevice remove", "qdevice setup"),
    ("addnode", "apiver", "create", "delnode"),
    ("add", "expected", "keygen", "mtunnel", "nodes", "status", "updatecerts"),
    ("help",),
)


def usage_line(name):
    return f"pvecm {name} {COMMANDS[name].usage}"


def overview(message, groups):
    text = f"ERROR: {message}\nUSAGE: pvecm <COMMAND> [ARGS] [OPTIONS]\n"
    for group in groups:
        text += "\n" + "".join(f"       {usage_line(name)}\n" for name in group)
    sys.stderr.write(text)
    return 255


def help_sections():
    text = files.read(HELP_FILE)
    found = {}
    for section in re.split(r"^(?=USAGE: )", text, flags=re.M):
        match = re.match(r"USAGE: pvecm ((?:qdevice )?\w+)", section)
        if match:
            found[match.group(1)] = section.rstrip("\n") + "\n\n"
    return found


def show_help(words):
    sections = help_sections()
    wanted = [word for word in words if not word.startswith("-")]
    if not wanted:
        print("".join(sections[name] for name in sorted(sections)))
        return 0
    name = " ".join(wanted)
    if name not in sections:
        raise UsageError(f"no such command '{name}'\n")
    print(sections[name])
    return 0


def _expand(word, names):
    if word in names:
        return word
    matches = [name for name in names if name.startswith(word)]
    return matches[0] if len(matches) == 1 else None


def dispatch(words):
    cfs.require_mounted()
    if not words:
        return overview("no command specified", GROUPS)
    heads = sorted({name.split()[0] for name in COMMANDS})
    head = _expand(words[0], heads)
    if head is None:
        return overview(f"unknown command 'pvecm {words[0]}'", GROUPS)
    rest = words[1:]
    if head == "help":
        return show_help(rest)
    if head == "qdevice":
        if not rest:
            return overview("incomplete command 'pvecm qdevice'", GROUPS[:1])
        second = _expand(rest[0], ["setup", "remove"])
        if second is None:
            return overview(f"unknown command 'pvecm qdevice {rest[0]}'", GROUPS[:1])
        head, rest = f"qdevice {second}", rest[1:]
    try:
        cli.run_command(COMMANDS[head], rest)
    except (UsageError, ParameterError) as error:
        return cli.report(error, usage_line(head))
    return 0


def main():
    cli.main_as_root(dispatch)
