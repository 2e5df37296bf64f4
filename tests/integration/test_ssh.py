# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH that survives the cluster: phases 1 and 5 and the rotation of the key, on three nodes with unusual beginnings."""

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from harness import LAB, Inventory, fresh, lab, nodes_agree, on, play, state, wait

THREE = ["pve1", "pve2", "pve3"]
PORTS = {"pve1": 2222}  # the node that the others join through: pvecm itself must find the port
PASSWORD = "labpass1"
NEW_KEY = "key_rotation_new_private_key_file"
# What was known before and is not the cluster's.
FOREIGN = "backup.lab.local,10.77.0.200 ssh-rsa AAAAforeign backup"


def ssh(node, key, *command, options=()):
    """The command line of a new connection from the controller with this private key and nothing else."""
    host = f"root@10.77.0.{10 + int(node.removeprefix('pve'))}"
    # of several values ssh takes the first
    words = [*options, "BatchMode=yes", "IdentitiesOnly=yes", "ControlMaster=no", "ControlPath=none", "ConnectTimeout=10"]
    words += ["UserKnownHostsFile=$PVE_LAB_KNOWN_HOSTS", "GlobalKnownHostsFile=/dev/null"]
    line = f"exec ssh -p {PORTS.get(node, 22)} -i {key} {' '.join(f'-o {word}' for word in words)} {host} {' '.join(command)}"
    return [LAB, "run", "--", "sh", "-c", line]


def logs_in(node, key, options=()):
    """Whether the node lets this key in; what ssh said when it does not."""
    done = subprocess.run(
        ssh(node, key, "true", options=options), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return True if done.returncode == 0 else done.stderr.strip()


def password_logs_in(node):
    """Whether the node lets root in by password."""
    options = ("BatchMode=no", "PubkeyAuthentication=no", "NumberOfPasswordPrompts=1")
    command = ssh(node, "/dev/null", "true", options=options)
    command[-1] = command[-1].replace("exec ssh", "exec sshpass -e ssh")
    environment = {**os.environ, "SSHPASS": PASSWORD}
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env=environment, check=False).returncode == 0


def end_connections():
    """End ansible's kept connections, so that the next run logs in again."""
    lab("run", "--", "sh", "-c", 'for s in "$ANSIBLE_SSH_CONTROL_PATH_DIR"/*; do [ ! -S "$s" ] || ssh -O exit -S "$s" lab; done')


class Logins:
    """Starts a login by key every 250 ms until it ends, and keeps what those said that failed."""

    def __init__(self, node, key):
        self.count, self.failed = 0, []
        self._end = threading.Event()
        self._command = ssh(node, key, "true")
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        running = []
        while not self._end.wait(0.25) or running:
            # more at once would meet sshd's own limit on a slow machine
            if not self._end.is_set() and len(running) < 6:
                running.append(subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True))
                self.count += 1
            for login in [login for login in running if login.poll() is not None or self._end.is_set()]:
                _none, said = login.communicate()
                running.remove(login)
                if login.returncode != 0:
                    self.failed.append(said.strip())

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_exception):
        self._end.set()
        self._thread.join()


