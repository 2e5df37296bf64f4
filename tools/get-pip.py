# SPDX-License-Identifier: GPL-3.0-or-later
"""Installs pip and the packages named, from the package index alone.

Stands in for the script of that name that ansible-test downloads from a host of its own: what ansible-test then
finds in its cache works where only the package index can be reached.
"""

import subprocess
import sys

if __name__ == "__main__":
    # In a process of its own: ensurepip takes pip's configuration out of its environment.
    subprocess.check_call([sys.executable, "-m", "ensurepip"])
    words = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
    sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", *words]))
