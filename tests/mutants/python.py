# SPDX-License-Identifier: GPL-3.0-or-later
"""Mutants of the Python that decides, each tried against the unit tests that run its line.

One process loads what all tests need and forks for each mutant: the fork compiles the changed tree in place of the file and runs the
tests, the quickest first, until one fails. Which tests run which lines is seen by a run without a mutant.
"""

import ast
import copy
import hashlib
import importlib
import importlib.abc
import importlib.util
import json
import os
import pickle
import resource
import select
import signal
import sys
import time
import unittest

from judge import Found, named

_PACKAGE = "ansible_collections.pve.cluster."
# Seconds of the processor's, so that a loaded machine changes nothing: of a test that is worth running once for each mutant; of a mutant
# that is given up, beside the time of its tests. Seconds of the clock's for what never wakes.
_SLOW, _LONG, _ASLEEP = 3.0, 10, 1800

_COMPARISONS = {
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
}
_ARITHMETIC = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}
_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}


def _instead(node, parent):
    """What may stand in the place of a node, one mutant each."""
    if isinstance(node, ast.Compare):
        for position, operator in enumerate(node.ops):
            for other in _COMPARISONS[type(operator)]:
                changed = copy.deepcopy(node)
                changed.ops[position] = other()
                yield changed
    elif isinstance(node, ast.BoolOp):
        changed = copy.deepcopy(node)
        changed.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield changed
        if len(node.values) > 1:
            for position in range(len(node.values)):
                changed = copy.deepcopy(node)
                del changed.values[position]
                yield changed if len(changed.values) > 1 else changed.values[0]
    elif isinstance(node, ast.UnaryOp):
        yield copy.deepcopy(node.operand)
    elif isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        changed = copy.deepcopy(node)
        changed.op = _ARITHMETIC[type(node.op)]()
        yield changed
    elif isinstance(node, ast.Constant):
        yield from _constants(node, parent)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CALLS:
        changed = copy.deepcopy(node)
        changed.func.id = _CALLS[node.func.id]
        yield changed
    elif isinstance(node, ast.Return) and node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
        yield ast.Return(ast.Constant(None))
    elif isinstance(node, ast.Expr) and isinstance(node.value, (ast.Call, ast.Yield, ast.YieldFrom)):
        yield ast.Pass()
    elif isinstance(node, ast.Continue):
        yield ast.Break()
    elif isinstance(node, ast.Break):
        yield ast.Continue()
    if isinstance(parent, (ast.If, ast.IfExp, ast.While)) and node is parent.test and not isinstance(node, ast.Constant):
        yield ast.Constant(True)
        yield ast.Constant(False)
    if isinstance(parent, ast.comprehension) and any(node is one for one in parent.ifs):
        yield ast.Constant(True)


def _constants(node, parent):
    if isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node.value, (int, float)):
        yield ast.Constant(node.value + 1)
    # texts of messages are compared whole
    elif isinstance(node.value, str) and isinstance(parent, (ast.Compare, ast.Dict, ast.Tuple, ast.List, ast.Set)):
        yield ast.Constant(node.value + "X")


