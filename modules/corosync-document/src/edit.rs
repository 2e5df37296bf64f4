// SPDX-License-Identifier: GPL-3.0-or-later
//! Edits that move the lines of what they edit, and no other.

use thiserror::Error;

use crate::line::{Kind, LONGEST, Line};
use crate::tree::Section;
use crate::view::number;
use crate::{Document, Place, Problem, disagreements};

/// Why an edit was not made. The document is as it was.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EditError {
    /// The key exists more than once, so that there is no telling which one is meant.
    #[error("'{0}' is set more than once")]
    Ambiguous(String),
    /// There is no such node or section.
    #[error("there is no {0}")]
    Missing(String),
    /// One of the two readers would misread it.
    #[error("the value '{value}' of '{key}' cannot be written: {why}")]
    Value {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// One of the two readers would misread it.
    #[error("'{0}' cannot be written as a key: only letters, digits and '_' can")]
    Key(String),
    /// PVE's programs stop at a second section of this name.
    #[error("there is a section '{0}' already, and PVE refuses a second one")]
    Second(String),
    /// What would be written is read differently by the readers.
    #[error("it would be misread: {0}")]
    Misread(Problem),
    /// The section has no end, so that there is no place to write to.
    #[error("the section '{0}' is not closed")]
    Unclosed(String),
}

/// What stands between a key and its value in what is written.
const COLON: &[u8] = b": ";
/// How much deeper than its section a key is indented when the file shows no example.
const INDENT: &[u8] = b"  ";

impl Document {
    /// Sets a key. Answers whether that changed anything.
    ///
    /// An existing key keeps its line, only the value in it changes. A new key gets a line of its own with the
    /// indentation, spacing and line ending of its neighbours: where the alphabet wants it when the section is
    /// sorted, as PVE writes it, and at the end otherwise. A section that does not exist is created.
    ///
    /// # Errors
    /// When the key is set more than once, or when one of the readers would misread the key or the value.
    pub fn set(&mut self, place: &Place, key: &str, value: &str) -> Result<bool, EditError> {
        if let [line] = self.items_named(place, key).as_slice()
            && self.value_on(*line) == value.as_bytes()
        {
            return Ok(false); // whatever a reader makes of it
        }
        check_key(key)?;
        check_value(key, value)?;
        let mut edited = self.clone();
        let changed = edited.write(place, key, value)?;
        // whatever else the readers would make of it: what they agreed on before they must agree on after
        let known = disagreements(self);
        let found = disagreements(&edited);
        if found.len() > known.len() {
            let known = |problem: &Problem| known.iter().any(|finding| finding.problem == *problem);
            let new = found.into_iter().map(|finding| finding.problem).find(|problem| !known(problem));
            return Err(EditError::Misread(new.unwrap_or(Problem::Differs)));
        }
        *self = edited;
        Ok(changed)
    }

    /// Gives the interface sections of these links that say their number as PVE of old did, or not at all, the
    /// `linknumber` by which corosync knows them too. Answers for which it did.
    ///
    /// # Errors
    /// When a section has no end.
    pub fn number_interfaces(&mut self, links: &[u8]) -> Result<Vec<u8>, EditError> {
        let mut numbered = Vec::new();
        let mut edited = self.clone();
        loop {
            let sections = edited.tree.at(&["totem", "interface"]).into_iter();
            let mut unnumbered = sections.filter_map(|index| {
                let section = edited.tree.sections.get(index)?;
                let link = interface_link_of_pve(section).map_or(Some(0), number::<u8>)?;
                (section.value("linknumber").is_none() && links.contains(&link)).then_some((section, link))
            });
            let Some((section, link)) = unnumbered.next() else { break };
            let at = insertion_point(section, "linknumber")
                .ok_or_else(|| EditError::Unclosed(section.name.clone()))?;
            let line = edited.new_item(section, at, "linknumber", &link.to_string());
            edited.lines.insert(at, line);
            edited.rebuild();
            numbered.push(link);
        }
        *self = edited;
        Ok(numbered)
    }

