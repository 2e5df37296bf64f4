#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes this mount namespace a small Proxmox VE node of its own, in memory, and runs a script there.
# Usage, as root: unshare --mount --propagation private machine.sh SCRIPT MODULE
set -eu
script=$1 module=$2
work=$(mktemp -d)
mount -t tmpfs tmpfs "$work"
cp "$module" "$work/module"
cp "$script" "$work/script"
mkdir "$work/upper" "$work/under" "$work/sbin" "$work/root"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$work/upper,workdir=$work/under" /etc
mkdir -p /etc/pve /etc/ssh/sshd_config.d
rm -f /etc/ssh/sshd_config.d/*pve-authorized-key*
mount -t tmpfs -o mode=755 tmpfs /etc/pve
mkdir -p /etc/pve/nodes/pve1 /etc/pve/priv/lock
chmod 700 /etc/pve/priv
ln -s nodes/pve1 /etc/pve/local
: > /etc/pve/priv/authorized_keys
chmod 600 /etc/pve/priv/authorized_keys
mount -t tmpfs -o mode=700,size=64k tmpfs /root
mkdir -m 700 /root/.ssh
ln -s /etc/pve/priv/authorized_keys /root/.ssh/authorized_keys
mount -t tmpfs -o mode=755 tmpfs /home
echo 'alice:x:54321:54321::/home/alice:/bin/sh' >> /etc/passwd
mkdir -m 700 /home/alice /home/alice/.ssh
chown 54321:54321 /home/alice /home/alice/.ssh
mount --bind "$work/sbin" /usr/sbin
cat > /usr/sbin/sshd <<'END'
#!/bin/sh
# answers as an sshd with Debian's configuration
printf '%s\n' 'port 22' 'permitrootlogin yes' 'pubkeyauthentication yes' \
    'authorizedkeysfile .ssh/authorized_keys .ssh/authorized_keys2'
END
chmod 755 /usr/sbin/sshd
cd "$work"
# run MODULE with arguments in JSON; the answer goes to stdout
run() {
    arguments=$(mktemp -p "$work")
    printf '%s' "$1" > "$arguments"
    "$work/module" "$arguments" || true
}
. ./script
