use std::fmt;

use crate::fault::Problem;

/// The longest glob: an ARN has at most 2,048 characters, and none that we protect has more than 400.
const MAX_CHARS: usize = 512;

/// A pattern for a whole text: `*` stands for any run of characters, `?` for any one, everything else for itself.
///
/// These are the two wildcards that IAM policies have. Case matters, and `*` crosses `/` and `:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(Vec<char>);

impl Glob {
    /// A glob from its text.
    ///
    /// # Errors
    /// The text is empty or longer than 512 characters.
    pub fn new(text: &str) -> Result<Self, Problem> {
        let glob = Glob::of(text);
        match glob.0.len() {
            0 => Err(Problem::new("empty", "write what to match, or * for anything")),
            length if length > MAX_CHARS => Err(Problem::new(
                format!("{length} characters long"),
                format!("write at most {MAX_CHARS}"),
            )),
            _ => Ok(glob),
        }
    }

    /// A glob from text that is known to be good.
    pub(crate) fn of(text: &str) -> Self {
        Glob(text.chars().collect())
    }

    /// Whether it has no wildcard, and so stands for one text alone.
    pub fn is_exact(&self) -> bool {
        !self.0.iter().any(|c| matches!(c, '*' | '?'))
    }

    /// Whether everything that the other glob matches certainly matches this one. Two patterns of which neither is the
    /// other nor matches everything are not compared any further: the answer is no.
    pub(crate) fn covers(&self, other: &Glob) -> bool {
        self == other || self.0 == ['*'] || (other.is_exact() && self.matches_chars(&other.0))
    }

    /// Whether the whole text has this form.
    pub fn matches(&self, text: &str) -> bool {
        self.matches_chars(&text.chars().collect::<Vec<_>>())
    }

    fn matches_chars(&self, text: &[char]) -> bool {
        let pattern = &self.0;
        let (mut p, mut t) = (0, 0);
        // Where to go on if what follows the last star does not fit: only the last star ever needs to grow.
        let mut retry = None;
        while t < text.len() {
            if pattern.get(p) == Some(&'*') {
                p += 1;
                retry = Some((p, t));
            } else if pattern.get(p).is_some_and(|c| *c == '?' || *c == text[t]) {
                p += 1;
                t += 1;
            } else if let Some((after_star, taken)) = retry {
                p = after_star;
                t = taken + 1;
                retry = Some((after_star, t));
            } else {
                return false;
            }
        }
        pattern[p..].iter().all(|c| *c == '*')
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|c| fmt::Write::write_char(f, *c))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), None) => naive(rest, text),
            (Some(('*', rest)), Some((_, tail))) => naive(rest, text) || naive(pattern, tail),
            (Some((p, rest)), Some((t, tail))) => (*p == '?' || p == t) && naive(rest, tail),
            _ => false,
        }
    }

    #[test]
    fn a_star_crosses_colons_and_slashes() {
        assert!(Glob::of("arn:*:table/prod-*").matches("arn:aws:dynamodb:eu-west-1:111122223333:table/prod-orders"));
    }

    #[test]
    fn a_glob_matches_the_whole_text() {
        assert!(!Glob::of("prod").matches("prod-1"));
        assert!(!Glob::of("prod").matches("my-prod"));
    }

    #[test]
    fn brackets_and_braces_stand_for_themselves() {
        assert!(Glob::of("[a]{b}").matches("[a]{b}"));
        assert!(!Glob::of("[a]").matches("a"));
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = "*a".repeat(250);
        assert!(!Glob::of(&format!("{pattern}b")).matches(&"a".repeat(2000)));
    }

    #[test]
    fn a_glob_covers_itself_what_it_matches_and_if_it_is_a_star_everything() {
        for (wide, narrow, covers) in [
            ("eu-*", "eu-*", true),
            ("eu-*", "eu-west-1", true),
            ("*", "eu-?est-*", true),
            ("eu-*", "us-east-1", false),
            ("eu-west-1", "eu-*", false),
            ("eu-?", "*", false),
            ("eu-?", "eu-*", false),
        ] {
            assert_eq!(Glob::of(wide).covers(&Glob::of(narrow)), covers, "{wide} {narrow}");
        }
    }

    proptest! {
        #[test]
        fn matching_agrees_with_the_plain_recursion(
            pattern in proptest::collection::vec(proptest::sample::select(vec!['a', 'b', '*', '?']), 0..8),
            text in proptest::collection::vec(proptest::sample::select(vec!['a', 'b', 'c']), 0..10),
        ) {
            let glob = Glob(pattern.clone());
            prop_assert_eq!(glob.matches(&text.iter().collect::<String>()), naive(&pattern, &text));
        }
    }
}