    fn write(&mut self, place: &Place, key: &str, value: &str) -> Result<bool, EditError> {
        let Some(index) = self.section_at(place)? else {
            if let Place::Node(name) = place {
                return Err(EditError::Missing(format!("node '{name}' in the nodelist")));
            }
            return self.create(place, key, value).map(|()| true);
        };
        let Some(section) = self.tree.sections.get(index) else { return Ok(false) };
        let places = self.items_named(place, key);
        match places.as_slice() {
            [] => {
                let at =
                    insertion_point(section, key).ok_or_else(|| EditError::Unclosed(section.name.clone()))?;
                let line = self.new_item(section, at, key, value);
                self.lines.insert(at, line);
            }
            [line] => {
                if self.value_on(*line) == value.as_bytes() {
                    return Ok(false);
                }
                self.replace_value(*line, value);
            }
            _ => return Err(EditError::Ambiguous(format!("{place}.{key}"))),
        }
        self.rebuild();
        Ok(true)
    }

    /// Removes a key, with its line. Answers whether it was there. The section stays, even when empty.
    pub fn remove(&mut self, place: &Place, key: &str) -> bool {
        let lines = self.items_named(place, key);
        for line in lines.iter().rev() {
            self.lines.remove(*line);
        }
        self.rebuild();
        !lines.is_empty()
    }

    /// Removes a section with everything in it. Answers whether it was there.
    ///
    /// # Errors
    /// When the section exists more than once, or has no end.
    pub fn remove_section(&mut self, place: &Place) -> Result<bool, EditError> {
        let sections = self.sections_at(place);
        if sections.len() > 1 {
            return Err(EditError::Ambiguous(place.to_string()));
        }
        let Some(section) = sections.first().and_then(|index| self.tree.sections.get(*index)) else {
            return Ok(false);
        };
        let (Some(open), Some(close)) = (section.open, section.close) else {
            return Err(EditError::Unclosed(section.name.clone()));
        };
        self.lines.drain(open..=close);
        self.rebuild();
        Ok(true)
    }

    /// Sets the version of the file. It must rise with every change: a lower one is dropped without a word.
    ///
    /// # Errors
    /// When the file has more than one version.
    pub fn set_config_version(&mut self, version: u64) -> Result<bool, EditError> {
        self.set(&Place::section("totem"), "config_version", &version.to_string())
    }

    /// Sets a node's votes.
    ///
    /// # Errors
    /// When there is no such node.
    pub fn set_votes(&mut self, node: &str, votes: u32) -> Result<bool, EditError> {
        self.set(&Place::Node(node.to_owned()), "quorum_votes", &votes.to_string())
    }

    /// Sets a node's address on a link.
    ///
    /// # Errors
    /// When there is no such node, or the address cannot be written.
    pub fn set_address(&mut self, node: &str, link: u8, address: &str) -> Result<bool, EditError> {
        self.set(&Place::Node(node.to_owned()), &format!("ring{link}_addr"), address)
    }

    /// Adds a node behind the others, with these votes and an address on each link.
    ///
    /// # Errors
    /// When there is one of that name, or one of the readers would misread a value.
    pub fn add_node<'a>(
        &mut self,
        name: &str,
        nodeid: u32,
        votes: u32,
        addresses: impl IntoIterator<Item = (u8, &'a str)>,
    ) -> Result<(), EditError> {
        let place = Place::Node(name.to_owned());
        if !self.sections_at(&place).is_empty() {
            return Err(EditError::Second(place.to_string()));
        }
        check_value("name", name)?;
        let mut edited = self.clone();
        edited.create(&place, "name", name)?;
        edited.set(&place, "nodeid", &nodeid.to_string())?;
        edited.set(&place, "quorum_votes", &votes.to_string())?;
        for (link, address) in addresses {
            edited.set_address(name, link, address)?;
        }
        *self = edited;
        Ok(())
    }

    /// Adds a link or changes its addresses, with the interface section that PVE expects of it.
    ///
    /// # Errors
    /// When a node is not in the nodelist, or an address cannot be written.
    pub fn set_link<'a>(
        &mut self,
        link: u8,
        addresses: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<bool, EditError> {
        // all or nothing: a link that only some nodes have is refused by corosync
        let mut edited = self.clone();
        let mut changed = edited.set(&Place::Interface(link), "linknumber", &link.to_string())?;
        for (node, address) in addresses {
            changed |= edited.set_address(node, link, address)?;
        }
        *self = edited;
        Ok(changed)
    }

