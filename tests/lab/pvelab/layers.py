# SPDX-License-Identifier: GPL-3.0-or-later
"""The read-only layers below a node: the base root filesystem and, over it, the PVE stand-ins."""

import fcntl
import hashlib
import os
import shutil
import stat
import subprocess
from pathlib import Path

from .process import LabError, run
from .settings import SOURCE, Lab, Node

STANDINS = SOURCE / "standins"
BUILD_BASE = SOURCE / "image" / "build-base"


def packages() -> list[str]:
    """The Debian packages of the base."""
    found: set[str] = set()
    for path in (SOURCE / "image" / "packages", STANDINS / "PACKAGES"):
        if path.exists():
            lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
            found.update(line for line in lines if line)
    return sorted(found)


def digest(*parts: bytes) -> str:
    """A short name for what these parts build."""
    total = hashlib.sha256()
    for part in parts:
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()[:16]


def base_digest() -> str:
    """Names the base; changes with the script and the packages."""
    return digest(BUILD_BASE.read_bytes(), " ".join(packages()).encode())


def standins_digest() -> str:
    """Names the base with the stand-ins over it; changes with any of their files."""
    parts = [base_digest().encode()]
    for folder in installed():
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                executable = path.stat().st_mode & stat.S_IXUSR
                parts += [f"{path.relative_to(folder)} {executable}".encode(), path.read_bytes()]
    return digest(*parts)


def installed() -> list[Path]:
    """The folders whose `install` is run over the base, in this order: the stand-ins, and one that PVE_LAB_OVER names."""
    folders = [STANDINS] if has_standins() else []
    over = os.environ.get("PVE_LAB_OVER")
    if over:
        if not os.access(Path(over) / "install", os.X_OK):
            raise LabError(f"cannot use folder '{over}' (PVE_LAB_OVER): it has no program 'install'")
        folders.append(Path(over).absolute())
    return folders


def has_standins() -> bool:
    """Whether there is something to put over the base."""
    return os.access(STANDINS / "install", os.X_OK)


def base(lab: Lab) -> Path:
    """The base, built when it is not in the cache."""
    root = lab.cache / f"base-{base_digest()}"
    if root.is_dir():
        return root
    lab.cache.mkdir(parents=True, exist_ok=True)
    with open(lab.cache / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if root.is_dir():
            return root
        log = lab.logs / "base.log"
        print(f"building the nodes' root filesystem, once (a minute or two; see {log})", flush=True)
        partial = lab.cache / f"{root.name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        with open(log, "wb") as out:
            done = subprocess.run([BUILD_BASE, partial, lab.cache / "debs", *packages()], stdin=subprocess.DEVNULL,
                                  stdout=out, stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            raise LabError(f"cannot build '{root}': {last_line(log)} (see {log})")
        partial.rename(root)
    return root


def last_line(log: Path) -> str:
    """The last thing a log says, without mount's hint at another log."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("dmesg(1) may have")]
    return lines[-1] if lines else "it said nothing"


def below(which: Node, all_layers: list[Path]) -> list[Path]:
    """Those of all layers that this host stands on: a plain Debian host on the base alone."""
    return all_layers if which.kind.has_standins else all_layers[-1:]


def lowers(lab: Lab) -> list[Path]:
    """All layers that a fresh PVE node stands on, the uppermost first."""
    below = base(lab)
    folders = installed()
    if not folders:
        return [below]
    layer = lab.memory / f"standins-{standins_digest()}"
    if not layer.is_dir():
        partial = lab.memory / "standins.partial"
        work = lab.memory / "standins.work"
        for path in (partial, work):
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir()
        (work / "work").mkdir()
        (work / "root").mkdir()
        # In a mount namespace of its own: nothing stays mounted, whatever happens.
        script = 'mount -t overlay overlay -o "$1" "$2" && root=$2 && shift 2 && for install; do "$install" "$root" || exit; done'
        options = f"lowerdir={below},upperdir={partial},workdir={work / 'work'}"
        run(["unshare", "--mount", "--propagation", "slave", "sh", "-c", script, "sh", options,
             str(work / "root"), *(str(folder / "install") for folder in folders)], f"install the stand-ins into '{layer}'")
        shutil.rmtree(work)
        partial.rename(layer)
    return [layer, below]
