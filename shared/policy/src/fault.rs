use std::fmt;

/// How many faults are listed; the rest is only counted. A document with more is broken as a whole.
const MAX_LISTED: usize = 100;

/// How many characters of an offending value are shown.
const MAX_SHOWN_CHARS: usize = 60;

/// Why a value cannot be taken, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, without the value itself.
    pub what: String,
    /// What to change.
    pub change: String,
}

impl Problem {
    pub(crate) fn new(what: impl Into<String>, change: impl Into<String>) -> Self {
        Problem {
            what: what.into(),
            change: change.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.change)
    }
}

impl std::error::Error for Problem {}

/// One fault of a policy document, with its place.
///
/// As text: `plans[1].retention.daily (line 12) is "-3": negative; write a whole number, 0 or more`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The path inside the document, for example `plans[1].retention.daily`; empty for the document as a whole.
    pub path: String,
    /// The line in the text, counted from 1, where there is one.
    pub line: Option<usize>,
    /// The offending value as it was written, where it is a single one.
    pub value: Option<String>,
    /// What is wrong with it and what to change.
    pub problem: Problem,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.path.is_empty() { "document" } else { &self.path })?;
        if let Some(line) = self.line {
            write!(f, " (line {line})")?;
        }
        if let Some(value) = &self.value {
            write!(f, " is {}", shown(value))?;
        }
        write!(f, ": {}", self.problem)
    }
}

/// A value in quotes, cut to a length that leaves a message readable.
pub(crate) fn shown(value: &str) -> String {
    if value.chars().count() <= MAX_SHOWN_CHARS {
        return format!("{value:?}");
    }
    let start: String = value.chars().take(MAX_SHOWN_CHARS).collect();
    format!("{start:?}…")
}

/// Every fault that was found in a policy document; at least one.
///
/// `Display` lists them, one a line, in the order of the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    listed: Vec<Fault>,
    unlisted: usize,
}

impl Faults {
    /// The faults, in the order of the document; at most 100 of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.listed.iter()
    }

    /// How many faults there are, those included that are not listed.
    pub fn count(&self) -> usize {
        self.listed.len() + self.unlisted
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Fault;
    type IntoIter = std::slice::Iter<'a, Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Faults {
            listed: vec![fault],
            unlisted: 0,
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count() {
            1 => f.write_str("the policy has a fault:")?,
            count => write!(f, "the policy has {count} faults:")?,
        }
        for fault in &self.listed {
            write!(f, "\n- {fault}")?;
        }
        if self.unlisted > 0 {
            write!(f, "\n- and {} more", self.unlisted)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Collects faults while a document is read to its end.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    listed: Vec<Fault>,
    unlisted: usize,
}

impl Collector {
    pub(crate) fn add(&mut self, fault: Fault) {
        if self.listed.len() < MAX_LISTED {
            self.listed.push(fault);
        } else {
            self.unlisted += 1;
        }
    }

    /// The faults, or nothing if there are none.
    pub(crate) fn finish(mut self) -> Option<Faults> {
        // What is checked across fields is found after them: bring it back into the order in which people read.
        self.listed.sort_by_key(|fault| fault.line);
        (!self.listed.is_empty()).then_some(Faults {
            listed: self.listed,
            unlisted: self.unlisted,
        })
    }
}
