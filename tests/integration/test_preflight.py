# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that is checked before a formation, made wrong on purpose on real nodes: found, worded, and nothing is touched."""

import json
import re
from contextlib import contextmanager

from harness import Inventory, fresh, lab, on, play, untouched, wait, wait_members
from preflight_cases import LAB_LIMITS, THREE, Lab, edited, entry, put, wrong


class Preflight(Lab):
    """Standalone nodes. Each case undoes what it did."""

    def test_10_nodes_that_are_ready_and_stay_untouched(self):
        self.finds([])
        for line in ("link 0: 2 of 2 nodes answer", "TCP port 22: open on 2 of 2 nodes", "TCP port 8006: open on 2 of 2 nodes"):
            self.assertEqual(self.output.count(line), 3, self.output)
        for name in THREE:
            self.assertEqual(on(name, "ss -Huan sport ge 5405 and sport le 5412"), "", "a socket was left open")
        # what says so of every case would see a file anywhere, and a rule
        for touch in ("touch /usr/share/touched", "rm /usr/share/touched", "nft add table inet touched", "nft delete table inet touched"):
            with self.assertRaises(AssertionError, msg=touch), untouched(self, ["pve1"]):
                on("pve1", touch)

    def test_02_the_controllers_key(self):
        run = play(Inventory(3), "cluster-init.yml", "--tags", "phase1", "-e", "ssh_preparation_public_key_file=/nowhere.pub")
        self.assertEqual(run.rc, 2, run.output)
        self.assertIn(
            "cannot prepare ssh of node 'pve1': the controller's public key '/nowhere.pub' cannot be read: name its file in "
            "ssh_preparation_public_key_file, or give the key itself in ssh_preparation_public_key (that of an agent is what 'ssh-add -L' prints), "
            "or make a pair with 'ssh-keygen -t ed25519'", run.output,
        )
        # phase 5 alone, and a rotation, need it too
        for words, said in (
            (
                ("cluster-init.yml", "--tags", "phase5", "-e", "ssh_verification_public_key_file=/nowhere.pub"),
                "cannot verify ssh of node 'pve1': the controller's public key '/nowhere.pub' cannot be read: name its file in "
                "ssh_verification_public_key_file, or give the key itself in ssh_verification_public_key (that of an agent is what 'ssh-add -L' "
                "prints), or make a pair with 'ssh-keygen -t ed25519'",
            ),
            (
                ("cluster-rotate-key.yml", "-e", "key_rotation_new_private_key_file=/nowhere", "-e", "key_rotation_old_public_key_file=/old.pub"),
                "cannot replace the controller's key: the new public key '/nowhere.pub' cannot be read: name the file of a new pair in "
                "key_rotation_new_private_key_file, as 'ssh-keygen -t ed25519' makes one; the old public key '/old.pub' cannot be read: name its "
                "file in key_rotation_old_public_key_file, or give the key itself in key_rotation_old_public_key",
            ),
        ):
            with self.subTest(words=words):
                run = play(Inventory(3), *words)
                self.assertEqual((run.rc, set(run.changed().values())), (2, {0}), run.output)
                self.assertIn(said, run.output)
        # Ansible knows more than one way to say which key it is to use
        inventory = Inventory(3)
        hosts = json.loads((inventory.folder / "hosts.yml").read_text())
        key = hosts["all"]["vars"].pop("ansible_ssh_private_key_file")
        (inventory.folder / "hosts.yml").write_text(json.dumps(hosts))
        for words in (("-e", f"ansible_private_key_file={key}"), ("--private-key", key)):
            with self.subTest(words=words):
                run = play(inventory, "cluster-init.yml", "--tags", "phase1", *words)
                self.assertEqual((run.rc, set(run.changed().values())), (0, {0}), run.output)

    def test_11_a_run_without_any_node_of_the_cluster_is_no_success(self):
        inventory = Inventory(3)
        hosts = json.loads((inventory.folder / "hosts.yml").read_text())
        hosts["all"]["children"]["others"] = {"hosts": {"other": {"ansible_host": "10.77.0.99"}}}
        (inventory.folder / "hosts.yml").write_text(json.dumps(hosts))
        for playbook in ("cluster-preflight.yml", "cluster-init.yml", "cluster-health.yml"):
            with self.subTest(playbook=playbook):
                run = play(inventory, playbook, "--limit", "other")
                self.assertEqual(run.rc, 2, run.output)
                self.assertIn("see inventory.example (this run is limited to 'other': run without --limit)", run.output)

    def test_12_clocks_that_nothing_keeps_right(self):
        answers = {"pve1": ("yes", "yes"), "pve2": ("yes", "no"), "pve3": ("no", "no")}
        for node, (service, synchronised) in answers.items():
            on(node, put("/usr/sbin/timedatectl", f"#!/bin/sh\nprintf 'NTP={service}\\nNTPSynchronized={synchronised}\\n'\n", "0755"))
        try:
            self.finds([("warning", "clock", "pve2", None, None), ("warning", "clock", "pve3", None, None)], preflight_waive=["bridge-missing", "loss"])
        finally:
            for node in THREE:
                on(node, "rm /usr/sbin/timedatectl")
        self.assertEqual(
            [one["remedy"] for one in self.findings], ["see 'chronyc sources' or 'timedatectl timesync-status' on it", "install and enable chrony"]
        )

    def test_20_the_machine_itself(self):
        on("pve2", "systemctl stop pvedaemon; mv /usr/bin/rsync /usr/bin/rsync.kept")
        on("pve3", "cp -a /root/.ssh/id_rsa /root/id_rsa.kept; ssh-keygen -q -p -P '' -N secret1 -f /root/.ssh/id_rsa")
        on("pve3", "echo 'PermitRootLogin no' > /etc/ssh/sshd_config.d/00-wrong.conf")
        on("pve3", "ip link add vmbr0 type bridge")
        on("pve3", "printf '[Service]\\nType=oneshot\\nExecStart=/usr/bin/pvecm expected 1\\n' > /etc/systemd/system/always-quorate.service")
        try:
            # sshd goes on with what it has read; the file is what its next start will take
            self.finds(
                [
                    ("warning", "service", "pve2", None, None), ("error", "program-missing", "pve2", None, None),
                    ("error", "root-key", "pve3", None, None), ("error", "root-login", "pve3", None, None),
                    ("error", "expected-by-itself", "pve3", None, None),
                    *[("error", "disk-space", name, None, None) for name in THREE],
                    *[("warning", "bridge-missing", name, None, None) for name in ("pve1", "pve2")],
                ],
                "the service pvedaemon is inactive", "rsync is not installed, and pvecm joins with it",
                "/root/.ssh/id_rsa is damaged or behind a passphrase", "PermitRootLogin no",
                preflight_free_mib=99999999, preflight_waive=["clock", "loss"],
            )
        finally:
            on("pve2", "systemctl start pvedaemon; mv /usr/bin/rsync.kept /usr/bin/rsync")
            on("pve3", "mv /root/id_rsa.kept /root/.ssh/id_rsa; rm /etc/ssh/sshd_config.d/00-wrong.conf /etc/systemd/system/always-quorate.service; ip link del vmbr0")

    def test_21_what_a_join_would_drop(self):
        token = "Sup3rS3cret"
        on("pve2", "cp /etc/pve/storage.cfg /root/storage; printf 'nfs: backup\\n\\tserver 10.99.0.1\\n\\texport /b\\n' >> /etc/pve/storage.cfg")
        on("pve2", f"mkdir -p /etc/pve/priv/storage; echo {token} > /etc/pve/priv/storage/backup.pw")
        on("pve2", "cp /etc/pve/user.cfg /root/user; echo 'user:alice@pve:1:0:::a@x::' >> /etc/pve/user.cfg")
        on("pve2", "printf 'local: 100-0\\n\\ttarget pve1\\n' > /etc/pve/replication.cfg; echo '[global]' > /etc/pve/ceph.conf")
        on("pve2", "mkdir -p /etc/pve/ha; printf 'vm: 100\\n\\tstate ignored\\n' > /etc/pve/ha/resources.cfg; echo x > /etc/pve/qemu-server/100.conf")
        on("pve2", "cp /etc/pve/priv/authorized_keys /root/keys; echo ssh-ed25519 AAAA$(head -c 60 /dev/zero | tr '\\0' Q) alice@home >> /root/.ssh/authorized_keys")
        on("pve1", "mkdir -p /etc/pve/priv; echo '{\"users\":{\"root@pam\":{\"totp\":[{\"info\":{\"id\":\"x\"}}]}}}' > /etc/pve/priv/tfa.cfg")
        on("pve1", "mkdir -p /etc/pve/firewall; printf '[OPTIONS]\\nenable: 1\\n' > /etc/pve/firewall/cluster.fw")
        try:
            self.finds(
                [
                    ("error", "replication", "pve2", None, None), ("warning", "ceph", "pve2", None, None), ("error", "ha-resources", "pve2", None, None),
                    ("error", "guests", "pve2", None, None), ("warning", "definitions", "pve2", None, None), ("warning", "foreign-keys", "pve2", None, None),
                    ("warning", "second-factor", "pve1", None, None), ("warning", "firewall", "pve1", None, None),
                ],
                "joining would drop what is defined in its /etc/pve: storage.cfg (backup), user.cfg (alice@pve), priv/storage/backup.pw",
                "would no longer be accepted after the join (alice@home)", "it has guests (100)", "replication jobs (100-0)", "HA resources (vm:100)",
            )
        finally:
            on("pve2", "rm -rf /etc/pve/replication.cfg /etc/pve/ceph.conf /etc/pve/ha/resources.cfg /etc/pve/qemu-server/100.conf"
               " /etc/pve/priv/storage; cat /root/storage > /etc/pve/storage.cfg; cat /root/user > /etc/pve/user.cfg;"
               " cat /root/keys > /etc/pve/priv/authorized_keys")
            on("pve1", "rm /etc/pve/priv/tfa.cfg /etc/pve/firewall/cluster.fw")
        self.assertNotIn(token, self.output)

    def test_24_names(self):
        def without(name):
            return f"'/\\b{name}\\b/d'"

        with edited("pve3", "/etc/hosts", without("pve1")), wrong("pve3", "echo '127.0.1.1 pve1 pve1.lab.local' >> /etc/hosts", "true"):
            self.finds(
                [("error", "loopback", "pve3", "pve1", None)] * 2 + [("warning", "reverse-lookup", "pve3", "pve1", None)],
                "'pve1' resolves to a loopback address", "'pve1.lab.local' resolves to a loopback address", "it cannot look up the name of 10.77.0.11",
            )
        with edited("pve3", "/etc/hosts", "'s/^10.77.0.11/10.77.0.12/'"), edited("pve2", "/etc/hosts", without("pve3")):
            self.finds(
                [("error", "lookup-address", "pve3", "pve1", None)] * 2
                + [("warning", "reverse-lookup", "pve3", peer, None) for peer in ("pve1", "pve2")]
                + [("error", "lookup", "pve2", "pve3", None)] * 2 + [("warning", "reverse-lookup", "pve2", "pve3", None)],
                "'pve1' resolves to 10.77.0.12, but its management address is 10.77.0.11", "it cannot look up 'pve3.lab.local'",
                "10.77.0.12 is looked up as 'pve1.lab.local', not as 'pve2'",
                preflight_names_follow=False,
            )
        # an address of the node all the same
        with edited("pve3", "/etc/hosts", "'s/^10.77.0.11/10.77.1.11/'"):
            self.finds(
                [("warning", "lookup-address", "pve3", "pve1", None)] * 2 + [("warning", "reverse-lookup", "pve3", "pve1", None)],
                "'pve1' resolves to 10.77.1.11, but its management address is 10.77.0.11",
            )

    def test_25_versions(self):
        def version(node, text):
            return edited(node, "/var/lib/dpkg/status", f"'/^Package: pve-manager$/,/^$/ s/^Version: .*/Version: {text}/'")

        setup = "/usr/share/perl5/PVE/Cluster"
        protocol = wrong(
            "pve3", f"mkdir -p {setup}; echo 'use constant JOIN_API_VERSION => 3;' > {setup}/Setup.pm", f"rm {setup}/Setup.pm; rmdir {setup} || true"
        )
        with version("pve2", "8.4.1"), protocol:
            self.finds(
                [("warning", "mixed-versions", None, None, None), ("error", "join-api", "pve3", "pve1", None)],
                "the nodes run different major versions of Proxmox VE (8: pve2; 9: pve1, pve3)",
                "it joins by version 3 of the protocol, 'pve1' by 1, and they accept one version less than their own",
            )
        with version("pve2", "7.4-3"), version("pve3", "10.0.2"):
            self.finds(
                [
                    ("error", "pve-version", "pve2", None, None), ("error", "pve-version", "pve3", None, None),
                    ("warning", "mixed-versions", None, None, None),
                ],
                "Proxmox VE 7.4-3 is not known to work", "Proxmox VE 10.0.2 is not known to work",
            )

    def test_26_nodes_that_are_not_what_the_inventory_says(self):
        on("pve2", "mkdir -p /etc/corosync; echo x > /etc/corosync/authkey")
        on("pve3", "mv /usr/bin/pveversion /usr/bin/pveversion.kept; cp /var/lib/dpkg/status /root/dpkg-status;"
           " sed -i '/^Package: pve-manager$/,/^$/ s/^Status: .*/Status: deinstall ok config-files/' /var/lib/dpkg/status")
        try:
            found = self.found(entry(Inventory(3), 2, corosync_ip="10.77.1.99"), cluster_environment="production")
        finally:
            on("pve2", "rm /etc/corosync/authkey")
            on("pve3", "mv /usr/bin/pveversion.kept /usr/bin/pveversion; cat /root/dpkg-status > /var/lib/dpkg/status")
        for wanted in (
            ("error", "leftovers", "pve2", None, None), ("error", "pve-missing", "pve3", None, None), ("error", "link-address", "pve2", None, 0),
        ):
            self.assertIn(wanted, found)
        self.assertEqual(self.said("link-address"), ["the address 10.77.1.99 of link 0 is not on this node"])
        renamed = Inventory(2)
        hosts = renamed.folder / "hosts.yml"
        hosts.write_text(hosts.read_text().replace("10.77.0.12", "10.77.0.13"))
        found = self.found(entry(renamed, 2, management_ip="10.77.0.13", corosync_ip="10.77.1.13"), cluster_environment="production")
        self.assertIn(("error", "host-name", "pve2", None, None), found)
        self.assertIn(("error", "too-few-nodes", None, None, None), found)
        self.assertEqual(self.said("host-name"), ["its host name is 'pve3', the inventory calls it 'pve2'"])

    def test_28_addresses_of_two_nodes_that_are_swapped_are_refused_before_anything_is_written(self):
        swapped = entry(entry(Inventory(3), 2, management_ip="10.77.0.13"), 3, management_ip="10.77.0.12")
        found = self.found(swapped)
        for wanted in (("error", "management-address", "pve2", "pve3", None), ("error", "management-address", "pve3", "pve2", None)):
            self.assertIn(wanted, found)
        with untouched(self, THREE):
            run = play(swapped, "cluster-init.yml", "-e", json.dumps(LAB_LIMITS))
        self.assertEqual((run.rc, set(run.changed().values())), (2, {0}), run.output)
        self.assertIn("its management address 10.77.0.13 is on 'pve3'", run.output)

    def test_27_pmxcfs_that_does_not_run(self):
        with wrong("pve3", "systemctl stop pve-cluster", "systemctl start pve-cluster"):
            self.assertIn(("error", "pmxcfs-stopped", "pve3", None, None), self.found())


