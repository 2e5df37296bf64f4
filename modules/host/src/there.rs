// SPDX-License-Identifier: GPL-3.0-or-later
//! Files that may be missing.

use std::io;
use std::path::Path;

use crate::{Host, HostError};

/// Turns "there is none" into `None`: `if_there(host.read(path))?`. A missing directory on the way counts, and a file
/// where a directory should be.
///
/// # Errors
/// Every other error.
pub fn if_there<T>(result: Result<T, HostError>) -> Result<Option<T>, HostError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(HostError::File { kind: io::ErrorKind::NotFound | io::ErrorKind::NotADirectory, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether there is something of this name, be it a link that leads nowhere.
///
/// # Errors
/// When that cannot be told.
pub fn is_there(host: &dyn Host, path: &Path) -> Result<bool, HostError> {
    Ok(if_there(host.stat(path))?.is_some())
}

/// Reads a file that must be UTF-8.
///
/// # Errors
/// When it cannot be read or is not UTF-8.
pub fn read_text(host: &dyn Host, path: &Path) -> Result<String, HostError> {
    String::from_utf8(host.read(path)?).map_err(|_| HostError::File {
        operation: "read",
        path: path.to_owned(),
        kind: io::ErrorKind::InvalidData,
        errno: None,
    })
}
