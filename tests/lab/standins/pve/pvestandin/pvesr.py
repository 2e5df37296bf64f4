# SPDX-License-Identifier: GPL-3.0-or-later
"""pvesr: `delete JOB --force` alone.

Nothing of this is recorded. It follows pvesr(1): with `force` the entry goes from replication.cfg and nothing else is done, also of a
job that is not there.
"""

from . import cfs, cli, paths, schema, sections
from .errors import ParameterError, PveError, UsageError

FILE = f"{paths.CLUSTER_DIR}/replication.cfg"
LOCK = "file-replication_cfg"
RULES = {
    "id": schema.Property(pattern=r"[1-9][0-9]{2,8}-[0-9]{1,9}", required=True),
    "force": schema.Property(type="boolean", required=True),
}


def _delete(values):
    if not values["force"]:
        raise PveError("without --force a job is only marked, which this stand-in does not know\n")

    def change():
        sections.write(FILE, [one for one in sections.read(FILE) if one[1] != values["id"]])

    cfs.locked(LOCK, 10, change)


DELETE = cli.Command("delete", _delete, ("id",), RULES)


def dispatch(words):
    """One command line."""
    cfs.require_mounted()
    if words[:1] != ["delete"]:
        raise PveError(f"ERROR: unknown command 'pvesr {' '.join(words)}'\n")
    try:
        cli.run_command(DELETE, words[1:])
    except (UsageError, ParameterError) as error:
        return cli.report(error, "pvesr delete <id> --force")
    return 0


def main():
    """The program."""
    cli.main_as_root(dispatch)
