//! Reading the tree: places with paths, and fields that collect their faults instead of stopping at the first.
//!
//! Each reading function gives a value, or nothing after it has added a fault.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::str::FromStr;

use holdfast_catalog::CatalogError;
use jiff::SignedDuration;

use super::levels::advice;
use super::tree::{Entry, Node, Value};
use crate::duration::parse_duration;
use crate::fault::{Collector, Fault, Problem, shown};

/// The most values that one clause or list may have.
pub(crate) const MAX_VALUES: usize = 1_000;

/// The most rules, zones, topics or accounts that a document may have, as many as plans.
pub(crate) const MAX_ENTRIES: usize = 100;

/// A node and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Place<'n> {
    path: String,
    /// Where people look: the line of the key, if there is one.
    line: usize,
    node: &'n Node,
}

impl<'n> Place<'n> {
    pub(crate) fn root(node: &'n Node) -> Self {
        Place {
            path: String::new(),
            line: node.line,
            node,
        }
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Whether nothing is written here.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self.node.value, Value::Empty)
    }

    /// Whether a single value is written here.
    pub(crate) fn is_scalar(&self) -> bool {
        matches!(self.node.value, Value::Scalar { .. })
    }

    /// Whether a single value is written here without quotes.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.node.value, Value::Scalar { plain: true, .. })
    }

    fn field(&self, entry: &'n Entry) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        let is_plain = entry
            .key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-:/.@".contains(&b));
        let key = match entry.key.len() {
            1..=40 if is_plain => entry.key.clone(),
            _ => shown(&entry.key),
        };
        Place {
            path: format!("{}{dot}{key}", self.path),
            line: entry.line,
            node: &entry.node,
        }
    }

    fn item(&self, index: usize, node: &'n Node) -> Self {
        Place {
            path: format!("{}[{index}]", self.path),
            line: node.line,
            node,
        }
    }

    /// A fault at this place, with the value that stands there.
    pub(crate) fn fault(&self, problem: Problem) -> Fault {
        let value = match &self.node.value {
            Value::Scalar { text, .. } => Some(text.clone()),
            _ => None,
        };
        Fault {
            path: self.path.clone(),
            line: Some(self.line),
            value,
            problem,
        }
    }

    pub(crate) fn refuse(&self, faults: &mut Collector, what: impl Into<String>, change: impl Into<String>) {
        faults.add(self.fault(Problem::new(what, change)));
    }

    /// Refuses the field as such, whatever its value.
    pub(crate) fn refuse_field(&self, faults: &mut Collector, what: impl Into<String>, change: impl Into<String>) {
        faults.add(Fault {
            value: None,
            ..self.fault(Problem::new(what, change))
        });
    }

    /// A value that was read, or a fault if there is a problem with it.
    pub(crate) fn take<T>(&self, faults: &mut Collector, read: Result<T, Problem>) -> Option<T> {
        read.map_err(|problem| faults.add(self.fault(problem))).ok()
    }

    /// A mapping's entries, each with its key; a fault for each key that comes twice.
    pub(crate) fn entries(&self, faults: &mut Collector, wanted: &str) -> Option<Vec<(&'n str, Place<'n>)>> {
        let Value::Map(entries) = &self.node.value else {
            self.refuse(faults, "not a mapping", wanted);
            return None;
        };
        let mut read: Vec<(&str, Place<'_>)> = Vec::new();
        let mut seen = BTreeSet::new();
        for entry in entries {
            let place = self.field(entry);
            if seen.insert(&entry.key) {
                read.push((&entry.key, place));
            } else {
                place.refuse_field(faults, "given twice", "leave one of them out");
            }
        }
        Some(read)
    }

    /// A mapping whose fields are known; a fault for each one that is not.
    pub(crate) fn fields(&self, faults: &mut Collector, known: &[&str], wanted: &str) -> Option<Fields<'n>> {
        let entries = self.entries(faults, wanted)?;
        for (key, place) in &entries {
            if !known.contains(key) {
                place.refuse_field(faults, "unknown field", advice(key, &self.path, known));
            }
        }
        Some(Fields {
            place: self.clone(),
            entries,
        })
    }

    /// What a mapping says of one field, if it has it.
    pub(crate) fn child(&self, name: &str) -> Option<Self> {
        let Value::Map(entries) = &self.node.value else {
            return None;
        };
        let entry = entries.iter().find(|entry| entry.key == name)?;
        Some(self.field(entry))
    }

    /// A list's items.
    pub(crate) fn items(&self, faults: &mut Collector, wanted: &str) -> Option<Vec<Place<'n>>> {
        let Value::List(nodes) = &self.node.value else {
            self.refuse(faults, "not a list", wanted);
            return None;
        };
        let items = nodes.iter().enumerate();
        Some(items.map(|(index, node)| self.item(index, node)).collect())
    }

    /// A list's items, if there are at most so many.
    pub(crate) fn items_up_to(&self, most: usize, faults: &mut Collector, wanted: &str) -> Option<Vec<Place<'n>>> {
        let items = self.items(faults, wanted)?;
        if items.len() > most {
            self.refuse(
                faults,
                format!("a list of {}", items.len()),
                format!("write at most {most}"),
            );
            return None;
        }
        Some(items)
    }

    /// One value or a list of some; never none.
    pub(crate) fn one_or_more(&self, faults: &mut Collector, wanted: &str) -> Option<Vec<Place<'n>>> {
        match &self.node.value {
            Value::Scalar { .. } => Some(vec![self.clone()]),
            Value::List(nodes) if !nodes.is_empty() => self.items_up_to(MAX_VALUES, faults, wanted),
            Value::Empty | Value::List(_) => {
                self.refuse(faults, "empty", format!("{wanted}, or leave the line out"));
                None
            }
            Value::Map(_) => {
                self.refuse(faults, "a mapping", wanted);
                None
            }
        }
    }

    /// A single value as it was written, with or without quotes.
    pub(crate) fn text(&self, faults: &mut Collector, wanted: &str) -> Option<&'n str> {
        match &self.node.value {
            Value::Scalar { text, .. } => return Some(text),
            Value::Empty => self.refuse(faults, "empty", wanted),
            Value::List(_) => self.refuse(faults, "a list", wanted),
            Value::Map(_) => self.refuse(faults, "a mapping", wanted),
        }
        None
    }

    /// A whole number.
    pub(crate) fn count(&self, faults: &mut Collector) -> Option<u32> {
        const WANTED: &str = "write a whole number, 0 or more";
        let text = self.text(faults, WANTED)?;
        let plain = self.is_plain();
        let digits = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
        if plain && digits {
            let count = text.parse();
            return self.take(
                faults,
                count.map_err(|_| Problem::new("too large", "write at most 4294967295")),
            );
        }
        if plain && text.starts_with('-') {
            self.refuse(
                faults,
                "negative",
                format!("{WANTED}; to keep everything write keep: all"),
            );
        } else if digits {
            self.refuse(faults, "in quotes", WANTED);
        } else {
            self.refuse(faults, "not a whole number", WANTED);
        }
        None
    }

    /// A whole number of at least 1; `none` and `change` say what is wrong with 0.
    pub(crate) fn positive(&self, faults: &mut Collector, none: &str, change: &str) -> Option<NonZeroU32> {
        let count = NonZeroU32::new(self.count(faults)?);
        if count.is_none() {
            self.refuse(faults, none, change);
        }
        count
    }

    /// `true` or `false`.
    pub(crate) fn truth(&self, faults: &mut Collector) -> Option<bool> {
        const WANTED: &str = "write true or false";
        match self.text(faults, WANTED)? {
            "true" if self.is_plain() => return Some(true),
            "false" if self.is_plain() => return Some(false),
            "true" | "false" => self.refuse(faults, "in quotes", WANTED),
            _ => self.refuse(faults, "neither true nor false", WANTED),
        }
        None
    }

    /// A single value that its type reads.
    pub(crate) fn parsed<T: FromStr<Err = Problem>>(&self, faults: &mut Collector, wanted: &str) -> Option<T> {
        let text = self.text(faults, wanted)?;
        self.take(faults, text.parse())
    }

    pub(crate) fn duration(&self, faults: &mut Collector) -> Option<SignedDuration> {
        let text = self.text(faults, "write a duration, for example 15m, 36h or 7d")?;
        self.take(faults, parse_duration(text))
    }
}