def _children(node):
    """Each node below this one, with what holds it, and how it is replaced there."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list"):
            continue
        if isinstance(value, ast.AST):
            yield value, field, None
        elif isinstance(value, list):
            for position, item in enumerate(value):
                if isinstance(item, ast.AST):
                    yield item, field, position


def _text(node):
    text = "pass" if isinstance(node, ast.Pass) else ast.unparse(ast.fix_missing_locations(node))
    text = " ".join(text.split())
    return text if len(text) <= 160 else text[:160] + ".."


class Mutant:
    """One change: its name, the lines of its statement (none where it is read with the file), and the tree with it."""

    def __init__(self, tree, path, place, node, other, inside):
        self.tree, self.place, self.node, self.other = tree, place, node, other
        function, self.lines = inside
        where = f" in {function}" if function else ""
        self.name = f"{path}:{node.lineno}:{node.col_offset + 1}: replace `{_text(node)}` with `{_text(other)}`{where}"

    def code(self, path):
        """The module with this change, compiled; the tree is left as it was."""
        self._put(ast.copy_location(self.other, self.node))
        try:
            return compile(ast.fix_missing_locations(copy.deepcopy(self.tree)), path, "exec")
        finally:
            self._put(self.node)

    def _put(self, node):
        holder, field, position = self.place
        if position is None:
            setattr(holder, field, node)
        else:
            getattr(holder, field)[position] = node


def mutants(source, path):
    """All mutants of a source text."""
    tree = ast.parse(source)

    def walk(node, function, lines):
        for child, field, position in _children(node):
            if isinstance(child, (ast.Import, ast.ImportFrom)):
                continue
            named, own = function, lines
            if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
                named, own = f"{function}.{child.name}" if function else child.name, None
            elif isinstance(child, ast.stmt) and function:
                # a compound statement's own lines are those before its body
                body = getattr(child, "body", None)
                own = (child.lineno, max(child.lineno, body[0].lineno - 1 if body else child.end_lineno))
            if hasattr(child, "lineno"):
                for other in _instead(child, node):
                    yield Mutant(tree, path, (node, field, position), child, other, (named, own))
            yield from walk(child, named, own)

    yield from walk(tree, None, None)


class _Instead(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module from compiled code."""

    def __init__(self, name, path, code):
        self.name, self.path, self.code = name, path, code

    def find_spec(self, fullname, path=None, target=None):
        """Only for this module."""
        return importlib.util.spec_from_file_location(fullname, self.path, loader=self) if fullname == self.name else None

    def exec_module(self, module):
        """Run the code."""
        exec(self.code, module.__dict__)  # pylint: disable=exec-used


def _fork(work, seconds):
    """What a function answers in a process of its own, `died` when it raises; none when it takes too long."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.setsid()
        os.close(reader)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        silent = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silent, stream)
        try:
            said = pickle.dumps(work())
        except BaseException:  # pylint: disable=broad-exception-caught
            said = pickle.dumps("died")
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(said)
        os._exit(0)
    os.close(writer)
    said, until = b"", time.monotonic() + _ASLEEP
    with os.fdopen(reader, "rb", buffering=0) as pipe:
        while True:
            ready, _write, _error = select.select([pipe], [], [], max(0, until - time.monotonic()))
            if not ready:
                said = None
                break
            part = pipe.read(65536)
            if not part:
                break
            said += part
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        pass
    os.waitpid(child, 0)
    return pickle.loads(said) if said else None


def _each(suite):
    for one in suite:
        if isinstance(one, unittest.TestSuite):
            yield from _each(one)
        else:
            yield one


def _observe(module, path, files):
    """By test that passes: its seconds, and the lines of the file that it runs. Slow ones are left out."""
    seen = {}
    lines = set()

    def line(frame, event, _argument):
        if event == "line":
            lines.add(frame.f_lineno)
        return line

    def call(frame, _event, _argument):
        return line if frame.f_code.co_filename == path else None

    def passes(test):
        result = unittest.TestResult()
        test.run(result)
        return result.wasSuccessful() and not result.skipped

    importlib.import_module(module)
    for file in files:
        for test in _each(unittest.defaultTestLoader.loadTestsFromName(file)):
            begun = time.process_time()
            if not passes(test) or (seconds := time.process_time() - begun) > _SLOW:
                continue
            lines.clear()
            sys.settrace(call)
            passes(test)
            sys.settrace(None)
            if lines:
                seen[test.id()] = (seconds, frozenset(lines))
    return seen


def _imports(file):
    """The collection's modules that a file of tests loads."""
    importlib.import_module(file)
    return {name for name in sys.modules if name.startswith(_PACKAGE)}


