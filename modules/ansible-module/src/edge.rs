// SPDX-License-Identifier: GPL-3.0-or-later
//! The process itself: arguments file in, one line of JSON out, whatever happens.

#![expect(clippy::disallowed_methods, reason = "this is the edge that the ban protects")]

use std::ffi::OsString;
use std::io::{Read, Write};
use std::panic::PanicHookInfo;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use host::{Host, RealHost};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::respond::respond;
use crate::secrets::Secrets;
use crate::{Context, Failure, Outcome, Spec};

/// Whether the one answer has been given.
static ANSWERED: AtomicBool = AtomicBool::new(false);
/// What a panic's message must not show.
static SECRETS: Mutex<Option<Secrets>> = Mutex::new(None);

/// A module's whole `main`: reads the arguments file named by the last argument (`/dev/stdin` for standard input; one
/// before it may say which module this is), checks it against the spec, calls the module and prints exactly one JSON object on one line, panics included.
/// Exits 1 when it failed.
///
/// A hang-up does not end it: a lost ssh connection must not leave a change half made.
pub fn main<A: DeserializeOwned>(
    spec: &Spec,
    module: fn(A, &Context, &dyn Host) -> Result<Outcome, Failure>,
) -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        print(&json!({ "failed": true, "msg": describe(panic) }));
        // Without unwinding: the module may be in any state.
        std::process::exit(1);
    }));
    host::leave_terminal();
    // Should that not have worked. A handler rather than ignoring it: an ignored signal would be inherited by what the module starts.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::new(AtomicBool::new(false)));

    let given = arguments();
    let given = given.as_ref().map(Vec::as_slice).map_err(Clone::clone);
    let variable = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let tell = |secrets: &Secrets| {
        *SECRETS.lock().unwrap_or_else(PoisonError::into_inner) = Some(secrets.clone());
    };
    let answer = respond(spec, given, &RealHost::new(), &variable, tell, module);
    let printed = print(&answer);
    let failed = answer.get("failed").and_then(Value::as_bool).unwrap_or(false);
    if failed || !printed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The words this process was started with, its own name first: for a binary that is many modules.
pub fn command_line() -> impl Iterator<Item = OsString> {
    std::env::args_os()
}

/// The answer of a process that cannot tell which module it is.
pub fn refuse(msg: &str) -> ExitCode {
    print(&json!({ "failed": true, "msg": msg }));
    ExitCode::FAILURE
}

/// The content of the arguments file.
fn arguments() -> Result<Vec<u8>, String> {
    let Some(path) = command_line().skip(1).last() else {
        return Err(
            "cannot read the arguments: no file was named; this is an Ansible module, which Ansible runs"
                .to_owned(),
        );
    };
    let read = if path == "/dev/stdin" {
        // Standard input may be a socket, which cannot be opened by that name.
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(&path)
    };
    read.map_err(|error| format!("cannot read the arguments '{}': {error}", path.to_string_lossy()))
}

/// Prints the answer, unless there has been one. Whether it went out.
fn print(answer: &Value) -> bool {
    if ANSWERED.swap(true, Ordering::SeqCst) {
        return false;
    }
    let mut out = std::io::stdout().lock();
    // A reader that is gone is no reason to panic.
    out.write_all(format!("{answer}\n").as_bytes()).and_then(|()| out.flush()).is_ok()
}

/// What went wrong and where, without secrets.
fn describe(panic: &PanicHookInfo<'_>) -> String {
    let payload = panic.payload();
    let what = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no reason given".to_owned());
    // Not a lock that waits: the panic may have struck while it was held.
    let what = match SECRETS.try_lock() {
        Ok(secrets) => secrets.as_ref().map_or_else(|| what.clone(), |secrets| secrets.scrub_text(&what)),
        Err(_) => "no reason given".to_owned(),
    };
    let place = panic.location().map_or_else(String::new, |at| {
        let file = at.file();
        let file = file
            .rfind("modules/")
            .and_then(|start| file.get(start..))
            .unwrap_or_else(|| file.rsplit('/').next().unwrap_or(file));
        format!(" ({file}:{})", at.line())
    });
    format!("bug in this module: {what}{place}")
}