/// The fields of a mapping.
pub(crate) struct Fields<'n> {
    place: Place<'n>,
    entries: Vec<(&'n str, Place<'n>)>,
}

impl<'n> Fields<'n> {
    pub(crate) fn get(&self, name: &str) -> Option<&Place<'n>> {
        self.entries
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, place)| place)
    }

    /// A field that must be there.
    pub(crate) fn require(&self, faults: &mut Collector, name: &str, what: &str, change: &str) -> Option<&Place<'n>> {
        let field = self.get(name);
        if field.is_none() {
            self.place.refuse(faults, what, change);
        }
        field
    }

    /// Reads a field that may be left out; an unreadable one counts as left out, after its fault.
    pub(crate) fn read<T>(
        &self,
        faults: &mut Collector,
        name: &str,
        read: impl FnOnce(&Place<'n>, &mut Collector) -> Option<T>,
    ) -> Option<T> {
        self.get(name).and_then(|place| read(place, faults))
    }
}

/// What is read of every item, or nothing if one of them cannot be read; the faults of all of them.
pub(crate) fn every<'n, T>(
    items: &[Place<'n>],
    faults: &mut Collector,
    mut read: impl FnMut(&Place<'n>, &mut Collector) -> Option<T>,
) -> Option<Vec<T>> {
    let values: Vec<Option<T>> = items.iter().map(|item| read(item, faults)).collect();
    values.into_iter().collect()
}

/// A catalogue name's rule as a problem of the document.
pub(crate) fn named<T>(parsed: Result<T, CatalogError>) -> Result<T, Problem> {
    parsed.map_err(|error| match error {
        CatalogError::InvalidName { what, rule, .. } => Problem::new(format!("not a {what}"), rule),
        other => Problem::new(other.to_string(), "write another"),
    })
}
