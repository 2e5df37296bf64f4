# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a node keeps what the programs read and write."""

CLUSTER_DIR = "/etc/pve"
CLUSTER_CONF = "/etc/pve/corosync.conf"
LOCAL_DIR = "/etc/corosync"
LOCAL_CONF = "/etc/corosync/corosync.conf"
AUTHKEY = "/etc/corosync/authkey"

DATABASE = "/var/lib/pve-cluster/config.db"
DATABASE_BACKUPS = "/var/lib/pve-cluster/backup"

LOCK = "/var/lock/pvecm.lock"
CFS_LOCKS = "/etc/pve/priv/lock"

TASKS = "/var/log/pve/tasks"

ROOT_SSH = "/root/.ssh"
ROOT_KEY = "/root/.ssh/id_rsa"
ROOT_PUBLIC_KEY = "/root/.ssh/id_rsa.pub"
ROOT_AUTHORIZED_KEYS = "/root/.ssh/authorized_keys"
ROOT_AUTHORIZED_KEYS_BACKUP = "/root/.ssh/authorized_keys.org"
ROOT_SSH_CONFIG = "/root/.ssh/config"
CLUSTER_AUTHORIZED_KEYS = "/etc/pve/priv/authorized_keys"
CLUSTER_KNOWN_HOSTS = "/etc/pve/priv/known_hosts"
SYSTEM_KNOWN_HOSTS = "/etc/ssh/ssh_known_hosts"
HOST_PUBLIC_KEY = "/etc/ssh/ssh_host_rsa_key.pub"
SSHD_CONFIG = "/etc/ssh/sshd_config"

AUTH_PRIVATE_KEY = "/etc/pve/priv/authkey.key"
AUTH_PUBLIC_KEY = "/etc/pve/authkey.pub"
WWW_KEY = "/etc/pve/pve-www.key"
CA_KEY = "/etc/pve/priv/pve-root-ca.key"
CA_CERTIFICATE = "/etc/pve/pve-root-ca.pem"
CA_SERIAL = "/etc/pve/priv/pve-root-ca.srl"


def node_dir(node):
    return f"{CLUSTER_DIR}/nodes/{node}"