def _judge(module, path, code, tests):
    """Whether these tests see the change."""
    sys.meta_path.insert(0, _Instead(module, path, code))
    importlib.import_module(module)
    for name in tests:
        result = unittest.TestResult(None, None, 0)
        for test in _each(unittest.defaultTestLoader.loadTestsFromName(name)):
            test.run(result)
            if not result.wasSuccessful():
                return "caught"
    return "missed"


class Run:
    """Tries the mutants of some files and keeps what came of them."""

    def __init__(self, root, home, commit, again=False):
        self.root, self.file, self.commit = root, home / "python.json", commit
        self.tried = {} if again or not self.file.exists() else json.loads(self.file.read_text())
        sys.path[:0] = [str(root / "tests/unit"), str(root / ".ansible/collections")]
        # once, for all forks
        for name in ("ansible.errors", "ansible.template", "ansible.release", "ansible.utils.unsafe_proxy", "jinja2", "yaml"):
            importlib.import_module(name)
        folder = root / "tests/unit"
        files = sorted(".".join(path.relative_to(folder).with_suffix("").parts) for path in (folder / "plugins").rglob("test_*.py"))
        # compiled once, and not beside the sources
        sys.pycache_prefix, sys.dont_write_bytecode = str(home / "pycache"), False
        self.tests = {file: _fork(lambda file=file: _imports(file), 60) for file in files}
        if lost := [file for file, loaded in self.tests.items() if not isinstance(loaded, set)]:
            raise SystemExit(f"cannot try anything: {', '.join(lost)} cannot be loaded")

    def of(self, path):
        """Try all mutants of one file, and keep what came of them."""
        source = (self.root / path).read_text()
        digest = hashlib.sha256(source.encode()).hexdigest()
        before = self.tried.get(path, {})
        known = before.get("mutants", {}) if before.get("digest") == digest else {}
        kept = self.tried[path] = {"digest": digest, "commit": self.commit, "mutants": {name: what for name, what in known.items() if what != "missed"}}
        all_of = list(mutants(source, path))
        left = [one for one in all_of if one.name not in kept["mutants"]]
        if left:
            self._try(path, left, kept["mutants"])
        return all_of

    def _try(self, path, left, kept):
        module = _PACKAGE + ".".join(path.removesuffix(".py").split("/"))
        whole = str(self.root / ".ansible/collections/ansible_collections/pve/cluster" / path)
        files = [file for file, loaded in self.tests.items() if module in loaded]
        seen = _fork(lambda: _observe(module, whole, files), 600)
        if not isinstance(seen, dict):
            raise SystemExit(f"cannot try '{path}': its tests do not run")
        order = sorted(seen, key=lambda test: seen[test][0])
        for number, one in enumerate(left):
            tests = [test for test in order if one.lines is None or any(one.lines[0] <= line <= one.lines[1] for line in seen[test][1])]
            seconds = int(_LONG + 5 * sum(seen[test][0] for test in tests))
            what = _fork(lambda one=one, tests=tests: _judge(module, whole, one.code(whole), tests), seconds) if tests else "missed"
            # a module that cannot be loaded with the change is seen by every test
            kept[one.name] = "timeout" if what is None else "caught" if what == "died" else what
            if what == "missed":
                print(f"survives: {one.name}", flush=True)
            if number % 50 == 49:
                self.save()
        self.save()

    def save(self):
        """Keep it for the next run."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps(self.tried, indent=1))
        new.replace(self.file)


def read(home, paths):
    """What earlier runs found of these files."""
    file = home / "python.json"
    if not paths:
        return Found()
    if not file.exists():
        raise SystemExit(f"cannot judge: '{file}' does not exist; run tools/mutants python first")
    tried = json.loads(file.read_text())
    found = Found()
    for path in paths:
        for name, what in tried.get(path, {}).get("mutants", {}).items():
            getattr(found, what).append(named(name))
    return found
