# SPDX-License-Identifier: GPL-3.0-or-later
"""pvesr: `delete` alone. It only marks a job, for the scheduler to remove with what the target has of it, which takes a while and does not
happen where source or target are gone; with `--force` the entry goes at once, from any node, also of a job that is not there.
"""

import sys

from . import cfs, cli, paths, schema, sections
from .errors import ParameterError, PveError, UsageError

FILE = f"{paths.CLUSTER_DIR}/replication.cfg"
LOCK = "file-replication_cfg"
RULES = {
    "id": schema.Property(pattern=r"[1-9][0-9]{2,8}-[0-9]{1,9}", required=True),
    "force": schema.BOOLEAN,
}


def _delete(values):
    force = values.get("force")

    def change():
        found = sections.read(FILE)
        mine = [one for one in found if one[1] == values["id"]]
        if not force and not mine:
            raise PveError(f"no such replication job '{values['id']}'\n")
        for one in mine:
            one[2]["remove_job"] = "full"
        sections.write(FILE, [one for one in found if not force or one not in mine])

    cfs.locked(LOCK, 10, change)
    if not force:
        print("Replication job removal is a background task and will take some time.", file=sys.stderr)


DELETE = cli.Command("delete", _delete, ("id",), RULES)


def dispatch(words):
    """One command line."""
    cfs.require_mounted()
    if words[:1] != ["delete"]:
        raise PveError(f"ERROR: unknown command 'pvesr {' '.join(words)}'\n")
    try:
        cli.run_command(DELETE, words[1:])
    except (UsageError, ParameterError) as error:
        return cli.report(error, "pvesr delete <id> [OPTIONS]")
    return 0


def main():
    """The program."""
    cli.main_as_root(dispatch)