    /// Removes a link: every node's address on it, and its interface section.
    ///
    /// # Errors
    /// When its interface section exists more than once, or has no end.
    pub fn remove_link(&mut self, link: u8) -> Result<bool, EditError> {
        let mut edited = self.clone();
        let mut changed = edited.remove_section(&Place::Interface(link))?;
        let key = format!("ring{link}_addr");
        for node in self.nodes() {
            changed |= edited.remove(&Place::Node(node.name), &key);
        }
        *self = edited;
        Ok(changed)
    }

    /// The value of a key at this place.
    #[must_use]
    pub fn value(&self, place: &Place, key: &str) -> Option<&str> {
        self.sections_at(place)
            .into_iter()
            .rev()
            .find_map(|index| self.tree.sections.get(index).and_then(|section| section.value(key)))
    }

    /// The keys at this place with their values, in the file's order.
    #[must_use]
    pub fn keys(&self, place: &Place) -> Vec<(&str, &str)> {
        let sections = self.sections_at(place);
        let items = sections
            .iter()
            .filter_map(|index| self.tree.sections.get(*index))
            .flat_map(|section| &section.items);
        items.map(|item| (item.key.as_str(), item.value.as_str())).collect()
    }

    fn rebuild(&mut self) {
        *self = Self::of(std::mem::take(&mut self.lines));
    }

    /// All sections at a place; corosync reads those of one path as one.
    pub(crate) fn sections_at(&self, place: &Place) -> Vec<usize> {
        let is =
            |index: &usize, test: &dyn Fn(&Section) -> bool| self.tree.sections.get(*index).is_some_and(test);
        match place {
            Place::Section(path) => self.tree.at(&path.iter().map(String::as_str).collect::<Vec<_>>()),
            Place::Node(name) => {
                let mut nodes = self.tree.at(&["nodelist", "node"]);
                nodes.retain(|index| {
                    is(index, &|node| node.value("name").or_else(|| node.value("ring0_addr")) == Some(name))
                });
                nodes
            }
            Place::Interface(link) => {
                let mut interfaces = self.tree.at(&["totem", "interface"]);
                interfaces.retain(|index| is(index, &|interface| interface_link(interface) == Some(*link)));
                interfaces
            }
            Place::Logger(subsys) => {
                let mut loggers = self.tree.at(&["logging", "logger_subsys"]);
                loggers.retain(|index| is(index, &|logger| logger.value("subsys") == Some(subsys)));
                loggers
            }
        }
    }

    /// The one section to write to: of several of one path, the last.
    fn section_at(&self, place: &Place) -> Result<Option<usize>, EditError> {
        let sections = self.sections_at(place);
        if sections.len() > 1 && !matches!(place, Place::Section(_)) {
            return Err(EditError::Ambiguous(place.to_string()));
        }
        Ok(sections.last().copied())
    }

    fn items_named(&self, place: &Place, key: &str) -> Vec<usize> {
        let sections = self.sections_at(place);
        let sections = sections.iter().filter_map(|index| self.tree.sections.get(*index));
        let items = sections.flat_map(|section| section.items.iter());
        let mut lines: Vec<usize> = items.filter(|item| item.key == key).map(|item| item.line).collect();
        lines.sort_unstable();
        lines
    }

    fn value_on(&self, line: usize) -> &[u8] {
        match self.lines.get(line) {
            Some(line @ Line { kind: Kind::Item { value, .. }, .. }) => line.part(value),
            _ => b"",
        }
    }

    fn replace_value(&mut self, index: usize, new: &str) {
        let Some(line) = self.lines.get_mut(index) else { return };
        let Kind::Item { value, .. } = line.kind.clone() else { return };
        let mut bytes = line.bytes.clone();
        let blank = value.start > 0 && bytes.get(value.start - 1).is_some_and(|byte| *byte == b':');
        // `key:value` is no key for PVE: what is written has a blank
        let text = if blank { format!(" {new}") } else { new.to_owned() };
        bytes.splice(value, text.into_bytes());
        *line = Line::new(bytes);
    }

