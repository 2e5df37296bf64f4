# SPDX-License-Identifier: GPL-3.0-or-later
"""Forming a cluster: the main job, from fresh nodes to a second run that finds nothing to do."""

import json
import re
import unittest
from contextlib import contextmanager

from harness import Inventory, fresh, lab, nodes_agree, on, play, state

THREE = ["pve1", "pve2", "pve3"]
LOCALES = {"pve2": "fr_FR.UTF-8", "pve3": "ja_JP.UTF-8"}


class Formation(unittest.TestCase):
    """One story: each test goes on where the one before ended."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        # Nodes as an installer leaves them: they know root's password and no key.
        fresh(4, key=False)
        for node, locale in LOCALES.items():
            on(node, f"printf 'LANG={locale}\\nLC_ALL={locale}\\n' > /etc/locale.conf")
        cls.three = Inventory(3, password=True)
        cls.four = Inventory(4, password=True)

    def succeeded(self, run):
        """The run ended well on every host."""
        self.assertEqual(run.rc, 0, run.output)
        for host, numbers in run.recap.items():
            self.assertEqual((numbers["failed"], numbers["unreachable"]), (0, 0), f"{host}\n{run.output}")

    def healthy(self, names):
        """All these nodes see one membership with one running configuration."""
        views = nodes_agree(names)
        first = views[names[0]]
        self.assertEqual({name: first for name in names}, views)
        self.assertEqual(len(first[2]), len(names), views)
        self.assertEqual(len(set(first[1])), 1, views)
        for name in names:
            self.assertRegex(on(name, "pvecm status"), r"(?m)^Quorate:\s+Yes")

    @contextmanager
    def untouched(self):
        """No file of the three nodes changes, and no service restarts."""
        before = {name: state(name) for name in THREE}
        yield
        for name in THREE:
            self.assertEqual(set(before[name]) ^ set(state(name)), set(), f"{name} was touched")

    def test_10_check_mode_on_standalone_nodes_changes_nothing(self):
        with self.untouched():
            self.succeeded(play(self.three, "cluster-init.yml", "--check", "--diff"))

    def test_20_three_nodes_are_formed_over_password_logins(self):
        run = play(self.three)
        self.succeeded(run)
        self.healthy(THREE)
        for phase in range(1, 7):
            self.assertIn(f"Phase {phase} of 6", run.output)

    def test_30_a_second_run_changes_nothing(self):
        with self.untouched():
            run = play(self.three)
        self.succeeded(run)
        self.assertEqual(run.changed(), {name: 0 for name in THREE}, run.output)

    def test_40_check_mode_on_members_changes_nothing(self):
        run = play(self.three, "cluster-init.yml", "--check", "--diff")
        self.succeeded(run)
        self.assertEqual(run.changed(), {name: 0 for name in THREE}, run.output)

    def test_50_a_fourth_node_joins_by_running_again(self):
        run = play(self.four)
        self.succeeded(run)
        self.healthy([*THREE, "pve4"])
        again = play(self.four)
        self.succeeded(again)
        self.assertEqual(set(again.changed().values()), {0}, again.output)

    def test_60_another_cluster_is_refused(self):
        with self.untouched():
            run = play(Inventory(3, password=True, name="lab-2"))
        self.assertNotEqual(run.rc, 0, run.output)
        self.assertIn(
            "cannot work on cluster 'lab-2': pve1 is a member of cluster 'lab'; pve2 is a member of cluster 'lab'; "
            "pve3 is a member of cluster 'lab'. Correct cluster_name, or take these nodes out of their cluster first.",
            run.output,
        )

    def test_70_each_phase_runs_alone(self):
        for phase in range(1, 7):
            with self.subTest(phase=phase):
                run = play(self.four, "cluster-init.yml", "--tags", f"phase{phase}")
                self.succeeded(run)
                self.assertEqual(set(run.changed().values()), {0}, run.output)


class NoCluster(unittest.TestCase):
    """An inventory in which no host belongs to a cluster: every play would be skipped, and that is no success."""

    def test_it_is_refused(self):
        lab("up", "1")
        inventory = Inventory(1)
        (inventory.folder / "group_vars/matrix_cluster.yml").unlink()
        run = play(inventory)
        self.assertEqual(run.rc, 2, run.output)
        self.assertIn("cannot find the cluster in the inventory: no host is in the group that cluster_group names", run.output)


class OtherShape(unittest.TestCase):
    """The inventory with a primary and a group of the others, logins by key, one link on the management network."""

    succeeded = Formation.succeeded
    healthy = Formation.healthy

    def test_two_nodes_are_formed_and_stay(self):
        fresh(2, key=True)
        inventory = Inventory(2, shape="primary_and_nodes")
        run = play(inventory)
        self.succeeded(run)
        self.healthy(["pve1", "pve2"])
        again = play(inventory)
        self.succeeded(again)
        self.assertEqual(set(again.changed().values()), {0}, again.output)


class WaysToReach(unittest.TestCase):
    """Inventory names in upper case with a domain, an sshd on another port, a jump host, and a user who becomes root."""

    succeeded = Formation.succeeded
    healthy = Formation.healthy

    def test_three_nodes_are_formed_and_stay(self):
        fresh(3, key=True, qnetd=1)
        key = lab("run", "--", "sh", "-c", "cat $PVE_LAB_KEY.pub").strip()
        on("pve1", "printf 'Port 2222\\n' > /etc/ssh/sshd_config.d/port.conf && systemctl restart ssh")
        on("pve3", "useradd --create-home --shell /bin/bash admin && mkdir -m 700 /home/admin/.ssh && "
                   f"echo '{key}' > /home/admin/.ssh/authorized_keys && chown -R admin: /home/admin/.ssh")
        inventory = Inventory(3)
        file = inventory.folder / "hosts.yml"
        known = json.loads(file.read_text())
        common, hosts = known["all"]["vars"], known["all"]["children"]["matrix_cluster"]["hosts"]
        jump = f"ssh {common['ansible_ssh_common_args']} -i {common['ansible_ssh_private_key_file']} -W %h:%p root@10.77.0.31"
        own = {
            "pve1": {"ansible_port": 2222},
            # the jump host is the only one that is told of pve2
            "pve2": {"ansible_ssh_common_args": f"{common['ansible_ssh_common_args']} -o ProxyCommand='{jump}'"},
            "pve3": {"ansible_user": "admin", "ansible_become": True, "ansible_become_method": "ansible.builtin.su", "ansible_become_password": "labpass1"},
        }
        known["all"]["children"]["matrix_cluster"]["hosts"] = {
            f"{name}.lab.local".upper(): {**variables, **own[name]} for name, variables in hosts.items()
        }
        file.write_text(json.dumps(known))
        group = inventory.folder / "group_vars/matrix_cluster.yml"
        variables = json.loads(group.read_text())
        del variables["corosync_link0_address"]
        group.write_text(json.dumps(variables))
        port = lab("run", "--", "sh", "-c", "cat $PVE_LAB_KNOWN_HOSTS")
        extra = inventory.folder / "known_hosts"
        extra.write_text(port + "".join(f"[10.77.0.11]:2222 {line.split(' ', 1)[1]}\n" for line in port.splitlines() if line.startswith("10.77.0.11,")))
        file.write_text(re.sub(r"UserKnownHostsFile=[^ \"]+", f"UserKnownHostsFile={extra}", file.read_text()))
        run = play(inventory)
        self.succeeded(run)
        self.healthy(THREE)
        again = play(inventory)
        self.succeeded(again)
        self.assertEqual(set(again.changed().values()), {0}, again.output)


class OnlyIPv6(unittest.TestCase):
    """A management network that has no IPv4."""

    succeeded = Formation.succeeded
    healthy = Formation.healthy

    def test_two_nodes_are_formed_and_stay(self):
        fresh(2, key=True)
        device = lab("run", "--", "sh", "-c", "ip -o -4 address | awk '/ 10.77.0.1\\// { print $2 }'").strip()
        lab("run", "--", "ip", "-6", "address", "replace", "fd00:77::1/64", "dev", device, "nodad")
        self.addCleanup(lab, "run", "--", "ip", "-6", "address", "del", "fd00:77::1/64", "dev", device)
        for number in (1, 2):
            on(f"pve{number}", f"ip -6 address add fd00:77::1{number}/64 dev eth0 nodad && ip -4 address flush dev eth0 && "
                               f"sed -i 's/10.77.0.1{number}/fd00:77::1{number}/' /etc/hosts && systemctl restart pve-cluster")
        inventory = Inventory(2)
        known = lab("run", "--", "sh", "-c", "cat $PVE_LAB_KNOWN_HOSTS").replace("10.77.0.1", "fd00:77::1")
        pins = inventory.folder / "known_hosts"
        pins.write_text(known)
        for name in ("hosts.yml", "group_vars/matrix_cluster.yml"):
            file = inventory.folder / name
            text = re.sub(r"UserKnownHostsFile=[^ \"]+", f"UserKnownHostsFile={pins}", file.read_text())
            file.write_text(text.replace("10.77.0.1", "fd00:77::1"))
        run = play(inventory)
        self.succeeded(run)
        self.healthy(["pve1", "pve2"])
        again = play(inventory)
        self.succeeded(again)
        self.assertEqual(set(again.changed().values()), {0}, again.output)


class HangingJoin(unittest.TestCase):
    """A join whose corosync packets do not arrive: pvecm would wait for quorum for ever."""

    def test_it_ends_by_its_deadline_with_the_reason(self):
        fresh(3, key=True)
        two = play(Inventory(2))
        self.assertEqual(two.rc, 0, two.output)
        lab("block", "pve3")
        run = play(Inventory(3, cluster_join_timeout=30), "cluster-init.yml", "--skip-tags", "phase2", timeout=180)
        self.assertNotEqual(run.rc, 0, run.output)
        self.assertLess(run.seconds, 120)
        self.assertRegex(run.output, "waiting for quorum")
        self.assertEqual(run.recap["pve3"]["failed"], 1, run.output)
        self.assertEqual(on("pve3", "pgrep -f '[p]vecm add' || true").strip(), "", "pvecm still runs")
