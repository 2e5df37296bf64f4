# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tarball holds what tools/dist.list names and nothing that lies around, and no shipped document links to what is not shipped."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[3]
SECRET = "labpass-that-nobody-may-see"
# What lies around in a clone: made as the README says, left by a run or an editor, or added to git by mistake.
LYING_AROUND = ("inventory/hosts.yml", "inventory/group_vars/all/vault.yml", "reports/Matrix-inventory.yml", "group_vars/all.yml", "host_vars/pve1.yml",
                "inventory.ini", "playbooks/cluster-init.retry", "plugins/filter/.ssm_values.py.swp", "roles/preflight/tasks/.main.yml.swp")  # fmt: skip
UNTRACKED = ("id_ed25519", "notes.txt", "playbooks/mine.yml", "roles/preflight/files/password", "docs/mine.md", "libexec/core", "plugins/modules/my_own",
             "inventory.example/group_vars/matrix_cluster/vault.yml")  # fmt: skip
ADDED = ("vault.yml", "docs/private/nodes.md", "inventory.example/hosts.yml.orig", "playbooks/group_vars/all.yml", "roles/preflight/files/a/key", "tools/mine")
# What tools/build leaves in libexec/, beside the links.
BUILT = ("pve-cluster", "LICENSES-crates.txt", "pve-cluster.cdx.json")


def tracked():
    """The files of this clone that git knows."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in names.split("\0") if name and (ROOT / name).is_symlink() | (ROOT / name).exists()]


class Clone:
    """A clone of what is here, small, with things that lie around."""

    def __init__(self, folder):
        self.folder = Path(folder)
        for name in tracked():
            if not name.startswith(("modules/", "tests/")):
                self.write(name, ROOT / name)
        # What is packed is read by nobody here.
        for name in BUILT:
            self.write(f"libexec/{name}", ROOT / "tools/dist")
        # as tools/build leaves it
        for module in (ROOT / "plugins/modules").glob("*.py"):
            (self.folder / "libexec" / module.stem).symlink_to("pve-cluster")
        (self.folder / ".venv").symlink_to(ROOT / ".venv")
        self.git("init", "-q")
        self.git("add", "-A")
        for name in (*LYING_AROUND, *UNTRACKED, *ADDED):
            self.write(name)
        self.git("add", "-f", *ADDED)

    def git(self, *words):
        return subprocess.run(["git", *words], cwd=self.folder, capture_output=True, text=True, check=True).stdout

    def write(self, name, source=None):
        """Copy a file, or write one that nobody may see."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if source:
            shutil.copy2(source, file, follow_symlinks=False)
        else:
            file.write_text(f"ansible_password: {SECRET}\n")

    def contents(self):
        """What is in its only tarball: name -> text, without folders."""
        (tarball,) = (self.folder / "dist").glob("*.tar.gz")
        with tarfile.open(tarball) as packed:
            members = [entry for entry in packed.getmembers() if not entry.isdir()]
            return {entry.name: b"" if entry.issym() else packed.extractfile(entry).read() for entry in members}


