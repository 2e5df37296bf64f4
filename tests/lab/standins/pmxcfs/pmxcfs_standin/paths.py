# SPDX-License-Identifier: GPL-3.0-or-later
"""Every path the daemon uses, and the limits of the file system."""

MOUNT_POINT = "/etc/pve"
STATE_DIRECTORY = "/var/lib/pve-cluster"
DATABASE = STATE_DIRECTORY + "/config.db"
LOCK_FILE = STATE_DIRECTORY + "/.pmxcfs.lockfile"
PID_FILE = "/run/pve-cluster.pid"
IPC_SOCKET = "/run/pmxcfs-standin.sock"
COROSYNC_CONF = "/etc/corosync/corosync.conf"

BLOCK_SIZE = 4096
MAX_FILE_SIZE = 1024 * 1024
MAX_TOTAL_SIZE = 128 * 1024 * 1024
MAX_INODES = 256 * 1024
