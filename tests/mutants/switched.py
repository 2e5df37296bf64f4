# SPDX-License-Identifier: GPL-3.0-or-later
"""Tries the mutants of a crate with one build: all of them in one test program, each behind a switch (`switches`).

The program tells which test reaches which mutant, so each mutant meets the tests that reach it and no others. What a compiler refuses
where it would refuse it without a switch, too, is `unviable`. What else cannot be put behind a switch (`left`) and what survives
(`missed`) is for cargo-mutants, which builds each mutant by itself.
"""

import json
import os
import re
import resource
import subprocess
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

# What a test program may take for one mutant; all tests of a crate take a few seconds.
CPU_SECONDS = 60
WALL_SECONDS = 600
MEMORY = 4 << 30
# Types, traits and operators that do not fit: no matter of where an expression stands.
OF_TYPES = ("E0277", "E0282", "E0283", "E0308", "E0369", "E0599", "E0600", "E0604", "E0606", "E0614")

SWITCH = """
/// Whether this mutant is the one that is tried. Notes which test asks, when it is to.
#[doc(hidden)]
#[allow(clippy::all, clippy::restriction, reason = "only in the copy that is tried")]
pub fn __mutant(number: u32) -> bool {
    use std::collections::BTreeSet;
    use std::io::Write;
    use std::sync::{Mutex, OnceLock};
    static TRIED: OnceLock<Option<u32>> = OnceLock::new();
    static REACHED: OnceLock<Option<Mutex<(std::fs::File, BTreeSet<(String, u32)>)>>> = OnceLock::new();
    let note = REACHED.get_or_init(|| {
        let path = std::env::var_os("MUTANTS_REACHED")?;
        Some(Mutex::new((std::fs::File::create(path).unwrap(), BTreeSet::new())))
    });
    if let Some(note) = note {
        let test = std::thread::current().name().unwrap_or("*").to_owned();
        let mut note = note.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if note.1.insert((test.clone(), number)) {
            writeln!(note.0, "{number} {test}").unwrap();
        }
    }
    let tried = TRIED.get_or_init(|| std::env::var("MUTANT").ok()?.parse().ok());
    *tried == Some(number)
}
"""


