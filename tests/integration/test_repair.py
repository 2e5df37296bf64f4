# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes that are half in their cluster: each situation made on purpose, refused without repair, repaired with it."""

import json
import tempfile
import unittest
from pathlib import Path

from harness import HEALTH_LIMITS, Inventory, form, fresh, lab, nodes_agree, on, play, state, wait, writable
from pvecm_module import done, install, kill_when, task

NODES = ["pve1", "pve2", "pve3"]
MEMBER = {"state": "joined", "cluster_node": "10.77.0.11", "links": [{"address": "10.77.1.13"}]}


class Repair(unittest.TestCase):
    """One story: each test goes on where the one before ended; pve3 is the one that is hurt."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        fresh(3, key=True)
        install(NODES)
        form(NODES)
        on("pve3", "mkdir -p /etc/pve/nodes/pve3/qemu-server && echo 'cores: 3' > /etc/pve/nodes/pve3/qemu-server/103.conf")
        on("pve1", "echo 'user:maria@pve:1:0::::::' >> /etc/pve/user.cfg")
        cls.trust()

    @staticmethod
    def trust():
        """Let root on pve3 log in to pve1, as a join by ssh needs it; host keys come from the lab, not from the network."""
        key = on("pve1", "cat /etc/ssh/ssh_host_ed25519_key.pub").strip()
        on("pve3", f"mkdir -p /root/.ssh && echo '10.77.0.11 {key}' >> /root/.ssh/known_hosts; test -e /root/.ssh/id_rsa || ssh-keygen -q -t rsa -N '' -f /root/.ssh/id_rsa")
        public = on("pve3", "cat /root/.ssh/id_rsa.pub").strip()
        on("pve1", f"echo '{public}' >> /etc/pve/priv/authorized_keys")

    def hurt(self, words, **options):
        """Without repair the task fails, says what repair would do, and changes nothing."""
        before = state("pve3")
        answer = task("pve3", timeout=12, **MEMBER, **options)
        self.assertTrue(answer.get("failed"), answer)
        if words:
            self.assertIn(f"'repair: true' (playbooks/cluster-repair.yml) lets this task repair this: {words}", answer["msg"])
        self.assertEqual(set(before) ^ set(state("pve3")), set())

    def repair(self, *faults, changed=True, **options):
        """With repair it is well, and says what was the matter; in check mode it says so before."""
        foretold = task("pve3", repair=True, _ansible_check_mode=True, **MEMBER, **options)
        self.assertIn(faults[0], foretold["repaired"][0])
        answer = done(self, task("pve3", repair=True, **MEMBER, **options), changed=changed)
        self.assertEqual(len(answer["repaired"]), len(faults), answer)
        for fault, words in zip(faults, answer["repaired"]):
            self.assertIn(fault, words)
        self.assert_well()
        again = done(self, task("pve3", repair=True, **MEMBER), changed=False)
        self.assertNotIn("repaired", again)
        return answer

    def assert_well(self):
        """All three run one configuration and are writable, and nobody lost a file."""
        views = nodes_agree(NODES)
        self.assertEqual((len({str(view) for view in views.values()}), len(views["pve1"][2])), (1, 3), views)
        for node in NODES:
            writable(node)
            self.assertIn("maria@pve", on(node, "cat /etc/pve/user.cfg"))

    def assert_guest(self):
        self.assertIn("cores: 3", on("pve1", "cat /etc/pve/nodes/pve3/qemu-server/103.conf"))

    def test_10_a_pmxcfs_that_was_left_stopped_with_a_file_in_its_way(self):
        on("pve3", "systemctl stop pve-cluster && echo stray > /etc/pve/stray.txt")
        self.hurt("'/etc/pve' was not mounted, and files lay in its way ('stray.txt')")
        answer = self.repair("'/etc/pve' was not mounted, and files lay in its way ('stray.txt')")
        self.assertEqual(on("pve3", f"cat {answer['repair_backups'][0]}/stray.txt").strip(), "stray")
        self.assert_guest()

    def test_15_a_pmxcfs_that_counts_nobody(self):
        on("pve3", "touch /etc/pve-standin-late-map && systemctl restart pve-cluster")
        wait("pve3", "[ $(grep -c '\"online\": 0' /etc/pve/.members) = 3 ]")
        writable("pve3")
        answer = task("pve3", timeout=5, **MEMBER)
        self.assertTrue(answer.get("failed"), answer)
        for words in (
            "pmxcfs on this node does not tell whether it has met that of 'pve1', 'pve2'",
            "What to do: run 'systemctl restart pve-cluster' on this node, which makes it count again, then this task again",
        ):
            self.assertIn(words, answer["msg"])
        on("pve3", "rm /etc/pve-standin-late-map && systemctl restart pve-cluster")
        done(self, task("pve3", **MEMBER), changed=False)
        self.assert_well()

    def test_20_a_node_that_missed_a_change_of_corosync_conf(self):
        on("pve3", "systemctl stop corosync")
        on("pve1", "version=$(sed -n 's/.*config_version: //p' /etc/pve/corosync.conf); sed \"s/config_version: $version/config_version: $((version + 1))/\" "
                   "/etc/pve/corosync.conf > /etc/pve/corosync.conf.new && mv /etc/pve/corosync.conf.new /etc/pve/corosync.conf")
        wait("pve2", "corosync-cmapctl totem.config_version | grep -q ' = 4$'")
        on("pve3", "systemctl start corosync", check=False)
        wait("pve3", "systemctl -q is-failed corosync")
        self.assertIn("is different than my config version", on("pve3", "journalctl -u corosync --no-pager | tail -n 30"))
        self.hurt("this node was stranded: corosync's corosync.conf was not that of 'pve1'")
        answer = self.repair("this node was stranded: corosync's corosync.conf was not that of 'pve1'")
        self.assertIn("config.db", on("pve3", f"ls {answer['repair_backups'][0]}"))
        self.assert_guest()

    def test_30_a_key_of_another_cluster(self):
        on("pve3", "systemctl stop corosync; head -c 256 /dev/urandom > /etc/corosync/authkey; systemctl start corosync")
        wait("pve3", "corosync-quorumtool -siH | grep -q '^Quorate: *No'")
        self.hurt("this node was stranded: corosync's authkey was not that of 'pve1'")
        answer = self.repair("this node was stranded: corosync's authkey was not that of 'pve1'")
        self.assertEqual(on("pve3", "sha256sum < /etc/corosync/authkey"), on("pve1", "sha256sum < /etc/corosync/authkey"))
        self.assertEqual(on("pve3", "stat -c '%a %U' /etc/corosync/authkey").strip(), "400 root")
        self.assertNotIn(on("pve3", "od -An -v -tx1 /etc/corosync/authkey").split("\n")[0].strip(), str(answer))
        self.assert_guest()

    def test_40_a_rescue_that_is_killed_is_finished_by_the_next(self):
        on("pve3", "systemctl stop corosync; sed -i 's/config_version: 4/config_version: 3/' /etc/corosync/corosync.conf; systemctl start corosync", check=False)
        wait("pve3", "systemctl -q is-failed corosync")
        killed = task("pve3", prelude=kill_when("grep -q config_version:.4 /etc/corosync/corosync.conf"), repair=True, **MEMBER)
        self.assertIsNone(killed, killed)
        answer = task("pve3", repair=True, **MEMBER)
        self.assertNotIn("failed", answer, answer)
        self.assert_well()
        self.assert_guest()

    def test_50_a_node_that_its_cluster_has_forgotten(self):
        lab("kill", "pve3")
        wait("pve1", "! corosync-quorumtool -siH | grep -q 0x00000003")
        on("pve1", "mv /etc/pve/nodes/pve3/qemu-server/103.conf /etc/pve/nodes/pve1/qemu-server/; pvecm delnode pve3")
        lab("start", "pve3")
        wait("pve3", "corosync-quorumtool -siH | grep -q '^Quorate: *No'")
        answer = task("pve3", repair=True, **MEMBER)
        self.assertIn("no longer lists this node, which has guests (103)", answer["msg"])
        self.assertEqual(on("pve3", "cat /etc/pve/nodes/pve3/qemu-server/103.conf").strip(), "cores: 3")
        # As a person would: the guest lives on pve1 now, and this copy of it goes with the rest.
        on("pve3", "systemctl stop pve-cluster corosync; pmxcfs -l; rm /etc/pve/nodes/pve3/qemu-server/103.conf; pkill -x pmxcfs; "
                   "while mountpoint -q /etc/pve; do sleep 0.1; done; systemctl start pve-cluster; systemctl start corosync")
        wait("pve3", "test -e /etc/pve/corosync.conf && corosync-quorumtool -siH | grep -q '^Quorate: *No'")
        answer = self.repair("this node had the files of a cluster that, as 'pve1' says, no longer lists it")
        self.assertIn("config.db", on("pve3", f"ls {answer['repair_backups'][0]}"))
        self.assertIn("cores: 3", on("pve3", "cat /etc/pve/nodes/pve1/qemu-server/103.conf"))

    def test_60_a_node_that_was_installed_anew_with_files_of_an_earlier_cluster(self):
        lab("reset", "pve3")
        wait("pve1", "! corosync-quorumtool -siH | grep -q 0x00000003")
        install(["pve3"])
        self.trust()
        on("pve3", "head -c 256 /dev/urandom > /etc/corosync/authkey; mkdir -p /var/backups")
        self.hurt("corosync's files of an earlier cluster were left on this node")
        self.repair("corosync's files of an earlier cluster were left on this node", "listed this node, which had not joined, or was reinstalled")

    def test_70_a_join_that_died_half_way(self):
        on("pve1", "pvecm delnode pve3")
        wait("pve1", "! grep -q pve3 /etc/pve/corosync.conf")
        done(self, task("pve3", state="absent"), changed=True)
        self.trust()
        killed = task("pve3", prelude="setsid sh -c 'until test -e /etc/corosync/corosync.conf; do sleep 0.02; done; systemctl kill --signal=KILL pve-cluster corosync; "
                                      "pkill -9 -x pvecm_cluster; pkill -9 pvecm' >/dev/null 2>&1 </dev/null &", **MEMBER)
        self.assertIsNone(killed, killed)
        wait("pve3", "! pgrep pvecm")
        self.assertIn("pve3", on("pve1", "cat /etc/pve/corosync.conf"))
        answer = task("pve3", repair=True, **MEMBER)
        self.assertNotIn("failed", answer, answer)
        self.assert_well()


PLAYBOOK = "cluster-repair.yml"
# Ends a join, whoever runs it, as soon as a condition holds on its node, with what it has started.
END = ("touch /run/ending; setsid sh -c 'until {}; do sleep 0.02; done; pkill -9 -f [p]vecm.add; pkill -9 -f [p]vecm_cluster; "
       "systemctl kill --signal=KILL pve-cluster corosync; rm -f /run/ending' >/dev/null 2>&1 </dev/null &")
HALF_WAY = "test -e /etc/corosync/corosync.conf"


class WithPlaybook(unittest.TestCase):
    """cluster-repair over a cluster that cluster-init formed. One story."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        fresh(3, key=True)
        cls.inventory = Inventory(3)
        formed = play(cls.inventory)
        assert formed.rc == 0, formed.output
        install(NODES)
        on("pve3", "mkdir -p /etc/pve/nodes/pve3/qemu-server && echo 'cores: 3' > /etc/pve/nodes/pve3/qemu-server/103.conf")
        on("pve1", "echo 'user:maria@pve:1:0::::::' >> /etc/pve/user.cfg")

    def assert_changes_nothing(self, *words):
        """A run ends well and changes no node."""
        run = play(self.inventory, PLAYBOOK, *words)
        self.assertEqual((run.rc, set(run.changed().values())), (0, {0}), run.output)

    def repair(self, node, *faults):
        """A check run says what is the matter and touches nothing; a run repairs it; a second one changes nothing."""
        before = state(node)
        check = play(self.inventory, PLAYBOOK, "--check")
        self.assertEqual(check.rc, 0, check.output)
        self.assertIn(faults[0], check.output)
        self.assertEqual(set(before) ^ set(state(node)), set())
        run = play(self.inventory, PLAYBOOK)
        self.assertEqual(run.rc, 0, run.output)
        for fault in faults:
            self.assertIn(fault, run.output)
        self.assertEqual({name for name, number in run.changed().items() if number}, {node}, run.output)
        self.assert_well()
        self.assert_changes_nothing()
        return run

    def assert_well(self):
        """All run one configuration and are writable, each has a certificate, and nobody lost a file."""
        names = self.inventory.names
        views = nodes_agree(names)
        self.assertEqual((len({str(view) for view in views.values()}), len(views["pve1"][2])), (1, len(names)), views)
        for node in names:
            writable(node)
            self.assertIn("maria@pve", on(node, "cat /etc/pve/user.cfg"))
            on(node, f"test -s /etc/pve/nodes/{node}/pve-ssl.pem")

    def test_10_a_cluster_that_is_well(self):
        self.assert_changes_nothing("--check")
        self.assert_changes_nothing()

    def test_20_everything_is_stopped_on_one_node(self):
        # The start of pmxcfs brings corosync with it.
        on("pve3", "systemctl stop corosync pve-cluster && echo stray > /etc/pve/stray.txt")
        self.repair("pve3", "'/etc/pve' was not mounted, and files lay in its way ('stray.txt')", "copies are in ")
        self.assertIn("cores: 3", on("pve1", "cat /etc/pve/nodes/pve3/qemu-server/103.conf"))

    def test_25_two_sides_that_are_both_quorate(self):
        lab("partition", "pve3", "corosync")
        wait("pve3", "corosync-quorumtool -siH | grep -q '^Quorate: *No'")
        on("pve3", "pvecm expected 1")
        wait("pve3", "corosync-quorumtool -siH | grep -q '^Quorate: *Yes'")
        # pmxcfs hears of it later, and the kernel shows the old modes for a second
        wait("pve3", "test \"$(stat -c %a /etc/pve/corosync.conf /etc/pve/local | xargs)\" = '640 755'")
        before = {node: state(node) for node in NODES}
        run = play(self.inventory, PLAYBOOK)
        self.assertNotEqual(run.rc, 0, run.output)
        self.assertIn("quorate on 2 sides that do not see each other: pve1, pve2 (as pve1, pve2 say) and pve3 (as pve3 says)", run.output)
        self.assertEqual({node: set(before[node]) ^ set(state(node)) for node in NODES}, {node: set() for node in NODES})
        lab("heal", "pve3")
        for node in NODES:
            wait(node, "corosync-quorumtool -siH | grep -q '^Total votes: *3'")
        self.assert_well()

    def test_28_a_node_whose_host_name_was_changed(self):
        # corosync runs on by the addresses, and pmxcfs goes by the new name when it is started again
        on("pve3", "hostname pve9 && echo pve9 > /etc/hostname && sed -i 's/\\bpve3\\b/pve9 pve3/' /etc/hosts && systemctl restart pve-cluster")
        wait("pve3", "grep -q '\"nodename\": \"pve9\"' /etc/pve/.members")
        writable("pve1")
        wait("pve3", "mkdir -p /etc/pve/nodes/pve9/qemu-server && echo 'cores: 9' > /etc/pve/nodes/pve9/qemu-server/109.conf")
        before = state("pve3")
        report = Path(tempfile.mkdtemp(prefix="repair-")) / "report.json"
        run = play(self.inventory, "cluster-health.yml", "-e", json.dumps({**HEALTH_LIMITS, "cluster_health_output_file": str(report)}))
        self.assertNotEqual(run.rc, 0, run.output)
        found = {one["id"]: one["message"] for one in json.loads(report.read_text())["findings"] if one["node"] == "pve3"}
        self.assertIn("lists this node as 'pve3', and its host name is 'pve9'; as 'pve3' it is quorate, with 3 of 3 votes", found["renamed"])
        self.assertNotIn("removed", found)
        run = play(self.inventory, PLAYBOOK)
        self.assertNotEqual(run.rc, 0, run.output)
        self.assertIn("the cluster lists the addresses of this node as 'pve3'", run.output)
        # the guests of both names
        self.assertIn("It is quorate, and has guests (103, 109) under the two names", run.output)
        self.assertEqual(set(before) ^ set(state("pve3")), set())
        on("pve1", "rm -r /etc/pve/nodes/pve9")
        on("pve3", "hostname pve3 && echo pve3 > /etc/hostname && sed -i 's/pve9 pve3/pve3/' /etc/hosts && systemctl restart pve-cluster")
        wait("pve3", "grep -q '\"nodename\": \"pve3\"' /etc/pve/.members")
        for node in NODES:
            writable(node)
        self.assert_well()

    def test_30_a_node_that_its_cluster_has_forgotten(self):
        lab("kill", "pve3")
        wait("pve1", "! corosync-quorumtool -siH | grep -q 0x00000003")
        on("pve1", "pvecm delnode pve3")
        lab("start", "pve3")
        wait("pve3", "corosync-quorumtool -siH | grep -q '^Quorate: *No'")
        run = play(self.inventory, PLAYBOOK)
        self.assertNotEqual(run.rc, 0, run.output)
        self.assertIn("no longer lists this node, which has guests (103)", run.output)
        self.assertEqual(on("pve3", "cat /etc/pve/nodes/pve3/qemu-server/103.conf").strip(), "cores: 3")
        # As a person would: the guest is not needed any more.
        on("pve3", "systemctl stop pve-cluster corosync; pmxcfs -l; rm /etc/pve/nodes/pve3/qemu-server/103.conf; pkill -x pmxcfs; "
                   "while mountpoint -q /etc/pve; do sleep 0.1; done; systemctl start pve-cluster; systemctl start corosync")
        wait("pve3", "test -e /etc/pve/corosync.conf && corosync-quorumtool -siH | grep -q '^Quorate: *No'")
        self.repair("pve3", "this node had the files of a cluster that, as 'pve1' says, no longer lists it")

    def test_40_a_join_that_died_half_way(self):
        # A joining node may have no guest; a node that leaves keeps its own.
        on("pve1", "rm -f /etc/pve/nodes/pve3/qemu-server/103.conf")
        on("pve1", "pvecm delnode pve3")
        wait("pve1", "! grep -q pve3 /etc/pve/corosync.conf")
        done(self, task("pve3", state="absent"), changed=True)
        on("pve3", END.format(HALF_WAY))
        died = play(self.inventory)
        self.assertNotEqual(died.rc, 0, died.output)
        wait("pve3", "test ! -e /run/ending && ! pgrep -f '[p]vecm.add'")
        self.assertIn("pve3", on("pve1", "cat /etc/pve/corosync.conf"))
        run = play(self.inventory, PLAYBOOK)
        self.assertEqual(run.rc, 0, run.output)
        self.assert_well()
        self.assert_changes_nothing()


