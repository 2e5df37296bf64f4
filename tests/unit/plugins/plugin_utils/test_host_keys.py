# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which host keys may be pinned, and what is said of the others."""

from __future__ import annotations

import unittest

from ansible_collections.pve.cluster.plugins.plugin_utils.host_keys import expected_prints, fingerprint, judge

# Made by ssh-keygen, each with the fingerprint that it printed.
ED = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIINmRpsUc34p7ptABqI2R5zTWUWFZNO5TiO0k2u2s8t7"
EC = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBC+5FhuyYAqgQh+XS/rdWSndb47itn+C6D3wuwVl2fnxnjk2+i8zshmnNXaMf6WLItZCIaEMqNDIBdFZuEmdDaU="
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINHKewULwu+QuqVJfBGjGWjsVJeYgMIcsNfSoOTraF+7"
ED_PRINT = "SHA256:9/hIFIVxuKPUjMoJ++g9+/V17C+d/d11XMK77H8W7GU"
EC_PRINT = "SHA256:1gauQodjH/GHzd6f0dDZXyoIJPGbSDTYqX1qMa0MCyw"
OTHER_PRINT = "SHA256:By60pD+s317RMMjpRdiQOvyt7iyyOvkv71kbNP4X9YI"
FILE = "/home/a/.ssh/known_hosts"


def look(*shown, known=None, names=("10.0.0.1", "pve1"), **more):
    return {"file": FILE, "alias": "", "shown": list(shown), "problem": "", "names": list(names), "known": known or {}, **more}


def pins(host, names, *keys):
    return [{"host": host, "file": FILE, "name": name, "line": f"{name} {key}"} for name in names for key in keys]


class Fingerprint(unittest.TestCase):
    def test_as_ssh_keygen_prints_it(self):
        self.assertEqual([fingerprint(key) for key in (ED, EC, OTHER)], [ED_PRINT, EC_PRINT, OTHER_PRINT])

    def test_what_is_no_key_has_none(self):
        kind, blob = ED.split()
        for line in ("", kind, f"{kind} {blob} comment", f"{kind} not+base64", f"{kind} {blob[:-1]}", f"ssh-rsa {blob}", f"{kind};id {blob}", f"{kind} AAAA"):
            with self.subTest(line):
                self.assertIsNone(fingerprint(line))

    def test_expected_ones_are_found_in_whole_lines(self):
        given = [ED_PRINT, f"256 {EC_PRINT} root@pve1 (ECDSA)", "MD5:aa:bb", OTHER_PRINT[:-1], OTHER_PRINT + "x"]
        self.assertEqual(expected_prints(given), ([ED_PRINT, EC_PRINT], ["MD5:aa:bb", OTHER_PRINT[:-1], OTHER_PRINT + "x"]))


