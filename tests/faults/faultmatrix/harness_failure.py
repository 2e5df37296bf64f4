# SPDX-License-Identifier: GPL-3.0-or-later
"""A case that the harness could not carry out: what is written of it, and what is printed instead.

Nothing of the product was seen then. The results, and so the documents, get one plain phrase; the traceback, with this machine's
paths in it, goes to stderr for whoever repairs the harness.
"""

import sys
import traceback

LAB = "the lab could not be made ready, so nothing of the task was seen"
DEFECT = "the harness failed, so the case was not seen to its end"


def result(name, reason, lab_error):
    """The result of a case that ended with this exception; call it where the exception is handled."""
    print(f"{name}:", file=sys.stderr)
    traceback.print_exception(reason, file=sys.stderr)
    return {"result": "FAILED", "why": LAB if isinstance(reason, lab_error) else DEFECT, "harness": True}


def is_one(failed):
    """Whether a failed result is the harness's own; older results have its traceback in place of the phrase."""
    return bool(failed.get("harness")) or failed.get("why", "").startswith("Traceback (most recent call last)")


def phrase(why):
    """What a document says of a failure: never a traceback."""
    return DEFECT if why.lstrip().startswith("Traceback (most recent call last)") else why


def told_later(before, now):
    """Whether a case that ended well is to be told of with its failure before that.

    One that fails only now and then is not to look as if it never did; another build begins again, and a failure of the harness
    says nothing of the task.
    """
    return before.get("result") == "FAILED" and now["result"] != "FAILED" and before.get("build") == now["build"] and not is_one(before)
