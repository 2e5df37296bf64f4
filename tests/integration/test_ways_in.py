# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways into a cluster: by root's password on the API, through any member, two at once, and what is refused before it harms."""

import json
import re
import tempfile
import threading
import time
import unittest
from pathlib import Path

from harness import Inventory, fresh, lab, nodes_agree, on, play, state, wait

PASSWORD = "Kq7-lantern-Zx19"
# What a join by password needs of the playbook: neither keys between the nodes nor names.
WITHOUT_KEYS = ("--skip-tags", "phase1,phase2,phase5,phase6")
OTHER_FINGERPRINT = ":".join(["AB"] * 32)
LOCKS = "/etc/pve/priv/lock"


def by_password(nodes, password=PASSWORD, **variables):
    """An inventory whose nodes join by password."""
    return Inventory(nodes, cluster_join_method="api", cluster_join_password=password, **variables)


def set_password(*nodes, password=PASSWORD):
    """Give root on these nodes a password that stands nowhere else."""
    for node in nodes:
        on(node, f"echo 'root:{password}' | chpasswd && : > /root/.bash_history")


def fingerprints(node):
    """Fingerprints of the node's certificate: in its file, and on its port."""
    of_file = on(node, "openssl x509 -noout -fingerprint -sha256 -in /etc/pve/local/pve-ssl.pem")
    of_port = on(node, "openssl s_client -connect localhost:8006 </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256")
    return tuple(text.strip().partition("=")[2] for text in (of_file, of_port))


def tasks(*steps):
    """A playbook with these steps for the host `joiner`, in a file of its own."""
    text = [{"hosts": "{{ joiner }}", "gather_facts": False, "tasks": list(steps)}]
    file = tempfile.NamedTemporaryFile("w", suffix=".yml", delete=False)
    with file:
        json.dump(text, file)
    return Path(file.name)


def reserved(through="pve1", **more):
    """The task by which a member reserves the cluster."""
    return {
        "name": "Reserve",
        "pve.cluster.pvecm_cluster": {"state": "reserved", "cluster_name": "lab", "node": "{{ joiner }}", **more},
        "delegate_to": through,
        "register": "reserved",
    }


def joined(method, **more):
    """The task by which the joiner joins."""
    ways = {
        "ssh": {},
        "api": {
            "method": "api",
            "password": PASSWORD,
            "fingerprint": "{{ reserved.fingerprint }}",
            "reservation": "{{ reserved.reservation }}",
        },
    }
    given = {
        "state": "joined",
        "cluster_name": "lab",
        "cluster_node": "10.77.0.11",
        "links": [{"address": "10.77.1.1{{ joiner[-1] }}"}],
        **ways[method],
        **more,
    }
    return {"name": "Join", "pve.cluster.pvecm_cluster": given}


RELEASED = {
    "name": "Release",
    "pve.cluster.pvecm_cluster": {"state": "released", "cluster_name": "lab", "node": "{{ joiner }}"},
    "delegate_to": "pve1",
}


class Watch:
    """Looks for the password in every command line and environment of these nodes, as often as it can, until it is left."""

    def __init__(self, *nodes):
        self.nodes = nodes

    def __enter__(self):
        for node in self.nodes:
            # The word is in a file, or the search would find itself.
            lab("exec", node, f"printf %s {PASSWORD} > /run/word; rm -f /run/stop /run/found /run/looks")
            on(node, "systemd-run --quiet --collect --unit=watch sh -c 'until [ -e /run/stop ]; do echo >> /run/looks; "
                     "grep -laFf /run/word /proc/[0-9]*/cmdline /proc/[0-9]*/environ >> /run/found 2>/dev/null; done'")
        return self

    def __exit__(self, *_):
        self.found, self.looks = {}, {}
        for node in self.nodes:
            on(node, "touch /run/stop")
            wait(node, "! systemctl is-active --quiet watch")
            self.found[node] = on(node, "cat /run/found").strip()
            self.looks[node] = int(on(node, "wc -l < /run/looks"))


