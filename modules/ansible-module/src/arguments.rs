// SPDX-License-Identifier: GPL-3.0-or-later
//! From the arguments file to checked, coerced options.

use serde_json::{Map, Value};

use crate::{Context, Spec};

/// What the arguments file says, checked against the options.
pub(crate) struct Arguments {
    pub(crate) options: Map<String, Value>,
    pub(crate) context: Context,
    pub(crate) warnings: Vec<String>,
}

pub(crate) fn check(_spec: &Spec, given: &Map<String, Value>) -> Result<Arguments, String> {
    let options =
        given.iter().filter(|(k, _)| !k.starts_with("_ansible_")).map(|(k, v)| (k.clone(), v.clone()));
    let flag = |name: &str| given.get(name).and_then(Value::as_bool).unwrap_or(false);
    let context = Context {
        check_mode: flag("_ansible_check_mode"),
        diff: flag("_ansible_diff"),
        ..Context::default()
    };
    Ok(Arguments { options: options.collect(), context, warnings: Vec::new() })
}