    /// A new line in the style of its neighbours in the section, or of the section itself.
    fn new_item(&self, section: &Section, at: usize, key: &str, value: &str) -> Line {
        let above = section.items.iter().rev().find(|item| item.line < at);
        let model = above.or_else(|| section.items.first()).and_then(|item| self.lines.get(item.line));
        let opening = section.open.and_then(|open| self.lines.get(open));
        let mut bytes = match (model, opening) {
            (Some(model), _) => model.indentation().to_vec(),
            (None, Some(opening)) => [opening.indentation(), &self.indent_step()].concat(),
            (None, None) => Vec::new(),
        };
        bytes.extend_from_slice(key.as_bytes());
        bytes.extend_from_slice(&model.and_then(spacing).unwrap_or_else(|| COLON.to_vec()));
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(&self.line_ending(model.or(opening)));
        Line::new(bytes)
    }

    /// How much deeper than its section the file's first indented key is.
    fn indent_step(&self) -> Vec<u8> {
        let sections = self.tree.sections.iter();
        let step = sections.filter_map(|section| {
            let outer = self.lines.get(section.open?)?.indentation();
            let inner = self.lines.get(section.items.first()?.line)?.indentation();
            inner.strip_prefix(outer).map(<[u8]>::to_vec)
        });
        step.into_iter().find(|step| !step.is_empty()).unwrap_or_else(|| INDENT.to_vec())
    }

    /// The line ending of a line, or of the file's first line when that one has none.
    fn line_ending(&self, model: Option<&Line>) -> Vec<u8> {
        let endings = model.into_iter().chain(self.lines.first()).map(Line::ending);
        endings.into_iter().find(|ending| !ending.is_empty()).unwrap_or(b"\n").to_vec()
    }

    /// Creates the sections of a place that are missing, with one key in the innermost.
    fn create(&mut self, place: &Place, key: &str, value: &str) -> Result<(), EditError> {
        let path = place.path();
        // the part of the path that exists; an element of a list is always new
        let listed = !matches!(place, Place::Section(_));
        let mut depth = if listed { path.len() - 1 } else { path.len() };
        let parent = loop {
            let names: Vec<&str> = path.iter().take(depth).map(String::as_str).collect();
            match self.tree.at(&names).last() {
                Some(index) => break *index,
                None => depth -= 1,
            }
        };
        let Some(section) = self.tree.sections.get(parent) else { return Ok(()) };
        if let Some(unclosed) = self.tree.sections.iter().skip(1).find(|section| section.close.is_none()) {
            // what is added at the end would stand in it
            return Err(EditError::Unclosed(unclosed.name.clone()));
        }
        let sibling = path.get(depth).and_then(|name| self.tree.children(parent, name).last());
        if let (Place::Logger(_), Some((_, other))) = (place, sibling) {
            return Err(EditError::Second(other.name.clone()));
        }
        // links stand in the order of their numbers, as PVE writes them
        let later = path.get(depth).and_then(|name| {
            let Place::Interface(link) = place else { return None };
            let mut interfaces = self.tree.children(parent, name);
            interfaces
                .find(|(_, other)| interface_link(other) > Some(*link))
                .and_then(|(_, other)| other.open)
        });
        let at = match (sibling.and_then(|(_, sibling)| sibling.close), parent, section.close) {
            (Some(close), ..) => later.unwrap_or(close + 1),
            (None, 0, _) => self.lines.len(),
            (None, _, Some(close)) => close,
            (None, _, None) => return Err(EditError::Unclosed(section.name.clone())),
        };
        let ending = self.line_ending(section.open.and_then(|open| self.lines.get(open)));
        let step = self.indent_step();
        let opening = |section: &Section| section.open.and_then(|open| self.lines.get(open));
        let mut indentation = match (sibling.and_then(|(_, sibling)| opening(sibling)), opening(section)) {
            (Some(sibling), _) => sibling.indentation().to_vec(),
            (None, Some(parent)) => [parent.indentation(), &step].concat(),
            (None, None) => Vec::new(),
        };
        let mut new = Vec::new();
        let mut closing = Vec::new();
        for name in path.iter().skip(depth) {
            new.push([&indentation, name.as_bytes(), b" {"].concat());
            closing.push([indentation.as_slice(), b"}"].concat());
            indentation.extend_from_slice(&step);
        }
        let item = |key: &str, value: &str| [&indentation, key.as_bytes(), COLON, value.as_bytes()].concat();
        match place {
            Place::Interface(link) if key != "linknumber" => new.push(item("linknumber", &link.to_string())),
            Place::Logger(subsys) if key != "subsys" => new.push(item("subsys", subsys)),
            _ => {}
        }
        new.push(item(key, value));
        new.extend(closing.into_iter().rev());
        let mut lines: Vec<Line> =
            new.into_iter().map(|line| Line::new([line.as_slice(), &ending].concat())).collect();
        if parent == 0 {
            self.separate(&mut lines, &ending);
        }
        self.lines.splice(at..at, lines);
        self.rebuild();
        Ok(())
    }

