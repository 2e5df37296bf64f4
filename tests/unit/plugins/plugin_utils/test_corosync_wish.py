# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory wants of corosync.conf, judged without a node. The words are those of the module's own tests."""

from __future__ import annotations

import unittest

from ansible_collections.pve.cluster.plugins.plugin_utils.corosync_file import new_timing, timing_findings
from ansible_collections.pve.cluster.plugins.plugin_utils.corosync_wish import wants_times, wish_problems, wished_timing


class Problems(unittest.TestCase):
    """One case a problem, texts whole."""

    maxDiff = None

    def check(self, variables, *expected, nodes=3):
        self.assertEqual(list(wish_problems(variables, nodes)), list(expected))

    def test_nothing_is_wrong_with_what_the_module_takes(self):
        self.check({})
        self.check(
            {
                "corosync_totem": {
                    "token": 5000, "join": "0060", "block_unlisted_ips": True, "merge": None, "send_join": "0", "hold": 0, "ip_dscp": "af41",
                    "knet_compression_level": -5, "link_mode": "active", "consensus": "", "knet_mtu": 576, "keyfile": "/etc/x",
                },
                "corosync_quorum": {"two_node": True, "auto_tie_breaker_node": "1 2"},
                "corosync_logging": {"debug": True, "to_syslog": False, "syslog_priority": "INFO", "logfile": "/var/log/c.log"},
                "corosync_links": [
                    {"number": 1, "addresses": {"pve1": "10.78.0.11", "pve2": "fd00::2"}, "priority": "20", "options": {"linknumber": 1, "mcastport": 5407}},
                    {"number": "2", "state": "absent"},
                ],
                "corosync_nodes": {"pve1": {"quorum_votes": 0}, "pve2": {"quorum_votes": "255"}},
            },
            nodes=2,
        )

    def test_all_that_is_wrong_is_told_at_once(self):
        self.check(
            {
                "corosync_totem": {"tokn": 1, "token": 20, "to_syslog": "yes", "knet_link_priority": 1, "config_version": 9, "hold": "x", "join": 1.5},
                "corosync_quorum": {"provider": [1], "device": {"model": "net"}},
                "corosync_logging": {"debug": "maybe", "nonsense_of_mine": 1, "syslog_priority": True, "logfile": "log"},
            },
            "corosync_totem: 'tokn' is no option of 'totem': did you mean 'token'?",
            "corosync_totem: 'totem.token' is '20' and must be a number from 30 to 4294967295, or 0 for the default",
            "corosync_totem: 'to_syslog' is no option of 'totem' but of 'logging'",
            "corosync_totem: 'knet_link_priority' is no option of 'totem' but of each link in corosync_links",
            "corosync_totem: 'totem.config_version' cannot be set: the module raises it by itself with every change",
            "corosync_totem: 'totem.hold' is 'x' and must be a number from 14 to 4294967295, or 0 for the default",
            "corosync_totem: 'totem.join' is '1.5' and must be a number from 30 to 4294967295, or 0 for the default",
            "corosync_quorum: 'quorum.provider' must be a single value",
            "corosync_quorum: 'quorum.device' cannot be set: a QDevice is set up by 'pvecm qdevice setup' and removed by 'pvecm qdevice remove'",
            "corosync_logging: 'logging.debug' is 'maybe' and must be one of: on, off, trace",
            "corosync_logging: 'nonsense_of_mine' is no option of 'logging'",
            "corosync_logging: 'logging.syslog_priority' is 'True' and must be one of: alert, crit, debug, emerg, err, error, info, notice, warning",
            "corosync_logging: 'logging.logfile' is 'log' and must be an absolute path",
        )

    def test_bounds(self):
        for name, good, bad in (
            ("token", (0, 30, 4294967295), (1, 29, 4294967296, -1, "+50", True, "5 000")),
            ("token_warning", (0, 100), (101,)),
            ("knet_compression_level", (-2147483648, 2147483647), (-2147483649, 2147483648)),
            ("ip_dscp", (0, 63, "cs0", "cs7", "ef", "af43"), (64, "cs8", "af44", "af50", -1, "x")),
            ("secauth", ("on", "off", True, False), ("ON", "yes", 1)),
        ):
            for value in good:
                with self.subTest(name=name, value=value):
                    self.check({"corosync_totem": {name: value}})
            for value in bad:
                with self.subTest(name=name, value=value):
                    self.assertEqual(len(list(wish_problems({"corosync_totem": {name: value}}, 3))), 1)
        self.check({"corosync_quorum": {"wait_for_all": True}})
        self.assertEqual(len(list(wish_problems({"corosync_quorum": {"leaving_timeout": True}}, 3))), 1)

    def test_what_is_no_mapping(self):
        self.check({"corosync_totem": '{"token": 5000}', "corosync_quorum": "two_node=0"})
        self.check(
            {"corosync_totem": ["token"], "corosync_nodes": "pve1", "corosync_links": {"number": 1}, "corosync_quorum": {"two_node": "{{ later }}"}},
            # told with the types of all options
        )
        self.check({"corosync_totem": '{"tokn": 5000}'}, "corosync_totem: 'tokn' is no option of 'totem': did you mean 'token'?")

    def test_rules_over_several_options(self):
        self.check({"corosync_totem": {"join": 500, "consensus": 499}}, "corosync_totem: 'consensus' is 499 ms, shorter than 'join' with 500 ms")
        self.check({"corosync_totem": {"join": 500, "consensus": 500}})
        self.check({"corosync_totem": {"join": 500, "consensus": 0}})
        self.check({"corosync_totem": {"knet_mtu": 575}}, "corosync_totem: 'knet_mtu' is 575 bytes: it must be 0, which finds the size out, or at least 576")
        self.check(
            {"corosync_totem": {"crypto_cipher": "aes256", "crypto_hash": "none"}}, "corosync_totem: 'crypto_cipher' needs a 'crypto_hash' other than none"
        )
        self.check({"corosync_totem": {"crypto_cipher": "none", "crypto_hash": "none"}})
        for value in (1, "1", True):
            self.check({"corosync_quorum": {"two_node": value}}, "corosync_quorum: 'two_node' is for two nodes, and the cluster has 3")
        self.check({"corosync_quorum": {"two_node": 0}})

    def test_links(self):
        self.check(
            {
                "corosync_links": [
                    "10.0.0.1", {"number": 8}, {}, {"number": 1, "adresses": {}, "state": "gone", "priority": 256},
                    {"number": "1", "state": "absent", "priority": 1},
                    {"number": 2, "addresses": {"pve1": "10.0.0.1/24", "pve2": 7},
                     "options": {"knet_link_priority": 1, "linknumber": 3, "mcastprt": 1, "mcastport": 65536, "knet_transport": "tcp"}},
                ],
            },
            "corosync_links has '10.0.0.1', which has no keys: write an entry that begins with '- number:'",
            "corosync_links has the number '8': links are 0 to 7",
            "corosync_links has the number '': links are 0 to 7",
            "corosync_links: link 1 has the key 'adresses', which is not known: there are number, addresses, priority, options, state",
            "corosync_links: link 1 has the state 'gone', which is neither present nor absent",
            "corosync_links: link 1: the priority is '256' and must be a number from 0 to 255",
            "corosync_links: link 1 is given twice",
            "corosync_links: link 1 is to be absent and has settings all the same",
            "corosync_links: link 2: '10.0.0.1/24' of 'pve1' is no IP address",
            "corosync_links: link 2: '7' of 'pve2' is no IP address",
            "corosync_links: link 2: 'knet_link_priority' is set by 'priority'",
            "corosync_links: link 2: 'linknumber' is the 'number' of the link",
            "corosync_links: link 2: 'mcastprt' is no option of a link: did you mean 'mcastport'?",
            "corosync_links: link 2: 'totem.interface.mcastport' is '65536' and must be a number from 0 to 65535",
            "corosync_links: link 2: 'totem.interface.knet_transport' is 'tcp' and must be one of: udp, sctp",
        )

    def test_votes(self):
        self.check(
            {"corosync_nodes": {"pve1": {"quorum_votes": 256}, "pve2": {}, "pve3": {"votes": 1, "quorum_votes": 1}, "pve4": 2}},
            "corosync_nodes: 'pve1' has 256 'quorum_votes', which must be a number from 0 to 255",
            "corosync_nodes: 'pve2' has no 'quorum_votes', which must be a number from 0 to 255",
            "corosync_nodes: 'pve3' has 'votes', and only 'quorum_votes' of a node can be set",
            "'pve4' in corosync_nodes is 2, which is no mapping: write one option a line, such as 'token: 5000'",
        )

    def test_a_whole_file_that_is_put_back_is_left_to_the_module(self):
        """It takes what the file has already, also what nobody would write."""
        self.check({"corosync_totem": {"tokn": 1, "knet_mtu": 5}, "corosync_links": [{"number": 0, "options": {"x": 1}}], "corosync_state": "replaced"})


