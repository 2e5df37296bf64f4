// SPDX-License-Identifier: GPL-3.0-or-later
//! Replacing a file as a whole: at every moment it holds the old content or the new.

use std::path::{Path, PathBuf};

use crate::{Host, HostError, Stat, is_there};

/// What a file is to look like from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attributes {
    /// As the filesystem gives them: pmxcfs allows no others.
    OfFilesystem,
    /// Exactly these.
    Exactly {
        /// Permission bits.
        mode: u32,
        /// Owner.
        uid: u32,
        /// Group.
        gid: u32,
    },
}

impl From<&Stat> for Attributes {
    /// Those of another file, to keep them.
    fn from(stat: &Stat) -> Self {
        Self::Exactly { mode: stat.mode, uid: stat.uid, gid: stat.gid }
    }
}

/// Gives a file this content and these attributes, by renaming a new file over it. A link is replaced, not followed.
///
/// The new file lies beside it until then and is readable by its owner alone until it has its attributes. What an
/// interrupted call left there is cleared away.
///
/// # Errors
/// When any step fails; the file is as it was then.
pub fn replace_file(
    host: &dyn Host,
    path: &Path,
    content: &[u8],
    attributes: Attributes,
) -> Result<(), HostError> {
    let new = beside(path);
    if is_there(host, &new)? {
        host.remove_file(&new)?;
    }
    host.create(&new, content, 0o600)?;
    let done = dress(host, &new, attributes).and_then(|()| host.rename(&new, path));
    if done.is_err() {
        // The first error is the one to tell.
        let _ = host.remove_file(&new);
    }
    done
}

/// `/etc/.name.new` for `/etc/name`.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.new"))
}

/// Changes only what differs: what is right already needs no permission.
fn dress(host: &dyn Host, path: &Path, attributes: Attributes) -> Result<(), HostError> {
    let Attributes::Exactly { mode, uid, gid } = attributes else { return Ok(()) };
    let stat = host.stat(path)?;
    if (stat.uid, stat.gid) != (uid, gid) {
        host.set_owner(path, uid, gid)?;
    }
    // After the owner: a change of owner clears the set-id bits.
    if stat.mode != mode {
        host.set_mode(path, mode)?;
    }
    Ok(())
}