    /// Puts a blank line before a new section at the end of the file, and ends the line before it.
    fn separate(&mut self, lines: &mut Vec<Line>, ending: &[u8]) {
        let Some(last) = self.lines.last_mut() else { return };
        if last.ending().is_empty() {
            let cut = last.bytes.strip_suffix(b"\r").unwrap_or(&last.bytes);
            *last = Line::new([cut, ending].concat());
        }
        if last.kind != Kind::Blank {
            lines.insert(0, Line::new(ending.to_vec()));
        }
    }
}

/// The link that an interface section is for as corosync 3 takes it, which knows no `ringnumber`: 0 when it does not say.
pub(crate) fn interface_link(section: &Section) -> Option<u8> {
    section.value("linknumber").map_or(Some(0), number)
}

/// The same as PVE takes it; none when PVE finds no number.
pub(crate) fn interface_link_of_pve(section: &Section) -> Option<&str> {
    section.value("linknumber").or_else(|| section.value("ringnumber"))
}

/// The line before which a new key belongs: in a section sorted by the alphabet, as PVE writes it, after the key that
/// comes before it, and at the end otherwise. None when the section has no end.
fn insertion_point(section: &Section, key: &str) -> Option<usize> {
    section.close?;
    let sorted = section.items.is_sorted_by(|one, two| one.key <= two.key);
    let above = section.items.iter().rev().find(|item| !sorted || item.key.as_str() < key);
    above.map(|item| item.line).or(section.open).map(|line| line + 1)
}

/// What stands between key and value on a line, when both readers take it.
fn spacing(line: &Line) -> Option<Vec<u8>> {
    let Kind::Item { key, value } = &line.kind else { return None };
    let between = line.part(&(key.end..value.start));
    let blanks = between.strip_prefix(b":")?;
    let plain = !blanks.is_empty() && blanks.iter().all(|byte| matches!(byte, b' ' | b'\t'));
    (plain && !value.is_empty()).then(|| between.to_vec())
}

fn check_key(key: &str) -> Result<(), EditError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if key.is_empty() || key.len() > 100 || !key.bytes().all(plain) {
        return Err(EditError::Key(key.to_owned()));
    }
    Ok(())
}