class Ssh(unittest.TestCase):
    """One story: each test goes on where the one before ended."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        fresh(3, key=False)
        cls.folder = Path(tempfile.mkdtemp(prefix="ssh-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.old = Path(lab("run", "--", "sh", "-c", "echo $PVE_LAB_KEY").strip())
        cls.new = cls.folder / "new"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "new@controller", "-f", cls.new], check=True)

        stale = on("pve3", "cut -d' ' -f1,2 /root/.ssh/id_rsa.pub").strip()  # a key, but no host key
        lines = f"pve2,10.77.0.12 {stale}\\npve3 {stale}\\n"
        on("pve1", f"cd /root/.ssh && printf '{lines}' > known_hosts && ssh-keygen -q -H -f known_hosts && rm known_hosts.old"
                   f" && sed -i '1s/^[^ ]*/pve2,10.77.0.12/' known_hosts && echo '{FOREIGN}' >> known_hosts")
        on("pve1", "printf 'Port 2222\\n' > /etc/ssh/sshd_config.d/port.conf && systemctl restart ssh")
        on("pve2", "rm /root/.ssh/id_rsa.pub")
        on("pve3", "rm /root/.ssh/id_rsa /root/.ssh/id_rsa.pub")
        on("pve2", f"echo '10.77.0.13 {stale}' > /etc/ssh/ssh_known_hosts && chmod 644 /etc/ssh/ssh_known_hosts")
        cls.stale = stale.split()[1]
        cls.id_rsa = on("pve2", "cat /root/.ssh/id_rsa | sha256sum")

    def inventory(self, nodes=3, password=True, **variables):
        """An inventory in which the unusual ports are known."""
        made = Inventory(nodes, password=password, **variables)
        (made.folder / "host_vars").mkdir()
        for node, port in PORTS.items():
            (made.folder / "host_vars" / f"{node}.yml").write_text(json.dumps({"ansible_port": port}))
        return made

    def succeeded(self, run):
        """The run ended well on every host."""
        self.assertEqual(run.rc, 0, run.output)

    def unchanged(self, run):
        """The run ended well and changed nothing."""
        self.succeeded(run)
        self.assertEqual(set(run.changed().values()), {0}, run.output)

    def tells_no_secret(self, run):
        """No password and no private key in what the run printed."""
        self.assertNotIn(PASSWORD, run.output)
        self.assertNotIn("PRIVATE KEY", run.output)
        # a line of the keys themselves
        lines = on("pve1", "sed -n 5p /root/.ssh/id_rsa") + on("pve2", "sed -n 5p /root/.ssh/id_rsa") + self.new.read_text().splitlines()[2]
        for line in lines.split():
            self.assertGreater(len(line), 60)
            self.assertNotIn(line, run.output)

    def test_05_the_first_contact(self):
        known = self.folder / "first/known_hosts"
        known.parent.mkdir()
        inventory = self.inventory(ansible_ssh_common_args=f"-o IdentitiesOnly=yes -o UserKnownHostsFile={known} -o GlobalKnownHostsFile=/dev/null")
        end_connections()
        met = play(inventory, "cluster-init.yml", "--check", "--tags", "phase1")
        self.assertNotEqual(met.rc, 0)
        self.assertIn("the controller does not know the host key that this node shows. Pin it with playbooks/cluster-host-keys.yml", met.output)

        # nobody at a terminal, then a list in which one node is missing: nothing is pinned for any
        asked = play(inventory, "cluster-host-keys.yml")
        self.assertNotEqual(asked.rc, 0)
        self.assertRegex(asked.output, r"the keys of 'pve1' were not accepted; the keys of 'pve2' were not accepted")
        console = {node: on(node, "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub").strip() for node in THREE}
        expected = json.dumps({"host_keys_expected": [console["pve1"], console["pve2"].split()[1]]})
        two = play(inventory, "cluster-host-keys.yml", "-e", expected)
        self.assertNotEqual(two.rc, 0)
        self.assertRegex(two.output, r"'pve3' shows .*SHA256:.*, and none of these is expected")
        self.assertFalse(known.exists())

        expected = json.dumps({"host_keys_expected": [line.split()[1] for line in console.values()]})
        self.succeeded(play(inventory, "cluster-host-keys.yml", "-e", expected, "--check"))
        self.assertFalse(known.exists())
        pinned = play(inventory, "cluster-host-keys.yml", "-e", expected)
        self.succeeded(pinned)
        lines = known.read_text().splitlines()
        self.assertEqual({line.split()[1] for line in lines}, {"ssh-ed25519"})
        names = sorted(line.split()[0] for line in lines)
        self.assertEqual(names[:6], ["10.77.0.12", "10.77.0.13", "[10.77.0.11]:2222", "[pve1.lab.local]:2222", "[pve1]:2222", "pve2"], names)
        self.unchanged(play(inventory, "cluster-host-keys.yml", "-e", expected))
        self.unchanged(play(inventory, "cluster-host-keys.yml"))
        self.succeeded(play(inventory, "cluster-init.yml", "--check", "--tags", "phase1"))

        # pve2 was installed again, or it is another machine
        others = next(line.split(" ", 1)[1] for line in lines if line.startswith("pve3 "))
        known.write_text("".join(f"{line}\n" for line in lines if not line.startswith("10.77.0.12 ")) + f"10.77.0.12 {others}\n")
        end_connections()
        met = play(inventory, "cluster-init.yml", "--check", "--tags", "phase1")
        self.assertIn("the controller does not know the host key that this node shows.", met.output)
        other = play(inventory, "cluster-host-keys.yml", "-e", expected)
        self.assertNotEqual(other.rc, 0)
        self.assertIn("where the node was installed again, set host_keys_replace to true", other.output)
        self.succeeded(play(inventory, "cluster-host-keys.yml", "-e", expected, "-e", "host_keys_replace=true"))
        self.assertEqual(sorted(known.read_text().splitlines()), sorted(lines))
        end_connections()

    def test_10_check_mode_shows_what_would_be_and_touches_nothing(self):
        before = {node: state(node) for node in THREE}
        run = play(self.inventory(), "cluster-init.yml", "--check", "--diff", "--tags", "phase1", "-vvv")
        self.succeeded(run)
        self.tells_no_secret(run)
        self.assertIn("+# BEGIN pve.cluster lab", run.output)
        self.assertRegex(run.output, r"(?m)^-pve2,10\.77\.0\.12 ssh-rsa")
        for node in THREE:
            self.assertEqual(set(before[node]) ^ set(state(node)), set(), f"{node} was touched")

    def test_20_phase_1_over_passwords_and_an_unusual_port(self):
        self.succeeded(play(self.inventory(), "cluster-init.yml", "--tags", "phase1"))
        known = on("pve1", "cat /root/.ssh/known_hosts")
        self.assertNotIn(self.stale, known)
        self.assertNotIn("|1|", known)
        self.assertIn(FOREIGN + "\n", known)
        self.assertRegex(known, r"(?m)^pve1,\[pve1\]:2222,pve1\.lab\.local,\[pve1\.lab\.local\]:2222,10\.77\.0\.11,\[10\.77\.0\.11\]:2222,")
        self.assertNotIn(self.stale, on("pve2", "cat /etc/ssh/ssh_known_hosts"))
        self.assertEqual(on("pve2", "cat /root/.ssh/id_rsa | sha256sum"), self.id_rsa)
        for node in THREE:
            for kind in ("rsa", "ed25519"):
                pair = on(node, f"cd /root/.ssh && ssh-keygen -y -f id_{kind} | cut -d' ' -f1,2 && cut -d' ' -f1,2 id_{kind}.pub")
                first, second = pair.splitlines()
                self.assertEqual(first, second, f"{node}: id_{kind}")

    def test_30_the_key_lets_in_at_every_moment_of_a_join(self):
        with Logins("pve3", self.old) as logins:
            run = play(self.inventory(), "cluster-init.yml", "-vvv")
        self.succeeded(run)
        self.tells_no_secret(run)
        self.assertEqual(len({json.dumps(view) for view in nodes_agree(THREE).values()}), 1)
        self.assertEqual(logins.failed, [], f"of {logins.count} logins")
        self.assertGreater(logins.count, 20)

    def test_40_a_second_run_changes_nothing(self):
        self.unchanged(play(self.inventory()))

    def test_45_every_change_is_in_the_history(self):
        file = self.folder / "history.json"
        run = play(self.inventory(), "cluster-history.yml", "-e", f"cluster_history_output_file={file}")
        self.unchanged(run)
        self.tells_no_secret(run)
        history = json.loads(file.read_text())
        self.assertEqual(history["unread"], 0)
        changes = history["changes"]
        self.assertEqual([row["node"] for row in changes if row["module"] == "pvecm_cluster"], THREE)
        runs = {row["run"] for row in changes}
        # phase 1 alone, and then the formation: the check run and the second run changed nothing
        self.assertEqual(len(runs), 2, run.output)
        self.assertEqual({row["by"].partition("@")[0] for row in changes}, {os.environ.get("USER", "root")})
        joined = next(row for row in changes if row["node"] == "pve2" and row["module"] == "pvecm_cluster")
        self.assertEqual((joined["result"], joined["options"]["state"]), ("changed", "joined"))
        self.assertIn("pve2: pvecm_cluster: changed: ", run.output)
        self.assertIn(f"run {joined['run']} by {joined['by']}", run.output)
        # another user's entry is none
        on("pve1", "setpriv --reuid 1000 --clear-groups systemd-cat -t pve.cluster echo forged")
        self.assertNotIn("forged", play(self.inventory(), "cluster-history.yml").output)

    def test_50_the_key_lets_in_without_pmxcfs_and_without_quorum(self):
        on("pve2", "systemctl stop pve-cluster")
        try:
            self.assertIs(logs_in("pve2", self.old), True)
            # only by the file on the node's own disk
            on("pve2", "mv /root/.ssh/authorized_keys2 /root/aside")
            self.assertIn("Permission denied", str(logs_in("pve2", self.old)))
            on("pve2", "mv /root/aside /root/.ssh/authorized_keys2")
        finally:
            on("pve2", "systemctl start pve-cluster")
        lab("partition", "pve3")
        try:
            wait("pve3", "corosync-quorumtool -s | grep -q 'Quorate:.*No'")
            self.assertIs(logs_in("pve3", self.old), True)
            self.assertIn("pve3", on("pve1", "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes pve3 hostname"))
        finally:
            lab("heal", "pve3")
        for node in THREE:
            wait(node, "corosync-quorumtool -s | grep -q 'Quorate:.*Yes' && mkdir /etc/pve/priv/lock/t && rmdir /etc/pve/priv/lock/t")

    def test_60_a_lost_link_and_outdated_pins_are_mended(self):
        # another tool put a file in the link's place, with a key of its own
        on("pve2", "cd /root/.ssh && cat authorized_keys > plain && echo 'ssh-ed25519 AAAA$(head -c 60 /dev/zero | tr '\\0' Q) kept@home' >> plain && "
                   "mv plain authorized_keys")
        on("pve3", "echo 'pve3 ssh-rsa AAAAold' > /etc/pve/local/ssh_known_hosts")
        inventory = self.inventory()
        run = play(inventory, "cluster-init.yml", "--tags", "phase5")
        self.succeeded(run)
        self.assertEqual(on("pve2", "readlink /root/.ssh/authorized_keys").strip(), "/etc/pve/priv/authorized_keys")
        self.assertIn("kept@home", on("pve1", "cat /etc/pve/priv/authorized_keys"), "a key was lost")
        self.assertNotIn("AAAAold", on("pve1", "cat /etc/pve/nodes/pve3/ssh_known_hosts"))
        self.assertEqual([node for node, count in run.changed().items() if count], ["pve2", "pve3"], run.output)

    def test_65_a_node_that_is_not_reached_is_named(self):
        on("pve2", "sed -i.kept 's/^pve3,/other,/' /root/.ssh/known_hosts")
        run = play(self.inventory(), "cluster-init.yml", "--tags", "phase5")
        on("pve2", "mv /root/.ssh/known_hosts.kept /root/.ssh/known_hosts")
        self.assertNotEqual(run.rc, 0, run.output)
        self.assertIn("cannot rely on ssh of node 'pve2': it does not reach pve3: Host key verification failed.", run.output)

    def test_70_a_key_that_one_node_refuses_replaces_none(self):
        public = self.new.with_suffix(".pub").read_text().strip()
        on("pve3", f"echo '{public}' > /etc/ssh/revoked && echo 'RevokedKeys /etc/ssh/revoked' > /etc/ssh/sshd_config.d/revoked.conf"
                   " && systemctl reload ssh")
        run = play(self.inventory(password=False), "cluster-rotate-key.yml", "-e", f"{NEW_KEY}={self.new}")
        self.assertNotEqual(run.rc, 0, run.output)
        self.assertIn("cannot log in to node 'pve3' by key: ssh says: root@10.77.0.13: Permission denied", run.output)
        self.assertIn("The old key was left in place on all nodes.", run.output)
        on("pve3", "rm /etc/ssh/sshd_config.d/revoked.conf && systemctl reload ssh")
        for node in THREE:
            self.assertIs(logs_in(node, self.old), True)
            self.assertIs(logs_in(node, self.new), True)

    def test_75_an_interrupted_rotation_is_finished(self):
        # as if a run had been killed while the nodes dropped the old key: pve2 lets in by the new one alone
        for node, path in (("pve1", "/etc/pve/priv/authorized_keys"), ("pve2", "/root/.ssh/authorized_keys2")):
            on(node, f"umask 077 && grep -v ' controller@' {path} > {path}.new && mv {path}.new {path}")
        end_connections()
        self.assertIn("Permission denied", str(logs_in("pve2", self.old)))
        run = play(self.inventory(password=False), "cluster-rotate-key.yml", "-e", f"{NEW_KEY}={self.new}", "-vvv")
        self.succeeded(run)
        self.tells_no_secret(run)
        for node in THREE:
            self.assertIs(logs_in(node, self.new), True)
            self.assertIn("Permission denied", str(logs_in(node, self.old)))
        # the old key of the inventory lets in no more: the run finds the way in by itself
        end_connections()
        self.unchanged(play(self.inventory(password=False), "cluster-rotate-key.yml", "-e", f"{NEW_KEY}={self.new}"))

    def test_80_passwords_are_switched_off_on_demand(self):
        for node in THREE:
            self.assertTrue(password_logs_in(node), node)
        inventory = self.inventory(ansible_ssh_private_key_file=str(self.new), ssh_verification_permit_root_login="prohibit-password")
        run = play(inventory, "cluster-init.yml", "--tags", "phase5")
        self.succeeded(run)
        for node in THREE:
            self.assertRegex(on(node, "cat /etc/ssh/sshd_config"), r"(?m)^PermitRootLogin yes", "what pvecm wrote")
            self.assertFalse(password_logs_in(node), node)
            self.assertIs(logs_in(node, self.new), True)
        end_connections()
        self.unchanged(play(inventory, "cluster-init.yml", "--tags", "phase5"))

    def test_85_passwords_stay_on_when_the_key_does_not_let_in(self):
        inventory = self.inventory(ansible_ssh_private_key_file=str(self.new), ssh_verification_permit_root_login="yes")
        self.succeeded(play(inventory, "cluster-init.yml", "--tags", "phase5"))
        self.assertTrue(password_logs_in("pve2"))
        # the controller has a public key whose private one is not there
        inventory = self.inventory(
            ansible_ssh_private_key_file="/nowhere", ssh_preparation_public_key=self.new.with_suffix(".pub").read_text(),
            ssh_verification_permit_root_login="prohibit-password",
        )
        end_connections()
        run = play(inventory, "cluster-init.yml", "--tags", "phase5")
        self.assertNotEqual(run.rc, 0, run.output)
        self.assertRegex(run.output, r"cannot log in to node 'pve\d' by key: .* Root can log in by password still\.")
        for node in THREE:
            self.assertTrue(password_logs_in(node), node)

    def test_90_a_removed_node_is_forgotten(self):
        lab("kill", "pve3")
        wait("pve1", "test $(corosync-cmapctl | grep -c '^runtime.members.*status.*= joined') = 2")
        on("pve1", "pvecm delnode pve3")
        for node in ("pve1", "pve2"):
            self.assertIs(logs_in(node, self.new), True)
        inventory = self.inventory(2, ansible_ssh_private_key_file=str(self.new))
        self.succeeded(play(inventory))
        for node in ("pve1", "pve2"):
            self.assertNotIn("pve3", on(node, "cat /root/.ssh/known_hosts /etc/hosts"))

    def test_95_a_node_installed_anew_joins_under_its_name(self):
        before = on("pve1", "cat /etc/pve/nodes/pve3/ssh_known_hosts").split()[-1]
        # a copy of its old key where the roles did not write it
        on("pve2", f"echo '10.77.0.13,elsewhere ssh-rsa {before}' >> /root/.ssh/known_hosts")
        lab("reset", "pve3", "--new-keys")
        inventory = self.inventory(ansible_ssh_private_key_file=str(self.new))
        self.succeeded(play(inventory))
        for node in ("pve1", "pve2"):
            known = on(node, "cat /root/.ssh/known_hosts")
            self.assertNotRegex(known, rf"(?m)^(?!elsewhere ).*{before[-40:].replace('+', '[+]')}", node)
            reached = "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes"
            self.assertIn("pve3", on(node, f"{reached} pve3 hostname && {reached} 10.77.1.13 hostname"))
            # as Proxmox VE itself logs in, for a migration
            pinned = "-o HostKeyAlias=pve3 -o UserKnownHostsFile=/etc/pve/nodes/pve3/ssh_known_hosts -o GlobalKnownHostsFile=none"
            self.assertIn("pve3", on(node, f"{reached} {pinned} 10.77.0.13 hostname"))
        self.unchanged(play(inventory))

    def test_97_one_ssh_folder_for_all_nodes(self):
        # some sites have made the whole folder a link into /etc/pve
        for node in THREE:
            on(node, "cd /root/.ssh && for file in id_* config; do cat $file > /etc/pve/priv/$file; done"
                     " && cd / && rm -r /root/.ssh && ln -s /etc/pve/priv /root/.ssh")
        on("pve1", f"echo 'pve2 ssh-rsa AAAAold' >> /etc/pve/priv/known_hosts && echo '{FOREIGN}' >> /etc/pve/priv/known_hosts")
        inventory = self.inventory(ansible_ssh_private_key_file=str(self.new))
        self.succeeded(play(inventory))
        known = on("pve3", "cat /root/.ssh/known_hosts")
        self.assertNotIn("AAAAold", known)
        self.assertIn(FOREIGN + "\n", known)
        on("pve2", "systemctl stop pve-cluster")
        self.assertIs(logs_in("pve2", self.new), True)
        on("pve2", "systemctl start pve-cluster")
        wait("pve2", "corosync-quorumtool -s | grep -q 'Quorate:.*Yes' && mkdir /etc/pve/priv/lock/t && rmdir /etc/pve/priv/lock/t")
        self.unchanged(play(inventory))