class SecondNode(WithPlaybook):
    """The same for the second node: when its join dies, the first one is not quorate and can neither take it in again nor put it out."""

    @classmethod
    def setUpClass(cls):
        fresh(2, key=True)
        cls.inventory = Inventory(2)
        install(["pve1", "pve2"])
        on("pve1", "echo 'user:maria@pve:1:0::::::' >> /etc/pve/user.cfg")

    test_10_a_cluster_that_is_well = test_20_everything_is_stopped_on_one_node = None
    test_25_two_sides_that_are_both_quorate = test_28_a_node_whose_host_name_was_changed = test_30_a_node_that_its_cluster_has_forgotten = None

    def refused(self, *words):
        """The task alone and the formation are refused, and both say what repairs it."""
        before = state("pve2")
        member = {"state": "joined", "cluster_node": "10.77.0.11", "links": [{"address": "10.77.1.12"}]}
        answer = task("pve2", timeout=12, **member)
        for part in ("'repair: true' (playbooks/cluster-repair.yml) lets this task repair this: the join of this node to the cluster of 'pve1' had stopped half way",
                     *words):
            self.assertIn(part, answer["msg"])
        run = play(self.inventory)
        self.assertNotEqual(run.rc, 0, run.output)
        self.assertIn("playbooks/cluster-repair.yml", run.output)
        self.assertEqual(set(before) ^ set(state("pve2")), set())

    def die(self):
        """Kill the join of pve2 when corosync's files are there."""
        on("pve2", END.format(HALF_WAY))
        died = play(self.inventory)
        self.assertNotEqual(died.rc, 0, died.output)
        wait("pve2", "test ! -e /run/ending && ! pgrep -f '[p]vecm.add'")
        self.assertIn("pve2", on("pve1", "cat /etc/pve/corosync.conf"))
        on("pve2", "systemctl reset-failed pve-cluster corosync; systemctl start pve-cluster; systemctl stop corosync", check=False)
        wait("pve2", "mountpoint -q /etc/pve && test ! -e /etc/pve/corosync.conf && ! systemctl -q is-active corosync")
        wait("pve1", "corosync-quorumtool -s | grep -q '^Quorate: *No'")

    def test_40_a_join_that_died_half_way(self):
        self.die()
        self.refused("the cluster is not quorate (1 of 2 votes)")
        run = self.repair("pve2", "the join of this node to the cluster of 'pve1' had stopped half way")
        self.assertIn("half-joined-lab-", run.output)
        formed = play(self.inventory)
        self.assertEqual((formed.rc, set(formed.changed().values())), (0, {0}), formed.output)

    def test_50_one_that_was_started_again_and_whose_corosync_runs(self):
        lab("reset", "pve2")
        wait("pve1", "! corosync-quorumtool -siH | grep -q 0x00000002")
        on("pve1", "pvecm expected 1")
        writable("pve1")
        on("pve1", "pvecm delnode pve2")
        wait("pve1", "! grep -q pve2 /etc/pve/corosync.conf")
        install(["pve2"])
        self.die()
        lab("kill", "pve2")
        lab("start", "pve2")
        wait("pve2", "corosync-quorumtool -s | grep -q '^Quorate: *Yes' && mountpoint -q /etc/pve && test ! -e /etc/pve/corosync.conf")
        wait("pve2", "systemctl is-system-running | grep -Eqx 'running|degraded'")
        self.refused("the cluster lists this node ('pve2') already, because a join of it stopped half way or it was reinstalled: 'repair: true' lets")
        self.repair("pve2", "the join of this node to the cluster of 'pve1' had stopped half way")

    def test_60_the_corosync_that_the_other_waits_for(self):
        on("pve2", "systemctl stop corosync")
        wait("pve1", "corosync-quorumtool -s | grep -q '^Quorate: *No'")
        # pmxcfs notices a moment later, and the kernel still shows for a second the modes that it knew.
        wait("pve2", "! find /etc/pve -type f ! -name '.*' -perm /222 | grep -q .")
        self.repair("pve2", "corosync did not run on this node")


if __name__ == "__main__":
    unittest.main()
