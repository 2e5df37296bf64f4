// SPDX-License-Identifier: GPL-3.0-or-later
//! The two ways into a cluster, and what each of them needs.

use ansible_module::Secret;
use serde::Deserialize;

/// The option `method`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Method {
    Ssh,
    Api,
}

/// The options of the ways, but for the password, which has no place in what is compared and printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) method: Method,
    pub(crate) fingerprint: Option<String>,
    pub(crate) reservation: Option<String>,
}

/// How this node joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// By root's ssh key, which also looks at the cluster and locks it.
    Ssh,
    /// By root's password on the API of the cluster node, whose certificate is known by its fingerprint.
    Api {
        /// In capitals, as the cluster node's own certificate is told.
        fingerprint: String,
        /// What the cluster node said when it reserved the cluster for this node's join; a member needs none.
        reservation: Option<String>,
    },
}

impl Way {
    /// The way of a joining node; says what is wrong with its options.
    pub(crate) fn check(given: &Given, wrong: &mut Vec<String>) -> Self {
        match given.method {
            Method::Ssh => {
                for (option, given) in given.options() {
                    if given {
                        wrong.push(format!("'{option}' is for method 'api'"));
                    }
                }
                Self::Ssh
            }
            Method::Api => {
                let fingerprint = given.fingerprint.as_deref().unwrap_or_default();
                if !is_fingerprint(fingerprint) {
                    wrong.push(format!(
                        "'fingerprint' is '{fingerprint}', which is not a SHA-256 fingerprint (32 pairs of hexadecimal \
                         digits with colons between them)"
                    ));
                }
                Self::Api {
                    fingerprint: fingerprint.to_ascii_uppercase(),
                    reservation: given.reservation.clone(),
                }
            }
        }
    }

    /// What is wrong with the options of the ways when the state is not that of a joining node.
    pub(crate) fn misplaced(given: &Given) -> Vec<String> {
        let all = [("method", given.method == Method::Api)].into_iter().chain(given.options());
        all.filter(|(_, given)| *given)
            .map(|(option, _)| format!("'{option}' is for state 'joined'"))
            .collect()
    }

    pub(crate) fn is_ssh(&self) -> bool {
        *self == Self::Ssh
    }
}

impl Given {
    fn options(&self) -> [(&'static str, bool); 2] {
        [("fingerprint", self.fingerprint.is_some()), ("reservation", self.reservation.is_some())]
    }
}

/// What is wrong with a password. pvecm reads one line.
pub(crate) fn password_problem(password: Option<&Secret>, method: Method) -> Option<&'static str> {
    match (password.map(Secret::reveal), method) {
        (Some(_), Method::Ssh) => Some("'password' is for method 'api'"),
        (Some(""), Method::Api) => Some("'password' is empty"),
        (Some(text), Method::Api) if text.contains(['\n', '\r', '\0']) => {
            Some("'password' has a line break or a NUL in it, which pvecm would take for its end")
        }
        (_, _) => None,
    }
}

/// The form that `pvecm add --fingerprint` takes.
fn is_fingerprint(text: &str) -> bool {
    let pairs: Vec<&str> = text.split(':').collect();
    let is_pair = |pair: &&str| pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
    pairs.len() == 32 && pairs.iter().all(is_pair)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINGERPRINT: &str =
        "9e:95:34:AE:93:7A:CB:3F:30:C7:51:A7:32:F6:07:8F:0E:E3:4F:A8:59:82:11:D7:CF:35:A6:8F:DB:28:A3:C3";

    fn api(fingerprint: &str) -> Given {
        Given { method: Method::Api, fingerprint: Some(fingerprint.to_owned()), reservation: None }
    }

    fn check(given: &Given) -> (Way, Vec<String>) {
        let mut wrong = Vec::new();
        (Way::check(given, &mut wrong), wrong)
    }

    #[test]
    fn a_fingerprint_is_told_in_capitals() {
        let (way, wrong) = check(&api(FINGERPRINT));
        assert_eq!(wrong, Vec::<String>::new());
        assert_eq!(way, Way::Api { fingerprint: FINGERPRINT.to_ascii_uppercase(), reservation: None });
    }

    #[test]
    fn what_is_no_fingerprint_is_refused() {
        for text in
            ["", "xyz", &FINGERPRINT[3..], &format!("{FINGERPRINT}:AA"), &FINGERPRINT.replace("9e", "9g")]
        {
            let (_, wrong) = check(&api(text));
            let expected = format!(
                "'fingerprint' is '{text}', which is not a SHA-256 fingerprint (32 pairs of hexadecimal digits with colons \
                 between them)"
            );
            assert_eq!(wrong, [expected]);
        }
    }

    #[test]
    fn options_of_the_other_way_are_refused() {
        let given = Given {
            method: Method::Ssh,
            fingerprint: Some("x".to_owned()),
            reservation: Some("y".to_owned()),
        };
        let (way, wrong) = check(&given);
        assert_eq!(wrong, ["'fingerprint' is for method 'api'", "'reservation' is for method 'api'"]);
        assert!(way.is_ssh());
        assert_eq!(
            Way::misplaced(&Given { method: Method::Api, ..given }),
            [
                "'method' is for state 'joined'",
                "'fingerprint' is for state 'joined'",
                "'reservation' is for state 'joined'"
            ]
        );
    }

    #[test]
    fn a_password_is_one_line() {
        let problem = |text: &str, method| password_problem(Some(&Secret::from(text)), method);
        let line = "'password' has a line break or a NUL in it, which pvecm would take for its end";
        let table = [
            ("secret word", Method::Api, None),
            ("", Method::Api, Some("'password' is empty")),
            ("a\nb", Method::Api, Some(line)),
            ("a\n", Method::Api, Some(line)),
            ("a\0b", Method::Api, Some(line)),
            ("x", Method::Ssh, Some("'password' is for method 'api'")),
        ];
        for (text, method, expected) in table {
            assert_eq!(problem(text, method), expected, "{text:?}");
        }
        assert_eq!(password_problem(None, Method::Ssh), None);
    }
}
