// SPDX-License-Identifier: GPL-3.0-or-later
//! Whether services of other nodes can be connected to, all of them at once.

use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use crate::args::Node;

/// How long a connection may take. A service that answers does so in a few milliseconds; a lost packet costs a second.
const PATIENCE: Duration = Duration::from_secs(4);

/// Begins, with a node's own ports or else these; the result is a list for each node, in their order, of ports and why they could not be
/// connected to.
pub(crate) fn begin(nodes: &[Node], ports: &[u16]) -> Vec<Vec<(u16, thread::JoinHandle<Option<String>>)>> {
    let connect = |address: SocketAddr| {
        thread::spawn(move || {
            TcpStream::connect_timeout(&address, PATIENCE).err().map(|error| reason(&error))
        })
    };
    nodes
        .iter()
        .map(|node| {
            let ports = node.tcp_ports.as_deref().unwrap_or(ports);
            ports.iter().map(|port| (*port, connect(SocketAddr::new(node.address, *port)))).collect()
        })
        .collect()
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::TimedOut => "no answer".to_owned(),
        std::io::ErrorKind::ConnectionRefused => "refused".to_owned(),
        _ => error.to_string(),
    }
}
