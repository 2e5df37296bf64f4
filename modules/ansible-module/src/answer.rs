// SPDX-License-Identifier: GPL-3.0-or-later
//! What a module answers.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::Diff;

/// The answer of a module that did, or in check mode would do, what was asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// Whether anything changed or, in check mode, would change.
    pub changed: bool,
    /// One sentence for a person; none when empty.
    pub msg: String,
    /// What changed in which text.
    pub diff: Vec<Diff>,
    /// Things a person should know although the task went well.
    pub warnings: Vec<String>,
    /// Things that will stop working.
    pub deprecations: Vec<Deprecation>,
    /// The module's own return values.
    pub data: Map<String, Value>,
}

/// Something that will stop working, as Ansible shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deprecation {
    /// What, and what to use instead.
    pub msg: String,
    /// The version of the collection in which it will be gone.
    pub version: String,
    /// The collection.
    pub collection_name: String,
}

impl Outcome {
    /// Nothing changed.
    #[must_use]
    pub fn unchanged() -> Self {
        Self::default()
    }

    /// Something changed, or would.
    #[must_use]
    pub fn changed() -> Self {
        Self { changed: true, ..Self::default() }
    }

    /// Adds a return value. What cannot be serialized becomes null, which no value of these modules does. Ansible takes
    /// an `rc` that is not 0 for a failure.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        self.data.insert(name.to_owned(), serde_json::to_value(value).unwrap_or_default());
        self
    }

    /// Adds a sentence for a person.
    #[must_use]
    pub fn msg(mut self, msg: impl Into<String>) -> Self {
        self.msg = msg.into();
        self
    }

    /// Adds a warning.
    #[must_use]
    pub fn warn(mut self, warning: impl Into<String>) -> Self {
        self.warnings.push(warning.into());
        self
    }

    /// Adds something that will be gone with this version of the collection.
    #[must_use]
    pub fn deprecate(mut self, msg: impl Into<String>, version: &str) -> Self {
        self.deprecations.push(Deprecation {
            msg: msg.into(),
            version: version.to_owned(),
            collection_name: "pve.cluster".to_owned(),
        });
        self
    }

    /// Adds a difference.
    #[must_use]
    pub fn diff(mut self, diff: Diff) -> Self {
        self.diff.push(diff);
        self
    }
}

/// The answer of a module that refused or failed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Failure {
    /// What could not be done, why, and what to do: self-contained, it is often all that is shown.
    pub msg: String,
    /// Whether anything had changed by then and was not undone.
    pub changed: bool,
    /// Things a person should know besides.
    pub warnings: Vec<String>,
    /// The module's own return values, such as the state the node was left in.
    pub data: Map<String, Value>,
    /// The chain of causes, outermost first, for those who ask for more than `msg`.
    pub causes: Vec<String>,
}

impl Failure {
    /// Nothing was changed.
    #[must_use]
    pub fn new(msg: impl Into<String>) -> Self {
        Self { msg: msg.into(), ..Self::default() }
    }

    /// Says that something had changed by then.
    #[must_use]
    pub fn after_change(mut self) -> Self {
        self.changed = true;
        self
    }

    /// Adds a warning.
    #[must_use]
    pub fn warn(mut self, warning: impl Into<String>) -> Self {
        self.warnings.push(warning.into());
        self
    }

    /// Adds a return value.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        self.data.insert(name.to_owned(), serde_json::to_value(value).unwrap_or_default());
        self
    }

    /// Adds `cmd`, `rc`, `stdout` and `stderr` of a program.
    #[must_use]
    pub fn with_command(self, command: &host::Command, output: &host::Output) -> Self {
        self.with("cmd", command.line())
            .with("rc", output.rc())
            .with("stdout", &output.stdout)
            .with("stderr", &output.stderr)
    }
}

impl From<anyhow::Error> for Failure {
    /// The whole chain of causes in one sentence.
    fn from(error: anyhow::Error) -> Self {
        let causes = error.chain().map(ToString::to_string).collect();
        Self { causes, ..Self::new(format!("{error:#}")) }
    }
}

impl From<host::HostError> for Failure {
    fn from(error: host::HostError) -> Self {
        Self::new(error.to_string())
    }
}