class Tarball(unittest.TestCase):
    """Built once from a clone in which much lies around."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="clone-")
        cls.addClassCleanup(folder.cleanup)
        cls.clone = Clone(folder.name)
        cls.building = subprocess.run([cls.clone.folder / "tools/dist"], capture_output=True, text=True, check=False)
        if cls.building.returncode != 0:
            raise AssertionError(cls.building.stdout + cls.building.stderr)
        cls.contents = cls.clone.contents()

    def test_nothing_that_lies_around_gets_in(self):
        self.assertEqual([name for name, text in self.contents.items() if SECRET.encode() in text], [])
        self.assertEqual({*LYING_AROUND, *UNTRACKED, *ADDED} & set(self.contents), set())

    def test_everything_that_belongs_there_does(self):
        modules = {path.stem for path in (ROOT / "plugins/modules").glob("*.py")}
        self.assertEqual({name for name in self.contents if name.startswith("libexec/")}, {f"libexec/{name}" for name in (*modules, *BUILT)})
        # made by ansible-galaxy, which leaves galaxy.yml out
        written = {"MANIFEST.json", "FILES.json"}
        folders = ("docs/", "meta/", "playbooks/", "plugins/", "roles/", "inventory.example/")
        alone = {
            "README.md", "LICENSE", "CHANGELOG.rst", "changelogs/changelog.yaml", "changelogs/config.yaml",
            "tools/cluster-health", "tools/cluster_health.py",
        }
        wanted = {name for name in tracked() if name.startswith(folders) or name in alone} | written
        self.assertEqual({name for name in self.contents if not name.startswith("libexec/")}, wanted)

    def test_what_git_does_not_track_is_named(self):
        named = re.findall(r"'(.+)' is not in the tarball: git does not track it", self.building.stderr)
        self.assertEqual(set(named), {"playbooks/mine.yml", "roles/preflight/files/password", "docs/mine.md", "plugins/modules/my_own"})

    def test_git_ignores_an_administrators_own_files(self):
        ignored = subprocess.run(["git", "check-ignore", "--no-index", *LYING_AROUND], cwd=self.clone.folder, capture_output=True, text=True, check=False)
        self.assertEqual(set(ignored.stdout.split()), set(LYING_AROUND))

    def test_a_build_without_the_list_leaves_them_out_too(self):
        galaxy = ROOT / ".venv/bin/ansible-galaxy"
        command = [galaxy, "collection", "build", "--force", "--output-path", "dist", "."]
        run = subprocess.run(command, cwd=self.clone.folder, capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual({*LYING_AROUND} & set(self.clone.contents()), set())

    def test_every_link_leads_somewhere(self):
        repository = re.search(r"(?m)^repository: (.+)$", (ROOT / "galaxy.yml").read_text()).group(1)
        folders = {str(parent) for name in self.contents for parent in Path(name).parents}
        dead, seen = [], 0
        for name, text in self.contents.items():
            if not name.endswith((".md", ".rst")):
                continue
            for link in re.findall(r"\]\(([^)\s]+)\)", text.decode()):
                seen += 1
                if link.startswith(repository):
                    # the same file, in the repository
                    inside = re.sub(r"^/(blob|tree)/main/", "", link.removeprefix(repository).partition("#")[0])
                    good = inside in ("", "/issues") or (ROOT / inside).exists()
                elif link.startswith("https://"):
                    good = True
                else:
                    target = (ROOT / name).parent / link.partition("#")[0] if link[0] != "#" else ROOT / name
                    inside = str(target.resolve().relative_to(ROOT))
                    good = inside in self.contents or inside in folders
                if not good:
                    dead.append(f"{name}: {link}")
        self.assertGreater(seen, 10)
        self.assertEqual(dead, [])

    def test_the_same_commit_gives_the_same_bytes(self):
        def build(umask):
            run = subprocess.run(["sh", "-c", f"umask {umask}; exec tools/dist"], cwd=self.clone.folder, capture_output=True, text=True, check=False)
            self.assertEqual(run.returncode, 0, run.stderr)
            (tarball,) = (self.clone.folder / "dist").glob("*.tar.gz")
            return tarball.name, hashlib.sha256(tarball.read_bytes()).hexdigest(), (self.clone.folder / "dist/SHA256SUMS").read_text()

        first = build("022")
        # another time, and another user's umask
        for path in self.clone.folder.rglob("*"):
            if path.is_file() and not path.is_symlink() and ".git/" not in str(path):
                os.utime(path, (1, 1))
        self.assertEqual(build("077"), first)
        self.assertIn(f"{first[1]}  {first[0]}\n", first[2])

    def test_its_checksums_are_those_of_its_files(self):
        # what `ansible-galaxy collection verify` compares
        manifest, files = (json.loads(self.contents[name]) for name in ("MANIFEST.json", "FILES.json"))
        self.assertEqual(manifest["file_manifest_file"]["chksum_sha256"], hashlib.sha256(self.contents["FILES.json"]).hexdigest())
        said = {file["name"]: file["chksum_sha256"] for file in files["files"] if file["ftype"] == "file"}
        real = {name: hashlib.sha256(text).hexdigest() for name, text in self.contents.items() if name in said and not name.startswith(("plugins/modules/", "libexec/"))}
        self.assertGreater(len(real), 100)
        self.assertEqual({name: said[name] for name in real}, real)

    def test_the_version_is_the_same_everywhere(self):
        crate = re.search(r'(?m)^version = "(.+)"$', (ROOT / "Cargo.toml").read_text())[1]
        galaxy = re.search(r"(?m)^version: (.+)$", (ROOT / "galaxy.yml").read_text())[1]
        released = re.findall(r"(?m)^  (\d+\.\d+\.\d+):$", (ROOT / "changelogs/changelog.yaml").read_text())[-1]
        self.assertEqual((galaxy, released), (crate, crate))

    def test_a_clone_that_is_not_built_says_so(self):
        built = self.clone.folder / "libexec/pve-cluster"
        away = built.rename(built.with_name("away"))
        self.addCleanup(away.rename, built)
        run = subprocess.run([self.clone.folder / "tools/dist"], capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, 1)
        self.assertTrue(run.stderr.endswith("cannot build the tarball: there is no 'libexec/pve-cluster'; run tools/build\n"), run.stderr)


class Setup(unittest.TestCase):
    """The first error of the first command."""

    maxDiff = None

    def run_with(self, **programs):
        """tools/setup where nothing but these programs and the base system's is there."""
        with tempfile.TemporaryDirectory(prefix="path-") as folder:
            # apt-get, pip and the like: nothing may have been begun by then
            for name, text in {**programs, "apt-get": "echo begun", "python3": "echo begun"}.items():
                file = Path(folder, name.replace("_", "-"))
                file.write_text(f"#!/bin/sh\n{text}\n")
                file.chmod(0o755)
            for name in ("sh", "dirname", "sed", "cut", "sort", "head"):
                Path(folder, name).symlink_to(shutil.which(name))
            run = subprocess.run([ROOT / "tools/setup"], env={"PATH": folder}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            self.assertEqual((run.returncode, run.stdout), (1, ""), run.stderr)
            return run.stderr.replace(folder, "/usr/bin")

    def test_debian_12s_rust_is_refused_in_one_message(self):
        said = self.run_with(rustc="echo 'rustc 1.63.0'", cargo="echo 'cargo 0.66.0'")
        self.assertEqual(said, "cannot build with Rust 1.63.0 (/usr/bin/rustc, cargo 0.66.0): Rust 1.88 or newer is needed, and no Debian release up to 13 "
                               "has it; install one with rustup (https://rustup.rs), then run this again\n")  # fmt: skip

    def test_no_rust_is_refused_in_one_message(self):
        said = self.run_with(rustc="echo 'rustc 1.99.0'")
        self.assertEqual(said, "cannot find 'cargo': building needs Rust 1.88 or newer, and no Debian release up to 13 has it; install one with rustup "
                               "(https://rustup.rs), then run this again\n")  # fmt: skip

    def test_the_version_is_the_workspaces_and_the_readmes(self):
        wanted = re.search(r'(?m)^rust-version = "(.+)"$', (ROOT / "Cargo.toml").read_text()).group(1)
        self.assertIn(f"Rust {wanted} or newer", (ROOT / "README.md").read_text())
        for version, fits in ((f"{wanted}.0", True), ("1.100.0", True), ("2.0.0", True), ("1.87.9", False), ("1.9.0", False)):
            with self.subTest(version):
                said = self.run_with(rustc=f"echo 'rustc {version} (abc 2025-01-01)'", cargo="echo 'cargo 1.0.0'")
                self.assertEqual("cannot build with Rust" in said, not fits, said)


class Health(unittest.TestCase):
    """tools/cluster-health finds the collection that it is a part of."""

    def environment(self, own, **given):
        loader = SourceFileLoader("cluster_health_tool", str(ROOT / "tools/cluster_health.py"))
        tool = module_from_spec(spec_from_loader(loader.name, loader))
        with mock.patch.object(sys, "dont_write_bytecode", True):
            loader.exec_module(tool)
        return tool.environment(Path(own), given)

    def test_it_runs_from_anywhere_and_through_links(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "check").symlink_to(ROOT / "tools/cluster-health")
            for program, cwd in ((ROOT / "tools/cluster-health", "/"), (Path(folder, "check"), "/"), ("./check", folder), ("tools/cluster-health", ROOT)):
                with self.subTest(program):
                    run = subprocess.run([program, "-o", "a b"], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
                    self.assertEqual((run.returncode, run.stdout), (2, ""), run.stderr)
                    self.assertRegex(run.stderr, r"(?m)^usage: cluster-health ")
                    self.assertIn("invalid choice: 'a b'", run.stderr)

    def test_a_clone_has_its_own_configuration(self):
        self.assertEqual(self.environment(ROOT, A="b"), {"A": "b", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")})

    def test_an_installed_collection_is_found_where_it_is(self):
        home = str(Path("~/.ansible/collections").expanduser().resolve())
        for above, given, expected in (
            (home, {}, {}),
            ("/usr/share/ansible/collections", {}, {}),
            ("/opt/c", {}, {"ANSIBLE_COLLECTIONS_PATH": "/opt/c:~/.ansible/collections:/usr/share/ansible/collections"}),
            ("/opt/c", {"ANSIBLE_COLLECTIONS_PATH": "/a:/b"}, {"ANSIBLE_COLLECTIONS_PATH": "/opt/c:/a:/b"}),
            (home, {"ANSIBLE_COLLECTIONS_PATH": "/a"}, {"ANSIBLE_COLLECTIONS_PATH": f"{home}:/a"}),
            (home, {"ANSIBLE_CONFIG": "mine.cfg"}, {"ANSIBLE_CONFIG": "mine.cfg"}),
        ):
            with self.subTest(above, **given):
                self.assertEqual(self.environment(f"{above}/ansible_collections/pve/cluster", **given), expected)
        self.assertEqual(self.environment("/opt/unpacked", A="b"), {"A": "b"})


if __name__ == "__main__":
    unittest.main()
