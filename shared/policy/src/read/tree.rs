//! YAML text as a tree whose nodes know their line and whose scalars keep their spelling.
//!
//! The tree is built from the parser's events rather than by serde, because serde stops at the first fault, forgets
//! lines, and turns a plain `0123` into another number before anybody can object. JSON is YAML in flow style.

use std::collections::BTreeMap;

use granit_parser::{Event, Parser, ScalarStyle, ScanError};

use crate::fault::{Fault, Problem};

/// The largest document. A hundred plans with every field take about 60 KiB.
pub const MAX_BYTES: usize = 256 * 1024;

/// The deepest nesting. The language itself goes six deep, and three levels more for each `any`, `all` or `not` in
/// another.
const MAX_DEPTH: usize = 32;

/// How large the tree may get by aliases, in bytes of scalars plus one for each node: a small text could stand for
/// terabytes.
const MAX_TREE: usize = 4 * MAX_BYTES;

/// A value of the document.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) value: Value,
    size: usize,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// Nothing was written.
    Empty,
    /// A single value as it was written; `plain` if it stood without quotes.
    Scalar { text: String, plain: bool },
    /// A list.
    List(Vec<Node>),
    /// A mapping; a key may come twice.
    Map(Vec<Entry>),
}

/// An entry of a mapping.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) line: usize,
    pub(crate) node: Node,
}

/// A collection that has begun and not ended.
struct Open {
    line: usize,
    anchor: usize,
    size: usize,
    contents: Contents,
}

enum Contents {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        key: Option<(String, usize)>,
    },
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    size: usize,
    root: Option<Node>,
}

/// Reads YAML.
///
/// # Errors
/// The text is no YAML, holds no document or several, is too large or too deep, or uses tags or keys that are no
/// scalars.
pub(crate) fn read(text: &str) -> Result<Node, Fault> {
    if text.len() > MAX_BYTES {
        let what = format!("{} bytes long", text.len());
        return Err(fault(None, what, format!("write at most {MAX_BYTES} bytes")));
    }
    let mut options = granit_parser::options! {
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    options.set_emit_comments(false);
    let mut builder = Builder::default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| not_yaml(&error))?;
        builder.take(&event, span.start.line())?;
    }
    builder
        .root
        .ok_or_else(|| fault(None, "empty", "write version: 1 and plans:"))
}

impl Builder {
    fn take(&mut self, event: &Event<'_>, line: usize) -> Result<(), Fault> {
        if event.tag().is_some() {
            return Err(fault(Some(line), "a YAML tag", "leave out what begins with !"));
        }
        match event {
            Event::DocumentStart(..) if self.root.is_some() => {
                Err(fault(Some(line), "a second document", "write one document only"))
            }
            Event::Scalar(text, style, anchor, _) => {
                let plain = *style == ScalarStyle::Plain;
                let value = match text.as_ref() {
                    "" | "~" | "null" | "Null" | "NULL" if plain => Value::Empty,
                    text => Value::Scalar {
                        text: text.to_owned(),
                        plain,
                    },
                };
                let size = text.len() + 1;
                self.add(Node { line, value, size }, *anchor)
            }
            Event::Alias(id) => {
                // A node that is not complete yet is not there: it cannot hold itself.
                let node = self.anchors.get(id).cloned();
                let node = node.ok_or_else(|| fault(Some(line), "an alias inside its own anchor", "write it out"))?;
                self.add(Node { line, ..node }, 0)
            }
            Event::SequenceStart(_, anchor, _) => self.begin(line, *anchor, Contents::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => {
                let entries = Vec::new();
                self.begin(line, *anchor, Contents::Map { entries, key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, line: usize, anchor: usize, contents: Contents) -> Result<(), Fault> {
        if self.open.len() >= MAX_DEPTH {
            let change = format!("nest at most {MAX_DEPTH} deep");
            return Err(fault(Some(line), "nested too deeply", change));
        }
        self.open.push(Open {
            line,
            anchor,
            size: 1,
            contents,
        });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Fault> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let value = match open.contents {
            Contents::List(items) => Value::List(items),
            Contents::Map { entries, .. } => Value::Map(entries),
        };
        let node = Node {
            line: open.line,
            value,
            size: open.size,
        };
        self.add(node, open.anchor)
    }

    /// Puts a complete node where it belongs.
    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Fault> {
        // Counted again at each level that it becomes part of, at least as often as it is copied: more than it takes,
        // and simple.
        self.size += node.size;
        if self.size > MAX_TREE {
            let what = "too large with its aliases written out";
            return Err(fault(Some(node.line), what, "use fewer aliases"));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.size += node.size;
        match &mut open.contents {
            Contents::List(items) => items.push(node),
            Contents::Map { entries, key } => match key.take() {
                Some((key, line)) => entries.push(Entry { key, line, node }),
                None => *key = Some(key_of(node)?),
            },
        }
        Ok(())
    }
}

fn key_of(node: Node) -> Result<(String, usize), Fault> {
    match node.value {
        Value::Scalar { text, .. } => Ok((text, node.line)),
        Value::Empty => Ok((String::new(), node.line)),
        Value::List(_) | Value::Map(_) => {
            let what = "a key that is no single word";
            Err(fault(Some(node.line), what, "write name: value"))
        }
    }
}

fn not_yaml(error: &ScanError) -> Fault {
    let marker = error.marker();
    let what = format!("not valid YAML: {} in column {}", error.info(), marker.col() + 1);
    let change = "correct the text there; indentation and quotes are the usual suspects";
    fault(Some(marker.line()), what, change)
}

fn fault(line: Option<usize>, what: impl Into<String>, change: impl Into<String>) -> Fault {
    Fault {
        path: String::new(),
        line,
        value: None,
        problem: Problem::new(what, change),
    }
}
