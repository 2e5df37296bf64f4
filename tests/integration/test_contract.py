# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible and a binary module owe each other: one table of cases, run by the module that stays on the node and in Ansible's own way.

`on-versions` runs it on each ansible-core, and `contract-table` writes what came of it into docs/ANSIBLE.md.
"""

import json
import os
import re
import shutil
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import ANSIBLE, LAB, ROOT, fresh, lab, on

SECRET = "hunter2-never-shown"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1jIVVYOKfOzI9ZoIaNCiLnqdIKkVHjBLuQFNIL4sGS contract@lab"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBl0bBhQ9YkXO5dMZ4HBmTBGgbrP0nD0JHe0oYDNtCaW other@lab"
RESIDENT, OWN = "resident", "Ansible's own"

FACTS = {"pve.cluster.cluster_facts": {}}
SECRETIVE = {"pve.cluster.pvecm_cluster": {
    "state": "joined", "cluster_name": "lab", "cluster_node": "10.77.0.12", "method": "api", "password": SECRET, "fingerprint": SECRET,
}}


def key(line=KEY, state="present"):
    """A task that has a key let in or not."""
    return {"pve.cluster.pve_authorized_key": {"key": line, "state": state}}


NOEXEC = (
    "cannot run module 'cluster_facts' on the node: nothing may be run from '/mnt/noexec/tmp', which is on a file system that is mounted noexec, or closed "
    "to the user that the task becomes: set ansible_remote_tmp to a folder from which programs may be run (for example /root/.ansible/tmp)"
)


def well(node="pve1"):
    """The facts of a node, and nothing else said."""
    def judge(case, result):
        case.assertFalse(result.get("failed", False), result)
        case.assertEqual((result["changed"], result["ansible_facts"]["pve_cluster"]["nodename"]), (False, node))
        case.assertNotIn("warnings", result)
        case.assertNotIn("deprecations", result)
    return judge


def failed(sentence):
    """A failure in exactly these words."""
    def judge(case, result):
        case.assertTrue(result.get("failed"), result)
        case.assertEqual(result["msg"], sentence)
    return judge


def unreachable(*words):
    """Ansible itself could not begin, and says so."""
    def judge(case, result):
        case.assertTrue(result.get("unreachable"), result)
        for word in words:
            case.assertIn(word, result["msg"])
    return judge


def changed(case, result):
    """A change, with the lines before and after it where a diff was asked for."""
    case.assertEqual((result.get("failed", False), result["changed"]), (False, True), result)
    case.assertIn(KEY.split()[1], json.dumps(result["diff"]))


def unchanged(case, result):
    """Nothing was to be done."""
    case.assertEqual((result.get("failed", False), result["changed"]), (False, False), result)


def scrubbed(case, result):
    """It failed, and nothing of the secret is in what it says."""
    case.assertTrue(result.get("failed"), result)
    case.assertTrue(result["msg"])
    case.assertNotIn(SECRET, json.dumps(result))


def looped(case, result):
    """An answer for each item, under its own name."""
    case.assertEqual([(one["item"], one["changed"]) for one in result["results"]], [(KEY, False), (OTHER, True)], result)


def not_root(case, result):
    """As a user who is not root it runs, and says in its own words what it cannot do."""
    case.assertTrue(result.get("failed"), result)
    case.assertRegex(result["msg"], r"^cannot tell which files sshd reads for 'root': ")
    case.assertNotIn("module_stdout", result)


def cases(way):
    """Name, task, and what judges its result. Where the way makes no difference to Ansible (become, async), it is Ansible's own."""
    # a pipe and not a new login: the controller has no agent
    hop = os.environ.get("PVE_CONTRACT_HOP", "")
    own = way == OWN
    return [
        ("plain", FACTS, well()),
        ("check mode", {**key(), "check_mode": True, "diff": True}, changed),
        ("check mode wrote nothing", {**key(state="absent"), "check_mode": True}, unchanged),
        ("diff", {**key(), "diff": True}, changed),
        ("a second time", key(), unchanged),
        ("loop", {**key("{{ item }}"), "loop": [KEY, OTHER]}, looped),
        ("take away again", {**key([KEY, OTHER], "absent"), "diff": True}, changed),
        ("no_log", {**SECRETIVE, "no_log": True}, scrubbed),
        ("a secret without no_log", SECRETIVE, scrubbed),
        ("become root", {**FACTS, "become": True}, well()),
        ("become another user", {**key(), "become": True, "become_user": "admin"}, not_root),
        ("another user with sudo", {**FACTS, "become": True, "vars": {"ansible_user": "admin"}}, well()),
        ("async", {**FACTS, "async": 60, "poll": 1}, well()),
        ("delegate_to", {**FACTS, "delegate_to": "pve2"}, well("pve2")),
        ("foreign locale", {**FACTS, "environment": {"LC_ALL": "ja_JP.UTF-8", "LANG": "fr_FR.UTF-8"}}, well()),
        ("ssh port", {**FACTS, "vars": {"ansible_port": 2222, "ansible_ssh_extra_args": "-o HostKeyAlias=10.77.0.11"}}, well()),
        ("jump host", {**FACTS, "vars": {"ansible_ssh_extra_args": f"-o ProxyCommand='{hop}' -o ControlPath=none"}}, well()),
        ("ControlPersist off", {**FACTS, "vars": {"ansible_ssh_args": "-o ControlMaster=no -o ControlPath=none"}}, well()),
        ("pipelining off", {**FACTS, "vars": {"ansible_pipelining": False, "ansible_ssh_pipelining": False}}, well()),
        ("read-only remote_tmp", {**FACTS, "vars": {"ansible_remote_tmp": "/mnt/readonly/tmp"}},
         unreachable("Failed to create temporary directory", "remote tmp path", "/mnt/readonly/tmp") if own else well()),
        ("noexec remote_tmp", {**FACTS, "vars": {"ansible_remote_tmp": "/mnt/noexec/tmp"}}, failed(NOEXEC) if own else well()),
        ("become with noexec remote_tmp", {**FACTS, "become": True, "vars": {"ansible_remote_tmp": "/mnt/noexec/tmp"}}, failed(NOEXEC)),
    ]


