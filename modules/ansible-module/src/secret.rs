// SPDX-License-Identifier: GPL-3.0-or-later
//! A value that must not be printed.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A value that must not be printed: it has neither `Debug` nor `Display`, it cannot be serialized, and an error in
/// reading it does not repeat it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The value itself, for the one place that hands it on.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_string(Text).map_err(|_| D::Error::custom("a secret must be a text"))
    }
}

struct Text;

impl Visitor<'_> for Text {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Secret, E> {
        Ok(Secret(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Secret, E> {
        Ok(Secret(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_text_is_read_and_an_error_does_not_repeat_it() {
        let secret: Secret = serde_json::from_value(json!("hunter2")).unwrap_or_else(|_| "none".into());
        assert_eq!(secret.reveal(), "hunter2");
        for value in [json!(4711), json!(["hunter2"]), json!({"a": "hunter2"}), json!(null)] {
            let error = serde_json::from_value::<Secret>(value).err().map(|error| error.to_string());
            assert_eq!(error.as_deref(), Some("a secret must be a text"));
        }
    }
}
