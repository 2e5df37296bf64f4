// SPDX-License-Identifier: GPL-3.0-or-later
//! From the bytes of the arguments to the answer.

use host::Host;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::arguments::{self, Environment};
use crate::context::{self, Context, Wishes};
use crate::secrets::{self, Secrets};
use crate::{Failure, Outcome, Spec, input, journal};

/// The answer to an arguments file: [`crate::main`] without the process, for tests on a fake host. Paths are expanded
/// with the fake host's users, and with `HOME=/root` as the only environment variable.
pub fn answer<A: DeserializeOwned>(
    spec: &Spec,
    given: &[u8],
    host: &dyn Host,
    module: fn(A, &Context, &dyn Host) -> Result<Outcome, Failure>,
) -> Value {
    let variable = |name: &str| (name == "HOME").then(|| "/root".to_owned());
    respond(spec, Ok(given), host, &variable, |_| {}, module)
}

/// The answer to the arguments, or to their absence. `tell` gets the secrets before the module is called.
pub(crate) fn respond<A: DeserializeOwned>(
    spec: &Spec,
    given: Result<&[u8], String>,
    host: &dyn Host,
    variable: &dyn Fn(&str) -> Option<String>,
    tell: impl Fn(&Secrets),
    module: fn(A, &Context, &dyn Host) -> Result<Outcome, Failure>,
) -> Value {
    let given = given
        .and_then(|bytes| input::parse(bytes).map_err(|why| format!("cannot read the arguments: {why}")));
    let mut given = match given {
        Ok(given) => given,
        Err(msg) => return json!({ "failed": true, "changed": false, "msg": msg }),
    };
    let (context, wishes) = context::take(&mut given, spec.name);
    let home =
        |user: &str| host.user(user).ok().flatten().map(|user| user.home.to_string_lossy().into_owned());
    let environment = Environment { variable, home: &home };
    let checked = arguments::check(spec, &context.module_name, wishes.ignore_unknown, given, &environment);
    tell(&checked.secrets);

    let result = match checked.problem {
        Some(problem) => Err(Failure::new(problem)),
        None => typed(spec, &checked.options).and_then(|args| module(args, &context, host)),
    };
    let diff = result.as_ref().map(|outcome| outcome.diff.clone()).unwrap_or_default();
    let mut answer = match result {
        Ok(outcome) => success(outcome, &context, checked.warnings),
        Err(failure) => {
            let own = context.no_log.then(|| secrets::own_texts(&spec.options, &checked.options));
            self::failure(failure, &context, checked.warnings, own.as_ref())
        }
    };
    if let Some(warning) =
        journal::note(host, spec.name, &context, &checked.secrets, &checked.options, &diff, &answer)
    {
        warn(warning, &mut answer);
    }
    invocation(&wishes, checked.options, &mut answer);
    Value::Object(checked.secrets.scrub_answer(answer))
}

/// The options as the module's own type.
fn typed<A: DeserializeOwned>(spec: &Spec, options: &Map<String, Value>) -> Result<A, Failure> {
    let options = arguments::without_nulls(&spec.options, options.clone());
    serde_json::from_value(Value::Object(options))
        .map_err(|error| Failure::new(format!("cannot use the options: {error}")))
}

fn success(outcome: Outcome, context: &Context, mut warnings: Vec<String>) -> Map<String, Value> {
    let mut answer = Map::new();
    answer.insert("changed".into(), outcome.changed.into());
    if !outcome.msg.is_empty() {
        answer.insert("msg".into(), outcome.msg.into());
    }
    own_values(outcome.data, &mut answer);
    if context.diff && !outcome.diff.is_empty() {
        answer.insert("diff".into(), json!(outcome.diff));
    }
    warnings.extend(outcome.warnings);
    list("warnings", json!(warnings), &mut answer);
    list("deprecations", json!(outcome.deprecations), &mut answer);
    answer
}

/// `own` holds what a task with `no_log` does not want to see: since Ansible 2.19 the message of a failure is shown
/// all the same.
fn failure(
    failure: Failure,
    context: &Context,
    mut warnings: Vec<String>,
    own: Option<&Secrets>,
) -> Map<String, Value> {
    let shown = |text: String| own.map_or_else(|| text.clone(), |own| own.scrub_text(&text));
    let mut answer = Map::new();
    answer.insert("failed".into(), true.into());
    answer.insert("changed".into(), failure.changed.into());
    answer.insert("msg".into(), shown(failure.msg).into());
    own_values(failure.data, &mut answer);
    warnings.extend(failure.warnings);
    list("warnings", warnings.into_iter().map(shown).collect(), &mut answer);
    // Versions before 2.19 print an exception always, if only its last line: so it is sent only when asked for.
    if !failure.causes.is_empty() && (context.tracebacks || context.verbosity >= 3) {
        let causes = failure.causes.join("\ncaused by: ");
        answer.insert("exception".into(), shown(causes).into());
    }
    answer
}

/// Keys with a meaning of their own to Ansible, which no return value may take.
const RESERVED: [&str; 8] =
    ["changed", "failed", "skipped", "diff", "warnings", "deprecations", "invocation", "exception"];

/// Adds the module's own return values.
fn own_values(data: Map<String, Value>, answer: &mut Map<String, Value>) {
    for (name, value) in data {
        if !RESERVED.contains(&name.as_str()) {
            answer.entry(name).or_insert(value);
        }
    }
}

fn list(name: &str, value: Value, answer: &mut Map<String, Value>) {
    if value.as_array().is_some_and(|list| !list.is_empty()) {
        answer.insert(name.to_owned(), value);
    }
}

/// Adds a warning to those that are there.
fn warn(warning: String, answer: &mut Map<String, Value>) {
    let warnings = answer.entry("warnings").or_insert_with(|| json!([]));
    if let Some(warnings) = warnings.as_array_mut() {
        warnings.push(warning.into());
    }
}

fn invocation(wishes: &Wishes, options: Map<String, Value>, answer: &mut Map<String, Value>) {
    if wishes.invocation {
        answer.insert("invocation".into(), json!({ "module_args": options }));
    }
}
