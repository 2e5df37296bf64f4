// SPDX-License-Identifier: GPL-3.0-or-later
//! Where a path leads, and whether anyone but its user could have led it there.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use host::{FileKind, Host, HostError, Stat, User};

/// More links than the kernel follows.
const LINKS: usize = 40;

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The path without links.
    pub(crate) path: PathBuf,
    /// What is there; nothing when it, or a directory on the way, does not exist.
    pub(crate) end: Option<Stat>,
    /// Every directory, link and file met on the way, in order.
    pub(crate) met: Vec<(PathBuf, Stat)>,
    /// The directories on the way that do not exist, outermost first.
    pub(crate) missing: Vec<PathBuf>,
}

/// Follows the links on a path, as far as it exists.
pub(crate) fn follow(host: &dyn Host, path: &Path) -> Result<Place, HostError> {
    const ELOOP: i32 = 40;
    let mut todo = names(path);
    let mut place = Place { path: PathBuf::from("/"), end: None, met: Vec::new(), missing: Vec::new() };
    let mut links = 0;
    while let Some(name) = todo.pop() {
        if name == ".." {
            place.path.pop();
            continue;
        }
        let next = place.path.join(&name);
        let stat = match host.stat(&next) {
            Ok(stat) => stat,
            Err(error) if error.is_not_found() => {
                if !todo.is_empty() {
                    place.missing.push(next.clone());
                }
                place.path = next;
                place.end = None;
                continue;
            }
            Err(error) => return Err(error),
        };
        place.met.push((next.clone(), stat.clone()));
        if stat.kind == FileKind::Link {
            links += 1;
            if links > LINKS {
                let error = std::io::Error::from_raw_os_error(ELOOP);
                return Err(HostError::file("follow the link", &next, &error));
            }
            let target = host.read_link(&next)?;
            if target.is_absolute() {
                place.path = PathBuf::from("/");
            }
            todo.extend(names(&target));
            place.end = None;
        } else {
            place.path = next;
            place.end = Some(stat);
        }
    }
    Ok(place)
}

/// The names of a path, last first.
fn names(path: &Path) -> Vec<OsString> {
    let name = |part: Component<'_>| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().filter_map(name).rev().collect()
}

/// What makes a place one that sshd refuses to take the user's keys from, or that someone else could have led
/// elsewhere: a directory or link on the way that belongs to neither root nor the user, or a directory that others
/// may write to. Above the user's own home (`home` is its place) nothing is asked, as sshd does not either.
pub(crate) fn problem(place: &Place, user: &User, home: &Path) -> Option<String> {
    const WRITABLE_BY_OTHERS: u32 = 0o022;
    let inside_home = place.path.starts_with(home);
    for (path, stat) in &place.met {
        let named = path.display();
        if inside_home && home.starts_with(path) && home != path {
            continue;
        }
        if stat.uid != 0 && stat.uid != user.uid {
            return Some(format!(
                "'{named}' belongs neither to root nor to '{}' (its uid is {})",
                user.name, stat.uid
            ));
        }
        if stat.kind == FileKind::Directory && stat.mode & WRITABLE_BY_OTHERS != 0 {
            return Some(format!(
                "'{named}' can be written to by others (mode {:04o}), so sshd takes no keys from it; run chmod go-w",
                stat.mode
            ));
        }
    }
    match place.end.as_ref().map(|stat| stat.kind) {
        None | Some(FileKind::File) => None,
        Some(_) => Some(format!("'{}' is not an ordinary file", place.path.display())),
    }
}

/// Whether a directory or link on the way is under the user's control, so that work there must be done with their
/// rights.
pub(crate) fn is_users(place: &Place, user: &User) -> bool {
    let leads = |path: &Path| path != place.path || place.end.is_none();
    user.uid != 0 && place.met.iter().any(|(path, stat)| leads(path) && stat.uid == user.uid)
}
