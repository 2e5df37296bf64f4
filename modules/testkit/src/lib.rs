// SPDX-License-Identifier: GPL-3.0-or-later
//! A fake machine, golden cases and documentation parity for the modules' tests. A dev-dependency only.
//!
//! ```
//! use std::time::Duration;
//! use host::{Command, Host};
//! use testkit::{Answer, FakeHost};
//!
//! let host = FakeHost::new()
//!     .with_hostname("pve1")
//!     .pmxcfs("/etc/pve")
//!     .query("pvecm status", Answer::ok("Cluster information\n"))
//!     .action(
//!         "pvecm create prod",
//!         Answer::ok("")
//!             .taking(Duration::from_secs(3))
//!             .doing(|machine| machine.write("/etc/pve/corosync.conf", "totem {\n}\n")),
//!     );
//! host.run(&Command::new("pvecm").args(["create", "prod"])).unwrap();
//! assert_eq!(host.effects(), ["run pvecm create prod"]);
//! assert_eq!(host.text("/etc/pve/corosync.conf"), "totem {\n}\n");
//! assert_eq!(host.elapsed(), Duration::from_secs(3));
//! ```

#![expect(clippy::panic, reason = "a test helper reports by panicking")]

mod answer;
mod corosync_conf;
mod fake;
mod fault;
mod golden;
mod machine;
mod parity;
mod pmxcfs;
mod process;
mod recording;
mod step;
mod tree;

pub use answer::Answer;
pub use corosync_conf::corosync_conf;
pub use fake::FakeHost;
pub use fault::{Fault, at_every_effect};
pub use golden::{golden, golden_problems};
pub use machine::{Machine, Node};
pub use parity::{assert_docs_match, docs_differences};
pub use process::answer_of;
pub use step::Step;
