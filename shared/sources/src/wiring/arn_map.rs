use std::collections::BTreeMap;

use serde_json::Value;

use super::Document;

/// What stands for what in a restored account: old ARNs, addresses and names, and the new ones.
///
/// ARNs and addresses (whatever has a `:`) are replaced wherever they occur in a text, also inside policies, definitions and
/// JSON within text, unless the text goes on with the name: `…:orders` does not touch `…:orders-dlq`. Plain names are replaced
/// only where they are the whole text. Everything is replaced at once: two that change places do, and nothing is replaced twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArnMap {
    whole: BTreeMap<String, String>,
    /// The longest first, so that a part of a longer one is not taken for the shorter.
    within: Vec<(String, String)>,
}

impl ArnMap {
    /// Adds a replacement; a later one for the same old text replaces the earlier.
    pub fn insert(&mut self, old: &str, new: &str) {
        if old.is_empty() {
            return;
        }
        if old.contains(':') {
            self.within.retain(|(known, _)| known != old);
            self.within.push((old.to_owned(), new.to_owned()));
            self.within
                .sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        } else {
            self.whole.insert(old.to_owned(), new.to_owned());
        }
    }

    /// Whether there is nothing to replace.
    pub fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.within.is_empty()
    }

    /// A text with everything replaced.
    pub fn apply(&self, text: &str) -> String {
        if let Some(new) = self.whole.get(text) {
            return new.clone();
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        'text: while let Some(next) = rest.chars().next() {
            for (old, new) in &self.within {
                if let Some(after) = after(rest, old).filter(|after| !after.goes_on(old)) {
                    // JSON in a text may write a slash with a backslash before it.
                    out.push_str(&if after.is_escaped {
                        new.replace('/', "\\/")
                    } else {
                        new.clone()
                    });
                    rest = after.rest;
                    continue 'text;
                }
            }
            out.push(next);
            rest = &rest[next.len_utf8()..];
        }
        out
    }

    /// A value with everything replaced in all of its texts, at every depth. Names of members stay.
    pub fn apply_to(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.apply(text)),
            Value::Array(list) => list.iter().map(|value| self.apply_to(value)).collect(),
            Value::Object(map) => map
                .iter()
                .map(|(name, value)| (name.clone(), self.apply_to(value)))
                .collect(),
            plain => plain.clone(),
        }
    }

    /// A document with everything replaced in its configuration. Tags are words, and what was observed is past.
    #[must_use]
    pub fn apply_to_document(&self, document: &Document) -> Document {
        let config = document.config.iter();
        Document {
            config: config
                .map(|(name, value)| (name.clone(), self.apply_to(value)))
                .collect(),
            ..document.clone()
        }
    }
}

/// What follows an old text where a text begins with it.
struct After<'a> {
    rest: &'a str,
    is_escaped: bool,
}

fn after<'a>(text: &'a str, old: &str) -> Option<After<'a>> {
    if let Some(rest) = text.strip_prefix(old) {
        return Some(After {
            rest,
            is_escaped: false,
        });
    }
    let escaped = old.contains('/').then(|| old.replace('/', "\\/"))?;
    let rest = text.strip_prefix(&escaped)?;
    Some(After { rest, is_escaped: true })
}

impl After<'_> {
    /// Whether the old text is only the beginning of another name.
    fn goes_on(&self, old: &str) -> bool {
        let mut rest = self.rest.chars();
        match rest.next() {
            None => false,
            Some(c) if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '=' | '@') => true,
            // A full stop ends a sentence or goes on with a name, as in `orders.fifo`.
            Some('.') => rest.next().is_some_and(|c| c.is_ascii_alphanumeric()),
            // The first segment of a rule's or role's name may be the whole name of another one.
            Some('/' | '\\') => [":rule/", ":role/"].iter().any(|kind| old.contains(kind)),
            Some(_) => false,
        }
    }
}
