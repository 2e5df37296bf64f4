// SPDX-License-Identifier: GPL-3.0-or-later
//! Waiting for a condition instead of for seconds.

use std::time::Duration;

use crate::Host;

/// What came of waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waited<T, P> {
    /// The condition came true.
    Done(T),
    /// It had not by the deadline; this is how it stood at the last look.
    Pending(P),
}

/// Looks again and again until `look` says `Ok`, at most until `deadline` (on [`Host::elapsed`]'s clock), and
/// at least once. Between two looks it pauses `pause`, or less when the deadline is nearer.
///
/// `look` returns `Err` with what is still missing, which comes back when the deadline has passed.
pub fn wait_until<T, P>(
    host: &dyn Host,
    deadline: Duration,
    pause: Duration,
    mut look: impl FnMut() -> Result<T, P>,
) -> Waited<T, P> {
    loop {
        let missing = match look() {
            Ok(value) => return Waited::Done(value),
            Err(missing) => missing,
        };
        let left = deadline.saturating_sub(host.elapsed());
        if left.is_zero() {
            return Waited::Pending(missing);
        }
        host.sleep(pause.min(left));
    }
}