/// Whether both readers take this for the same value.
pub(crate) fn check_value(key: &str, value: &str) -> Result<(), EditError> {
    let why = if value.is_empty() {
        "it is empty, and PVE would take the next word for it"
    } else if value.bytes().any(|byte| byte.is_ascii_whitespace() || byte == 0x0b) {
        "it holds a blank, at which PVE ends it"
    } else if value.contains('#') {
        "it holds a '#', which begins a comment for PVE and not for corosync"
    } else if value.contains('{') || value == "}" {
        "it holds a brace, which begins or ends a section"
    } else if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        "it holds a character that is not plain ASCII"
    } else if value.len() > LONGEST - 200 {
        "it is longer than 310 bytes, and corosync reads lines of 510 bytes at most"
    } else {
        return Ok(());
    };
    Err(EditError::Value { key: key.to_owned(), value: value.to_owned(), why })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The document after an edit, as text.
    fn after(text: &str, edit: impl FnOnce(&mut Document) -> Result<bool, EditError>) -> String {
        let mut document = Document::parse(text.as_bytes());
        assert!(edit(&mut document).unwrap(), "the edit changed nothing");
        document.to_text()
    }

    fn totem() -> Place {
        Place::section("totem")
    }

    #[test]
    fn a_value_is_replaced_in_its_line() {
        for (before, expected) in [
            ("totem {\n  token: 1000\n}\n", "totem {\n  token: 5000\n}\n"),
            ("totem {\n\ttoken:\t1000  \r\n}", "totem {\n\ttoken:\t5000  \r\n}"),
            // PVE needs a blank behind the colon: a changed line gets one
            ("totem {\n  token:1000\n}\n", "totem {\n  token: 5000\n}\n"),
            ("totem {\n  token:\n}\n", "totem {\n  token: 5000\n}\n"),
            (
                "# token: 1\ntotem {\n# token: 2\n token: 3\n}\n",
                "# token: 1\ntotem {\n# token: 2\n token: 5000\n}\n",
            ),
        ] {
            assert_eq!(after(before, |d| d.set(&totem(), "token", "5000")), expected);
        }
    }

    #[test]
    fn a_new_key_is_like_its_neighbours() {
        for (before, expected) in [
            // sorted, as PVE writes it: where the alphabet wants it
            (
                "totem {\n  secauth: on\n  token_coefficient: 125\n  version: 2\n}\n",
                "totem {\n  secauth: on\n  token: 5000\n  token_coefficient: 125\n  version: 2\n}\n",
            ),
            ("totem {\n  version: 2\n}\n", "totem {\n  token: 5000\n  version: 2\n}\n"),
            // not sorted: at the end
            (
                "totem {\n  version: 2\n  secauth: on\n}\n",
                "totem {\n  version: 2\n  secauth: on\n  token: 5000\n}\n",
            ),
            ("totem {\r\n\tsecauth:  on\r\n}\r\n", "totem {\r\n\tsecauth:  on\r\n\ttoken:  5000\r\n}\r\n"),
            // neighbours in a spelling that PVE refuses are no example
            ("totem {\n secauth:on\n}\n", "totem {\n secauth:on\n token: 5000\n}\n"),
            // no neighbour: indented like the rest of the file, or by two blanks
            (
                "logging {\n\tdebug: off\n}\ntotem {\n}",
                "logging {\n\tdebug: off\n}\ntotem {\n\ttoken: 5000\n}",
            ),
            ("totem {\n}\n", "totem {\n  token: 5000\n}\n"),
        ] {
            assert_eq!(after(before, |d| d.set(&totem(), "token", "5000")), expected);
        }
    }

    #[test]
    fn a_section_is_created_with_its_key() {
        for (before, expected) in [
            ("", "totem {\n  token: 5000\n}\n"),
            ("a: 1\r", "a: 1\n\ntotem {\n  token: 5000\n}\n"),
            ("a: 1\n", "a: 1\n\ntotem {\n  token: 5000\n}\n"),
            ("x {\r\n}\r\n\r\n", "x {\r\n}\r\n\r\ntotem {\r\n  token: 5000\r\n}\r\n"),
            ("x {\n\ta: 1\n}", "x {\n\ta: 1\n}\n\ntotem {\n\ttoken: 5000\n}\n"),
        ] {
            assert_eq!(after(before, |d| d.set(&totem(), "token", "5000")), expected);
        }
        assert_eq!(
            after("quorum {\n  provider: x\n}\n", |d| d.set(
                &Place::section("quorum.device.net"),
                "host",
                "h"
            )),
            "quorum {\n  provider: x\n  device {\n    net {\n      host: h\n    }\n  }\n}\n"
        );
        assert_eq!(
            after("logging {\n debug: off\n}\n", |d| d.set(&Place::Logger("QDEVICE".into()), "debug", "on")),
            "logging {\n debug: off\n logger_subsys {\n  subsys: QDEVICE\n  debug: on\n }\n}\n"
        );
    }

    const TWO: &str = "nodelist {\n  node {\n    name: pve1\n    nodeid: 1\n    quorum_votes: 1\n    ring0_addr: 10.0.0.1\n  }\n  node {\n    name: pve2\n    nodeid: 2\n    ring0_addr: 10.0.0.2\n  }\n}\n\ntotem {\n  config_version: 3\n  interface {\n    linknumber: 0\n  }\n  version: 2\n}\n";

    #[test]
    fn a_link_is_added_on_every_node_and_removed_again() {
        let mut document = Document::parse(TWO.as_bytes());
        assert!(document.set_link(1, [("pve1", "10.1.0.1"), ("pve2", "10.1.0.2")]).unwrap());
        let added = document.to_text();
        assert_eq!(
            added,
            "nodelist {\n  node {\n    name: pve1\n    nodeid: 1\n    quorum_votes: 1\n    ring0_addr: 10.0.0.1\n    ring1_addr: 10.1.0.1\n  }\n  node {\n    name: pve2\n    nodeid: 2\n    ring0_addr: 10.0.0.2\n    ring1_addr: 10.1.0.2\n  }\n}\n\ntotem {\n  config_version: 3\n  interface {\n    linknumber: 0\n  }\n  interface {\n    linknumber: 1\n  }\n  version: 2\n}\n"
        );
        assert!(!document.set_link(1, [("pve1", "10.1.0.1"), ("pve2", "10.1.0.2")]).unwrap());
        assert!(document.set(&Place::Interface(1), "knet_link_priority", "20").unwrap());
        assert_eq!(document.value(&Place::Interface(1), "knet_link_priority"), Some("20"));
        assert!(document.remove(&Place::Interface(1), "knet_link_priority"));
        assert_eq!(document.to_text(), added);
        assert!(document.remove_link(1).unwrap());
        assert_eq!(document.to_text(), TWO);
        assert!(!document.remove_link(1).unwrap());
    }

    #[test]
    fn a_link_gets_the_number_that_corosync_knows() {
        let old = TWO.replace("linknumber: 0", "bindnetaddr: 10.0.0.1\n    ringnumber: 0");
        let second = "  interface {\n    bindnetaddr: 10.1.0.1\n    ringnumber: 1\n  }\n  version";
        let old = old.replace("  version", second);
        let mut document = Document::parse(old.as_bytes());
        assert_eq!(document.number_interfaces(&[2]).unwrap(), []);
        assert_eq!(document.to_text(), old);
        assert_eq!(document.number_interfaces(&[1]).unwrap(), [1]);
        let numbered = "10.1.0.1\n    linknumber: 1\n    ringnumber: 1";
        assert_eq!(document.to_text(), old.replace("10.1.0.1\n    ringnumber: 1", numbered));
        assert_eq!(disagreements(&document), []);
        assert_eq!(document.number_interfaces(&[0, 1]).unwrap(), [0]);
        assert_eq!(document.number_interfaces(&[0, 1]).unwrap(), []);

        let mut empty = Document::parse(b"totem {\n  interface {\n    mcastport: 5410\n  }\n}\n");
        assert_eq!(disagreements(&empty).len(), 1);
        assert_eq!(empty.number_interfaces(&[0]).unwrap(), [0]);
        assert_eq!(
            empty.to_text(),
            "totem {\n  interface {\n    linknumber: 0\n    mcastport: 5410\n  }\n}\n"
        );
        let mut open = Document::parse(b"totem {\n  interface {\n");
        assert!(open.number_interfaces(&[0]).is_err());
    }

    #[test]
    fn interface_sections_stand_in_the_order_of_their_links() {
        let first = "  interface {\n    linknumber: 0\n  }\n";
        for link in [1, 7] {
            let other = first.replace("linknumber: 0", &format!("linknumber: {link}"));
            let text = TWO.replace(first, &other);
            let expected = TWO.replace(first, &format!("{first}{other}"));
            assert_eq!(after(&text, |d| d.set(&Place::Interface(0), "linknumber", "0")), expected);
        }
    }

    #[test]
    fn votes_and_version_are_set_in_place() {
        assert_eq!(after(TWO, |d| d.set_votes("pve1", 2)), TWO.replace("quorum_votes: 1", "quorum_votes: 2"));
        assert_eq!(
            after(TWO, |d| d.set_votes("pve2", 2)),
            TWO.replace("nodeid: 2\n", "nodeid: 2\n    quorum_votes: 2\n")
        );
        assert_eq!(
            after(TWO, |d| d.set_config_version(4)),
            TWO.replace("config_version: 3", "config_version: 4")
        );
    }

    #[test]
    fn an_edit_that_fails_changes_nothing() {
        let mut document = Document::parse(TWO.as_bytes());
        let error = document.set_link(1, [("pve1", "10.1.0.1"), ("pve9", "10.1.0.9")]).unwrap_err();
        assert_eq!(error.to_string(), "there is no node 'pve9' in the nodelist");
        assert_eq!(document.to_text(), TWO);
        for (text, message) in [
            ("totem {\n  token: 1\n  token: 2\n}\n", "'totem.token' is set more than once"),
            ("totem {\n  token: 1\n}\ntotem {\n  token: 2\n}\n", "'totem.token' is set more than once"),
            ("totem {\n", "the section 'totem' is not closed"),
        ] {
            let mut document = Document::parse(text.as_bytes());
            assert_eq!(document.set(&totem(), "token", "3").unwrap_err().to_string(), message);
            assert_eq!(document.to_text(), text);
        }
    }

    #[test]
    fn what_the_readers_would_not_agree_on_is_not_written() {
        for (text, place, key, value, message) in [
            (
                "quorum {\n  device: 1\n}\n",
                Place::section("quorum.device"),
                "model",
                "net",
                "it would be misread: 'device' is both a key and a section, and PVE takes only one of the two",
            ),
            (
                "totem {\n}\n",
                totem(),
                "token",
                "long",
                "it would be misread: 'token' must be a number in plain digits, not 'long'; corosync refuses it, PVE does \
                 not",
            ),
            (
                "quorum {\n}\n",
                Place::section("quorum"),
                "config_version",
                "9",
                "it would be misread: pmxcfs takes this text for the file's config_version, also in a comment",
            ),
        ] {
            let mut document = Document::parse(text.as_bytes());
            assert_eq!(document.set(&place, key, value).unwrap_err().to_string(), message);
            assert_eq!(document.to_text(), text);
        }
    }

    #[test]
    fn a_second_logger_is_not_written() {
        let text = "logging {\n  logger_subsys {\n    subsys: QUORUM\n  }\n}\n";
        let mut document = Document::parse(text.as_bytes());
        assert_eq!(
            document.set(&Place::Logger("TOTEM".into()), "debug", "on").unwrap_err().to_string(),
            "there is a section 'logger_subsys' already, and PVE refuses a second one"
        );
        assert_eq!(document.set(&Place::Logger("QUORUM".into()), "debug", "on"), Ok(true));
    }

    #[test]
    fn one_of_two_sections_is_not_removed() {
        let text = "totem {\n}\ntotem {\n}\n";
        let mut document = Document::parse(text.as_bytes());
        assert_eq!(
            document.remove_section(&totem()).unwrap_err().to_string(),
            "'totem' is set more than once"
        );
        assert_eq!(document.to_text(), text);
    }

    #[test]
    fn what_a_reader_would_misread_is_not_written() {
        for (value, why) in [
            ("", "it is empty, and PVE would take the next word for it"),
            ("a b", "it holds a blank, at which PVE ends it"),
            ("a\u{b}b", "it holds a blank, at which PVE ends it"),
            ("a#b", "it holds a '#', which begins a comment for PVE and not for corosync"),
            ("a{b", "it holds a brace, which begins or ends a section"),
            ("}", "it holds a brace, which begins or ends a section"),
            ("ä", "it holds a character that is not plain ASCII"),
        ] {
            let error = Document::parse(b"").set(&totem(), "key", value).unwrap_err();
            let expected = format!("the value '{value}' of 'key' cannot be written: {why}");
            assert_eq!(error.to_string(), expected);
        }
        let error = Document::parse(b"").set(&totem(), "two words", "1").unwrap_err();
        assert_eq!(
            error.to_string(),
            "'two words' cannot be written as a key: only letters, digits and '_' can"
        );
    }

    #[test]
    fn removing_takes_every_line_of_the_key() {
        let mut document = Document::parse(b"totem {\n token: 1\n version: 2\n token: 3\n}\n");
        assert!(document.remove(&totem(), "token"));
        assert_eq!(document.to_text(), "totem {\n version: 2\n}\n");
        assert!(!document.remove(&totem(), "token"));
    }
}
