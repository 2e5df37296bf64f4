# SPDX-License-Identifier: GPL-3.0-or-later
"""A standalone node without a container: the daemon in private namespaces of this machine.

Needs root and /dev/fuse. Nothing outside the namespaces changes: /etc is an overlay, and
the daemon's other directories are empty tmpfs mounts. All commands run inside.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(HERE)

_SETUP = r"""
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$W"
mkdir "$W/upper" "$W/work" "$W/lib"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$W/upper,workdir=$W/work" /etc
mkdir -p /etc/pve /etc/corosync /var/lib/pve-cluster
mount -t tmpfs tmpfs /var/lib/pve-cluster
mount -t tmpfs tmpfs /run
mkdir -p /usr/lib/pmxcfs-standin
mount -t tmpfs tmpfs /usr/lib/pmxcfs-standin
cp -r "$SOURCE/pmxcfs_standin" /usr/lib/pmxcfs-standin/
hostname "$NAME"
printf '127.0.0.1 localhost\n%s %s.lab.local %s\n' "$ADDRESS" "$NAME" "$NAME" > /etc/hosts
printf 'hosts: files\ngroup: files\n' > /etc/nsswitch.conf
echo ready
exec sleep infinity
"""


class LocalNode:
    """Use as a context manager; `start()` starts the daemon, `run()` runs a shell command beside it."""

    def __init__(self, name="pve1", address="10.77.0.11"):
        self.name, self.address = name, address

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="pmxcfs-test-")
        made = [path for path in ("/var/lib/pve-cluster", "/usr/lib/pmxcfs-standin") if not os.path.exists(path)]
        self.made = made
        for path in made:
            os.makedirs(path)
        environment = dict(os.environ, W=self.folder, SOURCE=SOURCE, NAME=self.name, ADDRESS=self.address)
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--uts", "--ipc", "--net", "sh", "-c", _SETUP],
            env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError("the private namespaces could not be set up")
        return self

    def run(self, command, check=False, timeout=60):
        return subprocess.run(
            ["nsenter", "-t", str(self.process.pid), "-m", "-u", "-i", "-n", "sh", "-c", command],
            capture_output=True, text=True, check=check, timeout=timeout,
        )

    def start(self, arguments=""):
        return self.run(f"{SOURCE}/pmxcfs {arguments}")

    def pid(self):
        return int(self.run("cat /run/pve-cluster.pid").stdout or 0)

    def stop(self):
        pid = self.pid()
        if pid:
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + 10
            while self._lives(pid) and time.monotonic() < deadline:
                time.sleep(0.02)

    @staticmethod
    def _lives(pid):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                return file.read().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    def __exit__(self, *_):
        try:
            self.stop()
        finally:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process.stdout.close()
            shutil.rmtree(self.folder, ignore_errors=True)
            for path in self.made:
                os.rmdir(path)