def slug(name):
    """A name as a variable."""
    return "seen_" + re.sub(r"\W", "_", name)


class Contract(unittest.TestCase):
    """On two standalone nodes, by the controller's key."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        fresh(2, key=True)
        cls.folder = Path(tempfile.mkdtemp(prefix="contract-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.outcome = {}
        on("pve1", "mkdir -p /mnt/readonly /mnt/noexec && mount -t tmpfs -o ro tmpfs /mnt/readonly && mount -t tmpfs -o noexec tmpfs /mnt/noexec"
           " && mkdir /run/sshd-2222 && (/usr/sbin/sshd -p 2222 -o PidFile=/run/sshd-2222/pid)"
           " && useradd --create-home --shell /bin/bash admin && mkdir -m 700 /home/admin/.ssh"
           " && cp /root/.ssh/authorized_keys /home/admin/.ssh/ && chown -R admin: /home/admin/.ssh && chmod 600 /home/admin/.ssh/authorized_keys")
        # no lab node has sudo; what the controller's own Debian has needs nothing that they lack
        subprocess.run(["apt-get", "download", "-q", "sudo"], cwd=cls.folder, capture_output=True, check=True)
        (package,) = cls.folder.glob("sudo_*.deb")
        subprocess.run([LAB, "exec", "pve1", "cat > /root/sudo.deb && dpkg -i /root/sudo.deb"], input=package.read_bytes(), capture_output=True, check=True)
        on("pve1", "echo 'admin ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/admin")
        os.environ["PVE_CONTRACT_HOP"] = "ssh -W %h:%p -i $PVE_LAB_KEY -o IdentitiesOnly=yes -o UserKnownHostsFile=$PVE_LAB_KNOWN_HOSTS root@10.77.0.12"

    @classmethod
    def tearDownClass(cls):
        """What came of each case, for the table in docs/ANSIBLE.md."""
        if "PVE_CONTRACT_RESULTS" in os.environ:
            Path(os.environ["PVE_CONTRACT_RESULTS"]).write_text(json.dumps(cls.outcome))

    def ansible(self, program, *words, **environment):
        """Runs a program of Ansible as the controller."""
        done = subprocess.run(
            [LAB, "run", "--", ANSIBLE / program, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=600, cwd=ROOT, check=False,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_DEPRECATION_WARNINGS": "True", **environment},
        )
        return done.returncode, done.stdout

    def play(self, tasks, **environment):
        """What each of these tasks came to, by name, and what was printed."""
        results = self.folder / "results.json"
        results.unlink(missing_ok=True)
        named = [
            {"name": name, "ignore_errors": True, "ignore_unreachable": True, "register": slug(name), **task} for name, task in tasks
        ]
        seen = "{{ {" + ", ".join(f"'{name}': {slug(name)}" for name, _task in tasks) + "} | to_json | string }}"
        last = {"name": "Keep the results", "ansible.builtin.copy": {"content": seen, "dest": str(results), "mode": "0600"}, "delegate_to": "localhost",
                "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}}
        (self.folder / "play.json").write_text(json.dumps([{"hosts": "pve1", "gather_facts": False, "tasks": [*named, last]}]))
        _code, printed = self.ansible("ansible-playbook", self.folder / "play.json", **environment)
        self.assertTrue(results.exists(), printed)
        return json.loads(results.read_text()), printed

    def note(self, name, way, judge):
        """Judges a case, and keeps what came of it."""
        with self.subTest(name=name, way=way):
            self.outcome.setdefault(name, {})[way] = False
            judge()
            self.outcome[name][way] = True

    def table(self, way, **variables):
        """All cases in one of the ways."""
        table = cases(way)
        extra = {"vars": {"pve_cluster_resident": way == RESIDENT}}
        tasks = [(name, {**task, "vars": {**extra["vars"], **task.get("vars", {})}}) for name, task, _judge in table]
        results, printed = self.play(tasks, **variables)
        for name, _task, judge in table:
            self.note(name, way, lambda name=name, judge=judge: judge(self, results[name]))
        self.note("nothing secret, deprecated or unexpected is printed", way, lambda: self.silent(printed))

    def silent(self, printed):
        """No secret, and no warning of Ansible's."""
        self.assertNotIn(SECRET, printed)
        self.assertEqual(re.findall(r"(?m)^.*(?:\[DEPRECATION WARNING\]|\[WARNING\]|Traceback).*$", printed), [], printed)

    def test_10_by_the_module_that_stays(self):
        self.table(RESIDENT)
        # it did stay: one file, and nothing that Ansible would have copied
        self.assertEqual(on("pve1", "ls /root/.ansible/pve.cluster | wc -l").strip(), "1")

    def test_20_in_ansibles_own_way(self):
        self.table(OWN)

    def test_30_ad_hoc(self):
        for way in (RESIDENT, OWN):
            for words in ((), ("-vvv",)):
                def judge(way=way, words=words):
                    code, printed = self.ansible(
                        "ansible", "pve1", "-m", "pve.cluster.cluster_facts", "-a", "gather=health", "-e", f"pve_cluster_resident={way == RESIDENT}", *words
                    )
                    self.assertEqual(code, 0, printed)
                    self.assertRegex(printed, r'(?s)pve1 \| SUCCESS => .*"nodename": "pve1"')
                    self.assertRegex(printed, r'"health": \{')
                    self.silent(printed)
                self.note(" ".join(["ansible -m", *words]), way, judge)

    def other_build(self, change):
        """The collection with another binary, in a folder of its own."""
        root = Path(tempfile.mkdtemp(dir=self.folder))
        target = root / "ansible_collections/pve/cluster"
        target.mkdir(parents=True)
        shutil.copytree(ROOT / "plugins", target / "plugins", symlinks=True)
        shutil.copytree(ROOT / "meta", target / "meta")
        shutil.copytree(ROOT / "libexec", target / "libexec", symlinks=True)
        binary = target / "libexec/pve-cluster"
        binary.write_bytes(change(bytearray(binary.read_bytes())))
        return root, binary

    def test_40_a_binary_for_another_machine(self):
        def arm(content):
            struct.pack_into("<H", content, 18, 183)
            return content

        root, _binary = self.other_build(arm)
        wanted = ("cannot run module 'cluster_facts' on the node: the collection's modules are built for aarch64, and the node is another machine "
                  "(see 'uname -m' there): it cannot be a node of these clusters")
        for way in (RESIDENT, OWN):
            task = {**FACTS, "vars": {"pve_cluster_resident": way == RESIDENT}}
            results, _printed = self.play([("arm", task)], ANSIBLE_COLLECTIONS_PATH=str(root))
            self.note("a binary for another machine", way, lambda results=results: failed(wanted)(self, results["arm"]))

    def test_41_a_binary_that_was_cut_off(self):
        root, binary = self.other_build(lambda content: content[:100000])
        size = (ROOT / "libexec/pve-cluster").stat().st_size
        for way in (RESIDENT, OWN):
            task = {**FACTS, "vars": {"pve_cluster_resident": way == RESIDENT}}
            results, _printed = self.play([("cut", task)], ANSIBLE_COLLECTIONS_PATH=str(root))
            wanted = (f"cannot run module 'cluster_facts': '{binary}' on the controller: it is not whole (100000 bytes of {size}): "
                      "install the collection again, or run 'make build' in a clone")
            self.note("a binary that was cut off", way, lambda results=results, wanted=wanted: failed(wanted)(self, results["cut"]))

    def test_50_a_folder_on_the_node_that_is_not_to_be_trusted(self):
        folder, words = "/root/.ansible/pve.cluster", "cannot keep the modules in '~/.ansible/pve.cluster' on the node: '/root/.ansible"
        for name, before, sentence, after in (
            ("a folder of somebody else's", f"chown admin {folder}", "/pve.cluster': it belongs to user 1000 and not to user 0: see who made it so, "
             f"then remove it ('rm -r {folder}'): the next task makes it again", f"chown root {folder}"),
            ("a folder that others can reach", f"chmod 755 {folder}", "/pve.cluster': others can reach it (mode 755 instead of 700): see who made it so, "
             f"then remove it ('rm -r {folder}'): the next task makes it again", f"chmod 700 {folder}"),
            ("a folder that is a link", f"mv {folder} /root/elsewhere && ln -s /root/elsewhere {folder}", "/pve.cluster': it is a link: remove the link",
             f"rm {folder} && mv /root/elsewhere {folder}"),
            ("others can write above it", "chmod 777 /root/.ansible",
             "': others can write in it (mode 777): see who made it so, then 'chmod go-w /root/.ansible'",
             "chmod 700 /root/.ansible"),
        ):
            on("pve1", before)
            try:
                results, _printed = self.play([("folder", FACTS)])
            finally:
                on("pve1", after)
            self.note(name, RESIDENT, lambda results=results, sentence=sentence: failed(words + sentence)(self, results["folder"]))
        results, _printed = self.play([("folder", FACTS)])
        well()(self, results["folder"])


if __name__ == "__main__":
    unittest.main()
