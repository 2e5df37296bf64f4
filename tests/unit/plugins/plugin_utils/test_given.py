# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values as they are meant, from values as inventories and templates give them."""

from __future__ import annotations

import unittest

from ansible.errors import AnsibleFilterError
from ansible_collections.pve.cluster.plugins.plugin_utils import given


class Given(unittest.TestCase):
    """Each kind of value, in its own type and as text."""

    def test_numbers(self):
        for value, wanted in (
            (5, 5), (0, 0), (2.5, 2.5), ("5", 5), (" 250 ", 250), ("-3", -3), ("+3", 3), ("2.0", 2.0), (".5", 0.5), ("1e3", 1000.0),
            ("1.5e-1", 0.15),
        ):
            found = given.number(value, "it")
            self.assertEqual((found, type(found)), (wanted, type(wanted)), value)

    def test_what_is_no_number_is_refused(self):
        for value in (None, "", "None", True, False, "fast", "5 ms", "nan", "inf", "0x10", "1_000", [5], "5\n6"):
            with self.assertRaisesRegex(AnsibleFilterError, "is not a number"):
                given.number(value, "the limit 'x'")
        with self.assertRaises(AnsibleFilterError) as raised:
            given.number("fast", "the limit 'latency_error_ms'")
        self.assertEqual(str(raised.exception), "cannot use 'fast' as the limit 'latency_error_ms': it is not a number")

    def test_truth(self):
        for value in (True, "True", "true", "yes", "ON", "1", 1, " y "):
            self.assertIs(given.truth(value, "it"), True, value)
        for value in (False, "False", "no", "off", "0", 0, "", None, "None"):
            self.assertIs(given.truth(value, "it"), False, value)
        for value in ("maybe", 2, "10", [], {}):
            with self.assertRaises(AnsibleFilterError) as raised:
                given.truth(value, "the option")
            self.assertEqual(str(raised.exception), f"cannot use '{value}' as the option: it is neither true nor false")

    def test_names(self):
        for value, wanted in (
            (None, []), ("", []), ("None", []), ([], []), ((), []), (["a", "b"], ["a", "b"]), (("a",), ["a"]), ("a", ["a"]), ("a, b,", ["a", "b"]),
        ):
            self.assertEqual(given.names(value), wanted, value)

    def test_nothing(self):
        for value in (None, "", " ", "None"):
            self.assertTrue(given.nothing(value), value)
        for value in (0, False, [], {}, "0", "none of it"):
            self.assertFalse(given.nothing(value), value)

    def test_limits(self):
        usual = {"warning_ms": 2.0, "days": 30}
        for value in (None, "", {}, {"days": None}, {"days": ""}):
            self.assertEqual(given.limits(usual, value), usual, value)
        self.assertEqual(given.limits(usual, {"warning_ms": "250.0", "days": "7"}), {"warning_ms": 250.0, "days": 7})
        self.assertEqual(usual, {"warning_ms": 2.0, "days": 30})
        with self.assertRaises(AnsibleFilterError) as raised:
            given.limits(usual, {"dayz": 3})
        self.assertEqual(str(raised.exception), "cannot use the limit 'dayz': there are warning_ms, days")

    def test_link_number(self):
        for link, wanted in (({}, 3), ({"number": None}, 3), ({"number": ""}, 3), ({"number": 0}, 0), ({"number": "0"}, 0), ({"number": " 7"}, 7)):
            self.assertEqual(given.link_number(link, 3), wanted, link)
        for value in ("one", "-1", -1, True, 1.5, "1.5"):
            expected = -1 if value == -1 else value
            self.assertEqual(given.link_number({"number": value}, 3), expected, value)


if __name__ == "__main__":
    unittest.main()