def copy(root, tree):
    """Make `tree` a copy of every file of `root` that git knows; files that are the same are left, so that nothing is built for them."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=root, check=True, capture_output=True, text=True).stdout.split("\0")
    known = set()
    for name in filter(None, listed):
        source = root / name
        if not source.is_symlink() and not source.is_file():
            continue
        known.add(name)
        target = tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            target.unlink(missing_ok=True)
            target.symlink_to(os.readlink(source))
        else:
            put(target, source.read_bytes())
            target.chmod(source.stat().st_mode)
    for path in (tree / "modules").rglob("*"):
        if path.is_file() and str(path.relative_to(tree)) not in known:
            path.unlink()


def put(path, content):
    """Write a file unless it has this content."""
    if not path.exists() or path.read_bytes() != content:
        path.write_bytes(content)


class Switched:
    """One crate's mutants in one test program."""

    def __init__(self, root, home, crate, others, tests, mutants):
        self.root, self.home, self.crate, self.others = root, home, crate, others
        # the words for a test program, such as which tests to skip
        self.words = tests[tests.index("--") + 1:] if "--" in tests else []
        self.tree = home / "switched"
        self.mutants = dict(enumerate(mutants))
        # of an opaque type a function has only one, which a switch would be a second of
        self.left = {number for number, mutant in self.mutants.items() if mutant["genre"] == "FnValue" and "impl " in mutant["function"]["return_type"]}
        self.unviable = set()

    def program(self):
        """The program that puts switches into a file."""
        folder = self.root / "tests/mutants/switches"
        subprocess.run(["cargo", "build", "--quiet", "--locked", "--target-dir", self.home / "switches"], cwd=folder, check=True)
        return self.home / "switches/debug/switches"

    def write(self, program):
        """Put every mutant that is not left behind its switch; where each is, by file."""
        files = defaultdict(list)
        for number, mutant in self.mutants.items():
            files[mutant["file"]].append(number)
        places = {}
        for file, numbers in files.items():
            lines = []
            for number in numbers:
                mutant = self.mutants[number]
                start = mutant["span"]["start"]
                if number not in self.left | self.unviable:
                    lines.append(f"{number}\t{mutant['genre']}\t{start['line']}\t{start['column']}\t{mutant['replacement']}\n")
            done = subprocess.run([program, self.root / file], input="".join(lines), check=True, capture_output=True, text=True)
            put(self.tree / file, done.stdout.encode())
            places[file] = marks(done.stdout.encode())
            self.left |= {number for number in numbers if number not in self.unviable and not any(number in mark.mutants for mark in places[file])}
        library = self.tree / "modules" / self.crate / "src/lib.rs"
        text = library.read_text() if f"modules/{self.crate}/src/lib.rs" in files else (self.root / library.relative_to(self.tree)).read_text()
        put(library, (text + SWITCH).encode())
        return places

    def build(self):
        """Build the tests of the crate and of those that hold it too, leaving what does not compile; the crates with their programs."""
        copy(self.root, self.tree)
        program = self.program()
        packages = [word for crate in [self.crate, *self.others] for word in ("--package", crate)]
        while True:
            places = self.write(program)
            built = subprocess.run(
                ["cargo", "test", *packages, "--lib", "--no-run", "--message-format", "json", "--target-dir", self.home / "switched-target"],
                # built once and run hundreds of times
                cwd=self.tree, env={**os.environ, "CARGO_PROFILE_DEV_OPT_LEVEL": "1"}, capture_output=True, text=True, check=False,
            )
            messages = [json.loads(line) for line in built.stdout.splitlines() if line.startswith("{")]
            if built.returncode == 0:
                built = [message for message in messages if message.get("executable")]
                return [(message["target"]["name"].replace("-", "_"), message["executable"]) for message in built]
            left, unviable = set(), set()
            texts = [built.stderr]
            for message in messages:
                if message.get("reason") == "compiler-message" and message["message"]["level"] == "error":
                    texts.append(message["message"]["rendered"])
                    if (message["message"]["code"] or {}).get("code") == "E0004":
                        left |= self.arms(message["message"])
                        continue
                    mark = blamed(message["message"], places)
                    own = mark and mark.own and (message["message"]["code"] or {}).get("code") in OF_TYPES
                    (unviable if own else left).update(mark.mutants if mark else [])
            if not (left | unviable) - self.left - self.unviable:
                raise SystemExit(f"cannot build the mutants of '{self.crate}' behind switches:\n" + "\n".join(texts))
            self.left |= left
            self.unviable |= unviable - self.left

    def arms(self, message):
        """The mutants that take an arm away where the compiler misses one: no place of theirs holds what is matched."""
        (span, *_) = [span for span in message["spans"] if span["is_primary"]]
        arms = {number: mutant for number, mutant in self.mutants.items() if mutant["genre"] == "MatchArm" and mutant["file"] == span["file_name"]}
        near = {number for number, mutant in arms.items() if around(mutant["function"]["span"], span["line_start"])} - self.left
        return near or set(arms)

    def reached(self, programs):
        """By mutant, the tests that reach it, each with its program; a test that reaches few comes first."""
        tests = defaultdict(set)
        for program in programs:
            note = self.home / f"{self.crate}.reached"
            note.unlink(missing_ok=True)
            # with one thread tests would have no name
            done = self.run(program, ["--test-threads", "2", *self.words], {"MUTANTS_REACHED": str(note)})
            if done.returncode != 0:
                raise SystemExit(f"cannot try the mutants of '{self.crate}': tests fail without one\n{done.stdout}")
            for line in note.read_text().splitlines() if note.exists() else []:
                number, test = line.split(" ", 1)
                tests[int(number)].add((program, test))
        breadth = Counter(test for reaching in tests.values() for test in reaching)
        return {number: sorted(reaching, key=lambda test: (breadth[test], test)) for number, reaching in tests.items()}

    def run(self, program, words, environment):
        """Run a test program within bounds, where cargo would."""
        folder = self.tree / "modules" / program[0]
        folder = folder if folder.is_dir() else self.tree / "modules" / program[0].replace("_", "-")
        def bound():
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        return subprocess.run(
            [program[1], *words], cwd=folder, env={**os.environ, "CARGO_MANIFEST_DIR": str(folder), **environment},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            timeout=WALL_SECONDS, preexec_fn=bound, check=False,
        )

    def one(self, number, tests):
        """What came of one mutant."""
        # most die by the first few
        for part in (tests[:6], tests[6:]):
            for program in dict.fromkeys(program for program, _test in part):
                names = [test for one, test in part if one == program]
                # a thread that a test began has no name
                words = ["--test-threads", "2", *self.words, *([] if "*" in names else ["--exact", *names])]
                try:
                    done = self.run(program, words, {"MUTANT": str(number)})
                except subprocess.TimeoutExpired:
                    return "timeout"
                if done.returncode in (-9, -24):
                    return "timeout"
                if done.returncode != 0:
                    return "caught"
        return "missed"

    def all(self, tell=lambda name, what: None):
        """Try all; by name what came of each: `caught`, `missed`, `timeout`, `unviable` or `left`."""
        reached = self.reached(self.build())
        results = {}
        for number, mutant in self.mutants.items():
            if number in self.left:
                what = "left"
            elif number in self.unviable:
                what = "unviable"
            else:
                what = self.one(number, reached.get(number, []))
            results[mutant["name"]] = what
            tell(mutant["name"], what)
        return results


MARK = re.compile(rb"/\*(?:\+(?P<put>\d+)|-\d+|\{(?P<rewritten>[\d,]+)|(?P<end>\}))\*/")


class Mark(NamedTuple):
    """Where in a file something was put in, in bytes, and for which mutants."""

    start: int
    end: int
    mutants: set
    # whether it is what the mutant itself puts in, and not what was rewritten around it
    own: bool


def marks(text):
    """All marks of a file."""
    found, open_ones = [], []
    for mark in MARK.finditer(text):
        if mark["put"]:
            open_ones.append((mark.start(), {int(mark["put"])}, True))
        elif mark["rewritten"]:
            open_ones.append((mark.start(), {int(number) for number in mark["rewritten"].split(b",")}, False))
        else:
            start, mutants, own = open_ones.pop()
            found.append(Mark(start, mark.end(), mutants, own))
    return found


def around(span, line):
    """Whether the line is in the place that cargo-mutants gives."""
    return span["start"]["line"] <= line <= span["end"]["line"]


def blamed(message, places):
    """The smallest mark that a compiler's message points at; none when it points at none."""
    def spans(message):
        yield from sorted(message["spans"], key=lambda span: not span["is_primary"])
        for child in message["children"]:
            yield from spans(child)

    for span in spans(message):
        around = [mark for mark in places.get(span["file_name"], []) if mark.start <= span["byte_start"] and span["byte_end"] <= mark.end]
        if around:
            smallest = min(around, key=lambda mark: mark.end - mark.start)
            return smallest if span["is_primary"] else smallest._replace(own=False)
    return None
