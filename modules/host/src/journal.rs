// SPDX-License-Identifier: GPL-3.0-or-later
//! systemd's journal, by the socket and the form that its documentation gives (JOURNAL_NATIVE_PROTOCOL).

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use crate::HostError;

/// Where journald listens.
const SOCKET: &str = "/run/systemd/journal/socket";

/// Sends one entry. A machine without such a journal, which no Proxmox VE node is, keeps none.
pub(crate) fn send(fields: &[(&str, &str)]) -> Result<(), HostError> {
    match UnixDatagram::unbound().and_then(|socket| socket.send_to(&encoded(fields), SOCKET)) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(HostError::file("write to", Path::new(SOCKET), &error)),
    }
}

/// The bytes of an entry. A value of several lines has its length before it, so that none of them is taken for a field.
fn encoded(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.extend_from_slice(name.as_bytes());
        if value.contains('\n') {
            bytes.push(b'\n');
            bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
        } else {
            bytes.push(b'=');
        }
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(b'\n');
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_several_lines_cannot_become_a_field() {
        assert_eq!(
            encoded(&[("MESSAGE", "one=1"), ("TEXT", "a\nPRIORITY=0"), ("PRIORITY", "5")]),
            b"MESSAGE=one=1\nTEXT\n\x0c\0\0\0\0\0\0\0a\nPRIORITY=0\nPRIORITY=5\n"
        );
    }
}