class Judge(unittest.TestCase):
    maxDiff = None

    def test_nobody_has_vouched_so_it_is_asked(self):
        found = judge({"pve1": look(ED, EC)}, [], [], False)
        self.assertEqual(found, {"ask": {"pve1": [f"ssh-ed25519 {ED_PRINT}", f"ecdsa-sha2-nistp256 {EC_PRINT}"]}, "pins": [], "problems": []})

    def test_a_yes_pins_all_that_was_shown_and_for_that_host_alone(self):
        found = judge({"pve1": look(ED, EC), "pve2": look(OTHER, names=["10.0.0.2"])}, [], ["pve1"], False)
        self.assertEqual(found["pins"], pins("pve1", ["10.0.0.1", "pve1"], ED, EC))
        self.assertEqual(list(found["ask"]), ["pve2"])

    def test_expected_keys_alone_are_pinned_and_nothing_is_asked(self):
        found = judge({"pve1": look(ED, EC)}, [f"256 {ED_PRINT} root@pve1 (ED25519)"], [], False)
        self.assertEqual(found, {"ask": {}, "pins": pins("pve1", ["10.0.0.1", "pve1"], ED), "problems": []})

    def test_expected_by_host_no_node_may_show_the_key_of_another(self):
        looks = {"pve1": look(ED), "pve2": look(EC, names=["10.0.0.2"])}
        self.assertEqual(judge(looks, {"pve1": [ED_PRINT], "pve2": [EC_PRINT]}, [], False)["pins"],
                         pins("pve1", ["10.0.0.1", "pve1"], ED) + pins("pve2", ["10.0.0.2"], EC))
        for expected in ({"pve1": [EC_PRINT, OTHER_PRINT], "pve2": [EC_PRINT]}, {"pve2": [ED_PRINT, EC_PRINT]}):
            found = judge(looks, expected, ["pve1"], False)
            self.assertEqual(found["problems"], [f"'pve1' shows ssh-ed25519 {ED_PRINT}, and none of these is expected: it may be another machine"])
            self.assertEqual([one["host"] for one in found["pins"]], ["pve2"])

    def test_another_machine_is_refused(self):
        found = judge({"pve1": look(OTHER)}, [ED_PRINT], ["pve1"], False)
        said = f"'pve1' shows ssh-ed25519 {OTHER_PRINT}, and none of these is expected: it may be another machine"
        self.assertEqual(found, {"ask": {}, "pins": [], "problems": [said]})

    def test_what_is_no_fingerprint_is_refused_and_does_not_open_the_questions(self):
        found = judge({"pve1": look(ED)}, ["MD5:aa"], [], False)
        self.assertEqual(found["problems"], ["expected fingerprint 'MD5:aa' is not one: ssh-keygen -l prints it, as SHA256: and 43 characters"])

    def test_a_key_that_is_known_by_one_name_is_pinned_for_the_others(self):
        found = judge({"pve1": look(ED, EC, known={"10.0.0.1": [ED]})}, [], [], False)
        self.assertEqual(found, {"ask": {}, "pins": pins("pve1", ["pve1"], ED), "problems": []})

    def test_all_is_known(self):
        found = judge({"pve1": look(ED, known={"10.0.0.1": [ED], "pve1": [ED]})}, [], [], False)
        self.assertEqual(found, {"ask": {}, "pins": [], "problems": []})

    def test_another_known_key_is_not_replaced_unasked(self):
        known = {"10.0.0.1": [OTHER], "pve1": []}
        said = (
            f"'{FILE}' has another ssh-ed25519 key for '10.0.0.1' ({OTHER_PRINT}) than 'pve1' shows ({ED_PRINT}): where the node was installed again, "
            "set host_keys_replace to true"
        )
        self.assertEqual(judge({"pve1": look(ED, known=known)}, [ED_PRINT], [], False)["problems"], [said])
        self.assertEqual(judge({"pve1": look(ED, known=known)}, [ED_PRINT], [], True), {"ask": {}, "pins": pins("pve1", ["10.0.0.1", "pve1"], ED), "problems": []})

    def test_a_known_key_of_another_type_is_no_contradiction(self):
        self.assertEqual(judge({"pve1": look(ED, known={"pve1": [EC]})}, [ED_PRINT], [], False)["problems"], [])

    def test_a_node_that_shows_nothing_or_nonsense(self):
        silent = look(problem="ssh: connect to host 10.0.0.1 port 22: Connection refused")
        found = judge({"pve1": silent, "pve2": look("ssh-ed25519 {{x}}"), "pve3": look(ED, file="")}, [], ["pve1", "pve2", "pve3"], True)
        self.assertEqual(found["problems"], [
            "'pve1' shows no host key: ssh: connect to host 10.0.0.1 port 22: Connection refused",
            "'pve2' shows no host key: what it showed is no key",
            "'pve3': ssh on the controller keeps no host keys (UserKnownHostsFile is none)",
        ])  # fmt: skip
        self.assertEqual((found["pins"], found["ask"]), ([], {}))

    def test_an_alias_of_ssh_configuration_is_pinned_once(self):
        found = judge({"pve1": look(ED, alias="pve1"), "pve2": look(OTHER, names=["b"], alias="c")}, [], ["pve1", "pve2"], False)
        self.assertEqual(found["pins"], pins("pve1", ["10.0.0.1", "pve1"], ED) + pins("pve2", ["b", "c"], OTHER))