class ByPassword(unittest.TestCase):
    """One story: each test goes on where the one before ended."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        fresh(4, key=True)
        set_password("pve1", "pve2")
        # Nodes that cannot log in to each other, nor copy anything.
        for node in ("pve2", "pve3"):
            on(node, "rm -f /root/.ssh/id_rsa* /root/.ssh/known_hosts; mv /usr/bin/rsync /usr/bin/rsync.away")
        formed = play(Inventory(1), "cluster-init.yml", "--skip-tags", "phase2")
        assert formed.rc == 0, formed.output

    def succeeded(self, run):
        """The run ended well on every host."""
        self.assertEqual(run.rc, 0, run.output)

    def healthy(self, names):
        """All these nodes see one membership with one running configuration, and nothing is locked."""
        views = nodes_agree(names)
        self.assertEqual(len({str(view) for view in views.values()}), 1, views)
        self.assertEqual(len(views[names[0]][2]), len(names), views)
        for name in names:
            self.assertRegex(on(name, "pvecm status"), r"(?m)^Quorate:\s+Yes")
        self.assertEqual(on(names[0], f"ls {LOCKS}").strip(), "")

    def refused(self, run, reason, seconds=0):
        """The run failed for this reason; whether it touched anything is compared by `untouched`."""
        self.assertNotEqual(run.rc, 0, run.output)
        self.assertIn(reason, run.output)
        self.assertGreater(run.seconds, seconds)
        self.assertEqual(on("pve1", f"ls {LOCKS}").strip(), "", "the lock of the join is left")

    def untouched(self, deed):
        """No file of either node changes by this, and no service restarts."""
        def seen(node):
            # pvecm makes this key whenever it is missing.
            return {line for line in state(node) if "/root/.ssh/id_rsa" not in line}

        before = {node: seen(node) for node in ("pve1", "pve2")}
        run = deed()
        for node, lines in before.items():
            self.assertEqual(lines ^ seen(node), set(), f"{node} was touched\n{run.output}")
        return run

    def test_10_a_wrong_password_is_refused_by_the_cluster_node(self):
        run = self.untouched(lambda: play(by_password(2, password="wrong-word"), "cluster-init.yml", *WITHOUT_KEYS))
        self.refused(
            run, "cannot join cluster 'lab': pvecm gave up: the cluster node does not accept the password of root. This node: a "
            "member of no cluster. The cluster: seen before this join: cluster 'lab' does not list this node (config_version 1), on 'pve1' "
            "corosync is quorate (1 of 1 votes) with 'pve1'. What to do: fix the cause, then run this task again", seconds=3,
        )
        self.assertNotIn("wrong-word", run.output)

    def test_15_no_password_is_refused_before_a_look(self):
        run = self.untouched(lambda: play(by_password(2, password=""), "cluster-init.yml", *WITHOUT_KEYS))
        self.refused(run, "cannot join cluster 'lab': cluster_join_method is 'api', which needs the password of root@pam")

    def test_20_a_wrong_fingerprint_is_refused(self):
        book = tasks({"block": [reserved(), joined("api", fingerprint=OTHER_FINGERPRINT)], "always": [RELEASED]})
        run = self.untouched(lambda: play(Inventory(2), book, "-e", "joiner=pve2"))
        file, port = fingerprints("pve1")
        self.assertEqual(file, port)
        self.refused(
            run, f"cannot join cluster 'lab': 'pve1' serves a certificate with the fingerprint '{port}', not '{OTHER_FINGERPRINT}'"
        )

    def test_21_pvecm_itself_refuses_a_wrong_fingerprint(self):
        # A reservation with the wrong fingerprint in it too: what is left is pvecm's own look.
        lie = "{{ reserved.reservation | replace(reserved.fingerprint, '" + OTHER_FINGERPRINT + "') }}"
        book = tasks({"block": [reserved(), joined("api", fingerprint=OTHER_FINGERPRINT, reservation=lie)], "always": [RELEASED]})
        run = self.untouched(lambda: play(Inventory(2), book, "-e", "joiner=pve2"))
        self.refused(
            run, f"pvecm gave up: the cluster node serves a certificate with the fingerprint '{fingerprints('pve1')[1]}', which is "
            "not the given one"
        )

    def test_22_a_join_without_a_lock_is_refused(self):
        lie = "{{ reserved.reservation | regex_replace('@@ holder\\n[^\\n]*', '@@ holder\\nunnamed') }}"
        book = tasks({"block": [reserved(), joined("api", reservation=lie)], "always": [RELEASED]})
        run = self.untouched(lambda: play(Inventory(2), book, "-e", "joiner=pve2"))
        self.assertNotEqual(run.rc, 0, run.output)
        self.assertIn("another node is joining or leaving the cluster", run.output)

    def test_23_what_pvecm_takes_and_the_cluster_or_a_guest_would_pay_for(self):
        # pvecm lets in a second node with this nodeid, takes the management address for a link that is not given, and drops guests by force.
        another = [{"number": 1, "address": "10.77.0.12"}]
        guest = "/etc/pve/nodes/pve2/qemu-server/142.conf"
        on("pve2", f"mkdir -p $(dirname {guest}) && echo 'cores: 2' > {guest}")
        try:
            for more, reason in (
                ({"nodeid": 1}, "nodeid 1 belongs to node 'pve1' of the cluster"),
                ({"links": []}, "'links' is empty: without one, pvecm would take whatever address the host name has"),
                ({"links": another}, "the cluster has a link 0, for which no address of this node is given"),
                ({"force": True}, "this host already contains virtual guests (142)"),
            ):
                with self.subTest(reason):
                    book = tasks({"block": [reserved(), joined("api", **more)], "always": [RELEASED]})
                    self.refused(self.untouched(lambda book=book: play(Inventory(2), book, "-e", "joiner=pve2")), reason)
            self.assertEqual(on("pve2", f"cat {guest}").strip(), "cores: 2")
        finally:
            on("pve2", f"rm -f {guest}")

    def test_25_a_second_factor_is_refused(self):
        on("pve1", """printf '{"users":{"root@pam":{"totp":[{"id":"x","entry":"otpauth://secret-factor"}]}}}' > /etc/pve/priv/tfa.cfg""")
        try:
            run = self.untouched(lambda: play(by_password(2), "cluster-init.yml", *WITHOUT_KEYS, "-vvv"))
        finally:
            on("pve1", "rm /etc/pve/priv/tfa.cfg")
        self.refused(run, "cannot reserve cluster 'lab' for node 'pve2': root@pam of the cluster has a second factor")
        self.assertNotIn("secret-factor", run.output)

    def test_26_the_preflight_checks_tell_both_before_anything_is_made(self):
        on("pve1", """printf '{"users":{"root@pam":{"recovery":{"secret":"x"}}}}' > /etc/pve/priv/tfa.cfg""")
        try:
            run = self.untouched(lambda: play(by_password(2, password=""), "cluster-init.yml", "--tags", "phase2"))
        finally:
            on("pve1", "rm /etc/pve/priv/tfa.cfg")
        self.assertNotEqual(run.rc, 0, run.output)
        for said in (
            "pve1: root@pam has a second factor, which a join by password cannot give, and nodes are to join so through it: set "
            "cluster_join_method to 'ssh', or take the factor away for the join [second-factor]",
            "pve2: it is to join by password, and there is none: set cluster_join_password, or cluster_join_method to 'ssh' [no-password]",
        ):
            self.assertIn(said, run.output)

    def test_30_a_node_joins_by_password_which_is_seen_nowhere(self):
        with Watch("pve1", "pve2") as watch:
            run = play(by_password(2), "cluster-init.yml", *WITHOUT_KEYS, "-vvv")
        self.succeeded(run)
        self.healthy(["pve1", "pve2"])
        self.assertEqual(run.changed(), {"pve1": 0, "pve2": 1}, run.output)
        self.assertNotIn(PASSWORD, run.output)
        # The joining node's own database, from before.
        backup = re.search(r'"backup": "(/var/lib/pve-cluster/backup/[^"]+)"', run.output)
        self.assertTrue(backup, run.output)
        self.assertIn("datacenter.cfg", on("pve2", f"zcat {backup[1]}"))
        for node in ("pve1", "pve2"):
            self.assertEqual(watch.found[node], "", "the password is in a command line or environment")
            self.assertGreater(watch.looks[node], 20)
            kept = on(node, "grep -rlaFf /run/word /etc /root /var /tmp /home /opt /run --exclude=word 2>/dev/null; "
                            "journalctl --no-pager | grep -cFf /run/word", check=False)
            self.assertEqual(kept.strip(), "0", f"the password is in a file or the journal of {node}")

    def test_35_a_second_run_changes_nothing_and_needs_no_password(self):
        for inventory in (by_password(2), by_password(2, password=""), Inventory(2)):
            run = play(inventory, "cluster-add-node.yml", *WITHOUT_KEYS)
            self.succeeded(run)
            self.assertEqual(run.changed(), {"pve1": 0, "pve2": 0}, run.output)

    def test_40_through_another_member_by_its_full_name_with_an_old_certificate(self):
        on("pve2", "pvecm updatecerts --force")
        file, port = fingerprints("pve2")
        self.assertNotEqual(file, port, "the port was to serve the certificate from before")
        on("pve3", "echo '10.77.0.12 pve2.lab.local pve2' >> /etc/hosts")
        inventory = by_password(3, cluster_join_through="pve2", cluster_join_target="pve2.lab.local")
        run = play(inventory, "cluster-add-node.yml", *WITHOUT_KEYS)
        self.succeeded(run)
        self.healthy(["pve1", "pve2", "pve3"])
        self.assertIn(f"pveproxy on 'pve2' still serves the certificate with the fingerprint '{port}'", run.output)

    def test_45_a_member_is_known_by_each_of_its_names(self):
        for target in ("pve2", "pve2.lab.local", "10.77.0.12", "10.77.1.12", "pve3"):
            with self.subTest(target=target):
                run = play(by_password(3, cluster_join_target=target), "cluster-init.yml", *WITHOUT_KEYS)
                self.succeeded(run)
                self.assertEqual(set(run.changed().values()), {0}, run.output)

    def test_50_a_member_that_is_cut_off_lets_nobody_in_nor_do_the_others(self):
        lab("block", "pve1")
        wait("pve1", "pvecm status | grep -q '^Quorate: *No'")
        refusals = {}
        try:
            for through in ("pve1", "pve2"):
                book = tasks(reserved(through, timeout=4))
                refusals[through] = play(Inventory(4), book, "-e", "joiner=pve4").output
        finally:
            lab("heal", "pve1")
        self.assertRegex(refusals["pve1"], r"cannot reserve cluster 'lab' for node 'pve4': .*the cluster is not quorate \(1 of 3 votes\)")
        self.assertIn("cannot reserve cluster 'lab' for node 'pve4': node 'pve1' of the cluster is not online", refusals["pve2"])
        wait("pve1", "pvecm status | grep -q '^Quorate: *Yes'")
        self.assertEqual(on("pve2", f"ls {LOCKS}").strip(), "")

    def test_55_by_the_corosync_address_of_another_member(self):
        run = play(by_password(4, cluster_join_through="pve2", cluster_join_target="10.77.1.12"), "cluster-init.yml", *WITHOUT_KEYS)
        self.succeeded(run)
        self.healthy(["pve1", "pve2", "pve3", "pve4"])

    def test_60_nodes_that_joined_by_password_are_prepared_like_any_other(self):
        for node in ("pve2", "pve3"):
            on(node, "mv /usr/bin/rsync.away /usr/bin/rsync")
        run = play(by_password(4))
        self.succeeded(run)
        again = play(by_password(4))
        self.succeeded(again)
        self.assertEqual(set(again.changed().values()), {0}, again.output)


class TwoAtOnce(unittest.TestCase):
    """Two joins that begin at the same moment, into a cluster of one node, which is when they break without a lock."""

    maxDiff = None
    succeeded = ByPassword.succeeded
    healthy = ByPassword.healthy

    def two(self, pve2, pve3):
        """Both nodes join at once, each in a run of its own."""
        fresh(3, key=True)
        set_password("pve1")
        inventory = Inventory(3)
        keys = play(inventory, "cluster-init.yml", "--tags", "phase1")
        self.succeeded(keys)
        self.succeeded(play(Inventory(1), "cluster-init.yml", "--skip-tags", "phase2"))
        books = {
            "ssh": tasks(joined("ssh", timeout=400)),
            "api": tasks({"block": [reserved(timeout=400), joined("api", timeout=400)], "always": [RELEASED]}),
        }
        runs = {}

        def join(node, method):
            runs[node] = play(inventory, books[method], "-e", f"joiner={node}", timeout=900)

        threads = [threading.Thread(target=join, args=pair) for pair in (("pve2", pve2), ("pve3", pve3))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for run in runs.values():
            self.succeeded(run)
        self.healthy(["pve1", "pve2", "pve3"])

    def test_10_by_ssh_and_by_password(self):
        self.two("ssh", "api")

    def test_20_both_by_password(self):
        self.two("api", "api")


class FirstIsNew(unittest.TestCase):
    """The first host of the inventory is the one that joins: the cluster is where the members are."""

    succeeded = ByPassword.succeeded
    healthy = ByPassword.healthy

    def test_it_joins_through_the_member_there_is(self):
        fresh(2, key=True)
        on("pve2", "pvecm create lab --link0 10.77.1.12 --nodeid 2")
        run = play(Inventory(2), "cluster-add-node.yml")
        self.succeeded(run)
        self.healthy(["pve1", "pve2"])


class LongReservation(unittest.TestCase):
    """pmxcfs drops a lock after 120 s; one that has to live longer is renewed."""

    def test_it_outlives_the_time_of_a_lock_and_ends_with_its_task(self):
        fresh(3, key=True)
        self.assertEqual(play(Inventory(1), "cluster-init.yml", "--skip-tags", "phase2").rc, 0)
        inventory = Inventory(3)
        begun = time.monotonic()
        run = play(inventory, tasks(reserved(timeout=300)), "-e", "joiner=pve2")
        self.assertEqual(run.rc, 0, run.output)
        # a lock that nobody renews, to see that locks expire here at all
        on("pve1", f"mkdir {LOCKS}/probe")
        wait("pve1", f"touch -c -d @0 {LOCKS}/probe; [ ! -d {LOCKS}/probe ]", seconds=240)
        self.assertGreater(time.monotonic() - begun, 115)
        run = play(inventory, tasks(reserved(timeout=4)), "-e", "joiner=pve3")
        self.assertNotEqual(run.rc, 0, run.output)
        self.assertIn("node 'pve2' has the cluster reserved for its join", run.output)
        run = play(inventory, tasks(RELEASED), "-e", "joiner=pve2")
        self.assertEqual(run.changed()["pve2"], 1, run.output)
        wait("pve1", "! systemctl list-units --no-legend 'pvecm_cluster-join-*' | grep -q .", seconds=120)
        self.assertEqual(on("pve1", f"ls {LOCKS}").strip(), "")
        self.assertEqual(re.findall("pvecm_cluster", on("pve1", "systemctl list-units --all")), [])
