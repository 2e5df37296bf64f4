// SPDX-License-Identifier: GPL-3.0-or-later
//! From what the task says to checked, coerced options: what Ansible's own AnsibleModule does for modules in Python,
//! in the same order and the same words, so that a user reads the same sentence from every module.

mod choices;
mod coerce;
mod literal;
mod number;
mod path;
mod python;
mod rules;
mod unsupported;

use serde_json::{Map, Value};

use crate::secrets::Secrets;
use crate::spec::{Kind, Opt, Rules, Spec};
use unsupported::Unsupported;

pub(crate) use coerce::parse_dict;
pub(crate) use path::Environment;
pub(crate) use python::{quoted, to_str};

/// What came of checking the arguments.
pub(crate) struct Checked {
    /// Every option by its own name, null when it was not given: what `invocation` shows.
    pub(crate) options: Map<String, Value>,
    pub(crate) secrets: Secrets,
    pub(crate) warnings: Vec<String>,
    /// The first thing that is wrong.
    pub(crate) problem: Option<String>,
}

/// Checks what was given against the options. `name` is the module's, as the task calls it.
pub(crate) fn check(
    spec: &Spec,
    name: &str,
    ignore_unknown: bool,
    given: Map<String, Value>,
    environment: &Environment<'_>,
) -> Checked {
    let mut check = Check {
        environment,
        warnings: Vec::new(),
        unsupported: Unsupported::default(),
        context: Vec::new(),
        prefix: String::new(),
    };
    let mut secrets = Secrets::default();
    secrets.collect(&spec.options, &given);
    secrets.collect_private_keys(&given);
    let mut options = given;
    let problem = check.level(&spec.options, spec.rules(), &mut options).err();
    // Coerced, a secret may look otherwise: a list that was given as text, a path that was expanded.
    secrets.collect(&spec.options, &options);
    let unsupported = || check.unsupported.sentence(name).filter(|_| !ignore_unknown);
    let problem = problem.or_else(unsupported);
    let all = spec.options.iter().map(|opt| {
        let value = options.get(opt.name).cloned().unwrap_or_default();
        (opt.name.to_owned(), value)
    });
    Checked { options: all.collect(), secrets, warnings: check.warnings, problem }
}

/// The options for the module: without nulls, so that an option that was not given is simply absent.
pub(crate) fn without_nulls(options: &[Opt], given: Map<String, Value>) -> Map<String, Value> {
    let strip = |(name, value): (String, Value)| {
        let opt = options.iter().find(|opt| opt.name == name)?;
        let inner = |value: Value| match value {
            Value::Object(map) if !opt.suboptions.is_empty() => {
                Value::Object(without_nulls(&opt.suboptions, map))
            }
            other => other,
        };
        match value {
            Value::Null => None,
            Value::Array(list) => Some((name, Value::Array(list.into_iter().map(inner).collect()))),
            other => Some((name, inner(other))),
        }
    };
    given.into_iter().filter_map(strip).collect()
}

/// A check under way, at one level of options or another.
struct Check<'a> {
    environment: &'a Environment<'a>,
    warnings: Vec<String>,
    unsupported: Unsupported,
    /// The options that lead here.
    context: Vec<&'static str>,
    /// The same with the numbers of list elements: `links[0].`
    prefix: String,
}

