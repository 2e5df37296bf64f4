// SPDX-License-Identifier: GPL-3.0-or-later
//! The whole file.

use crate::line::{Entry, Line};
use crate::{Given, PublicKey, options};

/// An `authorized_keys` file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    lines: Vec<Line>,
}

impl Document {
    /// Reads a file; every content is one.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        Self { lines: bytes.split_inclusive(|byte| *byte == b'\n').map(Line::read).collect() }
    }

    /// The file: what [`Document::parse`] read, as long as nothing was edited.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|line| line.raw.iter().copied()).collect()
    }

    /// The lines that hold keys.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.lines.iter().filter_map(|line| line.entry.as_ref())
    }

    /// Whether some line holds the key, whatever it says about it.
    #[must_use]
    pub fn contains(&self, key: &PublicKey) -> bool {
        self.entries().any(|entry| entry.key == *key)
    }

    /// Whether [`Document::ensure`] would leave everything as it is.
    #[must_use]
    pub fn satisfies(&self, given: &Given) -> bool {
        let mut after = self.clone();
        after.ensure(given);
        after == *self
    }

    /// Makes the file grant what was given.
    ///
    /// Without a line of the key, one is added at the end. With wanted options, one line is left: the first that has
    /// them, or else the first of the key, which gets them. Without wanted options, lines of the key that differ in
    /// theirs are all kept, and later ones that repeat the options of an earlier one go. A line by which the key
    /// signs other keys (`cert-authority`) and one by which it logs in are two things; only the given one is touched.
    pub fn ensure(&mut self, given: &Given) {
        let wanted = given.options.as_deref().map(str::as_bytes);
        let authority = wanted.is_some_and(options::is_certificate_authority);
        let is_meant =
            |entry: &Entry| entry.key == given.key && entry.is_certificate_authority() == authority;
        let meant: Vec<&Entry> = self.entries().filter(|entry| is_meant(entry)).collect();
        if meant.is_empty() {
            self.append(given);
            return;
        }
        let has_wanted = meant.iter().any(|entry| Some(entry.options.as_slice()) == wanted);
        let mut kept: Vec<Vec<u8>> = Vec::new();
        self.lines.retain_mut(|line| {
            let Some(entry) = line.entry.as_ref().filter(|entry| is_meant(entry)) else { return true };
            let keep = match wanted {
                None => !kept.contains(&entry.options),
                Some(wanted) => kept.is_empty() && (!has_wanted || entry.options == wanted),
            };
            if keep {
                let mut entry = entry.clone();
                kept.push(entry.options.clone());
                if let Some(wanted) = wanted {
                    entry.options = wanted.to_vec();
                }
                if let Some(comment) = &given.comment {
                    entry.comment = comment.trim_ascii().as_bytes().to_vec();
                }
                if entry.named_short {
                    entry.spelling = entry.key.spelling().into_bytes();
                    entry.named_short = false;
                }
                line.say(entry);
            }
            keep
        });
    }

    /// Removes every line of the key, whatever it says about it.
    pub fn remove(&mut self, key: &PublicKey) {
        self.lines.retain(|line| line.entry.as_ref().is_none_or(|entry| entry.key != *key));
    }

    /// Removes every line that grants something, but for the keys that are to stay. Comments and blank lines stay;
    /// a line that is neither they nor a key known here goes too, because sshd may understand it.
    pub fn keep_only(&mut self, mut keep: impl FnMut(&Entry) -> bool) {
        self.lines.retain(|line| match &line.entry {
            Some(entry) => keep(entry),
            None => line.is_silent(),
        });
    }

    fn append(&mut self, given: &Given) {
        if let Some(last) = self.lines.last_mut()
            && last.ending().is_empty()
        {
            last.raw.push(b'\n');
        }
        self.lines.push(Line::of(Entry {
            options: given.options.clone().unwrap_or_default().into_bytes(),
            key: given.key.clone(),
            comment: given.comment.as_deref().unwrap_or_default().trim_ascii().as_bytes().to_vec(),
            spelling: given.key.spelling().into_bytes(),
            named_short: false,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given_keys;

    const A: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDAh7XaMsLDfQwLPxpy3Chdjgtk7AmgaAQkmU3Nm5rqa";
    const B: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBwH6HJ6TRpLRNy8m5B7gTqTNsGhSOZ3Gm1QCpzHT2kD";

    fn given(text: &str) -> Given {
        given_keys(text).unwrap().remove(0)
    }

    /// The file after `ensure`, and that a second `ensure` does nothing.
    fn ensured(before: &str, given: &Given) -> String {
        let mut document = Document::parse(before.as_bytes());
        assert_eq!(document.to_bytes(), before.as_bytes());
        document.ensure(given);
        assert!(document.satisfies(given), "a second time there would still be something to do");
        let bytes = document.to_bytes();
        assert_eq!(Document::parse(&bytes), document, "what was written is not what was meant");
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_new_key_goes_to_the_end() {
        assert_eq!(ensured("", &given(&format!("{A} me"))), format!("{A} me\n"));
        assert_eq!(ensured(&format!("{B} you"), &given(A)), format!("{B} you\n{A}\n"));
        assert_eq!(ensured("# c\r\n", &given(A)), format!("# c\r\n{A}\n"));
    }

    #[test]
    fn options_and_comment_not_given_stay() {
        let line = format!("restrict,from=\"a b\"   {A}  old words\r\n");
        assert_eq!(ensured(&line, &given(A)), line);
        assert_eq!(ensured(&line, &given(&format!("{A} new"))), format!("restrict,from=\"a b\" {A} new\r\n"));
        let mut bare = given(A);
        bare.options = Some(String::new());
        bare.comment = Some(String::new());
        assert_eq!(ensured(&line, &bare), format!("{A}\r\n"));
    }

    #[test]
    fn repeated_lines_become_one_and_differing_ones_stay() {
        let twice = format!("{A} one\n{B}\n{A} two\nrestrict {A}\n");
        assert_eq!(ensured(&twice, &given(A)), format!("{A} one\n{B}\nrestrict {A}\n"));
    }

    #[test]
    fn wanted_options_leave_one_line_the_one_that_has_them() {
        let twice = format!("pty {A} one\n{B}\nrestrict {A} two\n");
        assert_eq!(ensured(&twice, &given(&format!("restrict {A}"))), format!("{B}\nrestrict {A} two\n"));
        assert_eq!(ensured(&twice, &given(&format!("no-pty {A} three"))), format!("no-pty {A} three\n{B}\n"));
    }

    /// The blob of an RSA key, with this name for its type and so many zeros too many before its modulus.
    fn rsa(name: &str, zeros: usize) -> String {
        use base64::Engine;
        let mut blob = Vec::new();
        let modulus = [vec![0; zeros + 1], vec![0xC7; 128]].concat();
        for field in [name.as_bytes(), &[1, 0, 1], &modulus] {
            blob.extend(u32::try_from(field.len()).unwrap().to_be_bytes());
            blob.extend(field);
        }
        base64::engine::general_purpose::STANDARD.encode(blob)
    }

    #[test]
    fn a_key_is_the_same_whatever_word_stands_before_it() {
        let key = rsa("ssh-rsa", 0);
        let wanted = given(&format!("ssh-rsa {key}"));
        for line in [
            format!("rsa-sha2-512 {key} me\n"),
            format!("restrict rsa-sha2-256 {key}\n"),
            format!("ssh-rsa {}\n", rsa("rsa-sha2-512", 0)),
            format!("ssh-rsa {}\n", rsa("ssh-rsa", 2)),
        ] {
            assert_eq!(ensured(&line, &wanted), line, "it logs in as it is");
            let mut document = Document::parse(format!("{B}\n{line}").as_bytes());
            document.remove(&wanted.key);
            assert_eq!(document.to_bytes(), format!("{B}\n").as_bytes(), "{line}");
            assert_eq!(given(&line).key.fingerprint(), wanted.key.fingerprint());
        }
        assert_eq!(given(&format!("rsa-sha2-512 {key}")).key.spelling(), format!("ssh-rsa {key}"));
        assert!(given_keys(&format!("ssh-ed25519 {key}")).is_err());
    }

    #[test]
    fn a_blob_that_newer_sshds_do_not_take_is_written_anew() {
        let line = format!("restrict ssh-rsa {} me\n", rsa("RSA", 1));
        let wanted = given(&format!("ssh-rsa {}", rsa("ssh-rsa", 0)));
        assert_eq!(ensured(&line, &wanted), format!("restrict ssh-rsa {} me\n", rsa("ssh-rsa", 0)));
    }

    #[test]
    fn an_authority_is_not_a_login_key() {
        let authority = format!("cert-authority {A} ca\n");
        assert_eq!(ensured(&authority, &given(A)), format!("{authority}{A}\n"));
        let both = format!("{A}\n");
        assert_eq!(
            ensured(&both, &given(&format!("cert-authority {A}"))),
            format!("{A}\ncert-authority {A}\n")
        );
    }

    #[test]
    fn removing_takes_every_line_of_the_key() {
        let text = format!("# {A}\n{A} x\n{B}\ncert-authority {A}\n\tpty\t{A}\nnonsense\n");
        let mut document = Document::parse(text.as_bytes());
        document.remove(&given(A).key);
        assert_eq!(document.to_bytes(), format!("# {A}\n{B}\nnonsense\n").as_bytes());
    }

    #[test]
    fn keeping_only_some_takes_what_is_not_understood_too() {
        let text = format!("# c\n\n{A} x\nssh-future AAAA\n{B} y\n  # d\n");
        let mut document = Document::parse(text.as_bytes());
        document.keep_only(|entry| entry.comment == b"y");
        assert_eq!(document.to_bytes(), format!("# c\n\n{B} y\n  # d\n").as_bytes());
    }
}
