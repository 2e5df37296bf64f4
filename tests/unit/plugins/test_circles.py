# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tools/circles takes for a circle, and that the list of those that are allowed is not longer than it must be."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import tempfile
import unittest
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[3]


def load():
    """The program as a module."""
    loader = importlib.machinery.SourceFileLoader("circles", str(ROOT / "tools/circles"))
    program = importlib.util.module_from_spec(importlib.util.spec_from_loader("circles", loader))
    with mock.patch("sys.dont_write_bytecode", True):
        loader.exec_module(program)
    return program


CIRCLES = load()


def circles(**files):
    """The circles of a crate with these files; `__` stands for a slash."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder, name.replace("__", "/") + ".rs")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return list(CIRCLES.Crate(Path(folder)).circles())


class Circles(unittest.TestCase):
    """Files and folders that import each other."""

    def test_files(self):
        self.assertEqual(circles(lib="mod a; mod b;", a="use crate::b::{B, self};", b="fn f() -> super::a::A {}"), [("", ("a", "b"))])
        self.assertEqual(circles(lib="mod a; mod b; mod c;", a="use crate::b;", b="use crate::c;", c="fn f() { crate::a::f() }"), [("", ("a", "b", "c"))])
        self.assertEqual(circles(lib="mod a; mod b;", a="use crate::b::B;", b="// use crate::a::A;\nconst X: &str = \"crate::a::A\";"), [])

    def test_folders(self):
        files = {"lib": "mod a; mod b;", "a__mod": "mod x; mod w;", "a__x": "use crate::b::y::Y;", "a__w": "", "b__mod": "mod y; mod z;", "b__y": ""}
        self.assertEqual(circles(**files, b__z="use crate::a::w::W;"), [("", ("a", "b"))])
        self.assertEqual(circles(**files, b__z=""), [])

    def test_a_folders_own_file(self):
        self.assertEqual(circles(lib="mod a;", a__mod="mod x; fn f() { x::f() }", a__x="use super::A;"), [("a", ("mod", "x"))])
        self.assertEqual(circles(lib="mod a;", a__mod="mod x; fn f() { x::f() }", a__x=""), [])

    def test_what_is_handed_on_is_not_imported(self):
        self.assertEqual(circles(lib="mod a; mod b; pub use a::A; pub use b::B;", a="use crate::B;", b=""), [])
        self.assertEqual(circles(lib="mod a; mod b; pub use a::A; pub use b::B;", a="use crate::B;", b="use crate::A;"), [("", ("a", "b"))])

    def test_tests_do_not_count(self):
        inline = "#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}\n"
        self.assertEqual(circles(lib="mod a; mod b;", a="use crate::b::B;", b=inline), [])
        self.assertEqual(circles(lib="mod a;\n#[cfg(test)]\nmod b;", a="use crate::b::B;", b="use crate::a::A;"), [])


class Tree(unittest.TestCase):
    """The tree itself."""

    def test_it_has_no_circle_but_those_that_are_allowed(self):
        said = StringIO()
        with redirect_stdout(said):
            code = CIRCLES.main(ROOT / "modules")
        self.assertEqual((code, said.getvalue()), (0, ""))

    def test_what_is_allowed_and_no_longer_there_is_told(self):
        said = StringIO()
        with mock.patch.dict(CIRCLES.ALLOWED, {"x: a, b": "no reason"}), redirect_stdout(said):
            self.assertEqual(CIRCLES.main(ROOT / "modules"), 1)
        self.assertIn("this circle is no longer there", said.getvalue())


if __name__ == "__main__":
    unittest.main()