impl Check<'_> {
    /// One level of options: aliases, rules, types, choices, then the levels below it. Stops at the first error,
    /// which is the only one that is shown.
    fn level(&mut self, options: &[Opt], rules: Rules, given: &mut Map<String, Value>) -> Result<(), String> {
        self.aliases(options, given);
        self.unsupported.note(options, given, &self.context);
        rules::mutually_exclusive(rules.mutually_exclusive, given).map_err(|e| self.found_in(e))?;
        for opt in options {
            if let (false, Some(default)) = (given.contains_key(opt.name), &opt.default) {
                given.insert(opt.name.to_owned(), default.clone());
            }
        }
        rules::required(options, given).map_err(|e| self.found_in(e))?;
        for opt in options {
            self.types(opt, given)?;
        }
        for opt in options {
            if let Some(value) = given.get_mut(opt.name) {
                choices::check(opt, value).map_err(|e| self.found_in(e))?;
            }
        }
        rules::required_together(rules.required_together, given).map_err(|e| self.found_in(e))?;
        rules::required_one_of(rules.required_one_of, given).map_err(|e| self.found_in(e))?;
        rules::required_if(rules.required_if, given).map_err(|e| self.found_in(e))?;
        rules::required_by(rules.required_by, given).map_err(|e| self.found_in(e))?;
        for opt in options {
            self.below(opt, given)?;
        }
        for alias in options.iter().flat_map(|opt| opt.aliases) {
            given.remove(*alias);
        }
        Ok(())
    }

    /// Gives each option the value of its alias.
    fn aliases(&mut self, options: &[Opt], given: &mut Map<String, Value>) {
        for opt in options {
            for alias in opt.aliases {
                let Some(value) = given.get(*alias).cloned() else { continue };
                if given.insert(opt.name.to_owned(), value).is_some() {
                    let prefix = &self.prefix;
                    self.warnings.push(format!(
                        "Both option {prefix}{} and its alias {prefix}{alias} are set.",
                        opt.name
                    ));
                }
            }
        }
    }

    /// Coerces an option's value, and a list's elements, to their types.
    fn types(&self, opt: &Opt, given: &mut Map<String, Value>) -> Result<(), String> {
        let Some(value) = given.get_mut(opt.name) else { return Ok(()) };
        // A null stands for an option that was left out, unless it takes the place of a value.
        if value.is_null() && !opt.required && opt.default.is_none() {
            return Ok(());
        }
        let found_in = |end: &str| match self.context.as_slice() {
            [] => String::new(),
            context => format!(" found in '{}'{end}", context.join(" -> ")),
        };
        let coerced = coerce::to_kind(opt.kind, value, self.environment).map_err(|why| {
            format!(
                "argument '{}' is of type {}{} and we were unable to convert to {}: {why}",
                opt.name,
                python::type_name(value),
                found_in("."),
                opt.kind.name()
            )
        })?;
        *value = coerced;
        if let (Some(kind), Value::Array(elements)) = (opt.elements, value) {
            for element in elements {
                let coerced = coerce::to_kind(kind, element, self.environment).map_err(|why| {
                    format!(
                        "Elements value for option '{}'{} is of type {} and we were unable to convert to {}: {why}",
                        opt.name,
                        found_in(""),
                        python::type_name(element),
                        kind.name()
                    )
                })?;
                *element = coerced;
            }
        }
        Ok(())
    }

    /// Checks the options inside a dict, or inside each dict of a list.
    fn below(&mut self, opt: &Opt, given: &mut Map<String, Value>) -> Result<(), String> {
        let list = opt.kind == Kind::List && opt.elements == Some(Kind::Dict);
        if opt.suboptions.is_empty() || !(list || opt.kind == Kind::Dict) {
            return Ok(());
        }
        let elements: Vec<&mut Value> = match given.get_mut(opt.name) {
            None | Some(Value::Null) => return Ok(()),
            Some(Value::Array(elements)) => elements.iter_mut().collect(),
            Some(value) => vec![value],
        };
        let outer = self.prefix.clone();
        self.context.push(opt.name);
        for (index, element) in elements.into_iter().enumerate() {
            let Value::Object(inner) = element else {
                return Err(format!("value of '{}' must be of type dict or list of dicts", opt.name));
            };
            let number = if list { format!("[{index}]") } else { String::new() };
            self.prefix = format!("{outer}{}{number}.", opt.name);
            self.level(&opt.suboptions, opt.rules, inner)?;
        }
        self.context.pop();
        self.prefix = outer;
        Ok(())
    }

    /// Adds where in the options a sentence belongs.
    fn found_in(&self, sentence: String) -> String {
        match self.context.as_slice() {
            [] => sentence,
            context => format!("{sentence} found in {}", context.join(" -> ")),
        }
    }
}
