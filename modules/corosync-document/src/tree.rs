// SPDX-License-Identifier: GPL-3.0-or-later
//! The sections of a document, as corosync sees them.

use crate::line::{Kind, Line};

/// A key with its value, on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// Index of its line.
    pub(crate) line: usize,
    pub(crate) key: String,
    pub(crate) value: String,
}

/// A section: what stands between `name {` and its `}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) name: String,
    /// Index of the section around it; the root is its own parent.
    pub(crate) parent: usize,
    /// Index of the line that opens it; none for the root.
    pub(crate) open: Option<usize>,
    /// Index of the line that closes it; none for the root, and when the file ends first.
    pub(crate) close: Option<usize>,
    pub(crate) items: Vec<Item>,
    /// Indices of the sections directly in it, in the file's order.
    pub(crate) children: Vec<usize>,
}

impl Section {
    fn new(name: String, parent: usize, open: Option<usize>) -> Self {
        Self { name, parent, open, close: None, items: Vec::new(), children: Vec::new() }
    }

    /// The value of a key directly in the section. The last one counts, for both readers.
    pub(crate) fn value(&self, key: &str) -> Option<&str> {
        self.items.iter().rev().find(|item| item.key == key).map(|item| item.value.as_str())
    }
}

/// All sections of a document; the first is the root.
///
/// They are held side by side rather than in one another, so that no depth of nesting exhausts the stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tree {
    pub(crate) sections: Vec<Section>,
    /// Lines with a `}` that closes nothing.
    pub(crate) stray: Vec<usize>,
}

impl Tree {
    /// Builds the tree. Lines that corosync refuses are left out of it, an unclosed section ends with the file.
    pub(crate) fn of(lines: &[Line]) -> Self {
        let mut sections = vec![Section::new(String::new(), 0, None)];
        let mut stray = Vec::new();
        let mut current = 0;
        for (index, line) in lines.iter().enumerate() {
            match &line.kind {
                Kind::Open(name) => {
                    let child = sections.len();
                    sections.push(Section::new(line.text(name), current, Some(index)));
                    if let Some(section) = sections.get_mut(current) {
                        section.children.push(child);
                    }
                    current = child;
                }
                Kind::Close if current == 0 => stray.push(index),
                Kind::Close => {
                    if let Some(section) = sections.get_mut(current) {
                        section.close = Some(index);
                        current = section.parent;
                    }
                }
                Kind::Item { key, value } => {
                    if let Some(section) = sections.get_mut(current) {
                        let item = Item { line: index, key: line.text(key), value: line.text(value) };
                        section.items.push(item);
                    }
                }
                Kind::Blank | Kind::Comment | Kind::Odd(_) => {}
            }
        }
        Self { sections, stray }
    }

    /// The sections directly in this one, of this name.
    pub(crate) fn children<'a>(
        &'a self,
        parent: usize,
        name: &'a str,
    ) -> impl DoubleEndedIterator<Item = (usize, &'a Section)> {
        let children = self.sections.get(parent).map(|section| section.children.as_slice());
        children
            .unwrap_or_default()
            .iter()
            .filter_map(|index| self.sections.get(*index).map(|section| (*index, section)))
            .filter(move |(_, section)| section.name == name)
    }

    /// All sections at a path of names, which corosync reads as one.
    pub(crate) fn at(&self, path: &[&str]) -> Vec<usize> {
        let mut found = vec![0];
        for name in path {
            found = found
                .into_iter()
                .flat_map(|parent| self.children(parent, name).map(|(index, _)| index).collect::<Vec<_>>())
                .collect();
        }
        found
    }
}
