// SPDX-License-Identifier: GPL-3.0-or-later
//! Checks of options that several states have.

/// The longest name that PVE takes.
const NAME_LENGTH: usize = 15;

/// What is wrong with a cluster's name.
pub fn cluster_name(name: &str) -> Option<String> {
    (!is_cluster_name(name)).then(|| {
        format!(
            "'{name}' is not a cluster name (letters, digits and hyphens inside, {NAME_LENGTH} characters at most)"
        )
    })
}

fn is_cluster_name(name: &str) -> bool {
    name.len() <= NAME_LENGTH && is_node_name(name)
}

/// PVE's rule for node names, which cluster names follow too.
pub fn is_node_name(name: &str) -> bool {
    let inner = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    !name.is_empty() && inner && !name.starts_with('-') && !name.ends_with('-')
}

/// What may be handed to ssh as a host: nothing that it could take for an option or that a shell would split.
pub fn is_host(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:%".contains(&byte))
}

/// A number of at least `least` that corosync can hold; what is wrong with it otherwise.
pub fn number(option: &str, given: Option<i64>, least: u32, wrong: &mut Vec<String>) -> Option<u32> {
    number_within(option, given, (least, u32::MAX), wrong)
}

/// A number between two that corosync can hold; what is wrong with it otherwise.
pub fn number_within(
    option: &str,
    given: Option<i64>,
    (least, most): (u32, u32),
    wrong: &mut Vec<String>,
) -> Option<u32> {
    let given = given?;
    match u32::try_from(given) {
        Ok(value) if (least..=most).contains(&value) => Some(value),
        _ => {
            wrong.push(format!("'{option}' is {given}, which is not between {least} and {most}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cluster_names() {
        for name in ["prod", "a", "PROD-1", "0x", "abcdefghijklmno"] {
            assert!(is_cluster_name(name), "{name}");
        }
        for name in ["", "bad name", "-a", "a-", "a_b", "a.b", "abcdefghijklmnop", "é"] {
            assert!(!is_cluster_name(name), "{name}");
        }
    }
}
