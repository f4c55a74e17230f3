use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What stands in place of a value that nobody should read in a log or a report.
const REDACTED: &str = "(redacted)";

/// Environment variables. They often hold secrets: only the stored document and the service see the values, `Debug` shows
/// names alone.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables.
    pub fn new(variables: BTreeMap<String, String>) -> Self {
        Environment(variables)
    }

    /// The variables with their values, for handing to the service and nothing else.
    pub fn reveal(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same names with their values left out.
    #[must_use]
    pub fn redacted(&self) -> Self {
        let blank = |name: &String| (name.clone(), REDACTED.to_owned());
        Environment(self.0.keys().map(blank).collect())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.0.keys().map(|name| (name, REDACTED)))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_names_and_no_values() {
        let environment = Environment::new(BTreeMap::from([("TOKEN".to_owned(), "s3cr3t".to_owned())]));
        let text = format!("{environment:?}{:?}", environment.redacted().reveal());
        assert!(text.contains("TOKEN") && !text.contains("s3cr3t"), "{text}");
    }
}