class Joining(Lab):
    """A cluster of pve1 and pve2, and pve3, which is to join it."""

    @classmethod
    def prepare(cls):
        fresh(3, key=True)
        run = play(Inventory(2), "cluster-init.yml", "-e", json.dumps(LAB_LIMITS))
        assert run.rc == 0, run.output
        run = play(Inventory(3), "cluster-init.yml", "--tags", "phase1")
        assert run.rc == 0, run.output

    def test_70_members_are_measured_beside_their_running_corosync(self):
        self.finds([], inventory=Inventory(2))
        self.finds([])

    def test_71_a_place_that_is_taken(self):
        inventory = Inventory(3)
        hosts = json.loads((inventory.folder / "hosts.yml").read_text())
        del hosts["all"]["children"]["matrix_cluster"]["hosts"]["pve2"]
        (inventory.folder / "hosts.yml").write_text(json.dumps(hosts))
        group = inventory.folder / "group_vars/matrix_cluster.yml"
        nodes = json.loads(group.read_text())
        del nodes["cluster_nodes"][1]
        group.write_text(json.dumps(nodes))
        entry(inventory, 2, node_id=2, corosync_ip="10.77.1.12")
        found = self.found(inventory, preflight_timeout=10)
        for wanted in (("error", "nodeid-taken", "pve3", "pve2", None), ("error", "address-taken", "pve3", "pve2", 0)):
            self.assertIn(wanted, found)
        links = Inventory(3)
        for number in (1, 2, 3):
            links = entry(links, number, links=[{"number": 1, "address": f"10.77.1.1{number}"}])
        self.assertIn(("error", "links-differ", "pve3", None, None), self.found(links))
        self.assertEqual(self.said("links-differ"), ["the inventory gives it the links [1], the cluster has [0]"])

    def test_72_members_that_are_not_there(self):
        lab("block", "pve2")
        try:
            for node in ("pve1", "pve2"):
                wait_members(node, 1)
            found = self.found(preflight_timeout=10)
        finally:
            lab("heal", "pve2")
            for node in ("pve1", "pve2"):
                wait_members(node, 2)
        self.assertIn(("error", "unhealthy-member", "pve1", None, None), found)
        self.assertIn(("error", "member-offline", "pve1", None, None), found)
        self.assertEqual(self.said("member-offline"), ["members of the cluster are not online (pve2), and would miss the new corosync.conf"])

    def test_72_a_node_that_is_admitted(self):
        node = "\\g<0>  node {\n    name: pve3\n    nodeid: 3\n    quorum_votes: 0\n    ring0_addr: 10.77.1.13\n  }\n"
        with self.corosync_conf((r"^nodelist \{\n", node)):
            found = self.found()
        self.assertIn(("warning", "admitted", "pve3", None, None), found)
        self.assertEqual(self.said("admitted"), ["it is admitted to 'lab' and has no vote yet"])
        self.assertFalse({"name-listed", "member-offline"} & {identity for _severity, identity, *_ in found})

    @staticmethod
    @contextmanager
    def corosync_conf(*changes):
        """The cluster runs another corosync.conf for a while: what a pattern matches is something else in it."""
        before = on("pve1", "cat /etc/pve/corosync.conf")
        version = int(re.search(r"config_version: (\d+)", before)[1])

        def change(text, number):
            text = text.replace(f"config_version: {version}", f"config_version: {number}")
            on("pve1", put("/etc/pve/corosync.conf.new", text, "0640") + " && mv /etc/pve/corosync.conf.new /etc/pve/corosync.conf")
            for node in ("pve1", "pve2"):
                wait(node, f"corosync-cmapctl -g totem.config_version | grep -q '= {number}$'")

        after = before
        for pattern, text in changes:
            after = re.sub(f"(?m){pattern}", text, after)
        change(after, version + 1)
        try:
            yield
        finally:
            change(before, version + 2)

    def test_73_a_cluster_with_a_qdevice(self):
        device = "quorum {\n  device {\n    model: net\n    votes: 1\n    net {\n      algorithm: ffsplit\n      host: 10.77.0.1\n    }\n  }\n"
        with self.corosync_conf((r"^quorum \{\n", device)):
            found = self.found()
            # a run that may take it out does so when the nodes join
            giving_way = self.found(cluster_qdevice_readd=True)
        self.assertIn(("error", "qdevice", "pve1", None, None), found)
        self.assertNotIn("qdevice", {identity for _severity, identity, *_ in giving_way})

    def test_74_what_corosync_conf_says(self):
        totem = r"^totem \{\n"
        # 3.1.10 would know it
        with self.corosync_conf((totem, "totem {\n  token: 1000\n  ip_dscp: 0\n  join : 50\n")):
            self.finds(
                [
                    ("error", "misread", None, None, None), ("error", "corosync-release", "pve3", None, None),
                    ("warning", "corosync-release", "pve1", None, None), ("warning", "corosync-release", "pve2", None, None),
                    ("warning", "token-short", None, None, None),
                ],
                "there is a blank between 'join' and its colon", "corosync.conf has 'totem.ip_dscp', which came in with corosync 3.1.10, and pve3 has",
                "(token 1 s + 1 x 0.125 s = 1.125 s) is below the 3.125 s that 3 nodes want",
            )
        with self.corosync_conf((totem, "totem {\n  token: 20000\n")):
            self.finds(
                [("warning", "token-long", None, None, None), ("warning", "many-nodes", None, None, None)],
                "with 3 nodes it takes 44.275 s", "with 3 nodes every write to /etc/pve waits for a token", preflight_many_nodes=3,
            )

    def test_75_members_of_another_cluster(self):
        # whose name begins alike
        self.finds(
            [("error", "other-cluster", name, None, None) for name in ("pve1", "pve2")], "it is a member of cluster 'lab'",
            inventory=Inventory(3, name="lab-2"),
        )

    def test_76_a_join_by_password(self):
        self.finds(
            [("error", "no-password", "pve3", None, None)], "it is to join by password, and there is none",
            inventory=Inventory(3, cluster_join_method="api"),
        )
        factor = '{"users":{"root@pam":{"totp":[{"info":{"id":"x"}}]}}}'
        with wrong("pve1", f"echo '{factor}' > /etc/pve/priv/tfa.cfg", "rm /etc/pve/priv/tfa.cfg"):
            self.finds(
                [("error", "second-factor", "pve1", None, None)], "root@pam has a second factor, which a join by password cannot give",
                inventory=Inventory(3, cluster_join_method="api", cluster_join_password="labpass1"),
            )
        self.assertNotIn("labpass1", self.output)

    def test_79_a_node_that_was_installed_anew(self):
        lab("reset", "pve2", "--key")
        wait_members("pve1", 1)
        found = self.found(Inventory(2), preflight_timeout=10)
        self.assertIn(("error", "name-listed", "pve2", "pve1", None), found)
        self.assertEqual(self.said("name-listed"), ["the cluster lists a node named 'pve2' already"])
