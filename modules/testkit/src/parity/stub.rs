// SPDX-License-Identifier: GPL-3.0-or-later
//! Reading a documentation stub.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// What a stub says.
pub(super) struct Stub {
    /// The keyword arguments of its call of `AnsibleModule`.
    pub(super) module: Value,
    pub(super) documentation: Value,
    pub(super) examples: Value,
}

impl Stub {
    /// Reads it, with Python for the source and a YAML parser for the texts in it.
    pub(super) fn read(path: &Path) -> Self {
        #[expect(clippy::disallowed_methods, reason = "a test tool, not a module")]
        let output = Command::new("python3").args(["-c", include_str!("read_stub.py")]).arg(path).output();
        let output = output.unwrap_or_else(|error| panic!("cannot run 'python3': {error}"));
        assert!(
            output.status.success(),
            "cannot read '{}': {}",
            path.display(),
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
        let read: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("cannot read '{}': {error}", path.display()));
        let yaml = |name: &str| {
            let Some(text) = read.pointer(&format!("/texts/{name}")).and_then(Value::as_str) else {
                panic!("'{}' has no {name}", path.display());
            };
            serde_norway::from_str::<Value>(text)
                .unwrap_or_else(|error| panic!("cannot read {name} of '{}': {error}", path.display()))
        };
        let (documentation, examples, _) = (yaml("DOCUMENTATION"), yaml("EXAMPLES"), yaml("RETURN"));
        Self { module: read.get("module").cloned().unwrap_or_default(), documentation, examples }
    }
}
