use globset::{GlobBuilder, GlobMatcher};

/// A pattern for a whole text: `*` stands for any characters, `/` and `:` among them, `?` for one.
#[derive(Debug, Clone)]
pub struct Glob {
    text: String,
    matcher: GlobMatcher,
}

impl Glob {
    /// A pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        let glob = GlobBuilder::new(text)
            .literal_separator(false)
            .backslash_escape(true)
            .build();
        let matcher = glob
            .map_err(|error| format!("{text:?} is no pattern: {}", error.kind()))?
            .compile_matcher();
        Ok(Glob {
            text: text.to_owned(),
            matcher,
        })
    }

    /// Whether the pattern fits the whole text.
    pub fn matches(&self, text: &str) -> bool {
        self.matcher.is_match(text)
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Glob {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_crosses_every_separator_of_an_arn() {
        let arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/orders-2026";
        for pattern in ["*", "arn:*:table/orders-*", "arn:aws:dynamodb:eu-*", "*orders-202?"] {
            assert!(Glob::new(pattern).unwrap().matches(arn), "{pattern}");
        }
        for pattern in ["orders*", "arn:aws:dynamodb:eu-central-1", "", "arn:aws:dynamodb:us-*"] {
            assert!(!Glob::new(pattern).unwrap().matches(arn), "{pattern}");
        }
    }
}
