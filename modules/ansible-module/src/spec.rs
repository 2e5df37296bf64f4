// SPDX-License-Identifier: GPL-3.0-or-later
//! A module's options, as its documentation lists them.

use serde_json::Value;

/// The type of an option, by Ansible's name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `str`
    Str,
    /// `int`
    Int,
    /// `float`
    Float,
    /// `bool`
    Bool,
    /// `list`
    List,
    /// `dict`
    Dict,
    /// `path`
    Path,
    /// `raw`
    Raw,
}

impl Kind {
    /// Ansible's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Str => "str",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::List => "list",
            Self::Dict => "dict",
            Self::Path => "path",
            Self::Raw => "raw",
        }
    }
}

/// One option.
#[derive(Debug, Clone)]
pub struct Opt {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// The type of a list's elements.
    pub elements: Option<Kind>,
    /// Whether it must be given.
    pub required: bool,
    /// Its value when it is not given.
    pub default: Option<Value>,
    /// The values it may have; any when empty.
    pub choices: &'static [&'static str],
    /// Other names for it.
    pub aliases: &'static [&'static str],
    /// Whether its value is a secret, censored wherever it would be printed.
    pub no_log: bool,
    /// Finds the secrets inside its value, where it is none as a whole; gets the value as it was given too.
    pub secrets_in: Option<fn(&Value) -> Vec<String>>,
    /// The options inside a `dict`, or inside each element of a `list` of `dict`s.
    pub suboptions: Vec<Opt>,
    /// The rules between its suboptions.
    pub rules: Rules,
}

impl Opt {
    /// An option of this name and type that may be left out.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            elements: None,
            required: false,
            default: None,
            choices: &[],
            aliases: &[],
            no_log: false,
            secrets_in: None,
            suboptions: Vec::new(),
            rules: Rules::NONE,
        }
    }

    /// A list with elements of this type.
    #[must_use]
    pub const fn list(name: &'static str, elements: Kind) -> Self {
        let mut opt = Self::new(name, Kind::List);
        opt.elements = Some(elements);
        opt
    }

    /// Must be given.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Its value when it is not given.
    #[must_use]
    pub fn default(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(value.into());
        self
    }

    /// The values it may have.
    #[must_use]
    pub fn choices(mut self, choices: &'static [&'static str]) -> Self {
        self.choices = choices;
        self
    }

    /// Other names for it.
    #[must_use]
    pub fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// Its value is a secret.
    #[must_use]
    pub fn secret(mut self) -> Self {
        self.no_log = true;
        self
    }

    /// Parts of its value are secrets.
    #[must_use]
    pub fn secrets_in(mut self, find: fn(&Value) -> Vec<String>) -> Self {
        self.secrets_in = Some(find);
        self
    }

    /// The options inside it.
    #[must_use]
    pub fn suboptions(mut self, suboptions: Vec<Opt>) -> Self {
        self.suboptions = suboptions;
        self
    }

    /// The rules between the options inside it.
    #[must_use]
    pub fn rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }
}

/// Rules between options of the same level.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rules {
    /// Groups of which at most one option may be given.
    pub mutually_exclusive: &'static [&'static [&'static str]],
    /// Groups of which all or none must be given.
    pub required_together: &'static [&'static [&'static str]],
    /// Groups of which at least one must be given.
    pub required_one_of: &'static [&'static [&'static str]],
    /// When the option has this value, these are required.
    pub required_if: &'static [(&'static str, &'static str, &'static [&'static str])],
    /// When the option is given, these are required.
    pub required_by: &'static [(&'static str, &'static [&'static str])],
}

impl Rules {
    /// No rules.
    pub const NONE: Self = Self {
        mutually_exclusive: &[],
        required_together: &[],
        required_one_of: &[],
        required_if: &[],
        required_by: &[],
    };
}

/// A module's options and the rules between them.
#[derive(Debug, Clone, Default)]
pub struct Spec {
    /// The module's name within the collection.
    pub name: &'static str,
    /// Its options.
    pub options: Vec<Opt>,
    /// Groups of which at most one option may be given.
    pub mutually_exclusive: &'static [&'static [&'static str]],
    /// Groups of which all or none must be given.
    pub required_together: &'static [&'static [&'static str]],
    /// Groups of which at least one must be given.
    pub required_one_of: &'static [&'static [&'static str]],
    /// When the option has this value, these are required.
    pub required_if: &'static [(&'static str, &'static str, &'static [&'static str])],
    /// When the option is given, these are required.
    pub required_by: &'static [(&'static str, &'static [&'static str])],
}

impl Spec {
    /// The rules between its options.
    #[must_use]
    pub fn rules(&self) -> Rules {
        Rules {
            mutually_exclusive: self.mutually_exclusive,
            required_together: self.required_together,
            required_one_of: self.required_one_of,
            required_if: self.required_if,
            required_by: self.required_by,
        }
    }
}
