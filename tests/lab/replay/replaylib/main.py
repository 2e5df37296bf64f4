# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner: a table of situations, each recording in it replayed in the order of its making."""

import argparse
import fnmatch
import os
import time
from pathlib import Path

from . import compare, recordings
from .situations import BUILDERS, SITUATIONS

EXCLUDED = Path(__file__).resolve().parent.parent / "not-comparable.txt"


def excluded():
    rules = []
    for line in EXCLUDED.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            pattern, reason = line.split("\t", 1)
            rules.append((pattern, reason.strip()))
    return rules


def reason_against(recording, rules):
    return next((reason for pattern, reason in rules if fnmatch.fnmatchcase(recording.key, pattern)), None)


def _name(recording):
    return recording.name.rsplit("--", 1)[0]


def in_order(situation, found):
    def rank(recording):
        for index, start in enumerate(situation.order):
            if _name(recording) == start:
                return index
        return len(situation.order)

    found = sorted(found, key=rank)
    for later, earlier in situation.follows.items():
        moved = [recording for recording in found if _name(recording) == earlier]
        found = [recording for recording in found if _name(recording) != earlier]
        place = next(index for index, recording in enumerate(found) if _name(recording) == later)
        found[place:place] = moved
    return found


class Counts:
    def __init__(self):
        self.same = self.different = self.excluded = 0
        self.failed = []


def replay(situation, rules, counts, only, quick):
    done_before = set()
    loaded = in_order(situation, recordings.load(situation.name))
    parallel = [recording for recording in loaded if _name(recording) in situation.together]
    if parallel:
        lines = compare.perform_together(parallel)
        counts.same += 0 if lines else len(parallel)
        counts.different += len(parallel) if lines else 0
        if lines:
            counts.failed += [recording.key for recording in parallel]
            print(f"DIFFERENT {situation.name}, at the same moment\n" + "".join(f"    {line}\n" for line in lines), end="")
    for recording in loaded:
        if recording in parallel:
            continue
        reason = reason_against(recording, rules)
        if reason is None and only and not fnmatch.fnmatchcase(recording.key, only):
            continue
        if reason is None and quick and recording.seconds > 20:
            reason = f"takes {recording.seconds:.0f} s: not in the quick run"
        if reason is not None:
            counts.excluded += 1
            continue
        action = situation.before.get(_name(recording))
        if action and _name(recording) not in done_before:
            done_before.add(_name(recording))
            action()
        result = compare.perform(recording)
        lines = compare.differences(recording, result)
        if lines:
            counts.different += 1
            counts.failed.append(recording.key)
            print(f"DIFFERENT {recording.key}\n    {recording.command}")
            print("".join(f"    {line}\n" for line in lines), end="", flush=True)
        else:
            counts.same += 1


def main(arguments):
    parser = argparse.ArgumentParser(prog="run", description="Replay recordings of a real cluster and compare.")
    parser.add_argument("situation", nargs="*", help="replay these situations alone")
    parser.add_argument("--quick", action="store_true", help="a subset in a few minutes")
    parser.add_argument("--only", metavar="PATTERN", help="compare only recordings that match")
    parser.add_argument("--list", action="store_true", help="say what is replayed and what is not, and why")
    options = parser.parse_args(arguments)
    rules = excluded()
    known = {situation.name for situation in SITUATIONS}
    unknown = [name for name in options.situation if name not in known]
    if unknown:
        parser.error(f"no situation '{unknown[0]}'")
    chosen = [
        situation
        for situation in SITUATIONS
        if (not options.situation or situation.name in options.situation) and (not options.quick or situation.quick)
    ]
    if options.list:
        return listing(rules, known)
    counts, state = Counts(), None
    for situation in chosen:
        started = time.monotonic()
        if state != situation.needs:
            state = build(situation.needs)
        before = (counts.same, counts.different)
        situation.enter()
        replay(situation, rules, counts, options.only, options.quick)
        situation.leave()
        state = situation.leaves
        print(
            f"{situation.name}: {counts.same - before[0]} the same, {counts.different - before[1]} different"
            f" ({time.monotonic() - started:.0f} s)",
            flush=True,
        )
    print(
        f"compared {counts.same + counts.different}, the same {counts.same}, different {counts.different};"
        f" not comparable in these situations {counts.excluded}"
    )
    if counts.same + counts.different == 0:
        print("nothing was compared")
        return 1
    return 1 if counts.different else 0


def build(state):
    if state in BUILDERS:
        BUILDERS[state]()
        return state
    # A state that only a situation makes.
    maker = next(situation for situation in SITUATIONS if situation.leaves == state and situation.needs != state)
    build(maker.needs)
    maker.enter()
    rules, counts = excluded(), Counts()
    replay(maker, rules, counts, None, os.environ.get("PVE_REPLAY_SLOW") is None)
    return state


def listing(rules, known):
    replayed = left_out = 0
    for name in recordings.situations():
        for recording in recordings.load(name):
            reason = reason_against(recording, rules)
            if reason is None and name not in known:
                reason = "no situation of this name in the table"
            if reason is None:
                replayed += 1
            else:
                left_out += 1
                print(f"{recording.key}\t{reason}")
    print(f"replayed {replayed}, not comparable {left_out}")
    return 0
