// SPDX-License-Identifier: GPL-3.0-or-later
//! The same locks for a shell: a node that joins has no /etc/pve of the cluster yet, so a member does it for the node, over the
//! ssh login that the join needs anyway.

use crate::owner::{Holder, Name};

/// Renews a lock as long as its process lives, when it has one on this node. `$0` is the lock, `$1` its owner's name, `$2` the
/// process and `$3` when that began. Has no single quotes.
///
/// It runs on the node that made the lock: pmxcfs lets no other one set its time (`memdb_mtime` in `pmxcfs/memdb.c`; PVE's own
/// `PVE/HA/Env/PVE2.pm` renews locks so).
macro_rules! keeper {
    () => {
        r#"while sleep 20; do
  [ -d "$1" ] && held=$(stat -c %Y "$0") || exit 0
  [ "$held" = "${1##*.}" ] || [ "$held" = "$(stat -c %Y "$1")" ] || exit 0
  if [ -n "$2" ]; then
    stat=$(cat "/proc/$2/stat") || exit 0
    set -- "$1" "$2" "$3" ${stat##*) }
    [ "${23}" = "$3" ] || exit 0
    case $4 in Z | X) exit 0 ;; esac
  fi
  touch -c -d "@$(date +%s)" "$1" "$0"
done"#
    };
}

pub(crate) const KEEPER: &str = keeper!();

/// Functions for the lock of all that changes the membership, `lock_holder`, `lock_claim` and `lock_release`. A name is what is
/// beside the lock, an owner is a name without its time.
pub const SCRIPT: &str = concat!(
    r#"lock=/etc/pve/priv/lock/pvecm_cluster-join
# lock_holder: prints the name of who has the lock, and nothing when it is free
lock_holder() {
  names=$(ls -d "$lock"-by-*)
  held=$(stat -c %Y "$lock") || return 0
  for name in $names; do
    if [ "${name##*.}" = "$held" ] || [ "$(stat -c %Y "$name")" = "$held" ]; then
      printf '%s\n' "${name#"$lock"-by-}"
      return 0
    fi
  done
  echo unnamed
}
# lock_claim OWNER OVER SECONDS: takes it, also from the name OVER, and has it renewed for so many seconds
lock_claim() {
  names=$(ls -d "$lock"-by-*)
  if [ -d "$lock" ]; then
    holder=$(lock_holder)
    case "$holder" in "$1".*) return 0 ;; esac
    if [ -z "$2" ] || [ "$holder" != "$2" ] || ! rmdir "$lock-by-$holder"; then
      touch -c -d @0 "$lock"
      return 0
    fi
    rmdir "$lock"
  else
    for name in $names; do rmdir "$name"; done
  fi
  mkdir "$lock" || return 0
  own=$lock-by-$1.$(stat -c %Y "$lock")
  mkdir "$own" || { rmdir "$lock"; return 0; }
  [ -z "$3" ] || systemd-run --quiet --collect --unit="${own##*/}.service" --property=RuntimeMaxSec="$3" /bin/sh -c \
    '"#,
    keeper!(),
    r#"' "$lock" "$own"
}
# lock_release OWNER OVER: gives it up, also for the name OVER; asks pmxcfs to remove another's that has expired
lock_release() {
  holder=$(lock_holder)
  case "$holder" in
  "$1".*) rmdir "$lock" && rmdir "$lock-by-$holder" ;;
  "${2:-nobody}") rmdir "$lock-by-$holder" && rmdir "$lock" ;;
  *) touch -c -d @0 "$lock" ;;
  esac
}
"#
);

/// Understands what `lock_holder` printed, which is also what `lock_claim` and `lock_release` take as OVER.
#[must_use]
pub fn holder_of(text: &str) -> Holder {
    match text.trim() {
        "" => Holder::Nobody,
        word => Name::of(word).map_or(Holder::Unnamed, |name| Holder::Named(name.owner)),
    }
}
