// SPDX-License-Identifier: GPL-3.0-or-later
//! A module's options three times over: in its code, in its stub's `argument_spec`, in its documentation.

mod described;
mod examples;
mod rules;
mod stub;

use std::path::PathBuf;

use ansible_module::Spec;
use serde_json::Value;

use self::described::{Described, differences};
use self::stub::Stub;

/// Checks that `plugins/modules/NAME.py` documents exactly the options of this spec: names, types, elements, required,
/// defaults, choices, aliases, no_log, suboptions and the rules between options, in `argument_spec` as in
/// `DOCUMENTATION`; and that the examples use no other option.
///
/// # Panics
/// When they differ, with every difference.
pub fn assert_docs_match(spec: &Spec) {
    let problems = docs_differences(spec, &stub_path(spec.name));
    assert!(
        problems.is_empty(),
        "the code and the documentation of '{}' differ:\n  {}",
        spec.name,
        problems.join("\n  ")
    );
}

/// The differences between a spec and its stub, one sentence each.
///
/// # Panics
/// When the stub cannot be read.
#[must_use]
pub fn docs_differences(spec: &Spec, stub: &std::path::Path) -> Vec<String> {
    let stub = Stub::read(stub);
    let code = Described::of_spec(&spec.options);
    let mut problems = Vec::new();

    let empty = Value::Object(serde_json::Map::new());
    let argument_spec = stub.module.get("argument_spec").unwrap_or(&empty);
    differences("argument_spec", &code, &Described::of_argument_spec(argument_spec), true, &mut problems);
    let documented = stub.documentation.get("options").unwrap_or(&empty);
    differences("DOCUMENTATION", &code, &Described::of_documentation(documented), false, &mut problems);

    rules::differences(spec, &stub.module, argument_spec, &mut problems);
    if stub.module.get("supports_check_mode") != Some(&Value::Bool(true)) {
        problems
            .push("AnsibleModule(..) lacks supports_check_mode=True: every module has a check mode".into());
    }
    if stub.documentation.get("module").and_then(Value::as_str) != Some(spec.name) {
        problems.push(format!("DOCUMENTATION: module is not '{}'", spec.name));
    }
    examples::unknown_options(spec, &stub.examples, &mut problems);
    problems
}

/// `plugins/modules/NAME.py` in the nearest directory above the crate under test that has `plugins/modules`.
fn stub_path(name: &str) -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "cargo tells a test where its crate is")]
    let Ok(start) = std::env::var("CARGO_MANIFEST_DIR") else {
        panic!("CARGO_MANIFEST_DIR is not set: run the test with cargo");
    };
    let start = PathBuf::from(start);
    let root = start.ancestors().find(|dir| dir.join("plugins/modules").is_dir());
    let Some(root) = root else { panic!("no directory 'plugins/modules' above '{}'", start.display()) };
    root.join("plugins/modules").join(format!("{name}.py"))
}