class Times(unittest.TestCase):
    """What corosync makes of the times that are wanted."""

    def test_what_is_wanted_takes_the_place_of_what_is(self):
        there = new_timing(10, 125)
        self.assertEqual(there, {"token": 4000, "token_coefficient": 125, "consensus": 4800})
        for wanted, token, coefficient, consensus in (
            ({}, 4000, 125, 4800), ({"token": 5000}, 6000, 125, 7200), ({"token": "5000"}, 6000, 125, 7200), ({"token_coefficient": 650}, 8200, 650, 9840),
            ({"token_coefficient": 0}, 3000, 0, 3600), ({"token_coefficient": None}, 8200, 650, 9840), ({"token": None}, 4000, 125, 4800),
            ({"token": 0}, 4000, 125, 4800), ({"consensus": 9000}, 4000, 125, 9000), ({"consensus": 0, "token": 5000}, 6000, 125, 7200),
            ('{"token": 1000}', 2000, 125, 2400),
        ):
            with self.subTest(wanted=wanted):
                self.assertEqual(wished_timing(there, wanted, 10), {"token": token, "token_coefficient": coefficient, "consensus": consensus})
        fixed = {"token": 4000, "token_coefficient": 125, "consensus": 9000}
        self.assertEqual(wished_timing(fixed, {"token": 5000}, 10)["consensus"], 9000)
        self.assertEqual(wished_timing(fixed, {"token": 5000, "consensus": None}, 10)["consensus"], 7200)
        self.assertEqual(wished_timing(new_timing(2), {"token": 1000}, 2)["token"], 1000)

    def test_whether_times_are_wanted(self):
        self.assertEqual([wants_times(one) for one in (None, {}, {"join": 60}, {"token": 1}, {"consensus": None}, '{"token_coefficient": 1}')],
                         [False, False, False, True, True, True])

    def test_the_advice_says_who_wants_it(self):
        (found,) = timing_findings(10, wished_timing(new_timing(10, 125), {"token": 1000}, 10), "corosync_totem")
        self.assertEqual(
            found["message"],
            "its token timeout of 2 s (token 1 s + 8 x 0.125 s = 2 s, as corosync_totem has it) is below the 4 s that 10 nodes want (3 s + 8 x 0.125 s): "
            "a short delay costs the membership",
        )


if __name__ == "__main__":
    unittest.main()
