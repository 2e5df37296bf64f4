// SPDX-License-Identifier: GPL-3.0-or-later
//! Paths as options: `~`, `~user`, `$NAME` and `${NAME}` are expanded, nothing is normalised.

/// Where the values for an expansion come from.
pub(crate) struct Environment<'a> {
    /// The value of an environment variable.
    pub(crate) variable: &'a dyn Fn(&str) -> Option<String>,
    /// The home directory of a user.
    pub(crate) home: &'a dyn Fn(&str) -> Option<String>,
}

impl Environment<'_> {
    /// The path after both expansions; what is not known stays as it is.
    pub(super) fn expand(&self, path: &str) -> String {
        self.home(&self.variables(path))
    }

    fn variables(&self, path: &str) -> String {
        let mut expanded = String::new();
        let mut rest = path;
        while let Some((before, after)) = rest.split_once('$') {
            expanded.push_str(before);
            let (name, end) = match after.strip_prefix('{') {
                Some(inside) => inside.split_once('}').unwrap_or(("", after)),
                None => {
                    let word = |c: char| c == '_' || c.is_ascii_alphanumeric();
                    after.split_at(after.find(|c| !word(c)).unwrap_or(after.len()))
                }
            };
            match (self.variable)(name).filter(|_| !name.is_empty()) {
                Some(value) => {
                    expanded.push_str(&value);
                    rest = end;
                }
                None => {
                    expanded.push('$');
                    rest = after;
                }
            }
        }
        expanded + rest
    }

    fn home(&self, path: &str) -> String {
        let Some(after) = path.strip_prefix('~') else { return path.to_owned() };
        let (user, rest) = after.split_at(after.find('/').unwrap_or(after.len()));
        let home = match user {
            "" => (self.variable)("HOME").or_else(|| (self.home)("root")),
            user => (self.home)(user),
        };
        let Some(home) = home else { return path.to_owned() };
        match format!("{}{rest}", home.trim_end_matches('/')) {
            empty if empty.is_empty() => "/".to_owned(),
            whole => whole,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_expanded_and_nothing_more() {
        let variable = |name: &str| match name {
            "HOME" => Some("/home/me/".to_owned()),
            "A" => Some("$B".to_owned()),
            _ => None,
        };
        let home = |user: &str| (user == "www").then(|| "/var/www".to_owned());
        let environment = Environment { variable: &variable, home: &home };
        for (path, expected) in [
            ("/a//b/../c/", "/a//b/../c/"),
            ("~", "/home/me"),
            ("~/x", "/home/me/x"),
            ("~www/x", "/var/www/x"),
            ("~nobody/x", "~nobody/x"),
            ("a~", "a~"),
            ("/$A/${A}/$NO/${NO}/$/${", "/$B/$B/$NO/${NO}/$/${"),
        ] {
            assert_eq!(environment.expand(path), expected, "{path}");
        }
    }
}
