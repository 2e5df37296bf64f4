// SPDX-License-Identifier: GPL-3.0-or-later
//! Taking another user's rights for a while, and giving them back.

use std::sync::{Mutex, PoisonError};

use nix::errno::Errno;
use nix::unistd::{Gid, Uid, geteuid, getgid, getgroups, getuid, setegid, seteuid, setgroups};

use crate::User;

/// The groups this process had before it took another user's rights.
static OWN_GROUPS: Mutex<Option<Vec<Gid>>> = Mutex::new(None);

/// Takes the rights of this user, or gives them back. Taking the rights one has already is nothing.
pub(crate) fn take(user: Option<&User>) -> Result<(), Errno> {
    give_back()?;
    let Some(user) = user else { return Ok(()) };
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    if geteuid() == uid {
        return Ok(());
    }
    let own = getgroups()?;
    setgroups(&[gid])?;
    *OWN_GROUPS.lock().unwrap_or_else(PoisonError::into_inner) = Some(own);
    // the user id last: afterwards the groups could not be changed any more
    setegid(gid).and_then(|()| seteuid(uid)).inspect_err(|_| {
        let _ = give_back();
    })
}

fn give_back() -> Result<(), Errno> {
    let mut own = OWN_GROUPS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(groups) = own.as_ref() {
        seteuid(getuid())?;
        setegid(getgid())?;
        setgroups(groups)?;
        *own = None;
    }
    Ok(())
}
