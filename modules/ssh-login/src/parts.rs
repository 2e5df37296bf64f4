// SPDX-License-Identifier: GPL-3.0-or-later
//! The answer of a script that prints several programs' output, each behind a line `@@ name`.

/// The text of a part, as it was printed; empty when its program printed nothing, none when there is no such part.
///
/// A script's last part says that nothing is missing.
#[must_use]
pub fn part<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let heading = format!("\n@@ {name}\n");
    let (_, rest) = text.split_once(&heading)?;
    Some(rest.split_once("\n@@ ").map_or(rest, |(part, _)| part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_alone() {
        let text = "\n@@ node\npve1\n\n@@ lock\n\n@@ end\n";
        assert_eq!(part(text, "node"), Some("pve1\n"));
        assert_eq!(part(text, "lock"), Some(""));
        assert_eq!(part(text, "end"), Some(""));
        assert_eq!(part(text, "members"), None);
    }
}
