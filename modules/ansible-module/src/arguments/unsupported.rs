// SPDX-License-Identifier: GPL-3.0-or-later
//! Options that a module does not have.

use serde_json::{Map, Value};

use crate::spec::Opt;

/// The unsupported options found so far, with what is supported in their place.
#[derive(Default)]
pub(super) struct Unsupported {
    found: Vec<(String, String)>,
}

impl Unsupported {
    /// Notes what is given but no option, `context` being the options that lead here.
    pub(super) fn note(&mut self, options: &[Opt], given: &Map<String, Value>, context: &[&str]) {
        let known = |name: &str| options.iter().any(|opt| opt.name == name || opt.aliases.contains(&name));
        for name in given.keys().filter(|name| !known(name)) {
            let path = context.iter().copied().chain([name.as_str()]).collect::<Vec<_>>().join(".");
            self.found.push((path, supported(options)));
        }
    }

    /// The sentence for a module of this name; none when everything is supported.
    pub(super) fn sentence(&self, module: &str) -> Option<String> {
        let mut found = self.found.clone();
        found.sort();
        found.dedup();
        let (_, supported) = found.first()?;
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        Some(format!(
            "Unsupported parameters for ({module}) module: {}. Supported parameters include: {supported}.",
            names.join(", ")
        ))
    }
}

/// All options, then in brackets all aliases.
fn supported(options: &[Opt]) -> String {
    let mut names: Vec<&str> = options.iter().map(|opt| opt.name).collect();
    let mut aliases: Vec<&str> = options.iter().flat_map(|opt| opt.aliases).copied().collect();
    names.sort_unstable();
    aliases.sort_unstable();
    match aliases.as_slice() {
        [] => names.join(", "),
        aliases => format!("{} ({})", names.join(", "), aliases.join(", ")),
    }
}
